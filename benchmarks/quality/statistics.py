"""Statistics of makespans: ratios, ranks, tests, performance profiles. Seeds are averaged first."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

CLOSE = 1e-9
"""Relative difference that counts as equal."""

FloatArray = NDArray[np.float64]


def geometric(values: Sequence[float] | FloatArray) -> float:
    """Geometric mean; NaN of nothing, and 0 if a value is 0.

    Examples
    --------
    >>> geometric([1.0, 4.0])
    2.0
    """
    array = np.asarray(values, dtype=float)
    if array.size == 0:
        return math.nan
    return 0.0 if (array == 0).any() else float(np.exp(np.log(array).mean()))


def wins(mine: FloatArray, other: FloatArray) -> tuple[int, int, int]:
    """Instances on which `mine` is less, equal and greater.

    Examples
    --------
    >>> wins(np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 1.0]))
    (1, 1, 1)
    """
    slack = CLOSE * np.maximum(np.abs(mine), np.abs(other))
    less, more = mine < other - slack, mine > other + slack
    return int(less.sum()), int((~less & ~more).sum()), int(more.sum())


def ranks(values: FloatArray) -> FloatArray:
    """(I, S) ranks of the schedulers within each instance, 1 the least; equal values share.

    Examples
    --------
    >>> ranks(np.array([[3.0, 1.0, 1.0]]))
    array([[3. , 1.5, 1.5]])
    """
    from scipy.stats import rankdata

    # Values that differ by rounding only must share a rank.
    out = np.empty_like(values)
    for i, row in enumerate(values):
        order = np.argsort(row, kind="stable")
        level = np.empty(len(row))
        for place, s in enumerate(order):
            before = order[place - 1] if place else s
            new = place > 0 and row[s] > row[before] * (1 + CLOSE)
            level[s] = level[before] + new if place else 0.0
        out[i] = rankdata(level)
    return out


def holm(p: Sequence[float]) -> list[float]:
    """Holm's adjusted p values.

    References
    ----------
    S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian J. of
    Statistics 6, 1979.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p)), key=lambda i: p[i])
    out, largest = [1.0] * len(p), 0.0
    for place, i in enumerate(order):
        largest = max(largest, min(1.0, (len(p) - place) * p[i]))
        out[i] = largest
    return out


@dataclass(frozen=True)
class Comparison:
    """Whether the schedulers differ, and which of them.

    Parameters
    ----------
    schedulers : tuple of str
        By average rank, best first.
    average : tuple of float
        Their average ranks.
    friedman_p : float
        Friedman's test that all are alike.
    pairs : mapping of (int, int) to float
        Holm-adjusted p of Wilcoxon's signed-rank test for each pair of places.
    instances : int
    """

    schedulers: tuple[str, ...]
    average: tuple[float, ...]
    friedman_p: float
    pairs: Mapping[tuple[int, int], float]
    instances: int

    def cliques(self, level: float = 0.05) -> list[tuple[int, int]]:
        """Longest runs of neighbouring places within which no pair differs significantly."""
        count, out = len(self.schedulers), list[tuple[int, int]]()
        for first in range(count):
            last = first
            while last + 1 < count and all(
                self.pairs[a, last + 1] > level for a in range(first, last + 1)
            ):
                last += 1
            if last > first and not any(a <= first and last <= b for a, b in out):
                out.append((first, last))
        return out


def compare(schedulers: Sequence[str], values: FloatArray) -> Comparison:
    """Friedman's test and Wilcoxon signed-rank tests with Holm's correction.

    Ranks over more than two schedulers depend on who else takes part, so pairs are tested by
    Wilcoxon on log ratios [1]_ instead of Nemenyi's test on the ranks [2]_.

    Parameters
    ----------
    values : (I, S) mean over the seeds, for each instance and scheduler

    References
    ----------
    .. [1] A. Benavoli, G. Corani, F. Mangili, "Should we really use post-hoc tests based on
       mean-ranks?", JMLR 17, 2016.
    .. [2] J. Demsar, "Statistical comparisons of classifiers over multiple data sets", JMLR 7,
       2006.
    """
    from scipy.stats import friedmanchisquare, wilcoxon

    table = ranks(values)
    mean = table.mean(axis=0)
    order = sorted(range(len(schedulers)), key=lambda s: (mean[s], schedulers[s]))
    logs = np.log(np.maximum(values[:, order], np.finfo(float).tiny))
    friedman = 1.0
    if len(order) > 2 and np.ptp(table):
        friedman = float(friedmanchisquare(*table.T).pvalue)
    keys, p = list(combinations(range(len(order)), 2)), []
    for a, b in keys:
        difference = logs[:, a] - logs[:, b]
        difference[np.abs(difference) <= CLOSE] = 0.0
        same = not difference.any()
        p.append(1.0 if same else float(wilcoxon(difference, zero_method="zsplit").pvalue))
    return Comparison(
        tuple(schedulers[s] for s in order),
        tuple(float(mean[s]) for s in order),
        friedman,
        dict(zip(keys, holm(p), strict=True)),
        len(values),
    )


def profile(values: FloatArray, taus: FloatArray) -> FloatArray:
    """(S, K) share of instances on which a scheduler is within a factor tau of the best [1]_.

    Parameters
    ----------
    values : (I, S)
    taus : (K,) factors >= 1

    References
    ----------
    .. [1] E. Dolan, J. More, "Benchmarking optimization software with performance profiles",
       Mathematical Programming 91, 2002.
    """
    ratio = values / values.min(axis=1, keepdims=True)
    return np.array([[(column <= tau * (1 + CLOSE)).mean() for tau in taus] for column in ratio.T])


def paired(mine: FloatArray, other: FloatArray, seed: int = 0) -> tuple[float, float, float]:
    """Geometric mean of mine / other over instances, with a 95 % bootstrap interval."""
    logs = np.log(np.asarray(mine) / np.asarray(other))
    draws = np.random.default_rng(seed).integers(0, len(logs), (2000, len(logs)))
    low, high = np.quantile(np.exp(logs[draws].mean(axis=1)), (0.025, 0.975))
    return float(np.exp(logs.mean())), float(low), float(high)
