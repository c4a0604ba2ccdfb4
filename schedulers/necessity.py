"""What a run cannot do without: which tasks are mandatory, and when each could finish at best.

The arguments are in `schedulers.bounds`, which turns this into bounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schedulers.compiled import entry, helper
from simulator.arrays import BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    from simulator.problem import Problem
    from simulator.realisation import Realisation

RUNS, SKIPPED, UNSURE = range(3)


class Graph(NamedTuple):
    """The graph and the branches of one run; letters as in `simulator.arrays`.

    Parameters
    ----------
    in_ptr, in_edge : all edges entering each task, in edge order
    edge_src, edge_lag : (E,) int arrays
    conditional : (E,) bool array
    taken : (R, E) bool array, or (0, 0) when every edge is taken
    need : (T,) int array, 0 means all; deadline : (T,) float array, +inf if none
    is_exit : (T,) bool array
    topological : (T,) int array
    task_stream : (T,) int array
    stream, number : (R,) int arrays, stream of a request and its number within it
    """

    in_ptr: IntArray
    in_edge: IntArray
    edge_src: IntArray
    edge_lag: IntArray
    conditional: BoolArray
    taken: BoolArray
    need: IntArray
    deadline: FloatArray
    is_exit: BoolArray
    topological: IntArray
    task_stream: IntArray
    stream: IntArray
    number: IntArray


@dataclass(frozen=True, eq=False)
class Necessity:
    """Least times and mandatory work of one run.

    Parameters
    ----------
    arrival : (R,) float array, seconds; 0 in closed loops, where arrivals depend on completions
    complete, latency : (R,) float arrays, earliest completion, and since arrival
    mandatory : (R, T) bool array, tasks without which the request cannot complete
    seconds : (R, T) float array, least hold of each task
    quorum_seconds : (R,) float array, least hold of the producers that quorums need besides
    """

    arrival: FloatArray
    complete: FloatArray
    latency: FloatArray
    mandatory: BoolArray
    seconds: FloatArray
    quorum_seconds: FloatArray
    problem: Problem
    luck: Realisation

    def least(self, price: FloatArray) -> FloatArray:
        """(R, T) least of hold x price over the places of each task; price (N,), >= 0."""
        return least_cost(self.problem, self.luck, price)


@entry
def _fill_least(
    work: FloatArray,
    dispatch: FloatArray,
    quickest: FloatArray,
    price: FloatArray,
    factor: FloatArray,
    out: FloatArray,
) -> None:
    """``out[r, t] = min over (v, n) of (dispatch + work x factor) x quickest x price``."""
    for r in range(out.shape[0]):
        for t in range(out.shape[1]):
            scale = 1.0 if factor.shape[0] == 0 else factor[r, t]
            best = np.inf
            for v in range(work.shape[1]):
                for n in range(work.shape[2]):
                    value = (dispatch[n] + work[t, v, n] * scale) * quickest[n] * price[n]
                    if value < best:  # NaN, where the variant may not run, is not
                        best = value
            out[r, t] = best


def least_cost(problem: Problem, luck: Realisation, price: FloatArray) -> FloatArray:
    """(R, T) least of hold x price over all admissible variants and nodes."""
    arrays = problem.arrays
    rows = len(luck.arrival) if luck.task_factor.size else 1
    out = np.empty((rows, arrays.n_tasks))
    _fill_least(
        arrays.seconds, arrays.dispatch_s, _quickest(problem, luck), np.array(price),
        luck.task_factor, out,
    )  # fmt: skip
    return np.broadcast_to(out, (len(luck.arrival), arrays.n_tasks))


def _quickest(problem: Problem, luck: Realisation) -> FloatArray:
    """(N,) smallest factor by which co-running and slow-downs may stretch work on a node."""
    arrays = problem.arrays
    out = np.ones(arrays.n_nodes)
    for n, c in enumerate(arrays.slots):
        known = arrays.corun[n, :c]
        out[n] = min(float(known.min()), 1.0 if c > len(known) else np.inf)
    for n, factor in zip(luck.slow_node, luck.slow_factor, strict=True):
        out[n] *= min(float(factor), 1.0)
    return out


@helper
def _count_inputs(
    graph: Graph, r: int, t: int, fate: NDArray[np.int8], chosen: IntArray
) -> tuple[int, int, int]:
    """(live, unsure, all) inputs of a task; `chosen` receives the producers of the live ones."""
    live, unsure, total = 0, 0, 0
    for i in range(graph.in_ptr[t], graph.in_ptr[t + 1]):
        e = graph.in_edge[i]
        if graph.edge_lag[e] > 0:
            if graph.number[r] >= graph.edge_lag[e]:
                unsure += 1
                total += 1
            continue
        total += 1
        src = graph.edge_src[e]
        dropped = graph.conditional[e] and graph.taken.shape[0] > 0 and not graph.taken[r, e]
        if dropped or fate[src] == SKIPPED:
            continue
        if fate[src] == UNSURE:
            unsure += 1
        else:
            chosen[live] = src
            live += 1
    return live, unsure, total


@helper
def _smallest(values: FloatArray, count: int, k: int) -> float:
    """The k-th smallest of the first `count` values (k from 1), which it sorts."""
    for i in range(1, count):
        x = values[i]
        j = i
        while j > 0 and values[j - 1] > x:
            values[j] = values[j - 1]
            j -= 1
        values[j] = x
    return values[k - 1]


@helper
def _awaited(graph: Graph, t: int, live: int, unsure: int, total: int) -> int:
    """How many of the live inputs a join waits for at least, its deadline apart."""
    need = graph.need[t] if graph.need[t] > 0 else total
    return max(min(need, live + unsure) - unsure, 0)


@helper
def _quorum_work(
    t: int,
    live: int,
    awaited: int,
    chosen: IntArray,
    mandatory: BoolArray,
    claimed: BoolArray,
    seconds: FloatArray,
    scratch: FloatArray,
    times: IntArray,
) -> float:
    """Least seconds of the producers a quorum needs besides mandatory and claimed ones.

    Producers are counted once, whatever the number of their edges; all are claimed.
    """
    missing, producers = awaited, 0
    for i in range(live):
        src = chosen[i]
        if mandatory[src] or claimed[src]:
            missing -= 1
            continue
        known = -1
        for j in range(producers):
            if times[2 * j] == src:
                known = j
        if known >= 0:
            times[2 * known + 1] += 1
        else:
            times[2 * producers], times[2 * producers + 1] = src, 1
            producers += 1
    fewest, covered = 0, 0
    while covered < missing:  # the producers with most edges first
        most = 0
        for j in range(producers):
            if times[2 * j + 1] > times[2 * most + 1]:
                most = j
        covered += times[2 * most + 1]
        times[2 * most + 1] = 0
        fewest += 1
    total = 0.0
    if fewest > 0:
        for j in range(producers):
            scratch[j] = seconds[times[2 * j]]
        _smallest(scratch, producers, 1)
        for j in range(fewest):
            total += scratch[j]
        for j in range(producers):
            claimed[times[2 * j]] = True
    return total


@entry
def _fill_needs(
    graph: Graph,
    arrival: FloatArray,
    seconds: FloatArray,
    complete: FloatArray,
    mandatory: BoolArray,
    quorum: FloatArray,
    fate: NDArray[np.int8],
    finish: FloatArray,
    claimed: BoolArray,
    chosen: IntArray,
    times: IntArray,
    scratch: FloatArray,
) -> None:
    """Earliest completions, mandatory tasks and the work of quorums, request by request."""
    n_tasks = graph.topological.shape[0]
    for r in range(arrival.shape[0]):
        complete[r] = arrival[r]
        for k in range(n_tasks):
            t = graph.topological[k]
            if graph.task_stream[t] != graph.stream[r]:
                continue
            live, unsure, total = _count_inputs(graph, r, t, fate, chosen)
            fate[t] = RUNS
            if total > 0 and live == 0:
                fate[t] = UNSURE if unsure > 0 else SKIPPED
                continue
            start = arrival[r]
            awaited = _awaited(graph, t, live, unsure, total)
            if awaited > 0:
                for i in range(live):
                    scratch[i] = finish[chosen[i]]
                last = _smallest(scratch, live, awaited)
                if graph.deadline[t] < np.inf:
                    first = scratch[0] if unsure == 0 else start
                    last = min(last, max(arrival[r] + graph.deadline[t], first))
                start = max(start, last)
            finish[t] = start + seconds[r, t]
            if graph.is_exit[t]:
                mandatory[r, t] = True
                complete[r] = max(complete[r], finish[t])
        for k in range(n_tasks - 1, -1, -1):
            t = graph.topological[k]
            claimed[t] = False
            if graph.task_stream[t] == graph.stream[r] and mandatory[r, t]:
                live, unsure, total = _count_inputs(graph, r, t, fate, chosen)
                awaited = _awaited(graph, t, live, unsure, total)
                sole = live == 1 and unsure == 0
                if awaited == live and (sole or graph.deadline[t] == np.inf):
                    for i in range(live):
                        mandatory[r, chosen[i]] = True
        for k in range(n_tasks - 1, -1, -1):
            t = graph.topological[k]
            if graph.task_stream[t] == graph.stream[r] and mandatory[r, t]:
                live, unsure, total = _count_inputs(graph, r, t, fate, chosen)
                awaited = _awaited(graph, t, live, unsure, total)
                if graph.deadline[t] < np.inf:
                    awaited = min(awaited, 1 if unsure == 0 else 0)
                quorum[r] += _quorum_work(
                    t, live, awaited, chosen, mandatory[r], claimed, seconds[r], scratch, times
                )


def necessity(problem: Problem, luck: Realisation) -> Necessity:
    """Analyse one run."""
    arrays = problem.arrays
    n_requests, n_tasks = len(luck.arrival), arrays.n_tasks
    closed = bool((arrays.clients > 0).any())
    arrival = np.zeros(n_requests) if closed else np.array(luck.arrival)
    seconds = np.ascontiguousarray(least_cost(problem, luck, np.ones(arrays.n_nodes)))
    complete, quorum = np.empty(n_requests), np.zeros(n_requests)
    mandatory = np.zeros((n_requests, n_tasks), dtype=np.bool_)
    widest = int(np.diff(arrays.in_csr[0]).max(initial=0)) + 1
    _fill_needs(
        _graph(problem, luck), arrival, seconds, complete, mandatory, quorum,
        np.zeros(n_tasks, dtype=np.int8), np.empty(n_tasks), np.zeros(n_tasks, dtype=np.bool_),
        np.empty(widest, dtype=np.int64), np.empty(2 * widest, dtype=np.int64), np.empty(widest),
    )  # fmt: skip
    return Necessity(
        arrival, complete, complete - arrival, mandatory, seconds, quorum, problem, luck
    )


def _graph(problem: Problem, luck: Realisation) -> Graph:
    arrays = problem.arrays
    in_ptr, in_edge = arrays.in_csr
    number = np.zeros(len(luck.stream), dtype=np.int64)
    for s in range(arrays.n_streams):
        mine = luck.stream == s
        number[mine] = np.arange(int(mine.sum()))
    return Graph(
        in_ptr, in_edge, arrays.edge_src, arrays.edge_lag, arrays.edge_conditional, luck.taken,
        arrays.join_need, arrays.join_deadline, arrays.is_exit, arrays.topological,
        arrays.task_stream, luck.stream, number,
    )  # fmt: skip
