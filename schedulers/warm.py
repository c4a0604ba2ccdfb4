"""Has a scheduler compiled before its clock starts, by letting it solve problems of three tasks."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import numpy as np

from schedulers.admissible import rules_of
from schedulers.budget import Budget
from schedulers.view import view_of
from simulator.cluster import Cluster, Node
from simulator.problem import Problem
from simulator.taskgraph import Edge, Task, TaskGraph, Variant
from simulator.workload import Arrivals, Stream

if TYPE_CHECKING:
    from schedulers.base import Scheduler

EVALUATIONS = 160
"""Enough for the plans of list schedulers, a first population and a generation of children."""
_DONE: set[tuple[Any, ...]] = set()


def warm_up(scheduler: Scheduler, problem: Problem) -> None:
    """Compile what the scheduler will need for this kind of problem, and lower the problem.

    Costs some milliseconds once for each scheduler and kind of problem in a process, and seconds
    the first time ever. The trial runs have a budget, chance and problems of their own; should
    they fail, the real run will say why. A scheduler made of others names them in a method
    ``parts``, because it may not need all of them on so small a problem.
    """
    for part in getattr(scheduler, "parts", tuple)():
        warm_up(part, problem)
    arrays = problem.arrays
    rules = rules_of(problem)
    view_of(problem)
    _ = problem.plan
    kind = (problem.network, str(problem.dispatch), problem.discipline, problem.has_luck)
    slots = 2 if (arrays.slots > 1).any() else 1
    rehearsal = (type(scheduler), repr(scheduler), kind, rules.constrained, slots)
    if rehearsal in _DONE:
        return
    _DONE.add(rehearsal)
    for tight in (False, True) if rules.constrained else (False,):
        tiny = _tiny(kind, tight, slots)
        budget = Budget(tiny, evaluations=EVALUATIONS)
        with contextlib.suppress(Exception):
            scheduler.schedule(tiny, budget, np.random.default_rng(0))


def _tiny(kind: tuple[str, str, str, bool], tight: bool, slots: int) -> Problem:
    """Three tasks on two nodes; when tight, memory for which a planner must look ahead."""
    network, dispatch, discipline, luck = kind
    memory = 10.0 if tight else float("inf")
    nodes = (
        Node("a", speed=2.0, slots=slots, memory_bytes=memory),
        Node("b", memory_bytes=0.6 * memory),
    )

    def task(name: str, weights: float) -> Task:
        return Task(name, (Variant(name, seconds={"*": 1.0}, weights_bytes=weights),))

    graph = TaskGraph(
        (task("x", 6.0), task("y", 10.0), task("z", 0.0)),
        (Edge("x", "y", 1.0), Edge("x", "z", 1.0)),
    )
    arrivals = Arrivals("constant", rate=1.0) if luck else Arrivals()
    stream = Stream("s", graph, arrivals, requests=2 if luck else 1)
    cluster = Cluster.star("tiny", nodes, bandwidth=1.0)
    return Problem(cluster, (stream,), network, dispatch, discipline, name="tiny")
