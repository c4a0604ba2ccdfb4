"""BIL: best imaginary level scheduling.

Paper: H. Oh, S. Ha, "A static scheduling heuristic for heterogeneous processors", Euro-Par 1996,
LNCS 1124. doi:10.1007/BFb0024750.

The level of a task on a node is its duration there plus the longest of its successors' best cases:
the successor stays on the node, or moves to another one and its inputs with it. Level plus the
earliest start is a makespan as good as one may imagine, BIM. With k ready tasks on P processors a
task can hope for its k-th best node at worst: the ready task whose k-th smallest BIM (the largest,
if there are fewer) is largest goes next; ties are decided by the (k-1)-th and so on, then by the
lowest task. It goes where BIM plus duration times max(k / P - 1, 0) is least, since with many
ready tasks the levels matter less than the load; ties go to the node on which the same sum over the
other ready tasks is greatest.

What we changed, and why: levels are kept by variant as well, and transfers depend on both nodes,
so that the level of a chain is its optimum on any network (the paper's theorem, there for equal
links). c slots are c processors. Forbidden nodes have no level. Memory limits and groups as in the
other list schedulers; tasks are appended to the sequence of a node.

Cost: O(E V N^2) time for the levels, O(T R N) for the choices with R ready tasks; O(T V N) memory.

Does badly: on joins, because levels assume that each path of a join can be followed alone; at high
parallelism, where durations outweigh what the levels know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from schedulers.compiled import entry, helper
from schedulers.planner import Planner
from schedulers.planning import ASK, CHOICE_N, CHOICE_T, CHOICE_V, DONE, STUCK, State, run_planner
from schedulers.timeline import Lanes, Plan, append, append_start, new_lanes
from schedulers.view import View, inputs_ready, transfer_seconds, view_of
from simulator.arrays import FloatArray, IntArray

if TYPE_CHECKING:
    from simulator.problem import Problem

READY, STALE = range(2)


@entry
def _fill_imaginary(view: View, level: FloatArray, least: FloatArray) -> None:
    """Fill `level` (T, V, N) from the exits; `least` (T, N) holds the minima over the variants."""
    n_tasks, n_variants, n_nodes = level.shape
    for k in range(n_tasks - 1, -1, -1):
        t = view.topological[k]
        for n in range(n_nodes):
            least[t, n] = np.inf
            for v in range(n_variants):
                level[t, v, n] = view.hold[t, v, n]
                if view.hold[t, v, n] == np.inf:
                    continue
                worst = 0.0
                for i in range(view.out_ptr[t], view.out_ptr[t + 1]):
                    dst, size = view.out_dst[i], view.size[view.out_edge[i], v]
                    best = least[dst, n]
                    for m in range(n_nodes):
                        if m != n and least[dst, m] < best:
                            moved = transfer_seconds(view, n, m, size) + view.wake[m]
                            best = min(best, moved + least[dst, m])
                    worst = max(worst, best)
                level[t, v, n] += worst
                least[t, n] = min(least[t, n], level[t, v, n])


def imaginary_levels(view: View) -> FloatArray:
    """Best imaginary level of each task, variant and node, +inf where it may not run.

    Returns
    -------
    (T, V, N) float array, seconds.
    """
    level = np.empty(view.hold.shape)
    _fill_imaginary(view, level, np.empty(view.fastest.shape))
    return level


@helper
def _imagine(
    view: View, lanes: Lanes, state: State, level: FloatArray, t: int, n: int, ready: float
) -> float:
    """Imaginary makespan of a task on a node, by its best open variant; +inf if none is open."""
    best = np.inf
    for v in range(view.hold.shape[1]):
        if state.fit[t, v, n]:
            best = min(best, level[t, v, n])
    return append_start(lanes, view.slots, n, ready) + best


@helper
def _rank_node(bim: FloatArray, order: IntArray, n: int, used: int) -> None:
    """Sort a node into the first `used` ones of a task's order; ties by node."""
    i = used
    while i > 0 and (
        bim[n] < bim[order[i - 1]] or (bim[n] == bim[order[i - 1]] and n < order[i - 1])
    ):
        order[i] = order[i - 1]
        i -= 1
    order[i] = n


@helper
def _kth(view: View, bim: FloatArray, order: IntArray, k: int) -> int:
    """Index in a task's order of the k-th best processor, or of the last that is open."""
    at, seen = 0, view.slots[order[0]]
    while seen < k and at + 1 < order.shape[0] and bim[order[at + 1]] < np.inf:
        at += 1
        seen += view.slots[order[at]]
    return at


@helper
def _is_more_urgent(view: View, bim: FloatArray, order: IntArray, k: int, a: int, b: int) -> bool:
    """Whether task a goes before task b."""
    i, j = _kth(view, bim[a], order[a], k), _kth(view, bim[b], order[b], k)
    while i >= 0 and j >= 0:
        x, y = bim[a, order[a, i]], bim[b, order[b, j]]
        if x != y:
            return x > y
        i -= 1
        j -= 1
    return a < b


@helper
def _revised(
    view: View,
    lanes: Lanes,
    state: State,
    level: FloatArray,
    t: int,
    n: int,
    ready: float,
    load: float,
) -> tuple[float, int]:
    """(revised imaginary makespan, variant) of a task on a node; variant -1 if none is open."""
    start, best, best_v = append_start(lanes, view.slots, n, ready), np.inf, -1
    for v in range(view.hold.shape[1]):
        if state.fit[t, v, n]:
            value = start + level[t, v, n] + view.hold[t, v, n] * load
            if best_v < 0 or value < best:
                best, best_v = value, v
    return best, best_v


@helper
def _others(
    view: View,
    lanes: Lanes,
    state: State,
    level: FloatArray,
    ready: FloatArray,
    t: int,
    n: int,
    load: float,
) -> float:
    """Sum of the revised imaginary makespans of all other ready tasks on a node."""
    total = 0.0
    for i in range(state.memo[READY]):
        u = state.queue[i]
        if u != t:
            total += _revised(view, lanes, state, level, u, n, ready[u, n], load)[0]
    return total


@entry
def _bil_schedule(
    view: View,
    lanes: Lanes,
    state: State,
    level: FloatArray,
    ready: FloatArray,
    bim: FloatArray,
    order: IntArray,
    processors: int,
) -> int:
    """Place tasks until all are (`DONE`), one is `STUCK`, or a choice is to be judged (`ASK`).

    The queue holds the ready tasks in no particular order; `order` (T, N) the nodes of each by
    imaginary makespan `bim` (T, N).
    """
    memo, queue = state.memo, state.queue
    n_nodes = view.hold.shape[2]
    t, v, n = state.choice[CHOICE_T], state.choice[CHOICE_V], state.choice[CHOICE_N]
    while True:
        if n < 0:
            if memo[READY] == 0:
                return DONE
            for i in range(memo[READY]):
                u = queue[i]
                if order[u, 0] < 0:
                    inputs_ready(view, u, state.node, state.variant, state.finish, ready[u])
                if order[u, 0] < 0 or state.judged[0]:
                    for m in range(n_nodes):
                        bim[u, m] = _imagine(view, lanes, state, level, u, m, ready[u, m])
                        _rank_node(bim[u], order[u], m, m)
                elif memo[STALE] >= 0:
                    m, at = memo[STALE], 0
                    while order[u, at] != m:
                        at += 1
                    while at + 1 < n_nodes:
                        order[u, at] = order[u, at + 1]
                        at += 1
                    bim[u, m] = _imagine(view, lanes, state, level, u, m, ready[u, m])
                    _rank_node(bim[u], order[u], m, n_nodes - 1)
            k = memo[READY]
            if t < 0:
                t = queue[0]
                for i in range(1, k):
                    if _is_more_urgent(view, bim, order, k, queue[i], t):
                        t = queue[i]
            load = max(k / processors - 1.0, 0.0)
            best, best_sum = np.inf, -1.0
            for m in range(n_nodes):
                value, mine = _revised(view, lanes, state, level, t, m, ready[t, m], load)
                if mine < 0 or (n >= 0 and value > best):
                    continue
                if n >= 0 and value == best:
                    if best_sum < 0.0:
                        best_sum = _others(view, lanes, state, level, ready, t, n, load)
                    total = _others(view, lanes, state, level, ready, t, m, load)
                    if total <= best_sum:
                        continue
                    best_sum = total
                else:
                    best_sum = -1.0
                v, n, best = mine, m, value
            if n < 0:
                return STUCK
            state.choice[CHOICE_T], state.choice[CHOICE_V], state.choice[CHOICE_N] = t, v, n
            if state.judged[0]:
                return ASK
        start = append_start(lanes, view.slots, n, ready[t, n])
        finish = start + view.hold[t, v, n]
        append(lanes, view.slots, n, start, finish)
        state.node[t], state.variant[t], state.start[t], state.finish[t] = n, v, start, finish
        memo[STALE] = n
        for i in range(memo[READY]):
            if queue[i] == t:
                memo[READY] -= 1
                queue[i] = queue[memo[READY]]
                break
        for i in range(view.out_ptr[t], view.out_ptr[t + 1]):
            dst = view.out_dst[i]
            state.waiting[dst] -= 1
            if state.waiting[dst] == 0:
                queue[memo[READY]] = dst
                memo[READY] += 1
        t, v, n = -1, -1, -1
        state.choice[CHOICE_T], state.choice[CHOICE_N] = t, n


@dataclass(frozen=True)
class Bil(Planner):
    """The ready task whose best imaginary makespan is worst, where it is best."""

    version: ClassVar[int] = 1

    def plan(self, problem: Problem) -> Plan:
        """Plan one average request."""
        view = view_of(problem)
        level = imaginary_levels(view)
        shape = view.fastest.shape
        ready, bim = np.empty(shape), np.empty(shape)
        order = np.empty(shape, dtype=np.int64)
        processors = int(view.slots.sum())

        def core(state: State, lanes: Lanes) -> int:
            code: int = _bil_schedule(view, lanes, state, level, ready, bim, order, processors)
            return code

        def begin(state: State) -> Lanes:
            entries = np.flatnonzero(state.waiting == 0)
            state.queue[: len(entries)] = entries
            state.memo[READY], state.memo[STALE] = len(entries), -1
            order[:, 0] = -1
            return new_lanes(view, insertion=False)

        return run_planner(problem, begin, core)
