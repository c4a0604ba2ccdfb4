"""Certificates of messages that share nothing: local ones, signals, and all under ``ideal``."""

from __future__ import annotations

import numpy as np

from simulator.arrays import IDEAL, Arrays, FloatArray
from simulator.check.findings import Findings
from simulator.record import Record


def service_seconds(arrays: Arrays, link: int, size_bytes: FloatArray) -> FloatArray:
    """Seconds that an idle link needs for messages: its size table, else bytes / bandwidth."""
    lo, hi = int(arrays.table_ptr[link]), int(arrays.table_ptr[link + 1])
    if lo == hi:
        return np.asarray(size_bytes / arrays.bandwidth[link])
    xs, ys = arrays.table_bytes[lo:hi], arrays.table_s[lo:hi]
    if hi - lo == 1:
        return np.asarray(ys[0] * (size_bytes / xs[0]))
    i = np.clip(np.searchsorted(xs, size_bytes, side="left") - 1, 0, hi - lo - 2)
    share = (size_bytes - xs[i]) / (xs[i + 1] - xs[i])
    return np.maximum(ys[i] + share * (ys[i + 1] - ys[i]), 0.0)


def route_service(arrays: Arrays, route: np.ndarray[tuple[int, ...], np.dtype[np.int64]],
                  size_bytes: FloatArray) -> FloatArray:  # fmt: skip
    """Seconds that the slowest link of a route needs; without size tables by its bandwidth."""
    tables = arrays.table_ptr[route + 1] > arrays.table_ptr[route]
    if not tables.any():
        return np.asarray(size_bytes / arrays.bandwidth[route].min())
    return np.max([service_seconds(arrays, int(i), size_bytes) for i in route], axis=0)


def check_messages(record: Record, findings: Findings) -> None:
    """Messages within a node at once; signals after the latency; ``ideal`` ones after x."""
    arrays, log = record.arrays, record.log
    for e in range(arrays.n_edges):
        sent, at = record.sent[:, e], record.sent_at[:, e]
        src, dst = record.node[arrays.edge_src[e]], record.node[arrays.edge_dst[e]]
        if src == dst:
            want, fixed = at, sent
        else:
            latency, wake = record.route_latency[e], arrays.wake_s[dst]
            size = record.size_bytes[:, e]
            signal = size == 0.0
            service = route_service(arrays, arrays.route(int(src), int(dst)), size)
            delay = np.where(signal, latency, latency + service)
            want = (at + delay) + wake
            fixed = sent & (signal | (arrays.network == IDEAL))
        wrong = fixed & (log.delivered[:, e] != want)
        for (r,) in findings.first(np.argwhere(wrong)):
            findings.add("message", f"{findings.names.edge(e)} is sent at {at[r]} and usable at "
                         f"{log.delivered[r, e]}, not at {want[r]}", r)  # fmt: skip
