"""Heading and legend of a Gantt chart, outside the data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.charts import style
from simulator.charts.view import View
from simulator.units import format_si

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Entry = tuple[str, str, Any]
"""Kind of mark, text, colour or hatch."""

SIZE, LINE, MARK, SPACE = 7.0, 13.0, 14.0, 14.0
"""Font size, height of a line, width of a mark and space between entries, in points."""


def heading(figure: Figure, view: View, title: str | None, left: float) -> None:
    """Title, and below it the makespan and the rules."""
    trace, problem = view.trace, view.trace.problem
    height = figure.get_size_inches()[1]
    metrics = trace.metrics()
    facts = []
    if "makespan" in metrics:
        facts.append(f"makespan {format_si(metrics['makespan'], 's')}")
    if "p99_latency" in metrics:
        facts.append(f"p99 latency {format_si(metrics['p99_latency'], 's')}")
    if metrics["lost"]:
        facts.append(f"{metrics['lost']:.0f} of {metrics['requests']:.0f} requests lost")
    facts.append(f"{problem.network} network")
    facts.append(f"{problem.dispatch} dispatch")
    if trace.is_measured:
        facts.append(f"measured by {trace.engine}")
    head = title or ", ".join(x for x in (problem.name, trace.scheduler) if x)
    figure.text(left, 1 - 0.06 / height, head, va="top", fontsize=9.5, fontweight="bold",
                color=style.INK)  # fmt: skip
    figure.text(left, 1 - 0.245 / height, "  ·  ".join(facts), va="top", fontsize=7.5,
                color=style.MUTED)  # fmt: skip


def entries(view: View) -> list[Entry]:
    """What needs explaining in this chart."""
    out: list[Entry] = [("patch", name, colour) for colour, name in view.key]
    if view.depth is not None:
        out.append(("ramp", f"depth in the graph (0 to {view.depth})", None))
    if view.focus:
        text = "critical path" if view.single else f"request {view.focus_request}, at p99"
        out.append(("outline", text, None))
    luck = view.trace.realisation
    if len(luck.outage_node) or (luck.degraded_factor == 0).any():
        out.append(("hatch", "outage", "/////"))
    if len(luck.slow_node) or (luck.degraded_factor > 0).any():
        out.append(("patch", "slow-down", style.SLOW))
    if not view.tasks.finished.all():
        out.append(("hatch", "interrupted", "xxxx"))
    if not view.single:
        out.append(("arrival", "arrival", None))
    if view.hidden_nodes:
        out.append(("note", f"{view.hidden_nodes} idle nodes not shown", None))
    if view.hidden_links:
        out.append(("note", f"{view.hidden_links} quieter links not shown", None))
    return out


def arrange(items: list[Entry], width: float) -> list[list[tuple[float, Entry]]]:
    """Break entries into lines of at most `width` points; each with its position in its line."""
    lines: list[list[tuple[float, Entry]]] = []
    x = width
    for item in items:
        mark = {"note": 0.0, "ramp": 40.0}.get(item[0], MARK)
        need = mark + style.text_width(item[1], SIZE)
        if x + need > width or not lines:
            lines.append([])
            x = 0.0
        lines[-1].append((x, item))
        x += need + SPACE
    return lines


def legend(figure: Figure, lines: list[list[tuple[float, Entry]]], left: float) -> None:
    """Draw the lines at the foot of a figure."""
    width, height = (72 * inches for inches in figure.get_size_inches())
    for n, line in enumerate(lines):
        y = (len(lines) - n) * LINE - 4.0
        for x, (kind, text, what) in line:
            at = left * width + x
            mark = _mark(figure, kind, what, at / width, y / height, 1 / width, 1 / height)
            figure.text((at + mark) / width, y / height, text, va="center", fontsize=SIZE,
                        color=style.INK)  # fmt: skip


def _mark(figure: Figure, kind: str, what: Any, x: float, y: float, dx: float, dy: float) -> float:
    """One mark of 10 by 7 points; returns the width it takes in points."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Rectangle

    def box(left: float, wide: float, **look: Any) -> None:
        figure.add_artist(Rectangle((x + left * dx, y - 3.5 * dy), wide * dx, 7 * dy, **look))

    if kind == "patch":
        box(0, 10, facecolor=what, linewidth=0)
    elif kind == "outline":
        box(0.5, 9, facecolor="none", edgecolor=style.ACCENT, linewidth=1.1)
    elif kind == "hatch":
        face = "#E2E2E2" if what == "/////" else "white"
        box(0, 10, facecolor=face, edgecolor="#9A9A9A", hatch=what, linewidth=0.3)
    elif kind == "ramp":
        for i in range(36):
            box(i, 1.15, facecolor=style.ramp(i / 35), linewidth=0)
        return 40.0
    elif kind == "arrival":
        figure.add_artist(Line2D([x + 5 * dx], [y], marker="v", markersize=3.6, color=style.INK,
                                 linewidth=0, markeredgewidth=0))  # fmt: skip
    else:
        return 0.0
    return MARK
