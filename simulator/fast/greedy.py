"""`ideal`, greedy, static: one event for each start of a task, none for messages or ends.

When a task starts its end is known, hence when its messages can be used, hence when a consumer will
be ready if this was its last input. So a node knows beforehand when it starts its next task: as
soon as a slot is free and one of its known tasks is ready. The earliest of these times over all
nodes is final, because whatever starts then can only make other tasks ready later, or, if it takes
no time at all, in a later round of the same instant. The tasks started in a round therefore
announce their ends only after all nodes have chosen.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from simulator.arrays import FloatArray, IntArray
from simulator.fast.compiled import Index, entry, helper
from simulator.fast.messages import complete, hold_of, later_request, message_bytes, usable_time
from simulator.fast.order import is_legal, load, sort_by_priority
from simulator.fast.plan import IndexArray, StaticPlan
from simulator.fast.queues import (
    BLOCK,
    NO_KEY,
    ONE,
    ZERO,
    Queues,
    WideArray,
    clear,
    least_of,
    least_of_eight,
    make_queues,
    move_ready,
    put,
    take,
)
from simulator.threads import private_array


class GreedyWork(NamedTuple):
    """Room for the greedy pass; candidates follow each other in it.

    Parameters
    ----------
    log : bool, whether the record is kept: slots and deliveries
    node, variant, order : (T,) index arrays
        `order` tells which task the low bits of a key stand for.
    scratch : (T,) index array
    task_key : (T,) int array, the part of the discipline's key that each task contributes
    ready, start, finish : (R * T,) float arrays; missing : (R * T,) index array
    slot : (R * T,) int array, empty without a record
    delivered : (R * E,) float array, empty without a record
    slot_ptr : (N + 1,) index array; free : float array
        When slot k of node n, at ``slot_ptr[n] + k``, is free again; inf while it is held for no
        time at all.
    node_free : (N,) float array, when the first slot of a node is free
    node_wait : (N,) float array, when the first of a node's known tasks is ready
    node_time, block_time : float arrays
        When a node starts its next task, the later of these two; and the least of each eight.
    chosen : (N + 1,) wide array, the nodes whose time has come
    started : (slots, 3) wide array, request, task and slot of what was started in this round
    queues : Queues
    """

    log: bool
    node: IndexArray
    variant: IndexArray
    order: IndexArray
    scratch: IndexArray
    task_key: IntArray
    ready: FloatArray
    start: FloatArray
    finish: FloatArray
    missing: IndexArray
    slot: IntArray
    delivered: FloatArray
    slot_ptr: IndexArray
    free: FloatArray
    node_free: FloatArray
    node_wait: FloatArray
    node_time: FloatArray
    block_time: FloatArray
    chosen: WideArray
    started: WideArray
    queues: Queues


def greedy_work(plan: StaticPlan, log: bool = False) -> GreedyWork:
    """Allocate the room for one thread, or for one run that keeps its record."""
    n_tasks, n_nodes, n_requests = int(plan.n_tasks), int(plan.n_nodes), int(plan.n_requests)
    cells = n_requests * n_tasks
    slot_ptr = np.concatenate([[0], np.cumsum(plan.slots, dtype=np.int64)])
    n_blocks = -(-n_nodes // int(BLOCK))
    fill = np.nan if log else 0.0
    return GreedyWork(
        log=log,
        node=private_array(n_tasks, np.uint32),
        variant=private_array(n_tasks, np.uint32),
        order=private_array(n_tasks, np.uint32),
        scratch=private_array(n_tasks, np.uint32),
        task_key=private_array(n_tasks, np.int64),
        ready=private_array(cells, fill=fill),
        start=private_array(cells, fill=fill),
        finish=private_array(cells, fill=fill),
        missing=private_array(cells, np.uint32),
        slot=private_array(cells if log else 0, np.int64, -1),
        delivered=private_array(n_requests * int(plan.n_edges) if log else 0, fill=np.nan),
        slot_ptr=slot_ptr.astype(np.uint32),
        free=private_array(slot_ptr[-1]),
        node_free=private_array(n_nodes),
        node_wait=private_array(n_nodes),
        node_time=private_array(n_blocks * int(BLOCK)),
        block_time=private_array(n_blocks),
        chosen=private_array(n_nodes + 1, np.uint64),
        started=private_array(3 * slot_ptr[-1], np.uint64).reshape(-1, 3),
        queues=make_queues(plan),
    )


@helper
def rank_tasks(plan: StaticPlan, work: GreedyWork, priority: IntArray) -> None:
    """Write `task_key`, and in `order` what the low bits of a key stand for.

    Under the discipline `priority` two tasks of one priority tie above the request; under the
    others the rank by (priority, task) comes last.
    """
    ranks, order = plan.ranks, work.order
    sort_by_priority(priority, order, work.scratch)
    if ranks.by_priority:
        rank = 0
        for i in range(len(order)):
            t = order[i]
            if i > 0 and priority[t] != priority[order[i - 1]]:
                rank += 1
            above = (np.int64(ranks.class_rank[t]) << ranks.task_bits) | rank
            work.task_key[t] = (above << (ranks.request_bits + ranks.task_bits)) | np.int64(t)
        for i in range(len(order)):
            order[i] = i
    else:
        for i in range(len(order)):
            work.task_key[order[i]] = i


@helper
def reset(plan: StaticPlan, work: GreedyWork) -> None:
    """Nothing has run yet, and every task waits for its inputs and its request."""
    for r in range(plan.n_requests):
        row = r * plan.n_tasks
        s, k = plan.requests[r, 0], plan.requests[r, 1]
        for i in range(plan.task_ptr[s], plan.task_ptr[s + ONE]):
            t = plan.stream_tasks[i]
            work.ready[row + t] = plan.arrival[r]
            missing = plan.in_ptr[t + ONE] - plan.in_ptr[t]
            if plan.has_lags:
                for j in range(plan.in_ptr[t], plan.in_ptr[t + ONE]):
                    missing -= np.uint64(plan.ins[j, 1] > k)
            work.missing[row + t] = missing
    clear(plan, work.queues, work.node)
    work.free[:] = -np.inf
    work.node_free[:] = -np.inf
    work.node_wait[:] = np.inf
    work.node_time[:] = np.inf
    work.block_time[:] = np.inf


@helper
def announce(plan: StaticPlan, work: GreedyWork, r: Index, t: Index, now: float, at: float) -> None:
    """Tell the node of a task when it will be ready."""
    ranks = plan.ranks
    n = np.uint64(work.node[t])
    key: Any = (np.int64(ranks.request_key[r]) << ranks.task_bits) | work.task_key[t]
    put(work.queues, n, now, at, key)
    work.node_wait[n] = min(work.node_wait[n], at)
    time = max(work.node_free[n], work.node_wait[n])
    work.node_time[n] = time
    work.block_time[n // BLOCK] = min(work.block_time[n // BLOCK], time)


@helper
def choose(plan: StaticPlan, work: GreedyWork, n: Index, now: float, n_started: Index) -> Index:
    """Start what a node can start at `now`; returns the number of tasks started in this round."""
    ranks, free = plan.ranks, work.free
    first, last = work.slot_ptr[n], work.slot_ptr[n + ONE]
    move_ready(work.queues, n, now)
    k = np.uint64(first)
    wait: Any = now
    while work.node_free[n] <= now:
        key, wait = take(work.queues, n, now)
        if key == NO_KEY:
            break
        t = np.uint64(work.order[key & ((1 << ranks.task_bits) - 1)])
        r = np.uint64(ranks.request_at[(key >> ranks.task_bits) & ((1 << ranks.request_bits) - 1)])
        while free[k] > now:
            k += ONE
        cell = r * plan.n_tasks + t
        end = now + hold_of(plan, r, t, work.node, work.variant)
        work.start[cell] = now
        work.finish[cell] = end
        if work.log:
            work.slot[cell] = k - first
        free[k] = end if end > now else np.inf
        work.node_free[n] = least_of(free, first, last)
        work.started[n_started, 0] = r
        work.started[n_started, 1] = t
        work.started[n_started, 2] = k
        n_started += ONE
    work.node_wait[n] = wait
    work.node_time[n] = max(work.node_free[n], wait)
    work.block_time[n // BLOCK] = least_of_eight(work.node_time, n // BLOCK * BLOCK)
    return n_started


@helper
def send(plan: StaticPlan, work: GreedyWork, r: Index, t: Index, k: Index, now: float) -> None:
    """Announce the consumers of a started task that need nothing but its messages."""
    n = np.uint64(work.node[t])
    end = work.finish[r * plan.n_tasks + t]
    if end == now:
        work.free[k] = now
        work.node_free[n] = now
        work.node_time[n] = max(now, work.node_wait[n])
        work.block_time[n // BLOCK] = min(work.block_time[n // BLOCK], work.node_time[n])
    for j in range(plan.out_ptr[t], plan.out_ptr[t + ONE]):
        consumer, lag, edge = np.uint64(plan.outs[j, 0]), plan.outs[j, 1], plan.outs[j, 2]
        p = r
        if plan.has_lags and lag > 0:
            p = later_request(plan, r, lag)
            if p == plan.n_requests:
                continue
        size = message_bytes(plan, r, edge, work.variant[t])
        usable = usable_time(plan, end, n * plan.n_nodes + work.node[consumer], size)
        if work.log:
            work.delivered[r * plan.n_edges + edge] = usable
        cell = p * plan.n_tasks + consumer
        at = max(work.ready[cell], usable)
        work.ready[cell] = at
        work.missing[cell] -= np.uint32(1)
        if work.missing[cell] == 0:
            announce(plan, work, p, consumer, now, at)


@helper
def play(plan: StaticPlan, work: GreedyWork) -> None:
    """Go from one start of tasks to the next."""
    block_time, node_time, chosen = work.block_time, work.node_time, work.chosen
    arrived = ZERO
    while True:
        now = block_time[0]
        for i in range(ONE, len(block_time)):
            now = min(now, block_time[i])
        if arrived < plan.n_requests and plan.arrival[arrived] <= now:
            now = plan.arrival[arrived]
            while arrived < plan.n_requests and plan.arrival[arrived] <= now:
                s, k = plan.requests[arrived, 0], plan.requests[arrived, 1]
                for i in range(plan.source_ptr[s], plan.source_ptr[s + ONE]):
                    if plan.sources[i, 1] > k:
                        announce(plan, work, arrived, np.uint64(plan.sources[i, 0]), now, now)
                arrived += ONE
        if now == np.inf:
            break
        n_chosen = ZERO
        for i in range(ZERO, len(block_time)):
            if block_time[i] <= now:
                for n in range(i * BLOCK, i * BLOCK + BLOCK):
                    chosen[n_chosen] = n
                    n_chosen += np.uint64(node_time[n] <= now)
        n_started = ZERO
        for i in range(n_chosen):
            n_started = choose(plan, work, chosen[i], now, n_started)
        for i in range(n_started):
            send(plan, work, work.started[i, 0], work.started[i, 1], work.started[i, 2], now)


@helper
def run_greedy(
    plan: StaticPlan,
    work: GreedyWork,
    priority: IntArray,
    completed: FloatArray,
    busy: FloatArray,
) -> None:
    """Run the candidate in ``work.node`` and ``work.variant`` to its end.

    For compiled searches, which change these in place between runs.

    Parameters
    ----------
    plan : StaticPlan
    work : GreedyWork, overwritten
    priority : (T,) int array
    completed : (R,) float array, written
    busy : (N,) float array, increased by the slot-seconds of every node
    """
    rank_tasks(plan, work, priority)
    reset(plan, work)
    play(plan, work)
    for r in range(plan.n_requests):
        row = r * plan.n_tasks
        completed[r] = complete(plan, r, row, work.node, work.start, work.finish, busy)


@entry
def greedy_batch(
    plan: StaticPlan,
    work: GreedyWork,
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
    work : GreedyWork, overwritten; afterwards it holds the last candidate's run
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
        if plan.all_legal or is_legal(plan, work.node, work.variant):
            run_greedy(plan, work, priority[b], completed[b], busy[b])
        else:
            completed[b, :] = np.nan
    return len(node)
