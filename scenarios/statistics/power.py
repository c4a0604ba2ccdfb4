"""What a comparison of so many units could have found: the smallest p, the smallest difference."""

from __future__ import annotations

import math

POWER = 0.8
RANKS_WORTH = 3 / math.pi
"""Pairs of a t test that do as much as one of a signed-rank test, for normal differences."""


def smallest_p(pairs: int) -> float:
    """Smallest two-sided p of a signed-rank test on so many pairs that differ.

    Examples
    --------
    >>> smallest_p(5)
    0.0625
    """
    return min(1.0, 2.0 ** (1 - pairs))


def pairs_needed(tests: int, alpha: float = 0.05) -> int:
    """Pairs from which on the best of so many tests can pass Holm's correction.

    Examples
    --------
    >>> pairs_needed(1), pairs_needed(20)
    (6, 10)
    """
    return max(1, math.ceil(1 + math.log2(max(tests, 1) / alpha) - 1e-12))


def detectable(deviation: float, pairs: int, alpha: float = 0.05, power: float = POWER) -> float:
    """Smallest mean difference that a signed-rank test finds with probability `power`.

    For normal differences; a signed-rank test is then worth 3/pi of a t test's pairs.

    Parameters
    ----------
    deviation : float
        Standard deviation of the differences.
    pairs : int
    alpha : float
        Level of the test; divided by their number where there are several.

    Returns
    -------
    float
        NaN with fewer than four pairs, infinite where no difference could reach `alpha`.
    """
    from statsmodels.stats.power import TTestPower

    if pairs < 4 or not math.isfinite(deviation):
        return math.nan
    if smallest_p(pairs) > alpha:
        return math.inf
    if deviation == 0:
        return 0.0
    size = TTestPower().solve_power(
        effect_size=None, nobs=pairs * RANKS_WORTH, alpha=alpha, power=power
    )
    return float(size) * deviation
