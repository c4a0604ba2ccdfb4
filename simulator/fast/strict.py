"""`ideal`, strict, static: the whole run in one pass over tasks, without events.

Every node works its tasks off in the order (request, priority, task), so a start is the latest of
three times known beforehand: the inputs' arrival, the previous start on the node, and the earliest
free slot. Requests are worked through one after the other, each in an order that respects edges and
node sequences.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from simulator.arrays import FloatArray, IntArray
from simulator.fast.compiled import Index, entry, helper, small
from simulator.fast.messages import complete, hold_of, message_bytes, usable_time
from simulator.fast.order import (
    is_legal,
    is_topological,
    load,
    merge_orders,
    sort_by_priority,
    split_by_stream,
)
from simulator.fast.plan import IndexArray, StaticPlan
from simulator.threads import private_array

ONE = np.uint64(1)


class StrictWork(NamedTuple):
    """Room for the strict pass; candidates follow each other in it.

    An instant is worked through in rounds. A task that holds its slot for no time at all frees it
    one round after its start, and another task that starts in the same round needs another slot.
    So where nodes have several slots, moments are pairs of a time and a round.

    Parameters
    ----------
    log : bool, whether the record is kept: a row for every request, slots and deliveries
    node, variant, order : (T,) index arrays
    scratch : (3 T + N + S,) index array
    rows : (R,) index array
        Row of a request in the next five arrays, each (rows * T,). Without a record requests share
        rows when those between them in their stream are at least ``plan.depth - 1``.
    ready, start, finish : float arrays; slot, finish_round : int arrays
    delivered : (R * E,) float array, empty without a record
    slot_ptr : (N + 1,) index array; free : float array; free_round : int array
        When slot k of node n, at ``slot_ptr[n] + k``, is free again.
    last : (N,) float array; last_round : (N,) int array, the latest start on a node
    """

    log: bool
    node: IndexArray
    variant: IndexArray
    order: IndexArray
    scratch: IndexArray
    rows: IndexArray
    ready: FloatArray
    start: FloatArray
    finish: FloatArray
    slot: IntArray
    finish_round: IntArray
    delivered: FloatArray
    slot_ptr: IndexArray
    free: FloatArray
    free_round: IntArray
    last: FloatArray
    last_round: IntArray


def strict_work(plan: StaticPlan, log: bool = False) -> StrictWork:
    """Allocate the room for one thread, or for one run that keeps its record."""
    n_tasks, n_nodes, n_requests = int(plan.n_tasks), int(plan.n_nodes), int(plan.n_requests)
    n_rows = n_requests if log else plan.depth
    rows = np.arange(n_requests) if log else plan.requests[:, 1] % plan.depth
    cells = n_rows * n_tasks
    slot_ptr = np.concatenate([[0], np.cumsum(plan.slots, dtype=np.int64)])
    fill = np.nan if log else 0.0
    return StrictWork(
        log=log,
        node=private_array(n_tasks, np.uint32),
        variant=private_array(n_tasks, np.uint32),
        order=private_array(n_tasks, np.uint32),
        scratch=private_array(3 * n_tasks + n_nodes + int(plan.n_streams), np.uint32),
        rows=rows.astype(np.uint32),
        ready=private_array(cells, fill=fill),
        start=private_array(cells, fill=fill),
        finish=private_array(cells, fill=fill),
        slot=private_array(cells, np.int64, -1),
        finish_round=private_array(cells if plan.many_slots else 0, np.int64),
        delivered=private_array(n_requests * int(plan.n_edges) if log else 0, fill=np.nan),
        slot_ptr=slot_ptr.astype(np.uint32),
        free=private_array(slot_ptr[-1]),
        free_round=private_array(slot_ptr[-1], np.int64),
        last=private_array(n_nodes),
        last_round=private_array(n_nodes, np.int64),
    )


@helper
def plain_request(
    plan: StaticPlan,
    order: IndexArray,
    first: Index,
    last: Index,
    arrival: float,
    node: IndexArray,
    variant: IndexArray,
    start: FloatArray,
    finish: FloatArray,
    free: FloatArray,
) -> None:
    """Run one request of a plain plan.

    Parameters
    ----------
    plan : StaticPlan
    order : index array, respecting edges and node sequences, of which [first, last) is run
    arrival : float
    node, variant : (T,) index arrays
    start, finish : (T,) float arrays, written
    free : (N,) float array, when each node becomes free; updated
    """
    for i in range(first, last):
        t = order[i]
        n = node[t]
        at = arrival
        for j in range(plan.in_ptr[t], plan.in_ptr[t + ONE]):
            src = plan.ins[j, 0]
            pair = node[src] * plan.n_nodes + n
            size = plan.in_bytes[j * plan.n_variants + variant[src]]
            at = max(at, finish[src] + (plan.pairs[pair, 0] + size / plan.pairs[pair, 1]))
        begin = max(at, free[n])
        end = begin + plan.seconds[(t * plan.n_variants + variant[t]) * plan.n_nodes + n]
        start[t] = begin
        finish[t] = end
        free[n] = end


@helper
def full_request(plan: StaticPlan, work: StrictWork, request: Index) -> None:
    """Run one request with lags, factors, overheads, size tables and any number of slots."""
    node, variant, finish = work.node, work.variant, work.finish
    s = plan.requests[request, 0]
    row = work.rows[request] * plan.n_tasks
    for i in range(plan.task_ptr[s], plan.task_ptr[s + ONE]):
        t = work.order[i]
        n = node[t]
        at: Any = plan.arrival[request]
        turn: Any = 0
        for j in range(plan.in_ptr[t], plan.in_ptr[t + ONE]):
            src, lag, edge = plan.ins[j, 0], plan.ins[j, 1], plan.ins[j, 2]
            p = request
            if plan.has_lags and lag > 0:
                if lag > plan.requests[request, 1]:
                    continue
                place = plan.stream_ptr[s] + plan.requests[request, 1] - lag
                p = np.uint64(plan.stream_requests[place])
            cell = work.rows[p] * plan.n_tasks + src
            size = message_bytes(plan, p, edge, variant[src])
            usable = usable_time(plan, finish[cell], node[src] * plan.n_nodes + n, size)
            if work.log:
                work.delivered[p * plan.n_edges + edge] = usable
            if plan.many_slots and usable >= at:
                # Only a message that takes no time passes the round of its producer's end on.
                after = work.finish_round[cell] if usable == finish[cell] else 0
                turn = max(turn, after) if usable == at else after
            at = max(at, usable)
        work.ready[row + t] = at
        hold = hold_of(plan, request, t, node, variant)
        if plan.many_slots:
            _take_slot(work, n, row + t, at, turn, hold)
        else:
            begin = max(at, work.free[n])
            work.start[row + t] = begin
            finish[row + t] = begin + hold
            work.free[n] = begin + hold
            work.slot[row + t] = 0


@helper
def _take_slot(work: StrictWork, n: Index, cell: Index, at: Any, turn: Any, hold: float) -> None:
    """Start a task once it is ready, the task before it has started and a slot is free."""
    free, free_round = work.free, work.free_round
    low, high = work.slot_ptr[n], work.slot_ptr[n + ONE]
    best: Index = np.uint64(low)
    for i in range(low + ONE, high):
        if _earlier(free[i], free_round[i], free[best], free_round[best]):
            best = i
    if _earlier(at, turn, work.last[n], work.last_round[n]):
        at, turn = work.last[n], work.last_round[n]
    if _earlier(at, turn, free[best], free_round[best]):
        at, turn = free[best], free_round[best]
    k: Index = np.uint64(low)
    while _earlier(at, turn, free[k], free_round[k]):
        k += ONE
    end = at + hold
    work.start[cell] = at
    work.finish[cell] = end
    work.slot[cell] = k - low
    work.last[n], work.last_round[n] = at, turn
    free[k] = end
    free_round[k] = turn + 1 if end == at else 0
    work.finish_round[cell] = free_round[k]


@small
def _earlier(a: Any, a_round: Any, b: Any, b_round: Any) -> bool:
    return a < b or (a == b and a_round < b_round)


@helper
def find_order(plan: StaticPlan, work: StrictWork, priority: IntArray) -> bool:
    """Order the tasks of the candidate in `work`; False if it cannot run."""
    order = work.order
    sort_by_priority(priority, order, work.scratch)
    if plan.n_streams > ONE:
        split_by_stream(plan.task_ptr, plan.task_stream, order, work.scratch)
    runs = plan.all_legal or is_legal(plan, work.node, work.variant)
    if runs and not is_topological(plan.now, order, work.scratch):
        runs = merge_orders(plan, work.node, order, work.scratch)
    return runs


@helper
def run_strict(plan: StaticPlan, work: StrictWork, completed: FloatArray, busy: FloatArray) -> None:
    """Run the candidate in ``work.node``, ``work.variant`` and ``work.order`` to its end.

    For compiled searches, which change these in place between runs. The order must respect the
    edges and every node's sequence, stream by stream.

    Parameters
    ----------
    plan : StaticPlan
    work : StrictWork, overwritten
    completed : (R,) float array, written
    busy : (N,) float array, increased by the slot-seconds of every node
    """
    work.free[:] = -np.inf
    work.free_round[:] = 0
    work.last[:] = -np.inf
    work.last_round[:] = 0
    for r in range(plan.n_requests):
        s = plan.requests[r, 0]
        first, last = plan.task_ptr[s], plan.task_ptr[s + ONE]
        if plan.plain and not work.log:
            plain_request(plan, work.order, first, last, plan.arrival[r], work.node, work.variant,
                          work.start, work.finish, work.free)  # fmt: skip
        else:
            full_request(plan, work, r)
        row = work.rows[r] * plan.n_tasks
        completed[r] = complete(plan, r, row, work.node, work.start, work.finish, busy)


@entry
def strict_batch(
    plan: StaticPlan,
    work: StrictWork,
    node: IntArray,
    variant: IntArray,
    priority: IntArray,
    completed: FloatArray,
    busy: FloatArray,
) -> int:
    """Run candidates one after the other.

    Parameters
    ----------
    plan : StaticPlan
    work : StrictWork, overwritten; afterwards it holds the last candidate's run
    node, variant, priority : (B, T) int arrays
    completed : (B, R) float array, written; NaN throughout for a candidate that cannot run
    busy : (B, N) float array, written; slot-seconds, 0 for a candidate that cannot run

    Returns
    -------
    int
        B; or the first candidate with a node or variant that does not exist, where the work ends.
    """
    for b in range(node.shape[0]):
        inside = load(plan, node[b], plan.n_nodes, work.node)
        inside &= load(plan, variant[b], plan.n_variants, work.variant)
        if not inside:
            return b
        busy[b, :] = 0.0
        if find_order(plan, work, priority[b]):
            run_strict(plan, work, completed[b], busy[b])
        else:
            completed[b, :] = np.nan
    return len(node)
