"""m-SCT: small communication times; nodes wait for the favourite child of what they ran last.

Papers: B. Jeon et al., "Baechi: fast device placement of machine learning graphs", ACM SoCC 2020,
doi:10.1145/3419111.3421302; after C. Hanen, A. Munier, "An approximation algorithm for scheduling
dependent tasks on m processors with small communication delays", ETFA 1995.

A linear program with as many processors as one likes says which child, if any, each task should
share its node with: it minimises the makespan over starts s and shares x of [0, 1],
``s[i] + p[i] + c[i, j] * x[i, j] <= s[j]``, where all but one of the edges that leave a task, and
all but one of those that enter it, must be paid: their x sum to one less than their number at
least. An edge with x below `threshold` makes a favourite child. Then, as in ETF, the pair of ready
task and node with the earliest start goes first; but a node is awake while the favourite child of
its last task is ready and could start nowhere earlier, and gives way to another task only once
that one's inputs could be used everywhere.

What we changed, and why: p and c are means over the nodes, since the paper has equal ones; edges
with x of exactly one half are dropped where the paper's program lets the last one win, so no task
has two favourites or is the favourite of two. Ties go to the highest static level, earlier finish,
lower task, lower node. Memory, groups, variants and slots as in the other list schedulers; on a
node with several slots the last task is the one placed last.

Cost: one sparse linear program of E + T + 1 variables (HiGHS), then O(E N + T R N V) time for at
most R ready tasks; O(T N) memory. The program takes nearly all of the time.

Does badly: on unequal nodes, as ETF; where messages take longer than tasks, for which its guarantee
does not hold; above some thousands of edges, because of the linear program.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from schedulers.compiled import entry
from schedulers.planner import Planner
from schedulers.planning import ASK, CHOICE_N, CHOICE_T, CHOICE_V, DONE, STUCK, State, run_planner
from schedulers.ranks import mean_costs, ranks_of, static_levels
from schedulers.timeline import Lanes, Plan, append, append_start, new_lanes
from schedulers.view import View, inputs_ready, view_of
from simulator.arrays import FloatArray, IntArray

if TYPE_CHECKING:
    from simulator.problem import Problem


@entry
def _waiting_schedule(
    view: View,
    lanes: Lanes,
    state: State,
    favourite: IntArray,
    level: FloatArray,
    ready: FloatArray,
    latest: IntArray,
    expected: IntArray,
) -> int:
    """Place tasks until all are (`DONE`), one fits nowhere (`STUCK`), or a choice is to be judged.

    `state.memo[0]` counts the ready tasks in the queue. Scratch: `ready` (T, N) arrivals of inputs,
    `latest` (N,) task placed last on each node, `expected` (N,) the child that a node waits for.
    """
    n_variants, n_nodes = view.hold.shape[1], view.hold.shape[2]
    memo, queue = state.memo, state.queue
    t, v, n = state.choice[CHOICE_T], state.choice[CHOICE_V], state.choice[CHOICE_N]
    while True:
        if n < 0:
            if memo[0] == 0:
                return DONE
            for a in range(n_nodes):
                expected[a] = -1
                child = -1 if latest[a] < 0 else favourite[latest[a]]
                if child < 0 or state.waiting[child] > 0 or state.node[child] >= 0:
                    continue
                here, elsewhere = np.inf, np.inf
                for m in range(n_nodes):
                    for w in range(n_variants):
                        if state.fit[child, w, m]:
                            start = append_start(lanes, view.slots, m, ready[child, m])
                            if m == a:
                                here = start
                            else:
                                elsewhere = min(elsewhere, start)
                            break
                if here < np.inf and here <= elsewhere:
                    expected[a] = child
            t = -1
            best, best_finish = 0.0, 0.0
            for i in range(memo[0]):
                u = queue[i]
                everywhere = 0.0
                for m in range(n_nodes):
                    if view.fastest[u, m] < np.inf:
                        everywhere = max(everywhere, ready[u, m])
                anywhere = False
                for m in range(n_nodes):
                    for w in range(n_variants):
                        if not state.fit[u, w, m]:
                            continue
                        anywhere = True
                        start = append_start(lanes, view.slots, m, ready[u, m])
                        if expected[m] >= 0 and expected[m] != u:
                            start = max(start, everywhere)
                        finish = start + view.hold[u, w, m]
                        better = t < 0 or start < best
                        if not better and start == best:
                            # A node that is waited for goes to the child before anyone else.
                            mine, its = expected[m] == u, expected[n] == t
                            better = mine and not its
                            if mine == its:
                                better = level[u] > level[t]
                                if level[u] == level[t]:
                                    better = finish < best_finish or (
                                        finish == best_finish and u < t
                                    )
                        if better:
                            t, v, n, best, best_finish = u, w, m, start, finish
                if not anywhere:
                    return STUCK
            state.choice[CHOICE_T], state.choice[CHOICE_V], state.choice[CHOICE_N] = t, v, n
            if state.judged[0]:
                return ASK
        start = append_start(lanes, view.slots, n, ready[t, n])
        finish = start + view.hold[t, v, n]
        append(lanes, view.slots, n, start, finish)
        state.node[t], state.variant[t], state.start[t], state.finish[t] = n, v, start, finish
        latest[n] = t
        for i in range(memo[0]):
            if queue[i] == t:
                memo[0] -= 1
                queue[i] = queue[memo[0]]
                break
        for i in range(view.out_ptr[t], view.out_ptr[t + 1]):
            dst = view.out_dst[i]
            state.waiting[dst] -= 1
            if state.waiting[dst] == 0:
                inputs_ready(view, dst, state.node, state.variant, state.finish, ready[dst])
                queue[memo[0]] = dst
                memo[0] += 1
        n = -1
        state.choice[CHOICE_N] = -1


def favourite_children(view: View, threshold: float = 0.5) -> IntArray:
    """(T,) the child that each task should share its node with, -1 for none.

    Parameters
    ----------
    threshold : float, of (0, 0.5]
        Edges whose share in the linear program is below it make favourites.
    """
    from scipy.optimize import linprog
    from scipy.sparse import coo_array, vstack

    n_tasks, n_edges = view.n_tasks, len(view.out_edge)
    favourite = np.full(n_tasks, -1, dtype=np.int64)
    if n_edges == 0:
        return favourite
    ranks = ranks_of(view)
    src, dst = np.repeat(np.arange(n_tasks), np.diff(view.out_ptr)), view.out_dst
    scale = float(ranks.up.max())
    if not scale > 0.0:
        return favourite
    p, c = ranks.task / scale, ranks.edge[view.out_edge] / scale
    edge, one = np.arange(n_edges), np.ones(n_edges)
    width, last = n_edges + n_tasks + 1, n_edges + n_tasks
    # Columns: shares of the edges, starts of the tasks, makespan. Rows: precedence, makespan, and
    # at most one unpaid edge that leaves and one that enters each task.
    order = coo_array(
        (np.concatenate([c, one, -one]),
         (np.tile(edge, 3), np.concatenate([edge, n_edges + src, n_edges + dst]))),
        shape=(n_edges, width),
    )  # fmt: skip
    task = np.arange(n_tasks)
    ends = coo_array(
        (np.repeat([1.0, -1.0], n_tasks),
         (np.tile(task, 2), np.concatenate([n_edges + task, np.full(n_tasks, last)]))),
        shape=(n_tasks, width),
    )  # fmt: skip
    paid = [coo_array((-one, (end, edge)), shape=(n_tasks, width)) for end in (src, dst)]
    counts = [1.0 - np.bincount(end, minlength=n_tasks) for end in (src, dst)]
    rows = vstack([order, ends, *paid]).tocsr()
    upper = np.concatenate([-p[src], -p, *(np.minimum(count, 0.0) for count in counts)])
    cost = np.zeros(width)
    cost[last] = 1.0
    bounds = np.zeros((width, 2))
    bounds[:n_edges, 1], bounds[n_edges:, 1] = 1.0, np.inf
    solve: Any = linprog  # its annotations leave out sparse matrices
    found = solve(cost, A_ub=rows, b_ub=upper, bounds=bounds, method="highs-ds")
    if found.x is not None:
        # Solved to about 1e-7: what is not clearly below one half is not below it.
        chosen = np.flatnonzero(found.x[:n_edges] < threshold - 1e-6)
        favourite[src[chosen]] = dst[chosen]
    return favourite


@dataclass(frozen=True)
class MSct(Planner):
    """ETF in which nodes wait for favourite children.

    Parameters
    ----------
    threshold : float
        Edges whose share in the linear program is below it make favourites; of (0, 0.5].

    Raises
    ------
    InvalidSpec
        `threshold` is outside (0, 0.5].
    """

    version: ClassVar[int] = 1
    threshold: float = 0.5

    def __post_init__(self) -> None:
        from schedulers.registry import InvalidSpec

        if not 0.0 < self.threshold <= 0.5:
            raise InvalidSpec(f"m_sct: threshold must be > 0 and <= 0.5, got {self.threshold!r}")

    def plan(self, problem: Problem) -> Plan:
        """Plan one average request."""
        view = view_of(problem)
        favourite = favourite_children(view, self.threshold)
        level = static_levels(view, mean_costs(view))
        ready = np.zeros((view.n_tasks, view.n_nodes))
        nodes = np.empty((2, view.n_nodes), dtype=np.int64)

        def core(state: State, lanes: Lanes) -> int:
            code: int = _waiting_schedule(
                view, lanes, state, favourite, level, ready, nodes[0], nodes[1]
            )
            return code

        def begin(state: State) -> Lanes:
            entries = np.flatnonzero(state.waiting == 0)
            state.queue[: len(entries)] = entries
            state.memo[0] = len(entries)
            nodes[:] = -1
            return new_lanes(view, insertion=False)

        return run_planner(problem, begin, core)
