"""Portfolio: heuristics, gradient, then memetic or annealing; what fits the problem and the budget.

Papers: B. A. Huberman, R. M. Lukose, T. Hogg, "An economics approach to hard computational
problems", Science 275(5296), 1997, doi:10.1126/science.275.5296.51; C. P. Gomes, B. Selman,
"Algorithm portfolios", Artificial Intelligence 126(1-2), 2001, doi:10.1016/S0004-3702(00)00081-3.

No search is best everywhere: list schedulers where communication is cheap, the gradient where many
tasks must move together, annealing for the last percents, and a surrogate of queues where requests
wait for each other.

What we changed, and why: the stages do not race, they follow each other, each from the best answer
so far, because the earlier ones are good starts for the later ones.

* All quick list schedulers plan, and the simulator judges the plans.
* If the best meets the lower bound, it is optimal and the search ends.
* One request at a time: `gradient` for a share of the budget, unless the graph is so small that
  annealing sees all of it at once, or so large that the budget allows few steps. Then `memetic`
  where messages take much longer than tasks, because annealing gets stuck between clusters of tasks
  there and crossover does not; `annealing` for the rest, and everywhere else.
* Streams of requests: the search of `stream_search`.

Cost: the whole budget; without a limit, that of its stages. Memory that of the largest stage.

Does badly: nothing in particular, which is its purpose; a single search that happens to suit the
problem can be a little better at the same budget.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from schedulers.bounds import lower_bound
from schedulers.exactness import plan_is_exact
from schedulers.genetic.memetic import Memetic
from schedulers.gradient.search import Gradient
from schedulers.local.annealing import Annealing
from schedulers.starts import judged_starts
from schedulers.view import view_of

if TYPE_CHECKING:
    from numpy.random import Generator

    from schedulers.base import Scheduler
    from schedulers.budget import Budget
    from simulator.allocation import Allocation
    from simulator.problem import Problem

SMALL = 12
"""Tasks up to which the gradient is left out."""

LITTLE = 0.2
"""Communication-to-computation ratio up to which the gradient is left out."""

MUCH = 2.0
"""Communication-to-computation ratio from which the memetic search takes over from annealing."""

LARGE = 300
"""Tasks up to which it does: it needs time for many children."""

MEMETIC = 0.9
"""Its share of what the gradient has left."""

MET = 1e-9
"""Relative distance from the bound within which the search ends."""


@dataclass(frozen=True)
class Portfolio:
    """The recommended default: several searches, one after the other.

    Parameters
    ----------
    gradient : float
        Share of the budget for the gradient, in [0, 1].
    """

    version: ClassVar[int] = 2
    gradient: float = 0.25

    def __post_init__(self) -> None:
        """Refuse values that make no sense."""
        if not 0 <= self.gradient <= 1:
            raise ValueError(f"gradient must be in [0, 1], got {self.gradient}")

    def parts(self) -> tuple[Scheduler, ...]:
        """Schedulers that may run, for `schedulers.warm`."""
        return (Gradient(), Memetic(), Annealing())

    def schedule(self, problem: Problem, budget: Budget, rng: Generator) -> Allocation:
        """Search until the budget is spent or the bound is met.

        Raises
        ------
        Infeasible
            No admissible allocation exists, or none was found.
        """
        plans, values = judged_starts(problem, budget, least_left=0.5)
        fallback = plans[0].allocation(problem)
        bound = lower_bound(problem) if budget.left() > 0 else None
        proved = bound is not None and budget.best_objective <= bound * (1.0 + MET)
        if budget.left() > 0 and not proved:
            if any(stream.requests > 1 for stream in problem.streams):
                from schedulers.streams import improve_stream

                improve_stream(problem, budget, rng, plans, values)
            else:
                self._single(problem, budget, rng)
        return fallback if budget.best is None else budget.best

    def _single(self, problem: Problem, budget: Budget, rng: Generator) -> None:
        """One request of every stream: gradient, memetic, then annealing from the best."""
        ratio = communication_ratio(problem)
        small = problem.n_tasks <= SMALL or ratio <= LITTLE
        share = 0.0 if small else self.gradient
        if not plan_is_exact(problem):
            share /= 2.0
        if share > 0 and budget.left() > 0:
            limit = None if budget.limited else 2_000
            Gradient(batches=2).schedule(problem, budget.portion(share, limit), rng)
        crossed = ratio > MUCH and SMALL < problem.n_tasks <= LARGE and plan_is_exact(problem)
        if budget.left() > 0 and share < 1 and crossed:
            Memetic().schedule(problem, budget.portion(MEMETIC), rng)
        if budget.left() > 0 and share < 1 and (budget.limited or not crossed):
            Annealing().schedule(problem, budget, rng)


def communication_ratio(problem: Problem) -> float:
    """Mean transfer between different nodes over the mean hold of a task (CCR), both nominal."""
    view = view_of(problem)
    if len(view.mean_size) == 0:
        return 0.0
    transfer = view.mean_latency + float(view.mean_size.mean()) * view.mean_inverse
    hold = float(np.mean(view.hold[np.isfinite(view.hold)]))
    return transfer / hold if hold > 0 else np.inf
