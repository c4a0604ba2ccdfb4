"""BIL: levels by hand, chains are optimal, selection by the k-th best node."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schedulers.lists.bil import imaginary_levels
from schedulers.registry import make
from schedulers.view import view_of
from simulator.cluster import Cluster, Connection, Node
from simulator.problem import Problem
from simulator.taskgraph import Edge, Task, TaskGraph, Variant
from simulator.workload import Stream
from tests.schedulers.problems import every_placement, from_table


def test_levels_by_hand() -> None:
    """1 -> 3 (4 bytes), 1 -> 2 (1 byte), 2 -> 3 (2 bytes); exit 3 takes 5 and 2 s.

    2 on p1: 3 + min(5, 2 + 2) = 7; on p2: 6 + min(2, 2 + 5) = 8. 1 on p1: successor 2 stays (7) or
    moves (1 + 8), successor 3 stays (5) or moves (4 + 2): 2 + 7; on p2: 2 stays (8) or moves
    (1 + 7), 3 stays: 3 + 8.
    """
    problem = from_table([[2, 3], [3, 6], [5, 2]], [(1, 3, 4), (1, 2, 1), (2, 3, 2)])
    levels = imaginary_levels(view_of(problem))[:, 0]
    assert levels.tolist() == [[9.0, 11.0], [7.0, 8.0], [5.0, 2.0]]


def chain(seed: int) -> Problem:
    """A chain on nodes whose links all differ, with variants of different sizes and gaps."""
    rng = np.random.default_rng(seed)
    nodes = tuple(Node(n, wake_s=float(rng.integers(0, 2))) for n in "abc")
    links = [
        Connection(a, b, float(rng.integers(1, 5)), float(rng.integers(0, 3)))
        for a, b in ("ab", "bc", "ac")
    ]

    def variant(name: str) -> Variant:
        seconds = {n: float(rng.integers(0, 9)) for n in "abc" if rng.random() < 0.8}
        seconds = seconds or {"b": 4.0}
        return Variant(name, seconds=seconds, output_bytes=float(rng.integers(0, 12)))

    tasks = tuple(Task(f"t{i}", (variant("x"), variant("y"))) for i in range(4))
    graph = TaskGraph(tasks, tuple(Edge(f"t{i}", f"t{i + 1}") for i in range(3)))
    return Problem(Cluster.connect("triangle", nodes, links, []), (Stream("s", graph),))


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_chains_are_optimal(seed: int) -> None:
    """Theorem of the paper, against all placements; here with unequal links and with variants."""
    problem = chain(seed)
    plan, view = make("bil").plan(problem), view_of(problem)
    best = np.inf
    for node, variant in every_placement(problem):
        time = 0.0
        for t in range(4):
            time += view.hold[t, variant[t], node[t]]
            if t < 3 and node[t] != node[t + 1]:
                size = problem.bytes[t, variant[t]]
                time += view.latency[node[t], node[t + 1]] + view.wake[node[t + 1]]
                time += size / view.bandwidth[node[t], node[t + 1]]
        best = min(best, time)
    assert plan.makespan == pytest.approx(best, rel=1e-12)
    assert imaginary_levels(view)[0].min() == pytest.approx(best, rel=1e-12)


def test_the_kth_best_node_decides_by_hand() -> None:
    """Two ready tasks, so the second-best BIM counts: (1, 10) and (6, 7): 1 goes first, to p1.

    Its second-best 10 beats 7, though at best it needs 1 only. Then 2 alone: min(1 + 6, 7): a tie,
    with no other ready task left to decide it: p1 starts at 1. Without the wait, p2.
    """
    plan = make("bil").plan(from_table([[1, 10], [6, 7]], []))
    assert plan.node.tolist() == [0, 0]
    assert plan.start.tolist() == [0.0, 1.0]
    plan = make("bil").plan(from_table([[1, 10], [6, 6.5]], []))
    assert plan.node.tolist() == [0, 1]


def test_ties_of_the_kth_are_decided_by_the_one_before() -> None:
    """(3, 8) and (5, 8): both have 8 at worst, and 5 > 3: task 2 goes first, to p1."""
    plan = make("bil").plan(from_table([[3, 8], [5, 8]], []))
    assert (plan.node[1], plan.start[1]) == (0, 0.0)


def test_load_makes_duration_count() -> None:
    """Four ready tasks on two nodes: k / P - 1 = 1, so durations count twice.

    Task 1 takes 10 s on p1 and 1 s on p2, its successor 1 s on p1 and 13 s on p2, 12 s away:
    levels 10 + 1 and 1 + min(13, 12 + 1). Alone it goes to p1, since 11 < 14; beside three other
    ready tasks to p2, since 11 + 10 > 14 + 1.
    """
    alone = from_table([[10, 1], [1, 13]], [(1, 2, 12)])
    assert make("bil").plan(alone).node.tolist() == [0, 0]
    busy = from_table([[10, 1], [0.5, 0.5], [0.5, 0.5], [0.5, 0.5], [1, 13]], [(1, 5, 12)])
    plan = make("bil").plan(busy)
    assert plan.node[0] == 1
    assert plan.start[0] == 0.0
