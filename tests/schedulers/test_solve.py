"""`solve` owns clock, seed, budget and validity; `Budget` keeps the best and the curve."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest

from schedulers import Budget, Outcome, solve
from schedulers.registry import InvalidSpec
from simulator.allocation import Allocation
from simulator.dynamics import Dynamics, Outage
from simulator.engines import SEMANTICS
from simulator.errors import InvalidAllocation
from simulator.objective import Objective
from simulator.problem import Problem
from tests.schedulers.problems import TINY, from_table
from tests.schedulers.test_paper import TOPCUOGLU


class Clock:
    """Stands still unless told."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def two_tasks() -> Problem:
    """Independent tasks; together on p1 10 s, on p2 20 s, apart 5 or 10 s."""
    return from_table([[5, 10], [5, 10]], [])


def on(problem: Problem, *nodes: int) -> Allocation:
    return Allocation.of(problem, nodes)


@dataclass(frozen=True)
class Searcher:
    """Tries all four allocations, worst first, for as long as it may."""

    version: ClassVar[int] = 7
    clock: Clock | None = None
    stop_after: int = 99
    returns: str = "best"

    def schedule(self, problem, budget, rng):  # type: ignore[no-untyped-def]
        tried = []
        for nodes in ((1, 1), (0, 0), (0, 1), (1, 0)):
            if budget.left() == 0:
                break
            if self.clock is not None:
                self.clock.now += 1.0
            tried.append(on(problem, *nodes))
            budget.offer(tried[-1])
            if len(tried) == self.stop_after:
                if self.returns == "signal":
                    os.kill(os.getpid(), signal.SIGINT)
                raise KeyboardInterrupt
        return tried[0] if self.returns == "first" else budget.best


def test_outcome_says_everything() -> None:
    outcome = solve("heft[insertion=false]", TOPCUOGLU, seed=11)
    assert outcome.objective == 80.0
    assert outcome.objectives == {"makespan": 80.0}
    assert outcome.bound == pytest.approx(63.0)
    assert outcome.gap == pytest.approx(80 / 63 - 1)
    assert outcome.status == "feasible"
    assert outcome.spec == "heft[insertion=false]"
    assert (outcome.seed, outcome.version, outcome.semantics) == (11, 1, SEMANTICS)
    assert 0 < outcome.cpu_seconds < 60
    assert outcome.curve[-1].objective == 80.0
    data = json.loads(json.dumps(outcome.to_dict()))
    assert Allocation.from_dict(data["allocation"]) == outcome.allocation
    assert data["gap"] == outcome.gap


def test_optimal_is_claimed_when_the_bound_is_met() -> None:
    """Two equal tasks on two equal nodes: 5 s, and neither takes less."""
    outcome = solve("heft", from_table([[5, 5], [5, 5]], []))
    assert (outcome.objective, outcome.status, outcome.gap) == (5.0, "optimal", 0.0)


def test_seconds_are_counted_by_the_given_clock() -> None:
    """Every trial takes 1 s; with 2.5 s to spend the third trial is the last."""
    clock = Clock()
    outcome = solve(Searcher(clock), two_tasks(), seconds=2.5, clock=clock)
    assert outcome.evaluations == 3
    assert outcome.cpu_seconds == 3.0
    assert [tuple(p) for p in outcome.curve] == [(1.0, 1, 20.0), (2.0, 2, 10.0)]
    assert outcome.objective == 10.0


def test_warming_up_costs_nothing() -> None:
    """The trial run before the clock starts uses a problem and a budget of its own."""
    clock = Clock()
    outcome = solve(Searcher(clock, returns="best"), two_tasks(), clock=clock)
    assert outcome.cpu_seconds == 4.0
    assert outcome.evaluations == 4


def test_evaluations_are_counted_and_never_exceeded() -> None:
    problem = two_tasks()
    assert solve(Searcher(), problem, evaluations=2).evaluations == 2
    budget = Budget(problem, evaluations=3)
    values = budget.evaluate([on(problem, 1, 1), on(problem, 0, 0)])
    assert values.tolist() == [20.0, 10.0]
    node = np.array([[0, 1], [1, 0], [0, 0]])
    variant = np.zeros((3, 2), dtype=np.int64)
    priority = np.tile(np.arange(2), (3, 1))
    assert budget.evaluate((node, variant, priority)).tolist() == [10.0, np.inf, np.inf]
    assert (budget.evaluations, budget.evaluations_left(), budget.left()) == (3, 0.0, 0.0)
    assert not budget.offer(on(problem, 0, 1))
    assert budget.best_objective == 10.0


def test_arrays_become_the_best_allocation() -> None:
    problem = from_table([[5, 1], [1, 5]], [])
    budget = Budget(problem)
    node = np.array([[0, 0], [1, 0]])
    budget.evaluate((node, np.zeros_like(node), np.zeros_like(node)))
    assert budget.best is not None
    assert [p.node for p in budget.best.placements] == ["p2", "p1"]
    assert budget.best_objective == 1.0


def test_what_is_left_is_the_lesser_share() -> None:
    clock = Clock()
    budget = Budget(two_tasks(), seconds=4.0, evaluations=10, clock=clock)
    assert budget.left() == 1.0
    clock.now += 1.0
    assert (budget.left(), budget.seconds_left(), budget.elapsed()) == (0.75, 3.0, 1.0)
    budget.evaluations = 6
    assert budget.left() == 0.4
    clock.now += 9.0
    assert (budget.left(), budget.seconds_left()) == (0.0, 0.0)
    endless = Budget(two_tasks(), clock=clock)
    assert endless.left() == 1.0
    endless.interrupted = True
    assert (endless.left(), endless.seconds_left(), endless.evaluations_left()) == (0, 0, 0)


def test_offers_with_a_known_objective_cost_nothing() -> None:
    problem = two_tasks()
    budget = Budget(problem)
    assert budget.offer(on(problem, 0, 0), 10.0)
    assert not budget.offer(on(problem, 1, 1), 10.0)
    assert not budget.offer(on(problem, 1, 1), float("nan"))
    assert (budget.evaluations, len(budget.curve)) == (0, 1)


@pytest.mark.parametrize("returns", ["raise", "signal"])
def test_interrupting_a_search_returns_its_best(returns: str) -> None:
    outcome = solve(Searcher(stop_after=2, returns=returns), two_tasks())
    assert outcome.status == "interrupted"
    assert outcome.objective == 10.0
    assert {p.node for p in outcome.allocation.placements} == {"p1"}


def test_interrupting_before_the_first_offer_is_an_interrupt() -> None:
    @dataclass(frozen=True)
    class Slow:
        version: ClassVar[int] = 1

        def schedule(self, problem, budget, rng):  # type: ignore[no-untyped-def]
            if problem.name != "tiny":
                raise KeyboardInterrupt
            return on(problem, 0, 0, 0)

    with pytest.raises(KeyboardInterrupt):
        solve(Slow(), two_tasks())


def test_the_best_offer_wins_over_a_worse_return() -> None:
    outcome = solve(Searcher(returns="first"), two_tasks())
    assert outcome.objective == 10.0


def test_answers_that_do_not_fit_are_the_schedulers_fault() -> None:
    @dataclass(frozen=True)
    class Wrong:
        version: ClassVar[int] = 1
        answer: str = "nothing"

        def schedule(self, problem, budget, rng):  # type: ignore[no-untyped-def]
            return None if self.answer == "nothing" else Allocation(())

    with pytest.raises(InvalidAllocation, match="must return an Allocation, got NoneType"):
        solve(Wrong(), two_tasks())
    with pytest.raises(
        InvalidAllocation, match=r"scheduler Wrong\[answer=empty\]: task '1' has no"
    ):
        solve(Wrong("empty"), two_tasks())


def test_nonsense_is_refused() -> None:
    problem = two_tasks()
    for call in (
        lambda: solve("heft", problem, seconds=0),
        lambda: solve("heft", problem, seconds=float("nan")),
        lambda: solve("heft", problem, evaluations=0),
        lambda: solve("heft", problem, evaluations=1.5),  # type: ignore[arg-type]
        lambda: solve("heft", problem, seed=-1),
        lambda: solve(Searcher, problem),  # type: ignore[arg-type]
        lambda: solve(7, problem),  # type: ignore[arg-type]
    ):
        with pytest.raises(InvalidSpec):
            call()


def test_terms_of_a_weighted_objective_are_reported() -> None:
    """10 s on p1, weighted 2, and busy p1 10 s against p2 0 s: balance 2."""
    problem = replace(two_tasks(), objective=Objective((("makespan", 2.0), ("balance", 1.0))))
    outcome = solve("met", problem)
    assert outcome.objectives == {"makespan": 10.0, "balance": 2.0}
    assert outcome.objective == 22.0


def test_the_objective_of_a_stream_is_the_mean_over_the_plan() -> None:
    problem = replace(TINY["streams"](), plan_draws=3)
    outcome = solve("heft", problem)
    each = [
        replace(problem, plan_draws=1, plan_seed=i).objective_of(outcome.allocation)
        for i in range(3)
    ]
    assert outcome.objective == pytest.approx(float(np.mean(each)), rel=1e-12)
    assert isinstance(outcome, Outcome)


def test_an_answer_that_only_ever_loses_requests_is_still_an_answer() -> None:
    """The only node is down for good: nothing completes, whatever the allocation."""
    problem = from_table([[1]], [])
    twice = (replace(problem.streams[0], requests=2),)
    hopeless = replace(problem, streams=twice, dynamics=Dynamics(outages=(Outage("p1", 0.0),)))
    for spec in ("heft", "single_node"):
        assert solve(spec, hopeless).objective == float("inf")
    budget = Budget(hopeless)
    assert not budget.offer(on(hopeless, 0))
    assert budget.best == on(hopeless, 0)
    assert budget.curve == []


def test_a_portion_spends_finds_and_proves_for_the_whole() -> None:
    problem, clock = TINY["variants"](), Clock()
    whole = Budget(problem, seconds=8.0, evaluations=100, clock=clock)
    part = whole.portion(0.25)
    assert part.seconds_left() == 2.0
    assert part.evaluations_left() == 25
    heft = solve("heft", problem)
    part.evaluate([heft.allocation])
    assert (part.evaluations, whole.evaluations) == (1, 1)
    assert part.best == whole.best == heft.allocation
    assert whole.best_objective == heft.objective
    part.charge(24)
    assert part.left() == 0
    assert whole.evaluations_left() == 75
    part.prove(1.0)
    assert whole.bound == 1.0
    later = whole.portion(evaluations=10)
    assert later.best_objective == heft.objective
    clock.now += 8.0
    assert (later.left(), later.seconds_left()) == (0, 0)
    assert whole.left() == 0


def test_interrupting_the_whole_ends_its_portions() -> None:
    whole = Budget(TINY["variants"]())
    part = whole.portion(0.5).portion(0.5)
    assert part.left() == 1.0
    whole.interrupted = True
    assert part.left() == part.evaluations_left() == part.seconds_left() == 0.0


def test_a_running_search_shows_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("schedulers.budget.PROGRESS_EVERY", 0.0)
    seen: list[float] = []

    def look(budget: Budget) -> None:
        seen.append(budget.left())

    solve(Searcher(), two_tasks(), progress=look)
    assert seen
