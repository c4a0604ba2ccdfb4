"""A scheduler in a duel: the makespan it reaches on an instance, quickly and officially."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from schedulers.base import solve
from schedulers.baselines import SingleNode
from schedulers.budget import Budget
from schedulers.lists.hybrid import Hybrid
from schedulers.planner import Planner
from schedulers.registry import make, spec_of
from simulator.engines import simulate
from simulator.errors import AlloclabError

if TYPE_CHECKING:
    from simulator.problem import Problem


class Contender:
    """A scheduler by its spec.

    Parameters
    ----------
    spec : str
    seed : int
        Of its own chance, where it has any: the same for every instance.
    """

    def __init__(self, spec: str, seed: int = 0) -> None:
        self.scheduler = make(spec)
        self.spec = spec_of(self.scheduler)
        self.seed = seed

    def makespan(self, problem: Problem) -> float:
        """Makespan in seconds; NaN where it finds no answer.

        A plan's own makespan is the simulated one, to the last bit, on problems such as these
        (`schedulers.exactness`); whoever does more than plan is judged by simulation.
        """
        try:
            if isinstance(self.scheduler, Planner):
                return float(self.scheduler.plan(problem).finish.max())
            if isinstance(self.scheduler, SingleNode | Hybrid):
                return min(plan.makespan for plan in self.scheduler.plans(problem))
            budget = Budget(problem)
            answer = self.scheduler.schedule(problem, budget, np.random.default_rng(self.seed))
            if answer == budget.best:
                return budget.best_objective
            return min(problem.objective_of(answer), budget.best_objective)
        except AlloclabError:
            return math.nan

    def official(self, problem: Problem) -> float:
        """Makespan by `solve` and `simulate`, as `alloclab compare` has it."""
        outcome = solve(self.scheduler, problem, seed=self.seed)
        trace = simulate(problem, outcome.allocation, seed=self.seed)
        return float(trace.metrics()["objective"])
