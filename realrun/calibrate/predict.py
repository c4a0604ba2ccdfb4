"""Seconds of models that were never profiled on a node, from those that were.

Non-negative least squares [1]_ of measured seconds on what a model does: FLOPs of each operator
class, bytes it touches, operators it launches, and the weights it reads. Errors are relative: a
millisecond matters more in two than in two hundred. One fit for every node; with few models a
coefficient that is not supported stays 0.

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

CLASSES = ("matmul", "conv", "attention", "other")
FEATURES = (*CLASSES, "bytes_touched", "operators", "one")


@dataclass(frozen=True)
class Features:
    """What one execution of a model does.

    Parameters
    ----------
    flops : mapping of operator class to FLOPs
    bytes_touched : float
    operators : float
    """

    flops: Mapping[str, float]
    bytes_touched: float
    operators: float

    def row(self) -> list[float]:
        """The features in the order of `FEATURES`."""
        return [*(float(self.flops.get(c, 0.0)) for c in CLASSES), self.bytes_touched,
                self.operators, 1.0]  # fmt: skip


@dataclass(frozen=True)
class Fit:
    """Seconds for a unit of every feature.

    Parameters
    ----------
    coefficients : (F,) float array, >= 0
    error : float
        Median relative error of the models it was fitted to.
    """

    coefficients: FloatArray
    error: float

    def seconds(self, features: Features) -> float:
        """Predicted seconds."""
        return float(np.asarray(features.row()) @ self.coefficients)


def fit(features: Sequence[Features], seconds: Sequence[float]) -> Fit:
    """Fit one node.

    Parameters
    ----------
    features : of n executions
    seconds : n floats, > 0

    Returns
    -------
    Fit

    Examples
    --------
    >>> work = [Features({"matmul": f}, 0.0, n) for f, n in ((1e9, 10), (2e9, 50), (4e9, 20))]
    >>> found = fit(work, [1e-2 + 1e-4 * 10, 2e-2 + 1e-4 * 50, 4e-2 + 1e-4 * 20])
    >>> round(found.seconds(Features({"matmul": 3e9}, 0.0, 30)), 6)
    0.033
    """
    from scipy.optimize import nnls

    table = np.array([f.row() for f in features], dtype=np.float64)
    target = np.asarray(seconds, dtype=np.float64)
    relative = table / target[:, None]
    scale = np.where(relative.max(axis=0) > 0, relative.max(axis=0), 1.0)
    weight = np.ones(len(target))
    solution = np.zeros(table.shape[1])
    for _ in range(12):  # least absolute deviations by re-weighting: one odd model moves nothing
        root = np.sqrt(weight)[:, None]
        solution, _ = nnls(relative / scale * root, root[:, 0])
        off = np.abs(relative / scale @ solution - 1.0)
        weight = 1.0 / np.maximum(off, 0.02)
    coefficients = solution / scale
    error = np.abs(table @ coefficients / target - 1.0)
    return Fit(coefficients, float(np.median(error)))
