"""Seeded numbers for generators, independent from stream to stream.

Structure, work, message sizes and heterogeneity are drawn from streams of their own, so that the
same seed gives the same graph at every CCR and under every heterogeneity: studies over these
factors compare like with like. All values are made from uniform numbers by inversion.
"""

from __future__ import annotations

import numpy as np

from simulator.arrays import FloatArray, IntArray

STRUCTURE, WORK, BYTES, HETEROGENEITY = range(4)
"""The streams."""


class Luck:
    """Uniform numbers of one stream.

    Parameters
    ----------
    seed : int, >= 0
    stream : int
        One of the constants of this module.
    """

    def __init__(self, seed: int, stream: int) -> None:
        sequence = np.random.SeedSequence(seed, spawn_key=(stream,))
        self._generator = np.random.Generator(np.random.PCG64(sequence))

    def uniform(self, *shape: int) -> FloatArray:
        """Numbers in [0, 1) of a shape."""
        return self._generator.random(shape)

    def below(self, n: int) -> int:
        """One integer in [0, n)."""
        return int(self._generator.random() * n)

    def distinct(self, count: int, n: int) -> IntArray:
        """`count` different integers in [0, n), ascending; every subset is equally likely."""
        if 2 * count > n:  # choose those to leave out
            keep = np.ones(n, dtype=np.bool_)
            keep[self.distinct(n - count, n)] = False
            return np.flatnonzero(keep)
        chosen: set[int] = set()
        while len(chosen) < count:
            draws = np.floor(self.uniform(count - len(chosen)) * n).astype(np.int64)
            for value in draws.tolist():
                chosen.add(value)
        return np.array(sorted(chosen), dtype=np.int64)


def gamma_factors(u: FloatArray, cv: float) -> FloatArray:
    """Gamma numbers of mean 1 and coefficient of variation `cv` by inversion; 1 if `cv` is 0."""
    if cv == 0:
        return np.ones_like(u)
    from scipy.special import gammaincinv

    shape = cv**-2
    return np.asarray(gammaincinv(shape, u) / shape)
