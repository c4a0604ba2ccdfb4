"""Sentences about numbers and indices that cannot be meant."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from simulator.allocation import Allocation
from simulator.cluster import Cluster, Link, Node
from simulator.dynamics import Slowdown
from simulator.errors import InvalidAllocation, InvalidScenario
from simulator.objective import Objective
from simulator.problem import Problem
from simulator.taskgraph import Edge, Task, TaskGraph, Variant
from simulator.workload import Arrivals, Stream


def two_tasks(*nodes: Node) -> Problem:
    tasks = tuple(Task(t, (Variant("v", seconds={"*": 1.0}),)) for t in "xy")
    stream = Stream("s", TaskGraph(tasks, (Edge("x", "y"),)))
    return Problem(Cluster.mesh("pair", nodes or (Node("a"), Node("b")), 1.0), (stream,), name="p")


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        (([0, 2],), "task 'y': node must be an index from 0 to 1, got 2"),
        (([-1, 0],), "task 'x': node must be an index from 0 to 1, got -1"),
        (([0, 1], [0, 1]), "task 'y': variant must be an index from 0 to 0, got 1"),
        (([0],), "an allocation of 'p' needs one node for each of its 2 tasks, got 1"),
        (
            ([0, 1], None, [0]),
            "an allocation of 'p' needs one priority for each of its 2 tasks, got 1",
        ),
    ],
    ids=["node", "negative", "variant", "nodes", "priorities"],
)
def test_allocations_from_impossible_indices(arrays, sentence: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InvalidAllocation) as caught:
        Allocation.of(two_tasks(), *arrays)
    assert str(caught.value) == sentence


def test_allocations_from_arrays_still_work() -> None:
    problem = two_tasks()
    made = Allocation.of(problem, np.array([1, 0]), np.array([0, 0]), np.array([0, 1]))
    assert [p.node for p in made.placements] == ["b", "a"]
    assert made == Allocation.of(problem, [1, 0])


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: Node("a", speed=math.inf), "node 'a': speed"),
        (lambda: Node("a", corun=(1.0, math.inf)), "node 'a': co-run factors"),
        (lambda: Node("a", peak_flops={"fp32": math.inf}), "node 'a': peak_flops of fp32"),
        (lambda: Link("l", math.inf), "link 'l': bandwidth"),
        (lambda: Slowdown("a", 0.0, 1.0, math.inf), "slow-down of 'a': factor"),
        (lambda: Arrivals("poisson", rate=math.inf), "arrivals: rate"),
        (lambda: Objective((("makespan", math.inf),)), "objective makespan: the weight"),
    ],
)
def test_infinity_is_told_that_it_is_not_finite(make, field: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InvalidScenario) as caught:
        make()
    assert str(caught.value) == f"{field} must be finite, got inf"


@pytest.mark.parametrize(
    ("term", "fields"),
    [
        ("energy", "idle_watts or busy_watts"),
        ("cost", "price_per_hour"),
        ("cost_busy", "price_per_hour"),
    ],
)
def test_objectives_that_would_always_be_zero(term: str, fields: str) -> None:
    with pytest.raises(InvalidScenario) as caught:
        replace(two_tasks(), objective=Objective((("makespan", 1.0), (term, 2.0))))
    assert str(caught.value) == (
        f"objective {term}: no node of cluster 'pair' declares {fields}, so it would always be 0"
    )


def test_one_node_that_declares_them_will_do() -> None:
    some = two_tasks(Node("a", busy_watts=3.0, price_per_hour=0.0), Node("b"))
    for term in ("energy", "cost", "cost_busy"):
        assert replace(some, objective=Objective.parse(term)).objective.terms[0][0] == term
