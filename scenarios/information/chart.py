"""Loss against the error of the estimates, for every scheduler."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator.charts import style
from simulator.errors import unknown
from simulator.gantt import FORMATS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from scenarios.information.losses import Losses

MARKS, SHOWN = "os^Dv", "●■▲◆▼"
APART = 1.2
"""Distance of what is no noise, whose labels are longer than numbers."""

MOST = 8
"""Schedulers with a colour of their own; the others are grey."""


def losses_chart(result: Losses, path: str | Path, *, width: float = 7.2, dpi: int = 200) -> None:
    """Draw two panels into a PNG, SVG or PDF.

    Left: what each scheduler loses against itself with exact information; bands are 95 % bootstrap
    intervals over the seeds. Right: its objective over that of the best scheduler with exact
    information, because a scheduler that does not look at durations loses nothing and may still be
    bad.

    Raises
    ------
    UnknownName
        Another suffix.
    """
    path = Path(path)
    kind = path.suffix.lstrip(".").lower()
    if kind not in FORMATS:
        raise unknown("chart format", kind, FORMATS, str(path))
    from matplotlib import rc_context

    path.parent.mkdir(parents=True, exist_ok=True)
    with rc_context(style.RC):
        figure = _paint(result, width)
        figure.savefig(path, format=kind, dpi=dpi, metadata=style.undated(kind))


def _paint(result: Losses, width: float) -> Any:
    specs = result.schedulers
    height = max(3.0, 1.1 + 0.145 * len(specs))
    figure = style.new_figure(width, height)
    names = (max(style.text_width(s, 7) for s in specs) + 18) / 72 / width
    gap, left, bottom = 0.52 / width, 0.52 / width, 0.52 / height
    each = (1 - left - gap - names - 0.08 / width) / 2
    tall = 1 - bottom - 0.62 / height
    panels = [figure.add_axes((left + i * (each + gap), bottom, each, tall)) for i in (0, 1)]
    for axes, key in zip(panels, ("loss", "ratio"), strict=True):
        _frame(axes, result, key)
        for i, spec in reversed(list(enumerate(specs))):
            _line(axes, result, spec, i, key)
    _names(figure, specs, 1 - names, bottom + tall, 0.145 / height)
    place = 0.06 / width
    figure.text(place, 1 - 0.06 / height, f"{result.scenario.name}: what wrong estimates cost",
                va="top", fontsize=9.5, fontweight="bold", color=style.INK)  # fmt: skip
    objective = str(result.scenario.objective).replace("_", " ")
    seeds = len(result.seeds)
    figure.text(place, 1 - 0.245 / height,
                f"minimise {objective}  ·  {seeds} seed{'s' if seeds > 1 else ''}, means"
                + ("  ·  bands: 95 % bootstrap intervals" if seeds > 1 else ""),
                va="top", fontsize=7.5, color=style.MUTED)  # fmt: skip
    return figure


def _columns(result: Losses) -> tuple[list[str], list[str]]:
    """Texts of the levels of noise, and of what is no noise."""
    noise = [str(x) for x in result.information if x.mode in ("exact", "noisy")]
    return noise, [str(x) for x in result.information if str(x) not in noise]


def _frame(axes: Axes, result: Losses, key: str) -> None:
    style.bare(axes, grid="y")
    noise, others = _columns(result)
    words = {str(x): f"{x.sigma:g}" for x in result.information if x.mode in ("exact", "noisy")}
    labels = [words[x] for x in noise]
    places: list[float] = list(range(len(noise)))
    if others:
        labels += [_short(x) for x in others]
        places += [len(noise) + 0.4 + APART * i for i in range(len(others))]
    axes.set_xticks(places, labels, fontsize=7)
    axes.set_xlim(-0.3, max(places) + 0.4)
    axes.set_xlabel("sigma of the logarithm of the error" if len(noise) > 1 else "information",
                    labelpad=2)  # fmt: skip
    title = "loss against exact information (%)" if key == "loss" else "over best exact objective"
    axes.set_title(title, loc="left", fontsize=8, color=style.INK, pad=4)
    shown = [row[key] for row in result.summary if math.isfinite(row.get(key, math.nan))]
    if key == "ratio" and shown and max(shown) > 8:
        from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    if key == "loss":
        axes.axhline(0, color=style.MUTED, linewidth=0.7, zorder=1)


def _short(text: str) -> str:
    """A label of two short lines at most."""
    if text.startswith("calibrated"):
        return "calibrated"
    return text.replace("[over=", "\n").removesuffix("]")


def colour(rank: int) -> Any:
    """Of the scheduler of this rank."""
    return style.PALETTE[rank] if rank < MOST else "#BBBBBB"


def _line(axes: Axes, result: Losses, spec: str, rank: int, key: str) -> None:
    rows = {r["information"]: r for r in result.summary if r["scheduler"] == spec}
    noise, others = _columns(result)
    scale = 100.0 if key == "loss" else 1.0
    paint, size = style.blend(colour(rank), "black", 0.12), 3.2 if rank < MOST else 2.0
    points = [(i, scale * rows[x][key]) for i, x in enumerate(noise)
              if math.isfinite(rows.get(x, {}).get(key, math.nan))]  # fmt: skip
    axes.plot(*zip(*points, strict=True) if points else ([], []), "-", color=paint,
              marker=MARKS[rank % len(MARKS)], markersize=size, markeredgewidth=0,
              linewidth=1.3 if rank < MOST else 0.8, zorder=4 - (rank >= MOST))  # fmt: skip
    if key == "loss":
        band = [(i, scale * rows[x]["loss_low"], scale * rows[x]["loss_high"])
                for i, x in enumerate(noise)
                if rows.get(x, {}).get("loss_low") is not None]  # fmt: skip
        if len(band) > 1 and rank < MOST:
            x, low, high = zip(*band, strict=True)
            axes.fill_between(x, low, high, color=paint, alpha=0.1, linewidth=0)
    lone = [(len(noise) + 0.4 + APART * i, scale * rows[x][key]) for i, x in enumerate(others)
            if math.isfinite(rows.get(x, {}).get(key, math.nan))]  # fmt: skip
    if lone:
        axes.plot(*zip(*lone, strict=True), marker=MARKS[rank % len(MARKS)], linestyle="none",
                  color=paint, markersize=size, markeredgewidth=0, zorder=4)  # fmt: skip


def _names(figure: Any, specs: tuple[str, ...], left: float, top: float, step: float) -> None:
    """The legend, best with exact information on top."""
    for i, spec in enumerate(specs):
        y = top - (i + 0.5) * step
        paint = style.blend(colour(i), "black", 0.12)
        figure.text(left, y, SHOWN[i % len(SHOWN)], color=paint, va="center", fontsize=7)
        figure.text(left + 0.02, y, spec, color=style.INK, va="center", fontsize=7)
