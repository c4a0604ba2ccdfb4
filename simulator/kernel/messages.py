"""Messages: their bytes, what sending them costs, and how each network takes them in."""

from __future__ import annotations

from numba.extending import register_jitable

from simulator import costs
from simulator.arrays import FIFO_NETWORK, IDEAL
from simulator.kernel.compiled import OPTIONS, helper, inlined, njit
from simulator.kernel.heap import push_event
from simulator.kernel.joins import following, input_dead, input_sent
from simulator.kernel.layout import JOINERS, KIND_BITS, ON_FLOW, RECORD, Luck, State, World

hold_seconds = njit(**OPTIONS)(costs.hold_seconds)
send_seconds = njit(**OPTIONS)(costs.send_seconds)
table_seconds = register_jitable(**OPTIONS)(costs.table_seconds)
equivalent_bytes = njit(**OPTIONS)(costs.equivalent_bytes)


@inlined
def message_bytes(w: World, z: Luck, x: State, r: int, e: int) -> float:
    """Realised bytes of a message."""
    size = w.edge_bytes[e * w.n_variants + x.variant[w.edge_src[e]]]
    if z.has_edge_factor:
        size *= z.edge_factor[r * w.n_edges + e]
    return size


@inlined
def not_taken(w: World, z: Luck, r: int, e: int) -> bool:
    """Whether the realisation leaves out a conditional edge."""
    return w.edge_conditional[e] != 0 and z.has_taken != 0 and z.taken[r * w.n_edges + e] == 0


@inlined
def hold_of(w: World, z: Luck, x: State, r: int, t: int, n: int) -> float:
    """Seconds for which a task holds its slot at rate 1."""
    work = w.seconds[(t * w.n_variants + x.variant[t]) * w.n_nodes + n]
    if z.has_task_factor:
        work *= z.task_factor[r * w.n_tasks + t]
    sending = 0.0
    if w.sends[n]:
        for j in range(w.out_ptr[t], w.out_ptr[t + 1]):
            e = w.out_edges[j]
            remote = x.node[w.edge_dst[e]] != n
            if remote and following(w, z, r, w.edge_lag[e]) >= 0 and not not_taken(w, z, r, e):
                size = message_bytes(w, z, x, r, e)
                sending += send_seconds(w.send_s[n], w.send_s_per_byte[n], size)
    return hold_seconds(w.dispatch_s[n], work, sending)


@helper
def slowest_service(w: World, pair: int, size: float) -> float:
    """Longest service of the links of a route, of which at least one has a size table."""
    longest = 0.0
    for i in range(w.route_ptr[pair], w.route_ptr[pair + 1]):
        link = w.route_links[i]
        lo, hi = w.table_ptr[link], w.table_ptr[link + 1]
        if hi > lo:
            seconds = table_seconds(w.table_bytes, w.table_s, lo, hi, size)
        else:
            seconds = size / w.bandwidth[link]
        longest = max(longest, seconds)
    return longest


@inlined
def ideal_seconds(w: World, pair: int, size: float) -> float:
    """Latency and transfer over a route without contention."""
    if w.route_tabled[pair]:
        return w.route_latency[pair] + slowest_service(w, pair, size)
    return w.route_latency[pair] + size / w.route_bandwidth[pair]


@inlined
def send_outputs(w: World, z: Luck, x: State, r: int, t: int, now: float) -> None:
    """Send the messages of a finished unit, all at once, and decide its conditional edges."""
    a = x.node[t]
    for j in range(w.out_ptr[t], w.out_ptr[t + 1]):
        e = w.out_edges[j]
        dst = w.edge_dst[e]
        q = following(w, z, r, w.edge_lag[e])
        if q < 0:
            continue
        if not_taken(w, z, r, e):
            input_dead(w, x, q, dst, now)
            continue
        if x.count[RECORD]:
            x.used[r * w.n_edges + e] = 0
        b = x.node[dst]
        when = now
        if a != b:
            pair = a * w.n_nodes + b
            size = message_bytes(w, z, x, r, e)
            code = ((r << w.edge_bits) | e) << w.hop_bits
            if size == 0.0:
                when = (now + w.route_latency[pair]) + w.wake_s[b]
            elif w.network == IDEAL:
                when = (now + ideal_seconds(w, pair, size)) + w.wake_s[b]
            elif w.network == FIFO_NETWORK:
                x.joiners[x.count[JOINERS]] = code
                x.count[JOINERS] += 1
                continue
            else:
                begin = now + w.route_latency[pair]
                push_event(x, begin, (code << KIND_BITS) | ON_FLOW)
                continue
        input_sent(w, x, r, e, q, when, now)
