"""Inputs, joins, skips and cancellations: everything phase 0 does once an instant's events are in.

A *plain* join (all inputs, no deadline) hears of a message when its delivery time becomes known,
and gets one event, at the latest of these times. Others get an event for each delivery.
"""

from __future__ import annotations

from simulator.arrays import EDF, PRIORITY, STRICT
from simulator.kernel.compiled import helper, inlined
from simulator.kernel.heap import push_event, push_ready
from simulator.kernel.layout import (
    CANCELLED,
    CANCELS,
    CANDIDATE,
    CANDIDATES,
    CLOSED,
    DIRTY_NODES,
    DONE,
    KIND_BITS,
    ON_DELIVERY,
    ON_READY,
    OPEN,
    READY,
    RECORD,
    RUNNING,
    SKIPPED,
    SKIPS,
    Luck,
    State,
    World,
)


@inlined
def following(w: World, z: Luck, r: int, lag: int) -> int:
    """The request that is `lag` after r in its stream, -1 if there is none (lag may be < 0)."""
    if lag == 0:
        return r
    s = z.stream[r]
    at = z.position[r] + lag
    if at < 0 or at >= z.number[s]:
        return -1
    return z.by_stream[z.first[s] + at]


@inlined
def mark_node(x: State, n: int) -> None:
    """Have the node looked at when this instant settles."""
    if x.node_dirty[n] == 0:
        x.node_dirty[n] = 1
        x.dirty_nodes[x.count[DIRTY_NODES]] = n
        x.count[DIRTY_NODES] += 1


@inlined
def ready_key(w: World, z: Luck, x: State, r: int, t: int) -> int:
    """Number that orders ready units as the discipline says."""
    if w.discipline == EDF:
        return ((r if z.clients > 0 else z.edf_rank[r]) << w.task_bits) | x.rank[t]
    if w.discipline == PRIORITY:
        return (((x.class_rank[t] << z.request_bits) | r) << w.task_bits) | t
    return (((w.task_class[t] << z.request_bits) | r) << w.task_bits) | x.rank[t]


@inlined
def enqueue(w: World, z: Luck, x: State, r: int, t: int) -> None:
    """Let a ready unit wait for a slot of its node."""
    n = x.node[t]
    x.state[r * w.n_tasks + t] = READY
    if w.dispatch != STRICT:
        push_ready(w, z, x, n, ready_key(w, z, x, r, t))
    mark_node(x, n)


@inlined
def become_candidate(w: World, x: State, r: int, t: int) -> None:
    """Close the unit's join at the end of this phase."""
    u = r * w.n_tasks + t
    if x.state[u] == OPEN:
        x.state[u] = CANDIDATE
        x.candidates[x.count[CANDIDATES]] = (r << w.task_bits) | t
        x.count[CANDIDATES] += 1


@inlined
def check_quorum(w: World, x: State, r: int, t: int) -> None:
    """Close a join that has what it needs."""
    u = r * w.n_tasks + t
    if x.got[u] > 0 and x.got[u] >= min(x.quorum[u], x.left[u]):
        become_candidate(w, x, r, t)


@inlined
def plain_join_complete(w: World, x: State, r: int, t: int, now: float) -> None:
    """Close a plain join, of whose inputs all is known, at its latest delivery."""
    last = x.last[r * w.n_tasks + t]
    if last <= now:
        become_candidate(w, x, r, t)
    else:
        push_event(x, last, (((r << w.task_bits) | t) << KIND_BITS) | ON_READY)


@inlined
def input_sent(w: World, x: State, r: int, e: int, q: int, when: float, now: float) -> None:
    """Hear that the message of request r on edge e, to request q, is usable at `when`.

    At or before `now` it takes effect at once.
    """
    t = w.edge_dst[e]
    u = q * w.n_tasks + t
    if x.count[RECORD]:
        x.delivered[r * w.n_edges + e] = when
    if w.plain_join[t]:
        x.left[u] -= 1
        if when > x.last[u]:
            x.last[u] = when
        if x.left[u] == 0:
            plain_join_complete(w, x, q, t, now)
    elif when <= now:
        x.got[u] += 1
        check_quorum(w, x, q, t)
    else:
        code = ((r << w.edge_bits) | e) << w.hop_bits
        push_event(x, when, (code << KIND_BITS) | ON_DELIVERY)


@helper
def input_dead(w: World, x: State, q: int, t: int, now: float) -> None:
    """Hear that an input of unit (q, t) will never come."""
    u = q * w.n_tasks + t
    x.left[u] -= 1
    if w.plain_join[t]:
        if x.left[u] == 0:
            if x.last[u] >= 0.0:  # not the initial -1: something was sent
                plain_join_complete(w, x, q, t, now)
            else:
                x.skips[x.count[SKIPS]] = (q << w.task_bits) | t
                x.count[SKIPS] += 1
    elif x.left[u] == 0:
        x.skips[x.count[SKIPS]] = (q << w.task_bits) | t
        x.count[SKIPS] += 1
    else:
        check_quorum(w, x, q, t)


@inlined
def exit_done(x: State, r: int, now: float) -> None:
    """Count an exit task of a request as finished or skipped."""
    x.exits_left[r] -= 1
    if x.exits_left[r] == 0 and x.arrival[r] <= now:
        complete(x, r, now)


@helper
def complete(x: State, r: int, now: float) -> None:
    """Complete a request."""
    x.completed[r] = now
    x.count[DONE] += 1


@helper
def skip_units(w: World, z: Luck, x: State, now: float) -> None:
    """Skip units without any input left; their consumers may follow."""
    i = 0
    while i < x.count[SKIPS]:
        code = x.skips[i]
        i += 1
        r = code >> w.task_bits
        t = code & ((1 << w.task_bits) - 1)
        u = r * w.n_tasks + t
        if x.state[u] != OPEN:
            continue
        x.state[u] = SKIPPED
        if w.dispatch == STRICT:
            mark_node(x, x.node[t])
        if w.is_exit[t]:
            exit_done(x, r, now)
        for j in range(w.out_ptr[t], w.out_ptr[t + 1]):
            e = w.out_edges[j]
            q = following(w, z, r, w.edge_lag[e])
            if q >= 0:
                input_dead(w, x, q, w.edge_dst[e], now)
    x.count[SKIPS] = 0


@helper
def record_used(w: World, z: Luck, x: State, r: int, t: int, now: float) -> None:
    """Mark the first min(k, delivered) inputs delivered by `now`, by (delivery time, edge)."""
    n = w.n_edges
    lo, hi = w.in_ptr[t], w.in_ptr[t + 1]
    wanted = x.quorum[r * w.n_tasks + t]
    while wanted > 0:
        best = -1
        best_time = 0.0
        for j in range(lo, hi):
            e = w.in_edges[j]
            p = following(w, z, r, -w.edge_lag[e])
            if p >= 0 and x.used[p * n + e] == 0:
                time = x.delivered[p * n + e]
                if time <= now and (best < 0 or time < best_time):
                    best, best_time = p * n + e, time
        if best < 0:
            return
        x.used[best] = 1
        wanted -= 1


@inlined
def close_joins(w: World, z: Luck, x: State, now: float) -> None:
    """Close the joins that have what they need; their units are ready if their request arrived."""
    for i in range(x.count[CANDIDATES]):
        code = x.candidates[i]
        r = code >> w.task_bits
        t = code & ((1 << w.task_bits) - 1)
        u = r * w.n_tasks + t
        if x.count[RECORD]:
            record_used(w, z, x, r, t, now)
        if x.arrival[r] <= now:
            x.ready[u] = now
            enqueue(w, z, x, r, t)
        else:
            x.state[u] = CLOSED
        if w.join_cancel[t]:
            x.cancels[x.count[CANCELS]] = code
            x.count[CANCELS] += 1
    x.count[CANDIDATES] = 0


@helper
def try_cancel(w: World, x: State, r: int, t: int) -> None:
    """Remove a unit nobody waits for any more, unless it is an exit, has started or is over."""
    u = r * w.n_tasks + t
    state = x.state[u]
    if x.open_edges[u] > 0 or w.is_exit[t] or state >= RUNNING:
        return
    x.state[u] = CANCELLED
    if w.dispatch == STRICT:
        mark_node(x, x.node[t])
    if state < CLOSED or w.join_cancel[t] == 0:  # else its producers have been told already
        x.cancels[x.count[CANCELS]] = (r << w.task_bits) | t
        x.count[CANCELS] += 1


@helper
def cancel_units(w: World, z: Luck, x: State) -> None:
    """Tell the producers of closed cancelling joins and removed units; they may go as well."""
    i = 0
    while i < x.count[CANCELS]:
        code = x.cancels[i]
        i += 1
        r = code >> w.task_bits
        t = code & ((1 << w.task_bits) - 1)
        for j in range(w.in_ptr[t], w.in_ptr[t + 1]):
            e = w.in_edges[j]
            p = following(w, z, r, -w.edge_lag[e])
            if p >= 0:
                x.open_edges[p * w.n_tasks + w.edge_src[e]] -= 1
                try_cancel(w, x, p, w.edge_src[e])
    x.count[CANCELS] = 0
