"""Fluid max-min sharing of links by progressive filling.

All flows between one pair of nodes take the same route and hence the same rate, so rates are
computed for pairs with the number of their flows; subtracting a share flow by flow is repeated
subtraction of one number, whatever the order of the flows. In a large network only links and pairs
connected to a change, through links that they share, are looked at; the others would get the very
same rates. In a small one it costs more to find them than to compute all.
"""

from __future__ import annotations

from simulator.kernel.compiled import helper, inlined
from simulator.kernel.heap import sort_codes
from simulator.kernel.joins import following, input_sent
from simulator.kernel.layout import (
    DIRTY_LINKS,
    FLOWS,
    FLOWS_CHANGED,
    NEXT_FLOW_END,
    RECORD,
    SOLVES,
    Luck,
    State,
    World,
)
from simulator.kernel.messages import message_bytes, slowest_service
from simulator.kernel.tasks import finish_time
from simulator.kernel.world_changes import mark_link

INF = float("inf")
FEW_LINKS = 32


@inlined
def count_flow(w: World, x: State, pair: int, change: int) -> None:
    """Add (+1) or remove (-1) a flow of a pair, and list or unlist the pair at its links."""
    before = x.pair_flows[pair]
    x.pair_flows[pair] = before + change
    for i in range(w.route_ptr[pair], w.route_ptr[pair + 1]):
        link = w.route_links[i]
        x.link_flows[link] += change
        if w.n_links > FEW_LINKS:
            mark_link(x, link)
        base = w.link_pairs_ptr[link]
        if before == 0:
            at = x.link_pairs_count[link]
            x.link_pairs_count[link] = at + 1
            x.link_pairs[base + at] = i
            x.pair_at[i] = at
        elif before + change == 0:
            end = x.link_pairs_count[link] - 1
            x.link_pairs_count[link] = end
            moved = x.link_pairs[base + end]
            x.link_pairs[base + x.pair_at[i]] = moved
            x.pair_at[moved] = x.pair_at[i]
    x.count[FLOWS_CHANGED] = 1


@inlined
def start_flow(w: World, z: Luck, x: State, code: int, now: float) -> None:
    """Let a message that has paid its latency share bandwidth from this settle on."""
    r = code >> (w.hop_bits + w.edge_bits)
    e = (code >> w.hop_bits) & ((1 << w.edge_bits) - 1)
    pair = x.node[w.edge_src[e]] * w.n_nodes + x.node[w.edge_dst[e]]
    size = message_bytes(w, z, x, r, e)
    if w.route_tabled[pair]:
        size = slowest_service(w, pair, size) * w.route_bandwidth[pair]
    f = x.count[FLOWS]
    x.count[FLOWS] = f + 1
    x.flow_code[f] = code
    x.flow_pair[f] = pair
    x.flow_left[f] = size
    x.flow_since[f] = now
    x.flow_rate[f] = -1.0  # differs from every rate
    x.flow_finish[f] = INF
    count_flow(w, x, pair, 1)
    if x.count[RECORD]:
        x.hop_start[r * w.n_edges + e] = now


@inlined
def end_flows(w: World, z: Luck, x: State, now: float) -> None:
    """End the flows whose stored finish is now."""
    f = 0
    while f < x.count[FLOWS]:
        if x.flow_finish[f] != now:
            f += 1
            continue
        code = x.flow_code[f]
        count_flow(w, x, x.flow_pair[f], -1)
        end = x.count[FLOWS] - 1
        x.count[FLOWS] = end
        x.flow_code[f] = x.flow_code[end]
        x.flow_pair[f] = x.flow_pair[end]
        x.flow_left[f] = x.flow_left[end]
        x.flow_since[f] = x.flow_since[end]
        x.flow_rate[f] = x.flow_rate[end]
        x.flow_finish[f] = x.flow_finish[end]
        r = code >> (w.hop_bits + w.edge_bits)
        e = (code >> w.hop_bits) & ((1 << w.edge_bits) - 1)
        if x.count[RECORD]:
            x.hop_end[r * w.n_edges + e] = now
        q = following(w, z, r, w.edge_lag[e])
        input_sent(w, x, r, e, q, now + w.wake_s[x.node[w.edge_dst[e]]], now)
    x.clock[NEXT_FLOW_END] = INF


@helper
def collect_component(w: World, x: State, solve: int) -> int:
    """List the links connected to a change by shared flows, in id order; return their number."""
    n = x.count[DIRTY_LINKS]
    for i in range(n):
        link = x.dirty_links[i]
        x.solve_links[i] = link
        x.link_solve[link] = solve
    at = 0
    while at < n:
        link = x.solve_links[at]
        at += 1
        base = w.link_pairs_ptr[link]
        for j in range(base, base + x.link_pairs_count[link]):
            pair = w.route_pair[x.link_pairs[j]]
            for k in range(w.route_ptr[pair], w.route_ptr[pair + 1]):
                other = w.route_links[k]
                if x.link_solve[other] != solve:
                    x.link_solve[other] = solve
                    x.solve_links[n] = other
                    n += 1
    sort_codes(x.solve_links, n)
    return n


@inlined
def collect_links(w: World, x: State, solve: int) -> int:
    """List the links whose flows get new rates, in id order; return their number."""
    if w.n_links > FEW_LINKS:
        n = collect_component(w, x, solve)
    else:
        n = 0
        for link in range(w.n_links):
            x.solve_links[n] = link
            if x.link_flows[link] > 0:
                n += 1
    for i in range(x.count[DIRTY_LINKS]):
        x.link_dirty[x.dirty_links[i]] = 0
    x.count[DIRTY_LINKS] = 0
    return n


@inlined
def freeze_pair(w: World, x: State, pair: int, link: int, share: float) -> None:
    """Give each flow of a pair its share, taking it from the other links of the route."""
    x.pair_rate[pair] = share
    flows = x.pair_flows[pair]
    for k in range(w.route_ptr[pair], w.route_ptr[pair + 1]):
        other = w.route_links[k]
        if other == link:
            continue
        capacity = x.capacity_left[other]
        for _ in range(flows):
            capacity = max(capacity - share, 0.0)
        x.capacity_left[other] = capacity
        x.flows_left[other] -= flows
        left = x.flows_left[other]
        # Written without a jump, which would be hard to predict.
        x.share[x.link_at[other]] = (capacity if left > 0 else INF) / max(left, 1)


@helper
def release_rest(w: World, x: State, n: int, solve: int) -> None:
    """Let flows go at once that only use links of infinite bandwidth."""
    for i in range(n):
        link = x.solve_links[i]
        if x.flows_left[link] > 0:
            base = w.link_pairs_ptr[link]
            for j in range(base, base + x.link_pairs_count[link]):
                pair = w.route_pair[x.link_pairs[j]]
                if x.pair_solve[pair] != solve:
                    x.pair_rate[pair] = INF


@inlined
def fill(w: World, x: State) -> None:
    """Compute the rates of the flows by progressive filling.

    The shares of the links stand in id order, so that the first of the least is the one with the
    lowest id; a link without flows left has the share inf.
    """
    solve = x.count[SOLVES] + 1
    x.count[SOLVES] = solve
    n = collect_links(w, x, solve)
    for i in range(n):
        link = x.solve_links[i]
        x.link_at[link] = i
        x.capacity_left[link] = w.bandwidth[link] * x.link_factor[link]
        flows = x.link_flows[link]
        x.flows_left[link] = flows
        x.share[i] = x.capacity_left[link] / flows if flows > 0 else INF
    while n > 0:
        best = 0
        share = x.share[0]
        for i in range(1, n):
            if x.share[i] < share:
                best = i
                share = x.share[i]
        if share == INF:
            if w.has_infinite:
                release_rest(w, x, n, solve)
            return
        x.share[best] = INF
        link = x.solve_links[best]
        base = w.link_pairs_ptr[link]
        for j in range(base, base + x.link_pairs_count[link]):
            pair = w.route_pair[x.link_pairs[j]]
            if x.pair_solve[pair] != solve:
                x.pair_solve[pair] = solve
                freeze_pair(w, x, pair, link, share)


@inlined
def retime_flows(x: State, now: float) -> None:
    """Re-time the flows whose rate changed, and find the next end of all."""
    first = INF
    for f in range(x.count[FLOWS]):
        rate = x.pair_rate[x.flow_pair[f]]
        old = x.flow_rate[f]
        if rate != old:
            left = max(x.flow_left[f] - old * (now - x.flow_since[f]), 0.0)
            x.flow_left[f] = left
            x.flow_since[f] = now
            x.flow_rate[f] = rate
            x.flow_finish[f] = finish_time(now, left, rate)
        if x.flow_finish[f] < first:
            first = x.flow_finish[f]
    x.clock[NEXT_FLOW_END] = first


@inlined
def settle_fair(w: World, x: State, now: float) -> None:
    """Share bandwidth anew if the flows or the bandwidth changed."""
    if x.count[FLOWS_CHANGED] == 0:
        return
    x.count[FLOWS_CHANGED] = 0
    fill(w, x)
    retime_flows(x, now)
