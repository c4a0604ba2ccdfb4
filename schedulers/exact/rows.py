"""Collects the rows of a linear program, one at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass
class Rows:
    """Variables with bounds and ``low <= sum of factor x variable <= high``."""

    lower: list[float] = field(default_factory=list)
    upper: list[float] = field(default_factory=list)
    whole: list[int] = field(default_factory=list)
    row: list[int] = field(default_factory=list)
    column: list[int] = field(default_factory=list)
    factor: list[float] = field(default_factory=list)
    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)

    def variable(self, lower: float = 0.0, upper: float = 1.0, whole: bool = False) -> int:
        """Index of a new variable."""
        self.lower.append(lower)
        self.upper.append(upper)
        self.whole.append(int(whole))
        return len(self.lower) - 1

    def at_most(self, terms: list[tuple[int, float]], high: float, low: float = -np.inf) -> None:
        """``low <= sum <= high``; a variable may occur more than once."""
        for i, factor in terms:
            self.row.append(len(self.low))
            self.column.append(i)
            self.factor.append(factor)
        self.low.append(low)
        self.high.append(high)

    def equal(self, terms: list[tuple[int, float]], value: float) -> None:
        """``sum == value``."""
        self.at_most(terms, value, value)

    def minimise(self, variable: int, options: dict[str, Any]) -> Any:
        """Result of `scipy.optimize.milp`."""
        from scipy.optimize import Bounds, LinearConstraint, milp
        from scipy.sparse import coo_array

        shape = (len(self.low), len(self.lower))
        matrix = coo_array((self.factor, (self.row, self.column)), shape=shape).tocsr()
        cost = np.zeros(shape[1])
        cost[variable] = 1.0
        return milp(
            cost,
            integrality=np.array(self.whole),
            bounds=Bounds(self.lower, self.upper),
            constraints=LinearConstraint(matrix, self.low, self.high),
            options=options,  # type: ignore[arg-type]
        )
