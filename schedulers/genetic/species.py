"""The two kinds of genes: how they are made, varied and judged, a whole generation at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np

from schedulers.admissible import rules_of
from schedulers.decode import Decoded, Decoder, Sampler
from schedulers.exactness import plan_is_exact
from schedulers.genetic.genome import Orders, Pins, moves_of
from schedulers.genetic.judging import OrderJudge
from schedulers.genetic.variation import (
    COPY,
    PREFIX,
    UNIFORM,
    mate_orders,
    mate_pins,
    mutate_orders,
    mutate_pins,
)
from schedulers.timeline import Plan
from simulator.allocation import Allocation
from simulator.arrays import FloatArray, IntArray

if TYPE_CHECKING:
    from numpy.random import Generator

    from schedulers.budget import Budget
    from simulator.problem import Problem

Rows: TypeAlias = tuple[IntArray, IntArray, IntArray]
"""(node, variant, priority), each (B, T)."""

Genes: TypeAlias = Any
"""A named tuple of arrays whose first axis is the individual: `Orders` or `Pins`."""


class Species(Protocol):
    """What the loop of `schedulers.genetic.evolution` needs to know of genes."""

    def of_plans(self, plans: Sequence[Plan]) -> Genes:
        """Genes that decode to the plans, or nearly so."""
        ...

    def sample(self, count: int, rng: Generator) -> Genes:
        """Random individuals."""
        ...

    def mate(self, parents: Genes, pick: IntArray, crossover: float, rng: Generator) -> Genes:
        """Children of the pairs of parents ``pick``, (C, 2)."""
        ...

    def mutate(self, genes: Genes, most: int, rng: Generator) -> None:
        """Change one to `most` genes of each individual, in place."""
        ...

    def judge(self, genes: Genes, budget: Budget) -> FloatArray:
        """(B,) objectives, counted against the budget; genes may be repaired in place."""
        ...


def seeds_of(count: int, rng: Generator) -> Any:
    """(C,) seeds for compiled operators."""
    return rng.integers(2**63, size=count, dtype=np.uint64)


def kinds(count: int, crossover: float, rng: Generator) -> IntArray:
    """(C,) `COPY`, `UNIFORM` or `PREFIX`, the latter two equally likely."""
    either = rng.choice(np.array([UNIFORM, PREFIX]), count)
    return np.where(rng.random(count) < crossover, either, COPY).astype(np.int64)


def take(genes: Genes, rows: IntArray) -> Genes:
    """Copies of some individuals."""
    return type(genes)(*(np.ascontiguousarray(x[rows]) for x in genes))


def join(parts: Sequence[Genes]) -> Genes:
    """All individuals of several generations."""
    return type(parts[0])(*(np.concatenate(x) for x in zip(*parts, strict=True)))


def ranks(order: IntArray) -> IntArray:
    """(B, T) rank of every task in its row's order."""
    out = np.empty_like(order)
    positions = np.broadcast_to(np.arange(order.shape[1]), order.shape)
    np.put_along_axis(out, order, positions, axis=1)
    return out


def judge_exact(problem: Problem, budget: Budget, makespan: FloatArray, rows: Any) -> FloatArray:
    """Charge individuals whose makespan is the objective, and offer the best of them.

    `rows` is called with the index of the best and returns its node, variant and priority.
    """
    budget.charge(len(makespan))
    b = int(np.argmin(makespan))
    if makespan[b] < budget.best_objective:
        budget.offer(Allocation.of(problem, *rows(b)), float(makespan[b]))
    return makespan


def padded(values: FloatArray, count: int) -> FloatArray:
    """The values, and +inf for those that the budget did not allow."""
    return np.concatenate([values, np.full(count - len(values), np.inf)])


class OrderSpecies:
    """Direct genes: `schedulers.genetic.genome.Orders`."""

    def __init__(self, problem: Problem, threads: int = 1) -> None:
        self.problem = problem
        self.threads = threads
        self.exact = plan_is_exact(problem)
        self.moves = moves_of(problem)
        self.constrained = rules_of(problem).constrained
        self._repair = Decoder(problem, insertion=False) if self.constrained else None
        self._judge = OrderJudge(problem)
        self._scratch = np.empty(problem.n_tasks, dtype=np.int64)
        self._decoder, self._sampler = Decoder(problem), Sampler(problem)

    def of_plans(self, plans: Sequence[Plan]) -> Orders:
        """The plans, places and order."""
        node, variant, priority = (
            np.stack([getattr(p, x) for p in plans]) for x in ("node", "variant", "priority")
        )
        return Orders(node, variant, np.argsort(priority, axis=1, kind="stable"))

    def sample(self, count: int, rng: Generator) -> Orders:
        """Random list schedules."""
        return self.of_decoded(self._decoder(*self._sampler.draw(count, rng)))

    def of_decoded(self, found: Decoded) -> Orders:
        """Genes of what a decoder made, without candidates that it could not repair."""
        keep = np.flatnonzero(np.isfinite(found.makespan))
        order = np.argsort(found.priority[keep], axis=1, kind="stable")
        return Orders(found.node[keep], found.variant[keep], order)

    def mate(self, parents: Orders, pick: IntArray, crossover: float, rng: Generator) -> Orders:
        """Children by uniform or prefix crossover."""
        size = len(pick)
        child = Orders(*(np.empty((size, x.shape[1]), dtype=np.int64) for x in parents))
        how = kinds(size, crossover, rng)
        mate_orders(parents, pick, how, seeds_of(size, rng), child, self._scratch)
        return child

    def mutate(self, genes: Orders, most: int, rng: Generator) -> None:
        """Other places, other positions in the order."""
        mutate_orders(self.moves, genes, most, seeds_of(len(genes.node), rng), self._scratch)

    def rows(self, genes: Orders) -> Rows:
        """Nodes, variants and ranks."""
        return genes.node, genes.variant, ranks(genes.order)

    def repaired(self, genes: Orders) -> FloatArray:
        """Make individuals keep memory limits and groups, in place; (B,) makespans of the plans."""
        assert self._repair is not None
        n_tasks = self.problem.n_tasks
        wish = genes.node + self.problem.n_nodes * (1 + genes.variant)
        key = (n_tasks - ranks(genes.order)).astype(np.float64)
        found = self._repair(key, wish=wish, threads=self.threads)
        good = np.isfinite(found.makespan)
        genes.node[good], genes.variant[good] = found.node[good], found.variant[good]
        genes.order[good] = np.argsort(found.priority[good], axis=1, kind="stable")
        return found.makespan

    def judge(self, genes: Orders, budget: Budget) -> FloatArray:
        """Objectives; individuals that break a constraint are repaired."""
        size = len(genes.node)
        count = int(min(size, budget.evaluations_left()))
        if count == 0:
            return np.full(size, np.inf)
        part = Orders(*(x[:count] for x in genes))
        makespan = self.repaired(part) if self.constrained else None
        if not self.exact:
            return padded(budget.evaluate(self.rows(part), self.threads), size)
        if makespan is None:
            makespan = self._judge(part, self.threads)

        def best(b: int) -> tuple[IntArray, IntArray, IntArray]:
            return part.node[b], part.variant[b], ranks(part.order[b : b + 1])[0]

        return padded(judge_exact(self.problem, budget, makespan, best), size)


class PinSpecies:
    """Pin-or-greedy genes: `schedulers.genetic.genome.Pins`, decoded by earliest finish."""

    def __init__(self, problem: Problem, threads: int = 1) -> None:
        self.problem = problem
        self.threads = threads
        self.exact = plan_is_exact(problem)
        self.moves = moves_of(problem)
        self._decoder, self._sampler = Decoder(problem), Sampler(problem)
        self.reach = float(self._sampler.up.max())

    def of_plans(self, plans: Sequence[Plan]) -> Pins:
        """HEFT, which is all greedy, then everything pinned, earlier starts first."""
        node = np.stack([p.node for p in plans])
        first = np.stack([p.priority for p in plans]) / self.problem.n_tasks
        wish = np.vstack([np.full_like(node[:1], -1), node])
        return Pins(wish, np.vstack([self._sampler.up[None], self.reach * (1.0 - first)]))

    def sample(self, count: int, rng: Generator) -> Pins:
        """Upward ranks with noise; a random share of the tasks pinned to random nodes."""
        priority, _ = self._sampler.draw(count, rng)
        top = priority.max(axis=1, keepdims=True)
        priority *= self.reach / np.where(top > 0, top, 1.0)
        shape = priority.shape
        moves = self.moves
        choice = moves.ptr[:-1] + rng.integers(0, np.diff(moves.ptr), shape)
        pinned = rng.random(shape) < 0.5 * rng.random((count, 1)) ** 2
        return Pins(np.where(pinned, moves.node[choice], -1), priority)

    def mate(self, parents: Pins, pick: IntArray, crossover: float, rng: Generator) -> Pins:
        """Children by uniform or prefix crossover."""
        size = len(pick)
        shape = (size, parents.wish.shape[1])
        child = Pins(np.empty(shape, dtype=np.int64), np.empty(shape))
        mate_pins(parents, pick, kinds(size, crossover, rng), seeds_of(size, rng), child)
        return child

    def mutate(self, genes: Pins, most: int, rng: Generator) -> None:
        """Other pins, other priorities."""
        mutate_pins(self.moves, genes, most, self.reach, seeds_of(len(genes.wish), rng))

    def judge(self, genes: Pins, budget: Budget) -> FloatArray:
        """Objectives of what the genes decode to."""
        size = len(genes.wish)
        count = int(min(size, budget.evaluations_left()))
        if count == 0:
            return np.full(size, np.inf)
        part = Pins(genes.wish[:count], genes.priority[:count])
        found = self._decoder(
            part.priority, wish=part.wish, threads=self.threads, ranked=not self.exact
        )
        if not self.exact:
            rows = (found.node, found.variant, found.priority)
            return padded(budget.evaluate(rows, self.threads), size)

        def best(b: int) -> tuple[IntArray, IntArray, IntArray]:
            one = self._decoder(part.priority[b : b + 1], wish=part.wish[b : b + 1])
            return one.node[0], one.variant[0], one.priority[0]

        return padded(judge_exact(self.problem, budget, found.makespan, best), size)
