"""Genes of an allocation, and how they are crossed and mutated.

A candidate is a node and a variant for every task and a key by which tasks are ordered. Tasks of a
`place_with` bundle are one block, which is placed as a whole.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from schedulers.admissible import rules_of
from schedulers.pareto.limits import Limits
from simulator.arrays import FloatArray, IntArray

if TYPE_CHECKING:
    from numpy.random import Generator

    from simulator.problem import Problem

CROSSED = 0.9
"""Share of the children that have genes of two parents."""

MUTATED = 2.0
"""Mean number of mutations of a child."""

JITTER = 0.1
"""Standard deviation of a mutation of a key; keys lie between 0 and 1, about."""

TRIES = 3
"""How often a child that breaks a constraint is made again, from one parent."""


class Genes(NamedTuple):
    """B candidates.

    Parameters
    ----------
    node, variant : (B, T) int64 arrays
    key : (B, T) float array; lower goes first
    """

    node: IntArray
    variant: IntArray
    key: FloatArray

    def take(self, rows: IntArray) -> Genes:
        """Copies of some candidates."""
        return Genes(self.node[rows], self.variant[rows], self.key[rows])

    def join(self, other: Genes) -> Genes:
        """These candidates, then others."""
        pairs = zip(self, other, strict=True)
        return Genes(*(np.concatenate(pair) for pair in pairs))


class Breeder:
    """Makes candidates of candidates; chance comes from the generator it is given alone.

    Parameters
    ----------
    problem : Problem
    rng : Generator
    """

    def __init__(self, problem: Problem, rng: Generator) -> None:
        self.problem, self.rng, self.limits = problem, rng, Limits(problem)
        rules, arrays = rules_of(problem), problem.arrays
        self.tasks = [np.array([t]) for t in range(problem.n_tasks)]
        ptr = rules.bundle_ptr
        for low, high in pairwise(ptr):
            members = np.array(rules.bundle_tasks[low:high])
            for t in members:
                self.tasks[t] = members
        self.leader = np.array([block[0] for block in self.tasks])
        self.blocks = np.unique(self.leader)
        here = np.asarray(problem.allowed.any(axis=1))
        self.open = np.array([here[block].all(axis=0) for block in self.tasks], dtype=np.bool_)
        self.nodes = [np.flatnonzero(row) for row in self.open]
        self.neighbours = [
            np.unique(np.concatenate([arrays.edge_dst[np.isin(arrays.edge_src, block)],
                                      arrays.edge_src[np.isin(arrays.edge_dst, block)]]))
            for block in self.tasks
        ]  # fmt: skip
        self.position = np.argsort(problem.topological, kind="stable")
        now = arrays.edge_lag == 0
        self.before = [
            (t, arrays.edge_src[now & (arrays.edge_dst == t)]) for t in problem.topological
        ]

    def ranks(self, key: FloatArray) -> IntArray:
        """(B, T) ranks by key, then topological position.

        Where nodes take their tasks in strict order, no task comes before its producers.
        """
        if self.problem.dispatch == "strict":
            key = key.copy()
            for t, producers in self.before:
                if len(producers):
                    key[:, t] = np.maximum(key[:, t], key[:, producers].max(axis=1))
        order = np.lexsort((np.broadcast_to(self.position, key.shape), key), axis=1)
        rank = np.empty(key.shape, dtype=np.int64)
        np.put_along_axis(rank, order, np.arange(key.shape[1])[None, :], axis=1)
        return rank

    def by_lot(self, size: int) -> Genes:
        """At most `size` candidates by lot, order included: those that keep the constraints."""
        shape = (size, self.problem.n_tasks)
        nowhere = np.full(shape, -1, dtype=np.int64)
        out = Genes(nowhere, nowhere.copy(), self.rng.random(shape))
        for b in range(size):
            for t in self.blocks:
                self._move(out, b, t, self._any(self.nodes[t]))
        bad = self.limits.broken(out.node, out.variant)
        return out.take(np.delete(np.arange(size), bad))

    def children(self, parents: Genes, mates: Genes) -> Genes:
        """One child of each parent and its mate, as far as they keep the constraints.

        A child that breaks one is made again from its parent alone, by mutation, and
        left out if that does not help either.
        """
        out = self._cross(parents, mates)
        for b in range(len(out.node)):
            self._mutate(out, b)
        bad = self.limits.broken(out.node, out.variant)
        for _ in range(TRIES):
            if len(bad) == 0:
                break
            for mine, theirs in zip(out, parents, strict=True):
                mine[bad] = theirs[bad]
            for b in bad:
                self._mutate(out, b)
            bad = bad[self.limits.broken(out.node[bad], out.variant[bad])]
        return out.take(np.delete(np.arange(len(out.node)), bad))

    def _cross(self, parents: Genes, mates: Genes) -> Genes:
        """Uniform crossover of blocks, or what comes before some task from one parent."""
        size, tasks = parents.node.shape
        uniform = self.rng.random((size, tasks)) < 0.5
        cut = self.rng.integers(1, max(tasks, 2), size)
        prefix = self.position[None, :] >= cut[:, None]
        kind = self.rng.random((size, 1))
        taken = np.where(kind < CROSSED / 2, uniform, prefix) & (kind < CROSSED)
        taken = taken[:, self.leader]
        return Genes(*(np.where(taken, b, a) for a, b in zip(parents, mates, strict=True)))

    def _any(self, choices: IntArray) -> int:
        """One of them by lot; several times as quick as `Generator.choice`."""
        return int(choices[int(self.rng.random() * len(choices))])

    def _mutate(self, genes: Genes, b: int) -> None:
        rng, tasks = self.rng, self.blocks
        for _ in range(1 + rng.poisson(MUTATED - 1.0)):
            t, kind = self._any(tasks), rng.random()
            if kind < 0.35:
                self._move(genes, b, t, self._any(self.nodes[t]))
            elif kind < 0.50:
                self._gather(genes, b, t)
            elif kind < 0.60:
                self._swap(genes, b, t, self._any(tasks))
            elif kind < 0.70:
                self._evacuate(genes, b, int(genes.node[b, t]), self._any(self.nodes[t]))
            elif kind < 0.80:
                self._draw_variant(genes, b, t)
            else:
                genes.key[b, t] += JITTER * rng.standard_normal()

    def _move(self, genes: Genes, b: int, t: int, n: int) -> None:
        """The block of a task to a node; variants stay where they may run there."""
        for member in self.tasks[t]:
            genes.node[b, member] = n
            there = self.problem.allowed[member, :, n]
            v = genes.variant[b, member]
            if not (0 <= v < len(there) and there[v]):
                genes.variant[b, member] = self._any(np.flatnonzero(there))

    def _draw_variant(self, genes: Genes, b: int, t: int) -> None:
        for member in self.tasks[t]:
            there = self.problem.allowed[member, :, genes.node[b, member]]
            genes.variant[b, member] = self._any(np.flatnonzero(there))

    def _gather(self, genes: Genes, b: int, t: int) -> None:
        """A task goes to a neighbour's node, or its neighbours come to its own."""
        near = self.neighbours[t]
        if len(near) == 0:
            return
        if self.rng.random() < 0.5:
            n = int(genes.node[b, self._any(near)])
            if self.open[t, n]:
                self._move(genes, b, t, n)
            return
        n = int(genes.node[b, t])
        for other in near:
            if self.open[other, n]:
                self._move(genes, b, other, n)

    def _swap(self, genes: Genes, b: int, t: int, other: int) -> None:
        """Two blocks change places, which keeps memory limits more often than a move does."""
        here, there = int(genes.node[b, t]), int(genes.node[b, other])
        if self.open[t, there] and self.open[other, here]:
            self._move(genes, b, t, there)
            self._move(genes, b, other, here)

    def _evacuate(self, genes: Genes, b: int, here: int, there: int) -> None:
        """Everything that may goes from one node to another."""
        for t in self.blocks[genes.node[b, self.blocks] == here]:
            if self.open[t, there]:
                self._move(genes, b, int(t), there)
