"""From the format of scenario files to `Scenario`: graphs, streams, rules and dynamics."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from scenarios.arrivals import arrivals, distribution, noise
from scenarios.cluster_build import split_link
from scenarios.messages import at
from scenarios.model_build import Models
from scenarios.scenario import Scenario
from simulator.cluster import Cluster
from simulator.dynamics import Degradation, Dynamics, Outage, Slowdown
from simulator.errors import InvalidScenario, unknown
from simulator.objective import Objective
from simulator.taskgraph import Edge, Join, Task, TaskGraph, Variant
from simulator.workload import Size, Stream

if TYPE_CHECKING:
    from scenarios.schema import DynamicsSpec, EdgeSpec, ScenarioFile, StreamSpec, TaskSpec

NONE = "none"
"""``scale_with: none`` on an edge: its bytes are the same for every request."""


def build_scenario(spec: ScenarioFile, cluster: Cluster, name: str, source: str) -> Scenario:
    """Build a scenario whose cluster is built already.

    Raises
    ------
    InvalidScenario, UnknownName
        The field is named, the file is not.
    """
    models = Models(spec.models)
    for model in spec.models:
        models.named(model)
    streams = []
    for label, given in spec.streams.items():
        with at(f"streams.{label}"):
            streams.append(_stream(label, given, models))
    with at("objective"):
        objective = _objective(spec.objective)
    with at("dynamics"):
        dynamics = _dynamics(spec.dynamics, cluster)
    return Scenario(
        name=spec.name or name,
        cluster=cluster,
        streams=tuple(streams),
        description=" ".join(spec.description.split()),
        network=spec.network,
        dispatch=spec.dispatch,
        discipline=spec.discipline,
        objective=objective,
        dynamics=dynamics,
        plan_draws=spec.plan_draws,
        source=source,
        facts=dict(spec.facts),
    )


def _stream(name: str, given: StreamSpec, models: Models) -> Stream:
    tasks = []
    for label, task in given.tasks.items():
        with at(f"tasks.{label}"):
            tasks.append(_task(label, task, models))
    graph = TaskGraph(
        tuple(tasks),
        tuple(_edges(given)),
        place_with=tuple(tuple(group) for group in given.place_with),
        apart=tuple(tuple(group) for group in given.apart),
        accuracy_rule=given.accuracy,
    )
    with at("arrivals"):
        when, requests = arrivals(given.arrivals)
    with at("noise"):
        jitter = noise(given.noise)
    return Stream(
        name=name,
        graph=graph,
        arrivals=when,
        requests=requests,
        batch=given.batch,
        deadline_s=given.deadline,
        class_=given.class_,
        weight=given.weight,
        sizes={label: _size(label, size, given, models) for label, size in given.sizes.items()},
        noise=jitter,
    )


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


def _references(given: TaskSpec) -> list[str]:
    """Names of the models that a task's variants start from."""
    if given.variants is None:
        return [given.model] if given.model else []
    if isinstance(given.variants, list):
        return list(given.variants)
    return [spec.model for spec in given.variants.values() if spec.model]


def _size(name: str, given: Any, stream: StreamSpec, models: Models) -> Size:
    """A size whose nominal value is that of the models it scales, else its mean."""
    with at(f"sizes.{name}"):
        drawn = distribution(given)
        measured: dict[str, float] = {}
        for task in stream.tasks.values():
            if task.scale_with == name:
                for reference in _references(task):
                    nominal = models.nominal(reference).get(name)
                    if nominal is not None:
                        measured[reference] = nominal
        wanted = getattr(given, "nominal", None)
        for reference, nominal in measured.items():
            if wanted is not None and wanted != nominal:
                raise InvalidScenario(
                    f"nominal is {wanted:g}, but model {reference!r} was measured at {nominal:g}"
                )
            wanted = nominal
        return Size(drawn, drawn.mean if wanted is None else wanted)


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


# ----- rules -------------------------------------------------------------------------------------
def _objective(given: str | Mapping[str, float]) -> Objective:
    if isinstance(given, str):
        return Objective.parse(given)
    terms = dict(given)
    penalty = terms.pop("lost_penalty", None)
    return Objective(tuple(terms.items()), lost_penalty=penalty)


def _dynamics(given: DynamicsSpec, cluster: Cluster) -> Dynamics:
    outages = []
    for i, o in enumerate(given.outages):
        with at(f"outages[{i}]"):
            if (o.node is None) == (o.domain is None):
                raise InvalidScenario("give either node or domain")
            targets = _members(o.node, cluster) if o.node else [_domain(o.domain or "", cluster)]
            outages += [Outage(target, o.start, _until(o.end)) for target in targets]
    slowdowns = []
    for i, s in enumerate(given.slowdowns):
        with at(f"slowdowns[{i}]"):
            slowdowns += [
                Slowdown(node, s.start, _until(s.end), s.factor)
                for node in _members(s.node, cluster)
            ]
    degradations = []
    for i, d in enumerate(given.degradations):
        with at(f"degradations[{i}]"):
            link = _link(d.link, cluster)
            degradations.append(Degradation(link, d.start, _until(d.end), d.factor))
    return Dynamics(tuple(outages), tuple(slowdowns), tuple(degradations))


def _until(end: float | None) -> float:
    return float("inf") if end is None else end


def _members(name: str, cluster: Cluster) -> list[str]:
    """The node of that name, or all with that label."""
    hit = [n.name for n in cluster.nodes if name in (n.name, *n.labels)]
    if not hit:
        known = dict.fromkeys(x for n in cluster.nodes for x in (n.name, *n.labels))
        raise unknown("node", name, known)
    return hit


def _domain(name: str, cluster: Cluster) -> str:
    known = [n.failure_domain for n in cluster.nodes if n.failure_domain]
    known += [x.failure_domain for x in cluster.links if x.failure_domain]
    if name not in known:
        raise unknown("failure domain", name, dict.fromkeys(known))
    return name


def _link(text: str, cluster: Cluster) -> str:
    """Name of a directed link (``a->b``) or of one that both directions share (``a--b``)."""
    left, arrow, right = split_link(text)
    name = f"{left}{arrow}{right}"
    known = [link.name for link in cluster.links]
    if name not in known:
        raise unknown("link", name, known)
    return name
