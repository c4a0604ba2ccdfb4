"""Cluster files of machines that were found: written, and those of several hosts merged."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scenarios.cluster_build import build_cluster, devices
from scenarios.cluster_schema import ClusterFile
from scenarios.describe import describe_cluster
from scenarios.layers import VERSION
from scenarios.reading import read_text
from simulator.cluster import Cluster
from simulator.errors import InvalidScenario, Unsupported

ASSUMED = "# assumed: "
"""How a line of a file begins that says what nobody measured; merging keeps such lines."""

_UNITS = {
    "memory": "B", "memory_bandwidth": "B/s", "load_bandwidth": "B/s", "bandwidth": "B/s",
    "peak_flops": "FLOP/s", "idle_watts": "W", "busy_watts": "W", "launch_overhead": "s",
    "latency": "s",
}  # fmt: skip
_PREFIXES = (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3), ("", 1.0))
_SECONDS = (("", 1.0), ("m", 1e-3), ("u", 1e-6), ("n", 1e-9))


@dataclass(frozen=True)
class Found:
    """A cluster file, as text and as what it means.

    Parameters
    ----------
    text : str
    cluster : Cluster
    notes : tuple of str
        What was assumed, in sentences.
    cores : mapping of node to cores
        Where they are known: of the machine at hand.
    """

    text: str
    cluster: Cluster
    notes: tuple[str, ...]
    cores: Mapping[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Plain data: nodes, links, notes."""
        rows = describe_cluster(self.cluster)
        return {**rows, "nodes": self.node_rows(), "assumed": list(self.notes)}

    def node_rows(self) -> list[dict[str, Any]]:
        """A row for each node: what it is, its cores, memory and slots."""
        rows = []
        for node in self.cluster.nodes:
            row: dict[str, Any] = {"node": node.name, "kind": node.kind}
            if any(n.device for n in self.cluster.nodes):
                row["device"] = node.device or None
            if self.cores:
                cores = self.cores.get(node.name)
                row["cores"] = None if cores is None else f"{cores:g}"
            if node.memory_bytes < math.inf:
                row["memory_bytes"] = node.memory_bytes
            rows.append(row | {"slots": node.slots, "fp32_flops": node.peak_flops.get("fp32")})
        return rows

    def link_rows(self) -> list[dict[str, Any]]:
        """A row for each directed link."""
        return [
            {"link": x.name, "bandwidth": x.bandwidth, "latency_s": x.latency_s}
            for x in self.cluster.links
        ]


def discover_to(
    path: Path | None,
    merge: Sequence[Path] = (),
    bandwidth: float | None = None,
    latency: float | None = None,
) -> Found:
    """Describe the machine at hand, or merge the files of several hosts; write a cluster file.

    Parameters
    ----------
    path : Path or None
        File to write; None writes nothing.
    merge : sequence of Path
        Cluster files of single hosts: then nothing of the machine at hand is looked at.
    bandwidth, latency : float, optional
        Of the network that joins the hosts, in bytes/s and seconds.

    Raises
    ------
    AlloclabError
        One sentence; no file is written then.
    """
    found = merged(merge, bandwidth, latency) if merge else this_machine()
    if path is not None:
        from scenarios.results import write_text

        if path.suffix.lower() not in (".yaml", ".yml"):
            raise InvalidScenario(f"{path}: a cluster file ends in .yaml or .yml")
        write_text(path, found.text)
    return found


def this_machine() -> Found:
    """The machine at hand."""
    from realrun.discover import describe, discover

    description = describe(discover(), devices())
    return _found(description.cluster, description.notes, description.cores)


def merged(
    paths: Sequence[Path], bandwidth: float | None = None, latency: float | None = None
) -> Found:
    """One cluster of several hosts' files."""
    from realrun.discover.merge import BANDWIDTH, LATENCY, Part, merge
    from scenarios.export.cluster import write_cluster
    from scenarios.loader import load_cluster

    parts, notes = [], []
    for path in paths:
        if not path.is_file():
            raise InvalidScenario(f"{path}: there is no such file to merge")
        parts.append(Part(str(path), write_cluster(load_cluster(path), frozenset()).data))
        mine = [x[len(ASSUMED) :] for x in read_text(path).splitlines() if x.startswith(ASSUMED)]
        notes += [f"{path.stem}: {note}" for note in mine]
    data, note = merge(
        parts,
        BANDWIDTH if bandwidth is None else bandwidth,
        LATENCY if latency is None else latency,
    )
    return _found(data, (*notes, note), {})


def _found(data: Mapping[str, Any], notes: Sequence[str], cores: Mapping[str, float]) -> Found:
    """Write the text, and read it back as any cluster file is read."""
    from pydantic import ValidationError

    from scenarios.export.text import dump
    from scenarios.messages import sentence
    from scenarios.yamlsafe import parse_yaml

    head = {"alloclab": VERSION, "name": data["name"], "description": data["description"]}
    nodes = {name: _readable(node) for name, node in data["nodes"].items()}
    links = {name: _readable(link) for name, link in data.get("links", {}).items()}
    sections: list[dict[str, Any]] = [head, {"nodes": nodes}]
    if data.get("switches"):
        sections.append({"switches": _row(data["switches"])})
    if links:
        sections.append({"links": links})
    lines = ["# Found by `alloclab discover`. A calibration replaces every figure below.", "#"]
    lines += [ASSUMED + " ".join(note.split()) for note in notes]
    text = "\n".join(lines) + "\n\n" + dump(sections)
    try:
        cluster = build_cluster(ClusterFile.model_validate(parse_yaml(text)), data["name"])
    except ValidationError as error:
        raise Unsupported(f"this machine cannot be written down: {sentence(error)}") from None
    return Found(text, cluster, tuple(notes), cores)


def _row(values: Sequence[str]) -> Any:
    from scenarios.export.text import Row

    return Row(values)


def _readable(fields: Mapping[str, Any]) -> Any:
    """The same fields on one line, numbers with units wherever that loses nothing."""
    from scenarios.export.text import Line, Row

    out = Line()
    for key, value in fields.items():
        if isinstance(value, Mapping):
            plain = {k: _with_unit(key, v) for k, v in value.items()}
            out[key] = Line((k, Line(v) if isinstance(v, Mapping) else v) for k, v in plain.items())
        elif isinstance(value, list | tuple):
            out[key] = Row(value)
        else:
            out[key] = _with_unit(key, value)
    return out


def _with_unit(key: str, value: Any) -> Any:
    """``31.5 GB/s`` for 3.15e10; the number itself where a text would round it."""
    from simulator.units import QUANTITIES, parse

    if key not in _UNITS or not isinstance(value, int | float) or not 0 < value < math.inf:
        return value
    unit = _UNITS[key]
    prefix, factor = next(
        ((p, f) for p, f in (_SECONDS if unit == "s" else _PREFIXES) if value >= f * (1 - 1e-9)),
        ("", 1.0),
    )
    text = f"{value / factor:.12g} {prefix}{unit}"
    quantity = next((q for q, (known, _) in QUANTITIES.items() if f"{prefix}{unit}" in known), None)
    if quantity is None or parse(text, quantity) != value:
        return value
    return text
