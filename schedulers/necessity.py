"""What a run cannot do without: which tasks are mandatory, and when each could finish at best.

The arguments are in `schedulers.bounds`, which turns this into bounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schedulers.cheapest import least_cost
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
    ready : (R, T) float array, seconds before which a task cannot have its inputs, arrival included
    runs : (R, T) bool array, tasks that are surely not skipped
    awaits : (R, T) bool array, tasks that wait for every input that comes, however late
    """

    arrival: FloatArray
    complete: FloatArray
    latency: FloatArray
    mandatory: BoolArray
    seconds: FloatArray
    quorum_seconds: FloatArray
    ready: FloatArray
    runs: BoolArray
    awaits: BoolArray
    problem: Problem
    luck: Realisation

    def least(self, price: FloatArray) -> FloatArray:
        """(R, T) least of hold x price over the places of each task; price (N,), >= 0."""
        return least_cost(self.problem, self.luck, price)


@helper
def _count_inputs(
    graph: Graph, r: int, t: int, fate: NDArray[np.int8], live_src: IntArray, dead_src: IntArray
) -> tuple[int, int, int]:
    """(live, dead, unsure) inputs of a task; the arrays receive the producers of the first two."""
    live, dead, unsure = 0, 0, 0
    for i in range(graph.in_ptr[t], graph.in_ptr[t + 1]):
        e = graph.in_edge[i]
        if graph.edge_lag[e] > 0:
            unsure += graph.number[r] >= graph.edge_lag[e]
            continue
        src = graph.edge_src[e]
        dropped = graph.conditional[e] and graph.taken.shape[0] > 0 and not graph.taken[r, e]
        if dropped or fate[src] == SKIPPED:
            dead_src[dead] = src
            dead += 1
        elif fate[src] == UNSURE:
            unsure += 1
        else:
            live_src[live] = src
            live += 1
    return live, dead, unsure


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
def _awaited(graph: Graph, t: int, live: int, dead: int, unsure: int) -> int:
    """How many of the live inputs a join waits for at least, its deadline apart.

    -1: all of them, and until all dead ones are known to be dead.
    """
    need = graph.need[t] if graph.need[t] > 0 else live + dead + unsure
    return -1 if need > live + unsure else max(need - unsure, 0)


@helper
def _quorum_work(
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


@helper
def _inputs_there(
    graph: Graph,
    t: int,
    arrival: float,
    counts: tuple[int, int, int],
    finish: FloatArray,
    live_src: IntArray,
    dead_src: IntArray,
    scratch: FloatArray,
) -> float:
    """When a task could be ready, or known to be skipped, at best."""
    live, dead, unsure = counts
    awaited = _awaited(graph, t, live, dead, unsure)
    for i in range(live):
        scratch[i] = finish[live_src[i]]
    last = arrival
    if awaited > 0:
        last = _smallest(scratch, live, awaited)
    elif awaited < 0:
        for i in range(live):
            last = max(last, scratch[i])
        for i in range(dead):
            last = max(last, finish[dead_src[i]])
    if live > 0 and graph.deadline[t] < np.inf:
        first = _smallest(scratch, live, 1) if unsure == 0 else arrival
        last = min(last, max(arrival + graph.deadline[t], first))
    return max(last, arrival)


@entry
def _fill_needs(
    graph: Graph,
    arrival: FloatArray,
    seconds: FloatArray,
    complete: FloatArray,
    mandatory: BoolArray,
    quorum: FloatArray,
    ready: FloatArray,
    runs: BoolArray,
    awaits: BoolArray,
    fate: NDArray[np.int8],
    finish: FloatArray,
    claimed: BoolArray,
    integers: tuple[IntArray, IntArray, IntArray],
    scratch: FloatArray,
) -> None:
    """Earliest completions, mandatory tasks and the work of quorums, request by request."""
    n_tasks = graph.topological.shape[0]
    live_src, dead_src, times = integers
    for r in range(arrival.shape[0]):
        complete[r] = arrival[r]
        for k in range(n_tasks):
            t = graph.topological[k]
            if graph.task_stream[t] != graph.stream[r]:
                continue
            counts = _count_inputs(graph, r, t, fate, live_src, dead_src)
            live, dead, unsure = counts
            fate[t] = RUNS
            if live == 0 and dead + unsure > 0:
                fate[t] = UNSURE if unsure > 0 else SKIPPED
                if unsure > 0:
                    finish[t] = arrival[r]
                    continue
            there = _inputs_there(graph, t, arrival[r], counts, finish, live_src, dead_src, scratch)
            finish[t] = there + seconds[r, t] if fate[t] == RUNS else there
            awaited = _awaited(graph, t, live, dead, unsure)
            ready[r, t] = there
            runs[r, t] = fate[t] == RUNS
            awaits[r, t] = (awaited < 0 or awaited == live) and graph.deadline[t] == np.inf
            if graph.is_exit[t]:
                mandatory[r, t] = True
                complete[r] = max(complete[r], finish[t])
        for k in range(n_tasks - 1, -1, -1):
            t = graph.topological[k]
            claimed[t] = False
            mine = graph.task_stream[t] == graph.stream[r]
            if mine and mandatory[r, t] and fate[t] != UNSURE:
                live, dead, unsure = _count_inputs(graph, r, t, fate, live_src, dead_src)
                awaited = _awaited(graph, t, live, dead, unsure)
                patient = graph.deadline[t] == np.inf or live == 0
                if awaited < 0 and patient:
                    for i in range(dead):
                        mandatory[r, dead_src[i]] = True
                if (awaited < 0 or awaited == live) and (patient or (live == 1 and unsure == 0)):
                    for i in range(live):
                        mandatory[r, live_src[i]] = True
        for k in range(n_tasks - 1, -1, -1):
            t = graph.topological[k]
            if graph.task_stream[t] != graph.stream[r] or not mandatory[r, t]:
                continue
            if fate[t] != RUNS:
                mandatory[r, t] = False
                continue
            live, dead, unsure = _count_inputs(graph, r, t, fate, live_src, dead_src)
            awaited = _awaited(graph, t, live, dead, unsure)
            awaited = live if awaited < 0 else awaited
            if graph.deadline[t] < np.inf:
                awaited = min(awaited, 1 if unsure == 0 else 0)
            quorum[r] += _quorum_work(
                live, awaited, live_src, mandatory[r], claimed, seconds[r], scratch, times
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
    ready = np.array(np.broadcast_to(arrival[:, None], mandatory.shape))
    runs, awaits = np.zeros_like(mandatory), np.zeros_like(mandatory)
    widest = int(np.diff(arrays.in_csr[0]).max(initial=0)) + 1
    integers = np.empty(4 * widest, dtype=np.int64)
    _fill_needs(
        _graph(problem, luck), arrival, seconds, complete, mandatory, quorum,
        ready, runs, awaits,
        np.zeros(n_tasks, dtype=np.int8), np.empty(n_tasks), np.zeros(n_tasks, dtype=np.bool_),
        (integers[:widest], integers[widest : 2 * widest], integers[2 * widest :]),
        np.empty(widest),
    )  # fmt: skip
    return Necessity(
        arrival,
        complete,
        complete - arrival,
        mandatory,
        seconds,
        quorum,
        ready,
        runs,
        awaits,
        problem,
        luck,
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
