"""Figures of an analysis: effects with intervals, critical differences, profiles, levels."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scenarios.statistics.output import SUFFIXES
from simulator.charts import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from scenarios.statistics.analysis import Analysis

WIDTH = 7.2
"""Inches: the text width of a two-column paper."""

STRONG = (
    "#4477AA", "#EE6677", "#228833", "#CCBB44", "#66CCEE", "#AA3377", "#332288", "#DD7733",
)  # fmt: skip
"""Lines need stronger colours than areas: P. Tol's "bright" scheme without its grey, and two."""

DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.5, 1)), (0, (5, 1, 1, 1)))
MOST_LINES = 8
TAU_MAX = 5.0


def draw(a: Analysis, folder: Path, dpi: int = 150) -> list[Path]:
    """Draw all figures that the analysis has into a folder, as PNG, SVG and PDF."""
    from matplotlib import rc_context

    made = []
    with rc_context({**style.RC, "svg.hashsalt": "alloclab"}):
        for name, paint in (
            ("effects", effects), ("ranks", ranks), ("profiles", profiles), ("levels", levels),
        ):  # fmt: skip
            figure = paint(a)
            if figure is None:
                continue
            for kind in SUFFIXES:
                path = folder / f"{name}.{kind}"
                figure.savefig(path, format=kind, dpi=dpi, metadata=style.undated(kind))
                made.append(path)
    return made


def _title(figure: Figure, height: float, text: str, below: str) -> None:
    left = 0.06 / WIDTH
    figure.text(left, 1 - 0.06 / height, text, va="top", fontsize=9.5, fontweight="bold",
                color=style.INK)  # fmt: skip
    figure.text(left, 1 - 0.25 / height, below, va="top", fontsize=7.5, color=style.MUTED)


def effects(a: Analysis) -> Figure | None:
    """Effect of every scheduler with both intervals, best on top; None where there is none."""
    table = a.table[np.isfinite(a.table["effect"])]
    if table.empty:
        return None
    height = 1.0 + 0.19 * len(table)
    figure = style.new_figure(WIDTH, height)
    left = (max(style.text_width(s, 8) for s in table["scheduler"]) + 14) / 72 / WIDTH
    axes = figure.add_axes((left, 0.42 / height, 0.97 - left, 1 - 0.92 / height))
    style.bare(axes)
    axes.axvline(1.0 if a.scale == "ratio" else 0.0, color=style.MUTED, linewidth=0.8)
    for y, row in enumerate(table.to_dict("records")):
        sure = row["p_holm"] <= a.settings.alpha
        axes.plot([row["family_low"], row["family_high"]], [y, y], color="#BBCCDD", linewidth=3.4,
                  solid_capstyle="butt")  # fmt: skip
        axes.plot([row["low"], row["high"]], [y, y], color=style.INK, linewidth=1.0)
        axes.plot(row["effect"], y, "o", markersize=4.2, markeredgewidth=0.9,
                  markeredgecolor=STRONG[0], color=STRONG[0] if sure else "white")  # fmt: skip
    axes.set_ylim(len(table) - 0.4, -0.6)
    axes.set_yticks(range(len(table)), table["scheduler"].tolist())
    word = "ratio" if a.scale == "ratio" else "difference"
    axes.set_xlabel(f"{a.metric.replace('_', ' ')}: {word} to {a.baseline}", labelpad=2)
    if a.scale == "ratio":
        _log_ratios(axes, table)
    wide = "; wide: over families" if a.size["families"] > 1 else ""
    _title(figure, height, f"Against {a.baseline}, {a.size['units']:,} {a.unit}s",
           f"{100 * a.settings.confidence:g} % intervals over {a.drawn}s{wide}; "
           "filled: significant after Holm's correction")  # fmt: skip
    return figure


def _log_ratios(axes: Axes, table: Any) -> None:
    """A logarithmic axis with plain numbers, if ratios span enough."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    ends = table[["effect", "low", "high", "family_low", "family_high"]].to_numpy(dtype=float)
    ends = ends[np.isfinite(ends) & (ends > 0)]
    low, high = min(float(ends.min()), 1.0) / 1.03, max(float(ends.max()), 1.0) * 1.03
    axes.set_xlim(low, high)
    if high / low < 1.8:
        return
    axes.set_xscale("log")
    steps = [m * 10.0**e for e in range(-3, 7) for m in (1, 1.2, 1.5, 2, 3, 5, 7)]
    inside = [t for t in steps if low <= t <= high]
    while len(inside) > 11:
        inside = [t for t in inside if t == 1] + [t for t in inside[::2] if t != 1]
        inside.sort()
    axes.xaxis.set_major_locator(FixedLocator(inside))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))


def ranks(a: Analysis) -> Figure | None:
    """Critical-difference diagram; schedulers joined by a bar cannot be told apart."""
    if a.ranks is None:
        return None
    import pandas as pd
    from scikit_posthocs import critical_difference_diagram

    r = a.ranks
    average = pd.Series(r.average, index=r.schedulers)
    apart = np.abs(np.subtract.outer(r.average, r.average)) >= r.critical_difference
    matrix = pd.DataFrame(np.where(apart, 0.0, 1.0), index=r.schedulers, columns=r.schedulers)
    height = 1.1 + 0.105 * len(average) + 0.11 * len(r.groups)
    figure = style.new_figure(WIDTH, height)
    side = (max(style.text_width(f"{s} 00.00", 7.5) for s in r.schedulers) + 10) / 72 / WIDTH
    axes = figure.add_axes((side, 0.05 / height, 1 - 2 * side, 1 - 0.82 / height))
    drawn = critical_difference_diagram(
        average, matrix, ax=axes, alpha=r.alpha, text_h_margin=0.02 * float(np.ptp(average)),
        label_fmt_left="{label} {rank:.2f} ", label_fmt_right=" {rank:.2f} {label}",
        label_props={"fontsize": 7.5},
        elbow_props={"color": style.MUTED, "linewidth": 0.6},
        marker_props={"s": 9, "color": STRONG[0]},
        crossbar_props={"color": style.ACCENT, "linewidth": 1.8},
    )  # fmt: skip
    for label in drawn["labels"]:
        label.set_color(style.INK)
    axes.tick_params(axis="x", labelsize=7)
    p = "p < 0.001" if r.p < 0.001 else f"p = {r.p:.3f}"
    _title(figure, height, f"Average ranks over {r.units:,} {a.unit}s, 1 is best",
           f"a bar joins schedulers less than Nemenyi's critical difference of "
           f"{r.critical_difference:.2f} apart; Friedman's test: {p}")  # fmt: skip
    return figure


def profiles(a: Analysis) -> Figure | None:
    """Performance profiles: the best ones coloured, the others grey; None where there are none."""
    if a.profiles is None or not len(a.profiles.ratios):
        return None
    found = a.profiles
    order = found.order()
    taus = np.exp(np.linspace(0.0, math.log(TAU_MAX), 400))
    shares = found.at(taus)
    height = 3.3
    figure = style.new_figure(WIDTH, height)
    names = [found.schedulers[s] for s in order[:MOST_LINES]]
    room = (max(style.text_width(n, 7.5) for n in names) + 40) / 72 / WIDTH
    axes = figure.add_axes(
        (0.62 / WIDTH, 0.42 / height, 1 - room - 0.72 / WIDTH, 1 - 0.95 / height)
    )
    style.bare(axes, grid="both")
    for s in order[MOST_LINES:]:
        axes.step(taus, shares[s], where="post", color="#CCCCCC", linewidth=0.7)
    for i, s in reversed(list(enumerate(order[:MOST_LINES]))):
        axes.step(taus, shares[s], where="post", color=STRONG[i], linewidth=1.4,
                  linestyle=DASHES[i % len(DASHES)], label=found.schedulers[s])  # fmt: skip
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], labels[::-1], loc="upper left", bbox_to_anchor=(1.01, 1.02),
                frameon=False, fontsize=7.5, handlelength=2.4)  # fmt: skip
    _log_taus(axes)
    words = a.metric.replace("_", " ")
    axes.set_xlabel(f"τ: {words} at most τ times the best of all schedulers", labelpad=2)
    axes.set_ylabel(f"share of {a.unit}s", labelpad=3)
    others = len(order) - MOST_LINES
    grey = f"; grey: {others} others" if others > 0 else ""
    _title(figure, height, f"Performance profiles, {len(found.ratios):,} {a.unit}s",
           f"higher and further left is better{grey}")  # fmt: skip
    return figure


def _log_taus(axes: Axes) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    axes.set_xscale("log")
    axes.set_xlim(1.0, TAU_MAX)
    axes.set_ylim(0.0, 1.005)
    axes.xaxis.set_major_locator(FixedLocator([1, 1.1, 1.2, 1.5, 2, 3, 5]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{100 * y:.0f} %"))


def levels(a: Analysis) -> Figure | None:
    """Heat map of effects: schedulers down, levels of all factors across."""
    if a.levels.empty or a.scale != "ratio":
        return None
    table = a.levels
    columns = list(dict.fromkeys(zip(table["factor"], table["level"], strict=True)))
    names = [s for s in a.table["scheduler"] if s in set(table["scheduler"])]
    cell = {
        (row["scheduler"], row["factor"], row["level"]): row["effect"]
        for row in table.to_dict("records")
    }
    data = np.array([[cell.get((s, *c), math.nan) for c in columns] for s in names], dtype=float)
    left = (max(style.text_width(s, 7) for s in names) + 10) / 72
    across = (max(style.text_width(_level(level), 7) for _, level in columns) + 8) / 72
    height = 0.76 + across + 0.145 * len(names)
    figure = style.new_figure(WIDTH, height)
    axes = figure.add_axes(
        (left / WIDTH, 0.2 / height, 1 - (left + 0.05) / WIDTH, 0.145 * len(names) / height)
    )
    _heat(axes, data)
    axes.set_xticks(range(len(columns)), [_level(level) for _, level in columns], rotation=90)
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(labelsize=7, length=0, top=True, labeltop=True, bottom=False,
                     labelbottom=False, pad=2)  # fmt: skip
    _separate(axes, [factor for factor, _ in columns])
    _title(figure, height, f"{a.metric.replace('_', ' ').capitalize()}: ratio to {a.baseline}",
           "geometric means within the levels of every factor; blue is better")  # fmt: skip
    return figure


def _level(level: Any) -> str:
    text = f"{level:g}" if isinstance(level, float) else str(level)
    return text if len(text) <= 24 else f"{text[:23]}…"


def _heat(axes: Axes, data: Any) -> None:
    """Colours by the logarithm of the ratio, with the number in each cell that has room."""
    from matplotlib import colormaps
    from matplotlib.colors import Normalize

    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(data)
    finite = np.abs(logs[np.isfinite(logs)])
    most = max(float(np.quantile(finite, 0.9)) if len(finite) else 0.0, 0.05)
    norm, colours = Normalize(-most, most), colormaps["RdBu_r"]
    axes.imshow(logs, aspect="auto", cmap=colours, norm=norm)
    for side in axes.spines.values():
        side.set_visible(False)
    for y, x in np.argwhere(np.isfinite(data)):
        value = data[y, x]
        text = f"{value:.2f}" if value < 10 else f"{value:.0f}"
        ink = style.ink_on(colours(norm(logs[y, x])))
        axes.text(x, y, text, ha="center", va="center", fontsize=5.6, color=ink)


def _separate(axes: Axes, factors: list[str]) -> None:
    """A gap between factors, and their names below."""
    for x in range(1, len(factors)):
        if factors[x] != factors[x - 1]:
            axes.axvline(x - 0.5, color="white", linewidth=2.5)
    for factor in dict.fromkeys(factors):
        middle = float(np.mean([x for x, f in enumerate(factors) if f == factor]))
        axes.annotate(factor.removeprefix("param."), (middle, 0), xytext=(0, -4), va="top",
                      ha="center", xycoords=("data", "axes fraction"), fontsize=7,
                      textcoords="offset points", color=style.MUTED)  # fmt: skip
