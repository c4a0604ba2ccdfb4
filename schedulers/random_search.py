"""Random search: random priorities and biases through the earliest-finish decoder.

The baseline of J. Bergstra, Y. Bengio, "Random search for hyper-parameter optimization", JMLR 13,
2012 (https://jmlr.org/papers/v13/bergstra12a.html), for schedules: a search that learns nothing
from what it has seen. Whoever does not beat it at an equal budget is not searching.

What we changed, and why: it draws inputs of a list scheduler instead of placements, because random
placements are far worse than any heuristic and beating them means nothing. The first candidate is
HEFT; the others are drawn as `schedulers.decode.Sampler` says. No other heuristic is a start.

Cost: one decoding a candidate, O(E N + T N V + T log T) and the search for gaps; where plans are
estimates a simulation in addition.

Does badly: compared to any search that learns, the more so the larger the graph.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from schedulers.decode import Decoder, Sampler
from schedulers.effort import nominal_evaluations
from schedulers.exactness import plan_is_exact
from schedulers.heft import Heft
from simulator.allocation import Allocation

if TYPE_CHECKING:
    from numpy.random import Generator

    from schedulers.budget import Budget
    from simulator.problem import Problem

PORTION_SECONDS = 0.005


@dataclass(frozen=True)
class RandomSearch:
    """The best of many random list schedules.

    Parameters
    ----------
    samples : int
        Candidates, where the budget has no limit; 0: what takes about a second.
    insertion : bool
        Whether a task may fill a gap between tasks placed before.
    threads : int
        The answer does not depend on it.
    """

    version: ClassVar[int] = 1
    samples: int = 0
    insertion: bool = True
    threads: int = 1

    def __post_init__(self) -> None:
        """Refuse values that make no sense."""
        if self.samples < 0:
            raise ValueError(f"samples must be >= 0, got {self.samples}")
        if self.threads < 1:
            raise ValueError(f"threads must be >= 1, got {self.threads}")

    def schedule(self, problem: Problem, budget: Budget, rng: Generator) -> Allocation:
        """Draw and judge until the budget is spent.

        Raises
        ------
        Infeasible
            No admissible allocation exists, or none was found.
        """
        exact = plan_is_exact(problem)
        decoder, sampler = Decoder(problem, self.insertion), Sampler(problem)
        seconds = decoder.seconds
        if not exact:
            seconds += 1.0 / nominal_evaluations(problem)
        if not budget.limited:
            budget = budget.portion(1.0, self.samples or max(int(1.0 / seconds), 16))
        size, first = max(int(PORTION_SECONDS / seconds), 1), True
        while budget.left() > 0:
            count = int(min(size, budget.evaluations_left()))
            found = decoder(*sampler.draw(count, rng, first), threads=self.threads)
            first = False
            rows = (found.node, found.variant, found.priority)
            if not exact:
                budget.evaluate(rows, self.threads)
                continue
            budget.charge(count)
            b = int(np.argmin(found.makespan))
            if found.makespan[b] < budget.best_objective:
                best = Allocation.of(problem, *(x[b] for x in rows))
                budget.offer(best, float(found.makespan[b]))
        if budget.best is None or budget.best_objective == np.inf:
            return Heft().plan(problem).allocation(problem)
        return budget.best
