"""Charts of comparisons: the objective of every scheduler, its spread over seeds, and a bound."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator.charts import style
from simulator.errors import InvalidScenario, unknown
from simulator.gantt import FORMATS
from simulator.objective import METRICS
from simulator.units import format_si

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from scenarios.compare import Comparison

SECONDS = tuple(name for name, text in METRICS.items() if "second" in text)
UNITS = {**dict.fromkeys(SECONDS, "s"), "energy": "J"}
LOG_FROM = 30.0
"""Ratio of the worst to the best objective from which the axis is logarithmic."""


@dataclass(frozen=True)
class Line:
    """One scheduler in the chart.

    Parameters
    ----------
    scheduler : str
    values : tuple of float
        Objective by seed, in the unit of the axis; inf where requests were lost.
    error : str
        Why there is none.
    """

    scheduler: str
    values: tuple[float, ...]
    error: str = ""

    @property
    def mean(self) -> float:
        """Mean over the seeds; inf if any is."""
        return sum(self.values) / len(self.values) if self.values else math.inf


def compare_chart(
    comparison: Comparison, path: str | Path, *, width: float = 7.2, dpi: int = 200
) -> None:
    """Draw a comparison into a PNG, SVG or PDF: best scheduler on top, one row each.

    A bar and its number show the mean over the seeds, dots the seeds, a line from the least to
    the greatest. The dashed line is the mean lower bound, where one is known.

    Parameters
    ----------
    comparison : Comparison
    path : str or Path
        The suffix says the format.
    width : float, inches
    dpi : int

    Raises
    ------
    UnknownName
        Another suffix.
    InvalidScenario
        There is nothing to draw.
    """
    path = Path(path)
    kind = path.suffix.lstrip(".").lower()
    if kind not in FORMATS:
        raise unknown("chart format", kind, FORMATS, str(path))
    if not comparison.rows:
        raise InvalidScenario("compare chart: there are no rows")
    from matplotlib import rc_context

    path.parent.mkdir(parents=True, exist_ok=True)
    with rc_context(style.RC):
        figure = _paint(comparison, width)
        figure.savefig(path, format=kind, dpi=dpi, metadata=style.undated(kind))


def _paint(comparison: Comparison, width: float) -> Any:
    objective = str(comparison.scenario.objective)
    lines, bound, unit, scale = chart_data(comparison)
    names = max(style.text_width(line.scheduler, 8) for line in lines)
    left, right = (names + 14) / 72 / width, 88 / 72 / width
    body = max(0.21 * len(lines), 0.5)
    height = body + 1.12
    figure = style.new_figure(width, height)
    axes = figure.add_axes((left, 0.44 / height, 1 - left - right, body / height))
    shown = [v for line in lines for v in line.values if math.isfinite(v)]
    words = objective.replace("_", " ")
    _frame(axes, lines, shown, bound, f"{words} ({unit})" if unit else words)
    if axes.get_xscale() == "log":
        _name_ticks(axes, words, unit, scale if objective in SECONDS else None)
    best = min((line.mean for line in lines), default=math.inf)
    for row, line in enumerate(lines):
        _draw_line(axes, row, line, best, scale, UNITS.get(objective, ""))
    if bound is not None:
        _draw_bound(axes, bound)
    seeds = len(comparison.seeds)
    facts = f"{seeds} seeds, dots and range" if seeds > 1 else f"seed {comparison.seeds[0]}"
    place = 0.06 / width
    title = f"{comparison.scenario.name} on {comparison.scenario.cluster.name}"
    figure.text(place, 1 - 0.06 / height, title, va="top", fontsize=9.5, fontweight="bold",
                color=style.INK)  # fmt: skip
    figure.text(place, 1 - 0.245 / height, f"minimise {words}  ·  {facts}", va="top",
                fontsize=7.5, color=style.MUTED)  # fmt: skip
    return figure


def chart_data(comparison: Comparison) -> tuple[list[Line], float | None, str, float]:
    """Rows of the chart best first, the bound, the unit of the axis and its factor.

    Returns
    -------
    lines : list of Line
    bound : float or None
        Mean of the bounds, where every run has one.
    unit : str
        Of the axis; empty where the objective has none.
    scale : float
        What one unit of the axis is in base units.
    """
    base = UNITS.get(str(comparison.scenario.objective), "")
    found = [r["objective"] for r in comparison.rows if math.isfinite(r.get("objective", math.inf))]
    unit, scale = base, 1.0
    if base == "s" and found:
        unit, scale = style.time_unit(max(found))
    lines = []
    for spec in dict.fromkeys(r["scheduler"] for r in comparison.rows):
        mine = [r for r in comparison.rows if r["scheduler"] == spec]
        error = next((str(r["error"]) for r in mine if "error" in r), "")
        values = () if error else tuple(float(r["objective"]) / scale for r in mine)
        lines.append(Line(spec, values, error))
    lines.sort(key=lambda line: (bool(line.error), line.mean, line.scheduler))
    bounds = [r.get("bound") for r in comparison.rows if "objective" in r]
    known = [float(b) for b in bounds if b is not None]
    complete = bool(known) and len(known) == len(bounds)
    return lines, sum(known) / len(known) / scale if complete else None, unit, scale


def _frame(
    axes: Axes, lines: Sequence[Line], shown: Sequence[float], bound: float | None, label: str
) -> None:
    """Names at the left; a scale from 0, or a logarithmic one where the values are far apart."""
    style.bare(axes)
    axes.set_ylim(len(lines) - 0.4, -0.6)
    axes.set_yticks(range(len(lines)), [line.scheduler for line in lines])
    axes.tick_params(axis="y", pad=3)
    axes.set_xlabel(label, labelpad=2)
    low, high = min(shown, default=0.0), max(shown, default=1.0)
    if low > 0 and high / low > LOG_FROM:
        axes.set_xscale("log")
        axes.set_xlim(min(low, bound or low) / 1.3, high * 1.15)
        axes.tick_params(axis="x", which="minor", bottom=False)
    else:
        axes.set_xlim(0, (high or 1.0) * 1.02)


def _name_ticks(axes: Axes, words: str, unit: str, scale: float | None) -> None:
    """Plain numbers on a logarithmic axis; seconds (`scale` each) with the prefix that fits."""
    from matplotlib.ticker import FuncFormatter, LogLocator

    low, high = axes.get_xlim()
    steps = (1.0, 2.0, 5.0) if high / low < 300 else (1.0,)
    axes.xaxis.set_major_locator(LogLocator(subs=steps, numticks=12))

    def name(value: float, _: int | None = None) -> str:
        return f"{value:,.6g}" if scale is None else format_si(value * scale, "s", digits=1)

    axes.xaxis.set_major_formatter(FuncFormatter(name))
    axes.set_xlabel(f"{words} ({unit})" if unit and scale is None else words, labelpad=2)


def _draw_line(axes: Axes, row: int, line: Line, best: float, scale: float, unit: str) -> None:
    """Bar (on a logarithmic scale a dot), range and dots of one scheduler, its mean and ratio."""
    note: dict[str, Any] = {"va": "center", "fontsize": 7.0}
    across = axes.get_yaxis_transform()
    finite = [v for v in line.values if math.isfinite(v)]
    if not math.isfinite(line.mean):
        why = "no answer" if line.error else "loses requests"
        axes.text(0.01, row, why, ha="left", color=style.MUTED, fontstyle="italic",
                  transform=across, **note)  # fmt: skip
    else:
        is_best = line.mean <= best * (1 + 1e-9)
        if axes.get_xscale() == "log":  # a bar needs a zero to start from
            axes.axhline(row, color=style.FAINT, linewidth=0.6, zorder=1)
            axes.plot(line.mean, row, "D", color=style.PALETTE[0] if is_best else "#8FA6BF",
                      markersize=5, markeredgewidth=0)  # fmt: skip
        else:
            colour = style.PALETTE[0] if is_best else "#C9D5E3"
            axes.barh(row, line.mean, height=0.62, color=colour, linewidth=0)
        value = line.mean * scale
        text = format_si(value, unit) if unit else f"{value:.4g}"
        axes.text(1.015, row, text, ha="left", color=style.INK, transform=across, **note)
        ratio = line.mean / best if best > 0 else 1.0
        axes.text(1.0, row, f"{ratio:.2f}x" if ratio < 100 else f"{ratio:,.0f}x", ha="right",
                  color=style.MUTED, transform=_beyond(axes), **note)  # fmt: skip
    if len(finite) > 1:
        axes.plot([min(finite), max(finite)], [row, row], "-", color=style.INK, linewidth=0.8)
        axes.plot(finite, [row] * len(finite), "o", color=style.INK, markersize=2.4,
                  markeredgewidth=0, alpha=0.7, clip_on=False)  # fmt: skip


def _beyond(axes: Axes) -> Any:
    """Coordinates whose x = 1 is the right edge of the figure, with y of the data."""
    from matplotlib.transforms import Affine2D, blended_transform_factory

    figure = axes.figure
    inset = Affine2D().translate(-0.008, 0.0)
    return blended_transform_factory(inset + figure.transFigure, axes.transData)  # type: ignore[union-attr]


def _draw_bound(axes: Axes, bound: float) -> None:
    axes.axvline(bound, color=style.ACCENT, linewidth=1.0, linestyle=(0, (4, 2)), zorder=4)
    axes.annotate("lower bound", (bound, 1), xycoords=("data", "axes fraction"), xytext=(0, 2),
                  textcoords="offset points", ha="center", va="bottom", fontsize=6.5,
                  color=style.ACCENT)  # fmt: skip
