"""The charts of a page drawn by matplotlib, for papers: the same data, one look with the others."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenarios.curves import look
from scenarios.report.page import Axis, Chart, Plot, Series
from simulator.charts import style
from simulator.units import format_si

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_ROWS = 60
WIDTH = 7.2


def can_draw(plot: Plot) -> bool:
    """Whether there is something to draw, and not more than fits on a page."""
    if plot.form == "heat":
        return bool(plot.z) and len(plot.z) <= MOST_ROWS
    return any(len(s.x) for s in plot.series)


def drawer(chart: Chart) -> Callable[[Path], None]:
    """A function that draws a chart, as it is shown at first, into a file; its suffix says how."""
    return lambda path: draw(chart, path)


def draw(chart: Chart, path: Path) -> None:
    """Draw into a PNG, SVG or PDF of the text width of a page."""
    from matplotlib import rc_context

    plot = chart.first
    kind = path.suffix.lstrip(".")
    with rc_context(style.RC):
        height, left = _size(plot)
        key = _key_height(plot)
        figure = style.new_figure(WIDTH, height + key)
        full = height + key
        box = (
            left / WIDTH,
            (0.5 + key) / full,
            1 - (left + _right(plot)) / WIDTH,
            (height - 0.85) / full,
        )
        axes = figure.add_axes(box)
        {"lines": _lines, "bars": _bars, "stacked": _bars, "heat": _heat}[plot.form](axes, plot)
        for direction, at, label in plot.marks:
            _mark(axes, direction, at, label)
        if key:
            axes.figure.legend(loc="lower left", ncols=4, frameon=False, fontsize=7,
                               borderaxespad=0.3, handlelength=1.8)  # fmt: skip
        figure.text(0.06 / WIDTH, 1 - 0.06 / full, chart.title, va="top", fontsize=9.5,
                    fontweight="bold", color=style.INK)  # fmt: skip
        figure.savefig(path, format=kind, dpi=200, metadata=style.undated(kind))


def _size(plot: Plot) -> tuple[float, float]:
    """Height without the key, and left margin, in inches."""
    if plot.form == "lines":
        return 3.3, 0.75
    names = list(dict.fromkeys(str(y) for s in plot.series for y in s.y))
    row = 0.24 if plot.form != "bars" else 0.2 + 0.1 * (len(plot.series) - 1)
    widest = max((style.text_width(style.arrows(n), 8) for n in names), default=20)
    return 0.95 + row * max(len(names), 2), min((widest + 12) / 72, 2.6)


def _right(plot: Plot) -> float:
    return 0.85 if plot.form == "heat" else 0.55 if plot.form == "bars" else 0.2


def _key_height(plot: Plot) -> float:
    if plot.form == "heat" or len(plot.series) < 2:
        return 0.0
    return 0.08 + 0.16 * math.ceil(len(plot.series) / 4)


def _lines(axes: Axes, plot: Plot) -> None:
    style.bare(axes, grid="both")
    axes.spines["left"].set_visible(True)
    for s in plot.series:
        x, y = _points(s)
        colour, dashes = _look(s)
        axes.plot(
            x, y, color=colour, linestyle=dashes if s.line else "", label=s.name, linewidth=1.3,
            marker="o" if s.markers else "", markersize=3, markeredgewidth=0,
            drawstyle="steps-post" if s.line == "step" else "default",
        )  # fmt: skip
        for a, b, text in zip(x, y, s.text or (), strict=False) if s.labelled else ():
            axes.annotate(text, (a, b), xytext=(0, 4), textcoords="offset points", ha="center",
                          fontsize=6.5, color=style.INK)  # fmt: skip
    if plot.diagonal is not None:
        _diagonal(axes, plot)
    _scale(axes, "x", plot.x)
    _scale(axes, "y", plot.y)


def _diagonal(axes: Axes, plot: Plot) -> None:
    values = [v for s in plot.series for p in zip(*_points(s), strict=True) for v in p if v > 0]
    if values:
        ends = [0.85 * min(values), 1.15 * max(values)]
        low, high = ([v * (1 + k * (plot.diagonal or 0)) for v in ends] for k in (-1, 1))
        axes.fill_between(ends, low, high, color="#F0F0F0", linewidth=0, zorder=0)
        axes.plot(ends, ends, color=style.MUTED, linewidth=0.7)


def _points(s: Series) -> tuple[list[Any], list[float]]:
    every = [(x, y) for x, y in zip(s.x, s.y, strict=True) if y is not None and math.isfinite(y)]
    pairs = [(x, y) for x, y in every if isinstance(x, str) or math.isfinite(x)]
    return [style.arrows(x) if isinstance(x, str) else x for x, _ in pairs], [y for _, y in pairs]


def _look(s: Series) -> tuple[Any, Any]:
    if isinstance(s.colour, int):
        return look(s.colour)
    return (style.ACCENT if s.colour == "accent" else style.MUTED), "-"


def _bars(axes: Axes, plot: Plot) -> None:
    style.bare(axes)
    names = list(dict.fromkeys(str(y) for s in plot.series for y in s.y))
    place = {name: i for i, name in enumerate(names)}
    stacked = plot.form == "stacked"
    left = [0.0] * len(names)
    high = 0.68 if stacked else 0.68 / max(len(plot.series), 1)
    best = min((v for s in plot.series for v in s.x if v is not None), default=0.0)
    for k, s in enumerate(plot.series):
        at = [place[str(y)] for y in s.y]
        values = [0.0 if v is None else float(v) for v in s.x]
        colours: Any = style.PALETTE[k % len(style.PALETTE)]
        if len(plot.series) == 1:
            colours = [style.PALETTE[0] if v <= best * (1 + 1e-9) else "#C9D5E3" for v in values]
        shift = 0.0 if stacked else (k - (len(plot.series) - 1) / 2) * high
        if plot.x.log:  # a bar needs a zero to start from
            axes.scatter(values, [p + shift for p in at], c=colours, s=26, marker="D",
                         linewidths=0, label=s.name, zorder=3)  # fmt: skip
        else:
            axes.barh([p + shift for p in at], values, height=high, color=colours, linewidth=0,
                      left=[left[p] for p in at] if stacked else 0, label=s.name)  # fmt: skip
        for p, v in zip(at, values, strict=True):
            left[p] += v
        if s.low is not None and s.high is not None:
            for p, begin, end in zip(at, s.low, s.high, strict=True):
                if begin is not None and end is not None:
                    axes.hlines(p, begin, end, color=style.INK, linewidth=0.8)
        if len(plot.series) == 1:
            for p, v in zip(at, values, strict=True):
                axes.text(1.01, p, written(plot.x, v), va="center", fontsize=7,
                          transform=axes.get_yaxis_transform())  # fmt: skip
    axes.set_yticks(range(len(names)), [style.arrows(n) for n in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    _scale(axes, "x", plot.x)


def _heat(axes: Axes, plot: Plot) -> None:
    import numpy as np
    from matplotlib.colors import LogNorm

    z = np.array([[math.nan if v is None else float(v) for v in row] for row in plot.z])
    good = z[np.isfinite(z)]
    limit = 2 if plot.z_axis.kind == "ratio" else 30
    far = len(good) > 0 and good.min() > 0 and good.max() / good.min() > limit
    s = plot.series[0]
    text = plot.x.kind == "text"
    extent = None if text else (float(s.x[0]), float(s.x[-1]), len(s.y) - 0.5, -0.5)
    image = axes.imshow(z, aspect="auto", cmap="cividis", norm=LogNorm() if far else None,
                        interpolation="nearest", extent=extent)  # fmt: skip
    axes.set_yticks(range(len(s.y)), [style.arrows(str(y)) for y in s.y])
    if text:
        axes.set_xticks(range(len(s.x)), [str(x) for x in s.x])
        if len(s.x) <= 10:
            _numbers(axes, plot.z_axis, z, image)
        axes.set_xlabel(plot.x.label, labelpad=2)
    else:
        _scale(axes, "x", plot.x)
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    bar = axes.figure.colorbar(image, ax=axes, fraction=0.04, pad=0.02)
    low, high = image.get_clim()
    if high > low:
        shares = np.linspace(0, 1, 5)
        at = low * (high / low) ** shares if far else low + (high - low) * shares
        bar.set_ticks(at.tolist(), labels=[written(plot.z_axis, v) for v in at.tolist()])
    bar.ax.minorticks_off()
    bar.ax.tick_params(labelsize=6.5)
    bar.outline.set_visible(False)  # type: ignore[operator]


def _numbers(axes: Axes, axis: Axis, z: Any, image: Any) -> None:
    """The value of every cell in an ink that can be read on it."""
    for i, row in enumerate(z.tolist()):
        for j, value in enumerate(row):
            if math.isfinite(value):
                colour = image.cmap(image.norm(value))[:3]
                axes.text(j, i, written(axis, value), ha="center", va="center", fontsize=6.5,
                          color=style.ink_on(colour))  # fmt: skip


def _scale(axes: Axes, which: str, axis: Axis) -> None:
    target = getattr(axes, f"{which}axis")
    getattr(axes, f"set_{which}label")(axis.label, labelpad=2)
    if axis.kind == "text":
        return
    if axis.log:
        getattr(axes, f"set_{which}scale")("log")
    elif axis.zero:
        getattr(axes, f"set_{which}lim")(**{"left" if which == "x" else "bottom": 0})
    low, high = getattr(axes, f"get_{which}lim")()
    if axis.log and low > 0 and high / low > 10:
        from matplotlib.ticker import LogLocator

        steps = (1.0, 2.0, 5.0) if high / low < 3000 else (1.0,)
        target.set_major_locator(LogLocator(subs=steps, numticks=12))
        target.set_minor_formatter(lambda v, _: "")
    elif axis.log:
        target.set_minor_formatter(lambda v, _: _tick(axis, v))
        axes.tick_params(axis=which, which="minor", labelsize=7)  # type: ignore[arg-type]
    target.set_major_formatter(lambda v, _: _tick(axis, v))


def _mark(axes: Axes, direction: str, at: float, label: str) -> None:
    line: dict[str, Any] = {"color": style.ACCENT, "linewidth": 1.0, "linestyle": (0, (4, 2))}
    across = direction == "x"
    (axes.axvline if across else axes.axhline)(at, **line)
    place = (at, 1.0) if across else (1.0, at)
    coords = ("data", "axes fraction") if across else ("axes fraction", "data")
    axes.annotate(label, place, xycoords=coords, xytext=(0, 2), textcoords="offset points",
                  ha="center" if across else "right", va="bottom", fontsize=6.5,
                  color=style.ACCENT)  # fmt: skip


def _tick(axis: Axis, value: float) -> str:
    """A value at an axis: no zeros behind the point."""
    return re.sub(r"\.0+(?= )", "", written(axis, value))


def written(axis: Axis, value: float) -> str:
    """A value as its axis writes it, short."""
    if axis.kind == "seconds":
        return format_si(value, "s")
    if axis.kind in ("bytes", "bandwidth"):
        return format_si(value, "B" if axis.kind == "bytes" else "B/s")
    if axis.kind == "percent":
        return f"{100 * value:.3g} %"
    if axis.kind == "ratio":
        return f"{value:.4g}×"
    return f"{value:,.6g}" if abs(value) >= 1e-3 or value == 0 else f"{value:.2g}"
