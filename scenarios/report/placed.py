"""The task graph and the cluster of a run, drawn and listed, with where every task sits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from scenarios.report import breakdown, intervals, timelines
from scenarios.report.draw_cluster import cluster_svg
from scenarios.report.draw_graph import graph_svg
from scenarios.report.page import Column, Drawing, Gantt, Section, Table
from simulator.units import format_si

if TYPE_CHECKING:
    from simulator.cluster import Cluster
    from simulator.problem import Problem
    from simulator.trace import Trace

GANTT_WORDS = (
    "Nodes above, links below. Drag to move, wheel with Ctrl (or after a click) or pinch to zoom, "
    "Shift and drag to zoom into a part, hover for details, click to follow one request. Keys: "
    "arrows move, + and - zoom, 0 shows all, n and p step through intervals."
)


def sections(panels: Sequence[tuple[str, Trace]], title: str = "", shown: int = 2) -> list[Section]:
    """Gantt, timelines, breakdown, metrics, graph and cluster of the runs of one problem.

    Parameters
    ----------
    panels : sequence of (name, Trace)
        The first is the one whose placement is drawn.
    title : str
        Put behind the headings, where a page has several such groups.
    shown : int
        How many runs the Gantt chart shows at first.
    """
    most = intervals.MOST // len(panels)
    drawn = [intervals.panel(trace, name, most) for name, trace in panels]
    gantt = Gantt("Gantt chart", drawn, shown, _left_out(drawn))
    found = [
        Section("What ran where and when", [gantt], GANTT_WORDS),
        timelines.section(panels[:shown]),
        breakdown.section(panels, shown),
        Section("Metrics", [breakdown.metrics_table(panels[:shown])]),
        placement(panels[0][1]),
    ]
    if not title:
        return found
    return [Section(f"{s.title}: {title}", s.blocks, s.words) for s in found]


def _left_out(drawn: Sequence[dict[str, Any]]) -> str:
    """What a chart does not show, in words."""
    said = [
        f"{p['title']}: {p['count']:,} of {p['all']:,} intervals, those of the busiest rows around "
        f"request {p['focus']}."
        for p in drawn
        if p["count"] < p["all"]
    ]
    return " ".join(said)


def placement(trace: Trace) -> Section:
    """Graphs and cluster drawn, tables of placements, nodes and links."""
    problem = trace.problem
    blocks: list[Any] = []
    first = 0
    for stream in problem.streams:
        tasks = range(first, first + len(stream.graph.tasks))
        svg = graph_svg(trace, stream, list(tasks))
        many = len(problem.streams) > 1
        name = f"Task graph: {stream.name}" if many else "Task graph"
        if svg:
            blocks.append(Drawing(name, svg, "Colours stand for nodes of the cluster."))
        first += len(stream.graph.tasks)
    if svg := cluster_svg(problem.cluster, set(trace.record.node.tolist())):
        blocks.append(Drawing("Cluster", svg, "Filled nodes hold a task; small dots join links."))
    return Section(
        "Task graph and cluster",
        [*blocks, _placements(trace), _nodes(problem.cluster), *_links(problem.cluster)],
        "" if blocks else "Graph and cluster are too large to be drawn; the tables have them.",
    )


def _placements(trace: Trace) -> Table:
    problem, record = trace.problem, trace.record
    rows = [
        [name, problem.node_names[record.node[t]], problem.variant_names[t][record.variant[t]],
         _work(problem, t, record.variant[t], record.node[t]), int(record.priority[t])]
        for t, name in enumerate(problem.task_names)
    ]  # fmt: skip
    columns = [Column("task"), Column("node"), Column("variant"),
               Column("nominal work", "seconds", "For an average request on that node"),
               Column("priority", "count", "Rank among the tasks of its node")]  # fmt: skip
    return Table("Placement", columns, rows)


def _work(problem: Problem, task: int, variant: int, node: int) -> float:
    return float(problem.seconds[task, variant, node])


def _nodes(cluster: Cluster) -> Table:
    columns = [Column("node"), Column("kind"), Column("device"), Column("slots", "count"),
               Column("speed", "ratio"), Column("memory", "bytes"), Column("peak")]  # fmt: skip
    rows = [
        [n.name, n.kind, n.device, n.slots, n.speed, n.memory_bytes,
         ", ".join(f"{k} {format_si(v, 'FLOP/s')}" for k, v in n.peak_flops.items())]
        for n in cluster.nodes
    ]  # fmt: skip
    return Table("Nodes of the cluster", columns, rows, size=20)


def _links(cluster: Cluster) -> list[Table]:
    if not cluster.links:
        return []
    columns = [Column("link"), Column("bandwidth", "bandwidth"), Column("latency", "seconds")]
    rows = [[x.name, x.bandwidth, x.latency_s] for x in cluster.links]
    return [Table("Links of the cluster", columns, rows, size=20)]
