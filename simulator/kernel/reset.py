"""What follows from a candidate, and the state before the first event."""

from __future__ import annotations

from typing import Any

from simulator.arrays import FAIR, FIFO_NETWORK
from simulator.kernel.compiled import helper, inlined
from simulator.kernel.heap import push_event
from simulator.kernel.layout import (
    ABSENT,
    ARRIVED,
    KIND_BITS,
    N_COUNTS,
    NEXT_FLOW_END,
    NOW,
    ON_ARRIVAL,
    OPEN,
    RECORD,
    RELEASED,
    Luck,
    State,
    World,
)

INF = float("inf")
NAN = float("nan")


@inlined
def fill(values: Any, n: int, value: Any) -> None:
    """Set the first n values."""
    for i in range(n):
        values[i] = value


@helper
def sort_tasks(w: World, x: State) -> None:
    """Rank the tasks by (priority, task); `class_rank` holds the priorities on entry."""
    n = w.n_tasks
    room = 4 * n + 2
    smallest = largest = x.class_rank[0]
    for t in range(1, n):
        smallest = min(smallest, x.class_rank[t])
        largest = max(largest, x.class_rank[t])
    if largest - smallest < room - 1:
        fill(x.buckets, room, 0)
        for t in range(n):
            x.buckets[x.class_rank[t] - smallest + 1] += 1
        for i in range(1, room):
            x.buckets[i] += x.buckets[i - 1]
        for t in range(n):
            bucket = x.class_rank[t] - smallest
            x.by_rank[x.buckets[bucket]] = t
            x.buckets[bucket] += 1
    else:
        heap_sort_tasks(w, x)
    for i in range(n):
        x.rank[x.by_rank[i]] = i


@helper
def heap_sort_tasks(w: World, x: State) -> None:
    """Sort by (priority, task) when priorities are spread too widely to count them."""
    n = w.n_tasks
    for t in range(n):
        x.by_rank[t] = t
    size = n
    root = n // 2
    while size > 1:
        if root > 0:
            root -= 1
            task = x.by_rank[root]
        else:
            size -= 1
            task = x.by_rank[size]
            x.by_rank[size] = x.by_rank[0]
        hole = root
        child = 2 * hole + 1
        while child < size:
            if child + 1 < size and task_before(x, x.by_rank[child], x.by_rank[child + 1]):
                child += 1
            if not task_before(x, task, x.by_rank[child]):
                break
            x.by_rank[hole] = x.by_rank[child]
            hole = child
            child = 2 * hole + 1
        x.by_rank[hole] = task


@helper
def task_before(x: State, a: int, b: int) -> bool:
    """Whether task a goes before task b by (priority, task)."""
    if x.class_rank[a] != x.class_rank[b]:
        return x.class_rank[a] < x.class_rank[b]
    return a < b


@helper
def rank_classes(w: World, x: State) -> None:
    """Replace the priorities in `class_rank` by dense ranks of (class, priority)."""
    dense = -1
    for c in range(w.n_classes):
        last = 0
        fresh = True
        for i in range(w.n_tasks):
            t = x.by_rank[i]
            if w.task_class[t] != c:
                continue
            priority = x.class_rank[t]
            if fresh or priority != last:
                dense += 1
            fresh = False
            last = priority
            x.class_rank[t] = dense


@helper
def plan_nodes(w: World, z: Luck, x: State) -> None:
    """Lay out each node's sequence and its heap of ready units."""
    n_nodes = w.n_nodes
    fill(x.sequence_ptr, w.n_nodes + 1, 0)
    for t in range(w.n_tasks):
        x.sequence_ptr[x.node[t] + 1] += 1
    for n in range(n_nodes):
        x.sequence_ptr[n + 1] += x.sequence_ptr[n]
        x.head_index[n] = x.sequence_ptr[n]
    for i in range(w.n_tasks):
        t = x.by_rank[i]
        n = x.node[t]
        x.sequence[x.head_index[n]] = t
        x.sequence_at[t] = x.head_index[n]
        x.head_index[n] += 1
    for n in range(n_nodes):
        x.head_index[n] = x.sequence_ptr[n]
        x.head_request[n] = 0
        x.ready_ptr[n] = x.sequence_ptr[n] * z.n_requests
        x.ready_count[n] = 0


@helper
def reset_nodes(w: World, z: Luck, x: State) -> None:
    """Empty every slot."""
    fill(x.running, w.n_nodes, 0)
    fill(x.down, w.n_nodes, 0)
    fill(x.slow, w.n_nodes, 1.0)
    fill(x.product, w.n_nodes, 1.0)
    fill(x.busy, w.n_nodes, 0.0)
    fill(x.node_dirty, w.n_nodes, 0)
    fill(x.slot_task, w.n_slots, -1)
    fill(x.slow_on, z.n_slow, 0)
    fill(x.degraded_on, z.n_degraded, 0)


@helper
def reset_links(w: World, x: State) -> None:
    """Empty every link."""
    fill(x.link_factor, w.n_links, 1.0)
    fill(x.link_dirty, w.n_links, 0)
    if w.network == FIFO_NETWORK:
        fill(x.link_free, w.n_links, 0.0)
        fill(x.link_code, w.n_links, -1)
        fill(x.queue_head, w.n_links, -1)
    elif w.network == FAIR:
        fill(x.pair_flows, w.n_nodes * w.n_nodes, 0)
        fill(x.pair_solve, w.n_nodes * w.n_nodes, 0)
        fill(x.link_solve, w.n_links, 0)
        fill(x.link_flows, w.n_links, 0)
        fill(x.link_pairs_count, w.n_links, 0)


@helper
def count_inputs(w: World, z: Luck, r: int, t: int) -> int:
    """Number of inputs of a unit; an edge with lag is none for the first requests."""
    lo, hi = w.in_ptr[t], w.in_ptr[t + 1]
    position = z.position[r]
    if w.max_lag[t] <= position:
        return hi - lo
    inputs = 0
    for j in range(lo, hi):
        if w.edge_lag[w.in_edges[j]] <= position:
            inputs += 1
    return inputs


@helper
def reset_units(w: World, z: Luck, x: State) -> None:
    """Forget what happened to each unit."""
    units = z.n_requests * w.n_tasks
    if w.n_streams > 1:
        fill(x.state, units, ABSENT)
    fill(x.got, units, 0)
    fill(x.last, units, -1.0)
    fill(x.ready, units, NAN)
    fill(x.start, units, NAN)
    fill(x.finish, units, NAN)
    for r in range(z.n_requests):
        s = z.stream[r]
        for i in range(w.stream_ptr[s], w.stream_ptr[s + 1]):
            t = w.stream_tasks[i]
            u = r * w.n_tasks + t
            inputs = count_inputs(w, z, r, t)
            x.state[u] = OPEN
            x.left[u] = inputs
            x.quorum[u] = w.join_need[t] if w.join_need[t] > 0 else inputs


@helper
def count_open_edges(w: World, z: Luck, x: State) -> None:
    """Count the out-edges of each unit that lead to a request that exists."""
    fill(x.open_edges, z.n_requests * w.n_tasks, 0)
    for r in range(z.n_requests):
        s = z.stream[r]
        for i in range(w.stream_ptr[s], w.stream_ptr[s + 1]):
            t = w.stream_tasks[i]
            for j in range(w.out_ptr[t], w.out_ptr[t + 1]):
                if z.position[r] + w.edge_lag[w.out_edges[j]] < z.number[s]:
                    x.open_edges[r * w.n_tasks + t] += 1


@helper
def reset_record(w: World, z: Luck, x: State) -> None:
    """Forget the record of messages and slots."""
    units, messages = z.n_requests * w.n_tasks, z.n_requests * w.n_edges
    fill(x.slot, units, -1)
    fill(x.delivered, messages, NAN)
    fill(x.used, messages, -1)
    x.hop_ptr[0] = 0
    for e in range(w.n_edges):
        pair = x.node[w.edge_src[e]] * w.n_nodes + x.node[w.edge_dst[e]]
        hops = w.route_ptr[pair + 1] - w.route_ptr[pair]
        x.hop_ptr[e + 1] = x.hop_ptr[e] + hops
    rows = z.n_requests * max(x.hop_ptr[w.n_edges], w.n_edges)
    fill(x.hop_start, rows, NAN)
    fill(x.hop_end, rows, NAN)


@helper
def reset_requests(w: World, z: Luck, x: State) -> None:
    """Forget all arrivals; in a closed loop let the first come at 0."""
    fill(x.arrival, z.n_requests, NAN)
    fill(x.completed, z.n_requests, NAN)
    for r in range(z.n_requests):
        x.exits_left[r] = w.exits[z.stream[r]]
    for r in range(min(z.clients, z.n_requests)):
        push_event(x, 0.0, (r << KIND_BITS) | ON_ARRIVAL)
        x.count[RELEASED] += 1
    if z.clients > 0:
        x.count[ARRIVED] = z.n_requests


@helper
def reset_state(w: World, z: Luck, x: State) -> None:
    """Bring a state to the beginning; `node`, `variant` and (in `class_rank`) priority are set."""
    record = x.count[RECORD]
    fill(x.count, N_COUNTS, 0)
    x.count[RECORD] = record
    x.clock[NOW] = -INF
    x.clock[NEXT_FLOW_END] = INF
    sort_tasks(w, x)
    rank_classes(w, x)
    plan_nodes(w, z, x)
    reset_nodes(w, z, x)
    reset_links(w, x)
    reset_units(w, z, x)
    if w.has_cancel:
        count_open_edges(w, z, x)
    if record:
        reset_record(w, z, x)
    reset_requests(w, z, x)
