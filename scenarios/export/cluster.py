"""A cluster as the format has it: its links get their ends back from the routes they lie on."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from pydantic import ValidationError

from scenarios.cluster_build import build_cluster, devices
from scenarios.cluster_schema import ClusterSpec
from scenarios.export.names import rename
from scenarios.export.text import Line, Row
from scenarios.messages import sentence
from simulator.cluster import Cluster, Link, Node
from simulator.errors import AlloclabError, Unsupported

_KEYS = {
    "memory_bytes": "memory", "memory_bandwidth": "memory_bandwidth",
    "load_bandwidth": "load_bandwidth", "launch_overhead_s": "launch_overhead",
    "dispatch_s": "dispatch", "send_s": "send", "send_s_per_byte": "send_per_byte",
    "wake_s": "wake", "corun": "co_run",
}  # fmt: skip
"""Fields of a node whose key in the file has another name."""


End = tuple[str, str, bool]
"""(from, to, whether both directions share the link)."""


@dataclass(frozen=True)
class WrittenCluster:
    """A cluster in the format, and what its parts are called there.

    Parameters
    ----------
    data : dict
    nodes, links : mappings of old name to new name
    """

    data: dict[str, Any]
    nodes: Mapping[str, str]
    links: Mapping[str, str]


def write_cluster(cluster: Cluster, taken: frozenset[str]) -> WrittenCluster:
    """Write a cluster so that reading gives the same nodes, links and routes by number.

    Parameters
    ----------
    cluster : Cluster
    taken : frozenset of str
        Names that nodes must not have.

    Raises
    ------
    Unsupported
        A device of one's own, parallel links, or routes that are not shortest paths.
    """
    names = rename((n.name for n in cluster.nodes), taken, digits=False)
    try:
        return _write(cluster, names, _ends(cluster, names, by_name=True))
    except Unsupported:  # names of links may mislead: ask the routes alone
        return _write(cluster, names, _ends(cluster, names, by_name=False))


def _write(cluster: Cluster, names: Mapping[str, str], ends: list[End]) -> WrittenCluster:
    keys = [f"{a} {'--' if half else '->'} {b}" for a, b, half in ends]
    counts = Counter(keys)
    twice = next((key for key in keys if counts[key] > 1), None)
    if twice is not None:
        raise Unsupported(
            f"cluster {cluster.name!r}: a scenario file cannot hold two links {twice!r}"
        )
    points = dict.fromkeys(p for a, b, _ in ends for p in (a, b))
    switches = [p for p in points if p not in names.values()]
    data: dict[str, Any] = {"name": next(iter(rename([cluster.name]).values()))}
    data["nodes"] = {names[n.name]: _node(n) for n in cluster.nodes}
    if switches:
        data["switches"] = Row(switches)
    if len(cluster.nodes) > 1:
        data["links"] = _paired(cluster.links, keys)
    _verify(cluster, data)
    links = {
        link.name: f"{a}{'--' if half else '->'}{b}"
        for link, (a, b, half) in zip(cluster.links, ends, strict=True)
    }
    return WrittenCluster(data, names, links)


# ----- nodes -------------------------------------------------------------------------------------
def _node(node: Node) -> Line:
    """What differs from the device's figures, or from the defaults."""
    out = Line()
    base = Node(node.name)
    if node.device:
        if node.device not in devices():
            raise Unsupported(
                f"node {node.name!r}: a scenario file cannot name the device {node.device!r}, "
                "which is not built in"
            )
        out["device"] = node.device
        base = replace(base, **devices()[node.device])
    for field in fields(Node):
        value = getattr(node, field.name)
        if field.name in ("name", "device") or value == getattr(base, field.name):
            continue
        if value is None:
            raise Unsupported(
                f"node {node.name!r}: a scenario file cannot leave out {field.name} of its device"
            )
        out[_KEYS.get(field.name, field.name)] = _plain(value)
    return out


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return Line({k: _plain(v) for k, v in value.items()})
    return Row(value) if isinstance(value, list | tuple) else value


# ----- links -------------------------------------------------------------------------------------
def _link(link: Link) -> Line:
    out = Line(bandwidth=link.bandwidth)
    if link.latency_s:
        out["latency"] = link.latency_s
    if link.size_table:
        out["size_table"] = Line({repr(float(x)): float(y) for x, y in link.size_table})
    if link.failure_domain is not None:
        out["failure_domain"] = link.failure_domain
    return out


def _paired(links: tuple[Link, ...], keys: list[str]) -> dict[str, Line]:
    """Both directions of one cable on one line, where they stand together and are alike."""
    out: dict[str, Line] = {}
    i = 0
    while i < len(links):
        a, arrow, b = keys[i].partition(" -> ")
        alike = i + 1 < len(links) and replace(links[i + 1], name=links[i].name) == links[i]
        if arrow and alike and keys[i + 1] == f"{b} -> {a}":
            out[f"{a} <-> {b}"] = _link(links[i])
            i += 2
        else:
            out[keys[i]] = _link(links[i])
            i += 1
    return out


def _ends(cluster: Cluster, names: Mapping[str, str], by_name: bool) -> list[End]:
    """The ends of every link: from its name where that says so, else from the routes."""
    nodes = {node.name for node in cluster.nodes}
    known = [_by_name(link.name, nodes) if by_name else None for link in cluster.links]
    parent: dict[Any, Any] = {}

    def find(x: Any) -> Any:
        while parent.setdefault(x, x) != x:
            parent[x] = parent[parent[x]]
            x = parent[x]
        return x

    for i, end in enumerate(known):
        if end is not None:
            parent[find((i, 0))] = find(end[0])
            parent[find((i, 1))] = find(end[1])
    for (a, b), route in sorted(cluster.routes.items()):
        here: Any = cluster.nodes[a].name
        for i in route:
            end = known[i]
            if end is not None and end[2] and find(here) == find(end[1]):
                here = end[0]
                continue
            parent[find((i, 0))] = find(here)
            here = (i, 1)
        parent[find(here)] = find(cluster.nodes[b].name)
    labels = _labels(cluster, known, find, names)
    return [
        (labels[find((i, 0))], labels[find((i, 1))], end is not None and end[2])
        for i, end in enumerate(known)
    ]


def _by_name(name: str, nodes: set[str]) -> End | None:
    """Ends that a name such as ``a->switch`` or ``a--b`` gives away; None where it is unclear."""
    splits = [
        (name[: m.start()], name[m.end() :], m[0] == "--")
        for m in re.finditer("->|--", name)
        if m.start() > 0 and m.end() < len(name)
    ]
    for wanted in (2, 1):
        fitting = [s for s in splits if (s[0] in nodes) + (s[1] in nodes) == wanted]
        if fitting:
            return fitting[0] if len(fitting) == 1 else None
    return splits[0] if len(splits) == 1 else None


def _labels(cluster: Cluster, known: list[End | None], find: Any, names: Mapping[str, str]) -> Any:
    """A name for each class of ends that are one point: of its node, its switch, or a new one."""
    labels: dict[Any, str] = {}
    for node in cluster.nodes:
        labels[find(node.name)] = names[node.name]
    if len(labels) < len(cluster.nodes):
        raise Unsupported(
            f"cluster {cluster.name!r}: a scenario file cannot express its routes: a link leads "
            "to several nodes"
        )
    told = dict.fromkeys(p for end in known if end is not None for p in end[:2])
    switches = rename([p for p in told if find(p) not in labels], frozenset(names.values()))
    for point, label in switches.items():
        labels.setdefault(find(point), label)
    taken = set(labels.values())
    for i in range(len(known)):
        for port in (find((i, 0)), find((i, 1))):
            if port not in labels:
                label, i = "switch", 2
                while label in taken:
                    label, i = f"switch-{i}", i + 1
                labels[port] = label
                taken.add(label)
    return labels


def _verify(cluster: Cluster, data: dict[str, Any]) -> None:
    """Read back what was written: nodes, links and routes must be the same by number."""
    try:
        again = build_cluster(ClusterSpec.model_validate(data), cluster.name)
    except ValidationError as error:
        raise Unsupported(
            f"cluster {cluster.name!r} cannot be written as a scenario file: {sentence(error)}"
        ) from None
    except AlloclabError as error:
        raise Unsupported(
            f"cluster {cluster.name!r} cannot be written as a scenario file: {error}"
        ) from None
    same_links = [replace(x, name="") for x in again.links] == [
        replace(x, name="", size_table=tuple(x.size_table)) for x in cluster.links
    ]
    if not same_links or dict(again.routes) != {k: tuple(v) for k, v in cluster.routes.items()}:
        raise Unsupported(
            f"cluster {cluster.name!r}: a scenario file cannot express its routes, "
            "which are not the shortest by latency and number of links"
        )
