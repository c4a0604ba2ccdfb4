"""Best-so-far curves of searches: how good the answer was after how many CPU seconds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenarios.plots import SECONDS, UNITS
from simulator.charts import style
from simulator.errors import InvalidScenario, unknown
from simulator.gantt import FORMATS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from schedulers.outcome import Outcome

COLOURS = ("#4477AA", "#EE6677", "#228833", "#CCBB44", "#66CCEE", "#AA3377", "#BBBBBB")
"""P. Tol's "bright" scheme, for lines."""

DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)))
"""Where there are more searches than colours, the next round of them has other dashes."""

LEAST_SECONDS = 1e-4
"""Where the axis of time begins at the latest: nothing is known about earlier moments."""


def curve_rows(scheduler: str, seed: int, outcome: Outcome) -> list[dict[str, Any]]:
    """One row an improvement: scheduler, seed, CPU seconds, evaluations, objective."""
    return [{"scheduler": scheduler, "seed": seed, **point._asdict()} for point in outcome.curve]


def curves_chart(
    outcomes: Mapping[str, Outcome],
    path: str | Path,
    *,
    title: str,
    objective: str,
    width: float = 7.2,
    dpi: int = 200,
) -> None:
    """Draw the best-so-far curves of several schedulers into a PNG, SVG or PDF.

    Time is logarithmic. Schedulers that answer once are dots, searches are steps; each is named at
    its end. The dashed line is the best lower bound that any of them knows.

    Parameters
    ----------
    outcomes : mapping of spec to Outcome
    path : str or Path
        The suffix says the format.
    title : str
    objective : str
        Name of what is minimised.
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
    drawn = {
        spec: o for spec, o in outcomes.items() if o.curve and math.isfinite(o.curve[-1].objective)
    }
    if not drawn:
        raise InvalidScenario("curves: no scheduler has found an allocation")
    from matplotlib import rc_context

    path.parent.mkdir(parents=True, exist_ok=True)
    with rc_context(style.RC):
        figure = _paint(drawn, title, objective, width)
        figure.savefig(path, format=kind, dpi=dpi, metadata=style.undated(kind))


def look(i: int) -> tuple[str, Any]:
    """Colour and dashes of the i-th search: no two of the first 28 are alike."""
    return COLOURS[i % len(COLOURS)], DASHES[i // len(COLOURS) % len(DASHES)]


def _paint(outcomes: Mapping[str, Outcome], title: str, objective: str, width: float) -> Any:
    searches = [spec for spec, o in outcomes.items() if len(o.curve) > 1]
    single = [spec for spec in outcomes if spec not in searches]
    values = [o.curve[-1].objective for o in outcomes.values()]
    unit, scale = UNITS.get(objective, ""), 1.0
    if objective in SECONDS:
        unit, scale = style.time_unit(max(values))
    height = 3.6
    figure = style.new_figure(width, height)
    axes = figure.add_axes((0.62 / width, 0.48 / height, 1 - 2.2 / width, 1 - 1.0 / height))
    style.bare(axes)
    axes.set_xscale("log")
    end = max(max(o.cpu_seconds, LEAST_SECONDS) for o in outcomes.values())
    labels = []
    for spec in single:
        point = outcomes[spec].curve[-1]
        axes.plot(max(point.seconds, LEAST_SECONDS), point.objective / scale, "o",
                  color=style.MUTED, markersize=3, markeredgewidth=0)  # fmt: skip
    for i, spec in enumerate(searches):
        colour, dashes = look(i)
        x = [max(p.seconds, LEAST_SECONDS) for p in outcomes[spec].curve] + [end]
        y = [p.objective / scale for p in outcomes[spec].curve]
        axes.plot(x, [*y, y[-1]], drawstyle="steps-post", color=colour, linestyle=dashes,
                  linewidth=1.3)  # fmt: skip
        labels.append((y[-1], spec, colour))
    words = objective.replace("_", " ")
    axes.set_xlabel("CPU seconds of the search", labelpad=2)
    axes.set_ylabel(f"{words} ({unit})" if unit else words, labelpad=3)
    bounds = [o.bound for o in outcomes.values() if o.bound is not None]
    note = _limit(axes, outcomes, max(bounds) / scale if bounds else None, scale)
    _name(axes, labels)
    if single:
        axes.plot([], [], "o", color=style.MUTED, markersize=3, label="schedulers that answer once")
        axes.legend(loc="upper right", frameon=False, fontsize=6.5, handletextpad=0.2)
    figure.text(0.06 / width, 1 - 0.06 / height, title, va="top", fontsize=9.5,
                fontweight="bold", color=style.INK)  # fmt: skip
    figure.text(0.06 / width, 1 - 0.245 / height, f"best {words} found so far{note}", va="top",
                fontsize=7.5, color=style.MUTED)  # fmt: skip
    return figure


def _limit(axes: Axes, outcomes: Mapping[str, Outcome], bound: float | None, scale: float) -> str:
    """Show the searches whole and what is near them; returns a note on what lies outside."""
    points = [p.objective / scale for o in outcomes.values() for p in o.curve]
    searched = [p.objective / scale for o in outcomes.values() if len(o.curve) > 1
                for p in o.curve]  # fmt: skip
    low = min(points)
    high = max(searched, default=max(points))
    high = max([high, *(x for x in points if x < high + (high - low))])
    note = ""
    if bound is not None and low - bound <= 0.8 * (high - low):
        low = min(low, bound)
        axes.axhline(bound, color=style.ACCENT, linewidth=1.0, linestyle=(0, (4, 2)))
        axes.annotate("lower bound", (0, bound), xycoords=("axes fraction", "data"),
                      xytext=(3, 2), textcoords="offset points", fontsize=6.5,
                      color=style.ACCENT)  # fmt: skip
    elif bound is not None:
        note = f"  ·  lower bound {bound:.4g}, below the axis"
    above = sum(o.curve[-1].objective / scale > high for o in outcomes.values())
    if above:
        note += f"  ·  {above} worse than shown"
    room = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    axes.set_ylim(low - room, high + room)
    return note


def _name(axes: Axes, labels: Sequence[tuple[float, str, str]]) -> None:
    """Names at the right end of the curves, moved apart so that none covers another."""
    low, high = axes.get_ylim()
    gap = 0.048 * (high - low)
    place = -math.inf
    for value, spec, colour in sorted(labels):
        place = max(min(value, high), place + gap)
        text = spec if len(spec) <= 30 else spec[:29] + "…"
        axes.annotate(text, (1, place), xycoords=("axes fraction", "data"), xytext=(5, 0),
                      textcoords="offset points", va="center", fontsize=7, color=colour,
                      annotation_clip=False)  # fmt: skip
