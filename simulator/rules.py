"""What is refused before a run, each in one sentence; and when an allocation is admissible."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from simulator.arrays import EDF, IDEAL, STRICT, Arrays, FloatArray, IntArray
from simulator.errors import InvalidAllocation, InvalidScenario, Unsupported
from simulator.magnitudes import check_magnitudes

if TYPE_CHECKING:
    from simulator.allocation import Allocation
    from simulator.problem import Problem


MOST_CELLS = 200_000_000
"""Executions and messages that one run may record: about 10 GB."""


def check_problem(problem: Problem) -> None:
    """Refuse combinations of rules that have no meaning.

    Raises
    ------
    InvalidScenario, Unsupported
    """
    arrays = problem.arrays
    if not problem.stream_weight.any():
        raise InvalidScenario("the weights of the streams must not all be 0")
    cells = problem.n_requests * (problem.n_tasks + problem.n_edges)
    if cells > MOST_CELLS:
        raise InvalidScenario(
            f"{problem.n_requests:,} requests of {problem.n_tasks} tasks and {problem.n_edges} "
            f"edges are more than one run can hold ({MOST_CELLS:,} executions and messages)"
        )
    if arrays.dispatch == STRICT and arrays.discipline == EDF:
        raise InvalidScenario(
            "dispatch strict does not read a discipline, so it cannot be combined with edf"
        )
    check_magnitudes(problem)
    _check_terms(problem)
    closed = int((arrays.clients > 0).sum())
    if closed and arrays.n_streams > 1:
        raise Unsupported("a closed-loop stream beside other streams is not implemented yet")
    for which, groups in (("place_with", problem.place_with), ("apart", problem.apart)):
        for group in groups:
            if len(group) < 2:
                name = problem.task_names[group[0]] if group else ""
                raise InvalidScenario(f"{which} needs at least two different tasks, got [{name}]")
    for group in problem.apart:
        if len(group) > problem.n_nodes:
            raise InvalidScenario(
                f"{len(group)} tasks must sit apart, but there are only {problem.n_nodes} nodes"
            )
    from simulator.luck import planned_dynamics

    found = planned_dynamics(problem)
    if arrays.network == IDEAL and len(found["degraded_link"]):
        raise InvalidScenario("under the ideal network no link can be degraded or fail")


def _check_terms(problem: Problem) -> None:
    """Refuse to minimise what would always be 0, because no node declares what it is made of."""
    fields = {
        "energy": ("idle_watts", "busy_watts"),
        "cost": ("price_per_hour",),
        "cost_busy": ("price_per_hour",),
    }
    for name, _ in problem.objective.terms:
        needed = fields.get(name, ())
        nodes = problem.cluster.nodes
        if needed and all(getattr(node, field) is None for node in nodes for field in needed):
            raise InvalidScenario(
                f"objective {name}: no node of cluster {problem.cluster.name!r} declares "
                f"{' or '.join(needed)}, so it would always be 0"
            )


def resident_bytes(problem: Problem, node: IntArray, variant: IntArray) -> FloatArray:
    """Memory that an allocation occupies on every node.

    Weights count once for each node and sharing group; to them come the c largest working sets of
    the tasks placed there, c being the number of slots.

    Parameters
    ----------
    node, variant : (T,) int arrays

    Returns
    -------
    (N,) float array, bytes.
    """
    tasks = np.arange(problem.n_tasks)
    weights = problem.weights_bytes[tasks, variant]
    working = problem.working_bytes[tasks, variant]
    group = problem.weights_group[tasks, variant]
    out = np.zeros(problem.n_nodes)
    for n in np.unique(node):
        here = np.flatnonzero(node == n)
        _, first = np.unique(group[here], return_index=True)
        largest = np.sort(working[here])[::-1][: problem.arrays.slots[n]]
        out[n] = weights[here][first].sum() + largest.sum()
    return out


def broken_constraint(problem: Problem, node: IntArray, variant: IntArray) -> str | None:
    """The first constraint that a choice of nodes and variants breaks, in words; None if it fits.

    Parameters
    ----------
    node, variant : (T,) int arrays
    """
    for t in range(problem.n_tasks):
        if not 0 <= node[t] < problem.n_nodes or not 0 <= variant[t] < problem.arrays.n_variants:
            return f"task {problem.task_names[t]!r}: no node {node[t]} or no variant {variant[t]}"
        if not problem.allowed[t, variant[t], node[t]]:
            return (
                f"task {problem.task_names[t]!r} may not run on {problem.node_names[node[t]]!r} "
                f"(variant {variant[t]})"
            )
    for group in problem.place_with:
        if len({int(node[t]) for t in group}) > 1:
            return f"tasks {_names(problem, group)} must share one node"
    for group in problem.apart:
        if len({int(node[t]) for t in group}) < len(group):
            return f"tasks {_names(problem, group)} must sit on different nodes"
    need = resident_bytes(problem, node, variant)
    over = np.flatnonzero(need > problem.memory_bytes)
    if len(over):
        n = int(over[0])
        return (
            f"node {problem.node_names[n]!r} needs {need[n]:.4g} bytes of memory "
            f"and has {problem.memory_bytes[n]:.4g}"
        )
    return None


def _names(problem: Problem, group: Sequence[int]) -> str:
    return ", ".join(repr(problem.task_names[t]) for t in group)


def strict_cycle(arrays: Arrays, node: IntArray, priority: IntArray) -> IntArray | None:
    """Tasks that can never start because node sequences and edges form a cycle.

    Sequences run request by request and lags point to later requests, so a cycle of the unrolled
    graph lies within one request: it is enough to look at lag-0 edges plus consecutive pairs.

    Returns
    -------
    (K,) int array of the tasks in or behind a cycle, or None when the order is executable.
    """
    succ: list[list[int]] = [[] for _ in range(arrays.n_tasks)]
    degree = np.zeros(arrays.n_tasks, dtype=np.int64)

    def link(a: int, b: int) -> None:
        succ[a].append(b)
        degree[b] += 1

    for e in np.flatnonzero(arrays.edge_lag == 0):
        link(int(arrays.edge_src[e]), int(arrays.edge_dst[e]))
    keys = np.lexsort((np.arange(arrays.n_tasks), priority, arrays.task_stream, node))
    for a, b in itertools.pairwise(keys):
        if node[a] == node[b] and arrays.task_stream[a] == arrays.task_stream[b]:
            link(int(a), int(b))
    free = [t for t in range(arrays.n_tasks) if degree[t] == 0]
    heapq.heapify(free)
    done = 0
    while free:
        done += 1
        for nxt in succ[heapq.heappop(free)]:
            degree[nxt] -= 1
            if degree[nxt] == 0:
                heapq.heappush(free, nxt)
    return None if done == arrays.n_tasks else np.flatnonzero(degree > 0)


def check_allocation(
    problem: Problem, allocation: Allocation
) -> tuple[IntArray, IntArray, IntArray]:
    """Refuse an allocation that does not fit its problem.

    Returns
    -------
    (node, variant, priority), each (T,) int64.

    Raises
    ------
    InvalidAllocation, UnknownName, Unsupported
    """
    node, variant, priority = allocation.arrays(problem)
    broken = broken_constraint(problem, node, variant)
    if broken is not None:
        raise InvalidAllocation(broken)
    if problem.arrays.dispatch == STRICT:
        stuck = strict_cycle(problem.arrays, node, priority)
        if stuck is not None:
            raise InvalidAllocation(
                "the strict orders of the nodes form a cycle with the edges, through "
                + _names(problem, [int(t) for t in stuck[:6]])
            )
    return node, variant, priority
