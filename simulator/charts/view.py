"""The plan of a Gantt chart: which part of a run, which rows, which colours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from simulator.charts import style
from simulator.charts.bars import (
    SECTION_GAP,
    Band,
    Bars,
    depth_of_tasks,
    executions,
    link_bands,
    node_bands,
    telling_request,
    telling_window,
    transfers,
)

if TYPE_CHECKING:
    from simulator.trace import Trace

MOST_BARS = 240
"""Executions up to which a stream is shown whole."""


class View:
    """What one chart shows, before anything is painted.

    Parameters
    ----------
    trace : Trace
    window : (float, float) or None, seconds
    links, highlight : bool
    """

    def __init__(
        self, trace: Trace, window: tuple[float, float] | None, links: bool, highlight: bool
    ) -> None:
        self.trace = trace
        self.single = trace.record.n_requests == 1
        tasks, messages = executions(trace), transfers(trace)
        chosen = window or telling_window(trace, tasks, MOST_BARS)
        self.is_part = chosen is not None
        self.window = chosen or _whole(trace)
        self.unit, self.scale = style.time_unit(self.window[1] - self.window[0])
        self.tasks, self.messages = tasks.within(self.window), messages.within(self.window)
        self.nodes, self.hidden_nodes = node_bands(trace, self.tasks)
        self.bottom = self.nodes[-1].top + self.nodes[-1].height if self.nodes else 0.0
        self.links: list[Band] = []
        self.hidden_links = 0
        if links and len(self.messages):
            top = self.bottom + SECTION_GAP
            self.links, self.hidden_links = link_bands(trace, self.messages, top)
            self.bottom = self.links[-1].top + self.links[-1].height
        self.highlight = highlight
        self.focus_request = telling_request(trace) if self.is_part and not self.single else None
        self.focus = self._focus() if highlight else set()
        self.depth: int | None = None
        self.key: list[tuple[Any, str]] = []
        self._by_task = self._task_colours()

    def _focus(self) -> set[tuple[str, int, int]]:
        """(kind, request, item) of what is outlined."""
        arrays, r = self.trace.problem.arrays, self.focus_request
        if self.single:
            task = {name: t for t, name in enumerate(self.trace.problem.task_names)}
            edge = {name: e for e, name in enumerate(self.trace.edge_names)}
            return {("task", s.request, task[s.name]) if s.kind == "compute"
                    else ("edge", s.request, edge[s.name])
                    for s in self.trace.critical_path() if s.kind != "wait"}  # fmt: skip
        if r is None:
            return set()
        return {("task", r, t) for t in range(arrays.n_tasks)} | {
            ("edge", r, e) for e in range(arrays.n_edges)
        }

    def _task_colours(self) -> list[Any]:
        """Colour of each task, for a single request; fills in the key of colours."""
        problem, palette = self.trace.problem, style.PALETTE
        if self.single and problem.n_tasks <= len(palette):
            self.key = list(zip(palette, problem.task_names, strict=False))
            return list(palette[: problem.n_tasks])
        if self.single:
            depth = depth_of_tasks(self.trace)
            self.depth = int(depth.max())
            return [style.ramp(float(d) / max(self.depth, 1)) for d in depth]
        if len(problem.streams) > 1:
            self.key = [(palette[i % len(palette)], s.name) for i, s in enumerate(problem.streams)]
        return []

    def colour(self, kind: str, request: int, item: int) -> Any:
        """Colour of a bar; a message has a paler one than the task that sent it."""
        if kind == "edge":
            source = int(self.trace.problem.arrays.edge_src[item])
            return style.blend(self.colour("task", request, source), "white", 0.3)
        if self.single:
            return self._by_task[item]
        palette = style.PALETTE
        if len(self.trace.problem.streams) > 1:
            base = palette[int(self.trace.realisation.stream[request]) % len(palette)]
            return style.blend(base, "white", 0.0 if request % 2 == 0 else 0.4)
        return palette[request % len(palette)]

    def texts(self, kind: str, request: int, item: int) -> list[str]:
        """Labels of a bar, the longest first."""
        names = self.trace.problem.task_names if kind == "task" else self.trace.edge_names
        name = style.arrows(names[item])
        return [name] if self.single else [f"{name} · {request}", str(request)]


def _whole(trace: Trace) -> tuple[float, float]:
    log = trace.log
    first = float(np.nanmin(log.arrival)) if np.isfinite(log.arrival).any() else 0.0
    last = log.idle_at if np.isfinite(log.idle_at) else first
    return first, max(last, first + 1e-9)


def bars_of(view: View, kind: str) -> tuple[Bars, list[Band]]:
    """The bars and rows of one section: ``task`` for nodes, ``edge`` for links."""
    return (view.tasks, view.nodes) if kind == "task" else (view.messages, view.links)
