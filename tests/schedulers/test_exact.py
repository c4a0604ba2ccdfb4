"""Exact search against brute force, published optima, and its own proofs."""

from __future__ import annotations

import math
import signal
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from schedulers import solve
from schedulers.budget import Budget
from schedulers.exact import Exact
from schedulers.exact.model import model_of
from schedulers.exact.ticks import tick_for
from schedulers.exactness import plan_is_exact
from schedulers.heft import Heft
from simulator.errors import Unsupported
from simulator.problem import Problem
from tests.schedulers.problems import TINY, from_table, random_problem
from tests.schedulers.test_paper import TOPCUOGLU


@pytest.mark.parametrize("seed", range(40))
def test_agrees_with_brute_force(seed: int) -> None:
    """Slots, overheads, sends, zero lengths and ties; values over ten orders of magnitude."""
    problem = random_problem(np.random.default_rng(seed), 5, 3, overheads=seed % 2 == 1)
    oracle = solve("brute_force", problem)
    assert oracle.status == "optimal"
    for spec in ("exact", "exact[solver=milp]"):
        outcome = solve(spec, problem)
        assert outcome.objective == pytest.approx(oracle.objective, rel=1e-9)
        assert outcome.bound <= oracle.objective
        assert spec != "exact" or outcome.status == "optimal"


@pytest.mark.parametrize("name", [n for n in TINY if n != "slots"])
def test_constraints_of_tiny_problems(name: str) -> None:
    """Variants, memory, groups, pins, size tables: proved, and no better than brute force."""
    problem = TINY[name]()
    if not plan_is_exact(problem):
        return
    oracle = solve("brute_force", problem)
    for spec in ("exact", "exact[solver=milp]"):
        outcome = solve(spec, problem)
        assert outcome.objective == pytest.approx(oracle.objective, rel=1e-9)
        assert outcome.bound <= oracle.objective


def test_the_optimum_of_the_heft_paper_is_proved() -> None:
    outcome = solve("exact", TOPCUOGLU)
    assert (outcome.objective, outcome.bound, outcome.status) == (73.0, 73.0, "optimal")


@pytest.mark.parametrize("network", ["fifo", "fair"])
def test_nothing_is_proved_where_plans_are_estimates(network: str) -> None:
    problem = replace(TOPCUOGLU, network=network)
    budget = Budget(problem, evaluations=20_000)
    Exact().schedule(problem, budget, np.random.default_rng(0))
    assert budget.bound == -math.inf
    assert budget.best_objective <= problem.objective_of(Heft().plan(problem).allocation(problem))


def test_evaluations_repeat_and_are_kept() -> None:
    runs = [solve("exact", TOPCUOGLU, evaluations=500, seed=1) for _ in range(2)]
    assert runs[0].allocation == runs[1].allocation
    assert runs[0].evaluations == runs[1].evaluations <= 500


def hard(seed: int = 0) -> Problem:
    """Sixty independent tasks on four unlike nodes: nothing that is proved in a second."""
    rows = np.random.default_rng(seed).gamma(4.0, 1.0, (60, 4))
    return from_table(rows.tolist(), [])


def test_an_interrupt_returns_the_best_so_far() -> None:
    problem = hard()
    solve("exact", problem, evaluations=100)  # imports and compiles
    threading.Timer(0.6, lambda: signal.raise_signal(signal.SIGINT)).start()
    begin = time.monotonic()
    outcome = solve("exact", problem, seconds=60)
    assert time.monotonic() - begin < 30
    assert outcome.status in ("interrupted", "optimal")
    assert math.isfinite(outcome.objective)


def test_too_large_a_model_is_refused_in_a_sentence() -> None:
    problem = from_table(np.ones((400, 400)).tolist(), [])
    with pytest.raises(Unsupported, match=r"exact: 'table' needs about 320,000 constraints"):
        solve("exact", problem)


def test_identical_nodes_are_twins() -> None:
    problem = from_table([[2, 2, 3, 2], [4, 4, 5, 4]], [(1, 2, 3)])
    assert model_of(problem, 9.0).twins.tolist() == [-1, 0, -1, 1]


@pytest.mark.parametrize(
    ("values", "unit", "safety"),
    [
        ([3.0, 6.0, 9.0], 3.0, 1.0),
        ([0.5, 0.25, 3.0], 0.25, 1.0),
        ([0.1, 0.3, 0.7, 1.1], 0.1, 1 - 2e-12),
        ([1 / 3, 2.0, 5 / 3], 1 / 3, 1 - 2e-12),
        ([163.0, 209.0, 1e-3], 1e-3, 1 - 2e-12),
    ],
)
def test_a_common_measure_is_found(values: list[float], unit: float, safety: float) -> None:
    tick = tick_for(np.array(values), 4.0 * max(values), 25)
    assert tick.whole
    assert tick.seconds == pytest.approx(unit, rel=1e-15)
    assert tick.safety == safety


def test_without_a_common_measure_rounding_costs_less_than_the_tolerance_of_a_proof() -> None:
    values = np.random.default_rng(0).gamma(2.0, 1.0, 50)
    tick = tick_for(values, 20.0, 25)
    assert not tick.whole
    assert 2 * 25 * tick.seconds < 0.5e-9 * 20.0
    down = tick.floor(values, np.inf) * tick.seconds
    assert (down <= values).all() and (values - down < tick.seconds).all()


def test_real_durations_are_proved_too() -> None:
    rng = np.random.default_rng(4)
    rows = rng.gamma(4.0, 1.0, (9, 3)).tolist()
    edges = [(a, b, float(rng.random())) for b in range(2, 10) for a in range(1, b)
             if rng.random() < 0.3]  # fmt: skip
    outcome = solve("exact", from_table(rows, edges), evaluations=500_000)
    assert outcome.status == "optimal"
    assert outcome.objective >= outcome.bound
