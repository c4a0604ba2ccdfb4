"""Balanced minimum completion time (BMCT): independent tasks, moved until no move helps.

The groups of HBMCT are placed with it one after another. A group is balanced on paper, with the
places open at that time, then its tasks are appended to the sequences of the nodes; if constraints
object to one, it goes where it then finishes first.

A move takes a task off the node that finishes last, of those that have any of the group, if that
then finishes earlier; it goes to that other node which then finishes earliest, if that is before.
So the finishes, sorted downwards, decrease lexicographically with each move, and the process ends.
O(g) time for a try that succeeds, O(g^2) for a round without success, g tasks being in the group.
"""

from __future__ import annotations

from typing import NamedTuple

from schedulers.compiled import entry, helper
from schedulers.planning import ASK, CHOICE_N, CHOICE_T, CHOICE_V, DONE, STUCK, State
from schedulers.timeline import Lanes, append, append_start
from schedulers.view import View, inputs_ready
from simulator.arrays import FloatArray, IntArray

BALANCED, NEXT = range(2)
"""In the memo: number of groups balanced, and of tasks placed."""


class Desk(NamedTuple):
    """Where a group is balanced. C is the largest number of slots.

    Parameters
    ----------
    order : (T,) int array, tasks by group; within a balanced group in the order of placing
    group_ptr : (G + 1,) int array
    ready : (T, N) float array, seconds, when the inputs of a task can be used on each node
    quick : (T, N) int array, the open variant of least duration on each node, -1 if none is open
    mean : (T,) float array, seconds, earliest start averaged over the nodes
    sequence : (N, T) int array; members : (N,) int array
        Tasks of the group on each node, in order of their inputs' arrival.
    last : (N,) float array, when each node finishes
    slot : (C,) float array, scratch
    home : (T,) int array, node of each task
    """

    order: IntArray
    group_ptr: IntArray
    ready: FloatArray
    quick: IntArray
    mean: FloatArray
    sequence: IntArray
    members: IntArray
    last: FloatArray
    slot: FloatArray
    home: IntArray


@helper
def _finish_of(view: View, lanes: Lanes, desk: Desk, n: int, without: int, extra: int) -> float:
    """When a node would finish its sequence without one task and with an extra one (or -1).

    The last finish of what was placed before counts as well.
    """
    latest, begun = 0.0, lanes.last[n]
    for c in range(view.slots[n]):
        desk.slot[c] = lanes.free[n, c]
        latest = max(latest, lanes.free[n, c])
    i = 0
    waits = extra >= 0
    while i < desk.members[n] or waits:
        t = extra
        if i < desk.members[n]:
            t = desk.sequence[n, i]
            if t == without:
                i += 1
                continue
            first = not waits
            if waits:
                first = desk.ready[t, n] < desk.ready[extra, n] or (
                    desk.ready[t, n] == desk.ready[extra, n] and t < extra
                )
            if first:
                i += 1
            else:
                t, waits = extra, False
        else:
            waits = False
        best = 0
        for c in range(1, view.slots[n]):
            if desk.slot[c] < desk.slot[best]:
                best = c
        begun = max(max(desk.ready[t, n], desk.slot[best]), begun)
        desk.slot[best] = begun + view.hold[t, desk.quick[t, n], n]
        latest = max(latest, desk.slot[best])
    return latest


@helper
def _enter(desk: Desk, t: int, n: int) -> None:
    """Add a task to the sequence of a node."""
    i = desk.members[n]
    while i > 0:
        u = desk.sequence[n, i - 1]
        if desk.ready[u, n] < desk.ready[t, n] or (desk.ready[u, n] == desk.ready[t, n] and u < t):
            break
        desk.sequence[n, i] = u
        i -= 1
    desk.sequence[n, i] = t
    desk.members[n] += 1
    desk.home[t] = n


@helper
def _leave(desk: Desk, t: int, n: int) -> None:
    """Take a task out of the sequence of a node."""
    i = 0
    while desk.sequence[n, i] != t:
        i += 1
    desk.members[n] -= 1
    while i < desk.members[n]:
        desk.sequence[n, i] = desk.sequence[n, i + 1]
        i += 1


@helper
def _spread(view: View, lanes: Lanes, state: State, desk: Desk, low: int, high: int) -> bool:
    """Put every task of a group on its fastest open node; False if one has none.

    Ties: earlier arrival, then lower node.
    """
    n_variants, n_nodes = view.hold.shape[1], view.hold.shape[2]
    for n in range(n_nodes):
        desk.members[n] = 0
    for k in range(low, high):
        t = desk.order[k]
        inputs_ready(view, t, state.node, state.variant, state.finish, desk.ready[t])
        total, count, home, best = 0.0, 0, -1, 0.0
        for n in range(n_nodes):
            desk.quick[t, n] = -1
            for v in range(n_variants):
                if state.fit[t, v, n]:
                    w = desk.quick[t, n]
                    if w < 0 or view.hold[t, v, n] < view.hold[t, w, n]:
                        desk.quick[t, n] = v
            if desk.quick[t, n] < 0:
                continue
            total += append_start(lanes, view.slots, n, desk.ready[t, n])
            count += 1
            hold = view.hold[t, desk.quick[t, n], n]
            if home < 0 or hold < best or (hold == best and desk.ready[t, n] < desk.ready[t, home]):
                home, best = n, hold
        if home < 0:
            return False
        desk.mean[t] = total / count
        _enter(desk, t, home)
    return True


@helper
def _sort_group(desk: Desk, low: int, high: int) -> None:
    """Sort the tasks of a group by mean earliest start; ties by task."""
    for k in range(low + 1, high):
        t, i = desk.order[k], k
        while i > low:
            u = desk.order[i - 1]
            if desk.mean[u] < desk.mean[t] or (desk.mean[u] == desk.mean[t] and u < t):
                break
            desk.order[i] = u
            i -= 1
        desk.order[i] = t


@helper
def _balance(view: View, lanes: Lanes, desk: Desk, low: int, high: int) -> None:
    """Move tasks of a spread-out group until no move helps."""
    n_nodes = view.hold.shape[2]
    _sort_group(desk, low, high)
    changed, fresh_a, fresh_b = True, -1, -1
    while changed:
        changed = False
        worst = -1
        for n in range(n_nodes):
            if fresh_a < 0 or n in (fresh_a, fresh_b):
                desk.last[n] = _finish_of(view, lanes, desk, n, -1, -1)
            if desk.members[n] > 0 and (worst < 0 or desk.last[n] > desk.last[worst]):
                worst = n
        for k in range(low, high):
            t = desk.order[k]
            if desk.home[t] != worst:
                continue
            best_n, best = -1, desk.last[worst]
            for i in range(n_nodes + 1):
                if i == 0:  # first of all, does it help here?
                    if not _finish_of(view, lanes, desk, worst, t, -1) < desk.last[worst]:
                        break
                    continue
                n = i - 1
                if n == worst or desk.quick[t, n] < 0 or desk.last[n] >= best:
                    continue
                finish = _finish_of(view, lanes, desk, n, -1, t)
                if finish < best:
                    best_n, best = n, finish
            if best_n >= 0:
                _leave(desk, t, worst)
                _enter(desk, t, best_n)
                fresh_a, fresh_b, changed = worst, best_n, True
                break


@helper
def _lay_out(desk: Desk, low: int, high: int) -> None:
    """Order a balanced group for placing: by arrival of inputs at the node, ties by task.

    On each node this is the order of its sequence.
    """
    for k in range(low + 1, high):
        t, i = desk.order[k], k
        mine = desk.ready[t, desk.home[t]]
        while i > low:
            u = desk.order[i - 1]
            theirs = desk.ready[u, desk.home[u]]
            if theirs < mine or (theirs == mine and u < t):
                break
            desk.order[i] = u
            i -= 1
        desk.order[i] = t


@helper
def _soonest(view: View, lanes: Lanes, state: State, desk: Desk, t: int) -> tuple[int, int]:
    """(variant, node) where a task finishes first now; -1, -1 if no place is open."""
    best_v, best_n, best = -1, -1, 0.0
    for n in range(view.hold.shape[2]):
        for v in range(view.hold.shape[1]):
            if state.fit[t, v, n]:
                start = append_start(lanes, view.slots, n, desk.ready[t, n])
                finish = start + view.hold[t, v, n]
                if best_n < 0 or finish < best:
                    best_v, best_n, best = v, n, finish
    return best_v, best_n


@entry
def balanced_schedule(view: View, lanes: Lanes, state: State, desk: Desk) -> int:
    """Place tasks until all are (`DONE`), one is `STUCK`, or a choice is to be judged (`ASK`)."""
    memo = state.memo
    t, v, n = state.choice[CHOICE_T], state.choice[CHOICE_V], state.choice[CHOICE_N]
    while True:
        if n < 0:
            refused = t >= 0
            if not refused:
                if memo[NEXT] == desk.order.shape[0]:
                    return DONE
                low, high = memo[NEXT], 0
                if low == desk.group_ptr[memo[BALANCED]]:
                    high = desk.group_ptr[memo[BALANCED] + 1]
                    if not _spread(view, lanes, state, desk, low, high):
                        return STUCK
                    _balance(view, lanes, desk, low, high)
                    _lay_out(desk, low, high)
                    memo[BALANCED] += 1
                t = desk.order[memo[NEXT]]
                n = desk.home[t]
                v = desk.quick[t, n]
            if refused or not state.fit[t, v, n]:
                v, n = _soonest(view, lanes, state, desk, t)
            if n < 0:
                return STUCK
            state.choice[CHOICE_T], state.choice[CHOICE_V], state.choice[CHOICE_N] = t, v, n
            if state.judged[0]:
                return ASK
        start = append_start(lanes, view.slots, n, desk.ready[t, n])
        finish = start + view.hold[t, v, n]
        append(lanes, view.slots, n, start, finish)
        state.node[t], state.variant[t], state.start[t], state.finish[t] = n, v, start, finish
        memo[NEXT] += 1
        t, v, n = -1, -1, -1
        state.choice[CHOICE_T], state.choice[CHOICE_N] = t, n
