"""A short compiled descent from the best sample of every restart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from schedulers.gradient.rounding import Rounding
from schedulers.local import LocalSearch
from simulator.arrays import FloatArray, IntArray

if TYPE_CHECKING:
    from numpy.random import Generator

    from schedulers.budget import Budget
    from simulator.problem import Problem

MOST = 12
"""Samples of a batch from which a descent begins, at most."""


class Polish:
    """Remembers the best sample of each restart of a batch, and descends from them.

    Parameters
    ----------
    problem : Problem
    budget : Budget
        A move counts as an evaluation.
    rounding : Rounding
        Decodes the samples and keeps what is found.
    moves : int
        Proposals for each task of the graph; those that make the makespan longer are taken back.
    """

    def __init__(self, problem: Problem, budget: Budget, rounding: Rounding, moves: int) -> None:
        self._budget, self._rounding = budget, rounding
        self._moves = moves * problem.n_tasks
        self._search = LocalSearch(problem)
        self._samples: dict[int, tuple[float, FloatArray, FloatArray]] = {}

    def remember(
        self, restart: IntArray, value: FloatArray, priority: FloatArray, bias: FloatArray
    ) -> None:
        """Keep the samples that are the best of their restart so far.

        Parameters
        ----------
        restart : (B,) int array, restart of each sample
        value, priority, bias : (B,), (B, T), (B, T, N) float arrays
        """
        for b in np.argsort(value, kind="stable"):
            r = int(restart[b])
            if value[b] < self._samples.get(r, (np.inf,))[0]:
                self._samples[r] = float(value[b]), priority[b].copy(), bias[b].copy()
        best = sorted(self._samples, key=lambda r: (self._samples[r][0], r))[:MOST]
        self._samples = {r: self._samples[r] for r in best}

    def descend(self, rng: Generator) -> None:
        """Descend from what is remembered, best first, and forget it."""
        for _, priority, bias in self._samples.values():
            moves = int(min(self._moves, self._budget.evaluations_left()))
            if self._budget.left() <= 0 or moves == 0:
                break
            seed = int(rng.integers(2**63))
            start = self._rounding.decode(priority[None], bias[None])
            found = self._search.run(
                start.node[0], start.variant[0], start.priority[0],
                moves=moves, hot=0.0, cold=0.0, seed=seed,
            )  # fmt: skip
            self._budget.charge(moves)
            self._rounding.found(found)
        self._samples = {}
