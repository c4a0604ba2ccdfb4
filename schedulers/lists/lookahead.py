"""Lookahead HEFT: each task goes where its successors can then finish first.

Paper: L. F. Bittencourt, R. Sakellariou, E. R. M. Madeira, "DAG scheduling using a lookahead
variant of the heterogeneous earliest finish time algorithm", PDP 2010. doi:10.1109/PDP.2010.56.

Tasks go by upward rank as in HEFT. For each open place of a task, the task is put there and then
its successors, by upward rank, each where it finishes first given what has a place by now; inputs
that have none yet do not count. The place with the least of the successors' latest finishes is
taken (``children=mean``: of their finishes averaged with the upward ranks as weights, the paper's
second variant). All trials are taken back.

What we changed, and why: `depth` goes on to the successors' successors, 0 being HEFT; places that
are equal by their successors are told apart by the task's own finish. The paper's variants that
change the order as well are left out: it finds no use in them. Variants, slots, memory limits and
groups as in the other list schedulers; successors are tried on the places that are open before.

Cost: O(T V N (S (V N + log S) + I N)) time for S successors within the depth, with I inputs
together, and the search for gaps; O(T N) memory.

Does badly: on joins fed by many: all inputs but the placed ones are ignored, so the first ones
pull the join to themselves; on wide forks, whose S makes it slow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from schedulers.compiled import entry, helper
from schedulers.listing import pop_ready, push_ready
from schedulers.lists.probing import Log, new_log, take_back, try_booking
from schedulers.planner import Planner
from schedulers.planning import ASK, CHOICE_N, CHOICE_T, CHOICE_V, DONE, STUCK, State, run_planner
from schedulers.ranks import ranks_of
from schedulers.timeline import Lanes, Plan, book, earliest, new_lanes
from schedulers.view import View, transfer_seconds, view_of
from simulator.arrays import FloatArray, IntArray

if TYPE_CHECKING:
    from simulator.problem import Problem

QUEUED, FILLED = range(2)


@helper
def _known_inputs(view: View, state: State, t: int, ready: FloatArray) -> None:
    """As `inputs_ready`, but inputs whose producer has no place do not count."""
    for n in range(ready.shape[0]):
        ready[n] = 0.0
    for i in range(view.in_ptr[t], view.in_ptr[t + 1]):
        p = view.in_src[i]
        a = state.node[p]
        if a < 0:
            continue
        done, size = state.finish[p], view.in_size[i, state.variant[p]]
        for n in range(ready.shape[0]):
            there = done
            if n != a:
                there = (done + transfer_seconds(view, a, n, size)) + view.wake[n]
            ready[n] = max(ready[n], there)


@helper
def _within(
    view: View, rank: FloatArray, t: int, depth: int, near: IntArray, seen: IntArray
) -> int:
    """Write the successors of a task within a depth to `near`, by rank, and set `seen`."""
    count, low = 0, 0
    for level in range(depth):
        high = count
        for k in range(low, high if level > 0 else 1):
            u = near[k] if level > 0 else t
            for i in range(view.out_ptr[u], view.out_ptr[u + 1]):
                dst = view.out_dst[i]
                if seen[dst] == 0:
                    seen[dst] = 1
                    near[count] = dst
                    count += 1
        low = high
    for k in range(1, count):  # no successor ranks higher, or at equal rank comes earlier
        u, i = near[k], k
        while i > 0:
            other = near[i - 1]
            if rank[other] > rank[u]:
                break
            if rank[other] == rank[u] and view.position[other] < view.position[u]:
                break
            near[i] = other
            i -= 1
        near[i] = u
    return count


@helper
def _quickest(
    view: View, lanes: Lanes, state: State, t: int, insertion: bool, ready: FloatArray
) -> tuple[int, int, float]:
    """(variant, node, start) where a task finishes first; node -1 if no place is open."""
    best_v, best_n, best_begin, best = -1, -1, 0.0, 0.0
    for n in range(view.hold.shape[2]):
        for v in range(view.hold.shape[1]):
            if not state.fit[t, v, n]:
                continue
            hold = view.hold[t, v, n]
            if best_n >= 0 and ready[n] + hold >= best:
                continue
            begin = earliest(lanes, view.slots, insertion, n, ready[n], hold)
            if best_n < 0 or begin + hold < best:
                best_v, best_n, best_begin, best = v, n, begin, begin + hold
    return best_v, best_n, best_begin


@helper
def _outlook(
    view: View,
    lanes: Lanes,
    state: State,
    insertion: bool,
    averaged: bool,
    rank: FloatArray,
    near: IntArray,
    count: int,
    ready: FloatArray,
    log: Log,
    finish: float,
) -> float:
    """Finish of the successors, latest or averaged, if they are placed now; taken back at the end.

    `finish` is that of the task itself, which counts where it has no successor.
    """
    latest, total, weight, booked = finish, 0.0, 0.0, 0
    for k in range(count):
        u = near[k]
        _known_inputs(view, state, u, ready)
        v, n, begin = _quickest(view, lanes, state, u, insertion, ready)
        if n < 0:
            continue
        end = begin + view.hold[u, v, n]
        try_booking(lanes, view.slots, insertion, n, begin, end, log, 1 + booked)
        booked += 1
        state.node[u], state.variant[u], state.finish[u] = n, v, end
        latest = max(latest, end)
        total += rank[u] * end
        weight += rank[u]
    for k in range(count):
        state.node[near[k]] = -1
    for k in range(booked, 0, -1):
        take_back(lanes, view.slots, insertion, log, k)
    if averaged and weight > 0.0:
        return total / weight
    return latest


@entry
def _look_ahead(
    view: View,
    lanes: Lanes,
    state: State,
    insertion: bool,
    averaged: bool,
    depth: int,
    rank: FloatArray,
    near: IntArray,
    seen: IntArray,
    ready: FloatArray,
    log: Log,
) -> int:
    """Place tasks until all are (`DONE`), one is `STUCK`, or a choice is to be judged (`ASK`)."""
    memo, queue = state.memo, state.queue
    t, v, n = state.choice[CHOICE_T], state.choice[CHOICE_V], state.choice[CHOICE_N]
    if memo[FILLED] == 0:  # the first call
        memo[FILLED] = 1
        for first in range(state.waiting.shape[0]):
            if state.waiting[first] == 0:
                push_ready(queue, memo[QUEUED], rank, first)
                memo[QUEUED] += 1
    while True:
        if n < 0:
            if t < 0:
                if memo[QUEUED] == 0:
                    return DONE
                t = pop_ready(queue, memo[QUEUED], rank)
                memo[QUEUED] -= 1
                state.choice[CHOICE_T] = t
            _known_inputs(view, state, t, state.ready)
            count = _within(view, rank, t, depth, near, seen)
            best, best_finish = 0.0, 0.0
            for m in range(view.hold.shape[2]):
                for w in range(view.hold.shape[1]):
                    if not state.fit[t, w, m]:
                        continue
                    hold = view.hold[t, w, m]
                    begin = earliest(lanes, view.slots, insertion, m, state.ready[m], hold)
                    finish = begin + hold
                    key = finish
                    if count > 0:
                        try_booking(lanes, view.slots, insertion, m, begin, finish, log, 0)
                        state.node[t], state.variant[t], state.finish[t] = m, w, finish
                        key = _outlook(
                            view,
                            lanes,
                            state,
                            insertion,
                            averaged,
                            rank,
                            near,
                            count,
                            ready,
                            log,
                            finish,
                        )
                        state.node[t] = -1
                        take_back(lanes, view.slots, insertion, log, 0)
                    if n < 0 or key < best or (key == best and finish < best_finish):
                        v, n, best, best_finish = w, m, key, finish
                        state.begin[0] = begin
            for k in range(count):  # a refused choice comes here again
                seen[near[k]] = 0
            if n < 0:
                return STUCK
            state.choice[CHOICE_V], state.choice[CHOICE_N] = v, n
            if state.judged[0]:
                return ASK
        start = state.begin[0]
        finish = start + view.hold[t, v, n]
        book(lanes, view.slots, insertion, n, start, finish)
        state.node[t], state.variant[t], state.start[t], state.finish[t] = n, v, start, finish
        for i in range(view.out_ptr[t], view.out_ptr[t + 1]):
            dst = view.out_dst[i]
            state.waiting[dst] -= 1
            if state.waiting[dst] == 0:
                push_ready(queue, memo[QUEUED], rank, dst)
                memo[QUEUED] += 1
        t, v, n = -1, -1, -1
        state.choice[CHOICE_T], state.choice[CHOICE_N] = t, n


@dataclass(frozen=True)
class Lookahead(Planner):
    """Highest upward rank first, each task where its successors can then finish first.

    Parameters
    ----------
    depth : int
        How many generations of successors are looked at; 0 is HEFT.
    children : {"max", "mean"}
        What counts of their finishes: the latest, or the mean weighted by upward rank.
    insertion : bool
        Whether a task may fill a gap between tasks placed before.
    """

    version: ClassVar[int] = 1
    depth: int = 1
    children: Literal["max", "mean"] = "max"
    insertion: bool = True

    def __post_init__(self) -> None:
        """Refuse a negative depth."""
        if self.depth < 0:
            raise ValueError(f"depth must be >= 0, got {self.depth}")

    def plan(self, problem: Problem) -> Plan:
        """Plan one average request."""
        view = view_of(problem)
        n_tasks = view.n_tasks
        rank = ranks_of(view).up
        near, seen = np.empty(n_tasks, dtype=np.int64), np.zeros(n_tasks, dtype=np.int64)
        ready, log = np.empty(view.n_nodes), new_log(n_tasks + 1)
        depth = min(self.depth, n_tasks)

        def core(state: State, lanes: Lanes) -> int:
            code: int = _look_ahead(
                view, lanes, state, self.insertion, self.children == "mean", depth,
                rank, near, seen, ready, log,
            )  # fmt: skip
            return code

        def begin(state: State) -> Lanes:
            seen[:] = 0
            return new_lanes(view, self.insertion)

        return run_planner(problem, begin, core)
