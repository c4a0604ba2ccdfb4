"""The order in which a candidate's tasks can be worked through, compiled."""

from __future__ import annotations

import numpy as np

from simulator.arrays import IntArray
from simulator.fast.compiled import Index, helper, part, small
from simulator.fast.plan import IndexArray, StaticPlan

ONE = np.uint64(1)


@small
def sort_by_priority(priority: IntArray, order: IndexArray, scratch: IndexArray) -> None:
    """Write the task ids into `order`, sorted by (priority, task).

    Linear when the priorities are a permutation of 0..T-1, as planners write them.

    Parameters
    ----------
    priority : (T,) int array
    order : (T,) index array, written
    scratch : index array of at least T, overwritten
    """
    n = len(priority)
    free = np.uint32(n)
    order[:] = free
    clean = True
    for t in range(n):
        p = priority[t]
        if p < 0 or p >= n or order[p] != free:
            clean = False
            break
        order[p] = t
    if not clean:
        _merge_sort(priority, order, scratch)


@part
def _merge_sort(priority: IntArray, order: IndexArray, scratch: IndexArray) -> None:
    """Stable bottom-up merge sort of the task ids."""
    n = len(order)
    for t in range(n):
        order[t] = t
    width: Index = 1
    while width < n:
        for low in range(0, n, 2 * width):
            a, a_end = low, min(low + width, n)
            b, b_end = a_end, min(low + 2 * width, n)
            for i in range(low, b_end):
                if b == b_end or (a < a_end and priority[order[a]] <= priority[order[b]]):
                    scratch[i] = order[a]
                    a += 1
                else:
                    scratch[i] = order[b]
                    b += 1
        for t in range(n):
            order[t] = scratch[t]
        width *= 2


@part
def split_by_stream(
    task_ptr: IndexArray, task_stream: IndexArray, order: IndexArray, scratch: IndexArray
) -> None:
    """Sort `order` stably by stream; the stream s then lies at ``task_ptr[s]``.

    `scratch` needs T + S elements.
    """
    n = len(order)
    for i in range(n):
        scratch[i] = order[i]
    for s in range(len(task_ptr) - 1):
        scratch[n + s] = task_ptr[s]
    for i in range(n):
        place = n + np.int64(task_stream[scratch[i]])
        order[scratch[place]] = scratch[i]
        scratch[place] += 1


@small
def is_topological(now: IndexArray, order: IndexArray, position: IndexArray) -> bool:
    """Whether every producer comes before its consumers; overwrites `position` (at least T)."""
    for i in range(len(order)):
        position[order[i]] = i
    bad = 0
    for e in range(now.shape[1]):  # no early exit: this form runs in vector registers
        bad += position[now[0, e]] >= position[now[1, e]]
    return bad == 0


@helper
def merge_orders(
    plan: StaticPlan, node: IndexArray, order: IndexArray, scratch: IndexArray
) -> bool:
    """Reorder `order` so that it respects the edges as well as every node's sequence.

    Kahn's algorithm over the lag-0 edges and the consecutive pairs of each node's sequence.

    Parameters
    ----------
    plan : StaticPlan
    node : (T,) index array
    order : (T,) index array, by (stream, priority, task); overwritten
    scratch : index array of at least 3 * T + N, overwritten

    Returns
    -------
    bool, False when edges and sequences of a stream with requests contradict each other; `order`
    is then unchanged.
    """
    n = plan.n_tasks
    none = np.uint32(n)
    # Next task on the node; number of tasks it waits for; tasks in their new order; last on a node.
    following, degree, queue, last = np.uint64(0), n, n + n, n + n + n
    for i in range(n):
        scratch[following + i] = none
        scratch[degree + i] = np.uint32(0)
    for e in range(plan.now.shape[1]):
        scratch[degree + plan.now[1, e]] += np.uint32(1)
    for s in range(plan.n_streams):
        for i in range(plan.n_nodes):
            scratch[last + i] = none
        for i in range(plan.task_ptr[s], plan.task_ptr[s + ONE]):
            t = order[i]
            before = scratch[last + node[t]]
            if before != none:
                scratch[following + before] = t
                scratch[degree + t] += np.uint32(1)
            scratch[last + node[t]] = t
    done = np.uint64(0)
    # Stream by stream, the queue growing behind its reader: no edge leads to another stream.
    for s in range(plan.n_streams):
        tail = done
        if plan.stream_ptr[s] == plan.stream_ptr[s + ONE]:  # no requests: any order will do
            for i in range(plan.task_ptr[s], plan.task_ptr[s + ONE]):
                scratch[queue + i] = order[i]
            done = np.uint64(plan.task_ptr[s + ONE])
            continue
        for i in range(plan.task_ptr[s], plan.task_ptr[s + ONE]):
            if scratch[degree + order[i]] == 0:
                scratch[queue + tail] = order[i]
                tail += ONE
        while done < tail:
            t = scratch[queue + done]
            done += ONE
            for j in range(plan.out_ptr[t], plan.out_ptr[t + ONE]):
                if plan.outs[j, 1] == 0:
                    tail = _count_down(plan.outs[j, 0], degree, queue, tail, scratch)
            if scratch[following + t] != none:
                tail = _count_down(scratch[following + t], degree, queue, tail, scratch)
        if done < plan.task_ptr[s + ONE]:
            return False
    for i in range(n):
        order[i] = scratch[queue + i]
    return True


@small
def _count_down(t: Index, degree: Index, queue: Index, tail: Index, scratch: IndexArray) -> Index:
    """Let a task wait for one less; returns the new end of the queue."""
    scratch[degree + t] -= np.uint32(1)
    if scratch[degree + t] == 0:
        scratch[queue + tail] = t
        return tail + ONE
    return tail


@helper
def load(plan: StaticPlan, given: IntArray, limit: Index, kept: IndexArray) -> bool:
    """Copy one candidate's nodes or variants; False if one lies outside 0..limit - 1."""
    outside = 0
    for t in range(plan.n_tasks):
        outside += np.uint64(given[t]) >= limit  # a negative number becomes a huge one
        kept[t] = given[t]
    return outside == 0


@helper
def is_legal(plan: StaticPlan, node: IndexArray, variant: IndexArray) -> bool:
    """Whether every task may run where it is put and every message has a route."""
    for t in range(plan.n_tasks):
        cell = (t * plan.n_variants + variant[t]) * plan.n_nodes + node[t]
        if np.isnan(plan.seconds[cell]):
            return False
        for j in range(plan.in_ptr[t], plan.in_ptr[t + ONE]):
            if np.isnan(plan.pairs[node[plan.ins[j, 0]] * plan.n_nodes + node[t], 1]):
                return False
    return True
