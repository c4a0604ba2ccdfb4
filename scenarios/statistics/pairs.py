"""Two schedulers on the same units: signed ranks, win/tie/loss, effect sizes, Holm's correction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from simulator.arrays import FloatArray
from simulator.errors import unknown

ZEROS = ("pratt", "wilcox", "zsplit")
EXACT_UP_TO = 50
"""Pairs that differ; beyond, the normal distribution is near enough."""


@dataclass(frozen=True)
class SignedRank:
    """Wilcoxon's signed-rank test of paired differences.

    Parameters
    ----------
    pairs, zeros : int
        All pairs, and those without a difference.
    above, below : float
        Sums of the ranks of the differences above and below 0.
    p : float
        Two-sided; 1 where no pair differs.
    """

    pairs: int
    zeros: int
    above: float
    below: float
    p: float

    @property
    def rank_biserial(self) -> float:
        """Matched-pairs rank-biserial correlation [1]_: 1 where all differences are below 0.

        References
        ----------
        .. [1] D. S. Kerby, "The simple difference formula: an approach to teaching nonparametric
           correlation", Comprehensive Psychology 3, 2014.
        """
        total = self.above + self.below
        return (self.below - self.above) / total if total > 0 else 0.0


def signed_rank(differences: ArrayLike, zeros: str = "pratt") -> SignedRank:
    """Test whether paired differences lie around 0 [1]_.

    Schedulers often choose the very same allocation, so zeros are common. By default they take
    part in the ranking and are then put aside, as Pratt has it [2]_; "wilcox" leaves them out
    before, "zsplit" counts half of their ranks on each side, as in [3]_. p is exact, ties or not,
    up to 50 pairs that differ, and by the normal distribution (scipy) beyond.

    Parameters
    ----------
    differences : (n,) array
        NaN is left out; infinite ones count as larger than all others.
    zeros : {"pratt", "wilcox", "zsplit"}

    References
    ----------
    .. [1] F. Wilcoxon, "Individual comparisons by ranking methods", Biometrics Bulletin 1, 1945.
    .. [2] J. W. Pratt, "Remarks on zeros and ties in the Wilcoxon signed rank procedures", JASA
       54, 1959.
    .. [3] J. Demsar, "Statistical comparisons of classifiers over multiple data sets", JMLR 7,
       2006.
    """
    from scipy.stats import rankdata, wilcoxon

    if zeros not in ZEROS:
        raise unknown("treatment of zeros", zeros, ZEROS)
    d = _finite(np.asarray(differences, dtype=float))
    nothing = int((d == 0).sum())
    if nothing == len(d):
        return SignedRank(len(d), nothing, 0.0, 0.0, 1.0)
    ranked = d[d != 0] if zeros == "wilcox" else d
    rank = rankdata(np.abs(ranked))
    half = float(rank[ranked == 0].sum()) / 2 if zeros == "zsplit" else 0.0
    above, below = float(rank[ranked > 0].sum()) + half, float(rank[ranked < 0].sum()) + half
    if len(d) - nothing <= EXACT_UP_TO:
        p = _exact_p(rank[ranked != 0], float(rank[ranked > 0].sum()))
    else:
        options: Any = {"zero_method": zeros, "method": "approx"}
        p = float(wilcoxon(d, **options).pvalue)
    return SignedRank(len(d), nothing, above, below, min(p, 1.0))


def _exact_p(ranks: FloatArray, above: float) -> float:
    """Two-sided p of a sum of ranks above 0 when every sign is a fair coin.

    Doubled ranks are whole numbers even where ties share one, so the distribution of the sum is
    built up rank by rank; scipy's exact distribution knows ranks 1 to n only.
    """
    doubled = np.rint(2 * ranks).astype(int)
    chance = np.zeros(int(doubled.sum()) + 1)
    chance[0] = 1.0
    for rank in doubled:
        with_it = np.zeros_like(chance)
        with_it[rank:] = chance[: len(chance) - rank]
        chance = 0.5 * (chance + with_it)
    at = round(2 * above)
    return float(min(1.0, 2 * min(chance[: at + 1].sum(), chance[at:].sum())))


def _finite(d: FloatArray) -> FloatArray:
    """Without NaN, and with numbers above all others for infinity: only ranks count."""
    d = d[~np.isnan(d)]
    finite = np.abs(d[np.isfinite(d)])
    return np.clip(d, -2 * finite.max(initial=1.0) - 1, 2 * finite.max(initial=1.0) + 1)


def holm(p: Sequence[float]) -> list[float]:
    """Adjusted p values of several tests by Holm's step-down procedure [1]_.

    References
    ----------
    .. [1] S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian
       Journal of Statistics 6, 1979.

    Examples
    --------
    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    from statsmodels.stats.multitest import multipletests

    if len(p) == 0:
        return []
    return [float(x) for x in multipletests(list(p), method="holm")[1]]


@dataclass(frozen=True)
class Tally:
    """Units on which a scheduler is better, equal and worse."""

    better: int
    equal: int
    worse: int

    @property
    def dominance(self) -> float:
        """Cliff's delta within pairs: (better - worse) / pairs; NaN of nothing."""
        n = self.better + self.equal + self.worse
        return (self.better - self.worse) / n if n else float("nan")


def tally(differences: ArrayLike) -> Tally:
    """Count differences of scores below, at and above 0; NaN is left out.

    Examples
    --------
    >>> tally([-1.0, 0.0, 2.0, -3.0])
    Tally(better=2, equal=1, worse=1)
    """
    d = np.asarray(differences, dtype=float)
    return Tally(int((d < 0).sum()), int((d == 0).sum()), int((d > 0).sum()))


def cliffs_delta(x: ArrayLike, y: ArrayLike) -> float:
    """Cliff's delta of two independent samples [1]_: P(X > Y) - P(X < Y), from -1 to 1.

    References
    ----------
    .. [1] N. Cliff, "Dominance statistics: ordinal analyses to answer ordinal questions",
       Psychological Bulletin 114, 1993.

    Examples
    --------
    >>> cliffs_delta([1, 2, 3], [2, 3, 4])
    -0.5555555555555556
    """
    a, b = np.asarray(x, dtype=float), np.sort(np.asarray(y, dtype=float))
    if len(a) == 0 or len(b) == 0:
        return float("nan")
    below = np.searchsorted(b, a, side="left").sum()
    above = (len(b) - np.searchsorted(b, a, side="right")).sum()
    return float(below - above) / (len(a) * len(b))
