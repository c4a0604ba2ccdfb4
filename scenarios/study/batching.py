"""Which cells go to a worker together: few enough to lose little, enough to cost little."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

from scenarios.study.cells import Cell

TARGET = 0.5
"""Seconds that a batch should take: what a kill may cost, unless a single cell takes longer."""

MOST = 128
"""Cells of a batch at most."""

UNKNOWN = TARGET / 4
"""Seconds that a cell is taken to need as long as none of its scheduler has run."""

MEMORY = 0.2
"""Weight of the latest cell in the expected seconds of a scheduler."""


class Queue:
    """Cells that are still to run, instance by instance.

    Parameters
    ----------
    cells : iterable of Cell
        In the order of the plan.
    least : float
        Seconds that every cell takes at least: a budget in seconds.
    """

    def __init__(self, cells: Iterable[Cell], least: float = 0.0) -> None:
        self._groups: deque[deque[Cell]] = deque()
        self._left = 0
        self._least = least
        self._seconds: dict[str, float] = {}
        for cell in cells:
            self._left += 1
            if not self._groups or self._groups[-1][0].instance != cell.instance:
                self._groups.append(deque())
            self._groups[-1].append(cell)

    def __len__(self) -> int:
        return self._left

    def expected(self, scheduler: str) -> float:
        """Seconds that a cell of a scheduler will take."""
        return max(self._seconds.get(scheduler, UNKNOWN), self._least)

    def observe(self, scheduler: str, seconds: float) -> None:
        """Learn from a cell that has run."""
        known = self._seconds.get(scheduler)
        self._seconds[scheduler] = seconds if known is None else known + MEMORY * (seconds - known)

    def take(self, workers: int) -> tuple[Cell, ...]:
        """The next batch, all of one instance; shorter towards the end, so that all end together.

        Parameters
        ----------
        workers : int
            Among whom the rest will be divided.
        """
        group = self._groups[0]
        known = self._seconds.values()
        each = max(sum(known) / len(known) if known else UNKNOWN, self._least)
        target = min(TARGET, self._left * each / (2 * workers))
        batch, total = [group.popleft()], 0.0
        total += self.expected(batch[0].scheduler)
        while group and len(batch) < MOST:
            total += self.expected(group[0].scheduler)
            if total > target:
                break
            batch.append(group.popleft())
        if not group:
            self._groups.popleft()
        self._left -= len(batch)
        return tuple(batch)

    def put_back(self, cells: Sequence[Cell]) -> None:
        """Cells that did not run after all come next."""
        if cells:
            self._groups.appendleft(deque(cells))
            self._left += len(cells)
