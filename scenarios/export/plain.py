"""A scenario as a plain task graph, what that leaves out, and what it cannot stand for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from scenarios.importers.plain import PlainEdge, PlainGraph, PlainTask
from scenarios.scenario import Scenario
from simulator.errors import Unsupported
from simulator.problem import Problem
from simulator.risk import Risk
from simulator.taskgraph import Task, TaskGraph
from simulator.workload import Stream

GIVEN = ("*", "cpu")
"""Places whose single duration is one of a machine of speed 1."""


def plain_graph(scenario: Scenario) -> PlainGraph:
    """The tasks and messages of one request, with durations on a machine of speed 1.

    A task that has no such duration takes the mean over the nodes that may run it.

    Raises
    ------
    Unsupported
        Several streams, edges between requests, or edges taken with a probability: without them
        the graph would be another one.
    """
    graph = _only_graph(scenario)
    problem, batch = scenario.problem(), scenario.streams[0].batch
    first = {task.name: task.variants[0] for task in graph.tasks}
    tasks = tuple(
        PlainTask(
            task.name,
            _seconds(task, t, problem, batch),
            _largest(first[task.name].activation_bytes),
            is_store(task, graph),
        )
        for t, task in enumerate(graph.tasks)
    )
    edges = []
    for edge in graph.edges:
        variant = first[edge.src]
        size = variant.at(variant.output_bytes, batch) if edge.bytes is None else edge.bytes
        edges.append(PlainEdge(edge.src, edge.dst, float(size), edge.name))
    return PlainGraph(tasks, tuple(edges))


def _only_graph(scenario: Scenario) -> TaskGraph:
    if len(scenario.streams) != 1:
        raise Unsupported(
            f"{scenario.name}: a task graph cannot stand for several streams "
            f"({', '.join(s.name for s in scenario.streams[:6])}); a .yaml file can hold them"
        )
    graph = scenario.streams[0].graph
    for edge in graph.edges:
        what = "feeds a later request" if edge.lag else "is taken with a probability"
        if edge.lag or edge.probability is not None:
            raise Unsupported(
                f"{scenario.name}: a task graph cannot express that edge {edge.label[:80]!r} "
                f"{what}; a .yaml file can hold it"
            )
    return graph


def is_store(task: Task, graph: TaskGraph) -> bool:
    """Whether a task stands for a store of files: it takes no time, on ``storage`` nodes only."""
    only = task.variants[0]
    outgoing = [edge.dst for edge in graph.edges if edge.src == task.name]
    return (
        task.allowed == ("storage",)
        and len(task.variants) == 1
        and only.seconds == {"storage": 0.0}
        and bool(outgoing)
        and len(set(outgoing)) == len(outgoing)
        and not any(edge.dst == task.name for edge in graph.edges)
    )


def _given(task: Task, batch: int = 1) -> float | None:
    """The duration on a machine of speed 1, where the task has one."""
    seconds = task.variants[0].seconds
    if seconds is None or len(seconds) != 1:
        return None
    (place, curve), *_ = seconds.items()
    return task.variants[0].at(curve, batch) if place in GIVEN else None


def _seconds(task: Task, number: int, problem: Problem, batch: int) -> float:
    given = _given(task, batch)
    if given is not None:
        return float(given)
    row = problem.seconds[number, 0, :]
    return float(np.mean(row[~np.isnan(row)]))


def _largest(curve: object) -> float:
    return float(max(curve)) if isinstance(curve, tuple) else float(curve)  # type: ignore[arg-type]


# ----- what is left out --------------------------------------------------------------------------
def losses(scenario: Scenario, carries: frozenset[str] = frozenset()) -> list[str]:
    """What a file of a plain graph does not hold, in one sentence each.

    Parameters
    ----------
    scenario : Scenario
    carries : frozenset of {"memory", "store"}
        What the format holds beyond durations and dependencies.
    """
    stream = scenario.streams[0]
    nodes, links = scenario.cluster.nodes, scenario.cluster.links
    out = [f"the cluster {scenario.cluster.name!r} ({len(nodes)} nodes, {len(links)} links)"]
    out += _rules(scenario)
    out += _load(stream)
    store = {t.name for t in stream.graph.tasks if is_store(t, stream.graph)}
    out += _tasks(stream.graph, store if "store" in carries else set(), "memory" in carries)
    return [f"Not in the file: {what}." for what in out]


def _rules(scenario: Scenario) -> Iterator[str]:
    said = [f"network {scenario.network}"]
    said += [f"dispatch {scenario.dispatch}"] if scenario.dispatch else []
    said += [f"discipline {scenario.discipline}"] if scenario.discipline != "fifo" else []
    said += [f"objective {scenario.objective}"]
    yield "the rules (" + ", ".join(said) + ")"
    dynamics = scenario.dynamics
    if dynamics.outages or dynamics.slowdowns or dynamics.degradations:
        yield "outages, slowdowns and degradations"
    if scenario.information != "exact":
        yield f"what schedulers are told ({scenario.information})"
    if scenario.plan_draws > 1 or scenario.plan_risk != Risk():
        yield "the draws and the risk that schedulers plan with"


def _load(stream: Stream) -> Iterator[str]:
    if stream.requests > 1:
        yield f"the load: one request stands for {stream.requests}"
    if stream.arrivals.kind != "once" or stream.arrivals.start > 0:
        yield f"arrivals ({stream.arrivals.kind})"
    if stream.noise is not None:
        yield "noise of durations"
    if stream.sizes:
        yield "request sizes: a request of average size is written"
    if stream.deadline_s is not None:
        yield "the deadline of requests"
    if stream.batch > 1:
        yield f"the batch size {stream.batch}, at which durations and bytes are written"
    if stream.weight != 1 or stream.class_:
        yield "the class and weight of requests"
    if stream.graph.place_with or stream.graph.apart:
        yield "groups of tasks placed together or apart"


def _tasks(graph: TaskGraph, stores: set[str], memory: bool) -> Iterator[str]:
    tasks = [task for task in graph.tasks if task.name not in stores]
    checks: Mapping[str, list[str]] = {
        "variants beyond the first": [t.name for t in tasks if len(t.variants) > 1],
        "durations by node, of which the mean is written": [
            t.name for t in tasks if _given(t) is None
        ],
        "weights" if memory else "weights and working memory": [
            t.name
            for t in tasks
            if any(v.weights_bytes or (v.activation_bytes and not memory) for v in t.variants)
        ],
        "pins, allowed and forbidden nodes": [
            t.name for t in tasks if t.pinned or t.allowed is not None or t.forbidden
        ],
        "join policies": [
            t.name
            for t in tasks
            if t.join.need is not None or t.join.deadline_s is not None or t.join.late != "keep"
        ],
        "how durations and bytes change with the batch size": [
            t.name for t in tasks if any(len(v.batch) > 1 for v in t.variants)
        ],
        "fusion, accuracy and torch modules": [
            t.name
            for t in tasks
            if t.fusion or any(v.accuracy is not None or v.module for v in t.variants)
        ],
    }
    for what, names in checks.items():
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            yield f"{what} (task {names[0][:60]!r}{more})"
