"""Bytes alive on every node over a run: weights, working sets, inputs and outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulator.arrays import FloatArray, IntArray
from simulator.runlog import FINISHED, LOST

if TYPE_CHECKING:
    from simulator.problem import Problem
    from simulator.trace import Trace


def weights_on(problem: Problem, node: IntArray, variant: IntArray) -> FloatArray:
    """Weights resident on every node, once for each node and sharing group.

    Parameters
    ----------
    node, variant : (T,) int arrays

    Returns
    -------
    (N,) float array, bytes.
    """
    tasks = np.arange(problem.n_tasks)
    key = node * (problem.weights_group.max() + 1) + problem.weights_group[tasks, variant]
    _, first = np.unique(key, return_index=True)
    weights = problem.weights_bytes[tasks, variant][first]
    return np.bincount(node[first], weights=weights, minlength=problem.n_nodes).astype(np.float64)


def peak_bytes(trace: Trace) -> FloatArray:
    """Largest number of bytes alive at once on every node.

    Weights are there from the start. To them come the working set of every execution while it
    holds its slot; every message on its producer's node from its sending to its delivery; and
    every message on its consumer's node from its delivery until the consumer ends (to the end of
    the run if it never does). A message that comes too late to be used is dropped at once. Of what
    ends and begins at one instant, the end comes first.

    Returns
    -------
    (N,) float array, bytes.
    """
    nodes, begin, end, size = (
        np.concatenate(part) for part in zip(*_intervals(trace), strict=True)
    )
    keep = (size > 0) & (begin < end)
    nodes, begin, end, size = nodes[keep], begin[keep], end[keep], size[keep]
    record = trace.record
    base = weights_on(trace.problem, record.node, record.variant)
    time = np.concatenate([begin, end])
    change = np.concatenate([size, -size])
    where = np.concatenate([nodes, nodes])
    order = np.lexsort((change > 0, time, where))
    where, change = where[order], change[order]
    peak = base.copy()
    bounds = np.searchsorted(where, np.arange(len(base) + 1))
    for n in range(len(base)):
        level = np.cumsum(change[bounds[n] : bounds[n + 1]])
        if len(level):
            peak[n] = base[n] + max(float(level.max()), 0.0)
    return peak


def _intervals(trace: Trace) -> list[tuple[IntArray, FloatArray, FloatArray, FloatArray]]:
    """(node, begin, end, bytes) of everything that lives for a while."""
    record, log, arrays = trace.record, trace.log, trace.record.arrays
    x = record.executions
    working = trace.problem.working_bytes[x.task, record.variant[x.task]]
    out = [(x.node, x.start, x.end, working)]
    request, edge = np.nonzero(record.sent)
    if len(request) == 0:
        return out
    size, sent = record.size_bytes[request, edge], record.sent_at[request, edge]
    there = log.delivered[request, edge]
    over = log.idle_at
    there = np.where(np.isnan(there), over, there)
    src, dst = arrays.edge_src[edge], arrays.edge_dst[edge]
    out.append((record.node[src], sent, there, size))
    consumer = record.consumer[request, edge]
    state = log.state[consumer, dst]
    until = np.where(state == FINISHED, log.finish[consumer, dst], there)
    until = np.where(state == LOST, over, until)
    late = (log.used[request, edge] != 1) & ~np.isnan(log.ready[consumer, dst])
    out.append((record.node[dst], there, np.where(late, there, until), size))
    return out
