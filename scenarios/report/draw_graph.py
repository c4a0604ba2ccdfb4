"""Task graphs as SVG: layers from left to right, fewer crossings by barycentres.

The layering is by longest path, the order within layers by repeated barycentres, after [1]_.

References
----------
.. [1] K. Sugiyama, S. Tagawa and M. Toda, "Methods for visual understanding of hierarchical system
   structures", IEEE Trans. Systems, Man, and Cybernetics 11(2), 1981.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

from simulator.charts import style
from simulator.units import format_si

if TYPE_CHECKING:
    from simulator.trace import Trace
    from simulator.workload import Stream

MOST_TASKS = 250
"""Tasks up to which a graph is drawn."""

CHAR = 7.0
"""Width of a character in the drawing's font of 12 pixels, a little more than the mean."""

FEW_EDGES = 12
"""Edges up to which each carries its bytes."""

SWEEPS = 8


def graph_svg(trace: Trace, stream: Stream, tasks: Sequence[int]) -> str:
    """One stream's graph with the node of every task; empty where it is too large."""
    if len(tasks) > MOST_TASKS:
        return ""
    problem, record = trace.problem, trace.record
    index = {task.name: t for task, t in zip(stream.graph.tasks, tasks, strict=True)}
    edges = [(index[e.src], index[e.dst]) for e in stream.graph.edges if e.lag == 0]
    layers = ordered(layered(tasks, edges), edges)
    labels = {
        t: (stream.graph.tasks[i].name, problem.node_names[record.node[t]],
            problem.variant_names[t][record.variant[t]])
        for i, t in enumerate(tasks)
    }  # fmt: skip
    labelled = len(stream.graph.edges) <= FEW_EDGES
    boxes, width, height = _boxes(layers, labels, 96.0 if labelled else 64.0)
    lines = [
        _line(trace, stream, e, index, boxes, labelled) for e in range(len(stream.graph.edges))
    ]
    shapes = [_box(boxes[t], labels[t], int(record.node[t])) for t in tasks]
    title = f"Task graph of {stream.name}, {len(tasks)} tasks"
    return (
        f'<svg class="drawing" role="img" aria-label="{escape(title)}" width="{width:.0f}" '
        f'height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}">'
        + "".join(lines) + "".join(shapes) + "</svg>"
    )  # fmt: skip


def layered(tasks: Sequence[int], edges: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Tasks by the number of edges on the longest path to them.

    Examples
    --------
    >>> layered([0, 1, 2, 3], [(0, 1), (1, 3), (0, 2), (2, 3)])
    [[0], [1, 2], [3]]
    """
    depth = dict.fromkeys(tasks, 0)
    waiting = dict.fromkeys(tasks, 0)
    after: dict[int, list[int]] = {t: [] for t in tasks}
    for a, b in edges:
        waiting[b] += 1
        after[a].append(b)
    free = [t for t in tasks if waiting[t] == 0]
    while free:
        a = free.pop()
        for b in after[a]:
            depth[b] = max(depth[b], depth[a] + 1)
            waiting[b] -= 1
            if waiting[b] == 0:
                free.append(b)
    out: list[list[int]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for t in tasks:
        out[depth[t]].append(t)
    return out


def ordered(layers: list[list[int]], edges: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Layers in an order with few crossings.

    Examples
    --------
    >>> ordered([[0, 1], [2, 3]], [(0, 3), (1, 2)])
    [[0, 1], [3, 2]]
    """
    before: dict[int, list[int]] = {t: [] for layer in layers for t in layer}
    after: dict[int, list[int]] = {t: [] for layer in layers for t in layer}
    for a, b in edges:
        before[b].append(a)
        after[a].append(b)
    out = [list(layer) for layer in layers]
    for sweep in range(SWEEPS):
        place = {t: i / max(len(layer) - 1, 1) if len(layer) > 1 else 0.5
                 for layer in out for i, t in enumerate(layer)}  # fmt: skip
        down = sweep % 2 == 0
        for layer in out if down else reversed(out):
            near = before if down else after
            middle = {t: sum(place[u] for u in near[t]) / len(near[t]) if near[t] else place[t]
                      for t in layer}  # fmt: skip
            layer.sort(key=lambda t: (middle[t], place[t]))
            for i, t in enumerate(layer):
                place[t] = i / (len(layer) - 1) if len(layer) > 1 else 0.5
    return out


Box = tuple[float, float, float, float]


def _boxes(
    layers: Sequence[Sequence[int]], labels: Mapping[int, tuple[str, str, str]], gap: float
) -> tuple[dict[int, Box], float, float]:
    """(x, y, width, height) of every task, and the size of the drawing."""
    most = max((len(layer) for layer in layers), default=1)
    row, high = (56.0, 38.0) if most <= 40 else (26.0, 20.0)
    height = most * row + 12
    boxes: dict[int, Box] = {}
    x = 8.0
    for layer in layers:
        wide = max(len(text) for t in layer for text in _texts(labels[t])) * CHAR + 18
        step = height / len(layer)
        for i, t in enumerate(layer):
            boxes[t] = (x, (i + 0.5) * step - high / 2, wide, high)
        x += wide + gap
    return boxes, x - gap + 8, height


def _texts(label: tuple[str, str, str]) -> tuple[str, str]:
    name, node, variant = label
    second = node if variant in ("", "default", name) else f"{node} · {variant}"
    return _short(name), _short(second)


def _short(text: str, most: int = 34) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def colour_of(node: int) -> str:
    """Colour of a node of the cluster, in every drawing of a page."""
    return style.PALETTE[node % len(style.PALETTE)]


def _box(box: Box, label: tuple[str, str, str], node: int) -> str:
    x, y, wide, high = box
    first, second = _texts(label)
    name, where, variant = label
    middle = x + wide / 2
    lines = (
        f'<text x="{middle:.1f}" y="{y + 16:.1f}" class="name">{escape(first)}</text>'
        f'<text x="{middle:.1f}" y="{y + 30:.1f}">{escape(second)}</text>'
        if high > 30
        else f'<text x="{middle:.1f}" y="{y + 14:.1f}" class="name">{escape(first)}</text>'
    )
    return (
        f'<g class="task"><title>{escape(name)} on {escape(where)}, {escape(variant)}</title>'
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{high:.1f}" rx="5" '
        f'fill="{colour_of(node)}"/>{lines}</g>'
    )


def _line(
    trace: Trace, stream: Stream, e: int, index: Mapping[str, int], boxes: Mapping[int, Box],
    labelled: bool,
) -> str:  # fmt: skip
    """A curve from producer to consumer; messages between nodes are drawn strong."""
    edge = stream.graph.edges[e]
    a, b = index[edge.src], index[edge.dst]
    (xa, ya, wa, ha), (xb, yb, _, hb) = boxes[a], boxes[b]
    x0, y0, x1, y1 = xa + wa, ya + ha / 2, xb, yb + hb / 2
    node = trace.record.node
    kind = "remote" if node[a] != node[b] else "local"
    if edge.lag:
        kind += " lag"
    if edge.probability is not None or edge.branch is not None:
        kind += " branch"
    bend = max((x1 - x0) / 2, 24)
    size = _bytes(trace, a, b)
    words = f"{edge.label}, {size}{'between nodes' if node[a] != node[b] else 'on one node'}"
    return (
        f'<path class="edge {kind}" d="M{x0:.1f},{y0:.1f} C{x0 + bend:.1f},{y0:.1f} '
        f'{x1 - bend:.1f},{y1:.1f} {x1:.1f},{y1:.1f}"><title>{escape(words)}</title></path>'
        f'<path class="tip" d="M{x1 - 6:.1f},{y1 - 3.5:.1f} L{x1:.1f},{y1:.1f} '
        f'L{x1 - 6:.1f},{y1 + 3.5:.1f} z"/>'
    ) + (
        f'<text class="over" x="{(x0 + x1) / 2:.1f}" y="{(y0 + y1) / 2 - 5:.1f}">'
        f"{escape(size.removesuffix(', '))}</text>"
        if labelled and size and x1 > x0
        else ""
    )


def _bytes(trace: Trace, a: int, b: int) -> str:
    """Nominal bytes of the edges between two tasks."""
    problem = trace.problem
    found = (problem.arrays.edge_src == a) & (problem.arrays.edge_dst == b)
    size = float(problem.bytes[found, trace.record.variant[a]].sum())
    return f"{format_si(size, 'B')}, " if size > 0 else ""
