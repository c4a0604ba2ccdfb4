"""Performance profiles: how often a scheduler is within a factor of the best."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scenarios.statistics.cases import Cases
from simulator.arrays import FloatArray

if TYPE_CHECKING:
    import pandas as pd

TAUS = (1.0, 1.01, 1.02, 1.05, 1.1, 1.2, 1.5, 2.0, 3.0, 5.0, 10.0)
"""Factors of the table."""


@dataclass(frozen=True)
class Profiles:
    """Performance ratios of every scheduler on every unit.

    Parameters
    ----------
    schedulers : tuple of str
    ratios : (U, S) float array
        Value over the best value of the unit, >= 1; infinite where there is no answer.
    left_out : int
        Units on which not all schedulers were run.
    tie : float
        Ratios up to 1 plus this are 1.
    """

    schedulers: tuple[str, ...]
    ratios: FloatArray
    left_out: int = 0
    tie: float = 0.0

    def at(self, taus: Sequence[float] | FloatArray = TAUS) -> FloatArray:
        """(S, K) share of all units on which a scheduler is within each factor of the best."""
        limit = np.asarray(taus, dtype=float) * (1 + self.tie)
        inside = self.ratios[:, :, None] <= limit
        return inside.mean(axis=0) if len(self.ratios) else np.full(inside.shape[1:], np.nan)

    def table(self) -> pd.DataFrame:
        """Shares at the factors of `TAUS` and of answers at all, best area first."""
        import pandas as pd

        shares = self.at()
        frame = pd.DataFrame(shares, columns=[f"{tau:g}" for tau in TAUS])
        frame.insert(0, "scheduler", self.schedulers)
        frame["any"] = np.isfinite(self.ratios).mean(axis=0) if len(self.ratios) else np.nan
        return frame.iloc[self.order()].reset_index(drop=True)

    def order(self) -> list[int]:
        """Schedulers by mean logarithm of the ratio, cut at 10 and at failures."""
        cut = np.log(np.minimum(self.ratios, 10.0))
        area = cut.mean(axis=0) if len(cut) else np.zeros(len(self.schedulers))
        return sorted(
            range(len(area)), key=lambda s: (round(float(area[s]), 12), self.schedulers[s])
        )


def profiles(cases: Cases) -> Profiles | None:
    """Profiles after Dolan and More [1]_; None where values have no ratios.

    A scheduler that failed, or lost requests, in any seed of a unit has an infinite ratio there,
    also where all did: the share of such units is missing at every factor. Units on which some
    scheduler was not run at all are left out. Of more than two schedulers, the profile of the
    best says how it does against the field; those of the others are relative to that best and
    may change their order when it is left out [2]_.

    References
    ----------
    .. [1] E. D. Dolan, J. J. More, "Benchmarking optimization software with performance
       profiles", Mathematical Programming 91, 2002.
    .. [2] N. Gould, J. Scott, "A note on performance profiles for benchmarking software", ACM
       TOMS 43(2), 2016.
    """
    if cases.scale.kind != "ratio":
        return None
    codes, keys = cases.units()
    scores = np.where(cases.failed, math.inf, cases.scores)
    complete = np.ones(len(keys), dtype=bool)
    complete[codes[np.isnan(scores).any(axis=1)]] = False
    count = np.bincount(codes, minlength=len(keys))
    means = np.column_stack([
        np.bincount(codes, weights=column, minlength=len(keys)) / count for column in scores.T
    ])[complete]  # fmt: skip
    best = means.min(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        ratios = np.where(np.isfinite(means), np.exp(means - best), math.inf)
    return Profiles(cases.schedulers, ratios, int((~complete).sum()), cases.scale.tie)
