"""Colours, units and text of charts: one look, readable with any colour vision and in print."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PALETTE = (
    "#77AADD", "#EE8866", "#EEDD88", "#44BB99", "#FFAABB", "#99DDFF", "#BBCC33", "#AAAA00",
)  # fmt: skip
"""P. Tol's "light" scheme: distinct for all colour vision, light enough for black text [1]_.

.. [1] P. Tol, "Colour Schemes", SRON/EPS/TN/09-002, issue 3.2, 2021.
"""

INK, MUTED, FAINT = "#222222", "#666666", "#DDDDDD"
ACCENT = "#AA3377"
"""What a chart points at: the critical path, the p99 request, a bound."""

SLOW = "#CC3311"
"""A slow-down or a degraded link."""

TIME_UNITS = (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9))

RC: Any = {
    "font.size": 8.0,
    "font.family": "DejaVu Sans",
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.6,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "hatch.linewidth": 0.6,
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
}
"""Settings used inside a context only; nothing global is touched."""


def time_unit(span_s: float) -> tuple[str, float]:
    """Unit in which a span reads as at least 1.5, and its seconds.

    Examples
    --------
    >>> time_unit(0.35)
    ('ms', 0.001)
    """
    for name, seconds in TIME_UNITS:
        if span_s >= 1.5 * seconds:
            return name, seconds
    return ("s", 1.0) if span_s == 0 else TIME_UNITS[-1]


def blend(colour: Any, other: Any, share: float) -> tuple[float, float, float]:
    """`share` of `other` mixed into `colour`."""
    from matplotlib.colors import to_rgb

    a, b = to_rgb(colour), to_rgb(other)
    mixed = [x * (1 - share) + y * share for x, y in zip(a, b, strict=True)]
    return mixed[0], mixed[1], mixed[2]


def ink_on(colour: Any) -> str:
    """Black or white, whichever reads better on a colour (relative luminance of WCAG 2)."""
    from matplotlib.colors import to_rgb

    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return INK if luminance > 0.22 else "#FFFFFF"


@lru_cache(maxsize=4096)
def text_width(text: str, size: float) -> float:
    """Width in points of a text in the charts' font."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    if not text.strip():
        return 0.0
    path = TextPath((0, 0), text, size=size, prop=FontProperties(family=RC["font.family"]))
    return float(path.get_extents().width)


def arrows(text: str) -> str:
    """``a->b`` with a real arrow."""
    return text.replace(" -> ", " → ").replace("->", " → ")


def first_that_fits(texts: Sequence[str], points: float, size: float) -> str:
    """The first of the texts that is at most `points` wide; an empty one if none is."""
    for text in texts:
        # A cheap bound first: no character is narrower than a fifth of the size.
        if len(text) * size * 0.2 <= points and text_width(text, size) <= points:
            return text
    return ""


def new_figure(width: float, height: float) -> Figure:
    """A figure without pyplot, so that no global state is touched."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), facecolor="white")


def bare(axes: Axes, grid: str | None = "x") -> None:
    """Leave only the bottom spine and a faint grid behind the data."""
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    if grid is not None:
        axes.grid(axis=grid, color=FAINT, linewidth=0.6)  # type: ignore[arg-type]


def nice_step(span: float, most: int) -> float:
    """Smallest of 1, 2, 5 x 10^k that divides `span` into at most `most` steps."""
    raw = span / most
    power = 10.0 ** math.floor(math.log10(raw))
    return next(m * power for m in (1.0, 2.0, 5.0, 10.0) if m * power >= raw * (1 - 1e-9))


def ramp(share: float) -> Any:
    """Colour of a quantity between 0 and 1: viridis without its darkest end."""
    from matplotlib import colormaps

    return colormaps["viridis"](0.25 + 0.7 * share)


def undated(kind: str) -> dict[str, Any]:
    """Metadata without a date, so that one result gives one file."""
    return {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}[kind]
