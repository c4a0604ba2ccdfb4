"""Tasks and edges of a stream as a scenario file has them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from scenarios.export.names import legal, rename
from scenarios.export.text import Line, Row
from scenarios.graph_build import NONE
from scenarios.model_build import ANY, Models
from simulator.errors import AlloclabError, Unsupported
from simulator.taskgraph import Curve, Edge, Task, TaskGraph, Variant, Work


@dataclass(frozen=True)
class GraphNames:
    """What tasks and nodes are called in the file."""

    tasks: Mapping[str, str]
    nodes: Mapping[str, str]

    @staticmethod
    def of(graph: TaskGraph, nodes: Mapping[str, str]) -> GraphNames:
        """Names for a graph."""
        return GraphNames(rename(t.name for t in graph.tasks), nodes)

    def place(self, name: str) -> str:
        """A node, device, kind or label."""
        return self.nodes.get(name, name)


def write_graph(graph: TaskGraph, names: GraphNames) -> dict[str, Any]:
    """The keys of a stream that make its graph.

    Raises
    ------
    Unsupported
        A name that means something else in the format.
    """
    out: dict[str, Any] = {
        "tasks": {names.tasks[t.name]: _task(t, names) for t in graph.tasks},
    }
    edges = _edges(graph, names)
    if edges:
        out["edges"] = edges
    for key in ("place_with", "apart"):
        groups = getattr(graph, key)
        if groups:
            out[key] = [Row(names.tasks[name] for name in group) for group in groups]
    if graph.accuracy_rule is not None:
        out["accuracy"] = graph.accuracy_rule
    return out


# ----- tasks -------------------------------------------------------------------------------------
def _task(task: Task, names: GraphNames) -> Line | dict[str, Any]:
    rest = _task_rules(task, names)
    if len(task.variants) == 1 and task.variants[0].name == task.name:
        return Line({**_variant(task.variants[0], names), **rest})
    if all(_in_catalogue(v) for v in task.variants):
        return {"variants": Row(v.name for v in task.variants), **rest}
    labels = rename(v.name for v in task.variants)
    return {"variants": {labels[v.name]: _variant(v, names) for v in task.variants}, **rest}


def _in_catalogue(variant: Variant) -> bool:
    """Whether the name alone says all."""
    try:
        return Models({}).named(variant.name) == variant
    except AlloclabError:
        return False


def _task_rules(task: Task, names: GraphNames) -> dict[str, Any]:
    out: dict[str, Any] = {}
    if task.pinned is not None:
        out["near"] = names.place(task.pinned)
    if task.allowed is not None:
        out["allowed"] = Row(names.place(x) for x in task.allowed)
    if task.forbidden:
        out["forbidden"] = Row(names.place(x) for x in task.forbidden)
    join = Line()
    if task.join.need is not None:
        join["need"] = task.join.need
    if task.join.deadline_s is not None:
        join["deadline"] = task.join.deadline_s
    if task.join.late != "keep":
        join["late"] = task.join.late
    if join:
        out["join"] = join
    for key in ("fusion", "scale_with"):
        if getattr(task, key) is not None:
            out[key] = _name(getattr(task, key), key)
    return out


def _variant(variant: Variant, names: GraphNames) -> Line:
    out = Line()
    if variant.seconds is not None:
        out["duration"] = _durations(variant, names)
    if variant.work is not None:
        out["work"] = _work(variant.work, variant)
    if variant.weights_bytes:
        out["weights"] = variant.weights_bytes
    for key, curve in (
        ("activation", variant.activation_bytes),
        ("output", variant.output_bytes),
    ):
        if curve:
            out[key] = _curve(curve, variant)
    for key in ("sharing_group", "accuracy", "module"):
        value = getattr(variant, key)
        if value is not None:
            out[key] = _name(value, key) if key == "sharing_group" else value
    return out


def _durations(variant: Variant, names: GraphNames) -> Any:
    seconds = variant.seconds or {}
    if set(seconds) == {"*"}:
        return _curve(seconds["*"], variant)
    out = Line()
    for place, curve in seconds.items():
        if place == ANY:
            raise Unsupported(
                f"variant {variant.name!r}: a scenario file cannot hold a duration for a place "
                f"called {ANY!r}, which means everywhere"
            )
        out[ANY if place == "*" else names.place(place)] = _curve(curve, variant)
    if all(key.isdigit() for key in out):
        raise Unsupported(
            f"variant {variant.name!r}: a scenario file cannot hold durations for places called "
            "by numbers alone"
        )
    return out


def _curve(curve: Curve, variant: Variant) -> Any:
    """One number, or a table by batch size."""
    if not isinstance(curve, tuple):
        return curve
    return Line(zip(variant.batch, curve, strict=True))


def _work(work: Work, variant: Variant) -> Line:
    out = Line(flops=Line({kind: _curve(c, variant) for kind, c in work.flops.items()}))
    if work.bytes_touched:
        out["bytes"] = _curve(work.bytes_touched, variant)
    if work.operators:
        out["operators"] = work.operators
    if work.dtype != "fp32":
        out["dtype"] = work.dtype
    return out


# ----- edges -------------------------------------------------------------------------------------
def _edges(graph: TaskGraph, names: GraphNames) -> list[Any] | dict[str, Any]:
    """By name if all edges have names of their own, else a list."""
    scale = {task.name: task.scale_with for task in graph.tasks}
    labels = _edge_labels(edge.name for edge in graph.edges)
    entries = [_edge(edge, names, scale[edge.src]) for edge in graph.edges]
    if all(labels):
        return dict(zip(labels, entries, strict=True))
    for label, entry in zip(labels, entries, strict=True):
        if label and isinstance(entry, Line):
            entry["name"] = label
    return [
        Line({"from": ends[0], "to": ends[1], "name": label})
        if label and isinstance(entry, str) and (ends := entry.split(" -> "))
        else entry
        for label, entry in zip(labels, entries, strict=True)
    ]


def _edge_labels(given: Iterable[str]) -> list[str]:
    """Legal names; a name that occurs again gets a number, for the format wants them unique."""
    out: list[str] = []
    seen: set[str] = set()
    for name in given:
        label = name if legal(name) or not name else next(iter(rename([name]).values()))
        new, i = label, 2
        while new and new in seen:
            new, i = f"{label[:100]}~{i}", i + 1
        seen.add(new)
        out.append(new)
    return out


def _edge(edge: Edge, names: GraphNames, producer_scale: str | None) -> Any:
    src, dst = names.tasks[edge.src], names.tasks[edge.dst]
    out = Line({"from": src, "to": dst})
    if edge.bytes is not None:
        out["bytes"] = edge.bytes
    if edge.lag:
        out["lag"] = edge.lag
    if edge.probability is not None:
        out["probability"] = edge.probability
    if edge.branch is not None:
        out["branch"] = _name(edge.branch, "branch")
    implied = producer_scale if edge.bytes is None else None
    if edge.scale_with != implied:
        if edge.scale_with == NONE:
            raise Unsupported(f"a scenario file cannot hold a size called {NONE!r}")
        out["scale_with"] = NONE if edge.scale_with is None else edge.scale_with
    return f"{src} -> {dst}" if len(out) == 2 else out


def _name(name: str, key: str) -> str:
    if not legal(name):
        raise Unsupported(f"a scenario file cannot hold the {key} {name[:80]!r}")
    return name
