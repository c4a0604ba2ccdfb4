"""List scheduling with a dynamic priority: among all ready tasks and places, the best pair.

Min-min, max-min, sufferage, ETF and DLS are this loop with different keys. A place only gets worse
while others are taken, so a ready task's best places are looked for again only after one of them
has been taken: O(E N + T (N V + R)) time for R ready tasks when few are affected, O(T R N V) at
worst; memory O(T N). Tasks are appended to the sequence of a node.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from schedulers.compiled import entry, helper
from schedulers.planning import ASK, CHOICE_N, CHOICE_T, CHOICE_V, DONE, STUCK, State, run_planner
from schedulers.timeline import Lanes, Plan, append, append_start, new_lanes
from schedulers.view import View, inputs_ready, view_of
from simulator.arrays import FloatArray, IntArray

if TYPE_CHECKING:
    from simulator.problem import Problem

LEAST, MOST, SUFFERAGE, LEVEL = range(4)
"""Which ready task goes next, given the key of its best place. LEAST: least key (ties: highest
level). MOST: greatest key. SUFFERAGE: most to lose, were it sent to its second-best node.
LEVEL: greatest level minus key. Further ties: lowest task."""

READY_COUNT, STALE_NODE = range(2)


@helper
def _best_places(
    view: View,
    lanes: Lanes,
    state: State,
    t: int,
    early: bool,
    gain: FloatArray,
    ready: FloatArray,
    key: FloatArray,
    place: IntArray,
) -> None:
    """Best open place of a ready task, and the key of the best on another node.

    `key[t]` receives (key, key on the second-best node), +inf where there is none; `place[t]`
    (variant, node, second-best node), -1 where there is none. The key is the finish, or with
    `early` the start minus `gain`. Ties: earlier finish, lower node, lower variant.
    """
    n_variants, n_nodes = view.hold.shape[1], view.hold.shape[2]
    key[t, 0], key[t, 1] = np.inf, np.inf
    place[t, 0], place[t, 1], place[t, 2] = -1, -1, -1
    best_finish = 0.0
    for n in range(n_nodes):
        mine, mine_finish, mine_v = 0.0, 0.0, -1
        for v in range(n_variants):
            if not state.fit[t, v, n]:
                continue
            start = append_start(lanes, view.slots, n, ready[t, n])
            finish = start + view.hold[t, v, n]
            value = start - gain[t, n] if early else finish
            if mine_v < 0 or value < mine or (value == mine and finish < mine_finish):
                mine, mine_finish, mine_v = value, finish, v
        if mine_v < 0:
            continue
        first = place[t, 1] < 0 or mine < key[t, 0]
        if first or (mine == key[t, 0] and mine_finish < best_finish):
            key[t, 1], place[t, 2] = key[t, 0], place[t, 1]
            key[t, 0], place[t, 0], place[t, 1] = mine, mine_v, n
            best_finish = mine_finish
        elif place[t, 2] < 0 or mine < key[t, 1]:
            key[t, 1], place[t, 2] = mine, n


@entry
def _pair_schedule(
    view: View,
    lanes: Lanes,
    state: State,
    rule: int,
    early: bool,
    level: FloatArray,
    gain: FloatArray,
    ready: FloatArray,
    key: FloatArray,
    place: IntArray,
) -> int:
    """Place tasks until all are (`DONE`), one fits nowhere (`STUCK`), or a choice is to be judged.

    The queue holds the ready tasks in no particular order; `fresh` tasks have place -2.
    """
    memo, queue = state.memo, state.queue
    t, v, n = state.choice[CHOICE_T], state.choice[CHOICE_V], state.choice[CHOICE_N]
    while True:
        if n < 0:
            if memo[READY_COUNT] == 0:
                return DONE
            t = -1
            merit, tie = 0.0, 0.0
            for i in range(memo[READY_COUNT]):
                u = queue[i]
                stale = memo[STALE_NODE]
                if place[u, 1] == -2:
                    inputs_ready(view, u, state.node, state.variant, state.finish, ready[u])
                if state.judged[0] or place[u, 1] in (-2, stale) or place[u, 2] == stale:
                    _best_places(view, lanes, state, u, early, gain, ready, key, place)
                if place[u, 1] < 0:
                    return STUCK
                if rule == MOST:
                    value, second = key[u, 0], 0.0
                elif rule == SUFFERAGE:
                    value, second = key[u, 1] - key[u, 0], 0.0
                elif rule == LEVEL:
                    value, second = level[u] - key[u, 0], 0.0
                else:
                    value, second = -key[u, 0], level[u]
                better = value > merit or (value == merit and second > tie)
                if t < 0 or better or (value == merit and second == tie and u < t):
                    t, merit, tie = u, value, second
            v, n = place[t, 0], place[t, 1]
            state.choice[CHOICE_T], state.choice[CHOICE_V], state.choice[CHOICE_N] = t, v, n
            if state.judged[0]:
                return ASK
        start = append_start(lanes, view.slots, n, ready[t, n])
        finish = start + view.hold[t, v, n]
        append(lanes, view.slots, n, start, finish)
        state.node[t], state.variant[t], state.start[t], state.finish[t] = n, v, start, finish
        memo[STALE_NODE] = n
        for i in range(memo[READY_COUNT]):
            if queue[i] == t:
                memo[READY_COUNT] -= 1
                queue[i] = queue[memo[READY_COUNT]]
                break
        for i in range(view.out_ptr[t], view.out_ptr[t + 1]):
            dst = view.out_dst[i]
            state.waiting[dst] -= 1
            if state.waiting[dst] == 0:
                queue[memo[READY_COUNT]] = dst
                memo[READY_COUNT] += 1
        n = -1
        state.choice[CHOICE_N] = -1


def pair_plan(
    problem: Problem,
    rule: int,
    early: bool = False,
    level: FloatArray | None = None,
    gain: FloatArray | None = None,
) -> Plan:
    """Schedule the tasks of one average request, the best pair of task and place first.

    Parameters
    ----------
    rule : int
        Which ready task goes next: `LEAST`, `MOST`, `SUFFERAGE` or `LEVEL`.
    early : bool
        The key of a place is its start, minus `gain`, instead of its finish.
    level : (T,) float array, for `LEVEL`, and for ties of `LEAST`
    gain : (T, N) float array, seconds, with `early`

    Returns
    -------
    Plan

    Raises
    ------
    Infeasible
        No admissible allocation exists, or none was found.
    """
    view = view_of(problem)
    shape = (view.n_tasks, view.n_nodes)
    level = np.zeros(shape[0]) if level is None else level
    gain = np.zeros(shape) if gain is None else gain
    ready, key = np.empty(shape), np.empty((shape[0], 2))
    place = np.empty((shape[0], 3), dtype=np.int64)

    def core(state: State, lanes: Lanes) -> int:
        code: int = _pair_schedule(view, lanes, state, rule, early, level, gain, ready, key, place)
        return code

    def begin(state: State) -> Lanes:
        entries = np.flatnonzero(state.waiting == 0)
        state.queue[: len(entries)] = entries
        state.memo[READY_COUNT], state.memo[STALE_NODE] = len(entries), -1
        place[:] = -2
        return new_lanes(view, insertion=False)

    return run_planner(problem, begin, core)
