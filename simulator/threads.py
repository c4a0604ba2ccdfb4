"""Compiled work on several threads: in chunks, interruptibly, and out of each other's way."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

_POLL_SECONDS = 0.1
_MARGIN_BYTES = 128  # two lines: processors fetch them in pairs
_pools: dict[int, ThreadPoolExecutor] = {}
os.register_at_fork(after_in_child=_pools.clear)


def private_array(n: int, dtype: DTypeLike = np.float64, fill: float | None = None) -> NDArray[Any]:
    """Allocate n elements in cache lines that no other array shares.

    numpy packs small arrays closely. Two threads that write to neighbours would take the line from
    each other at every write, which costs more than the work itself.

    Parameters
    ----------
    n : int
    dtype : dtype
    fill : float or None
        Value of all elements; None leaves them uninitialised.
    """
    dtype = np.dtype(dtype)
    margin = -(-_MARGIN_BYTES // dtype.itemsize)
    out = np.empty(n + 2 * margin, dtype)[margin : margin + n]
    if fill is not None:
        out[:] = fill
    return out


def run_chunks(
    work: Callable[[int, int], None], total: int, chunk: int, threads: int = 1, least: int = 1
) -> None:
    """Call ``work(low, high)`` for consecutive ranges that cover 0..total-1.

    Ctrl-C and errors take effect between chunks: no call is running when this function returns or
    raises. Threads take the next range when they are done with one, so which thread works on which
    range is left to chance, and `work` must not depend on it. Ranges become shorter towards the
    end, so that the threads finish at about the same time.

    Parameters
    ----------
    work : callable
        Releases the GIL for most of its time, as compiled functions do.
    total : int, number of items
    chunk, least : int, >= 1
        Largest and smallest number of items in a range; the last may be smaller.
    threads : int, >= 1

    Raises
    ------
    ValueError
        If `threads` is below 1.
    """
    if threads < 1:
        raise ValueError(f"threads must be at least 1, got {threads}")
    ranges = list(_ranges(total, chunk, threads, least))
    threads = min(threads, len(ranges))
    if threads <= 1:
        for low, high in ranges:
            work(low, high)
        return
    ticket = itertools.count()
    stop = threading.Event()

    def serve() -> None:
        try:
            while not stop.is_set() and (i := next(ticket)) < len(ranges):
                work(*ranges[i])
        except BaseException:
            stop.set()
            raise

    futures = [_pool(threads).submit(serve) for _ in range(threads)]
    try:
        # In short waits: a signal that another thread received does not end a wait of this one.
        while wait(futures, _POLL_SECONDS, FIRST_EXCEPTION).not_done and not stop.is_set():
            pass
    finally:
        stop.set()
        wait(futures)
    for future in futures:
        future.result()


def _ranges(total: int, chunk: int, threads: int, least: int) -> Iterator[tuple[int, int]]:
    """Cut 0..total-1 into ranges; with several threads, each a share of what is left."""
    low = 0
    while low < total:
        size = chunk
        if threads > 1:
            size = max(min(chunk, (total - low) // (3 * threads)), least)
        high = min(low + size, total)
        yield low, high
        low = high


def _pool(threads: int) -> ThreadPoolExecutor:
    pool = _pools.get(threads)
    if pool is None:
        pool = _pools[threads] = ThreadPoolExecutor(threads, thread_name_prefix="alloclab")
    return pool
