"""Which of many placements break a memory limit or an `apart` group, quickly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from schedulers.admissible import rules_of
from simulator.arrays import BoolArray, FloatArray, IntArray
from simulator.rules import resident_bytes

if TYPE_CHECKING:
    from simulator.problem import Problem

ROUNDING = 1e-9
"""Relative distance from a limit within which sums in another order are not trusted."""


class Limits:
    """Checks placements whose tasks are on admissible nodes and whose bundles are together.

    Parameters
    ----------
    problem : Problem
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.constrained = rules_of(problem).constrained
        self.limited = bool(np.isfinite(problem.memory_bytes).any())
        group = problem.weights_group[problem.weights_group >= 0]
        self.shared = len(np.unique(group)) < len(group)

    def broken(self, node: IntArray, variant: IntArray) -> IntArray:
        """Indices of the rows that break a limit.

        Parameters
        ----------
        node, variant : (B, T) int arrays
        """
        bad = np.zeros(len(node), dtype=np.bool_)
        if not self.constrained:
            return np.flatnonzero(bad)
        for group in self.problem.apart:
            columns = np.sort(node[:, list(group)], axis=1)
            bad |= (np.diff(columns, axis=1) == 0).any(axis=1)
        if self.limited:
            bad |= self._too_large(node, variant, ~bad)
        return np.flatnonzero(bad)

    def _too_large(self, node: IntArray, variant: IntArray, ask: BoolArray) -> BoolArray:
        """Decide by bounds of the resident bytes where they are on one side of the limit."""
        problem = self.problem
        memory, tasks = problem.memory_bytes, np.arange(problem.n_tasks)
        weights = self._by_node(np.add, node, problem.weights_bytes[tasks, variant])
        working = problem.working_bytes[tasks, variant]
        largest = self._by_node(np.maximum, node, working)
        most = weights + self._by_node(np.add, node, working)
        least = largest if self.shared else weights + largest
        large = np.asarray((least > memory * (1 + ROUNDING)).any(axis=1))
        fits = np.asarray((most <= memory * (1 - ROUNDING)).all(axis=1))
        for b in np.flatnonzero(ask & ~large & ~fits):
            large[b] = (resident_bytes(problem, node[b], variant[b]) > memory).any()
        return large

    def _by_node(self, gather: np.ufunc, node: IntArray, amount: FloatArray) -> FloatArray:
        """(B, N) sums or maxima of what the tasks of each node need."""
        out = np.zeros((len(node), self.problem.n_nodes))
        gather.at(out, (np.arange(len(node))[:, None], node), amount)
        return out
