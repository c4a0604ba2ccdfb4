"""From tasks and edges as scenarios write them to those of `simulator.taskgraph`."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from scenarios.messages import at
from scenarios.model_build import Models
from simulator.errors import InvalidScenario, unknown
from simulator.taskgraph import Edge, Join, Task, TaskGraph, Variant

if TYPE_CHECKING:
    from scenarios.schema import EdgeSpec, StreamSpec, TaskSpec

NONE = "none"
"""``scale_with: none`` on an edge: its bytes are the same for every request."""


def build_graph(given: StreamSpec, models: Models) -> TaskGraph:
    """The graph that a stream writes out.

    Raises
    ------
    InvalidScenario, UnknownName
        The field within the stream is named.
    """
    tasks = []
    for label, task in given.tasks.items():
        with at(f"tasks.{label}"):
            tasks.append(_task(label, task, models))
    return TaskGraph(
        tuple(tasks),
        tuple(_edges(given)),
        place_with=tuple(tuple(group) for group in given.place_with),
        apart=tuple(tuple(group) for group in given.apart),
        accuracy_rule=given.accuracy,
    )


def references(given: TaskSpec) -> list[str]:
    """Names of the models that a task's variants start from."""
    if given.variants is None:
        return [given.model] if given.model else []
    if isinstance(given.variants, list):
        return list(given.variants)
    return [spec.model for spec in given.variants.values() if spec.model]


# ----- tasks -------------------------------------------------------------------------------------
def _task(name: str, given: TaskSpec, models: Models) -> Task:
    join = given.join
    return Task(
        name=name,
        variants=tuple(_variants(name, given, models)),
        join=Join() if join is None else Join(join.need, join.deadline, join.late),
        fusion=given.fusion,
        scale_with=given.scale_with,
        allowed=None if given.allowed is None else tuple(given.allowed),
        forbidden=tuple(given.forbidden),
        pinned=given.near,
    )


def _variants(name: str, given: TaskSpec, models: Models) -> list[Variant]:
    from scenarios.schema import ModelSpec

    in_place = sorted(set(ModelSpec.model_fields) & given.model_fields_set)
    if given.variants is None:
        return [models.written(given.model or name, given)]
    if in_place:
        raise InvalidScenario(f"{in_place[0]} belongs inside the variants, not beside them")
    made = []
    if isinstance(given.variants, list):
        for i, reference in enumerate(given.variants):
            with at(f"variants[{i}]"):
                made.append(models.named(reference))
    else:
        for label, spec in given.variants.items():
            with at(f"variants.{label}"):
                made.append(models.written(label, spec))
    return made


# ----- edges -------------------------------------------------------------------------------------
def _edges(given: StreamSpec) -> list[Edge]:
    entries: Sequence[tuple[str, Any]]
    if isinstance(given.edges, dict):
        entries = list(given.edges.items())
    else:
        entries = [("", entry) for entry in given.edges]
    made: list[Edge] = []
    for i, (name, entry) in enumerate(entries):
        with at(f"edges.{name}" if name else f"edges[{i}]"):
            if isinstance(entry, str):
                made += _chain(name, entry, given.tasks)
            else:
                if name and entry.name is not None:
                    raise InvalidScenario("its name stands in front already; drop name")
                made.append(_edge(name or entry.name or "", entry, given.tasks))
    names = [edge.name for edge in made if edge.name]
    for i, label in enumerate(names):
        if label in names[:i]:
            raise InvalidScenario(f"edges: two edges are named {label!r}")
    return made


def _chain(name: str, text: str, tasks: Mapping[str, TaskSpec]) -> list[Edge]:
    """Edges of ``a -> b``, or in a list also ``a -> b -> c``."""
    stops = [stop.strip() for stop in text.split("->")]
    if len(stops) < 2 or not all(stops) or (name and len(stops) > 2):
        raise InvalidScenario(f"expected 'task -> task', got {text[:60]!r}")
    return [
        Edge(_known(a, tasks), _known(b, tasks), name=name, scale_with=tasks[a].scale_with)
        for a, b in itertools.pairwise(stops)
    ]


def _edge(name: str, given: EdgeSpec, tasks: Mapping[str, TaskSpec]) -> Edge:
    scale = given.scale_with
    if scale is None and given.bytes is None:
        scale = tasks[_known(given.from_, tasks)].scale_with
    return Edge(
        src=_known(given.from_, tasks),
        dst=_known(given.to, tasks),
        bytes=given.bytes,
        name=name,
        lag=given.lag,
        probability=given.probability,
        branch=given.branch,
        scale_with=None if scale == NONE else scale,
    )


def _known(name: str, tasks: Mapping[str, Any]) -> str:
    if name not in tasks:
        raise unknown("task", name, tasks)
    return name
