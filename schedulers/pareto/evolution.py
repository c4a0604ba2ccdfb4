"""The loop of NSGA-II: first population, breeding, simulation, selection."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np

from schedulers.effort import nominal_evaluations
from schedulers.outcome import FrontPoint
from schedulers.pareto.breeding import Breeder, Genes
from schedulers.pareto.front import Archive, rounded
from schedulers.pareto.seeds import extremes, genes_of, planned
from schedulers.pareto.terms import Judge
from simulator.allocation import Allocation
from simulator.batch import nanoseconds

if TYPE_CHECKING:
    from numpy.random import Generator

    from schedulers.budget import Budget
    from simulator.arrays import FloatArray, IntArray
    from simulator.problem import Problem

ROOM = 200
"""Points of a front that are kept."""

BARREN = 20
"""Generations in a row of which hardly a child was new, before the search ends."""

NEW = 0.1
"""Share of new children below which a generation counts as barren."""

PORTION = 0.02
"""Seconds of simulation, about, between two looks at the budget."""

MEMORY = 500_000
"""Candidates remembered as seen."""

SLOWEST = 8000
"""Candidates bred within a second, about, whatever their simulation costs."""


class Evolution:
    """State of one search.

    Attributes
    ----------
    people : list of DEAP individuals: a row of `genes` and its fitness
    fallback : Allocation, returned if nothing could be simulated or everything loses requests
    """

    def __init__(
        self,
        problem: Problem,
        budget: Budget,
        rng: Generator,
        names: tuple[str, ...],
        population: int,
    ) -> None:
        self.problem, self.budget, self.rng, self.names = problem, budget, rng, names
        self.judge = Judge(problem, names)
        self.breeder = Breeder(problem, rng)
        self.archive = Archive(len(names), problem.n_tasks, ROOM)
        each = sum(nanoseconds(problem.arrays, luck) for luck in problem.plan) * 1e-9
        self.portion = int(np.clip(PORTION / max(each, 1e-9), 1, 1000))
        self.effort = self._effort()
        self.size = population or int(np.clip(self.effort // 40 * 4, 8, 100))
        self.toolbox = _toolbox(len(names))
        self.people: list[Any] = []
        self.seen: set[bytes] = set()
        self.done, self.barren, self.start = 0, 0, budget.evaluations

    def _effort(self) -> int:
        """Candidates that the budget is likely to allow."""
        budget = self.budget
        seconds = budget.seconds_limit if np.isfinite(budget.seconds_limit) else 1.0
        if np.isfinite(budget.evaluations_limit) and not np.isfinite(budget.seconds_limit):
            return int(budget.evaluations_left())
        nominal = nominal_evaluations(self.problem, seconds)
        count = 1.0 / (1.0 / nominal + 1.0 / (SLOWEST * seconds))
        return max(int(min(count, budget.evaluations_left())), 1)

    def begin(self) -> None:
        """First population: plans, extremes, mutants of them, and some by lot."""
        problem, size = self.problem, self.size
        most = int(max(min(self.effort // 3, self.budget.evaluations_left()), 1))
        plans = planned(problem, self.budget, most)
        self.fallback = plans[0].allocation(problem)
        genes = genes_of(problem, plans)
        if self.budget.best is not None:  # another search has been here before
            node, variant, priority = self.budget.best.arrays(problem)
            best = Genes(node[None], variant[None], priority[None] / problem.n_tasks)
            genes = best.join(genes)
        genes = genes.join(extremes(problem, self.breeder, genes))
        self._admit(genes)
        if len(self.people) < size and self.budget.left() > 0:
            lot = self.breeder.by_lot(max((size - len(self.people)) // 4, 1))
            some = self.rng.integers(0, len(genes.node), size)
            self._admit(lot.join(self.breeder.children(genes.take(some), genes.take(some[::-1]))))
        self._select()

    def over(self, generations: int) -> bool:
        """Whether the search has gone on for long enough, or has nothing new to try."""
        if self.barren >= BARREN or not self.people:
            return True
        if generations:
            return self.done >= generations
        return not self.budget.limited and self.budget.evaluations - self.start >= self.effort

    def generation(self) -> None:
        """Breed, simulate, select."""
        chosen = self._parents()
        parents = _stack(chosen)
        mates = parents.take(self.rng.permutation(len(chosen)))
        new = self._admit(self.breeder.children(parents, mates))
        self.barren = 0 if new > NEW * self.size else self.barren + 1
        self._select()
        self.done += 1

    def front(self) -> tuple[FrontPoint, ...]:
        """The non-dominated set of all that was simulated, sorted by the first objective."""
        archive = self.archive
        return tuple(
            FrontPoint(
                Allocation.of(self.problem, *(x[i] for x in archive.genes)),
                dict(zip(self.names, map(float, archive.values[i]), strict=True)),
            )
            for i in range(len(archive))
        )

    def _parents(self) -> list[Any]:
        """As many as the population is large, by tournaments."""
        k = len(self.people) // 4 * 4
        if k == 0:
            return [self.people[i] for i in self.rng.integers(0, len(self.people), self.size)]
        with _borrowed_random(self.rng):
            chosen = self.toolbox.tournament(self.people, k)
        return [chosen[i % k] for i in range(self.size)]

    def _admit(self, genes: Genes) -> int:
        """Simulate what is new, in portions while the budget lasts; the number of new ones."""
        rank = self.breeder.ranks(genes.key)
        fresh = []
        for b in range(len(genes.node)):
            one = (genes.node[b], genes.variant[b], rank[b])
            name = blake2b(b"".join(x.tobytes() for x in one), digest_size=16).digest()
            if name not in self.seen:
                self.seen.add(name)
                fresh.append(b)
        if len(self.seen) > MEMORY:
            self.seen.clear()
        low, new = 0, np.array(fresh, dtype=np.int64)
        while low < len(new) and (low == 0 or self.budget.left() > 0):
            count = int(min(self.portion, self.budget.evaluations_left()))
            if count == 0:
                break
            rows = new[low : low + count]
            self._judge(genes.take(rows), rank[rows])
            low += count
        return len(new)

    def _judge(self, genes: Genes, rank: IntArray) -> None:
        values, objective = self.judge(genes.node, genes.variant, rank)
        self.budget.charge(len(values))
        best = int(np.argmin(objective))
        if objective[best] < self.budget.best_objective:
            allocation = Allocation.of(
                self.problem, genes.node[best], genes.variant[best], rank[best]
            )
            self.budget.offer(allocation, float(objective[best]))
        alive = np.flatnonzero(np.isfinite(values).all(axis=1))
        for b in alive:
            self.people.append(self.toolbox.individual(genes, int(b), values[b]))
        columns = (genes.node[alive], genes.variant[alive], rank[alive])
        self.archive.add(values[alive], objective[alive], columns)

    def _select(self) -> None:
        """Survivors: by rank and crowding, copies of objective vectors last."""
        distinct: list[Any] = []
        copies: list[Any] = []
        known: set[tuple[float, ...]] = set()
        for one in self.people:
            values = one.fitness.wvalues
            (copies if values in known else distinct).append(one)
            known.add(values)
        if distinct:
            room = min(self.size, len(distinct))
            distinct = self.toolbox.select(distinct, room)
        self.people = distinct + copies[: self.size - len(distinct)]
        for one in self.people[len(distinct) :]:
            one.fitness.crowding_dist = 0.0


def _stack(people: list[Any]) -> Genes:
    """Genes of individuals, copied."""
    columns = [np.stack([getattr(one, x) for one in people]) for x in ("node", "variant", "key")]
    return Genes(columns[0], columns[1], columns[2])


def _toolbox(n_objectives: int) -> Any:
    """DEAP's parts of the algorithm. Types are made here: nothing is registered globally."""
    from deap import base, tools

    fitness = type("Fitness", (base.Fitness,), {"weights": (-1.0,) * n_objectives})

    class Individual:
        __slots__ = ("fitness", "key", "node", "variant")

        def __init__(self, genes: Genes, b: int, values: FloatArray) -> None:
            self.node, self.variant, self.key = genes.node[b], genes.variant[b], genes.key[b]
            self.fitness = fitness(tuple(float(x) for x in rounded(values)))

    toolbox = base.Toolbox()
    toolbox.register("individual", Individual)
    toolbox.register("select", tools.selNSGA2, nd="log")
    toolbox.register("tournament", tools.selTournamentDCD)
    return toolbox


@contextmanager
def _borrowed_random(rng: Generator) -> Iterator[None]:
    """DEAP draws from the module `random`: seed it from our generator, then leave it as it was."""
    state = random.getstate()
    random.seed(int(rng.integers(2**63)))
    try:
        yield
    finally:
        random.setstate(state)
