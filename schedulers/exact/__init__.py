"""Exact search: constraint programming (CP-SAT) or mixed-integer programming (HiGHS).

Papers: P. Laborie, J. Rogerie, P. Shaw, P. Vilim, "IBM ILOG CP Optimizer for scheduling",
Constraints 23, 2018, doi:10.1007/s10601-018-9281-x (optional intervals as a language for
scheduling); S. Venugopalan, O. Sinnen, "ILP formulations for optimal task scheduling with
communication delays on parallel systems", IEEE TPDS 26(1), 2015, doi:10.1109/TPDS.2014.2308175 (the
problem as a linear program).

The model: every task is one of several optional intervals, one for each admissible (variant, node);
intervals on a node do not overlap (at most c at a time on c slots); a consumer waits for its
producers and, on another node, for the transfer. Sending stretches the producer. Memory limits with
shared weights, `place_with`, `apart`, pins. Redundant: heads and tails (`schedulers.bounding`), the
load of every node against the makespan, and nodes that could swap names are used in order.

What we changed, and why: time is counted in ticks such that the solver's bound is one in seconds
too, see `schedulers.exact.ticks`. What it finds is ranked by its starts and evaluated like any
other allocation, in float64, so the tick never enters an objective. The search begins at the best
of several heuristics.

What is proved: where a plan's makespan is the objective (`schedulers.exactness`), the bound is
handed in, and the status is "optimal" once the objective is within a relative 1e-9 of it. Elsewhere
(other networks, greedy dispatch, streams, other objectives) the average request is searched all the
same and every solution on the way is evaluated by simulation, but nothing is proved.

Limits: seconds are CPU seconds, which `workers` threads use up that much faster. A budget of
evaluations, and the default without any budget, count CP-SAT's deterministic time instead: answers
repeat with one worker. One evaluation stands for `PER_EVALUATION` of it, about what other searches
get done with one.

Cost: exponential. Does badly: beyond 30 tasks or so proofs are rare, earlier for many independent
tasks on few nodes (forks, joins), where only loads bound; then annealing finds the same schedules
sooner.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from schedulers.exactness import plan_is_exact
from schedulers.starts import planned
from schedulers.starts import rows as columns  # `rows` is a module of this package

if TYPE_CHECKING:
    from numpy.random import Generator

    from schedulers.budget import Budget
    from schedulers.exact.cpsat import Answer
    from schedulers.exact.model import Model
    from schedulers.timeline import Plan
    from simulator.allocation import Allocation
    from simulator.problem import Problem

PER_EVALUATION = 1e-5
"""Deterministic seconds of the solver that one evaluation of a budget buys."""

STARTS = ("heft", "heft[lookahead=oct]", "peft", "min_min", "max_min", "etf", "single_node")


@dataclass(frozen=True)
class Exact:
    """The best allocation of one average request, with a proof where there is time for it.

    Parameters
    ----------
    solver : {"cpsat", "milp"}
        CP-SAT of OR-Tools, or HiGHS through scipy, a fallback for small problems.
    workers : int
        Threads of CP-SAT; with more than one, answers may differ from run to run.
    effort : float
        Deterministic seconds for which CP-SAT searches when there is no budget.
    """

    version: ClassVar[int] = 1
    solver: Literal["cpsat", "milp"] = "cpsat"
    workers: int = 1
    effort: float = 2.0

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise ValueError(f"workers must be >= 1, got {self.workers}")
        if not self.effort > 0:
            raise ValueError(f"effort must be > 0, got {self.effort}")

    def schedule(self, problem: Problem, budget: Budget, rng: Generator) -> Allocation:
        """Start from the heuristics, then improve and prove."""
        plan = best_plan(problem, budget)
        if budget.left() > 0 and plan.makespan > 0:
            from schedulers.exact.model import model_of

            model = model_of(problem, plan.makespan)
            search = _by_cpsat if self.solver == "cpsat" else _by_milp
            search(self, model, plan, budget, int(rng.integers(2**31)))
        assert budget.best is not None
        return budget.best


def best_plan(problem: Problem, budget: Budget) -> Plan:
    """The shortest plan of several heuristics; all are offered, as far as the budget goes.

    Raises
    ------
    Infeasible
    """
    plans = sorted(planned(problem, STARTS), key=lambda plan: plan.makespan)
    if plan_is_exact(problem):
        budget.offer(plans[0].allocation(problem), plans[0].makespan)
    else:
        budget.evaluate(columns(plans))
    return plans[0]


def _by_cpsat(scheduler: Exact, model: Model, plan: Plan, budget: Budget, seed: int) -> None:
    from schedulers.exact.cpsat import Search, hint, program_of
    from schedulers.timeline import replayed

    unit, exact = model.tick.seconds, plan_is_exact(model.problem)
    program = program_of(model)
    hint(model, program, plan)
    effort = scheduler.effort if not budget.limited else math.inf
    if math.isfinite(budget.evaluations_left()):
        effort = budget.evaluations_left() * PER_EVALUATION
    if budget.left() == 0 or effort == 0:
        return

    def take(answer: Answer) -> None:
        times = np.array([answer.start * unit, answer.finish * unit])
        found = replayed(model.view, answer.node, answer.variant, times[0], times[1])
        budget.evaluate(columns([found]))

    search = Search(program, effort, scheduler.workers, seed)
    try:
        search.run(take, lambda: budget.left() > 0)
    finally:
        bound = model.tick.bound(search.bound)
        if exact and bound <= budget.best_objective:  # else the solver contradicts itself
            budget.prove(bound)
    if math.isfinite(budget.evaluations_left()):
        spent = math.ceil(search.effort / PER_EVALUATION)
        budget.charge(int(min(spent, budget.evaluations_left())))


def _by_milp(scheduler: Exact, model: Model, plan: Plan, budget: Budget, seed: int) -> None:
    from schedulers.exact.milp import solve_milp

    solve_milp(model, plan, budget)
