"""Rounding: the earliest-finish decoder, biased by the probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from schedulers.decode import Decoded, Decoder
from schedulers.exactness import plan_is_exact
from schedulers.gradient.steps import fill_biases
from schedulers.local.search import Found
from simulator.allocation import Allocation
from simulator.arrays import FloatArray, IntArray

if TYPE_CHECKING:
    from schedulers.budget import Budget
    from simulator.problem import Problem


def biases(
    chance: FloatArray,
    weight: FloatArray,
    scale: float,
    price: FloatArray | None = None,
    toll: FloatArray | None = None,
) -> FloatArray:
    """(B, T, N) seconds: -lambda log P of each node, over the best node of the task, and a price.

    Parameters
    ----------
    chance : (R, T, V, N) float array
    weight : (B,) float array, lambda of every sample; B / R samples of each row of `chance` follow
        each other
    scale : float, seconds
    price : (R, T, N) float array or None
        What the objective, as a share of the scale, would rise by if the task went to a node, by
        the gradient, over what it would rise by on the best node.
    toll : (B,) float array, weight of the price in every sample; with `price` only
    """
    bias = np.empty((len(weight), chance.shape[1], chance.shape[3]))
    if price is None or toll is None:
        price, toll = np.empty((0, 0, 0)), np.empty(0)
    fill_biases(np.ascontiguousarray(chance), weight * scale, price, toll * scale, bias)
    return bias


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

    def decode(self, priority: FloatArray, bias: FloatArray) -> Decoded:
        """Samples that were judged before, once more: their placements, at no cost."""
        return self._decoder(priority, bias)

    def found(self, found: Found) -> None:
        """Keep what a local search found, already charged, if it is better than the incumbent."""
        if found.makespan < self.best_value:
            batch = (found.node[None], found.variant[None], found.priority[None])
            self._keep(batch, np.array([found.makespan]), 0)

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
