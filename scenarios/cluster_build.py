"""From the format of clusters to `simulator.Cluster`: devices looked up, groups written out."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from scenarios.layers import FOLDERS
from scenarios.messages import at
from scenarios.yamlsafe import read_yaml
from simulator.cluster import Cluster, Connection, Node
from simulator.errors import InvalidScenario, unknown
from simulator.units import parse

if TYPE_CHECKING:
    from scenarios.cluster_schema import ClusterSpec, LinkSpec, NodeSpec

ENTRY = "entry"
"""Label of the node where requests come in; the first node has it if none is given it."""

_LINK = re.compile(r"\s*(.+?)\s*(<->|->|--)\s*(.+?)\s*")
_DUPLEX = {"<->": "full", "->": "one-way", "--": "half"}
NODE_FIELDS = {
    "kind": "kind", "slots": "slots", "speed": "speed", "peak_flops": "peak_flops",
    "efficiency": "efficiency", "memory": "memory_bytes", "memory_bandwidth": "memory_bandwidth",
    "load_bandwidth": "load_bandwidth", "launch_overhead": "launch_overhead_s",
    "dispatch": "dispatch_s", "send": "send_s", "send_per_byte": "send_s_per_byte",
    "wake": "wake_s", "co_run": "corun", "idle_watts": "idle_watts", "busy_watts": "busy_watts",
    "price_per_hour": "price_per_hour", "failure_domain": "failure_domain", "host": "host",
}  # fmt: skip
_DEVICE_FIELDS = {
    "memory": ("memory_bytes", "bytes"),
    "memory_bandwidth": ("memory_bandwidth", "bandwidth"),
    "load_bandwidth": ("load_bandwidth", "bandwidth"),
    "launch_overhead_s": ("launch_overhead_s", "time"),
    "idle_watts": ("idle_watts", "power"),
    "busy_watts": ("busy_watts", "power"),
    "price_per_hour": ("price_per_hour", "price"),
}
MOST_NODES = 1000
MOST_LINKS = 20_000


@functools.cache
def devices() -> Mapping[str, Mapping[str, Any]]:
    """Fields of `simulator.Node` for every built-in device, by its name."""
    entries = read_yaml(FOLDERS["cluster"] / "devices.yaml")["devices"]
    return {name: _device(name, entry) for name, entry in entries.items()}


def _device(name: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    found = {"device": name, "kind": entry["kind"]}
    peaks = entry["peak_flops"].items()
    found["peak_flops"] = {k: parse(v, "flop_rate", f"devices: {name}") for k, v in peaks}
    found["efficiency"] = entry["efficiency"]
    for key, (field, quantity) in _DEVICE_FIELDS.items():
        if key in entry:
            found[field] = parse(entry[key], quantity, f"devices: {name}.{key}")
    return found


def build_cluster(spec: ClusterSpec, name: str) -> Cluster:
    """Build a cluster.

    Parameters
    ----------
    spec : ClusterSpec
    name : str
        Used where the specification has none.

    Raises
    ------
    InvalidScenario, UnknownName
        The field is named, the file is not.
    """
    nodes: list[Node] = []
    members: dict[str, list[str]] = {}
    entry = _entry_of(spec)
    for group, given in spec.nodes.items():
        with at(f"nodes.{group}"):
            made = _nodes(group, given, is_entry=group == entry)
            nodes.extend(made)
            members[group] = [node.name for node in made]
            if len(nodes) > MOST_NODES:
                raise InvalidScenario(f"there are more than {MOST_NODES} nodes")
    switches = list(spec.switches)
    connections = _connections(spec, members, switches, len(nodes))
    return Cluster.connect(spec.name or name, nodes, connections, switches)


def _entry_of(spec: ClusterSpec) -> str | None:
    """The first node, if no node claims to be the entry."""
    if any(ENTRY in given.labels for given in spec.nodes.values()):
        return None
    return next(iter(spec.nodes))


def _nodes(group: str, given: NodeSpec, is_entry: bool) -> list[Node]:
    fields: dict[str, Any] = {}
    if given.device is not None:
        known = devices()
        if given.device not in known:
            raise unknown("device", given.device, known)
        fields |= known[given.device]
    for key in given.model_fields_set & set(NODE_FIELDS):
        value = getattr(given, key)
        if value is not None:
            fields[NODE_FIELDS[key]] = tuple(value) if key == "co_run" else value
    labels = [*given.labels, *([ENTRY] if is_entry else [])]
    if given.count is None:
        return [Node(name=group, labels=tuple(labels), **fields)]
    labels.append(group)
    return [
        Node(name=f"{group}-{i}", labels=tuple(labels), **fields) for i in range(1, given.count + 1)
    ]


def _connections(
    spec: ClusterSpec, members: Mapping[str, list[str]], switches: list[str], n: int
) -> list[Connection]:
    ways = [way for way in ("links", "star", "mesh") if getattr(spec, way) is not None]
    if len(ways) > 1:
        raise InvalidScenario(f"give one of links, star and mesh, not {' and '.join(ways)}")
    if not ways and n > 1:
        raise InvalidScenario("nothing connects the nodes: give links, star or mesh")
    names = [name for group in members.values() for name in group]
    if spec.star is not None:
        switches.append("switch")
        return [_connection(name, "switch", "<->", spec.star) for name in names]
    if spec.mesh is not None:
        if n * (n - 1) > 2 * MOST_LINKS:
            raise InvalidScenario(f"a mesh of {n} nodes is too large; take a star")
        pairs = list(itertools.combinations(names, 2))
        return [_connection(a, b, "<->", spec.mesh) for a, b in pairs]
    found: list[Connection] = []
    for text, link in (spec.links or {}).items():
        with at(f"links.{text}"):
            found += _written_out(text, link, members, switches)
            if len(found) > MOST_LINKS:
                raise InvalidScenario(f"there are more than {MOST_LINKS} connections")
    return found


def split_link(text: str) -> tuple[str, str, str]:
    """Both ends and the arrow of ``a <-> b``, ``a -- b`` or ``a -> b``."""
    match = _LINK.fullmatch(text)
    if match is None or any(arrow in match[3] for arrow in ("->", "--")):
        raise InvalidScenario(f"expected 'a <-> b', 'a -- b' or 'a -> b', got {text[:60]!r}")
    return match[1], match[2], match[3]


def _written_out(
    text: str, link: LinkSpec, members: Mapping[str, list[str]], switches: list[str]
) -> list[Connection]:
    """One connection for each pair of members; a group joined to itself is a mesh."""
    left, arrow, right = split_link(text)
    every = {name: [name] for group in members.values() for name in group}
    points = {**every, **{s: [s] for s in switches}, **members}
    for end in (left, right):
        if end not in points:
            raise unknown("node or switch", end, points)
    if left == right and len(points[left]) > 1:
        pairs = list(itertools.combinations(points[left], 2))
    else:
        pairs = [(a, b) for a in points[left] for b in points[right]]
    return [_connection(a, b, arrow, link) for a, b in pairs]


def _connection(a: str, b: str, arrow: str, link: LinkSpec) -> Connection:
    table = [
        (parse(size, "bytes", "size_table"), seconds)
        for size, seconds in (link.size_table or {}).items()
    ]
    return Connection(
        a,
        b,
        link.bandwidth,
        link.latency,
        _DUPLEX[arrow],
        size_table=tuple(sorted(table)),
        failure_domain=link.failure_domain,
    )
