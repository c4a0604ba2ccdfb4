"""What passes share: holds, transfers under `ideal`, and what becomes of a request."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator import costs
from simulator.arrays import FloatArray
from simulator.fast.compiled import Index, helper, part
from simulator.fast.plan import IndexArray, StaticPlan, Tables

ONE = np.uint64(1)

_hold_seconds = helper(costs.hold_seconds)
_send_seconds = helper(costs.send_seconds)
_table_seconds = part(costs.table_seconds)


@helper
def message_bytes(plan: StaticPlan, request: Index, edge: Index, variant: Index) -> float:
    """Realised bytes of a message of `request` whose producer runs `variant`."""
    size = plan.edge_bytes[edge * plan.n_variants + variant]
    if plan.has_edge_factor:
        size = size * plan.edge_factor[request, edge]
    return size


@helper
def usable_time(plan: StaticPlan, sent: float, pair: Index, size: float) -> float:
    """When a message sent at `sent` over the route `pair` can be used.

    On the diagonal latency, bandwidth and wake are 0, inf and 0, and the answer is `sent`.
    """
    x = plan.pairs[pair, 0] + size / plan.pairs[pair, 1]
    if plan.has_tables and size > 0.0:
        x = plan.pairs[pair, 0] + _slowest_link(plan.tables, pair, size)
    return (sent + x) + plan.pairs[pair, 2]


@part
def _slowest_link(tables: Tables, pair: Index, size: float) -> float:
    """Largest service time of the links of a route, size tables included; 0 without a route."""
    worst = 0.0
    for i in range(tables.route_ptr[pair], tables.route_ptr[pair + ONE]):
        link = tables.route_links[i]
        low: Index = np.int64(tables.table_ptr[link])
        high: Index = np.int64(tables.table_ptr[link + ONE])
        if high > low:
            x = _table_seconds(tables.table_bytes, tables.table_s, low, high, size)
        else:
            x = size / tables.bandwidth[link]
        worst = max(worst, x)
    return worst


@helper
def later_request(plan: StaticPlan, request: Index, lag: Index) -> Index:
    """The request that comes `lag` later in the same stream; R where there is none."""
    s = plan.requests[request, 0]
    i = plan.stream_ptr[s] + plan.requests[request, 1] + lag
    if i < plan.stream_ptr[s + ONE]:
        return np.uint64(plan.stream_requests[i])
    return plan.n_requests


@helper
def hold_of(
    plan: StaticPlan, request: Index, task: Index, node: IndexArray, variant: IndexArray
) -> float:
    """Seconds for which a task holds its slot: dispatch, work and sends to other nodes."""
    n, v = node[task], variant[task]
    work = plan.seconds[(task * plan.n_variants + v) * plan.n_nodes + n]
    if plan.has_task_factor:
        work = work * plan.task_factor[request, task]
    sends = 0.0
    if plan.overheads[n, 1] > 0.0 or plan.overheads[n, 2] > 0.0:
        for j in range(plan.out_ptr[task], plan.out_ptr[task + ONE]):
            if node[plan.outs[j, 0]] == n:
                continue
            if later_request(plan, request, plan.outs[j, 1]) < plan.n_requests:
                size = message_bytes(plan, request, plan.outs[j, 2], v)
                sends += _send_seconds(plan.overheads[n, 1], plan.overheads[n, 2], size)
    return _hold_seconds(plan.overheads[n, 0], work, sends)


@helper
def complete(
    plan: StaticPlan,
    request: Index,
    row: Index,
    node: IndexArray,
    start: FloatArray,
    finish: FloatArray,
    busy: FloatArray,
) -> Any:
    """When a request is complete; adds its holds to `busy` (N,), in the order of the tasks.

    The times of task t are at ``row + t``.
    """
    s = plan.requests[request, 0]
    end = plan.arrival[request]
    for i in range(plan.task_ptr[s], plan.task_ptr[s + ONE]):
        t = plan.stream_tasks[i]
        busy[node[t]] += finish[row + t] - start[row + t]
        if plan.is_exit[t]:
            end = max(end, finish[row + t])
    return end
