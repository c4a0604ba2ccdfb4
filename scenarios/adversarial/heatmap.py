"""The square of ratios as a picture."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator.charts import style
from simulator.errors import unknown
from simulator.gantt import FORMATS

if TYPE_CHECKING:
    from scenarios.adversarial.square import Square

TOP = 50.0
"""Ratio from which on the colour does not change."""

LEAST_TOP = 2.0


def heat_map(square: Square, path: str | Path, *, dpi: int = 200) -> None:
    """Draw the largest ratio found of every pair: A in rows, B in columns, colour by logarithm.

    Parameters
    ----------
    square : Square
    path : str or Path
        The suffix says the format: png, svg or pdf.

    Raises
    ------
    UnknownName
        Another suffix.
    """
    from matplotlib import rc_context

    path = Path(path)
    kind = path.suffix.lstrip(".").lower()
    if kind not in FORMATS:
        raise unknown("chart format", kind, FORMATS, str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    with rc_context(style.RC):
        figure = _paint(square)
        figure.savefig(path, format=kind, dpi=dpi, metadata=style.undated(kind))


def _paint(square: Square) -> Any:
    rows, columns = square.sides()
    cell, size = 0.42, 7.0
    left = 0.35 + max(style.text_width(name, size) for name in rows) / 72
    below = 0.25 + max(style.text_width(name, size) for name in columns) / 72
    width = left + max(cell * len(columns), 3.2) + 0.75
    height = below + cell * len(rows) + 0.62
    figure = style.new_figure(width, height)
    axes = figure.add_axes((
        left / width, below / height,
        cell * len(columns) / width, cell * len(rows) / height,
    ))  # fmt: skip
    worst = max((f.ratio for f in square.found.values()), default=LEAST_TOP)
    top = min(max(worst, LEAST_TOP), TOP)
    for i, a in enumerate(rows):
        for j, b in enumerate(columns):
            _cell(axes, square, (a, b), i, j, top)
    axes.set_xlim(0, len(columns))
    axes.set_ylim(len(rows), 0)
    axes.set_xticks([j + 0.5 for j in range(len(columns))], columns, rotation=90, fontsize=size)
    axes.set_yticks([i + 0.5 for i in range(len(rows))], rows, fontsize=size)
    axes.tick_params(length=0, pad=2)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_xlabel("against", fontsize=size, labelpad=2)
    _bar(figure, top, (left + cell * len(columns) + 0.15) / width, below / height,
         cell * len(rows) / height, width)  # fmt: skip
    figure.text(0.06 / width, 1 - 0.06 / height, "How bad one is where another is good", va="top",
                fontsize=9.5, fontweight="bold", color=style.INK)  # fmt: skip
    figure.text(0.06 / width, 1 - 0.25 / height, _note(square), va="top", fontsize=6.5,
                color=style.MUTED)  # fmt: skip
    return figure


def _cell(axes: Any, square: Square, pair: tuple[str, str], i: int, j: int, top: float) -> None:
    from matplotlib.patches import Rectangle

    colour: Any = "#FFFFFF"
    text = ""
    if pair in square.found:
        ratio = square.found[pair].ratio
        colour = _colour(ratio, top)
        text = _short(ratio)
    elif pair in square.dominated:
        colour, text = "#F2F2F2", "never"
    elif pair in square.failed:
        colour, text = "#F2F2F2", "failed"
    axes.add_patch(Rectangle((j + 0.02, i + 0.02), 0.96, 0.96, facecolor=colour, linewidth=0))
    ink = style.ink_on(colour) if pair in square.found else style.MUTED
    axes.text(j + 0.5, i + 0.5, text, ha="center", va="center", fontsize=6.0, color=ink)


def _colour(ratio: float, top: float) -> Any:
    share = math.log(min(max(ratio, 1.0), top)) / math.log(top)
    return style.ramp(share)


def _short(ratio: float) -> str:
    """Three digits at most.

    Examples
    --------
    >>> _short(1.234), _short(12.34), _short(123.4)
    ('1.23', '12.3', '123')
    """
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:.1f}" if ratio < 100 else f"{ratio:.0f}"


def _bar(figure: Any, top: float, left: float, bottom: float, height: float, width: float) -> None:
    """The legend of colours, on a logarithmic scale."""
    axes = figure.add_axes((left, bottom, 0.12 / width, height))
    steps = 64
    for k in range(steps):
        low, high = top ** (k / steps), top ** ((k + 1) / steps)
        axes.axhspan(low, high, color=_colour(math.sqrt(low * high), top), linewidth=0)
    axes.set_yscale("log")
    axes.set_ylim(1, top)
    ticks = [x for x in (1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0) if x <= top * 1.001]
    axes.set_yticks(ticks, [f"{x:g}" for x in ticks], fontsize=6)
    axes.set_yticks([], minor=True)
    axes.set_xticks([])
    axes.yaxis.tick_right()
    axes.tick_params(length=2, pad=2)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _note(square: Square) -> str:
    settings = square.settings
    budget = (
        f"{settings.seconds:g} s" if settings.seconds else f"{settings.evaluations:,} instances"
    )
    return f"largest makespan ratio found, row over column;\n{budget} a pair, seed {settings.seed}"
