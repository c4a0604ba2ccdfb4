"""Clusters as SVG: nodes, the links between them, and points where several links meet."""

from __future__ import annotations

import math
from collections.abc import Iterable
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from scenarios.report.draw_graph import CHAR, colour_of
from simulator.units import format_si

if TYPE_CHECKING:
    from simulator.cluster import Cluster

MOST_NODES = 60
"""Nodes up to which a cluster is drawn."""

FEW_LINKS = 10
"""Connections up to which each carries its bandwidth and latency."""

Vertex = tuple[str, int]


def cluster_svg(cluster: Cluster, used: Iterable[int] = ()) -> str:
    """Nodes and links; `used` nodes are filled. Empty where there are too many nodes."""
    if len(cluster.nodes) > MOST_NODES:
        return ""
    edges = connections(cluster)
    labels = [text for n in cluster.nodes for text in (n.name, n.device or n.kind)]
    wide = max(min(len(text), 24) for text in labels) * CHAR + 20
    places, width, height = _layout(cluster, edges, wide)
    lines = [_line(cluster, a, b, links, places, len(edges) <= FEW_LINKS)
             for (a, b), links in edges.items()]  # fmt: skip
    joints = {v for pair in edges for v in pair if v[0] == "joint"}
    dots = [f'<circle class="joint" cx="{places[v][0]:.1f}" cy="{places[v][1]:.1f}" r="5"/>'
            for v in sorted(joints)]  # fmt: skip
    chosen = set(used)
    boxes = [_box(cluster, n, places[("node", n)], wide, n in chosen)
             for n in range(len(cluster.nodes))]  # fmt: skip
    title = f"Cluster {cluster.name}: {len(cluster.nodes)} nodes, {len(cluster.links)} links"
    return (
        f'<svg class="drawing" role="img" aria-label="{escape(title)}" width="{width:.0f}" '
        f'height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}">'
        + "".join(lines + dots + boxes) + "</svg>"
    )  # fmt: skip


def connections(cluster: Cluster) -> dict[tuple[Vertex, Vertex], list[int]]:
    """Pairs of places and the links between them; links that follow each other meet in a place.

    A place with one node is that node. Where several nodes send into one link, or several links
    meet between nodes, the place is a joint; its nodes are tied to it without a link.
    """
    ends = _Places()
    at: dict[tuple[int, int], set[int]] = {}
    for (a, b), route in cluster.routes.items():
        for first, second in pairwise(route):
            ends.join((first, 1), (second, 0))
        at.setdefault((route[0], 0), set()).add(a)
        at.setdefault((route[-1], 1), set()).add(b)
    nodes: dict[tuple[int, int], set[int]] = {}
    for end, who in at.items():
        nodes.setdefault(ends.find(end), set()).update(who)
    alike: dict[tuple[int, ...], int] = {}
    number: dict[tuple[int, int], int] = {}

    def vertex(end: tuple[int, int]) -> Vertex:
        root = ends.find(end)
        mine = tuple(sorted(nodes.get(root, ())))
        if len(mine) == 1:
            return "node", mine[0]
        if mine:  # both ends of a bus have the same nodes: one joint
            return "joint", alike.setdefault(mine, -len(alike) - 1)
        return "joint", number.setdefault(root, len(number))

    out: dict[tuple[Vertex, Vertex], list[int]] = {}
    travelled = sorted({link for route in cluster.routes.values() for link in route})
    for link in travelled:
        ends_of = sorted((vertex((link, 0)), vertex((link, 1))))
        out.setdefault((ends_of[0], ends_of[1]), []).append(link)
    for mine, joint in alike.items():
        for n in mine:
            out.setdefault((("joint", joint), ("node", n)), [])
    return out


class _Places:
    """Ends of links (link, 0 or 1) that are one place: disjoint sets."""

    def __init__(self) -> None:
        self.parent: dict[tuple[int, int], tuple[int, int]] = {}

    def find(self, end: tuple[int, int]) -> tuple[int, int]:
        while (up := self.parent.get(end, end)) != end:
            end = up
        return end

    def join(self, a: tuple[int, int], b: tuple[int, int]) -> None:
        a, b = self.find(a), self.find(b)
        if a != b:
            self.parent[max(a, b)] = min(a, b)


def _layout(cluster: Cluster, edges: Any, wide: float) -> tuple[dict[Vertex, Any], float, float]:
    """Pixel positions by the method of Kamada and Kawai, started from a circle."""
    import networkx as nx

    graph: Any = nx.Graph()
    graph.add_nodes_from(("node", n) for n in range(len(cluster.nodes)))
    graph.add_edges_from(pair for pair in edges if pair[0] != pair[1])
    many = len(graph)
    if many == 1:
        return {("node", 0): (wide / 2 + 16, 40.0)}, wide + 32, 80.0
    circle = nx.circular_layout(graph)
    spread = nx.kamada_kawai_layout(graph, pos=circle) if many <= 80 else circle
    room = 150 + 62 * math.sqrt(many)
    width, height = max(room * 1.7, wide * 3), room
    xs, ys = ([p[i] for p in spread.values()] for i in (0, 1))
    places = {
        v: (
            wide / 2 + 12 + (width - wide - 24) * _share(p[0], xs),
            34 + (height - 68) * _share(p[1], ys),
        )
        for v, p in spread.items()
    }
    return places, width, height


def _share(value: float, among: list[float]) -> float:
    low, high = min(among), max(among)
    return (value - low) / (high - low) if high - low > 1e-9 else 0.5


def _line(
    cluster: Cluster, a: Vertex, b: Vertex, links: list[int], places: Any, labelled: bool
) -> str:
    (xa, ya), (xb, yb) = places[a], places[b]
    words = "; ".join(
        f"{cluster.links[i].name}: {format_si(cluster.links[i].bandwidth, 'B/s')}, "
        f"{format_si(cluster.links[i].latency_s, 's')}"
        for i in links
    )
    kind = "link" if links else "link tie"
    if a == b:  # a bus: its name and rate stand at the joint
        rate = ", ".join(f"{cluster.links[i].name} {format_si(cluster.links[i].bandwidth, 'B/s')}"
                         for i in links)  # fmt: skip
        return f'<text class="over" x="{xa:.1f}" y="{ya - 9:.1f}">{escape(rate)}</text>'
    line = (
        f'<line class="{kind}" x1="{xa:.1f}" y1="{ya:.1f}" x2="{xb:.1f}" y2="{yb:.1f}">'
        f"<title>{escape(words)}</title></line>"
    )
    if not labelled or not links:
        return line
    rates = {format_si(cluster.links[i].bandwidth, "B/s") for i in links}
    waits = {format_si(cluster.links[i].latency_s, "s") for i in links}
    text = f"{' / '.join(sorted(rates))}, {' / '.join(sorted(waits))}"
    x, y = (xa + xb) / 2, (ya + yb) / 2
    return line + f'<text class="over" x="{x:.1f}" y="{y - 4:.1f}">{escape(text)}</text>'


def _box(cluster: Cluster, n: int, place: tuple[float, float], wide: float, used: bool) -> str:
    node = cluster.nodes[n]
    x, y = place
    name = node.name if len(node.name) <= 24 else node.name[:23] + "…"
    kind = node.device or node.kind
    kind = kind if len(kind) <= 24 else kind[:23] + "…"
    fill = f'fill="{colour_of(n)}"' if used else 'class="empty"'
    slots = f", {node.slots} slots" if node.slots > 1 else ""
    return (
        f'<g class="{"task" if used else "idle"}"><title>{escape(node.name)}: {escape(node.kind)} '
        f"{escape(node.device)}{slots}</title>"
        f'<rect x="{x - wide / 2:.1f}" y="{y - 19:.1f}" width="{wide:.1f}" height="38" rx="5" '
        f"{fill}/>"
        f'<text x="{x:.1f}" y="{y - 3:.1f}" class="name">{escape(name)}</text>'
        f'<text x="{x:.1f}" y="{y + 11:.1f}">{escape(kind)}</text></g>'
    )
