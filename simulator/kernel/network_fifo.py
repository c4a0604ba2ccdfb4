"""Store and forward: each link serves one whole message at a time.

A link that is never degraded needs no events of its own: once a message joins its queue, start and
end of service are known, so the only event is the message's arrival at the next link. Degradable
links keep a queue and an event for the end of service, which may be re-timed.
"""

from __future__ import annotations

from simulator.kernel.compiled import helper, inlined
from simulator.kernel.heap import push_event, sort_codes
from simulator.kernel.joins import following, input_sent
from simulator.kernel.layout import (
    DIRTY_LINKS,
    JOINERS,
    KIND_BITS,
    ON_HOP,
    ON_LINK,
    RECORD,
    Luck,
    State,
    World,
)
from simulator.kernel.messages import equivalent_bytes, message_bytes
from simulator.kernel.tasks import finish_time
from simulator.kernel.world_changes import mark_link


@inlined
def load_of(w: World, z: Luck, x: State, r: int, e: int, link: int) -> float:
    """Bytes that a link has to serve for a message."""
    lo, hi = w.table_ptr[link], w.table_ptr[link + 1]
    size = message_bytes(w, z, x, r, e)
    if lo < hi:
        size = equivalent_bytes(w.bandwidth[link], w.table_bytes, w.table_s, lo, hi, size)
    return size


@inlined
def leave_link(
    w: World, z: Luck, x: State, code: int, start: float, end: float, now: float
) -> None:
    """Send a message on to its next link or its destination after service in [start, end]."""
    hop = code & ((1 << w.hop_bits) - 1)
    r = code >> (w.hop_bits + w.edge_bits)
    e = (code >> w.hop_bits) & ((1 << w.edge_bits) - 1)
    b = x.node[w.edge_dst[e]]
    pair = x.node[w.edge_src[e]] * w.n_nodes + b
    at = w.route_ptr[pair] + hop
    if x.count[RECORD]:
        row = r * x.hop_ptr[w.n_edges] + x.hop_ptr[e] + hop
        x.hop_start[row] = start
        x.hop_end[row] = end
    there = end + w.latency[w.route_links[at]]
    if at + 1 < w.route_ptr[pair + 1]:
        push_event(x, there, ((code + 1) << KIND_BITS) | ON_HOP)
    else:
        q = following(w, z, r, w.edge_lag[e])
        input_sent(w, x, r, e, q, there + w.wake_s[b], now)


@inlined
def join_links(w: World, z: Luck, x: State, now: float) -> None:
    """Let the messages of this instant join the queues of their links, in id order."""
    sort_codes(x.joiners, x.count[JOINERS])
    for i in range(x.count[JOINERS]):
        code = x.joiners[i]
        hop = code & ((1 << w.hop_bits) - 1)
        r = code >> (w.hop_bits + w.edge_bits)
        e = (code >> w.hop_bits) & ((1 << w.edge_bits) - 1)
        pair = x.node[w.edge_src[e]] * w.n_nodes + x.node[w.edge_dst[e]]
        link = w.route_links[w.route_ptr[pair] + hop]
        if z.degraded_ptr[link] < z.degraded_ptr[link + 1]:
            m = r * w.n_edges + e
            x.queue_next[m] = -1
            if x.queue_head[link] < 0:
                x.queue_head[link] = code
            else:
                tail = x.queue_tail[link] >> w.hop_bits
                before = (tail >> w.edge_bits) * w.n_edges + (tail & ((1 << w.edge_bits) - 1))
                x.queue_next[before] = code
            x.queue_tail[link] = code
            mark_link(x, link)
        else:
            start = max(now, x.link_free[link])
            end = start + load_of(w, z, x, r, e, link) / w.bandwidth[link]
            x.link_free[link] = end
            leave_link(w, z, x, code, start, end, -1.0)  # takes effect in the next round
    x.count[JOINERS] = 0


@helper
def serve_next(w: World, z: Luck, x: State, link: int, now: float) -> None:
    """Take the first message of a link's queue into service."""
    code = x.queue_head[link]
    r = code >> (w.hop_bits + w.edge_bits)
    e = (code >> w.hop_bits) & ((1 << w.edge_bits) - 1)
    x.queue_head[link] = x.queue_next[r * w.n_edges + e]
    x.link_code[link] = code
    x.link_left[link] = load_of(w, z, x, r, e, link)
    x.link_start[link] = now


@helper
def settle_link(w: World, z: Luck, x: State, link: int, now: float) -> None:
    """Serve the next message if the link is idle; re-time the service if bandwidth changed."""
    product = x.link_factor[link]
    if x.link_code[link] < 0:
        if x.queue_head[link] < 0:
            return
        serve_next(w, z, x, link, now)
    elif product != x.link_product[link]:
        done = (w.bandwidth[link] * x.link_product[link]) * (now - x.link_since[link])
        x.link_left[link] = max(x.link_left[link] - done, 0.0)
    else:
        return
    x.link_product[link] = product
    x.link_since[link] = now
    finish = finish_time(now, x.link_left[link], w.bandwidth[link] * product)
    x.link_finish[link] = finish
    if finish < float("inf"):
        push_event(x, finish, (link << KIND_BITS) | ON_LINK)


@inlined
def settle_fifo(w: World, z: Luck, x: State, now: float) -> None:
    """Settle the links of a store-and-forward network."""
    join_links(w, z, x, now)
    for i in range(x.count[DIRTY_LINKS]):
        link = x.dirty_links[i]
        x.link_dirty[link] = 0
        settle_link(w, z, x, link, now)
    x.count[DIRTY_LINKS] = 0


@helper
def end_service(w: World, z: Luck, x: State, link: int, now: float) -> None:
    """End the service of a degradable link if this is the time stored for it."""
    code = x.link_code[link]
    if code < 0 or x.link_finish[link] != now:
        return
    x.link_code[link] = -1
    mark_link(x, link)
    leave_link(w, z, x, code, x.link_start[link], now, now)
