"""Which point of a front to take: its knee, by weights, or the best in the first objective."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from simulator.arrays import FloatArray

RULES = ("knee", "weights", "first")


def parse_weights(text: str) -> tuple[float, ...]:
    """Weights joined by ``+``.

    Raises
    ------
    ValueError
        Something that is no number >= 0, or nothing but zeros.

    Examples
    --------
    >>> parse_weights("2+0.5")
    (2.0, 0.5)
    """
    try:
        weights = tuple(float(part) for part in text.split("+"))
    except ValueError:
        raise ValueError(f"weights must be numbers joined by +, got {text!r}") from None
    if not all(0 <= w < math.inf for w in weights) or not any(weights):
        raise ValueError(f"weights must be >= 0 and not all 0, got {text!r}")
    return weights


def normalised(values: FloatArray) -> FloatArray:
    """Every objective from 0 at the best to 1 at the worst of the front; 0 where all are alike."""
    ideal = values.min(axis=0)
    extent = values.max(axis=0) - ideal
    return np.asarray((values - ideal) / np.where(extent > 0, extent, 1.0))


def choose(values: FloatArray, rule: str, weights: Sequence[float] = ()) -> int:
    """Index of the point to take.

    * knee: where the front bulges most [1]_: the point that is farthest, towards the ideal, from
      the line between the ends of the front, or, with more objectives, from the plane
      that meets each axis at the front's worst value; objectives normalised. On a front
      that bulges the other way it is one of its ends.
    * weights: least weighted Chebyshev distance from the ideal point [2]_, objectives normalised:
      an objective of twice the weight may be half as far from its best value. Unlike a
      weighted sum, it can reach every point of a front.
    * first: best in the first objective.

    Ties go to the lower sum of normalised (weighted) objectives, then to the first objective,
    then to the next.

    Parameters
    ----------
    values : (B, M) float array, B >= 1, mutually non-dominated, all minimised
    rule : {"knee", "weights", "first"}
    weights : sequence of M floats
        For the rule of that name; empty: all alike.

    References
    ----------
    .. [1] I. Das, "On characterizing the 'knee' of the Pareto curve based on normal-boundary
       intersection", Structural Optimization 18, 1999. doi:10.1007/BF01195985
    .. [2] R. E. Steuer, E.-U. Choo, "An interactive weighted Tchebycheff procedure for multiple
       objective programming", Mathematical Programming 26, 1983. doi:10.1007/BF02591870

    Examples
    --------
    >>> front = np.array([[0.0, 10.0], [1.0, 4.0], [10.0, 0.0]])
    >>> choose(front, "knee"), choose(front, "first"), choose(front, "weights", (0, 1))
    (1, 0, 2)
    """
    unit = normalised(values)
    far = np.zeros(len(values))
    if rule == "weights":
        unit = unit * (np.array(weights, dtype=float) if len(weights) else 1.0)
        far = unit.max(axis=1)
    elif rule == "first":
        far = values[:, 0]
    keys = (*values.T[::-1], unit.sum(axis=1), far)
    return int(np.lexsort(keys)[0])
