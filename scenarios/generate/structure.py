"""What a graph family makes: named tasks and edges; and how its parameters are checked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.arrays import IntArray
from simulator.errors import InvalidScenario

MOST_TASKS = 1_000_000


@dataclass(frozen=True)
class Structure:
    """A graph without weights.

    Parameters
    ----------
    names : tuple of str
        Task names; task numbers are topological: every edge leads to a larger number.
    edges : tuple of (int, int), ascending
    """

    names: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]

    def levels(self) -> IntArray:
        """(T,) length of the longest path that leads to each task, in edges."""
        level = np.zeros(len(self.names), dtype=np.int64)
        for a, b in self.edges:  # ascending sources, so level[a] is final
            level[b] = max(level[b], level[a] + 1)
        return level


def numbered(count: int, edges: list[tuple[int, int]], prefix: str = "t") -> Structure:
    """Tasks ``t0``, ``t1``, ... with these edges in ascending order."""
    return Structure(tuple(f"{prefix}{i}" for i in range(count)), tuple(sorted(edges)))


def whole(value: object, what: str, low: int, high: int = MOST_TASKS) -> int:
    """An integer parameter within its range.

    Raises
    ------
    InvalidScenario
    """
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InvalidScenario(f"{what} must be an integer from {low} to {high}, got {shown(value)}")
    return value


def fraction(value: object, what: str) -> float:
    """A number in [0, 1].

    Raises
    ------
    InvalidScenario
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise InvalidScenario(f"{what} must be a number from 0 to 1, got {shown(value)}")
    return float(value)


def shown(value: object) -> str:
    """A value for a message."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def shares(total: int, parts: int) -> list[int]:
    """Split a number into parts that differ by at most 1, larger ones first."""
    base, extra = divmod(total, parts)
    return [base + (i < extra) for i in range(parts)]
