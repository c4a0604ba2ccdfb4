"""Where the time of executions and messages goes: one hold, one message, cut into named parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from simulator.arrays import FAIR, FIFO_NETWORK, Arrays, FloatArray, IntArray
from simulator.costs import table_seconds

if TYPE_CHECKING:
    from simulator.problem import Problem
    from simulator.record import Record

PARTS: Mapping[str, str] = {
    "compute": "models at work, launches of their operators apart",
    "launch": "launch overhead of the node times the operators of the model",
    "dispatch": "what a node spends to start a task",
    "sending": "what a producer spends to hand remote messages to the network",
    "slow-down": "longer holds because of tasks side by side or planned slow-downs",
    "transfer": "latency and bytes of messages on an idle route",
    "link waits": "messages waiting for links, sharing them, or finding them degraded",
    "wake": "what a node spends to notice a remote message",
    "queueing": "ready, but no slot free; executions lost to an outage included",
    "joins": "waits beyond the last input: deadlines of joins, arrivals, skipped ends",
}
"""Part -> what it is. Together they are the latency of a request."""

HOLD = ("compute", "launch", "dispatch", "sending", "slow-down")
MESSAGE = ("transfer", "link waits", "wake")

ROUNDING = 1e-9
"""What is left of a difference of times below this share of them is rounding, not a wait."""


def launch_seconds(problem: Problem, node: IntArray, variant: IntArray) -> FloatArray:
    """(T,) launch overhead of one execution at nominal size; 0 where a duration was given."""
    out = np.zeros(problem.n_tasks)
    for t, task in enumerate(problem.tasks):
        work = task.variants[int(variant[t])].work
        if work is not None:
            out[t] = problem.cluster.nodes[int(node[t])].launch_overhead_s * work.operators
    return out


def hold_pieces(problem: Problem, record: Record) -> FloatArray:
    """Cut every successful execution into the parts `HOLD`.

    Returns
    -------
    (R, T, 5) float array, seconds that sum to finish - start; NaN where a task did not finish.
    """
    log, arrays = record.log, record.arrays
    whole = log.finish - log.start
    dispatch = np.broadcast_to(arrays.dispatch_s[record.node], whole.shape)
    factor = record.realisation.task_factor
    launch = launch_seconds(problem, record.node, record.variant)[None, :]
    launch = np.broadcast_to(launch * factor if factor.size else launch, whole.shape)
    sending = record.hold_s - dispatch - record.work_s
    sending = np.where(np.abs(sending) > ROUNDING * record.hold_s, sending, 0.0)
    slower = whole - record.hold_s
    slower = np.where(np.abs(slower) > ROUNDING * np.abs(log.finish), slower, 0.0)
    compute = whole - slower - sending - dispatch - launch
    out = np.stack([compute, launch, dispatch, sending, slower], axis=2)
    out[np.isnan(whole)] = np.nan
    return out


def message_pieces(record: Record) -> FloatArray:
    """Cut every remote message into the parts `MESSAGE`.

    Returns
    -------
    (R, E, 3) float array by the producer's request, seconds that sum to delivered - sent; 0 for
    messages within a node, NaN where none was delivered.
    """
    arrays, whole = record.arrays, record.log.delivered - record.sent_at
    idle = np.zeros(whole.shape)
    wake = np.zeros(whole.shape)
    for e in np.flatnonzero(record.remote):
        ends = int(record.node[arrays.edge_src[e]]), int(record.node[arrays.edge_dst[e]])
        idle[:, e] = idle_seconds(arrays, *ends, record.size_bytes[:, e])
        wake[:, e] = arrays.wake_s[ends[1]]
    waited = whole - wake - idle
    limit = ROUNDING * np.maximum(np.abs(record.log.delivered), whole)
    waited = np.where(waited > limit, waited, 0.0)
    out = np.stack([whole - waited - wake, waited, wake], axis=2)
    out[:, ~record.remote] = 0.0
    out[np.isnan(whole)] = np.nan
    return out


def idle_seconds(arrays: Arrays, a: int, b: int, size: FloatArray) -> FloatArray:
    """Seconds of messages of these sizes (R,) from node a to b while nobody else sends."""
    route = arrays.route(a, b)
    latency = float(arrays.route_latency[a, b])
    service = np.stack([link_seconds(arrays, int(link), size) for link in route])
    # Store and forward serves every link in turn; otherwise the narrowest one sets the pace.
    busy = service.sum(axis=0) if arrays.network == FIFO_NETWORK else service.max(axis=0)
    return np.asarray(latency + np.where(size > 0, busy, 0.0))


def link_seconds(arrays: Arrays, link: int, size: FloatArray) -> FloatArray:
    """Seconds for which messages of these sizes (R,) occupy one idle link."""
    low, high = int(arrays.table_ptr[link]), int(arrays.table_ptr[link + 1])
    if high == low:
        return np.asarray(size / arrays.bandwidth[link])
    xs, ys = arrays.table_bytes, arrays.table_s
    return np.array([table_seconds(xs, ys, low, high, float(x)) if x > 0 else 0.0 for x in size])


def is_shared(arrays: Arrays) -> bool:
    """Whether messages get in each other's way at all."""
    return arrays.network in (FIFO_NETWORK, FAIR)
