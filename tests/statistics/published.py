"""Results from the literature that the statistics must reproduce, and small tables for tests."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

DEMSAR = ("C4.5", "C4.5+m", "C4.5+cf", "C4.5+m+cf")
AUC = np.array([
    [0.763, 0.768, 0.771, 0.798],  # adult (sample)
    [0.599, 0.591, 0.590, 0.569],  # breast cancer
    [0.954, 0.971, 0.968, 0.967],  # breast cancer wisconsin
    [0.628, 0.661, 0.654, 0.657],  # cmc
    [0.882, 0.888, 0.886, 0.898],  # ionosphere
    [0.936, 0.931, 0.916, 0.931],  # iris
    [0.661, 0.668, 0.609, 0.685],  # liver disorders
    [0.583, 0.583, 0.563, 0.625],  # lung cancer
    [0.775, 0.838, 0.866, 0.875],  # lymphography
    [1.000, 1.000, 1.000, 1.000],  # mushroom
    [0.940, 0.962, 0.965, 0.962],  # primary tumor
    [0.619, 0.666, 0.614, 0.669],  # rheum
    [0.972, 0.981, 0.9751, 0.975],  # voting: both print as 0.975, ranked 2 and 3
    [0.957, 0.978, 0.946, 0.970],  # wine
])  # fmt: skip
"""Tables 2 and 6 of J. Demsar, "Statistical comparisons of classifiers over multiple data sets",
JMLR 7, 2006: areas under the ROC curve, by data set and classifier; more is better."""

NEMENYI_Q = {
    0.05: (1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164),
    0.10: (1.645, 2.052, 2.291, 2.459, 2.589, 2.693, 2.780, 2.855, 2.920),
}
"""Table 5 (a) of the same: critical values for 2 to 10 classifiers."""


def rows(values: Any, schedulers: str = "abcdefgh", **columns: Any) -> pd.DataFrame:
    """Rows of a study from a table of instances by schedulers; NaN where a cell is missing.

    An array of three dimensions has seeds as its last.
    """
    table = np.asarray(values, dtype=float)
    table = table[:, :, None] if table.ndim == 2 else table
    out = [
        {"scheduler": schedulers[s], "instance": f"i{i}", "family": "f", "scenario": "s",
         "seed": seed, "objective": table[i, s, seed]}
        for i, s, seed in np.ndindex(*table.shape)
        if not np.isnan(table[i, s, seed])
    ]  # fmt: skip
    return pd.DataFrame(out).assign(**columns)
