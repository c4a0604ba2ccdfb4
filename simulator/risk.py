"""What a search minimises when there are several `plan` realisations: mean, quantile or CVaR."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from simulator.arrays import FloatArray
from simulator.cluster import require
from simulator.errors import InvalidScenario, unknown

KINDS: Mapping[str, str] = {
    "mean": "the mean over the realisations",
    "quantile": "the least value that a share `level` of the realisations do not exceed",
    "cvar": "the mean over the worst `1 - level` of the realisations",
}
"""How the values of the realisations become one number."""

ROUNDING = 1e-9
"""Levels are decimal fractions: 0.95 of 20 draws are 19 of them, whatever 0.95 is in binary."""


@dataclass(frozen=True)
class Risk:
    """How the objective's values in D plan realisations are made one number.

    All kinds are monotone: lower values in every realisation never give a higher number. So lower
    bounds of each realisation, put together in the same way, bound the result.

    Parameters
    ----------
    kind : {"mean", "quantile", "cvar"}
        The conditional value at risk [1]_ of few draws counts the last of the worst draws in part:
        at level 0.9 of 16 draws the worst one and 0.6 of the second worst.
    level : float in [0, 1)
        Not read by the mean.

    References
    ----------
    .. [1] R. T. Rockafellar, S. Uryasev, "Conditional value-at-risk for general loss
       distributions", Journal of Banking & Finance 26(7), 2002.
       doi:10.1016/S0378-4266(02)00271-6

    Examples
    --------
    >>> Risk("cvar", 0.5).over(np.array([[4.0], [1.0], [2.0], [3.0]]))
    array([3.5])
    """

    kind: str = "mean"
    level: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise unknown("risk", self.kind, KINDS)
        require(0 <= self.level < 1, f"risk {self.kind}: the level must be in [0, 1)")

    @staticmethod
    def parse(given: object) -> Risk:
        """From ``mean``, ``p95``, or a mapping such as ``{cvar: 0.9}``.

        Raises
        ------
        UnknownName, InvalidScenario
        """
        if isinstance(given, Mapping) and len(given) == 1:
            kind, level = next(iter(given.items()))
            if kind in ("quantile", "cvar") and isinstance(level, int | float):
                return Risk(str(kind), float(level))
            raise unknown("risk", str(kind), ("quantile", "cvar"))
        if given == "mean":
            return Risk()
        if isinstance(given, str) and given[:1] == "p" and given[1:].isdigit():
            return Risk("quantile", float(given[1:]) / 100.0)
        if isinstance(given, str):
            raise unknown("risk", given, ("mean", "p95"))
        raise InvalidScenario(
            f"risk: expected mean, p95 or one of quantile and cvar with a level, got {given!r}"
        )

    def __str__(self) -> str:
        return self.kind if self.kind == "mean" else f"{self.kind} {self.level:g}"

    def over(self, values: FloatArray) -> FloatArray:
        """Put the values of D realisations together.

        Parameters
        ----------
        values : (D, B) float array; +inf where a realisation makes a candidate worthless

        Returns
        -------
        (B,) float array
        """
        draws = len(values)
        if self.kind == "mean":
            return _sum(values) / draws
        if self.kind == "quantile":
            rank = max(math.ceil(self.level * draws - ROUNDING), 1)
            return np.asarray(np.sort(values, axis=0)[rank - 1])
        tail = (1.0 - self.level) * draws
        share = np.clip(tail - np.arange(draws), 0.0, 1.0)
        share = share[share > ROUNDING]
        worst = np.sort(values, axis=0)[::-1][: len(share)]
        return _sum(worst * (share / share.sum())[:, None])


def _sum(values: FloatArray) -> FloatArray:
    """Row after row: sums in one order keep what is larger in every row larger in sum."""
    total = np.zeros(values.shape[1])
    for row in values:
        total += row
    return total
