"""Memetic algorithm: a small population whose children are improved by compiled annealing.

Paper: P. Moscato, "On evolution, search, optimization, genetic algorithms and martial arts: towards
memetic algorithms", Caltech C3P report 826, 1989; for machine scheduling, crossover between local
optima and no duplicates: B. Peng, Z. Lü, T. C. E. Cheng, "A tabu search/path relinking algorithm to
solve the job shop scheduling problem", Computers & Operations Research 53, 2015,
doi:10.1016/j.cor.2014.08.006.

What we changed, and why: children are improved by a few thousand annealing steps instead of a
descent, which costs the same and gets further; the population begins with list schedules and random
list schedules, each improved the same way; a child that is already there, or as good as one that
is, is dropped, and otherwise takes the place of the worst. A population in which all are alike
begins anew.

Where plans are estimates, a child and what annealing on the estimate makes of it are both judged by
simulation; annealing is shorter there, because its optimum is not the one that is sought.

Cost: `moves` annealing steps a child (`schedulers.local`), O(E + T) each at worst.

Does badly: on budgets of less than some tens of children, where annealing alone uses the time
better.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from schedulers.effort import LARGEST_POPULATION, nominal_evaluations
from schedulers.exactness import plan_is_exact
from schedulers.genetic.evolution import tournament
from schedulers.genetic.genome import Orders
from schedulers.genetic.species import OrderSpecies, join, take
from schedulers.local import LocalSearch
from schedulers.starts import judged_starts
from simulator.allocation import Allocation
from simulator.arrays import FloatArray
from simulator.evaluate import admissible

if TYPE_CHECKING:
    from numpy.random import Generator

    from schedulers.budget import Budget
    from simulator.problem import Problem

COOLED = 0.1
"""Temperature at the end of an improvement over that at its beginning."""

ESTIMATED = 10
"""By how much improvements are shorter where plans are estimates."""

ALIKE = 1e-6
"""Relative spread of the objectives below which a population begins anew."""


@dataclass(frozen=True)
class Memetic:
    """Crossover between locally improved placements.

    Parameters
    ----------
    population : int
    moves : int
        Annealing steps for each child; 0: 40 a task, from 2,000 to 10,000.
    hot : float
        Temperature at which an improvement begins, as a share of the makespan.
    mutations : int
        Most genes of a child that change before it is improved, at least one.
    children : int
        Children where the budget has no limit; 0: what takes about a second.
    batch : int
        Children that are improved at a time, for several threads to share.
    threads : int
        The answer does not depend on it.
    """

    version: ClassVar[int] = 1
    population: int = 16
    moves: int = 0
    hot: float = 0.01
    mutations: int = 3
    children: int = 0
    batch: int = 4
    threads: int = 1

    def __post_init__(self) -> None:
        """Refuse values that make no sense."""
        for name, least in (
            ("population", 2), ("moves", 0), ("mutations", 1), ("children", 0), ("batch", 1),
            ("threads", 1),
        ):  # fmt: skip
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be >= {least}, got {getattr(self, name)}")
        if self.population > LARGEST_POPULATION:
            raise ValueError(f"population must be <= {LARGEST_POPULATION:,}, got {self.population}")
        if not 0 <= self.hot < 1:
            raise ValueError(f"hot must be in [0, 1), got {self.hot}")

    def schedule(self, problem: Problem, budget: Budget, rng: Generator) -> Allocation:
        """Evolve until the budget is spent.

        Raises
        ------
        Infeasible
            No admissible allocation exists, or none was found.
        """
        plans, values = judged_starts(problem, budget, least_left=0.5)
        fallback = plans[0].allocation(problem)
        moves = self.moves or int(np.clip(40 * problem.n_tasks, 2_000, 10_000))
        exact = plan_is_exact(problem)
        if not exact:
            moves = max(moves // ESTIMATED, 1)
        if not budget.limited:
            children = self.children or max(2_000_000 // moves, 2 * self.population)
            if not exact and not self.children:
                children = min(children, nominal_evaluations(problem, 0.5))
            budget = budget.portion(1.0, children * (moves + (0 if exact else 2)))
        if budget.left() > 0:
            run = _Run(self, problem, budget, rng, moves)
            run.until_spent(run.species.of_plans(plans), values)
        return fallback if budget.best is None else budget.best


class _Run:
    """One search: what its children have in common."""

    def __init__(
        self, how: Memetic, problem: Problem, budget: Budget, rng: Generator, moves: int
    ) -> None:
        self.how, self.problem, self.budget, self.rng = how, problem, budget, rng
        self.species = OrderSpecies(problem, how.threads)
        self.search = LocalSearch(problem)
        self.exact = plan_is_exact(problem)
        self.moves = moves
        if not np.isinf(budget.evaluations_left()):  # for some children at least
            fair = budget.evaluations_left() / (2 * how.population)
            self.moves = int(max(min(moves, fair), 1))

    def until_spent(self, heuristics: Orders, values: FloatArray) -> None:
        """Populations, one after the other; heuristics are in the first one only."""
        half = max(self.how.population // 2, 1)
        genes, values = take(heuristics, np.arange(len(values))[:half]), values[:half]
        while self.budget.left() > 0:
            more = self.species.sample(self.how.population - len(values), self.rng)
            genes, values = self._improved(join([genes, more]))
            while self.budget.left() > 0 and self._differ(values):
                genes, values = self._generation(genes, values)
            genes, values = take(genes, np.arange(0)), values[:0]

    def _differ(self, values: FloatArray) -> bool:
        """Whether there is still something to recombine."""
        finite = values[np.isfinite(values)]
        if len(values) < self.how.population or len(finite) < 2:
            return False
        return bool(np.ptp(finite) > ALIKE * abs(finite.min()))

    def _generation(self, genes: Orders, values: FloatArray) -> tuple[Orders, FloatArray]:
        """A batch of children, each in the place of the worst if it is new and better."""
        how, rng = self.how, self.rng
        pick = tournament(values, 2 * how.batch, 2, rng).reshape(how.batch, 2)
        child = self.species.mate(genes, pick, 1.0, rng)
        self.species.mutate(child, how.mutations, rng)
        child, judged = self._improved(child)
        for c in np.argsort(judged, kind="stable"):
            worst = int(np.argmax(values))
            if judged[c] < values[worst] and not (judged[c] == values).any():
                for column, new in zip(genes, child, strict=True):
                    column[worst] = new[c]
                values[worst] = judged[c]
        return genes, values

    def _improved(self, genes: Orders) -> tuple[Orders, FloatArray]:
        """Individuals after local search, as far as the budget goes, and their objectives."""
        done: list[Orders] = []
        judged: list[FloatArray] = []
        if self.species.constrained:
            self.species.repaired(genes)
            rows = admissible(self.problem, genes.node, genes.variant)
            genes = take(genes, rows)
        each = self.moves + (0 if self.exact else 2)
        for low in range(0, len(genes.node), self.how.batch):
            if self.budget.left() <= 0:
                break
            fits = int(min(self.budget.evaluations_left() / each, self.how.batch))
            if fits < 1:
                self._spend_rest(genes, low)
                break
            part = take(genes, np.arange(low, min(low + fits, len(genes.node))))
            part, values = self._batch(part)
            done.append(part)
            judged.append(values)
        if not done:
            return take(genes, np.arange(0)), np.empty(0)
        return join(done), np.concatenate(judged)

    def _batch(self, genes: Orders) -> tuple[Orders, FloatArray]:
        """Improve and judge; where plans are estimates the better of before and after."""
        node, variant, priority = self.species.rows(genes)
        seeds = self.rng.integers(2**62, size=len(node))
        hot = self.how.hot
        found = self.search.run_many(
            node, variant, priority, moves=self.moves, hot=hot, cold=hot * COOLED,
            seeds=seeds, threads=self.how.threads,
        )  # fmt: skip
        self.budget.charge(self.moves * len(node))
        rows = (found.node, found.variant, found.priority)
        after = Orders(found.node, found.variant, np.argsort(found.priority, axis=1, kind="stable"))
        if self.exact:
            values = np.asarray(found.makespan)
            b = int(np.argmin(values))
            if values[b] < self.budget.best_objective:
                best = Allocation.of(self.problem, *(x[b] for x in rows))
                self.budget.offer(best, float(values[b]))
            return after, values
        then = self.budget.evaluate(rows, self.how.threads)
        before = self.budget.evaluate((node, variant, priority), self.how.threads)
        both = join([after, genes])
        chosen = np.arange(len(node)) + np.where(before < then, len(node), 0)
        return take(both, chosen), np.minimum(before, then)

    def _spend_rest(self, genes: Orders, low: int) -> None:
        """Judge as they are individuals that the budget has no improvement for."""
        rest = take(genes, np.arange(low, len(genes.node)))
        self.species.judge(rest, self.budget)
        self.budget.charge(int(self.budget.evaluations_left()))
