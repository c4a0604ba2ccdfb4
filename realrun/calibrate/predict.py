"""Seconds of models that were never measured on a node, from those that were.

Non-negative least squares [1]_ of measured seconds on what a model does; see
`realrun.calibrate.counting`. Errors are relative: a millisecond matters more in two than in two
hundred. One fit for every node. Small modules profiled beside the models give the fit support; they
run warmer than models in a pipeline, which one factor, the median over the known models, makes up
for.

References
----------
.. [1] C. Lawson, R. Hanson, "Solving least squares problems", Prentice-Hall, 1974, chapter 23.
   doi:10.1137/1.9781611971217
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from simulator.arrays import FloatArray

FEATURES = (
    "matmul_flops", "matmul_bytes", "vector_bytes", "products", "thin_conv_flops",
    "pointwise_conv_flops", "dense_conv_flops", "conv_bytes", "convolutions", "attention_flops",
    "attention_bytes", "attentions", "other_bytes", "others",
)  # fmt: skip
Work = Mapping[str, float]
"""Feature -> amount; what is absent is 0."""
ROUNDS = 12
FLOOR = 0.05
"""Relative errors below this one are as good as none."""


def row(work: Work) -> list[float]:
    """The features in the order of `FEATURES`, then 1."""
    return [*(float(work.get(name, 0.0)) for name in FEATURES), 1.0]


@dataclass(frozen=True)
class Fit:
    """Seconds for a unit of every feature.

    Parameters
    ----------
    coefficients : (F + 1,) float array, >= 0
    error : float
        Median relative error of the models it was fitted to.
    """

    coefficients: FloatArray
    error: float

    def seconds(self, work: Work) -> float:
        """Predicted seconds."""
        return float(np.asarray(row(work)) @ self.coefficients)


def fit(known: Sequence[tuple[Work, float]], support: Sequence[tuple[Work, float]] = ()) -> Fit:
    """Fit one node.

    Parameters
    ----------
    known : (work, seconds > 0) of models
    support : the same of modules that run warmer than models do

    Returns
    -------
    Fit

    Examples
    --------
    >>> seen = [({"matmul_flops": f, "products": n}, 1e-11 * f + 1e-4 * n)
    ...         for f, n in ((1e9, 10), (2e9, 50), (4e9, 20))]
    >>> round(fit(seen).seconds({"matmul_flops": 3e9, "products": 30}), 6)
    0.033
    """
    both = [*known, *support]
    table = np.array([row(work) for work, _ in both], dtype=np.float64)
    target = np.array([seconds for _, seconds in both], dtype=np.float64)
    coefficients = _solve(table / target[:, None])
    n = len(known)
    if support and n:
        coefficients = coefficients * float(np.median(target[:n] / (table[:n] @ coefficients)))
    error = np.abs(table @ coefficients / target - 1.0)
    return Fit(coefficients, float(np.median(error[:n] if n else error)))


def _solve(relative: FloatArray) -> FloatArray:
    """Coefficients >= 0 for which every row comes to 1, by least absolute deviations.

    Least squares re-weighted: one odd model moves nothing.
    """
    from scipy.optimize import nnls

    most = relative.max(axis=0)
    scale = np.where(most > 0, most, 1.0)
    weight = np.ones(len(relative))
    solution = np.zeros(relative.shape[1])
    for _ in range(ROUNDS):
        root = np.sqrt(weight)[:, None]
        solution, _ = nnls(relative / scale * root, root[:, 0])
        off = np.abs(relative / scale @ solution - 1.0)
        weight = 1.0 / np.maximum(off, FLOOR)
    return np.asarray(solution / scale)
