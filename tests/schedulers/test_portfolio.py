"""The portfolio is never worse than any quick list scheduler, and stops when it has proved it."""

from __future__ import annotations

import numpy as np
import pytest

from scenarios.generate import generate
from schedulers import solve
from schedulers.budget import Budget
from schedulers.genetic.memetic import Memetic
from schedulers.portfolio import MUCH, Portfolio, communication_ratio
from schedulers.registry import InvalidSpec, make
from schedulers.starts import QUICK, judged_starts
from simulator.problem import Problem
from tests.schedulers.problems import TINY, from_table
from tests.schedulers.test_paper import TOPCUOGLU


def layered(ccr: float, seed: int = 7001) -> Problem:
    return generate("layered", tasks=30, nodes=4, ccr=ccr, seed=seed).problem()


@pytest.mark.parametrize("ccr", [0.1, 5.0])
def test_it_is_never_worse_than_what_it_starts_from(ccr: float) -> None:
    problem = layered(ccr)
    best = min(solve(spec, problem).objective for spec in QUICK)
    outcome = solve("portfolio", problem, evaluations=20_000)
    assert outcome.objective <= best
    assert outcome.evaluations <= 20_000


@pytest.mark.parametrize(("ccr", "crossed"), [(1.0, False), (8.0, True)])
def test_memetic_runs_where_messages_outweigh_tasks(
    ccr: float, crossed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = layered(ccr)
    assert (communication_ratio(problem) > MUCH) == crossed
    used = []
    original = Memetic.schedule

    def noted(self, problem, budget, rng):  # type: ignore[no-untyped-def]
        used.append(problem.name)
        return original(self, problem, budget, rng)

    solve("portfolio", problem, evaluations=100)  # warms up
    monkeypatch.setattr(Memetic, "schedule", noted)
    outcome = solve("portfolio", problem, evaluations=9000)
    assert bool(used) == crossed
    assert outcome.evaluations <= 9000


def test_what_annealing_finds_is_offered_on_the_way() -> None:
    """An interrupt in the middle of a stage must not lose it."""
    problem = generate("layered", tasks=80, nodes=6, ccr=2.0, seed=7002).problem()
    outcome = solve("annealing", problem, evaluations=300_000)
    inside = [p for p in outcome.curve if 1_000 < p.evaluations < 120_000]
    assert len(inside) >= 3
    assert outcome.curve[-1].objective == problem.objective_of(outcome.allocation)


def test_it_finds_the_published_optimum() -> None:
    assert solve("portfolio", TOPCUOGLU, evaluations=100_000).objective == 73.0


def test_it_stops_once_the_bound_is_met() -> None:
    chain = from_table([[1, 5], [2, 5], [3, 5]], [(1, 2, 4), (2, 3, 4)])
    outcome = solve("portfolio", chain, evaluations=10_000)
    assert (outcome.status, outcome.objective) == ("optimal", 6.0)
    assert outcome.evaluations < 50


def test_starts_are_judged_sorted_and_distinct() -> None:
    problem = layered(1.0)
    budget = Budget(problem)
    plans, values = judged_starts(problem, budget)
    assert list(values) == sorted(values)
    assert values[0] == budget.best_objective == plans[0].makespan
    assert budget.evaluations == len(plans) == len({p.node.tobytes() + p.priority.tobytes()
                                                    for p in plans})  # fmt: skip
    few = Budget(problem, evaluations=3)
    assert len(judged_starts(problem, few)[0]) <= 4
    assert few.evaluations <= 3


def test_the_communication_ratio_is_that_of_the_generator() -> None:
    assert communication_ratio(layered(5.0)) / communication_ratio(layered(0.1)) > 20
    assert communication_ratio(from_table([[1, 2]], [])) == 0.0
    table = from_table([[4, 4], [2, 2]], [(1, 2, 6)], bandwidth=2.0)
    assert communication_ratio(table) == pytest.approx(1.0)


@pytest.mark.parametrize("name", TINY)
def test_one_evaluation_is_enough_for_an_answer(name: str) -> None:
    problem = TINY[name]()
    outcome = solve("portfolio", problem, evaluations=1)
    assert outcome.evaluations <= 1
    assert np.isfinite(outcome.objective)


def test_parameters_are_checked() -> None:
    assert make("portfolio[gradient=0]") == Portfolio(gradient=0.0)
    with pytest.raises(InvalidSpec, match=r"gradient must be in \[0, 1\], got 2"):
        make("portfolio[gradient=2]")
