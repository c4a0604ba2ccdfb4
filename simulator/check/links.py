"""Certificates of the ``fifo`` network: each link serves one whole message after the other."""

from __future__ import annotations

import numpy as np

from simulator.arrays import BoolArray, FloatArray, IntArray
from simulator.check.findings import Findings
from simulator.check.messages import service_seconds
from simulator.check.pace import factor_over_time, integral
from simulator.record import Record, ordinal_in_group


def check_links(record: Record, findings: Findings) -> None:
    """Routes are followed link by link; every link is work-conserving, in order, and on time."""
    _, _, link, start, end = record.log.hops
    if not _check_routes(record, findings):
        return
    reach, prompt = _reach(record)
    for i in np.unique(link):
        here = np.flatnonzero(link == i)
        order = here[np.lexsort((end[here], start[here]))]
        _check_queue(record, int(i), order, reach, prompt, findings)
        _check_service(record, int(i), order, findings)
    _check_pending(record, reach, findings)


def _reach(record: Record) -> tuple[FloatArray, BoolArray]:
    """When each hop's message came to its link; and whether surely in the instant's first round."""
    arrays, log = record.arrays, record.log
    request, edge, link, start, end = log.hops
    first = ordinal_in_group(request * max(arrays.n_edges, 1) + edge) == 0
    reach = np.where(first, record.sent_at[request, edge], np.nan)
    later = np.flatnonzero(~first)
    reach[later] = end[later - 1] + arrays.latency[link[later - 1]]
    src = arrays.edge_src[edge]
    prompt = first & (log.finish[request, src] > log.start[request, src])
    prompt[later] = (end[later - 1] > start[later - 1]) | (reach[later] > end[later - 1])
    return reach, prompt


def _check_routes(record: Record, findings: Findings) -> bool:
    """Messages pass the links of their route in order, and arrive when the last lets them go."""
    arrays, log = record.arrays, record.log
    request, edge, link, _, end = log.hops
    position = ordinal_in_group(request * max(arrays.n_edges, 1) + edge)
    served = np.zeros(log.delivered.shape, dtype=np.int64)
    np.add.at(served, (request, edge), 1)
    arrived = np.full(log.delivered.shape, np.nan)
    goes = record.sent & record.remote[None, :] & (record.size_bytes > 0)
    astray = (served > 0) & ~goes
    for e in np.flatnonzero(record.remote):
        a, b = record.node[arrays.edge_src[e]], record.node[arrays.edge_dst[e]]
        route, mine = arrays.route(int(a), int(b)), edge == e
        expected = route[np.minimum(position, len(route) - 1)]
        off = mine & ((position >= len(route)) | (link != expected))
        astray[request[off], e] = True
        last = np.flatnonzero(mine & (position == len(route) - 1))
        arrived[request[last], e] = (end[last] + arrays.latency[route[-1]]) + arrays.wake_s[b]
    for r, i in findings.first(np.argwhere(astray)):
        findings.add("link", f"{findings.names.edge(i)} is served by links that are not those of "
                     "its route", r)  # fmt: skip
    same = (log.delivered == arrived) | (np.isnan(log.delivered) & np.isnan(arrived))
    for r, i in findings.first(np.argwhere(goes & ~same)):
        findings.add("link", f"{findings.names.edge(i)} is usable at {log.delivered[r, i]}, its "
                     f"last link lets it go for {arrived[r, i]}", r)  # fmt: skip
    return not astray.any()


def _check_pending(record: Record, reach: FloatArray, findings: Findings) -> None:
    """A message that never arrives is stuck at a link that will never carry its bytes."""
    arrays, log = record.arrays, record.log
    request, edge, link, _, end = log.hops
    goes = record.sent & record.remote[None, :] & (record.size_bytes > 0)
    waiting: dict[int, list[tuple[float, int, int]]] = {}
    for r, e in np.argwhere(goes & np.isnan(log.delivered)).tolist():
        ends = record.node[arrays.edge_src[e]], record.node[arrays.edge_dst[e]]
        route = arrays.route(int(ends[0]), int(ends[1]))
        done = np.flatnonzero((request == r) & (edge == e))
        came = float(record.sent_at[r, e])
        if len(done):
            came = float(end[done[-1]] + arrays.latency[link[done[-1]]])
        at = int(route[min(len(done), len(route) - 1)])
        waiting.setdefault(at, []).append((came, r, e))
    for at, queue in waiting.items():
        came, first, index = min(queue)
        here = link == at
        since = max(float(end[here].max(initial=-np.inf)), came)
        seconds = float(service_seconds(arrays, at, record.size_bytes[first : first + 1, index])[0])
        passed_by = bool((reach[here] > came).any())
        if passed_by or _capacity_from(record, at, since) > seconds + findings.epsilon_s:
            findings.add("link", f"{findings.names.edge(index)} never arrives, though "
                         f"{findings.names.link(at)} could carry it", first)  # fmt: skip


def _capacity_from(record: Record, link: int, since: float) -> float:
    """Seconds of undisturbed service that a link offers from an instant on; inf if it recovers."""
    luck = record.realisation
    mine = luck.degraded_link == link
    spans = luck.degraded_start[mine], luck.degraded_end[mine]
    breaks = np.unique(np.append(np.concatenate(spans), since))
    breaks = breaks[np.isfinite(breaks) & (breaks >= since)]
    rate = factor_over_time(breaks, *spans, luck.degraded_factor[mine])
    return np.inf if rate[-1] > 0 else float(integral(breaks, rate, breaks[-1:])[0])


def _check_queue(
    record: Record,
    link: int,
    order: IntArray,
    reach: FloatArray,
    prompt: BoolArray,
    findings: Findings,
) -> None:
    """One message at a time; each begins as soon as it is there and the link is free."""
    request, edge, _, start, end = record.log.hops
    name = findings.names.link(link)
    free = np.concatenate([[-np.inf], end[order][:-1]])
    want = np.maximum(reach[order], free)
    for i in np.flatnonzero(start[order] != want)[: findings.most + 1]:
        j = order[i]
        findings.add("link", f"{name} begins to serve {findings.names.edge(int(edge[j]))} at "
                     f"{start[j]}, not at {want[i]}", int(request[j]))  # fmt: skip
    came, sure = reach[order], prompt[order]
    number = request[order] * record.arrays.n_edges + edge[order]
    swapped = came[1:] < came[:-1]
    tie = came[1:] == came[:-1]
    swapped |= tie & sure[1:] & (~sure[:-1] | (number[1:] < number[:-1]))
    for i in np.flatnonzero(swapped)[: findings.most + 1]:
        a, b = order[i], order[i + 1]
        findings.add("link", f"{name} serves {findings.names.edge(int(edge[a]))} before "
                     f"{findings.names.edge(int(edge[b]))}, which came first",
                     int(request[b]))  # fmt: skip


def _check_service(record: Record, link: int, order: IntArray, findings: Findings) -> None:
    """The link's bandwidth over the time of service carries the bytes of the message."""
    arrays, luck = record.arrays, record.realisation
    request, edge, _, start, end = record.log.hops
    size = record.size_bytes[request[order], edge[order]]
    seconds = service_seconds(arrays, link, size)
    if arrays.table_ptr[link + 1] > arrays.table_ptr[link]:  # a table counts in equivalent bytes
        seconds = (seconds * arrays.bandwidth[link]) / arrays.bandwidth[link]
    mine = luck.degraded_link == link
    if mine.any():
        spans = luck.degraded_start[mine], luck.degraded_end[mine]
        breaks = np.unique(np.concatenate([*spans, [min(0.0, float(start[order].min()))]]))
        breaks = breaks[np.isfinite(breaks)]
        rate = factor_over_time(breaks, *spans, luck.degraded_factor[mine])
        done = integral(breaks, rate, end[order]) - integral(breaks, rate, start[order])
        wrong = np.abs(done - seconds) > findings.epsilon_s
    else:
        wrong = end[order] != start[order] + seconds
    for i in np.flatnonzero(wrong)[: findings.most + 1]:
        j = order[i]
        findings.add("link", f"{findings.names.link(link)} serves "
                     f"{findings.names.edge(int(edge[j]))} from {start[j]} to {end[j]}; on an "
                     f"undisturbed link it takes {seconds[i]} s", int(request[j]))  # fmt: skip
