"""The list scheduler whose parts can be exchanged.

Parts are the order, the comparison of places, insertion, sufferage and nodes reserved for tasks.
Instead of being given, the order can also follow the paths as they are placed.

With ready tasks in a heap, the first one (with sufferage: the first two) is looked at on all open
places. O(E N + T N V log T) time and the search for gaps; memory O(T N).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from schedulers.compiled import entry, helper
from schedulers.listing import pop_ready, push_ready
from schedulers.planning import ASK, CHOICE_N, CHOICE_T, CHOICE_V, DONE, STUCK, State, run_planner
from schedulers.timeline import Lanes, Plan, book, earliest, new_lanes
from schedulers.view import View, inputs_ready, transfer_seconds, view_of
from simulator.arrays import FloatArray, IntArray

if TYPE_CHECKING:
    from simulator.problem import Problem

EFT, EST, QUICKEST = range(3)
"""What is compared between places: finish, start or duration. Ties: earlier finish, lower node,
lower variant."""

QUEUED, FILLED = range(2)


class Paths(NamedTuple):
    """Priorities that are fixed when a task becomes ready: level minus longest path to it.

    Parameters
    ----------
    level : (T,) float array, seconds, empty where priorities are given beforehand
    edge : (E,) float array, seconds, mean transfer
    top : (T,) float array, seconds
        Longest path to a task; of placed tasks by what their placement takes.
    """

    level: FloatArray
    edge: FloatArray
    top: FloatArray


@helper
def _survey(
    view: View,
    lanes: Lanes,
    state: State,
    t: int,
    insertion: bool,
    compare: int,
    home: int,
    prune: bool,
) -> tuple[int, int, float, float]:
    """(variant, node, start, loss) of the best open place, node -1 if there is none.

    Loss: how much worse the best place on any other node is, +inf where there is none. With
    `prune` the search is cut short, which spoils the loss.
    """
    n_variants, n_nodes = view.hold.shape[1], view.hold.shape[2]
    best_v, best_n, best_begin = -1, -1, 0.0
    best, best_finish, second = 0.0, 0.0, np.inf
    reserved = False
    if home >= 0:
        for v in range(n_variants):
            reserved |= state.fit[t, v, home]
    for n in range(n_nodes):
        if reserved and n != home:
            continue
        mine, mine_finish, mine_begin, mine_v = 0.0, 0.0, 0.0, -1
        for v in range(n_variants):
            if not state.fit[t, v, n]:
                continue
            hold = view.hold[t, v, n]
            if prune and best_n >= 0 and state.ready[n] + hold > best:
                continue
            begin = earliest(lanes, view.slots, insertion, n, state.ready[n], hold)
            finish = begin + hold
            key = finish
            if compare == EST:
                key = begin
            elif compare == QUICKEST:
                key = hold
            if mine_v < 0 or key < mine or (key == mine and finish < mine_finish):
                mine, mine_finish, mine_begin, mine_v = key, finish, begin, v
        if mine_v < 0:
            continue
        if best_n < 0 or mine < best or (mine == best and mine_finish < best_finish):
            if best_n >= 0:
                second = best
            best_v, best_n, best_begin = mine_v, n, mine_begin
            best, best_finish = mine, mine_finish
        elif mine < second:
            second = mine
    return best_v, best_n, best_begin, second - best


@helper
def _walked(view: View, state: State, paths: Paths, t: int) -> float:
    """Longest path to a placed task, by the places of its predecessors."""
    n, longest = state.node[t], 0.0
    for i in range(view.in_ptr[t], view.in_ptr[t + 1]):
        p = view.in_src[i]
        length = paths.top[p] + view.hold[p, state.variant[p], state.node[p]]
        if state.node[p] != n:
            size = view.in_size[i, state.variant[p]]
            length += transfer_seconds(view, state.node[p], n, size) + view.wake[n]
        longest = max(longest, length)
    return longest


@entry
def _greedy_schedule(
    view: View,
    lanes: Lanes,
    state: State,
    insertion: bool,
    compare: int,
    sufferage: bool,
    priority: FloatArray,
    wish: IntArray,
    paths: Paths,
) -> int:
    """Place tasks until all are (`DONE`), one is `STUCK`, or a choice is to be judged (`ASK`)."""
    memo, queue = state.memo, state.queue
    t, v, n = state.choice[CHOICE_T], state.choice[CHOICE_V], state.choice[CHOICE_N]
    moving = paths.level.shape[0] > 0
    if memo[FILLED] == 0:  # the first call
        memo[FILLED] = 1
        for first in range(state.waiting.shape[0]):
            if state.waiting[first] == 0:
                push_ready(queue, memo[QUEUED], priority, first)
                memo[QUEUED] += 1
    while True:
        if n < 0:
            rivals, other = 1, t
            if t < 0:
                if memo[QUEUED] == 0:
                    return DONE
                t = pop_ready(queue, memo[QUEUED], priority)
                memo[QUEUED] -= 1
                if sufferage and memo[QUEUED] > 0:
                    rivals = 2
                    other = pop_ready(queue, memo[QUEUED], priority)
                    memo[QUEUED] -= 1
            first, taken, worst = t, t, 0.0
            for i in range(rivals):
                u = first if i == 0 else other
                inputs_ready(view, u, state.node, state.variant, state.finish, state.ready)
                uv, un, begin, loss = _survey(
                    view, lanes, state, u, insertion, compare, wish[u],
                    compare == EFT and rivals == 1,
                )  # fmt: skip
                if un < 0:
                    return STUCK
                if i == 0 or loss > worst:
                    taken, v, n, worst = u, uv, un, loss
                    state.begin[0] = begin
            if rivals == 2:
                left = other if taken == first else first
                push_ready(queue, memo[QUEUED], priority, left)
                memo[QUEUED] += 1
            t = taken
            state.choice[CHOICE_T], state.choice[CHOICE_V], state.choice[CHOICE_N] = t, v, n
            if state.judged[0]:
                return ASK
        start = state.begin[0]
        finish = start + view.hold[t, v, n]
        book(lanes, view.slots, insertion, n, start, finish)
        state.node[t], state.variant[t], state.start[t], state.finish[t] = n, v, start, finish
        length = 0.0
        if moving:
            paths.top[t] = _walked(view, state, paths, t)
            length = paths.top[t] + view.hold[t, v, n]
        for i in range(view.out_ptr[t], view.out_ptr[t + 1]):
            dst = view.out_dst[i]
            if moving:
                paths.top[dst] = max(paths.top[dst], length + paths.edge[view.out_edge[i]])
            state.waiting[dst] -= 1
            if state.waiting[dst] == 0:
                if moving:
                    priority[dst] = paths.level[dst] - paths.top[dst]
                push_ready(queue, memo[QUEUED], priority, dst)
                memo[QUEUED] += 1
        t, v, n = -1, -1, -1
        state.choice[CHOICE_T], state.choice[CHOICE_N] = t, n


def greedy_plan(
    problem: Problem,
    priority: FloatArray,
    *,
    compare: int = EFT,
    insertion: bool = True,
    sufferage: bool = False,
    wish: IntArray | None = None,
    level: FloatArray | None = None,
    edge: FloatArray | None = None,
) -> Plan:
    """Schedule the tasks of one average request by exchangeable parts.

    Parameters
    ----------
    priority : (T,) float array
        Among ready tasks the highest goes first; ties go to the lowest task.
    compare : int
        What decides between places: `EFT`, `EST` or `QUICKEST`.
    insertion : bool
        Whether tasks may fill gaps between tasks placed before.
    sufferage : bool
        Of the two first ready tasks take the one that loses more without its best node.
    wish : (T,) int array, -1 for none
        The only node at which a task is looked at, where it is open.
    level, edge : (T,) and (E,) float arrays, seconds
        If given, the priority of a task that becomes ready is its level minus the longest path to
        it: actual durations and transfers up to its predecessors, then `edge`.

    Raises
    ------
    Infeasible
        No admissible allocation exists, or none was found.
    """
    view = view_of(problem)
    wish = np.full(view.n_tasks, -1, dtype=np.int64) if wish is None else wish
    level = np.empty(0) if level is None else level
    edge = np.empty(0) if edge is None else edge
    paths = Paths(level, edge, np.empty(view.n_tasks if len(level) else 0))
    current = np.empty_like(priority)

    def core(state: State, lanes: Lanes) -> int:
        code: int = _greedy_schedule(
            view, lanes, state, insertion, compare, sufferage, current, wish, paths
        )
        return code

    def begin(state: State) -> Lanes:
        current[:] = priority
        paths.top[:] = 0.0
        return new_lanes(view, insertion)

    return run_planner(problem, begin, core)
