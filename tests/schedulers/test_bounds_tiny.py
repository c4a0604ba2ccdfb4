"""Bounds against the optimum of tiny problems, found by trying every allocation in the simulator;
heads, tails and loads by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.exact import bound_complaint
from schedulers import lower_bound, solve
from schedulers.bounding.headtail import Pairs, heads, heads_and_tails
from schedulers.bounding.loads import fractional_load
from schedulers.bounds import bounds
from tests.schedulers.problems import from_table, random_problem
from tests.schedulers.test_paper import TOPCUOGLU


@pytest.mark.parametrize("part", range(5))
def test_never_above_the_optimum(part: int) -> None:
    """Quorums, deadlines, branches, lags, variants, slots, factors, all networks and dispatches."""
    for seed in range(30 * part, 30 * part + 30):
        assert bound_complaint(seed) is None


@pytest.mark.slow
def test_never_above_the_optimum_on_a_thousand() -> None:
    assert [c for seed in range(1000) if (c := bound_complaint(seed)) is not None] == []


@pytest.mark.parametrize("seed", range(60))
def test_never_above_the_optimum_of_plain_graphs(seed: int) -> None:
    problem = random_problem(np.random.default_rng(1000 + seed), 6, 3, overheads=seed % 2 == 1)
    outcome = solve("exact", problem)
    assert max(bounds(problem).values()) <= outcome.objective


def join(delays: list[float], slots: int = 1) -> np.ndarray:
    """Heads of a join of three tasks of 2 s on two nodes, whose messages take so long."""
    hold = np.array([[2.0, 2.0]] * 3 + [[1.0, 1.0]])
    delay = np.array([[[0.0, d], [d, 0.0]] for d in delays])
    pairs = Pairs(np.arange(3), np.full(3, 3), delay)
    return heads(hold, np.array([slots, slots]), np.arange(4), pairs, np.zeros(4))[3]


@pytest.mark.parametrize(
    ("delays", "slots", "head"),
    [
        ([1.0, 1.0, 1.0], 1, 3.0),  # all of them may be remote: 2 + 1
        ([9.0, 9.0, 9.0], 1, 6.0),  # no message before 11: all three here, 6 s
        ([9.0, 9.0, 1.0], 1, 4.0),  # two here, the third is there at 3
        ([9.0, 3.0, 1.0], 1, 4.0),  # one here: messages at 5; two here: 4 s
        ([9.0, 9.0, 9.0], 3, 2.0),  # three at once
        ([9.0, 9.0, 9.0], 2, 3.0),  # 6 s of work on two slots
    ],
)
def test_inputs_come_together_or_by_message(delays: list[float], slots: int, head: float) -> None:
    assert join(delays, slots).tolist() == [head, head]


def test_tails_are_heads_of_the_reversed_graph() -> None:
    """A fork of three tasks of 2 s behind slow messages: 6 s remain after its root."""
    hold = np.array([[1.0, 1.0]] + [[2.0, 2.0]] * 3)
    delay = np.array([[[0.0, 9.0], [9.0, 0.0]]] * 3)
    pairs = Pairs(np.zeros(3, dtype=np.int64), np.arange(1, 4), delay)
    head, tail = heads_and_tails(hold, np.array([1, 1]), np.arange(4), pairs, np.zeros(4))
    assert tail[0].tolist() == [6.0, 6.0]
    assert head[1:].tolist() == [[1.0, 1.0]] * 3
    assert tail[1:].tolist() == [[0.0, 0.0]] * 3


def test_loads_by_hand() -> None:
    """Two tasks, each fast elsewhere: 1 s. One of 3 s anywhere: split in halves, 1.5 s."""
    assert fractional_load(np.array([[1.0, 9.0], [9.0, 1.0]]), np.array([1, 1])) == pytest.approx(1)
    assert fractional_load(np.array([[3.0, 3.0]]), np.array([1, 1])) == pytest.approx(1.5)
    assert fractional_load(np.array([[3.0, np.inf]]), np.array([2, 5])) == pytest.approx(1.5)


@pytest.mark.parametrize("seed", range(5))
def test_loads_come_close_to_the_linear_program_and_never_above(seed: int) -> None:
    from scipy.optimize import linprog

    rng = np.random.default_rng(seed)
    work, slots = rng.gamma(2.0, 1.0, (40, 5)), rng.integers(1, 4, 5)
    cost = np.zeros(201)
    cost[-1] = 1.0
    rows = np.zeros((5, 201))
    for n in range(5):
        rows[n, n:200:5] = work[:, n]
    rows[:, -1] = -slots
    once = np.kron(np.eye(40), np.ones(5))
    lp = linprog(cost, rows, np.zeros(5), np.hstack([once, np.zeros((40, 1))]), np.ones(40))
    found = fractional_load(work, slots)
    assert 0.99 * lp.fun <= found <= lp.fun * (1 + 1e-9)


def test_the_heft_paper_is_bounded_far_better_than_by_its_critical_path() -> None:
    """Optimum 73, critical path 41."""
    assert bounds(TOPCUOGLU)["critical_path"] == 41.0
    assert 60.0 < lower_bound(TOPCUOGLU) <= 73.0


def test_throughput_of_a_stream_by_hand() -> None:
    """Each request has 2 s for p or 6 s for q, and 6 s for p or 2 s for q: 2 s each, however."""
    problem = from_table([[2, 6], [6, 2]], [])
    stream = replace(problem.streams[0], requests=50)
    busy = replace(problem, streams=(stream,), dispatch="greedy")
    assert bounds(busy)["loads"] / 50 == pytest.approx(2.0, rel=0.01)
