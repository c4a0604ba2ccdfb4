"""What happens on a worker, in order of time.

A worker that computes hears of everything at once when its task ends. Which inputs a join uses
depends on which came first and on what its deadline found, so what was heard is dealt with in the
order in which it happened, not in the order in which it was read.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator
from typing import Any

NEVER, INPUT, ARRIVAL, DEADLINE, UNWANTED = range(5)
"""Kinds, in their order within one instant: what never comes before what comes, so that of two
edges that one task decides neither closes a join that the other would not; a deadline after the
inputs of its instant, which count; what is not wanted after all that decides on it."""


class Agenda:
    """A queue by (instant, kind, order of adding)."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, int, Any]] = []
        self._count = itertools.count()

    def add(self, at: float, kind: int, what: Any) -> None:
        """Note something, past or to come."""
        heapq.heappush(self._heap, (at, kind, next(self._count), what))

    @property
    def next(self) -> float:
        """When the next thing happens, inf if nothing does."""
        return self._heap[0][0] if self._heap else float("inf")

    def due(self, now: float) -> Iterator[tuple[float, int, Any]]:
        """Take out (instant, kind, what) up to now, with what is added meanwhile."""
        heap = self._heap
        while heap and heap[0][0] <= now:
            at, kind, _, what = heapq.heappop(heap)
            yield at, kind, what

    def forget(self, kind: int) -> list[Any]:
        """Take out everything of one kind, whenever it happens."""
        found = [what for _, k, _, what in self._heap if k == kind]
        self._heap = [entry for entry in self._heap if entry[1] != kind]
        heapq.heapify(self._heap)
        return found
