"""Figures of the comparison, each a function of plain numbers."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from simulator.arrays import BoolArray, FloatArray

RESAMPLES = 4000
APART = 0.05
"""Only allocations predicted further apart than this must be ordered right."""

MOST_SPLITS = 126


@dataclass(frozen=True)
class Accuracy:
    """Relative errors, prediction over reality minus 1.

    Parameters
    ----------
    runs, allocations : int
    mape, median, p90, max : float
        Of the absolute errors.
    bias : float
        Mean signed error: above 0 where predictions are too long.
    bias_low, bias_high : float
        95 % bootstrap interval of the bias; allocations are drawn, with all of their runs.
    """

    runs: int
    allocations: int
    mape: float
    median: float
    p90: float
    max: float
    bias: float
    bias_low: float
    bias_high: float

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def accuracy(
    predicted: Sequence[float], real: Sequence[float], cluster: Sequence[Any], seed: int = 0
) -> Accuracy | None:
    """Summarise runs; `cluster` names the allocation of each. None where there are no runs."""
    if len(real) == 0:
        return None
    error = np.asarray(predicted, dtype=float) / np.asarray(real, dtype=float) - 1.0
    size = np.abs(error)
    low, high = bootstrap_mean(error, cluster, seed)
    return Accuracy(
        runs=len(error),
        allocations=len(set(cluster)),
        mape=float(size.mean()),
        median=float(np.median(size)),
        p90=float(np.quantile(size, 0.9)),
        max=float(size.max()),
        bias=float(error.mean()),
        bias_low=low,
        bias_high=high,
    )


def bootstrap_mean(
    values: FloatArray, cluster: Sequence[Any], seed: int = 0, level: float = 0.95
) -> tuple[float, float]:
    """Percentile interval of the mean; whole clusters are drawn with replacement.

    (NaN, NaN) with fewer than two clusters: one allocation says nothing about others.
    """
    _, index = np.unique(np.array([str(c) for c in cluster]), return_inverse=True)
    n = int(index.max()) + 1 if len(index) else 0
    if n < 2:
        return float("nan"), float("nan")
    total, count = np.bincount(index, weights=values), np.bincount(index)
    drawn = np.random.default_rng([seed, 3]).integers(n, size=(RESAMPLES, n))
    means = total[drawn].sum(axis=1) / count[drawn].sum(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def noise_floor(rounds: Mapping[Any, Sequence[float]], seed: int = 0) -> Accuracy | None:
    """Real against real: each run against the median of the other rounds of its allocation.

    No predictor can do better than this on single runs.
    """
    expected, real, cluster = [], [], []
    for name, values in rounds.items():
        for i, value in enumerate(values):
            others = [v for j, v in enumerate(values) if j != i]
            if others:
                expected.append(float(np.median(others)))
                real.append(value)
                cluster.append(name)
    return accuracy(expected, real, cluster, seed)


def medians(rounds: Mapping[Any, Sequence[float]]) -> dict[Any, float]:
    """Median over the rounds of each allocation that has any."""
    return {name: float(np.median(values)) for name, values in rounds.items() if len(values)}


def ordered_pairs(
    predicted: Sequence[float], real: Sequence[float], apart: float = APART
) -> tuple[int, int]:
    """(ordered right, all) of the pairs whose predictions differ by more than `apart`.

    The difference is relative to the smaller prediction. Equal real values are not right.
    """
    right = total = 0
    for (p, x), (q, y) in itertools.combinations(zip(predicted, real, strict=True), 2):
        if abs(p - q) > apart * min(p, q):
            total += 1
            right += (p < q) == (x < y) and x != y
    return right, total


def tau_b(predicted: Sequence[float], real: Sequence[float]) -> float | None:
    """Kendall's tau-b; None where it is not defined (fewer than 3, or all equal)."""
    if len(predicted) < 3:
        return None
    from scipy.stats import kendalltau

    value = float(kendalltau(predicted, real, variant="b").statistic)
    return None if np.isnan(value) else value


def tau_within(
    predicted: Sequence[float], real: Sequence[float], group: Sequence[Any]
) -> float | None:
    """Tau-b within groups (equal variant choices), weighted by their number of pairs."""
    total = weight = 0.0
    for name in dict.fromkeys(group):
        mine = [i for i, g in enumerate(group) if g == name]
        value = tau_b([predicted[i] for i in mine], [real[i] for i in mine])
        if value is not None:
            pairs = len(mine) * (len(mine) - 1) / 2
            total, weight = total + pairs * value, weight + pairs
    return total / weight if weight else None


def tau_best_third(predicted: Sequence[float], real: Sequence[float]) -> float | None:
    """Tau-b among the third of the allocations that are really best."""
    keep = np.argsort(real, kind="stable")[: -(-len(real) // 3)]
    return tau_b([predicted[i] for i in keep], [real[i] for i in keep])


def regret(chosen: Any, rounds: Mapping[Any, Sequence[float]]) -> float | None:
    """real(chosen) / real(best) - 1, the best picked on half of the rounds, measured on the other.

    Mean over all ways to halve the rounds (at most `MOST_SPLITS`, evenly taken) and both
    directions. Picking and measuring on the same rounds would favour whoever was lucky. Rounds
    count up to the number that all allocations have; None below two.
    """
    if chosen not in rounds or len(rounds) < 2:
        return None
    n = min(len(values) for values in rounds.values())
    if n < 2:
        return None
    names = list(rounds)
    table = np.array([list(rounds[name])[:n] for name in names], dtype=float)  # (A, n)
    mine = names.index(chosen)
    out = []
    for half in _halves(n):
        for pick in (half, ~half):
            best = int(np.argmin(np.median(table[:, pick], axis=1)))
            rest = np.median(table[:, ~pick], axis=1)
            out.append(float(rest[mine] / rest[best] - 1.0))
    return float(np.mean(out))


def _halves(n: int) -> list[BoolArray]:
    """Masks of the ways to take n // 2 of n rounds."""
    every = list(itertools.combinations(range(n), n // 2))
    step = max(1, -(-len(every) // MOST_SPLITS))
    masks = []
    for chosen in every[::step]:
        mask = np.zeros(n, dtype=np.bool_)
        mask[list(chosen)] = True
        masks.append(mask)
    return masks
