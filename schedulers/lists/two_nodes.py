"""Choosing between two nodes only: the one that a task is bound to, and the one idle first.

On a network where all transfers of a message take equally long, a ready task can start first
either on its enabling node, from which its last message comes, or on the node that is idle first:
on all others its inputs arrive at the same time, and later or as late as on the enabling one
(A. Radulescu, A. J. C. van Gemund, ICS 1999 and ICPP 1999). On other networks the enabling node is
the one on which all inputs are there first, which on the former is the same, and the rule is a
heuristic.

O(E N + T (N + W)) time, W ready tasks being looked at in each step; memory O(T N).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from schedulers.compiled import entry, helper
from schedulers.planning import ASK, CHOICE_N, CHOICE_T, CHOICE_V, DONE, STUCK, State, run_planner
from schedulers.timeline import Lanes, Plan, append, append_start, new_lanes
from schedulers.view import View, inputs_ready, view_of
from simulator.arrays import BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    from simulator.problem import Problem


class Bound(NamedTuple):
    """What is known of tasks once they are ready.

    Parameters
    ----------
    enabling : (T,) int array
        The open node on which all inputs are there first; -1 if no node is open, -2 if unknown.
    latest : (T,) float array, seconds, when all inputs could be on any open node
    """

    enabling: IntArray
    latest: FloatArray


WINDOW, FIRST, LAST, FILLED = range(4)
"""In the memo: tasks in the window, and the first and last of those that wait to enter it."""


@helper
def _open(fit: BoolArray, t: int, n: int) -> bool:
    """Whether any variant of a task may go to a node."""
    found = False
    for v in range(fit.shape[1]):
        found |= fit[t, v, n]
    return found


@helper
def _bind(fit: BoolArray, t: int, ready: FloatArray, bound: Bound) -> None:
    """Find the enabling node of a task."""
    bound.enabling[t], bound.latest[t] = -1, 0.0
    for n in range(ready.shape[0]):
        if _open(fit, t, n):
            bound.latest[t] = max(bound.latest[t], ready[n])
            if bound.enabling[t] < 0 or ready[n] < ready[bound.enabling[t]]:
                bound.enabling[t] = n


@helper
def _place(
    view: View, lanes: Lanes, state: State, t: int, n: int, ready: float
) -> tuple[int, float, float]:
    """(variant, start, finish) on a node, of the open variants the shortest."""
    start, best_v, best = append_start(lanes, view.slots, n, ready), -1, 0.0
    for v in range(view.hold.shape[1]):
        if state.fit[t, v, n] and (best_v < 0 or view.hold[t, v, n] < best):
            best_v, best = v, view.hold[t, v, n]
    return best_v, start, start + best


@helper
def _sort_idle(lanes: Lanes, view: View, idle: IntArray, moved: int) -> None:
    """Put a node back in order of when nodes become idle; ties by node."""
    at = 0
    while idle[at] != moved:
        at += 1
    free = append_start(lanes, view.slots, moved, 0.0)
    while at + 1 < idle.shape[0]:
        other = idle[at + 1]
        theirs = append_start(lanes, view.slots, other, 0.0)
        if theirs > free or (theirs == free and other > moved):
            break
        idle[at] = other
        at += 1
    idle[at] = moved


@helper
def _better_of_two(
    view: View,
    lanes: Lanes,
    state: State,
    t: int,
    by_finish: bool,
    ready: FloatArray,
    idle: IntArray,
    bound: Bound,
) -> tuple[int, int, float, float, bool]:
    """(variant, node, start, finish, unbound) of the better candidate; node -1 if none is open.

    Ties: the earlier of start and finish that was not compared, then the node idle first. Among
    nodes that are idle equally early the one that compares best stands for all. A task is unbound
    if its last message is there, wherever it goes, before its enabling node is idle.
    """
    best_v, best_n, best_start, best_finish = -1, -1, 0.0, 0.0
    if state.judged[0] or bound.enabling[t] == -2:
        _bind(state.fit, t, ready, bound)
    enabling = bound.enabling[t]
    if enabling < 0:
        return best_v, best_n, best_start, best_finish, False
    limit, found, i = 0.0, False, 0
    while i <= ready.shape[0]:
        n = enabling
        if i < ready.shape[0]:
            n = idle[i]
            free = append_start(lanes, view.slots, n, 0.0)
            if found and free > limit:
                i = ready.shape[0]  # the enabling node comes last
                continue
            i += 1
            if not _open(state.fit, t, n):
                continue
            found, limit = True, free
        else:
            i += 1
        v, start, finish = _place(view, lanes, state, t, n, ready[n])
        key, best = (finish, best_finish) if by_finish else (start, best_start)
        tie, best_tie = (start, best_start) if by_finish else (finish, best_finish)
        if best_n < 0 or key < best or (key == best and tie < best_tie):
            best_v, best_n, best_start, best_finish = v, n, start, finish
    unbound = bound.latest[t] <= append_start(lanes, view.slots, enabling, 0.0)
    return best_v, best_n, best_start, best_finish, unbound


@entry
def _two_schedule(
    view: View,
    lanes: Lanes,
    state: State,
    fixed: bool,
    by_finish: bool,
    width: int,
    level: FloatArray,
    ready: FloatArray,
    idle: IntArray,
    later: IntArray,
    bound: Bound,
) -> int:
    """Place tasks until all are (`DONE`), one is `STUCK`, or a choice is to be judged (`ASK`).

    The queue is the window, in no particular order; `later` (T,) holds those that wait to enter.
    """
    memo, queue = state.memo, state.queue
    t, v, n = state.choice[CHOICE_T], state.choice[CHOICE_V], state.choice[CHOICE_N]
    while True:
        if memo[FILLED] == 0:  # the first call
            memo[FILLED] = 1
            for first in range(state.waiting.shape[0]):
                if state.waiting[first] == 0:
                    later[memo[LAST]] = first
                    memo[LAST] += 1
                    inputs_ready(view, first, state.node, state.variant, state.finish, ready[first])
        while memo[WINDOW] < width and memo[FIRST] < memo[LAST]:
            queue[memo[WINDOW]] = later[memo[FIRST]]
            memo[WINDOW] += 1
            memo[FIRST] += 1
        if n < 0:
            if memo[WINDOW] == 0:
                return DONE
            if t < 0 and fixed:
                t = queue[0]
                for i in range(1, memo[WINDOW]):
                    u = queue[i]
                    if level[u] > level[t] or (level[u] == level[t] and u < t):
                        t = u
            only, t, best, best_unbound = t, -1, 0.0, False
            floor = append_start(lanes, view.slots, idle[0], 0.0)
            for i in range(memo[WINDOW]):
                u = queue[i] if only < 0 else only
                if t >= 0 and not by_finish and not state.judged[0] and bound.enabling[u] >= 0:
                    soonest = max(floor, ready[u, bound.enabling[u]])
                    behind = level[u] < level[t] or (level[u] == level[t] and u > t)
                    if soonest > best or (soonest == best and best_unbound and behind):
                        continue  # it cannot win, whatever its candidates
                uv, un, start, finish, unbound = _better_of_two(
                    view, lanes, state, u, by_finish, ready[u], idle, bound
                )
                if un < 0:
                    return STUCK
                key = finish if by_finish else start
                better = t < 0 or key < best
                if t >= 0 and key == best:
                    if unbound == best_unbound:
                        better = level[u] > level[t] or (level[u] == level[t] and u < t)
                    else:
                        better = unbound
                if better:
                    t, v, n, best, best_unbound = u, uv, un, key, unbound
                if only >= 0:
                    break
            state.choice[CHOICE_T], state.choice[CHOICE_V], state.choice[CHOICE_N] = t, v, n
            if state.judged[0]:
                return ASK
        start = append_start(lanes, view.slots, n, ready[t, n])
        finish = start + view.hold[t, v, n]
        append(lanes, view.slots, n, start, finish)
        _sort_idle(lanes, view, idle, n)
        state.node[t], state.variant[t], state.start[t], state.finish[t] = n, v, start, finish
        for i in range(memo[WINDOW]):
            if queue[i] == t:
                memo[WINDOW] -= 1
                queue[i] = queue[memo[WINDOW]]
                break
        for i in range(view.out_ptr[t], view.out_ptr[t + 1]):
            dst = view.out_dst[i]
            state.waiting[dst] -= 1
            if state.waiting[dst] == 0:
                later[memo[LAST]] = dst
                memo[LAST] += 1
                inputs_ready(view, dst, state.node, state.variant, state.finish, ready[dst])
        t, v, n = -1, -1, -1
        state.choice[CHOICE_T], state.choice[CHOICE_N] = t, n


def two_node_plan(
    problem: Problem, level: FloatArray, *, fixed: bool, by_finish: bool, width: int
) -> Plan:
    """Schedule the tasks of one average request, each on the better of two nodes.

    Parameters
    ----------
    level : (T,) float array
        The highest level goes first, if `fixed`; else it decides ties. Further ties: lowest task.
    fixed : bool
        The order is by level; else the task goes first that can start (or finish) first.
    by_finish : bool
        Compare finishes instead of starts.
    width : int
        Only so many ready tasks are looked at; the others wait in the order of their becoming
        ready.

    Raises
    ------
    Infeasible
        No admissible allocation exists, or none was found.
    """
    view = view_of(problem)
    ready = np.empty((view.n_tasks, view.n_nodes))
    idle = np.empty(view.n_nodes, dtype=np.int64)
    later = np.empty(view.n_tasks, dtype=np.int64)
    bound = Bound(np.empty(view.n_tasks, dtype=np.int64), np.empty(view.n_tasks))

    def core(state: State, lanes: Lanes) -> int:
        code: int = _two_schedule(
            view, lanes, state, fixed, by_finish, width, level, ready, idle, later, bound
        )
        return code

    def begin(state: State) -> Lanes:
        idle[:] = np.arange(view.n_nodes)
        bound.enabling[:] = -2
        return new_lanes(view, insertion=False)

    return run_planner(problem, begin, core)
