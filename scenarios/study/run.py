"""Cells on their way through a pool, and what becomes of them when workers die."""

from __future__ import annotations

import json
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

from scenarios.study.batching import Queue
from scenarios.study.cells import Cell, Plan
from scenarios.study.pools import Pool
from scenarios.study.store import Row, Store
from scenarios.study.work import Batch, Piece, failed_rows, run_batch
from simulator.errors import AlloclabError

Progress = Callable[[int, int, str], None]
"""Called with cells run, cells to run, and a word about failures."""

LOOK = 0.2
"""Seconds between two looks at an interrupt."""

DIED = (
    "the worker process died every time it ran this cell: killed, out of memory, or crashed in "
    "compiled code"
)


@dataclass
class Run:
    """One sweep's cells.

    After a death it is unknown which of the batches under way was to blame. Each of them then
    runs alone; one that takes its worker along again is cut into cells; a cell that does so alone
    `Pool.deaths` times becomes a failed row.

    Parameters
    ----------
    plan : Plan
    store : Store, open for writing
    todo : sequence of Cell
    progress : callable
    """

    plan: Plan
    store: Store
    todo: Sequence[Cell]
    progress: Progress
    ran: int = 0
    failed: int = 0
    under_way: dict[Future[list[Row]], Batch] = field(default_factory=dict)
    suspects: deque[tuple[Cell, ...]] = field(default_factory=deque)
    alone: bool = False
    broken: bool = False
    deaths: dict[str, int] = field(default_factory=dict)

    def work(self, pool: Pool) -> None:
        """Run everything; what finishes is on the disk before anything else is looked at.

        Raises
        ------
        KeyboardInterrupt
            Somebody pressed Ctrl-C; the rows of all finished batches are on the disk.
        AlloclabError
            Workers run other code, or are gone for good.
        """
        queue = Queue(self.todo, self.plan.study.seconds or 0.0)
        self._tell()
        with interrupts() as interrupted:
            try:
                while queue or self.suspects or self.under_way:
                    if interrupted():
                        raise KeyboardInterrupt
                    self._fill(pool, queue)
                    done, _ = wait(self.under_way, timeout=LOOK, return_when=FIRST_COMPLETED)
                    self._take(pool, queue, list(done))
                    if self.broken and not self.under_way:
                        pool.renew()
                        self.broken = False
            finally:
                self._rescue()

    def _fill(self, pool: Pool, queue: Queue) -> None:
        """Give the pool as much as it may have under way, or one suspect alone."""
        workers = pool.workers()
        if self.broken or self.alone:
            return
        if self.suspects:
            if not self.under_way:
                self.alone = True
                self._submit(pool, self.suspects.popleft())
            return
        while queue and not self.broken and len(self.under_way) < pool.capacity():
            cells = queue.take(workers)
            if not self._submit(pool, cells):
                queue.put_back(cells)

    def _submit(self, pool: Pool, cells: tuple[Cell, ...]) -> bool:
        batch = self._batch(cells)
        try:
            self.under_way[pool.submit(run_batch, batch)] = batch
        except Exception as error:
            if not pool.lost(error):
                raise
            self.broken = True  # a worker died since; what is under way will say so
            if self.alone:
                self.alone = False
                self.suspects.appendleft(cells)
                return True
            return False
        return True

    def _batch(self, cells: tuple[Cell, ...]) -> Batch:
        study = self.plan.study
        pieces = tuple(
            self._piece(number, tuple(group))
            for number, group in groupby(cells, key=lambda cell: cell.instance)
        )
        return Batch(pieces, study.seconds, study.evaluations, study.engine)

    def _piece(self, number: int, cells: tuple[Cell, ...]) -> Piece:
        instance = self.plan.instances[number]
        scenario = replace(self.plan.scenario(number), adapt=None)  # a function may not travel
        shared = {
            "scenario": instance.label,
            "family": instance.family,
            "instance": instance.name,
            "parameters": json.dumps(dict(instance.point), ensure_ascii=False),
        }
        return Piece(cells, scenario, shared)

    def _take(self, pool: Pool, queue: Queue, done: list[Future[list[Row]]]) -> None:
        """Write the rows of finished batches, then deal with those that were lost."""
        rows: list[Row] = []
        lost: list[tuple[Batch, BaseException]] = []
        alone = self.alone and bool(done)
        for future in done:
            batch = self.under_way.pop(future)
            try:
                rows += future.result()
            except (Exception, CancelledError) as error:
                lost.append((batch, error))
        self.alone = self.alone and not alone
        self._keep(rows)
        for row in rows:
            if row.get("cell_seconds"):
                queue.observe(row["scheduler"], row["cell_seconds"])
        for batch, trouble in lost:
            self._trouble(pool, queue, batch, trouble, alone)

    def _keep(self, rows: list[Row]) -> None:
        self.store.append(rows)
        self.ran += len(rows)
        self.failed += sum(row["status"] == "failed" for row in rows)
        if rows:
            self._tell()

    def _trouble(
        self, pool: Pool, queue: Queue, batch: Batch, error: BaseException, alone: bool
    ) -> None:
        """A batch without rows: its cells run again, or fail."""
        if isinstance(error, AlloclabError):
            raise error
        if isinstance(error, CancelledError):
            queue.put_back(batch.cells)
        elif not pool.lost(error):  # a batch that cannot be sent, or rows that cannot be fetched
            said = f"{type(error).__name__}: {error}"
            self._keep(failed_rows(batch, said))
        else:
            self.broken = True
            self._suspect(pool, batch, alone)

    def _suspect(self, pool: Pool, batch: Batch, alone: bool) -> None:
        """Cells that were under way when a worker died."""
        cells = batch.cells
        if not alone:
            self.suspects.append(cells)
        elif len(cells) > 1:
            self.suspects.extendleft((cell,) for cell in reversed(cells))
        else:
            key = cells[0].key
            self.deaths[key] = self.deaths.get(key, 0) + 1
            if self.deaths[key] >= pool.deaths:
                self._keep(failed_rows(batch, DIED))
            else:
                self.suspects.appendleft(cells)

    def _rescue(self) -> None:
        """At the end, however it comes: what is done by now counts."""
        rows: list[Row] = []
        for future in [f for f in self.under_way if f.done()]:
            del self.under_way[future]
            if not future.cancelled() and future.exception() is None:
                rows += future.result()
        self._keep(rows)

    def _tell(self) -> None:
        said = f"{self.failed:,} failed" if self.failed else "cells"
        self.progress(self.ran, len(self.todo), said)


@contextmanager
def interrupts() -> Iterator[Callable[[], bool]]:
    """Put off Ctrl-C, so that nothing is cut off while it is written; a second one acts at once.

    Yields
    ------
    callable that says whether it was pressed
    """
    pressed = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield pressed.is_set
        return

    def press(number: int, frame: Any) -> None:
        if pressed.is_set():
            raise KeyboardInterrupt
        pressed.set()

    before = signal.signal(signal.SIGINT, press)
    try:
        yield pressed.is_set
    finally:
        signal.signal(signal.SIGINT, before)
