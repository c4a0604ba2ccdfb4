"""Slots of a worker: one computes in the loop's own thread, several in threads of their own."""

from __future__ import annotations

import collections
import contextlib
import os
import queue
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from realrun.programs import Bundle
    from realrun.worker.book import Instance
    from realrun.worker.context import Context

Work = Callable[["Instance", "dict[int, Bundle]", int], "dict[str, Any]"]


class Slots:
    """Executes instances, at most so many at once, on the lowest free slot.

    Parameters
    ----------
    count : int
    work : function of (instance, inputs, slot)
    context : Context
        Prepares each thread (threads of torch, CUDA stream).
    """

    def __init__(self, count: int, work: Work, context: Context):
        self.inline = count == 1
        self._work = work
        self._free = list(range(count))
        self._count = count
        self._done: collections.deque[tuple[Instance, dict[str, Any] | BaseException, int]]
        self._done = collections.deque()
        self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._queues: list[queue.SimpleQueue[Any]] = []
        self._threads: list[threading.Thread] = []
        if not self.inline:
            for slot in range(count):
                self._queues.append(queue.SimpleQueue())
                thread = threading.Thread(target=self._serve, args=(slot, context), daemon=True)
                self._threads.append(thread)
                thread.start()

    def fileno(self) -> int:
        """Readable when an execution has ended."""
        return self._bell

    @property
    def free(self) -> bool:
        """Whether a slot is free."""
        return bool(self._free)

    @property
    def idle(self) -> bool:
        """Whether all slots are free and everything that ended was taken note of."""
        return len(self._free) == self._count and not self._done

    def start(self, instance: Instance, given: dict[int, Bundle]) -> dict[str, Any] | None:
        """Execute on the lowest free slot; the result if it is there already."""
        if self.inline:
            return self._work(instance, given, 0)
        slot = min(self._free)
        self._free.remove(slot)
        self._queues[slot].put((instance, given))
        return None

    def done(self) -> list[tuple[Instance, dict[str, Any]]]:
        """What has ended since the last call; an error that happened in a slot is raised."""
        found = []
        if self._done:
            with contextlib.suppress(BlockingIOError):
                os.eventfd_read(self._bell)
        while self._done:
            instance, result, slot = self._done.popleft()
            self._free.append(slot)
            if isinstance(result, BaseException):
                raise result
            found.append((instance, result))
        return found

    def warm(self, action: Callable[[], Any]) -> None:
        """Do something once in every thread that will execute tasks."""
        if self.inline:
            action()
            return
        for slot in range(self._count):
            ended = threading.Event()
            failure: list[BaseException] = []

            def job(ended: threading.Event = ended, failure: list[BaseException] = failure) -> None:
                try:
                    action()
                except BaseException as error:
                    failure.append(error)
                ended.set()

            self._queues[slot].put(job)
            ended.wait()
            if failure:
                raise failure[0]

    def _serve(self, slot: int, context: Context) -> None:
        with context.thread():
            while True:
                job = self._queues[slot].get()
                if job is None:
                    return
                if callable(job):
                    job()
                    continue
                instance, given = job
                try:
                    result: dict[str, Any] | BaseException = self._work(instance, given, slot)
                except BaseException as error:
                    result = error
                self._done.append((instance, result, slot))
                os.eventfd_write(self._bell, 1)

    def close(self) -> None:
        """End the threads after what they execute."""
        for line in self._queues:
            line.put(None)
        for thread in self._threads:
            thread.join()
        os.close(self._bell)
