"""Certificates of the ``fair`` network: the flows of every instant share links max-min fairly.

The allocation of rates is recomputed from the intervals in which flows were active; it is unique,
so any right way of computing it agrees, up to rounding, with what an engine did. Each flow must
have carried exactly its bytes. That no link is overloaded and no byte lost follows.
"""

from __future__ import annotations

import numpy as np

from simulator.arrays import FloatArray, IntArray
from simulator.check.findings import Findings
from simulator.check.messages import route_service
from simulator.check.pace import factor_over_time
from simulator.record import Record


def check_flows(record: Record, findings: Findings) -> None:
    """Flows begin after the latency, end at delivery, and carry their bytes at fair rates."""
    arrays = record.arrays
    goes = record.sent & record.remote[None, :] & (record.size_bytes > 0)
    request, edge = np.nonzero(goes)
    if len(request) == 0:
        return
    begin = record.sent_at[request, edge] + record.route_latency[edge]
    end = _ends(record, request, edge, begin, findings)
    volume = np.empty(len(request))
    routes: list[IntArray] = []
    for e in np.unique(edge):
        mine = edge == e
        a, b = record.node[arrays.edge_src[e]], record.node[arrays.edge_dst[e]]
        route = arrays.route(int(a), int(b))
        size = record.size_bytes[request[mine], e]
        if (arrays.table_ptr[route + 1] > arrays.table_ptr[route]).any():
            size = route_service(arrays, route, size) * arrays.bandwidth[route].min()
        volume[mine] = size
    routes = [arrays.route(int(record.node[arrays.edge_src[e]]),
                           int(record.node[arrays.edge_dst[e]])) for e in edge]  # fmt: skip
    carried, slowest = _carried(record, begin, end, routes)
    # What rounding of times may amount to: epsilon at the highest rate that the flow ever had.
    allowed = findings.epsilon_s * slowest + 1e-9 * volume
    wrong = np.where(
        np.isfinite(end), np.abs(carried - volume) > allowed, carried > volume + allowed
    )
    for i in np.flatnonzero(wrong)[: findings.most + 1]:
        findings.add("flow", f"{findings.names.edge(int(edge[i]))} has {volume[i]} bytes; from "
                     f"{begin[i]} to {end[i]} its fair share carries {carried[i]}",
                     int(request[i]))  # fmt: skip


def _ends(
    record: Record, request: IntArray, edge: IntArray, begin: FloatArray, findings: Findings
) -> FloatArray:
    """(F,) ends of the flows, inf where one never ended; reports hops that contradict messages."""
    log, arrays = record.log, record.arrays
    end = np.full(log.delivered.shape, np.inf)
    start = np.full(log.delivered.shape, np.nan)
    count = np.zeros(log.delivered.shape, dtype=np.int64)
    of_request, of_edge, _, since, until = log.hops
    end[of_request, of_edge] = until
    start[of_request, of_edge] = since
    np.add.at(count, (of_request, of_edge), 1)
    uneven = (until != end[of_request, of_edge]) | (since != start[of_request, of_edge])
    for i in np.flatnonzero(uneven)[: findings.most + 1]:
        findings.add("flow", f"{findings.names.edge(int(of_edge[i]))} occupies the links of its "
                     "route at different times", int(of_request[i]))  # fmt: skip
    wake = arrays.wake_s[record.node[arrays.edge_dst[edge]]]
    for i in range(len(request)):
        r, e = int(request[i]), int(edge[i])
        delivered, ended = log.delivered[r, e], end[r, e]
        route = arrays.route(int(record.node[arrays.edge_src[e]]),
                             int(record.node[arrays.edge_dst[e]]))  # fmt: skip
        lost = np.isnan(delivered)
        fits = count[r, e] == 0 if lost else (
            count[r, e] == len(route) and start[r, e] == begin[i] and delivered == ended + wake[i]
        )  # fmt: skip
        if not fits:
            findings.add("flow", f"{findings.names.edge(e)} is usable at {delivered} and flows "
                         f"from {start[r, e]} to {ended} over {count[r, e]} links, not from "
                         f"{begin[i]} over {len(route)}", r)  # fmt: skip
    known = np.isin(of_request * arrays.n_edges + of_edge, request * arrays.n_edges + edge)
    for i in np.flatnonzero(~known)[: findings.most + 1]:
        findings.add("flow", f"{findings.names.edge(int(of_edge[i]))} flows, but was not sent as a "
                     "message of some bytes", int(of_request[i]))  # fmt: skip
    return end[request, edge]


def _carried(
    record: Record, begin: FloatArray, end: FloatArray, routes: list[IntArray]
) -> tuple[FloatArray, FloatArray]:
    """Bytes that fair sharing carries for each flow while it is active, and its highest rate."""
    luck, arrays = record.realisation, record.arrays
    changes = np.concatenate([begin, end, luck.degraded_start, luck.degraded_end])
    breaks = np.unique(changes[np.isfinite(changes)])
    capacity = np.repeat(arrays.bandwidth[None, :], len(breaks), axis=0)
    for link in np.unique(luck.degraded_link):
        mine = luck.degraded_link == link
        capacity[:, link] *= factor_over_time(
            breaks, luck.degraded_start[mine], luck.degraded_end[mine], luck.degraded_factor[mine]
        )
    carried, highest = np.zeros(len(begin)), np.zeros(len(begin))
    starts, ends = np.argsort(begin, kind="stable"), np.argsort(end, kind="stable")
    i = j = 0
    active: dict[int, None] = {}
    for k, now in enumerate(breaks):
        while j < len(ends) and end[ends[j]] <= now:
            active.pop(int(ends[j]), None)
            j += 1
        while i < len(starts) and begin[starts[i]] <= now:
            if end[starts[i]] > now:
                active[int(starts[i])] = None
            i += 1
        if not active:
            continue
        flows = np.fromiter(active, dtype=np.int64, count=len(active))
        rates = max_min(capacity[k], [routes[f] for f in flows])
        highest[flows] = np.maximum(highest[flows], rates)
        if k + 1 < len(breaks):
            carried[flows] += rates * (breaks[k + 1] - now)
        else:  # whatever flows on after the last change flows for ever
            carried[flows] = np.where(rates > 0, np.inf, carried[flows])
    return carried, highest


def max_min(capacity: FloatArray, routes: list[IntArray]) -> FloatArray:
    """Max-min fair rates by water filling.

    Parameters
    ----------
    capacity : (L,) float array, bytes/s
    routes : for each of F flows the links it takes

    Returns
    -------
    (F,) float array, bytes/s.
    """
    uses = np.zeros((len(routes), len(capacity)), dtype=np.bool_)
    for f, route in enumerate(routes):
        uses[f, route] = True
    rates, left = np.zeros(len(routes)), capacity.astype(np.float64).copy()
    open_flows = np.ones(len(routes), dtype=np.bool_)
    while open_flows.any():
        load = uses[open_flows].sum(axis=0)
        share = np.where(load > 0, left / np.maximum(load, 1), np.inf)
        level = max(float(share.min()), 0.0)
        tight = share <= level * (1 + 1e-12)
        frozen = open_flows & uses[:, tight].any(axis=1)
        rates[frozen] = level
        left = np.maximum(left - level * uses[frozen].sum(axis=0), 0.0)
        open_flows &= ~frozen
    return rates
