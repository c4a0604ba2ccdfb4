"""Pictures: predicted against real, and both Gantt charts above each other on one time axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from realrun.validate.loads import HEADLINE, LOADS
from realrun.validate.summary import Pipeline
from simulator.charts import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from simulator.trace import Trace

TITLES = {"real": "wall clock", "cpu_replay": "durations (CPU time replayed)"}
REJECTED = "#BBBBBB"


def scatter(pipelines: Sequence[Pipeline], path: Path, width: float = 7.2) -> None:
    """Predicted against real values of every run: a panel for each load, by wall clock and CPU.

    Rejected runs are grey in the panels of the wall clock; the band is 5 % on either side.
    """
    from matplotlib import rc_context

    loads = [load for load in LOADS if any(r["load"] == load for p in pipelines for r in p.rows)]
    if not loads:
        return
    with rc_context(style.RC):
        side = (width - 1.25) / 2
        key = 0.2 * -(-len(pipelines) // 2) + 0.14
        height = 0.42 + len(loads) * (side + 0.62) - 0.22 + key
        figure = style.new_figure(width, height)
        for i, load in enumerate(loads):
            for j, source in enumerate(TITLES):
                left = (0.62 + j * (side + 0.6)) / width
                top = 0.42 + i * (side + 0.62)
                box = (left, 1 - (top + side) / height, side / width, side / height)
                _panel(figure.add_axes(box), pipelines, load, source)
        figure.text(0.06 / width, 1 - 0.06 / height, "Predicted against real", va="top",
                    fontsize=9.5, fontweight="bold", color=style.INK)  # fmt: skip
        _key(figure, pipelines, height)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=200, metadata=style.undated(path.suffix.lstrip(".")))


def _panel(axes: Axes, pipelines: Sequence[Pipeline], load: str, source: str) -> None:
    measure = HEADLINE[load]
    drawn = []
    every: list[float] = []
    for i, p in enumerate(pipelines):
        rows = [row for row in p.rows if row["load"] == load]
        x = np.array([p.prediction(load, row["allocation"])[measure] for row in rows])
        y = np.array([row[f"{source}_{measure}"] for row in rows])
        grey = np.array([bool(row["rejected"]) and source == "real" for row in rows], dtype=bool)
        drawn.append((style.PALETTE[i % len(style.PALETTE)], x, y, grey))
        every += [*x.tolist(), *y.tolist()]
    unit, scale = style.time_unit(max(every, default=1.0))
    low, high = 0.85 * min(every) / scale, 1.15 * max(every) / scale
    style.bare(axes, grid="both")
    axes.set_xscale("log")
    axes.set_yscale("log")
    line = np.array([low, high])
    axes.fill_between(line, line * 0.95, line * 1.05, color="#F0F0F0", linewidth=0)
    axes.plot(line, line, color=style.MUTED, linewidth=0.7)
    for colour, x, y, grey in drawn:
        look: dict[str, Any] = {"markersize": 3.2, "markeredgewidth": 0.3, "linewidth": 0}
        axes.plot(x[grey] / scale, y[grey] / scale, "o", color=REJECTED, **look)
        axes.plot(x[~grey] / scale, y[~grey] / scale, "o", color=colour,
                  markeredgecolor=style.INK, **look)  # fmt: skip
    axes.set_xlim(low, high)
    axes.set_ylim(low, high)
    _ticks(axes, low, high)
    words = "mean latency" if measure == "mean_latency" else measure
    axes.set_title(f"{load} load, {words}: {TITLES[source]}", fontsize=7.5, loc="left", pad=3)
    axes.set_xlabel(f"predicted ({unit})", labelpad=1, fontsize=7)
    axes.set_ylabel(f"real ({unit})", labelpad=1, fontsize=7)
    axes.tick_params(labelsize=6.5, pad=2)


def _ticks(axes: Axes, low: float, high: float) -> None:
    """Plain numbers: 1, 2 and 5 of every decade, or even steps within less than one."""
    from matplotlib.ticker import FixedLocator, NullLocator

    if high / low > 8:
        powers = np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
        at = np.concatenate([np.array([1.0, 2.0, 5.0]) * 10.0**k for k in powers])
    else:
        step = style.nice_step(high - low, 6)
        at = np.arange(np.ceil(low / step), high / step + 1e-9) * step
    at = at[(at >= low) & (at <= high)]
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(FixedLocator(at.tolist()))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(lambda value, _: f"{value:.6g}")


def _key(figure: Any, pipelines: Sequence[Pipeline], height: float) -> None:
    """Names of the pipelines, two in a line; what grey dots and the band are."""
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], marker="o", linewidth=0, markersize=4, markeredgewidth=0.3,
               markeredgecolor=style.INK, color=style.PALETTE[i % len(style.PALETTE)],
               label=f"{p.name} on {p.workers}" + (" (emulated)" if p.emulated else ""))
        for i, p in enumerate(pipelines)
    ]  # fmt: skip
    handles.append(Line2D([], [], marker="o", linewidth=0, markersize=4, markeredgewidth=0,
                          color=REJECTED, label="rejected run; band: 5 %"))  # fmt: skip
    figure.legend(handles=handles, loc="lower left", ncols=2, frameon=False, fontsize=7,
                  borderaxespad=0.3, handletextpad=0.2)  # fmt: skip


def gantts(predicted: Trace, measured: Trace, path: Path, title: str, width: float = 7.2) -> None:
    """The simulated run above the real one, on one time axis.

    Parameters
    ----------
    predicted, measured : Trace
        Of one allocation and the same requests.
    path : Path
        The suffix says the format.
    title : str
    width : float, inches
    """
    from matplotlib import rc_context

    from simulator.charts.bars import GAP
    from simulator.charts.paint import paint_arrivals, paint_bars, paint_rows
    from simulator.charts.view import View

    window = shown_window(predicted, measured)
    with rc_context(style.RC):
        views = [View(t, window, links=False, highlight=False) for t in (predicted, measured)]
        names = max(style.text_width(b.name, 8.0) for v in views for b in v.nodes)
        left, right = (max(names, 36.0) + 22) / 72 / width, 34 / 72 / width
        row = 0.3
        body = views[0].bottom * row + 0.02
        height = 0.62 + 2 * body + 0.5 + 0.42
        figure = style.new_figure(width, height)
        top = 0.62
        for view, name in zip(views, ("simulated", "real"), strict=True):
            box = (left, 1 - (top + body) / height, 1 - left - right, body / height)
            axes = figure.add_axes(box)
            paint_rows(axes, view, row)
            paint_bars(axes, view, "task", row)
            paint_arrivals(axes, view)
            if view is views[0]:
                axes.set_xlabel("")
                axes.tick_params(axis="x", labelbottom=False, length=0)
            value = style.time_unit(view.trace.makespan)
            axes.text(0, -GAP - 0.42, f"{name}: makespan {view.trace.makespan / value[1]:.4g} "
                      f"{value[0]}", fontsize=7.5, va="bottom", color=style.INK,
                      transform=axes.get_yaxis_transform())  # fmt: skip
            top += body + 0.5
        figure.text(0.06 / width, 1 - 0.06 / height, title, va="top", fontsize=9.5,
                    fontweight="bold", color=style.INK)  # fmt: skip
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=200, metadata=style.undated(path.suffix.lstrip(".")))


MOST_SHOWN = 60
"""Executions up to which a run is shown whole."""


def shown_window(predicted: Trace, measured: Trace) -> tuple[float, float]:
    """All of a short run, else the time in which the first executions of the simulated one end."""
    first = float(np.nanmin(predicted.log.arrival))
    ends = np.sort(predicted.record.executions.end)
    if len(ends) > MOST_SHOWN:
        return first, float(ends[MOST_SHOWN])
    return first, max(float(ends[-1]), measured.log.idle_at, first + 1e-9)


def perfetto(traces: Mapping[str, Trace], path: Path) -> None:
    """Several runs in one Chrome trace, each with processes of its own, named after the run."""
    import json

    from simulator.perfetto import events

    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        file.write('{"displayTimeUnit": "ms", "traceEvents": [\n')
        first = True
        for number, (name, trace) in enumerate(traces.items()):
            for line in events(trace):
                event = json.loads(line)
                event["pid"] += 1000 * number
                if "id" in event:
                    event["id"] = f"{name}/{event['id']}"
                if event["ph"] == "M" and event["name"] == "process_name":
                    event["args"]["name"] = f"{name}: {event['args']['name']}"
                if event["ph"] == "M" and event["name"] == "process_sort_index":
                    event["args"]["sort_index"] = int(event["args"]["sort_index"]) + 1000 * number
                file.write(("" if first else ",\n") + json.dumps(event))
                first = False
        file.write("\n]}\n")
