"""List scheduling with a fixed priority: take the ready task of highest priority, choose its place.

HEFT, CPOP, PEFT, the immediate-mode heuristics and the baselines are this loop with different
priorities and choices. O(E N + T N V log T) time with one slot, plus the search for gaps; memory
O(T N).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from schedulers.compiled import entry, helper
from schedulers.planning import ASK, CHOICE_N, CHOICE_T, CHOICE_V, DONE, STUCK, State, run_planner
from schedulers.timeline import Lanes, Plan, book, earliest, free_slot, new_lanes
from schedulers.view import View, inputs_ready, view_of
from simulator.arrays import BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    from simulator.problem import Problem

FINISH, AVAILABLE, HOLD, TURN, WISH, DRAW = range(6)
"""What decides between places. FINISH: least finish plus bias. AVAILABLE: the node that is free
first. HOLD: least duration. TURN: the nodes in turn. WISH: the wished node, else least finish.
DRAW: by lot. Ties: earlier finish, then lower node, then lower variant."""

_NO_FLOATS = np.empty((0, 0))
_NO_INTEGERS = np.empty(0, dtype=np.int64)


@helper
def _before(priority: FloatArray, a: int, b: int) -> bool:
    """Whether task a is taken before task b."""
    return priority[a] > priority[b] or (priority[a] == priority[b] and a < b)


@helper
def push_ready(heap: IntArray, size: int, priority: FloatArray, t: int) -> None:
    """Add a task to a binary heap of `size` tasks."""
    i = size
    while i > 0 and _before(priority, t, heap[(i - 1) >> 1]):
        heap[i] = heap[(i - 1) >> 1]
        i = (i - 1) >> 1
    heap[i] = t


@helper
def pop_ready(heap: IntArray, size: int, priority: FloatArray) -> int:
    """Take the first task off a binary heap of `size` tasks."""
    first = heap[0]
    last = heap[size - 1]
    i = 0
    while 2 * i + 1 < size - 1:
        child = 2 * i + 1
        if child + 1 < size - 1 and _before(priority, heap[child + 1], heap[child]):
            child += 1
        if not _before(priority, heap[child], last):
            break
        heap[i] = heap[child]
        i = child
    heap[i] = last
    return first


@helper
def _drawn(fit: BoolArray, t: int, lot: FloatArray) -> tuple[int, int]:
    """(variant, node) by lot: a node among the open ones, then an open variant there."""
    n_variants, n_nodes = fit.shape[1], fit.shape[2]
    count = 0
    for n in range(n_nodes):
        for v in range(n_variants):
            if fit[t, v, n]:
                count += 1
                break
    chosen = int(lot[0] * count)
    for n in range(n_nodes):
        inside = 0
        for v in range(n_variants):
            inside += fit[t, v, n]
        if inside == 0:
            continue
        if chosen > 0:
            chosen -= 1
            continue
        chosen = int(lot[1] * inside)
        for v in range(n_variants):
            if fit[t, v, n]:
                if chosen == 0:
                    return v, n
                chosen -= 1
    return -1, -1


@helper
def _chosen(
    view: View,
    lanes: Lanes,
    state: State,
    t: int,
    insertion: bool,
    choice: int,
    bias: FloatArray,
    wish: IntArray,
    turn: int,
) -> tuple[int, int]:
    """(variant, node) that the rule `choice` prefers among the open ones; -1, -1 if none is.

    `state.begin` receives the start there.
    """
    n_variants, n_nodes = view.hold.shape[1], view.hold.shape[2]
    best_v, best_n = -1, -1
    best, best_finish = 0.0, 0.0
    for n in range(n_nodes):
        for v in range(n_variants):
            if not state.fit[t, v, n]:
                continue
            hold = view.hold[t, v, n]
            extra = bias[t, n] if bias.shape[0] > 0 else 0.0
            if choice == FINISH and best_n >= 0 and (state.ready[n] + hold) + extra > best:
                continue  # no gap is early enough
            begin = earliest(lanes, view.slots, insertion, n, state.ready[n], hold)
            done = begin + hold
            if choice == FINISH:
                key = done + extra
            elif choice == AVAILABLE:
                key = lanes.free[n, free_slot(lanes, view.slots, n)]
            elif choice == HOLD:
                key = hold
            elif choice == TURN:
                key = float((n - turn) % n_nodes)
            else:
                key = 0.0 if n == wish[t] else 1.0
            if best_n < 0 or key < best or (key == best and done < best_finish):
                best_v, best_n, best, best_finish = v, n, key, done
                state.begin[0] = begin
    return best_v, best_n


@entry
def _list_schedule(
    view: View,
    lanes: Lanes,
    state: State,
    insertion: bool,
    choice: int,
    priority: FloatArray,
    bias: FloatArray,
    wish: IntArray,
    lots: FloatArray,
) -> int:
    """Place tasks until all are (`DONE`), one fits nowhere (`STUCK`), or a choice is to be judged.

    `state.memo` holds the length of the queue, the node whose turn it is, and whether the queue has
    been filled.
    """
    memo, queue = state.memo, state.queue
    t, v, n = state.choice[CHOICE_T], state.choice[CHOICE_V], state.choice[CHOICE_N]
    if memo[2] == 0:  # the first call
        memo[2] = 1
        for first in range(state.waiting.shape[0]):
            if state.waiting[first] == 0:
                push_ready(queue, memo[0], priority, first)
                memo[0] += 1
    while True:
        if t < 0:
            if memo[0] == 0:
                return DONE
            t = pop_ready(queue, memo[0], priority)
            memo[0] -= 1
            state.choice[CHOICE_T] = t
            inputs_ready(view, t, state.node, state.variant, state.finish, state.ready)
        if n < 0:
            if choice == DRAW:
                v, n = _drawn(state.fit, t, lots[t])
                if n >= 0:
                    ready, hold = state.ready[n], view.hold[t, v, n]
                    state.begin[0] = earliest(lanes, view.slots, insertion, n, ready, hold)
            else:
                v, n = _chosen(view, lanes, state, t, insertion, choice, bias, wish, memo[1])
            if n < 0:
                return STUCK
            state.choice[CHOICE_V], state.choice[CHOICE_N] = v, n
            if state.judged[0]:
                return ASK
        start = state.begin[0]
        finish = start + view.hold[t, v, n]
        book(lanes, view.slots, insertion, n, start, finish)
        state.node[t], state.variant[t], state.start[t], state.finish[t] = n, v, start, finish
        memo[1] = (n + 1) % view.hold.shape[2]
        for i in range(view.out_ptr[t], view.out_ptr[t + 1]):
            dst = view.out_dst[i]
            state.waiting[dst] -= 1
            if state.waiting[dst] == 0:
                push_ready(queue, memo[0], priority, dst)
                memo[0] += 1
        t, v, n = -1, -1, -1
        state.choice[CHOICE_T], state.choice[CHOICE_N] = t, n


def list_plan(
    problem: Problem,
    priority: FloatArray,
    choice: int = FINISH,
    insertion: bool = False,
    bias: FloatArray | None = None,
    wish: IntArray | None = None,
    lots: FloatArray | None = None,
) -> Plan:
    """Schedule the tasks of one average request by a fixed priority.

    Parameters
    ----------
    priority : (T,) float array
        Among ready tasks the highest goes first; ties go to the lowest task.
    choice : int
        What decides between places: `FINISH`, `AVAILABLE`, `HOLD`, `TURN`, `WISH` or `DRAW`.
    insertion : bool
        Whether tasks may fill gaps between tasks placed before.
    bias : (T, N) float array, seconds added to the finish, for `FINISH`
    wish : (T,) int array, node or -1, for `WISH`
    lots : (T, 2) float array in [0, 1), for `DRAW`

    Returns
    -------
    Plan

    Raises
    ------
    Infeasible
        No admissible allocation exists, or none was found.
    """
    view = view_of(problem)
    bias = _NO_FLOATS if bias is None else bias
    wish = _NO_INTEGERS if wish is None else wish
    lots = _NO_FLOATS if lots is None else lots

    def core(state: State, lanes: Lanes) -> int:
        code: int = _list_schedule(
            view, lanes, state, insertion, choice, priority, bias, wish, lots
        )
        return code

    def begin(state: State) -> Lanes:
        return new_lanes(view, insertion)

    return run_planner(problem, begin, core)
