"""The format of cluster files, and of clusters written out in a scenario."""

# mypy: disable-error-code="valid-type, misc"
from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from scenarios.fields import (
    Bandwidth,
    Bytes,
    FlopRate,
    Name,
    Number,
    Power,
    Price,
    Share,
    Strict,
    Text,
    Time,
    either,
)

VERSION = 1


class NodeSpec(Strict):
    """One node, or `count` of them; what is not said comes from its device."""

    device: Name | None = Field(None, description="Device of clusters/devices.yaml.")
    count: Annotated[int, Field(strict=True, ge=1, le=1000)] | None = Field(
        None, description="That many nodes, called name-1, name-2, ..."
    )
    labels: list[Name] = Field([], description="What tasks may ask for, such as entry.")
    kind: Name | None = Field(None, description="Broad kind: cpu, gpu, npu, storage, ...")
    slots: Annotated[int, Field(strict=True, ge=1, le=100_000)] | None = Field(
        None, description="Tasks that may run at once."
    )
    speed: Number | None = Field(None, description="Relative speed for tasks given in seconds.")
    peak_flops: dict[Name, FlopRate] | None = Field(None, description="Peak FLOP/s by dtype.")
    efficiency: dict[Name, dict[Name, Share]] | None = Field(
        None, description="Fraction of the peak by dtype and operator class."
    )
    memory: Bytes | None = Field(None, description="Memory for weights and working sets.")
    memory_bandwidth: Bandwidth | None = Field(None, description="Bytes/s to the memory.")
    load_bandwidth: Bandwidth | None = Field(None, description="Bytes/s when loading weights.")
    launch_overhead: Time | None = Field(None, description="Time to launch one operator.")
    dispatch: Time | None = Field(None, description="Time to start a task.")
    send: Time | None = Field(None, description="Producer's time for one remote message.")
    send_per_byte: Time | None = Field(None, description="Producer's time for each remote byte.")
    wake: Time | None = Field(None, description="Time to notice a remote message.")
    co_run: list[Number] | None = Field(
        None, description="Slow-down with 1, 2, ... tasks running at once."
    )
    idle_watts: Power | None = Field(None, description="Watts when idle.")
    busy_watts: Power | None = Field(None, description="Watts when busy.")
    price_per_hour: Price | None = Field(None, description="Price of one hour.")
    failure_domain: Name | None = Field(None, description="What fails together.")
    host: Name | None = Field(None, description="Machine that the node is part of.")


class LinkSpec(Strict):
    """A connection."""

    bandwidth: Bandwidth = Field(description="Bytes/s in each direction.")
    latency: Time = Field(0.0, description="Time until the first byte arrives.")
    size_table: dict[str, Time] | None = Field(
        None, description="Measured times of an idle link by message size, such as 1 MB: 9 ms."
    )
    failure_domain: Name | None = Field(None, description="What fails together.")


class ClusterSpec(Strict):
    """Nodes, and how they are connected: links written out, or a star, or a mesh."""

    extends: Text | None = Field(None, description="Cluster name or file to start from.")
    name: Name | None = Field(None, description="Default: the name of the file.")
    description: Text = ""
    nodes: dict[Name, NodeSpec] = Field(min_length=1, description="Nodes by name.")
    switches: list[Name] = Field([], description="Points that join links and run no tasks.")
    links: dict[str, LinkSpec] | None = Field(
        None,
        description="'a <-> b' both ways at once, 'a -- b' one way at a time, 'a -> b' one-way.",
    )
    star: LinkSpec | None = Field(None, description="A link of each node to one switch.")
    mesh: LinkSpec | None = Field(None, description="A link of its own for every pair.")


Version = Annotated[Literal[1], Field(description="Version of the format.")]


class ClusterFile(ClusterSpec):
    """A cluster in a file of its own."""

    alloclab: Version


ClusterRef = either(text=Text, mapping=ClusterSpec)
