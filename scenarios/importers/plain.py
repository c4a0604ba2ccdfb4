"""A plain task graph, as most formats have it: durations, dependencies, bytes; nothing else.

Durations are seconds on a machine of speed 1; a node takes duration / speed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scenarios.importers.fields import naming
from scenarios.importers.wfcommons import default_cluster
from scenarios.scenario import Scenario
from simulator.errors import InvalidScenario
from simulator.taskgraph import Edge, Task, TaskGraph, Variant
from simulator.workload import Stream

MOST_TASKS = 1_000_000
"""Tasks of a graph that is read."""


@dataclass(frozen=True)
class PlainTask:
    """A task.

    Parameters
    ----------
    name : str, unique
    seconds : float, on a machine of speed 1
    memory_bytes : float, working set
    stored : bool
        It takes no time and stands for a store of files, which its edges read.
    """

    name: str
    seconds: float
    memory_bytes: float = 0.0
    stored: bool = False


@dataclass(frozen=True)
class PlainEdge:
    """A dependency with bytes; several between two tasks are several messages."""

    src: str
    dst: str
    bytes: float = 0.0
    name: str = ""


@dataclass(frozen=True)
class PlainGraph:
    """Tasks and edges in the order of the file."""

    tasks: tuple[PlainTask, ...]
    edges: tuple[PlainEdge, ...]


def plain_scenario(
    tasks: Sequence[PlainTask],
    edges: Sequence[PlainEdge],
    source: str,
    form: str,
    facts: dict[str, str] | None = None,
    name: str = "",
) -> Scenario:
    """One request of a plain graph on the default cluster, with network ``fair``.

    Parameters
    ----------
    tasks, edges : sequences
    source : str
        File name, for messages.
    form : str
        Name of the format, for the description.
    facts : mapping or None
        Remarks for `alloclab show`.
    name : str
        Of the scenario; default the file's name without its ending.

    Raises
    ------
    InvalidScenario
        No task, a loop, or a cycle.
    """
    if not tasks:
        raise InvalidScenario(f"{source}: there are no tasks")
    if len(tasks) > MOST_TASKS:
        raise InvalidScenario(
            f"{source}: {len(tasks):,} tasks are too many, at most {MOST_TASKS:,}"
        )
    for edge in edges:
        if edge.src == edge.dst:
            raise InvalidScenario(f"{source}: task {edge.src[:80]!r} depends on itself")
    with naming(source):
        graph = TaskGraph(
            tuple(Task(t.name, (Variant(t.name, seconds={"*": t.seconds}),)) for t in tasks),
            tuple(Edge(e.src, e.dst, bytes=e.bytes, name=e.name) for e in edges),
        )
        return Scenario(
            name=name or Path(source).stem or "graph",
            description=f"{len(tasks)} tasks, {len(edges)} edges ({form})",
            cluster=default_cluster(),
            streams=(Stream("main", graph),),
            network="fair",
            source=source,
            facts={"format": form, **(facts or {})},
        )
