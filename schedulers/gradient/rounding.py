"""Rounding: the earliest-finish decoder, biased by the probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from schedulers.decode import Decoded, Decoder
from schedulers.exactness import plan_is_exact
from simulator.allocation import Allocation
from simulator.arrays import FloatArray, IntArray

if TYPE_CHECKING:
    from schedulers.budget import Budget
    from simulator.problem import Problem

IMPOSSIBLE = 1e-300
"""Least probability that counts: its logarithm stays finite."""


def biases(chance: FloatArray, weight: FloatArray, scale: float) -> FloatArray:
    """(B, T, N) seconds: -lambda log P of each node, over the best node of the task.

    Parameters
    ----------
    chance : (B, T, V, N) float array
    weight : (B,) float array, lambda
    scale : float, seconds
    """
    share = np.maximum(chance.sum(axis=2), IMPOSSIBLE)
    share /= share.max(axis=2, keepdims=True)
    return -np.log(share) * (weight * scale)[:, None, None]


class Rounding:
    """Decodes samples, judges them, offers the best, and remembers it as the incumbent.

    Where the makespan of a plan is the objective, the decoder's own figure is the judgement;
    elsewhere samples are simulated.
    """

    def __init__(self, problem: Problem, budget: Budget) -> None:
        self.problem, self.budget = problem, budget
        self.exact = plan_is_exact(problem)
        self._decoder = Decoder(problem)
        self.best: tuple[IntArray, IntArray, IntArray] | None = None
        self.best_value = np.inf

    def plans(self, batch: tuple[IntArray, IntArray, IntArray], value: FloatArray) -> None:
        """Judge given placements whose planned makespans are known."""
        count = int(min(len(value), self.budget.evaluations_left()))
        self._judge(tuple(x[:count] for x in batch), value[:count])  # type: ignore[arg-type]

    def __call__(self, priority: FloatArray, bias: FloatArray | None) -> FloatArray:
        """Judge B samples, no more than the budget allows; their objectives."""
        count = int(min(len(priority), self.budget.evaluations_left()))
        found: Decoded = self._decoder(
            priority[:count], None if bias is None else bias[:count], ranked=not self.exact
        )
        if not self.exact:
            return self._judge(found[:3], found.makespan)
        self.budget.charge(count)
        i = int(np.argmin(found.makespan)) if count else 0
        if count and found.makespan[i] < self.best_value:
            again = self._decoder(priority[i : i + 1], None if bias is None else bias[i : i + 1])
            self._keep(again[:3], again.makespan, 0)
        return found.makespan

    def _judge(self, batch: tuple[IntArray, IntArray, IntArray], planned: FloatArray) -> FloatArray:
        value = planned
        if self.exact:
            self.budget.charge(len(planned))
        else:
            value = self.budget.evaluate(batch)
        if len(value):
            i = int(np.argmin(value))
            if value[i] < self.best_value or self.best is None:
                self._keep(batch, value, i)
        return value

    def _keep(self, batch: tuple[IntArray, IntArray, IntArray], value: FloatArray, i: int) -> None:
        node, variant, priority = (np.array(x[i]) for x in batch)
        self.best, self.best_value = (node, variant, priority), float(value[i])
        if self.exact:
            self.budget.offer(self.allocation(), self.best_value)

    def allocation(self) -> Allocation:
        """The incumbent."""
        assert self.best is not None
        return Allocation.of(self.problem, *self.best)
