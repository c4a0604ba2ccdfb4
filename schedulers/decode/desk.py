"""Scratch memory in which one thread decodes candidates, one after the other."""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

import numpy as np

from schedulers.admissible import Room, Rules, new_room
from schedulers.timeline import Lanes
from schedulers.view import View
from simulator.arrays import BoolArray, FloatArray, IntArray
from simulator.threads import private_array


class Desk(NamedTuple):
    """One candidate in the making.

    Parameters
    ----------
    node, variant : (T,) int arrays
    start, finish : (T,) float arrays, planned seconds
    waiting : (T,) int array, inputs that are still missing
    heap : (T,) int array, ready tasks; in the end the tasks in order of their ranks
    spare : (T,) int array, for sorting
    ready : (N,) float array, when the inputs of the task at hand can be used on each node
    begin : (1,) float array, start of the task at hand at the place chosen for it
    lanes : Lanes, bookings
    replay : Lanes, for the strict run of the ranks
    no_fit : (0, 0, 0) bool array, in place of open choices where none are closed
    """

    node: IntArray
    variant: IntArray
    start: FloatArray
    finish: FloatArray
    waiting: IntArray
    heap: IntArray
    spare: IntArray
    ready: FloatArray
    begin: FloatArray
    lanes: Lanes
    replay: Lanes
    no_fit: BoolArray


class Books(NamedTuple):
    """Rooms of `schedulers.admissible`, and what they look like when nothing has been placed.

    Parameters
    ----------
    room, guarded : Room, in use: without and with a guard
    backup : Room, scratch
    empty, empty_guarded : Room, to begin from
    fit, open, open_guarded : (T, V, N) bool arrays
        Open choices: in use, and to begin from.
    """

    room: Room
    guarded: Room
    backup: Room
    empty: Room
    empty_guarded: Room
    fit: BoolArray
    open: BoolArray
    open_guarded: BoolArray


def new_desk(view: View, insertion: bool) -> Desk:
    """Scratch for one thread, out of the cache lines of all others."""
    t, n, c = view.n_tasks, view.n_nodes, view.most_slots
    single = t if insertion else 0
    steps = 2 * t + 1 if insertion and c > 1 else 1
    lanes = [(n,), (n, c), (n,), (n, single), (n, single), (n, steps)]
    shapes: list[tuple[int, ...]] = [(t,), (t,), (n,), (1,), *lanes, (n,), (n, c), (n,)]
    start, finish, ready, begin, last, free, dense, from_, to, step, *again = _carved(
        shapes, np.float64
    )
    node, variant, waiting, heap, spare, booked, used, nothing = _carved(
        [(t,), (t,), (t,), (t,), (t,), (n,), (n, steps), (n,)], np.int64
    )
    empty = np.empty((n, 0))
    return Desk(
        node, variant, start, finish, waiting, heap, spare, ready, begin,
        lanes=Lanes(last, free, booked, dense, from_, to, step, used),
        replay=Lanes(again[0], again[1], nothing, again[2], empty, empty, empty,
                     np.empty((n, 0), dtype=np.int64)),
        no_fit=np.empty((0, 0, 0), dtype=np.bool_),
    )  # fmt: skip


def _carved(shapes: list[tuple[int, ...]], dtype: type) -> list[Any]:
    """Arrays of the given shapes, side by side in one block."""
    block = private_array(sum(map(prod, shapes)), dtype, 0)
    ends = np.cumsum([prod(shape) for shape in shapes])
    return [
        block[end - prod(shape) : end].reshape(shape)
        for shape, end in zip(shapes, ends, strict=True)
    ]


def new_books(
    rules: Rules, empty: Room, opened: BoolArray, guarded: Room, opened_guarded: BoolArray
) -> Books:
    """Books for one thread, from what they look like when nothing has been placed."""
    return Books(
        room=_copy(empty),
        guarded=_copy(guarded),
        backup=new_room(rules),
        empty=empty,
        empty_guarded=guarded,
        fit=np.array(opened),
        open=opened,
        open_guarded=opened_guarded,
    )


def _copy(room: Room) -> Room:
    copies: list[Any] = [np.array(x) for x in room]
    return Room(*copies)
