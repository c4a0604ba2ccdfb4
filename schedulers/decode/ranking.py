"""Ranks of a planned candidate, and its makespan in a strict run of them.

The same as `schedulers.timeline.replayed`, compiled and for one candidate after the other.
"""

from __future__ import annotations

from schedulers.compiled import helper
from schedulers.decode.desk import Desk
from schedulers.timeline import append, append_start, exact_hold
from schedulers.view import View, inputs_there
from simulator.arrays import IntArray


@helper
def ranks_before(view: View, desk: Desk, a: int, b: int) -> bool:
    """Whether task a comes before task b by (start, finish, topological index)."""
    if desk.start[a] != desk.start[b]:
        return desk.start[a] < desk.start[b]
    if desk.finish[a] != desk.finish[b]:
        return desk.finish[a] < desk.finish[b]
    return view.position[a] < view.position[b]


@helper
def sort_by_start(view: View, desk: Desk) -> None:
    """Write the tasks in order of their ranks to `desk.heap`: runs of eight, then merging."""
    total, width = desk.heap.shape[0], 8
    one, other = desk.heap, desk.spare
    for low in range(0, total, width):
        for k in range(low, min(low + width, total)):
            t = view.topological[k]
            i = k
            while i > low and ranks_before(view, desk, t, one[i - 1]):
                one[i] = one[i - 1]
                i -= 1
            one[i] = t
    while width < total:
        for low in range(0, total, 2 * width):
            middle, high = min(low + width, total), min(low + 2 * width, total)
            i, j = low, middle
            for k in range(low, high):
                if j == high or (i < middle and ranks_before(view, desk, one[i], one[j])):
                    other[k] = one[i]
                    i += 1
                else:
                    other[k] = one[j]
                    j += 1
        one, other = other, one
        width *= 2
    for k in range(total):
        desk.heap[k] = one[k]


@helper
def replay(view: View, desk: Desk) -> None:
    """Starts and finishes of a strict run in the order of `desk.heap`."""
    lanes = desk.replay
    for n in range(lanes.last.shape[0]):
        lanes.last[n] = 0.0
        for k in range(lanes.free.shape[1]):
            lanes.free[n, k] = 0.0
    for k in range(desk.heap.shape[0]):
        t = desk.heap[k]
        n = desk.node[t]
        ready = inputs_there(view, t, desk.node, desk.variant, desk.finish)
        desk.start[t] = append_start(lanes, view.slots, n, ready)
        desk.finish[t] = desk.start[t] + exact_hold(view, t, desk.node, desk.variant[t])
        append(lanes, view.slots, n, desk.start[t], desk.finish[t])


@helper
def planned_makespan(view: View, desk: Desk, ranked: bool) -> float:
    """Makespan of a strict run of the ranks; `desk.heap` holds them if wanted or needed."""
    again = view.most_slots > 1 or view.sends
    longest = 0.0
    for t in range(desk.finish.shape[0]):
        again = again or desk.start[t] == desk.finish[t]
        longest = max(longest, desk.finish[t])
    if ranked or again:
        sort_by_start(view, desk)
    if again:
        replay(view, desk)
        longest = 0.0
        for t in range(desk.finish.shape[0]):
            longest = max(longest, desk.finish[t])
    return longest


@helper
def write_ranks(desk: Desk, rank: IntArray) -> None:
    """Rank of every task, from `desk.heap`."""
    for k in range(desk.heap.shape[0]):
        rank[desk.heap[k]] = k
