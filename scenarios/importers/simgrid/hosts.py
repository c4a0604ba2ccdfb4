"""Hosts of a platform as nodes, and the properties in which alloclab keeps what SimGrid lacks."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from scenarios.cluster_build import NODE_FIELDS
from scenarios.cluster_schema import LinkSpec, NodeSpec
from scenarios.importers.fields import describe
from scenarios.importers.simgrid.model import PlatformLink
from scenarios.importers.simgrid.units import quantities, quantity, whole
from scenarios.messages import sentence
from simulator.cluster import Node
from simulator.errors import InvalidScenario
from simulator.units import parse

OWN = "alloclab."
"""How the names of our own properties begin; the keys after it are those of a cluster file."""

WATTS = "wattage_per_state"
"""Property of SimGrid's energy plugin: ``idle:busy`` or ``idle:epsilon:busy`` for each state."""

DTYPES = ("fp64", "fp32", "fp16", "bf16", "int8")
"""A flop of SimGrid's is one of any of these: it does not tell them apart."""

UNIT_SPEED = 1e9
"""Flop/s of a node of speed 1, on which a task given in seconds takes just those."""

CHANGING = ("speed_file", "availability_file", "state_file", "bandwidth_file", "latency_file")
"""Attributes that let a host or a link change over time."""

MOST_CORES = 100_000


def plain_node(name: str, flops: float, cores: int = 1) -> Node:
    """The node of a host of which nothing else is known."""
    return Node(
        name,
        slots=cores,
        speed=flops / UNIT_SPEED,
        peak_flops={dtype: flops for dtype in DTYPES},
    )


def read_host(
    name: str,
    attributes: Mapping[str, str],
    properties: Mapping[str, str],
    where: str,
) -> Node:
    """The node of a host, or of one host of a cluster.

    Parameters
    ----------
    attributes : mapping of str to str
        `speed`, `core` and `pstate` are read.
    properties : mapping of str to str
    where : str
        File and element, for messages.

    Raises
    ------
    InvalidScenario
    """
    refuse_changes(attributes, where)
    speeds = quantities(need(attributes, "speed", where), "speed", f"{where}: speed")
    state = whole(_integer(attributes.get("pstate", "0")), 0, 10**6, f"{where}: pstate")
    if state >= len(speeds):
        raise InvalidScenario(
            f"{where}: pstate is {state}, but speed lists {len(speeds)} state(s), from 0 on"
        )
    cores = whole(attributes.get("core", "1"), 1, MOST_CORES, f"{where}: core")
    fields: dict[str, Any] = {
        key: getattr(plain_node(name, speeds[state], cores), key)
        for key in ("slots", "speed", "peak_flops")
    }
    if WATTS in properties:
        fields |= _watts(properties[WATTS], state, f"{where}: {WATTS}")
    own = _own(properties, NodeSpec, {}, where)
    for key, value in own.items():
        if key == "count":
            raise InvalidScenario(f"{where}: the property {OWN}count has no meaning in a platform")
        field = NODE_FIELDS.get(key, key)
        fields[field] = tuple(value) if isinstance(value, list) else value
    try:
        return Node(name, **fields)
    except InvalidScenario as error:
        raise InvalidScenario(f"{where}: {error}") from None


def read_link(
    attributes: Mapping[str, str], properties: Mapping[str, str], where: str
) -> PlatformLink:
    """The link that attributes ``bandwidth`` and ``latency`` describe.

    Returns
    -------
    PlatformLink

    Raises
    ------
    InvalidScenario
    """
    refuse_changes(attributes, where)
    text = need(attributes, "bandwidth", where)
    if "," in text or ";" in text:
        raise InvalidScenario(
            f"{where}: several bandwidths are those of a Wi-Fi link, which cannot be expressed"
        )
    bandwidth = quantity(text, "bandwidth", f"{where}: bandwidth")
    latency = quantity(attributes.get("latency", "0"), "time", f"{where}: latency")
    own = _own(properties, LinkSpec, {"bandwidth": bandwidth}, where)
    table = sorted(
        (parse(size, "bytes", f"{where}: property {OWN}size_table"), seconds)
        for size, seconds in own.get("size_table", {}).items()
    )
    return PlatformLink(
        bandwidth, latency, size_table=tuple(table), failure_domain=own.get("failure_domain")
    )


def need(attributes: Mapping[str, str], key: str, where: str) -> str:
    """An attribute that must be there.

    Raises
    ------
    InvalidScenario
    """
    if key not in attributes:
        raise InvalidScenario(f"{where}: the attribute {key!r} is missing")
    return attributes[key]


def refuse_changes(attributes: Mapping[str, str], where: str) -> None:
    """Refuse what changes over time: that is part of a scenario, not of a cluster.

    Raises
    ------
    InvalidScenario
    """
    for key in CHANGING:
        if attributes.get(key):
            raise InvalidScenario(
                f"{where}: {key} changes it over time, which a cluster cannot express; "
                "write it as dynamics of a scenario"
            )


def _integer(text: str) -> str:
    """SimGrid's own default of `pstate` is ``0.0``."""
    return re.sub(r"\.0*$", "", text)


def _watts(text: str, state: int, where: str) -> dict[str, float]:
    states = text.split(",")
    parts = states[min(state, len(states) - 1)].split(":")
    try:
        watts = [float(part) for part in parts]
    except ValueError:
        watts = []
    if len(watts) not in (2, 3) or not all(0 <= w < float("inf") for w in watts):
        raise InvalidScenario(f"{where}: expected watts like '95:200', got {describe(text)}")
    return {"idle_watts": watts[0], "busy_watts": watts[-1]}


def _own(
    properties: Mapping[str, str], spec: Any, more: Mapping[str, Any], where: str
) -> dict[str, Any]:
    """What our own properties say, checked as in a cluster file."""
    data: dict[str, Any] = {}
    for name, text in properties.items():
        if name.startswith(OWN):
            data[name.removeprefix(OWN)] = _parsed(text)
    for key in ("bandwidth", "latency"):
        if spec is LinkSpec and key in data:
            raise InvalidScenario(f"{where}: {key} is an attribute, not the property {OWN}{key}")
    if not data:
        return {}
    try:
        read = spec.model_validate({**data, **more})
    except ValidationError as error:
        raise InvalidScenario(f"{where}: property {OWN}{sentence(error)}") from None
    found = {key: getattr(read, key) for key in data}
    return {key: value for key, value in found.items() if value is not None}


def _parsed(text: str) -> Any:
    """A JSON value, or the text itself where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
