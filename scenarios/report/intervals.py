"""A trace as the columns that the interactive Gantt chart reads.

Columns are little-endian arrays in base64: exact, a third of the size of JSON numbers, and ready
for a typed array without parsing.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import numpy as np

from simulator.arrays import BoolArray
from simulator.charts.bars import Bars, executions, telling_request, telling_window, transfers
from simulator.charts.view import MOST_BARS

if TYPE_CHECKING:
    from simulator.trace import Trace

MOST = 120_000
"""Intervals that one chart holds; of longer runs a part around the request at p99 is shown."""

MOST_NODES, MOST_LINKS = 200, 100
"""Rows of each kind; beyond, the busiest are shown."""


def panel(trace: Trace, title: str, most: int = MOST) -> dict[str, Any]:
    """One run as rows and intervals.

    Parameters
    ----------
    trace : Trace
    title : str
    most : int
        Intervals at most.

    Returns
    -------
    dict
        ``title``, ``rows`` (name, kind, lanes, share of time occupied), ``columns`` (base64 of
        start, end, extra: float64 seconds, extra is the ready time of an execution and the bytes
        of a message; request, item: int32; row, lane: uint16; done: uint8), names of tasks,
        variants, edges and streams, ``spans`` (row, start, end, kind) of outages and slow-downs,
        ``window`` (seconds), ``first`` (what is shown at first, None for all), ``focus`` (a telling
        request or -1), ``count`` and ``all`` (intervals that are here, and of the whole run).
    """
    tasks, messages = executions(trace), transfers(trace)
    every = len(tasks) + len(messages)
    window, part = _window(trace, tasks, messages, most)
    if part:
        tasks, messages = tasks.within(window), messages.within(window)
    rows, of_node, of_link = _rows(trace, tasks, messages)
    tasks = tasks.where(of_node[tasks.band] >= 0)
    messages = messages.where(of_link[messages.band] >= 0)
    columns = _columns(trace, tasks, messages, of_node, of_link)
    focus = telling_request(trace)
    return {
        "title": title,
        "rows": rows,
        "columns": {name: _packed(values) for name, values in columns.items()},
        "count": len(columns["start"]),
        "all": every,
        **_names(trace),
        "requests": trace.record.n_requests,
        "spans": _spans(trace, of_node, of_link),
        "window": list(window),
        "first": _first(trace),
        "focus": -1 if focus is None else focus,
        "makespan": trace.makespan,
    }


def _names(trace: Trace) -> dict[str, Any]:
    """Names of tasks, variants, edges and streams, and which belongs to which."""
    problem = trace.problem
    variants = [problem.variant_names[t][v] for t, v in enumerate(trace.record.variant)]
    return {
        "tasks": list(problem.task_names),
        "variants": variants,
        "task_stream": problem.arrays.task_stream.tolist(),
        "edges": list(trace.edge_names),
        "edge_src": problem.arrays.edge_src.tolist(),
        "streams": [s.name for s in problem.streams],
    }


def _window(trace: Trace, tasks: Bars, messages: Bars, most: int) -> tuple[Any, bool]:
    """The whole run, or the part with `most` intervals around a telling request."""
    starts = np.sort(np.concatenate([tasks.start, messages.start]))
    arrival = trace.log.arrival[np.isfinite(trace.log.arrival)]
    first = min([*starts[:1].tolist(), *arrival.tolist()[:1]], default=0.0)
    ends = np.concatenate([tasks.end, messages.end])
    last = float(np.max(ends, initial=first))
    if len(starts) <= most:
        return (first, max(last, first + 1e-9)), False
    request = telling_request(trace)
    centre = first if request is None else float(trace.log.arrival[request])
    middle = int(np.searchsorted(starts, centre))
    room = most * 9 // 10  # those that began before and reach into the window come on top
    low = max(min(middle - room // 2, len(starts) - room), 0)
    return (float(starts[low]), float(starts[low + room - 1])), True


def _first(trace: Trace) -> list[float] | None:
    """The part of a long run that is shown at first; None for all of it."""
    found = telling_window(trace, executions(trace), MOST_BARS)
    return None if found is None else list(found)


def _rows(trace: Trace, tasks: Bars, messages: Bars) -> tuple[list[dict[str, Any]], Any, Any]:
    """Rows, and for every node and link the index of its row or -1."""
    problem = trace.problem
    slots = problem.arrays.slots
    rows: list[dict[str, Any]] = []
    maps = []
    for bars, names, most, kind in (
        (tasks, problem.node_names, MOST_NODES, "node"),
        (messages, problem.link_names, MOST_LINKS, "link"),
    ):
        seconds = np.bincount(bars.band, weights=bars.end - bars.start, minlength=len(names))
        used = np.bincount(bars.band, minlength=len(names)) > 0
        shown = used if kind == "link" or len(names) > most else np.ones(len(names), dtype=bool)
        if shown.sum() > most:
            least = np.sort(seconds[shown])[-most]
            shown &= seconds >= least
        index = np.full(max(len(names), 1), -1, dtype=np.int64)
        for i in np.flatnonzero(shown).tolist():
            index[i] = len(rows)
            mine = bars.lane[bars.band == i]
            lanes = int(slots[i]) if kind == "node" else 1
            lanes = max(lanes, int(mine.max(initial=0)) + 1)
            rows.append({"name": names[i], "kind": kind, "lanes": lanes, "index": i})
        maps.append(index)
    return rows, maps[0], maps[1]


def _columns(
    trace: Trace, tasks: Bars, messages: Bars, of_node: Any, of_link: Any
) -> dict[str, Any]:
    """Sorted by (row, lane, start)."""
    log, record = trace.log, trace.record
    row = np.concatenate([of_node[tasks.band], of_link[messages.band]])
    lane = np.maximum(np.concatenate([tasks.lane, messages.lane]), 0)
    start = np.concatenate([tasks.start, messages.start])
    order = np.lexsort((start, lane, row))
    extra = np.concatenate([
        log.ready[tasks.request, tasks.item], record.size_bytes[messages.request, messages.item]
    ])  # fmt: skip
    done: BoolArray = np.concatenate([tasks.finished, messages.finished])
    return {
        "start": start[order].astype("<f8"),
        "end": np.concatenate([tasks.end, messages.end])[order].astype("<f8"),
        "extra": extra[order].astype("<f8"),
        "request": np.concatenate([tasks.request, messages.request])[order].astype("<i4"),
        "item": np.concatenate([tasks.item, messages.item])[order].astype("<i4"),
        "row": row[order].astype("<u2"),
        "lane": lane[order].astype("<u2"),
        "done": done[order].astype("u1"),
    }


def _spans(trace: Trace, of_node: Any, of_link: Any) -> list[list[Any]]:
    """Outages, slow-downs and degraded links of the rows that are shown."""
    luck = trace.realisation
    out: list[list[Any]] = []
    for index, who, start, end, kind in (
        (of_node, luck.outage_node, luck.outage_start, luck.outage_end, "outage"),
        (of_node, luck.slow_node, luck.slow_start, luck.slow_end, "slower"),
        (of_link, luck.degraded_link, luck.degraded_start, luck.degraded_end, "degraded"),
    ):
        for i, a, b in zip(who.tolist(), start.tolist(), end.tolist(), strict=True):
            if index[i] >= 0:
                out.append([int(index[i]), a, b, kind])
    return out


def _packed(values: Any) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode("ascii")
