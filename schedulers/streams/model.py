"""A queueing model of an allocation under a stream of requests: microseconds instead of a run.

Stations are nodes and, unless the network is `ideal`, links. Per request a stream asks D seconds of
a station; all requests together, over the slots and the span of the arrivals, give its utilisation
rho. A station keeps a request waiting, by Kingman's approximation [1]_, for
``rho / (1 - rho) * mean D * (scv of arrivals + scv of D) / 2``: a constant rate of equal requests
waits for nothing. Above rho = 1 the work that is left when arrivals end is added.

Latency: one request alone runs through its tasks, meeting only itself on nodes and links, and waits
once at each node that it visits and at each message's slowest queue. For quantiles, work and bytes
are those of a request as large as the quantile, and waiting is multiplied by -ln(1 - q), as if it
were exponential. All inputs of a join are awaited.

References
----------
.. [1] J. F. C. Kingman, "The single server queue in heavy traffic", Mathematical Proceedings of
   the Cambridge Philosophical Society 57(4), 1961. doi:10.1017/S0305004100036094
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from schedulers.compiled import entry, helper, routine
from schedulers.contention.links import link_service
from schedulers.streams.demand import Demand
from schedulers.view import View, transfer_seconds
from simulator.arrays import FAIR, IDEAL, FloatArray, IntArray

CROWDED = 0.98
"""Utilisation at which Kingman's formula is cut off: runs are finite."""


class Desk(NamedTuple):
    """Scratch of the model. K stations: the nodes, then the links.

    Parameters
    ----------
    asked, spread : (S, K) float arrays, seconds a request asks of a station; standard deviation
    wait, busy : (K,) float arrays, seconds of waiting; seconds of all requests
    free : (S, K) float array, when the lone request leaves a station, -1 before it came
    start, finish : (T,) float arrays, seconds from the arrival of the lone request
    latency : (S,) float array
    neck : (1,) float array, seconds of the busiest station, by slot
    """

    asked: FloatArray
    spread: FloatArray
    wait: FloatArray
    busy: FloatArray
    free: FloatArray
    start: FloatArray
    finish: FloatArray
    latency: FloatArray
    neck: FloatArray


def new_desk(view: View, demand: Demand) -> Desk:
    """Room for one allocation at a time."""
    streams = len(demand.requests)
    stations = view.n_nodes + len(demand.link_latency)
    wide = np.zeros((3, streams, stations))
    flat = np.zeros((2, stations))
    times = np.zeros((2, view.n_tasks))
    return Desk(
        asked=wide[0],
        spread=wide[1],
        wait=flat[0],
        busy=flat[1],
        free=wide[2],
        start=times[0],
        finish=times[1],
        latency=np.zeros(streams),
        neck=np.zeros(1),
    )


@helper
def _ask(view: View, demand: Demand, desk: Desk, node: IntArray, variant: IntArray) -> bool:
    """Sum up what requests ask of the stations; False if a message has no route."""
    n_streams, n_stations = desk.asked.shape
    n_nodes = view.slots.shape[0]
    for s in range(n_streams):
        for k in range(n_stations):
            desk.asked[s, k] = 0.0
            desk.spread[s, k] = 0.0
            desk.free[s, k] = -1.0
    for t in range(node.shape[0]):
        s, n = demand.stream[t], node[t]
        work = view.hold[t, variant[t], n] * demand.runs[t]
        desk.asked[s, n] += work
        desk.spread[s, n] += work * demand.cv[t]
        for i in range(view.in_ptr[t], view.in_ptr[t + 1]):
            a = node[view.in_src[i]]
            if a == n:
                continue
            pair = a * n_nodes + n
            first, last = view.tables.route_ptr[pair], view.tables.route_ptr[pair + 1]
            if first == last:
                return False
            size = view.in_size[i, variant[view.in_src[i]]]
            if demand.network == IDEAL or size == 0.0:
                continue
            for j in range(first, last):
                link = view.tables.route_links[j]
                seconds = link_service(view, link, size) * demand.sent[demand.edge[i]]
                desk.asked[s, n_nodes + link] += seconds
    return True


@helper
def _queue(view: View, demand: Demand, desk: Desk) -> float:
    """Waiting time of every station; the work that is left at the busiest when arrivals end."""
    n_streams, n_stations = desk.asked.shape
    n_nodes = view.slots.shape[0]
    left, neck = 0.0, 0.0
    for k in range(n_stations):
        visits, total, square, varied, alike = 0.0, 0.0, 0.0, 0.0, 0.0
        for s in range(n_streams):
            asked = desk.asked[s, k]
            if asked > 0.0:
                r = demand.requests[s]
                visits += r
                total += r * asked
                square += r * (asked * asked + desk.spread[s, k] * desk.spread[s, k])
                varied += r * demand.arrival_scv[s]
                alike += r * r
        desk.busy[k], desk.wait[k] = total, 0.0
        if total == 0.0:
            continue
        slots = float(view.slots[k]) if k < n_nodes else 1.0
        neck = max(neck, total / slots)
        left = max(left, total / slots - demand.span)
        if demand.span > 0.0:
            rho = total / (slots * demand.span)
            service_scv = max(square * visits / (total * total) - 1.0, 0.0)
            arrival_scv = varied / visits + (1.0 - alike / (visits * visits))
            crowd = rho / (1.0 - min(rho, CROWDED))
            desk.wait[k] = crowd * (total / visits / slots) * (arrival_scv + service_scv) / 2.0
    desk.neck[0] = neck
    return left


@helper
def _message(
    view: View, demand: Demand, desk: Desk, s: int, i: int, a: int, b: int, sent: float, size: float
) -> float:
    """When the lone request's message can be used."""
    n_nodes = view.slots.shape[0]
    if size == 0.0:
        return sent + view.latency[a, b] + view.wake[b]
    if demand.network == IDEAL:
        return sent + transfer_seconds(view, a, b, size) + view.wake[b]
    pair = a * n_nodes + b
    fair = demand.network == FAIR
    there = sent + view.latency[a, b] if fair else sent
    begin, wait = there, 0.0
    for j in range(view.tables.route_ptr[pair], view.tables.route_ptr[pair + 1]):
        link = view.tables.route_links[j]
        k = n_nodes + link
        service = link_service(view, link, size)
        if fair:
            desk.free[s, k] = max(begin, desk.free[s, k]) + service
            there = max(there, desk.free[s, k])
            wait = max(wait, desk.wait[k])
        else:
            desk.free[s, k] = max(there, desk.free[s, k]) + service
            there = desk.free[s, k] + demand.link_latency[link]
            wait += desk.wait[k]
    return there + demand.patience * wait + view.wake[b]


@helper
def _walk(view: View, demand: Demand, desk: Desk, node: IntArray, variant: IntArray) -> None:
    """Send one request of each stream through, all by itself but for the waiting."""
    for s in range(desk.latency.shape[0]):
        desk.latency[s] = 0.0
    for x in range(node.shape[0]):
        t = view.topological[x]
        s, n = demand.stream[t], node[t]
        ready = 0.0
        for i in range(view.in_ptr[t], view.in_ptr[t + 1]):
            p = view.in_src[i]
            there = desk.finish[p]
            if node[p] != n:
                size = view.in_size[i, variant[p]] * demand.edge_tail[demand.edge[i]]
                there = _message(view, demand, desk, s, i, node[p], n, there, size)
            ready = max(ready, there)
        if desk.free[s, n] < 0.0:
            ready += demand.patience * desk.wait[n]
            desk.free[s, n] = 0.0
        elif view.slots[n] == 1:
            ready = max(ready, desk.free[s, n])
        desk.start[t] = ready
        desk.finish[t] = ready + view.hold[t, variant[t], n] * demand.task_tail[t]
        desk.free[s, n] = max(desk.free[s, n], desk.finish[t])
        if demand.is_exit[t] > 0.0:
            desk.latency[s] = max(desk.latency[s], desk.finish[t])


@routine
def estimate(view: View, demand: Demand, desk: Desk, node: IntArray, variant: IntArray) -> float:
    """Estimated objective of an allocation; +inf if a message has no route."""
    if not _ask(view, demand, desk, node, variant):
        return np.inf
    left = max(_queue(view, demand, desk), 0.0)
    _walk(view, demand, desk, node, variant)
    latency, longest, count = 0.0, 0.0, 0.0
    for s in range(desk.latency.shape[0]):
        latency += demand.weight[s] * desk.latency[s]
        longest = max(longest, desk.latency[s])
        count += demand.requests[s]
    latency = longest + left if demand.tail else latency + 0.5 * left
    span = demand.span + longest + left
    value = demand.per_latency * latency + demand.per_span * span
    value += demand.per_gap * span / count + demand.per_neck * desk.neck[0]
    total, top = 0.0, 0.0
    for n in range(view.slots.shape[0]):
        value += demand.per_busy[n] * desk.busy[n]
        share = desk.busy[n] / view.slots[n]
        total += share
        top = max(top, share)
    if total > 0.0:
        value += demand.per_balance * top * view.slots.shape[0] / total
    return value


@entry
def estimate_many(
    view: View,
    demand: Demand,
    desk: Desk,
    node: IntArray,
    variant: IntArray,
    value: FloatArray,
    neck: FloatArray,
    start: FloatArray,
    finish: FloatArray,
) -> None:
    """Estimates (B,), busiest stations (B,), starts and finishes (B, T) of B allocations."""
    for b in range(node.shape[0]):
        value[b] = estimate(view, demand, desk, node[b], variant[b])
        neck[b] = desk.neck[0]
        for t in range(node.shape[1]):
            start[b, t] = desk.start[t]
            finish[b, t] = desk.finish[t]
