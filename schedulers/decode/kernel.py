"""Compiled decoding: the ready task of highest priority first, each where it finishes first.

The loop is that of `schedulers.listing`, for many candidates in one call and with a wish and a bias
of each candidate's own. Equal priorities, biases and wishes give the same plan, to the last bit.
"""

from __future__ import annotations

import numpy as np

from schedulers.compiled import entry, helper
from schedulers.decode.desk import Desk
from schedulers.decode.ranking import planned_makespan, write_ranks
from schedulers.timeline import book, earliest
from schedulers.view import View, inputs_ready, inputs_there
from simulator.arrays import BoolArray, FloatArray, IntArray


@helper
def before(priority: FloatArray, a: int, b: int) -> bool:
    """Whether task a is taken before task b."""
    return priority[a] > priority[b] or (priority[a] == priority[b] and a < b)


@helper
def push_task(heap: IntArray, size: int, priority: FloatArray, t: int) -> None:
    """Add a task to a binary heap of `size` tasks."""
    i = size
    while i > 0:
        above = (i - 1) >> 1
        if not before(priority, t, heap[above]):
            break
        heap[i] = heap[above]
        i = above
    heap[i] = t


@helper
def pop_task(heap: IntArray, size: int, priority: FloatArray) -> int:
    """Take the first task off a binary heap of `size` tasks."""
    first, last = heap[0], heap[size - 1]
    i, child = 0, 1
    while child < size - 1:
        if child + 1 < size - 1 and before(priority, heap[child + 1], heap[child]):
            child += 1
        if not before(priority, heap[child], last):
            break
        heap[i] = heap[child]
        i = child
        child = 2 * i + 1
    heap[i] = last
    return first


@helper
def clear_desk(view: View, desk: Desk) -> None:
    """Begin a candidate: nothing is placed, nothing booked."""
    lanes = desk.lanes
    for t in range(desk.waiting.shape[0]):
        desk.waiting[t] = view.inputs[t]
    for n in range(lanes.last.shape[0]):
        lanes.last[n] = 0.0
        lanes.dense[n] = 0.0
        for k in range(lanes.free.shape[1]):
            lanes.free[n, k] = 0.0
        lanes.booked[n] = 0 if view.slots[n] == 1 else 1
        lanes.step[n, 0] = 0.0
        lanes.used[n, 0] = 0


@helper
def fill_heap(desk: Desk, priority: FloatArray) -> int:
    """Queue the tasks without inputs; how many they are."""
    size = 0
    for t in range(desk.waiting.shape[0]):
        if desk.waiting[t] == 0:
            push_task(desk.heap, size, priority, t)
            size += 1
    return size


@helper
def is_open(view: View, judged: bool, fit: BoolArray, t: int, v: int, n: int) -> bool:
    """Whether a task may take a place, as far as the books say."""
    return fit[t, v, n] if judged else view.hold[t, v, n] < np.inf


@helper
def wished_place(
    view: View, desk: Desk, insertion: bool, judged: bool, fit: BoolArray, t: int, wish: int
) -> int:
    """Variant with which a task finishes first on the wished node, -1 if none is open there.

    A wished variant that is open there comes before all others.
    """
    n = wish % view.hold.shape[2]
    only = wish // view.hold.shape[2] - 1
    if only >= 0 and not is_open(view, judged, fit, t, only, n):
        only = -1
    best_v, best, ready = -1, 0.0, 0.0
    for v in range(view.hold.shape[1]):
        if is_open(view, judged, fit, t, v, n) and (only < 0 or v == only):
            if best_v < 0:
                desk.node[t] = n
                ready = inputs_there(view, t, desk.node, desk.variant, desk.finish)
            hold = view.hold[t, v, n]
            begin = earliest(desk.lanes, view.slots, insertion, n, ready, hold)
            if best_v < 0 or begin + hold < best:
                best_v, best = v, begin + hold
                desk.begin[0] = begin
    return best_v


@helper
def soonest_place(
    view: View,
    desk: Desk,
    insertion: bool,
    judged: bool,
    fit: BoolArray,
    t: int,
    b: int,
    bias: FloatArray,
) -> tuple[int, int]:
    """(variant, node) of least finish plus bias among the open ones; -1, -1 if none is."""
    best_v, best_n = -1, -1
    best, best_finish = 0.0, 0.0
    for n in range(view.hold.shape[2]):
        extra = bias[b, t, n] if bias.shape[0] > 0 else 0.0
        for v in range(view.hold.shape[1]):
            if not is_open(view, judged, fit, t, v, n):
                continue
            hold = view.hold[t, v, n]
            if best_n >= 0 and (desk.ready[n] + hold) + extra > best:
                continue  # no gap is early enough
            begin = earliest(desk.lanes, view.slots, insertion, n, desk.ready[n], hold)
            done = begin + hold
            key = done + extra
            if best_n < 0 or key < best or (key == best and done < best_finish):
                best_v, best_n, best, best_finish = v, n, key, done
                desk.begin[0] = begin
    return best_v, best_n


@helper
def take_place(
    view: View, desk: Desk, insertion: bool, priority: FloatArray, t: int, v: int, n: int, size: int
) -> int:
    """Book a place that begins at `desk.begin`, queue what becomes ready; length of the queue."""
    start = desk.begin[0]
    finish = start + view.hold[t, v, n]
    book(desk.lanes, view.slots, insertion, n, start, finish)
    desk.node[t], desk.variant[t], desk.start[t], desk.finish[t] = n, v, start, finish
    for i in range(view.out_ptr[t], view.out_ptr[t + 1]):
        dst = view.out_dst[i]
        desk.waiting[dst] -= 1
        if desk.waiting[dst] == 0:
            push_task(desk.heap, size, priority, dst)
            size += 1
    return size


@helper
def write_out(
    view: View,
    desk: Desk,
    ranked: bool,
    b: int,
    node: IntArray,
    variant: IntArray,
    rank: IntArray,
    makespan: FloatArray,
) -> None:
    """Copy a finished candidate to row b."""
    makespan[b] = planned_makespan(view, desk, ranked)
    for t in range(desk.node.shape[0]):
        node[b, t] = desk.node[t]
        variant[b, t] = desk.variant[t]
    if ranked:
        write_ranks(desk, rank[b])


@entry
def decode_free(
    view: View,
    desk: Desk,
    insertion: bool,
    ranked: bool,
    low: int,
    high: int,
    priority: FloatArray,
    bias: FloatArray,
    wish: IntArray,
    node: IntArray,
    variant: IntArray,
    rank: IntArray,
    makespan: FloatArray,
) -> None:
    """Decode the candidates [low, high) of a problem without memory limits and groups."""
    nothing = desk.no_fit
    for b in range(low, high):
        key = priority[b]
        clear_desk(view, desk)
        size = fill_heap(desk, key)
        while size > 0:
            t = pop_task(desk.heap, size, key)
            size -= 1
            v, n = -1, -1
            if wish.shape[0] > 0 and wish[b, t] >= 0:
                n = wish[b, t] % view.hold.shape[2]
                v = wished_place(view, desk, insertion, False, nothing, t, wish[b, t])
            if v < 0:
                inputs_ready(view, t, desk.node, desk.variant, desk.finish, desk.ready)
                v, n = soonest_place(view, desk, insertion, False, nothing, t, b, bias)
            size = take_place(view, desk, insertion, key, t, v, n, size)
        write_out(view, desk, ranked, b, node, variant, rank, makespan)
