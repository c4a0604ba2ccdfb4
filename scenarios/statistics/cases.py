"""Rows of a study as a table to compare: one row a case, one column a scheduler."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from scenarios.statistics.scales import Scale
from simulator.arrays import BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    import pandas as pd

UNITS = ("instance", "seed")
MOST_LEVELS = 12
"""A column with more distinct values than this is no factor."""

LEAST_SHARE = 0.5
"""Schedulers with answers in a smaller share of the cases are left out of joint comparisons: the
cases that all have in common would become too few."""


@dataclass(frozen=True)
class Cases:
    """All answers to compare, and what there is no answer for.

    Parameters
    ----------
    metric : str
    unit : {"instance", "seed"}
        What is drawn and ranked: instances, with the mean score over their seeds, or single seeds.
    scale : Scale
    schedulers : tuple of str
        S of them, in the order of the rows.
    keys : DataFrame
        C cases: family, instance, seed, and one column for each factor.
    scores : (C, S) float array
        Less is better; NaN where there is no answer.
    failed : (C, S) bool array
        Cells that were run and gave no answer.
    counts : list of dict
        By scheduler: cells, answered, failed, without_value, missing, infinite.
    errors : mapping of scheduler to the first error text
    remarks : tuple of str
        What a reader must know about the rows.
    """

    metric: str
    unit: str
    scale: Scale
    schedulers: tuple[str, ...]
    keys: pd.DataFrame
    scores: FloatArray
    failed: BoolArray
    counts: list[dict[str, Any]] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    @property
    def factors(self) -> list[str]:
        """Columns whose levels can be compared; seeds of instances and repetitions are none."""
        found: list[str] = []
        for name in map(str, self.keys.columns):
            column = self.keys[name]
            if name == "instance" or name.endswith("seed"):
                continue
            again = name != "family" and (column.astype(str) == self.keys["family"]).all()
            if not again and 2 <= column.nunique() <= MOST_LEVELS:
                found.append(name)
        return found

    def units(self) -> tuple[IntArray, pd.DataFrame]:
        """The unit of each case, and the keys of the units in that order."""
        names = ["family", "instance"] + (["seed"] if self.unit == "seed" else [])
        codes = self.keys.groupby(names, sort=False).ngroup().to_numpy().astype(np.int64)
        return codes, self.keys.drop_duplicates(names).reset_index(drop=True)

    def where(self, chosen: BoolArray) -> Cases:
        """Only the chosen cases; counts stay those of all."""
        from dataclasses import replace

        keys = self.keys[chosen].reset_index(drop=True)
        return replace(self, keys=keys, scores=self.scores[chosen], failed=self.failed[chosen])

    def differences(self, baseline: FloatArray) -> FloatArray:
        """(U, S) mean differences to the scores of a baseline, over the common seeds of a unit.

        NaN where a unit has no seed that both answered, or where each was infinitely bad in some
        seed in which the other was not.

        Parameters
        ----------
        baseline : (C,) float array
        """
        each = self.scale.minus(self.scores, baseline[:, None])
        codes, keys = self.units()
        return _means(each, codes, len(keys))

    def joint(self) -> tuple[list[int], FloatArray, BoolArray]:
        """Scores where all schedulers have answers.

        Returns
        -------
        kept : list of int
            Schedulers with answers in at least half of the cases.
        scores : (U', K) float array
            Means over the seeds that all of them answered.
        used : (U,) bool array
            Units with such a seed.
        """
        answered = ~np.isnan(self.scores)
        share = answered.mean(axis=0) if len(answered) else np.zeros(len(self.schedulers))
        kept = [int(s) for s in np.flatnonzero(share >= LEAST_SHARE)]
        common = answered[:, kept].all(axis=1)
        codes, keys = self.units()
        used = np.zeros(len(keys), dtype=bool)
        used[codes[common]] = True
        means = _means(self.scores[common][:, kept], codes[common], len(keys))
        return kept, means[used], used


def _means(values: FloatArray, codes: IntArray, n: int) -> FloatArray:
    """(n, S) means of the rows of each code, NaN left out; NaN where nothing is left."""
    known = ~np.isnan(values)
    out = np.full((n, values.shape[1]), np.nan)
    for s in range(values.shape[1]):
        mine = known[:, s]
        count = np.bincount(codes[mine], minlength=n)
        with np.errstate(invalid="ignore", divide="ignore"):
            out[:, s] = np.bincount(codes[mine], weights=values[mine, s], minlength=n) / count
    return out
