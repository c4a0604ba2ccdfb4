"""Which cells go to a worker together: few enough to lose little, enough to cost little."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

from scenarios.study.cells import Cell

TARGET = 0.5
"""Seconds that a batch should take: what a kill may cost, unless a single cell takes longer."""

MOST = 256
"""Cells of a batch at most."""

UNKNOWN = TARGET / 4
"""Seconds that a cell is taken to need as long as none of its scheduler has run."""

MEMORY = 0.2
"""Weight of the latest cell in the expected seconds of a scheduler."""


class Queue:
    """Cells that are still to run.

    Parameters
    ----------
    cells : iterable of Cell
        In the order of the plan, so that those of one instance stand together.
    least : float
        Seconds that every cell takes at least: a budget in seconds.
    """

    def __init__(self, cells: Iterable[Cell], least: float = 0.0) -> None:
        self._cells = deque(cells)
        self._least = least
        self._seconds: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._cells)

    def expected(self, scheduler: str) -> float:
        """Seconds that a cell of a scheduler will take."""
        return max(self._seconds.get(scheduler, UNKNOWN), self._least)

    def observe(self, scheduler: str, seconds: float) -> None:
        """Learn from a cell that has run."""
        known = self._seconds.get(scheduler, seconds)
        self._seconds[scheduler] = known + MEMORY * (seconds - known)

    def take(self, workers: int) -> tuple[Cell, ...]:
        """The next batch; shorter towards the end, so that all workers end together.

        Parameters
        ----------
        workers : int
            Among whom the rest will be divided.
        """
        known = self._seconds.values()
        each = max(sum(known) / len(known) if known else UNKNOWN, self._least)
        target = min(TARGET, len(self._cells) * each / (2 * workers))
        batch = [self._cells.popleft()]
        total = self.expected(batch[0].scheduler)
        while self._cells and len(batch) < MOST:
            total += self.expected(self._cells[0].scheduler)
            if total > target:
                break
            batch.append(self._cells.popleft())
        return tuple(batch)

    def put_back(self, cells: Sequence[Cell]) -> None:
        """Cells that did not run after all come next."""
        self._cells.extendleft(reversed(cells))
