"""How two values of a metric are compared: by ratio or by difference, and when they are equal."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from simulator.arrays import BoolArray, FloatArray
from simulator.errors import InvalidScenario, unknown

HIGHER_IS_BETTER = (
    "throughput", "slo_attainment", "speedup", "jain_index", "utilisation", "accuracy",
)  # fmt: skip
"""Metrics of which more is better; of all others less is."""

SCALES = ("ratio", "difference")
TIE = 1e-9
"""Relative difference up to which two values count as equal: rounding, not a result."""


@dataclass(frozen=True)
class Scale:
    """Turns values into scores, of which less is better, and differences of scores into effects.

    Parameters
    ----------
    kind : {"ratio", "difference"}
        Scores are logarithms, so that a mean difference of scores is a geometric mean of ratios;
        or the values themselves.
    higher_is_better : bool
    tie : float
        Relative difference up to which two values are equal, >= 0.
    """

    kind: str = "ratio"
    higher_is_better: bool = False
    tie: float = TIE

    def __post_init__(self) -> None:
        if self.kind not in SCALES:
            raise unknown("scale", self.kind, SCALES)
        if not (math.isfinite(self.tie) and self.tie >= 0):
            raise InvalidScenario(f"tie: expected a share from 0 on, got {self.tie:g}")

    def scores(self, values: FloatArray) -> FloatArray:
        """Scores of values; NaN stays NaN, an infinitely bad value is infinite."""
        sign = -1.0 if self.higher_is_better else 1.0
        if self.kind == "difference":
            return sign * values
        with np.errstate(divide="ignore"):
            return sign * np.log(values)

    def effect(self, difference: Any) -> Any:
        """What a difference of scores means: a ratio, or a difference in the metric's unit.

        A ratio above 1, or a difference above 0, is worse than what it is compared with.
        """
        return np.exp(difference) if self.kind == "ratio" else difference

    def slack(self, a: FloatArray, b: FloatArray) -> FloatArray:
        """Largest difference of scores that is a tie; 0 where a score is infinite."""
        if self.kind == "ratio":
            return np.full(np.broadcast(a, b).shape, math.log1p(self.tie))
        size = np.maximum(np.abs(a), np.abs(b))
        return np.where(np.isfinite(size), self.tie * size, 0.0)

    def minus(self, a: FloatArray, b: FloatArray) -> FloatArray:
        """Differences of scores a - b: exactly 0 for ties and for two infinite ones."""
        with np.errstate(invalid="ignore"):
            difference = a - b
        equal = (a == b) | (np.abs(difference) <= self.slack(a, b))
        return np.where(equal, 0.0, difference)

    def ranks(self, scores: FloatArray) -> FloatArray:
        """Ranks within each row, 1 the best; ties share the mean of theirs.

        Parameters
        ----------
        scores : (n, k) float array without NaN

        Examples
        --------
        >>> Scale("difference").ranks(np.array([[3.0, 1.0, 1.0]]))
        array([[3. , 1.5, 1.5]])
        """
        from scipy.stats import rankdata

        order = np.argsort(scores, axis=1, kind="stable")
        ascending = np.take_along_axis(scores, order, axis=1)
        level = np.zeros(scores.shape)
        anchor = ascending[:, 0].copy()
        for j in range(1, scores.shape[1]):
            column = ascending[:, j]
            new: BoolArray = column > anchor + self.slack(column, anchor)
            level[:, j] = level[:, j - 1] + new
            anchor = np.where(new, column, anchor)
        levels = np.empty_like(level)
        np.put_along_axis(levels, order, level, axis=1)
        return np.asarray(rankdata(levels, axis=1), dtype=float)


def scale_for(metric: str, values: FloatArray, kind: str | None = None, tie: float = TIE) -> Scale:
    """The scale of a metric: ratios where all finite values are above 0, else differences.

    Raises
    ------
    UnknownName
        Another kind than ratio or difference.
    InvalidScenario
        Ratios were asked for but a value is 0 or less.
    """
    finite = values[np.isfinite(values)]
    positive = bool((finite > 0).all())
    if kind == "ratio" and not positive:
        raise InvalidScenario(
            f"scale: {metric} has values of 0 or less ({float(finite.min()):g}), which have no "
            "ratios; use difference"
        )
    chosen = kind or ("ratio" if positive else "difference")
    return Scale(chosen, metric in HIGHER_IS_BETTER, tie)
