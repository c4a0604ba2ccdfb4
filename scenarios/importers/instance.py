"""Files in the format ``task-graph-instance/1``: one graph on its own unrelated machines.

The classical scheduling problem of HEFT's paper [1]_: a duration for every (task, node) pair,
messages that take latency + bytes / bandwidth between different nodes and nothing within one, no
contention, one task at a time on a node, and the makespan as the objective.

References
----------
.. [1] H. Topcuoglu, S. Hariri, M.-Y. Wu, "Performance-effective and low-complexity task scheduling
   for heterogeneous computing", IEEE TPDS 13(3), 2002. doi:10.1109/71.993206
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scenarios.importers.fields import (
    as_list,
    as_mapping,
    as_number,
    as_text,
    describe,
    naming,
    need,
    optional_text,
)
from scenarios.scenario import Scenario
from simulator.cluster import Cluster, Node
from simulator.errors import InvalidScenario, unknown
from simulator.taskgraph import Edge, Task, TaskGraph, Variant
from simulator.workload import Stream

FORMAT = "task-graph-instance/1"
MOST_NODES = 2000
MOST_PAIRS = 50_000_000
"""Limits of a mesh and of the (task, node) table."""


def sniff(data: Any) -> bool:
    """Whether parsed JSON says that it is a task graph instance."""
    tag = data.get("format") if isinstance(data, Mapping) else None
    return isinstance(tag, str) and tag.startswith("task-graph-instance")


def load(data: Any, source: str) -> Scenario:
    """Build the scenario of an instance.

    Parameters
    ----------
    data : parsed JSON
    source : str
        File name, for messages.

    Returns
    -------
    Scenario
        Network ``ideal``, dispatch ``strict``, objective makespan, a directed link between every
        ordered pair of nodes; it cannot run on another cluster. Published values are `facts`.

    Raises
    ------
    InvalidScenario, UnknownName
        Names the file and the field.
    """
    data = as_mapping(data, source)
    if need(data, "format", source) != FORMAT:
        raise InvalidScenario(
            f"{source}: format must be {FORMAT!r}, got {describe(data['format'])}"
        )
    title = as_text(data.get("name", Path(source).stem), f"{source}: name")
    nodes = _names(need(data, "nodes", source), f"{source}: nodes")
    tasks = _tasks(need(data, "tasks", source), nodes, source)
    edges = _edges(need(data, "edges", source), [t.name for t in tasks], source)
    bandwidth = _links(need(data, "bandwidth", source), nodes, f"{source}: bandwidth", True)
    latency = _links(data.get("latency", 0.0), nodes, f"{source}: latency", False)
    _refuse_gaps(bandwidth, latency, nodes, bool(edges), source)
    kind = "cpu"
    while kind in nodes:  # a duration given for a node must not be read as one for a kind
        kind += "-node"
    with naming(source):
        cluster = Cluster.mesh(title, [Node(n, kind=kind) for n in nodes], bandwidth, latency)  # type: ignore[arg-type]
        graph = TaskGraph(tuple(tasks), tuple(edges))
        return Scenario(
            name=title,
            description=f"{len(tasks)} tasks, {len(edges)} edges on {len(nodes)} nodes ({FORMAT})",
            cluster=cluster,
            streams=(Stream("main", graph),),
            network="ideal",
            dispatch="strict",
            source=source,
            fixed_cluster=True,
            facts=_facts(data),
        )


def _names(value: object, where: str) -> list[str]:
    names = [as_text(v, f"{where}[{i}]") for i, v in enumerate(as_list(value, where))]
    if not names:
        raise InvalidScenario(f"{where} is empty")
    if len(names) > MOST_NODES:
        raise InvalidScenario(f"{where}: {len(names)} are too many, at most {MOST_NODES}")
    seen: set[str] = set()
    for i, name in enumerate(names):
        if name == "*":
            raise InvalidScenario(f"{where}[{i}]: '*' cannot be the name of a node")
        if name in seen:
            raise InvalidScenario(f"{where}[{i}]: {name!r} occurs twice")
        seen.add(name)
    return names


def _tasks(value: object, nodes: Sequence[str], source: str) -> list[Task]:
    rows = as_list(value, f"{source}: tasks")
    if not rows:
        raise InvalidScenario(f"{source}: tasks is empty")
    if len(rows) * len(nodes) > MOST_PAIRS:
        raise InvalidScenario(
            f"{source}: {len(rows)} tasks on {len(nodes)} nodes are too many, "
            f"at most {MOST_PAIRS} pairs"
        )
    known, seen, tasks = set(nodes), set[str](), list[Task]()
    for i, row in enumerate(rows):
        where = f"{source}: tasks[{i}]"
        row = as_mapping(row, where)
        name = as_text(need(row, "id", where), f"{where}.id")
        if name in seen:
            raise InvalidScenario(f"{where}.id: two tasks are named {name!r}")
        seen.add(name)
        seconds: dict[str, float] = {}
        for node, duration in as_mapping(need(row, "seconds", where), f"{where}.seconds").items():
            if node not in known:
                raise unknown("node", node, nodes, f"{where}.seconds")
            seconds[node] = as_number(duration, f"{where}.seconds[{node!r}]")
        if not seconds:
            raise InvalidScenario(f"{where}.seconds is empty, so task {name!r} fits no node")
        tasks.append(Task(name, (Variant(name, seconds=seconds),)))
    return tasks


def _edges(value: object, tasks: Sequence[str], source: str) -> list[Edge]:
    known, edges = set(tasks), list[Edge]()
    for i, row in enumerate(as_list(value, f"{source}: edges")):
        where = f"{source}: edges[{i}]"
        src, dst, size = as_list(row, where, 3)
        ends = as_text(src, f"{where}[0]"), as_text(dst, f"{where}[1]")
        for end in ends:
            if end not in known:
                raise unknown("task", end, tasks, where)
        if ends[0] == ends[1]:
            raise InvalidScenario(f"{where}: task {ends[0]!r} cannot send to itself")
        edges.append(Edge(*ends, bytes=as_number(size, f"{where}[2]")))
    return edges


Matrix = list[list[float | None]]


def _links(value: object, nodes: Sequence[str], where: str, above_zero: bool) -> float | Matrix:
    """One number for all pairs, or an (N, N) matrix with None where there is no link."""
    if not isinstance(value, list):
        return as_number(value, where, above_zero)
    matrix: Matrix = []
    for a, row in enumerate(as_list(value, where, len(nodes))):
        cells = as_list(row, f"{where}[{a}]", len(nodes))
        matrix.append(
            [
                None
                if a == b or cell is None
                else as_number(cell, f"{where}[{a}][{b}]", above_zero)
                for b, cell in enumerate(cells)
            ]
        )
    return matrix


def _refuse_gaps(
    bandwidth: float | Matrix,
    latency: float | Matrix,
    nodes: Sequence[str],
    linked: bool,
    source: str,
) -> None:
    """Both matrices must cover the same pairs, and all pairs once there are messages."""
    for a in range(len(nodes)):
        for b in range(len(nodes)):
            if a == b:
                continue
            connected = isinstance(bandwidth, float) or bandwidth[a][b] is not None
            if not connected and linked:
                raise InvalidScenario(
                    f"{source}: bandwidth[{a}][{b}] is null: the network is disconnected, "
                    f"no link leads from {nodes[a]!r} to {nodes[b]!r}"
                )
            if connected and isinstance(latency, list) and latency[a][b] is None:
                raise InvalidScenario(
                    f"{source}: latency[{a}][{b}] is null, but there is a bandwidth"
                )


def _facts(data: Mapping[str, Any]) -> dict[str, str]:
    """Remarks and published values; those that are no plain values are left out."""
    facts = {"format": FORMAT}
    for key in ("source", "semantics", "family", "ccr", "best_known", "bound"):
        text = optional_text(data, key)
        if text:
            facts["origin" if key == "source" else key] = text
    if isinstance(data.get("proved_optimal"), bool):
        facts["proved_optimal"] = "yes" if data["proved_optimal"] else "no"
    for key in ("expected", "peer_makespans"):
        table = data.get(key)
        if isinstance(table, Mapping):
            rows = [f"{k} {optional_text(table, k)}" for k in table if ":" not in k]
            facts[key] = ", ".join(rows[:40])
    return facts
