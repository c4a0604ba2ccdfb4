"""Pareto fronts of searches for several objectives: a table, the allocations, a chart."""

from __future__ import annotations

import math
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from scenarios.plots import LOG_FROM, SECONDS, UNITS
from simulator.charts import style
from simulator.errors import InvalidScenario, unknown
from simulator.gantt import FORMATS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from schedulers.outcome import Outcome

COLUMNS = {"throughput": "seconds_per_request", "accuracy": "accuracy_loss"}
"""Columns of the table whose objective is not what its name says, because all are minimised."""

WORDS = {
    "throughput": "time per request",
    "accuracy": "1 − mean accuracy",
    "cost": "price",
    "cost_busy": "price of busy time",
    "lost": "lost requests",
}
POINT = "#4477AA"
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def front_rows(outcome: Outcome) -> list[dict[str, Any]]:
    """One row a point, in the order of the front: its number, objectives, whether it was chosen."""
    return [
        {
            "point": i,
            **{COLUMNS.get(name, name): value for name, value in p.objectives.items()},
            "chosen": p.allocation == outcome.allocation,
        }
        for i, p in enumerate(outcome.front)
    ]


def write_front(work: Path, outcome: Outcome, title: str, suffix: str = "") -> None:
    """Write ``front.csv``, ``front.json`` with the allocations, and ``pareto.png`` into a folder.

    Nothing is written for an outcome without a front. The suffix comes before the dot.
    """
    if not outcome.front:
        return
    import pandas as pd

    from scenarios.results import to_json

    pd.DataFrame(front_rows(outcome)).to_csv(work / f"front{suffix}.csv", index=False)
    points = outcome.to_dict()["front"]
    (work / f"front{suffix}.json").write_text(to_json(points) + "\n", encoding="utf-8")
    pareto_chart(outcome, work / f"pareto{suffix}.png", title=title)


def pareto_chart(
    outcome: Outcome, path: str | Path, *, title: str, width: float = 7.2, dpi: int = 200
) -> None:
    """Draw the front of an outcome into a PNG, SVG or PDF.

    Two objectives are one panel, in which the step line bounds what the front dominates; more are
    a panel for each pair, in which dark points are those that no other point beats in that pair.
    An objective in which all points are alike has no panel. The chosen point is marked.

    Parameters
    ----------
    outcome : Outcome
    path : str or Path
        The suffix says the format.
    title : str
    width : float, inches
    dpi : int

    Raises
    ------
    UnknownName
        Another suffix.
    InvalidScenario
        The outcome has no front.
    """
    path = Path(path)
    kind = path.suffix.lstrip(".").lower()
    if kind not in FORMATS:
        raise unknown("chart format", kind, FORMATS, str(path))
    if not outcome.front:
        raise InvalidScenario("pareto: the outcome has no front")
    from matplotlib import rc_context

    path.parent.mkdir(parents=True, exist_ok=True)
    with rc_context(style.RC):
        figure = _paint(outcome, title, width)
        figure.savefig(path, format=kind, dpi=dpi, metadata=style.undated(kind))


class Axis(NamedTuple):
    """One objective as it is drawn.

    Parameters
    ----------
    words, unit : str
    scale : float, of the unit
    values : (B,) float array, in the unit
    """

    words: str
    unit: str
    scale: float
    values: np.ndarray

    @property
    def label(self) -> str:
        """Words and unit."""
        return f"{self.words} ({self.unit})" if self.unit else self.words

    def text(self, value: float) -> str:
        """A value in the objective's own unit, as text; with words where it has no unit."""
        if self.unit and not self.unit.startswith("×"):
            return f"{value / self.scale:.4g} {self.unit}"
        text = f"{value / self.scale:.4g} {self.unit}".strip() if value else "0"
        return f"{self.words} {text}"


def axis_of(name: str, values: np.ndarray) -> Axis:
    """Words, unit and scale for an objective."""
    words, unit, scale = WORDS.get(name, name.replace("_", " ")), UNITS.get(name, ""), 1.0
    most = float(np.max(np.abs(values)))
    if name in SECONDS:
        unit, scale = style.time_unit(most)
    elif unit == "J" and most > 0:
        steps = (("GJ", 1e9), ("MJ", 1e6), ("kJ", 1e3), ("J", 1.0), ("mJ", 1e-3))
        unit, scale = next((s for s in steps if most >= 1.5 * s[1]), steps[-1])
    elif most > 0 and not 1e-3 <= most < 1e5:
        power = math.floor(math.log10(most))
        unit, scale = "× 10" + str(power).translate(SUPERSCRIPT), 10.0**power
    return Axis(words, unit, scale, values / scale)


def _paint(outcome: Outcome, title: str, width: float) -> Figure:
    names = list(outcome.front[0].objectives)
    values = np.array([[p.objectives[n] for n in names] for p in outcome.front])
    axes = [axis_of(n, column) for n, column in zip(names, values.T, strict=True)]
    extent = values.max(axis=0) - values.min(axis=0)
    shown = [i for i in range(len(names)) if extent[i] > 0]
    shown += [i for i in range(len(names)) if i not in shown][: max(2 - len(shown), 0)]
    pairs = list(combinations(sorted(shown), 2))
    chosen = next(
        (i for i, p in enumerate(outcome.front) if p.allocation == outcome.allocation), None
    )
    columns = min(len(pairs), 3)
    rows = math.ceil(len(pairs) / columns)
    left, right, below, above = 0.62, 0.14, 0.46, 0.1
    across = width / columns
    tall = 3.1 if columns == 1 else max(across, 2.3)
    head = 0.62
    height = head + rows * tall
    figure = style.new_figure(width, height)
    for k, (i, j) in enumerate(pairs):
        row, column = divmod(k, columns)
        box = (
            (column * across + left) / width,
            (height - head - (row + 1) * tall + below) / height,
            (across - left - right) / width,
            (tall - below - above) / height,
        )
        _panel(figure.add_axes(box), axes[i], axes[j], chosen)
    figure.text(0.06 / width, 1 - 0.06 / height, title, va="top", fontsize=9.5,
                fontweight="bold", color=style.INK)  # fmt: skip
    for k, line in enumerate(_facts(values, axes, chosen, extent, width)):
        figure.text(0.06 / width, 1 - (0.245 + 0.145 * k) / height, line, va="top",
                    fontsize=7.5, color=style.MUTED)  # fmt: skip
    return figure


def _facts(
    values: np.ndarray, axes: list[Axis], chosen: int | None, extent: np.ndarray, width: float
) -> list[str]:
    """Two lines: what is shown and chosen; hypervolume and reference point."""
    from schedulers.pareto.hypervolume import reference_point, share_of_box

    n = len(values)
    first = f"{n} allocations, none better than another in everything"
    if n == 1:
        first = "one allocation is best in everything"
    if chosen is not None:
        first += "  ·  chosen: " + ", ".join(
            a.text(v) for a, v in zip(axes, values[chosen], strict=True)
        )
    point = ", ".join(a.text(v) for a, v in zip(axes, reference_point(values), strict=True))
    share = share_of_box(values)
    last = f"hypervolume {share:.3f} of the box from the best values to ({point})"
    alike = [a.words for a, e in zip(axes, extent, strict=True) if e == 0]
    if alike and n > 1:
        last += f"  ·  all alike in {', '.join(alike)}"
    room = 72 * (width - 0.12)
    return [style.first_that_fits((line, line.split("  ·  ")[0]), room, 7.5)
            for line in (first, last)]  # fmt: skip


def _panel(axes: Axes, x: Axis, y: Axis, chosen: int | None) -> None:
    from schedulers.pareto.front import non_dominated

    style.bare(axes, grid="both")
    for axis, set_scale, values in (
        (axes.xaxis, axes.set_xscale, x.values),
        (axes.yaxis, axes.set_yscale, y.values),
    ):
        if values.min() > 0 and values.max() > LOG_FROM * values.min():
            set_scale("log")
            axis.set_minor_formatter("")
        axis.set_major_formatter(lambda value, _: f"{value:.6g}")
    best = non_dominated(np.column_stack([x.values, y.values]))
    order = np.argsort(x.values[best], kind="stable")
    steps_x, steps_y = x.values[best][order], y.values[best][order]
    axes.margins(0.08)
    axes.plot(x.values[~best], y.values[~best], "o", color=style.blend(POINT, "#FFFFFF", 0.6),
              markersize=3.2, markeredgewidth=0, zorder=2)  # fmt: skip
    axes.plot(steps_x, steps_y, "o", color=POINT, markersize=4, markeredgewidth=0, zorder=3)
    if chosen is not None:
        axes.plot(x.values[chosen], y.values[chosen], "o", color="none", markersize=8.5,
                  markeredgecolor=style.ACCENT, markeredgewidth=1.3, zorder=4)  # fmt: skip
    limits = axes.get_xlim(), axes.get_ylim()
    line_x = [steps_x[0], *steps_x, limits[0][1]]
    line_y = [limits[1][1], *steps_y, steps_y[-1]]
    axes.plot(line_x, line_y, drawstyle="steps-post", color=POINT, linewidth=0.9, zorder=1)
    axes.set_xlim(limits[0])
    axes.set_ylim(limits[1])
    axes.set_xlabel(x.label, labelpad=2)
    axes.set_ylabel(y.label, labelpad=3)
    if chosen is not None:
        _name_chosen(axes, float(x.values[chosen]), float(y.values[chosen]))


def _name_chosen(axes: Axes, x: float, y: float) -> None:
    """The word beside the mark, on the side of the panel's middle."""
    across, up = axes.transAxes.inverted().transform(axes.transData.transform((x, y)))
    right, top = across > 0.7, up > 0.85
    axes.annotate("chosen", (x, y), xytext=(-6 if right else 6, -6 if top else 6),
                  textcoords="offset points", ha="right" if right else "left",
                  va="top" if top else "bottom", fontsize=7, color=style.ACCENT)  # fmt: skip
