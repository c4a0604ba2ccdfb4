"""How good a front is, in one number: the hypervolume it dominates."""

from __future__ import annotations

import numpy as np

from simulator.arrays import FloatArray

BEYOND = 0.1
"""How far the reference point lies beyond the front, as a share of the front's extent."""


def reference_point(values: FloatArray) -> FloatArray:
    """Worst value of each objective on a front, plus 10 % of the front's extent in it.

    Beyond, so that the ends of the front count. (1.1 times the worst value, which is often
    taken, is no reference where that is 0, and makes the measure depend on where 0 lies.) An
    objective in which the front has no extent is given one of its own size, or of 1 if it is 0.
    Fronts are compared with one reference point: that of all their points together.

    Parameters
    ----------
    values : (B, M) float array, B >= 1, all objectives minimised

    Returns
    -------
    (M,) float array

    Examples
    --------
    >>> reference_point(np.array([[1.0, 30.0], [3.0, 10.0]]))
    array([ 3.2, 32. ])
    """
    ideal, worst = values.min(axis=0), values.max(axis=0)
    extent = worst - ideal
    size = np.where(worst != 0, np.abs(worst), 1.0)
    return np.asarray(worst + BEYOND * np.where(extent > 0, extent, size))


def hypervolume(values: FloatArray, reference: FloatArray) -> float:
    """Volume that is dominated by a set of points and bounded by a reference point [1]_.

    Parameters
    ----------
    values : (B, M) float array, all objectives minimised
    reference : (M,) float array
        Points that are not better than it in every objective add nothing.

    Returns
    -------
    float
        In the product of the objectives' units.

    References
    ----------
    .. [1] E. Zitzler, L. Thiele, "Multiobjective optimization using evolutionary algorithms: a
       comparative case study", PPSN V, 1998. doi:10.1007/BFb0056872
    """
    from moocore import hypervolume as volume

    return float(volume(np.asarray(values, dtype=float), ref=np.asarray(reference, dtype=float)))


def share_of_box(values: FloatArray, reference: FloatArray | None = None) -> float:
    """Hypervolume over that of the box between the ideal point and the reference point.

    The ideal point has the best value of every objective; one candidate that were best in all of
    them would have a share of 1.

    Parameters
    ----------
    values : (B, M) float array, B >= 1
    reference : (M,) float array or None
        Default: `reference_point` of the values.
    """
    reference = reference_point(values) if reference is None else np.asarray(reference)
    ideal = values.min(axis=0)
    unit = reference - ideal
    if (unit <= 0).any():
        return 0.0
    return hypervolume((values - ideal) / unit, np.ones(len(unit)))
