"""What occupies links, in lanes so that nothing overlaps, and since when executions waited."""

from __future__ import annotations

import heapq

import numpy as np

from simulator.arrays import IDEAL, BoolArray, FloatArray, IntArray
from simulator.record import Record


class Occupancy:
    """(request, edge, link, start, end) of messages on links, each given a lane of its link."""

    def __init__(self, record: Record) -> None:
        if record.arrays.network == IDEAL or len(record.log.hops[0]) == 0:
            self.request, self.edge, self.link, self.start, self.end = on_routes(record)
        else:
            self.request, self.edge, self.link, self.start, self.end = record.log.hops
        lane = lanes(self.link, self.start, self.end)
        pairs, self.tid = np.unique(
            np.stack([self.link, lane], axis=1).reshape(-1, 2), axis=0, return_inverse=True
        )
        self.tid = self.tid.reshape(-1)
        self.threads: list[tuple[int, int]] = [(int(a), int(b)) for a, b in pairs]


def on_routes(
    record: Record,
) -> tuple[IntArray, IntArray, IntArray, FloatArray, FloatArray]:
    """Where no link is shared, a message counts on its whole route from sending to delivery."""
    arrays = record.arrays
    there: BoolArray = record.sent & record.remote[None, :] & ~np.isnan(record.log.delivered)
    parts: list[tuple[IntArray, IntArray, IntArray]] = []
    for e in np.flatnonzero(record.remote):
        rows = np.flatnonzero(there[:, e])
        ends = record.node[arrays.edge_src[e]], record.node[arrays.edge_dst[e]]
        for link in arrays.route(int(ends[0]), int(ends[1])):
            parts.append((rows, np.full(len(rows), e), np.full(len(rows), link)))
    if not parts:
        nothing = np.empty(0, dtype=np.int64)
        return nothing, nothing, nothing, np.empty(0), np.empty(0)
    request, edge, link = (np.concatenate(column) for column in zip(*parts, strict=True))
    return request, edge, link, record.sent_at[request, edge], record.log.delivered[request, edge]


def lanes(group: IntArray, start: FloatArray, end: FloatArray) -> IntArray:
    """Lowest free lane of its group for each interval, so that no two in a lane overlap."""
    out = np.zeros(len(group), dtype=np.int64)
    order = np.lexsort((end, start, group))
    busy: list[tuple[float, int]] = []
    free: list[int] = []
    used, now = 0, -1
    rows = zip(order.tolist(), group[order].tolist(), start[order].tolist(), end[order].tolist(),
               strict=True)  # fmt: skip
    for i, g, begin, until in rows:
        if g != now:
            busy, free, used, now = [], [], 0, g
        while busy and busy[0][0] <= begin:
            heapq.heappush(free, heapq.heappop(busy)[1])
        if free:
            lane = heapq.heappop(free)
        else:
            lane, used = used, used + 1
        out[i] = lane
        heapq.heappush(busy, (until, lane))
    return out


def waiting_since(record: Record) -> FloatArray:
    """(X,) for each execution the instant from which it waited: ready, or interrupted before."""
    x = record.executions
    since = record.log.ready[x.request, x.task].copy()
    again = np.flatnonzero(x.attempt > 1)
    since[again] = x.end[again - 1]
    return since
