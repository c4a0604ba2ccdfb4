"""Heat map of single moves: tasks down, nodes across, the change of the objective in each cell."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenarios.explain.moves import change
from simulator.charts import style
from simulator.errors import unknown
from simulator.gantt import FORMATS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from scenarios.explain.explanation import Explanation

BETTER, WORSE = "#4477AA", "#EE8866"
CLOSED = "#F1F1F1"
MOST_ROWS, MOST_COLUMNS = 40, 60
FULL = 3.0
"""Relative change (four times as much) from which a cell has the full colour."""

FAINTEST = 0.02
"""Relative change that is just visible; colours grow with its logarithm."""


def heat_map(told: Explanation, path: str | Path, *, width: float = 7.2, dpi: int = 200) -> None:
    """Draw the moves into a PNG, SVG or PDF.

    Blue is better, orange is worse, grey is not admissible; a frame marks where a task is now. Of
    several variants the best counts. The tasks that count most are shown if there are many.

    Parameters
    ----------
    told : Explanation
    path : str or Path
        The suffix says the format.
    width : float, inches
    dpi : int

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
        figure = _paint(told, width)
        figure.savefig(path, format=kind, dpi=dpi, metadata=style.undated(kind))


def shade(relative: float) -> tuple[float, float, float]:
    """Colour of a relative change: white for none, stronger with its logarithm."""
    size = abs(relative)
    if math.isnan(size) or size < 5e-5:
        return style.blend("white", "white", 0.0)
    share = math.log1p(size / FAINTEST) / math.log1p(FULL / FAINTEST)
    return style.blend("white", BETTER if relative < 0 else WORSE, min(share, 1.0))


def brief(relative: float) -> str:
    """A relative change in a cell."""
    if math.isnan(relative):
        return "?"
    if abs(relative) < 5e-5:
        return "0"
    if relative >= 9.995:
        return f"×{1 + relative:,.0f}"
    digits = 1 if abs(relative) < 0.1 else 0
    return f"{100 * relative:+.{digits}f} %"


def _paint(told: Explanation, width: float) -> Any:
    order = sorted(range(len(told.tasks)), key=lambda i: -told.tasks[i].seconds)[:MOST_ROWS]
    facts = [told.tasks[i] for i in sorted(order)]
    nodes = list(told.problem.node_names)[:MOST_COLUMNS]
    names = max(style.text_width(f.task, 8) for f in facts)
    slanted = max(style.text_width(n, 7.5) for n in nodes) > 0.9 * _cell_width(width, names, nodes)
    above = (max(style.text_width(n, 7.5) for n in nodes) * 0.72 + 14) / 72 if slanted else 0.22
    height = 0.27 * len(facts) + above + 0.74
    figure = style.new_figure(width, height)
    left = (names + 14) / 72 / width
    axes = figure.add_axes(
        (left, 0.28 / height, 1 - left - 0.16 / width, 0.27 * len(facts) / height)
    )
    _frame(axes, [f.task for f in facts], nodes, slanted)
    for row, fact in enumerate(facts):
        for column, node in enumerate(nodes):
            held = told.cell(fact.task, node)
            relative = change(held, told.objective) if held == held else None
            _cell(axes, row, column, relative, node == fact.node, width / len(nodes) * 50)
    _words(figure, told, len(facts), len(nodes), width, height)
    return figure


def _cell_width(width: float, names: float, nodes: list[str]) -> float:
    """Points."""
    return (72 * (width - 0.16) - names - 14) / len(nodes)


def _frame(axes: Axes, tasks: list[str], nodes: list[str], slanted: bool) -> None:
    style.bare(axes, grid=None)
    axes.spines["bottom"].set_visible(False)
    axes.set_xlim(0, len(nodes))
    axes.set_ylim(len(tasks), 0)
    axes.xaxis.tick_top()
    axes.set_xticks([i + 0.5 for i in range(len(nodes))], nodes)
    for label in axes.get_xticklabels():
        if slanted:
            label.set(rotation=45, ha="left", rotation_mode="anchor")
        label.set_fontsize(7.5)
    axes.set_yticks([i + 0.5 for i in range(len(tasks))], tasks)
    axes.tick_params(axis="both", length=0, pad=3)


def _cell(
    axes: Axes, row: int, column: int, relative: float | None, here: bool, points: float
) -> None:
    from matplotlib.patches import Rectangle

    colour: Any = CLOSED if relative is None else shade(relative)
    axes.add_patch(Rectangle((column, row), 1, 1, facecolor=colour, edgecolor="white",
                             linewidth=1.2))  # fmt: skip
    if here:
        axes.add_patch(Rectangle((column + 0.02, row + 0.06), 0.96, 0.88, fill=False,
                                 edgecolor=style.INK, linewidth=1.1, zorder=3))  # fmt: skip
    text = "" if relative is None else brief(relative)
    text = style.first_that_fits([text, text.replace(" %", "")], points, 7)
    axes.text(column + 0.5, row + 0.52, text, ha="center", va="center", fontsize=7,
              color=style.ink_on(colour))  # fmt: skip


def _words(
    figure: Any, told: Explanation, rows: int, columns: int, width: float, height: float
) -> None:
    from scenarios.explain.words import value

    objective = str(told.problem.objective)
    place = 0.06 / width
    figure.text(place, 1 - 0.06 / height, f"{told.problem.name}: if one task moves", va="top",
                fontsize=9.5, fontweight="bold", color=style.INK)  # fmt: skip
    figure.text(place, 1 - 0.245 / height,
                f"change of {objective.replace('_', ' ')}, now {value(objective, told.objective)}"
                f"  ·  seed {told.trace.seed}", va="top", fontsize=7.5,
                color=style.MUTED)  # fmt: skip
    left_out = len(told.tasks) - rows, told.problem.n_nodes - columns
    more = "".join(
        f"  ·  {count} {what} more are not shown"
        for count, what in zip(left_out, ("tasks", "nodes"), strict=True)
        if count > 0
    )
    figure.text(place, 0.07 / height,
                "framed: where the task is now  ·  blue: better, orange: worse, grey: not "
                f"admissible{more}", va="bottom", fontsize=6.5, color=style.MUTED)  # fmt: skip
