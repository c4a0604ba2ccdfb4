"""What a scheduler is, and `solve`, which runs one: it owns clock, seed, budget and validity.

`Budget` and `Outcome` live in modules of their own and are public here as well.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import is_dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

import numpy as np

from schedulers.budget import Budget, Clock, Progress
from schedulers.outcome import Outcome, Point
from simulator.errors import AlloclabError, InvalidAllocation

if TYPE_CHECKING:
    from numpy.random import Generator

    from simulator.allocation import Allocation
    from simulator.arrays import FloatArray
    from simulator.problem import Problem

__all__ = ["Budget", "Outcome", "Point", "Scheduler", "solve"]

OPTIMAL_WITHIN = 1e-9
"""Relative distance from the bound within which an objective is called optimal."""


@runtime_checkable
class Scheduler(Protocol):
    """Decides which variant of every task runs where, and in which order.

    A scheduler is a frozen dataclass whose fields are its parameters. `schedule` sees nominal
    values and `plan` luck only: everything it may ask is in the problem. It leaves the problem as
    it is, draws chance from `rng` alone, stops when ``budget.left()`` is 0, and breaks ties by task
    and then by node.

    Attributes
    ----------
    version : int
        Raised whenever the answers may change.
    """

    version: ClassVar[int]

    def schedule(self, problem: Problem, budget: Budget, rng: Generator) -> Allocation:
        """Find an allocation.

        Raises
        ------
        Infeasible
            No allocation keeps the constraints, or none was found.
        """
        ...


def solve(
    scheduler: str | Scheduler,
    problem: Problem,
    seconds: float | None = None,
    evaluations: int | None = None,
    seed: int = 0,
    *,
    clock: Clock = time.process_time,
    progress: Progress | None = None,
) -> Outcome:
    """Run a scheduler on a problem and judge its answer.

    Imports, compilation and the lowering of the problem happen before the clock starts. If the
    search is interrupted (Ctrl-C), the best allocation it has offered is the answer.

    Parameters
    ----------
    scheduler : str or Scheduler
        A spec such as ``"heft[insertion=false]"``, or a scheduler.
    problem : Problem
    seconds : float or None
        CPU seconds that it may use; None: no limit.
    evaluations : int or None
        Allocations that it may have simulated; None: no limit.
    seed : int
        Seeds all its chance.
    clock : callable
        Measures `seconds`; the default is the CPU time of this process over all threads.
    progress : callable or None
        Called now and then with the budget of the running search.

    Returns
    -------
    Outcome

    Raises
    ------
    UnknownName, InvalidSpec
        The spec or a limit makes no sense.
    Infeasible
        No allocation keeps the constraints, or none was found.
    InvalidAllocation
        The scheduler returned something that does not fit the problem: a bug in it.
    KeyboardInterrupt
        Interrupted before anything valid was offered.

    Examples
    --------
    ``solve("heft", problem).allocation``
    """
    from schedulers.registry import make, spec_of
    from schedulers.warm import warm_up

    check_limits(seconds, evaluations, seed)
    chosen = make(scheduler) if isinstance(scheduler, str) else scheduler
    spec = _checked_spec(chosen, spec_of)
    warm_up(chosen, problem)
    rng = np.random.default_rng(seed)
    wall = time.perf_counter()
    budget = Budget(problem, seconds, evaluations, clock, progress)
    try:
        answer: Allocation | None = chosen.schedule(problem, budget, rng)
    except KeyboardInterrupt:
        budget.interrupted = True
        answer = budget.best
        if answer is None or budget.best_objective == math.inf:
            raise
    elapsed, wall = budget.elapsed(), time.perf_counter() - wall
    allocation, objective = _judge(spec, problem, budget, answer)
    return _outcome(problem, budget, allocation, objective, spec, chosen, seed, elapsed, wall)


def check_limits(seconds: float | None, evaluations: int | None, seed: int = 0) -> None:
    """Refuse budgets and seeds that make no sense.

    Raises
    ------
    InvalidSpec
    """
    from schedulers.registry import InvalidSpec

    if seconds is not None and not seconds > 0:
        raise InvalidSpec(f"the budget of seconds must be > 0, got {seconds!r}")
    if evaluations is not None and (int(evaluations) != evaluations or evaluations < 1):
        raise InvalidSpec(f"the budget of evaluations must be an integer >= 1, got {evaluations!r}")
    if seed < 0:
        raise InvalidSpec(f"a seed must be >= 0, got {seed!r}")


def _checked_spec(scheduler: object, spec_of: Callable[[Scheduler], str]) -> str:
    """Spec string of something that keeps the protocol.

    Raises
    ------
    InvalidSpec
        It does not.
    """
    from schedulers.registry import InvalidSpec

    kind = type(scheduler).__name__
    if isinstance(scheduler, type):
        raise InvalidSpec(f"solve needs a scheduler, got the class {scheduler.__name__}: call it")
    if not is_dataclass(scheduler) or not callable(getattr(scheduler, "schedule", None)):
        raise InvalidSpec(f"{kind} is no scheduler: it must be a dataclass with a method schedule")
    if not isinstance(getattr(type(scheduler), "version", None), int):
        raise InvalidSpec(f"scheduler {kind} needs `version: ClassVar[int]`")
    return spec_of(scheduler)  # type: ignore[arg-type]


def _judge(
    spec: str, problem: Problem, budget: Budget, answer: Allocation | None
) -> tuple[Allocation, float]:
    """The answer, or the best that was offered if that is better; checked against the problem.

    An answer that the scheduler wants kept (`Budget.keep_answer`) stays.
    """
    from simulator.allocation import Allocation
    from simulator.rules import check_allocation

    if not isinstance(answer, Allocation):
        kind = type(answer).__name__
        raise InvalidAllocation(f"scheduler {spec} must return an Allocation, got {kind}")
    try:
        check_allocation(problem, answer)
        if answer == budget.best:
            return answer, budget.best_objective
        objective = problem.objective_of(answer)
        kept = budget.keep_answer
        if budget.best is None or kept or objective <= budget.best_objective:
            return answer, objective
        check_allocation(problem, budget.best)
    except AlloclabError as error:
        raise InvalidAllocation(f"scheduler {spec}: {error}") from None
    return budget.best, budget.best_objective


def _terms(problem: Problem, allocation: Allocation, objective: float) -> dict[str, float]:
    """Value of each term of the objective, before weighting, over the plan realisations."""
    from simulator.batch import evaluate_batch
    from simulator.evaluate import stack
    from simulator.objective import Objective

    terms = problem.objective.terms
    if len(terms) == 1 and terms[0][1] == 1.0 and problem.objective.lost_penalty is None:
        return {terms[0][0]: objective}
    rows = stack(problem, [allocation])
    penalty = None if problem.objective.lost_penalty is None else 0.0
    values: dict[str, list[FloatArray]] = {name: [] for name, _ in terms}
    for luck in problem.plan:
        run = evaluate_batch(problem.arrays, *rows, luck)
        for name, found in values.items():
            one = Objective(((name, 1.0),), penalty).values(
                problem, luck.stream, run.arrival, run.completed, run.busy
            )
            found.append(one)
    over = problem.plan_risk.over
    return {name: float(over(np.array(found))[0]) for name, found in values.items()}


def _outcome(
    problem: Problem,
    budget: Budget,
    allocation: Allocation,
    objective: float,
    spec: str,
    scheduler: Scheduler,
    seed: int,
    elapsed: float,
    wall: float,
) -> Outcome:
    from schedulers.bounds import lower_bound
    from simulator.engines import SEMANTICS

    bound = lower_bound(problem)
    if budget.bound > -math.inf:
        bound = budget.bound if bound is None else max(bound, budget.bound)
    proved = bound is not None and objective <= bound * (1.0 + OPTIMAL_WITHIN)
    curve = list(budget.curve)
    if not curve or objective < curve[-1].objective:
        curve.append(Point(elapsed, budget.evaluations, objective))
    return Outcome(
        allocation=allocation,
        objective=objective,
        objectives=_terms(problem, allocation, objective),
        bound=bound,
        status="optimal" if proved else "interrupted" if budget.interrupted else "feasible",
        curve=tuple(curve),
        cpu_seconds=elapsed,
        wall_seconds=wall,
        evaluations=budget.evaluations,
        seed=seed,
        spec=spec,
        version=scheduler.version,
        semantics=SEMANTICS,
        front=budget.front,
    )
