"""Gantt charts of nodes and links, fit to print.

Colours stand for tasks in a run of one request (for depth in the graph where there are many
tasks), for requests in a stream, and for streams where there are several. A long run is shown as
a window around the request at the 99th percentile of latency, below latencies and utilisation of
the whole run. The critical path, or that request, is outlined.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator.charts import style
from simulator.charts.legend import LINE, arrange, entries, heading, legend
from simulator.charts.overview import HEIGHT, paint_overview
from simulator.charts.paint import paint_arrivals, paint_bars, paint_dynamics, paint_rows
from simulator.charts.view import View
from simulator.errors import InvalidScenario, unknown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from simulator.trace import Trace

FORMATS = ("png", "svg", "pdf")


def draw(
    trace: Trace,
    path: str | Path,
    *,
    title: str | None = None,
    window: tuple[float, float] | None = None,
    width: float = 7.2,
    links: bool = True,
    highlight: bool = True,
    dpi: int = 200,
) -> None:
    """Draw a run into a PNG, SVG or PDF.

    Parameters
    ----------
    trace : Trace
    path : str or Path
        The suffix says the format.
    title : str or None
        Default: the problem and, if known, the scheduler.
    window : (float, float) or None
        Part of the run in seconds; None takes all of a short run and a telling part of a long one.
    width : float, inches
        7.2 is the text width of a page with two columns.
    links : bool
        Whether to show links below the nodes.
    highlight : bool
        Whether to outline the critical path (one request) or the request at p99 (streams).
    dpi : int

    Raises
    ------
    UnknownName
        Another suffix.
    InvalidScenario
        An empty window.
    """
    path = Path(path)
    kind = path.suffix.lstrip(".").lower()
    if kind not in FORMATS:
        raise unknown("chart format", kind, FORMATS, str(path))
    if window is not None and not window[0] < window[1]:
        raise InvalidScenario(f"gantt: the window from {window[0]} to {window[1]} s is empty")
    from matplotlib import rc_context

    path.parent.mkdir(parents=True, exist_ok=True)
    with rc_context(style.RC):
        figure = paint(View(trace, window, links, highlight), title, width)
        figure.savefig(path, format=kind, dpi=dpi, metadata=style.undated(kind))


def paint(view: View, title: str | None, width: float) -> Figure:
    """Lay out heading, overview of a long run, rows of nodes and links, and legend."""
    left, right = _margins(view, width)
    lines = arrange(entries(view), 72 * width * (1 - left))
    row = min(0.27, max(5.6 / max(view.bottom, 1e-9), 0.1))
    body, foot = max(view.bottom * row, 0.5), 0.42 + LINE / 72 * len(lines)
    has_overview = view.is_part and not view.single and view.focus_request is not None
    above = HEIGHT if has_overview else 0.16
    height = foot + body + above + 0.4
    figure = style.new_figure(width, height)
    axes = figure.add_axes((left, foot / height, 1 - left - right, body / height))
    if has_overview:
        paint_overview(figure, view, left, 1 - left - right, foot + body)
    paint_rows(axes, view, row)
    paint_dynamics(axes, view)
    paint_bars(axes, view, "task", row)
    paint_bars(axes, view, "edge", row)
    paint_arrivals(axes, view)
    heading(figure, view, title, left)
    legend(figure, lines, left)
    return figure


def _margins(view: View, width: float) -> tuple[float, float]:
    """Left and right margins as shares of the width: names left, utilisation right."""
    names = [style.arrows(band.name) for band in (*view.nodes, *view.links)]
    widest = max((style.text_width(name, style.RC["font.size"]) for name in names), default=0.0)
    slots = any(band.lanes > 1 for band in view.nodes)
    wanted: Any = (max(widest, 36.0) + (20 if slots else 12)) / 72 / width
    return min(wanted, 0.35), 34 / 72 / width
