"""Which of many points are dominated by none, and an archive of those found so far."""

from __future__ import annotations

import numpy as np

from simulator.arrays import BoolArray, FloatArray, IntArray

CHUNK = 256
"""Rows compared with all others at a time, which bounds the memory needed."""


DIGITS = 40
"""Binary digits to which objectives are compared: sums in another order differ in the last ones."""


def rounded(values: FloatArray) -> FloatArray:
    """Values to `DIGITS` significant binary digits, about 12 decimal ones.

    Rounding keeps the order: what is better of two rounded values is better of the values.
    """
    mantissa, exponent = np.frexp(values)
    return np.ldexp(np.round(mantissa * 2.0**DIGITS), exponent - DIGITS)


def non_dominated(values: FloatArray) -> BoolArray:
    """Which points no other point dominates; of equal points only the first.

    A point dominates another if it is nowhere worse and somewhere better, to `DIGITS` digits.

    Parameters
    ----------
    values : (B, M) float array, all objectives minimised; rows with an infinity never count

    Returns
    -------
    (B,) bool array

    Examples
    --------
    >>> non_dominated(np.array([[1.0, 3.0], [2.0, 3.0], [2.0, 1.0], [1.0, 3.0]])).tolist()
    [True, False, True, False]
    """
    keep = np.array(np.isfinite(values).all(axis=1))
    index = np.flatnonzero(keep)
    points = rounded(values[index])
    for low in range(0, len(points), CHUNK):
        part = points[low : low + CHUNK]
        nowhere_worse = (points[:, None, :] <= part[None, :, :]).all(axis=2)
        better = (points[:, None, :] < part[None, :, :]).any(axis=2)
        earlier = np.arange(len(points))[:, None] < np.arange(low, low + len(part))[None, :]
        keep[index[low : low + CHUNK]] = ~(nowhere_worse & (better | earlier)).any(axis=0)
    return keep


def crowding(values: FloatArray) -> FloatArray:
    """Crowding distance of the points of a front [1]_; infinite for the ends of each objective.

    Parameters
    ----------
    values : (B, M) float array

    Returns
    -------
    (B,) float array

    References
    ----------
    .. [1] K. Deb, A. Pratap, S. Agarwal, T. Meyarivan, "A fast and elitist multiobjective genetic
       algorithm: NSGA-II", IEEE Trans. Evolutionary Computation 6(2), 2002.
       doi:10.1109/4235.996017
    """
    distance = np.zeros(len(values))
    for column in values.T:
        order = np.argsort(column, kind="stable")
        span = column[order[-1]] - column[order[0]]
        distance[order[[0, -1]]] = np.inf
        if span > 0:
            distance[order[1:-1]] += (column[order[2:]] - column[order[:-2]]) / span
    return distance


class Archive:
    """The non-dominated candidates among all that were judged, at most `room` of them.

    When there are more, the most crowded one goes, again and again; the best of each
    objective stays.

    Attributes
    ----------
    values : (A, M) float array, sorted by the first objective, then the next
    objective : (A,) float array
    genes : tuple of three (A, T) int arrays: node, variant, priority
    """

    def __init__(self, n_objectives: int, n_tasks: int, room: int) -> None:
        self.room = room
        self.values = np.empty((0, n_objectives))
        self.objective = np.empty(0)
        empty = np.empty((0, n_tasks), dtype=np.int64)
        self.genes = (empty, empty, empty)

    def __len__(self) -> int:
        """Number of points A."""
        return len(self.values)

    def add(
        self,
        values: FloatArray,
        objective: FloatArray,
        genes: tuple[IntArray, IntArray, IntArray],
    ) -> None:
        """Let in what is not dominated, drop what has become so."""
        every = np.concatenate([self.values, values])
        kept = np.flatnonzero(non_dominated(every))
        kept = kept[np.lexsort(every[kept].T[::-1])]
        while len(kept) > self.room:
            crowd = crowding(every[kept])
            best = [int(np.argmin(column)) for column in every[kept].T]
            crowd[best] = np.inf
            kept = np.delete(kept, int(np.argmin(crowd)))
        self.values = every[kept]
        self.objective = np.concatenate([self.objective, objective])[kept]
        columns = [np.concatenate(pair)[kept] for pair in zip(self.genes, genes, strict=True)]
        self.genes = (columns[0], columns[1], columns[2])
