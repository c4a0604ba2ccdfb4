"""Random inputs of the decoder: priorities and biases around those of HEFT."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from schedulers.ranks import ranks_of
from schedulers.view import view_of
from simulator.arrays import FloatArray

if TYPE_CHECKING:
    from numpy.random import Generator

    from simulator.problem import Problem

LEAST_BIAS, MOST_BIAS = 1e-3, 1.0
"""Range of the biases, as shares of the longest path of mean costs."""


class Sampler:
    """Draws priorities and biases for `Decoder`.

    Priorities: half of the candidates multiply the upward ranks by log-normal noise whose sigma
    is uniform in (0, 1); the others are uniform. Biases, in seconds: for each candidate a scale,
    log-uniform between `LEAST_BIAS` and `MOST_BIAS` of the largest upward rank, times a uniform
    share for each node plus a uniform share for each task and node; a quarter of the candidates
    have none.

    Parameters
    ----------
    problem : Problem

    Attributes
    ----------
    up : (T,) float array, upward ranks in seconds
    """

    def __init__(self, problem: Problem) -> None:
        view = view_of(problem)
        self.up: FloatArray = ranks_of(view).up
        self._n_nodes = view.n_nodes

    def draw(
        self, count: int, rng: Generator, first: bool = False
    ) -> tuple[FloatArray, FloatArray]:
        """(B, T) priorities and (B, T, N) biases.

        Parameters
        ----------
        count : int, B
        first : bool
            Whether the first candidate is HEFT itself.
        """
        tasks = len(self.up)
        noise = np.exp(rng.uniform(0.0, 1.0, (count, 1)) * rng.standard_normal((count, tasks)))
        uniform = rng.random((count, 1)) < 0.5
        priority = np.where(uniform, rng.random((count, tasks)), self.up * noise)
        exponent = rng.uniform(np.log(LEAST_BIAS), np.log(MOST_BIAS), count)
        scale = np.where(rng.random(count) < 0.25, 0.0, np.exp(exponent)) * self.up.max()
        bias = rng.random((count, 1, self._n_nodes)) + rng.random((count, tasks, self._n_nodes))
        bias *= scale[:, None, None]
        if first:
            priority[0], bias[0] = self.up, 0.0
        return priority, bias
