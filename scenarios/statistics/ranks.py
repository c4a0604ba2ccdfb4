"""Several schedulers on the same units: Friedman's test and Nemenyi's critical difference."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from simulator.arrays import FloatArray


@dataclass(frozen=True)
class RankTest:
    """Whether schedulers differ, and how far apart average ranks must lie to say so.

    Parameters
    ----------
    schedulers : tuple of str
        K of them, best average rank first.
    average : tuple of float
        Their average ranks, 1 the best.
    units : int
    chi_squared, p : float
        Friedman's statistic, corrected for ties, and its p.
    f, f_p : float
        The less conservative F of Iman and Davenport, and its p.
    critical_difference : float
        Of average ranks, by Nemenyi's test at level `alpha`.
    alpha : float
    """

    schedulers: tuple[str, ...]
    average: tuple[float, ...]
    units: int
    chi_squared: float
    p: float
    f: float
    f_p: float
    critical_difference: float
    alpha: float

    @property
    def groups(self) -> list[tuple[str, ...]]:
        """Largest groups of schedulers whose average ranks are less than the difference apart."""
        out: list[tuple[int, int]] = []
        for first in range(len(self.average)):
            last = first
            while (
                last + 1 < len(self.average)
                and self.average[last + 1] - self.average[first] < self.critical_difference
            ):
                last += 1
            if last > first and not (out and last <= out[-1][1]):
                out.append((first, last))
        return [self.schedulers[a : b + 1] for a, b in out]

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        names = ("units", "chi_squared", "p", "f", "f_p", "critical_difference", "alpha")
        return {
            "average": dict(zip(self.schedulers, self.average, strict=True)),
            **{name: getattr(self, name) for name in names},
            "groups": [list(group) for group in self.groups],
        }


def rank_test(schedulers: tuple[str, ...], ranks: FloatArray, alpha: float = 0.05) -> RankTest:
    """Friedman's test [1]_ with the correction of Iman and Davenport, and Nemenyi's difference.

    Average ranks depend on who else takes part [2]_; conclusions about a pair belong to the
    signed-rank tests.

    Parameters
    ----------
    schedulers : tuple of str
    ranks : (U, K) float array
        Within each unit, 1 the best, ties shared; K >= 3, U >= 2.
    alpha : float

    References
    ----------
    .. [1] J. Demsar, "Statistical comparisons of classifiers over multiple data sets", JMLR 7,
       2006, section 3.2.2.
    .. [2] A. Benavoli, G. Corani, F. Mangili, "Should we really use post-hoc tests based on
       mean-ranks?", JMLR 17, 2016.
    """
    from scipy.stats import f as f_distribution
    from scipy.stats import friedmanchisquare

    units, k = ranks.shape
    average = ranks.mean(axis=0)
    order = sorted(range(k), key=lambda s: (average[s], schedulers[s]))
    chi, p = 0.0, 1.0
    if np.ptp(ranks) > 0:
        found = friedmanchisquare(*ranks.T)
        chi, p = float(found.statistic), float(found.pvalue)
    left = units * (k - 1) - chi
    f = (units - 1) * chi / left if left > 1e-9 * units * k else math.inf
    return RankTest(
        schedulers=tuple(schedulers[s] for s in order),
        average=tuple(float(average[s]) for s in order),
        units=units,
        chi_squared=chi,
        p=p,
        f=f,
        f_p=float(f_distribution.sf(f, k - 1, (k - 1) * (units - 1))),
        critical_difference=critical_difference(k, units, alpha),
        alpha=alpha,
    )


def critical_difference(k: int, units: int, alpha: float = 0.05) -> float:
    """Nemenyi's critical difference of average ranks of k schedulers.

    Examples
    --------
    >>> round(critical_difference(4, 14), 2)  # worked out in Demsar's paper
    1.25
    """
    from scipy.stats import studentized_range

    q = float(studentized_range.ppf(1 - alpha, k, math.inf)) / math.sqrt(2)
    return q * math.sqrt(k * (k + 1) / (6 * units))
