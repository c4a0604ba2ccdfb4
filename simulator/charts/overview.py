"""The whole of a long run at a glance: latency of every request, utilisation of every node."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulator.arrays import FloatArray
from simulator.charts import style
from simulator.charts.view import View

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BINS = 160
HEIGHT, STRIP = 2.0, 0.46
"""Inches that the two panels take, and the lower one of them."""

LEAST_SIZE = 4.5
"""Points; the rows of the lower panel are named where they leave room for letters of this size."""


def paint_overview(figure: Figure, view: View, left: float, width: float, foot: float) -> None:
    """Draw both panels above the Gantt chart.

    Parameters
    ----------
    left, width : float
        Horizontal place as shares of the figure.
    foot : float
        Lower end of the panels, in inches from the bottom of the figure.
    """
    height = figure.get_size_inches()[1]
    log = view.trace.log
    first = float(np.nanmin(log.arrival))
    unit, scale = style.time_unit(log.idle_at - first)
    upper = figure.add_axes((left, (foot + 1.12) / height, width, 0.72 / height))
    lower = figure.add_axes((left, (foot + 0.52) / height, width, STRIP / height))
    _latencies(upper, view, scale)
    _utilisation(lower, view, scale, first)
    for axes in (upper, lower):
        axes.set_xlim(first / scale, log.idle_at / scale)
        for at in view.window:
            axes.axvline(at / scale, color=style.ACCENT, linewidth=0.7)
    upper.tick_params(axis="x", labelbottom=False, length=0)
    lower.set_xlabel(f"whole run ({unit}), lines: window below", labelpad=1, fontsize=7)


def _latencies(axes: Axes, view: View, scale: float) -> None:
    trace = view.trace
    latency = trace.log.completed - trace.log.arrival
    done = np.isfinite(latency)
    unit, factor = style.time_unit(float(latency[done].max()))
    style.bare(axes, grid="y")
    streams = trace.problem.streams
    many = int(done.sum()) > 3000
    for i, _ in enumerate(streams):
        mine = done & (trace.realisation.stream == i)
        colour = style.PALETTE[i % len(style.PALETTE)] if len(streams) > 1 else style.PALETTE[0]
        axes.plot(trace.log.arrival[mine] / scale, latency[mine] / factor, ".", color=colour,
                  markersize=1.5 if many else 2.5, markeredgewidth=0, rasterized=many)  # fmt: skip
    top = axes.get_ylim()[1]
    p99 = float(np.quantile(latency[done], 0.99)) / factor
    deadlines = {x.deadline_s / factor for x in streams if x.deadline_s is not None}
    goal = deadlines.pop() if len(deadlines) == 1 else np.inf
    axes.axhline(p99, color=style.ACCENT, linewidth=0.7)
    together = abs(goal - p99) < 0.14 * top  # their labels would touch
    _mark(axes, "p99, SLO" if together else "p99", p99, style.ACCENT)
    if goal <= 1.1 * top:
        axes.axhline(goal, color=style.INK, linewidth=0.7, linestyle="--")
        if not together:
            _mark(axes, "SLO", goal, style.INK)
    axes.set_ylim(0, None)
    axes.set_ylabel(f"latency\n({unit})", fontsize=7, rotation=0, ha="right", va="center")
    axes.tick_params(axis="y", labelsize=6.5, pad=2)
    axes.locator_params(axis="y", nbins=4)


def _mark(axes: Axes, text: str, level: float, colour: str) -> None:
    """Name a level at the right edge."""
    axes.annotate(text, (1, level), xycoords=("axes fraction", "data"), xytext=(4, 0),
                  textcoords="offset points", va="center", fontsize=6.0, color=colour)  # fmt: skip


def _utilisation(axes: Axes, view: View, scale: float, first: float) -> None:
    log = view.trace.log
    share = utilisation(view, first, log.idle_at)
    for side in axes.spines.values():
        side.set_visible(False)
    axes.pcolormesh(
        np.linspace(first, log.idle_at, BINS + 1) / scale, np.arange(len(share) + 1), share,
        cmap="Blues", vmin=0, vmax=1, rasterized=True,
    )  # fmt: skip
    axes.set_ylim(len(share), 0)
    size = min(6.0, 72 * STRIP / len(share))
    if size >= LEAST_SIZE:
        names = [style.arrows(band.name) for band in view.nodes]
        axes.set_yticks(np.arange(len(names)) + 0.5, names, fontsize=size)
        axes.tick_params(axis="y", length=0, pad=3)
    else:
        axes.set_yticks([])
        axes.set_ylabel("nodes,\nas below", fontsize=7, rotation=0, ha="right", va="center")
    axes.annotate("busy\n0 - 100 %", (1, 0.5), xycoords="axes fraction", xytext=(4, 0),
                  textcoords="offset points", va="center", fontsize=6.0,
                  color=style.MUTED)  # fmt: skip
    axes.tick_params(axis="x", labelsize=6.5, pad=1)


def utilisation(view: View, first: float, last: float) -> FloatArray:
    """(shown nodes, BINS) share of slots in use over the run."""
    x, slots = view.trace.record.executions, view.trace.problem.arrays.slots
    edges = np.linspace(first, last, BINS + 1)
    out = np.zeros((len(view.nodes), BINS))
    for row, band in enumerate(view.nodes):
        here = x.node == band.index
        busy = seconds_before(edges, x.start[here], x.end[here])
        out[row] = np.diff(busy) / (np.diff(edges) * slots[band.index])
    return np.clip(out, 0.0, 1.0)


def seconds_before(times: FloatArray, start: FloatArray, end: FloatArray) -> FloatArray:
    """Seconds of the intervals [start, end) that lie before each of the times."""

    def elapsed(since: FloatArray) -> FloatArray:
        ordered = np.sort(since)
        total = np.concatenate([[0.0], np.cumsum(ordered)])
        count = np.searchsorted(ordered, times)
        return np.asarray(count * times - total[count])

    return elapsed(start) - elapsed(end)
