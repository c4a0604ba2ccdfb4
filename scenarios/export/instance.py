"""A scenario as ``task-graph-instance/1``, where that format can express it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from scenarios.scenario import Scenario
from simulator.arrays import STRICT, FloatArray
from simulator.cluster import Node
from simulator.errors import Unsupported
from simulator.problem import Problem
from simulator.taskgraph import Edge, Task

FORMAT = "task-graph-instance/1"
_OVERHEADS = ("dispatch_s", "send_s", "send_s_per_byte", "wake_s")


def to_instance(scenario: Scenario) -> dict[str, Any]:
    """Plain data of the instance; `scenarios.importers` reads it back.

    Parameters
    ----------
    scenario : Scenario

    Returns
    -------
    dict

    Raises
    ------
    Unsupported
        Names everything that the format cannot express and that changes the simulation.
    """
    problem = scenario.problem()
    obstacles = list(dict.fromkeys(_obstacles(scenario, problem)))
    if obstacles:
        raise Unsupported(f"{scenario.name}: {FORMAT} cannot express {', '.join(obstacles)}")
    seconds = problem.seconds[:, 0, :]
    nodes, tasks = problem.node_names, problem.task_names
    arrays = problem.arrays
    return {
        "format": FORMAT,
        "name": scenario.name,
        **_remarks(scenario),
        "nodes": list(nodes),
        "tasks": [
            {
                "id": name,
                "seconds": {
                    node: float(seconds[t, n])
                    for n, node in enumerate(nodes)
                    if not np.isnan(seconds[t, n])
                },
            }
            for t, name in enumerate(tasks)
        ],
        "edges": [
            [tasks[arrays.edge_src[e]], tasks[arrays.edge_dst[e]], float(problem.bytes[e, 0])]
            for e in range(problem.n_edges)
        ],
        "bandwidth": _compact(arrays.route_bandwidth, 1.0),
        "latency": _compact(arrays.route_latency, 0.0),
    }


def _compact(matrix: FloatArray, alone: float) -> Any:
    """One number if all pairs have the same, else rows with None where there is no route."""
    pairs = matrix[~np.eye(len(matrix), dtype=np.bool_)]
    if len(pairs) == 0:
        return alone
    if not np.isnan(pairs).any() and (pairs == pairs[0]).all():
        return float(pairs[0])
    return [
        [None if a == b or np.isnan(x) else float(x) for b, x in enumerate(row)]
        for a, row in enumerate(matrix)
    ]


def _obstacles(scenario: Scenario, problem: Problem) -> Iterator[str]:
    """What stands in the way, in words."""
    if len(scenario.streams) > 1:
        yield "several streams"
    for stream in scenario.streams:
        if stream.requests > 1:
            yield "several requests"
        if stream.arrivals.kind != "once" or stream.arrivals.start > 0:
            yield "arrivals other than one request at 0"
        if stream.noise is not None:
            yield "noise"
        if stream.sizes:
            yield "request sizes"
        if stream.graph.place_with or stream.graph.apart:
            yield "groups of tasks placed together or apart"
        for task in stream.graph.tasks:
            yield from _task_obstacles(task)
        for edge in stream.graph.edges:
            yield from _edge_obstacles(edge)
    for node in scenario.cluster.nodes:
        yield from _node_obstacles(node)
    if any(link.size_table for link in scenario.cluster.links):
        yield "links with a size table"
    dynamics = scenario.dynamics
    if dynamics.outages or dynamics.slowdowns or dynamics.degradations:
        yield "dynamics"
    if scenario.network != "ideal":
        yield f"the network model {scenario.network!r}"
    if problem.arrays.dispatch != STRICT:
        yield f"the dispatch {problem.dispatch!r}"
    if str(scenario.objective) != "makespan":
        yield f"the objective {str(scenario.objective)!r}"
    if _memory_may_bind(problem):
        yield "memory that may run out"
    if "*" in problem.node_names:
        yield "a node called '*'"


def _task_obstacles(task: Task) -> Iterator[str]:
    if len(task.variants) > 1:
        yield f"several variants (task {task.name!r})"
    if task.join.need is not None or task.join.deadline_s is not None or task.join.late != "keep":
        yield f"a join policy (task {task.name!r})"


def _edge_obstacles(edge: Edge) -> Iterator[str]:
    if edge.lag:
        yield f"a lag (edge {edge.label!r})"
    if edge.probability is not None:
        yield f"a conditional edge ({edge.label!r})"


def _node_obstacles(node: Node) -> Iterator[str]:
    if node.slots > 1:
        yield f"several slots (node {node.name!r})"
    if any(getattr(node, key) for key in _OVERHEADS):
        yield f"dispatch, send or wake overheads (node {node.name!r})"
    if any(factor != 1 for factor in node.corun):
        yield f"a co-run table (node {node.name!r})"


def _memory_may_bind(problem: Problem) -> bool:
    """Whether all tasks together could overfill the smallest memory that any of them may use."""
    used = problem.allowed.any(axis=(0, 1))
    return bool(
        problem.weights_bytes.sum() + problem.working_bytes.sum() > problem.memory_bytes[used].min()
    )


def _remarks(scenario: Scenario) -> dict[str, Any]:
    """Published values, from the facts where the importer put them."""
    facts, out = scenario.facts, dict[str, Any]()
    if facts.get("origin"):
        out["source"] = facts["origin"]
    for key in ("best_known", "bound"):
        try:
            out[key] = float(facts[key])
        except (KeyError, ValueError):
            continue
    if facts.get("proved_optimal") in ("yes", "no"):
        out["proved_optimal"] = facts["proved_optimal"] == "yes"
    return out
