"""Bookings that can be taken back, in reverse order, for schedulers that try what comes of a place.

A booking changes at most one slot's release time, the sequence of one node and, with many slots,
two steps of its profile. What it changed is kept in one row of a `Log`, so that taking it back
costs no more than the booking itself.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from schedulers.compiled import helper
from schedulers.timeline import Lanes, append, cut_profile, fill_gap, free_slot
from simulator.arrays import FloatArray, IntArray

NODE, SLOT, FIRST, LAST, CUTS = range(5)
"""Columns of `Log.where`: node, slot, first and last step of the profile, which of them are new."""

FREE, LATEST, DENSE, BEGIN, END = range(5)
"""Columns of `Log.what`: release of the slot, last start, dense end before; start and finish."""


class Log(NamedTuple):
    """Bookings that may be taken back, at most K of them.

    Parameters
    ----------
    where : (K, 5) int array
    what : (K, 5) float array, seconds
    """

    where: IntArray
    what: FloatArray


def new_log(size: int) -> Log:
    """A log of so many bookings."""
    return Log(np.zeros((size, 5), dtype=np.int64), np.zeros((size, 5)))


@helper
def try_booking(
    lanes: Lanes,
    slots: IntArray,
    insertion: bool,
    n: int,
    begin: float,
    end: float,
    log: Log,
    k: int,
) -> None:
    """Book what `earliest` found, and write to row k of the log how to take it back."""
    where, what = log.where[k], log.what[k]
    slot = free_slot(lanes, slots, n)
    where[NODE], where[SLOT] = n, slot
    what[FREE], what[LATEST], what[DENSE] = lanes.free[n, slot], lanes.last[n], lanes.dense[n]
    what[BEGIN], what[END] = begin, end
    append(lanes, slots, n, begin, end)
    if insertion and slots[n] == 1:
        fill_gap(lanes, n, begin, end)
    elif insertion:
        where[FIRST], where[LAST], where[CUTS] = 0, 0, 0
        if begin < end:
            before = lanes.booked[n]
            where[FIRST] = cut_profile(lanes, n, begin)
            between = lanes.booked[n]
            where[LAST] = cut_profile(lanes, n, end)
            where[CUTS] = (between - before) + 2 * (lanes.booked[n] - between)
            for i in range(where[FIRST], where[LAST]):
                lanes.used[n, i] += 1


@helper
def _drop_step(lanes: Lanes, n: int, at: int) -> None:
    """Let the step before a step of the profile go on through it."""
    lanes.booked[n] -= 1
    for i in range(at, lanes.booked[n]):
        lanes.step[n, i] = lanes.step[n, i + 1]
        lanes.used[n, i] = lanes.used[n, i + 1]


@helper
def take_back(lanes: Lanes, slots: IntArray, insertion: bool, log: Log, k: int) -> None:
    """Undo the booking in row k of the log, the latest that is still there."""
    where, what = log.where[k], log.what[k]
    n = where[NODE]
    lanes.free[n, where[SLOT]], lanes.last[n] = what[FREE], what[LATEST]
    if insertion and slots[n] == 1:
        lanes.dense[n] = what[DENSE]
        lanes.booked[n] -= 1
        i = lanes.booked[n]
        # Equal bookings may stand in for each other.
        while lanes.start[n, i] != what[BEGIN] or lanes.finish[n, i] != what[END]:
            i -= 1
        while i < lanes.booked[n]:
            lanes.start[n, i] = lanes.start[n, i + 1]
            lanes.finish[n, i] = lanes.finish[n, i + 1]
            i += 1
    elif insertion:
        for i in range(where[FIRST], where[LAST]):
            lanes.used[n, i] -= 1
        if where[CUTS] >= 2:
            _drop_step(lanes, n, where[LAST])
        if where[CUTS] % 2 == 1:
            _drop_step(lanes, n, where[FIRST])
