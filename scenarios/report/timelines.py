"""Quantities over the time of a run: requests in the system, nodes and links at work, latencies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from scenarios.report.page import Axis, Chart, Plot, Section, Series
from simulator.arrays import FloatArray
from simulator.charts.bars import Bars, executions, transfers

if TYPE_CHECKING:
    from simulator.trace import Trace

BINS = 240
MOST_POINTS = 4000
MOST_ROWS = 60


def occupancy(bars: Bars, groups: int, edges: FloatArray) -> FloatArray:
    """(groups, bins) mean number of intervals of each group that run at once in each bin.

    The integral of a step function is exact: intervals are not sampled.
    """
    out = np.zeros((groups, len(edges) - 1))
    for g in range(groups):
        mine = bars.band == g
        if mine.any():
            area = _area(bars.start[mine], edges) - _area(bars.end[mine], edges)
            out[g] = np.diff(area) / np.diff(edges)
    return np.maximum(out, 0.0)


def _area(points: FloatArray, at: FloatArray) -> FloatArray:
    """Sum of max(0, t - p) over all points p, for every t."""
    points = np.sort(points)
    total = np.concatenate([[0.0], np.cumsum(points)])
    below = np.searchsorted(points, at, side="right")
    return below * at - total[below]


def section(panels: Sequence[tuple[str, Trace]]) -> Section:
    """Charts over time of one or more runs."""
    blocks = []
    if any(t.record.n_requests > 1 for _, t in panels):
        blocks += [_in_system(panels), _latencies(panels)]
    blocks.append(_busy(panels))
    return Section("Over time", blocks)


def _edges(panels: Sequence[tuple[str, Trace]]) -> FloatArray:
    first = min((float(np.nanmin(t.log.arrival)) for _, t in panels
                 if np.isfinite(t.log.arrival).any()), default=0.0)  # fmt: skip
    last = max((t.log.idle_at for _, t in panels if np.isfinite(t.log.idle_at)), default=1.0)
    return np.linspace(first, max(last, first + 1e-9), BINS + 1)


def _in_system(panels: Sequence[tuple[str, Trace]]) -> Chart:
    edges = _edges(panels)
    series = []
    for i, (name, trace) in enumerate(panels):
        came = trace.log.arrival[np.isfinite(trace.log.arrival)]
        left = trace.log.completed[np.isfinite(trace.log.completed)]
        inside = np.diff(_area(came, edges) - _area(left, edges)) / np.diff(edges)
        series.append(Series(name, edges[:-1].tolist(), np.maximum(inside, 0.0).tolist(), colour=i,
                             line="step", markers=False))  # fmt: skip
    plot = Plot("lines", Axis("time", "seconds"), Axis("requests", "number", zero=True), series)
    note = f"Arrived and not yet completed, mean in each {BINS}th of the time."
    return Chart.of("Requests in the system", plot, note)


def _latencies(panels: Sequence[tuple[str, Trace]]) -> Chart:
    series, cut = [], False
    for i, (name, trace) in enumerate(panels):
        done = np.flatnonzero(np.isfinite(trace.log.completed))
        if len(done) > MOST_POINTS:
            cut = True
            done = done[np.linspace(0, len(done) - 1, MOST_POINTS).astype(int)]
        arrival, latency = trace.log.arrival[done], (trace.log.completed - trace.log.arrival)[done]
        text = [f"request {r}" for r in done.tolist()]
        series.append(Series(name, arrival.tolist(), latency.tolist(), colour=i, line="",
                             text=text))  # fmt: skip
    plot = Plot("lines", Axis("arrival", "seconds"), Axis("latency", "seconds", zero=True), series)
    note = f"Every request, or {MOST_POINTS:,} evenly chosen ones." if cut else ""
    return Chart.of("Latency of the requests", plot, note)


def _busy(panels: Sequence[tuple[str, Trace]]) -> Chart:
    """Heat maps of nodes and links; a list chooses the run."""
    edges = _edges(panels)
    middles = ((edges[1:] + edges[:-1]) / 2).tolist()
    plots: dict[str, Plot] = {}
    for i, (_, trace) in enumerate(panels):
        problem = trace.problem
        nodes = occupancy(executions(trace), problem.n_nodes, edges)
        links = occupancy(transfers(trace), len(problem.link_names), edges)
        names, rows = _busiest(trace, nodes / problem.arrays.slots[:, None], np.minimum(links, 1.0))
        plots[str(i)] = Plot(
            "heat", Axis("time", "seconds"), Axis("", "text"),
            [Series("share of time", middles, names)], z=rows, z_axis=Axis("in use", "percent"),
        )  # fmt: skip
    title = "Nodes and links in use"
    note = "Share of a node's slots that are taken; a link is in use while a message is on it."
    if len(panels) == 1:
        return Chart.of(title, plots["0"], note)
    return Chart(title, plots, [("Run", [name for name, _ in panels])], note)


def _busiest(trace: Trace, nodes: Any, links: Any) -> tuple[list[str], list[list[float]]]:
    """Names and rows, nodes before links, the busiest where there are many."""
    names: list[str] = []
    rows: list[list[float]] = []
    for labels, values, kind in ((trace.problem.node_names, nodes, ""),
                                 (trace.problem.link_names, links, "link ")):  # fmt: skip
        total = values.sum(axis=1)
        keep = np.flatnonzero(total > 0) if kind else np.arange(len(labels))
        if len(keep) > MOST_ROWS:
            keep = np.sort(keep[np.argsort(-total[keep], kind="stable")][:MOST_ROWS])
        names += [kind + labels[i] for i in keep.tolist()]
        rows += [[round(v, 4) for v in values[i].tolist()] for i in keep.tolist()]
    return names, rows
