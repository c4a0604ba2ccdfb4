"""From the format of scenario files to `Scenario`: graphs, streams, rules and dynamics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from scenarios.arrivals import arrivals, distribution, noise
from scenarios.cluster_build import split_link
from scenarios.graph_build import build_graph, references
from scenarios.messages import at
from scenarios.model_build import Models
from scenarios.scenario import Scenario
from simulator.cluster import Cluster
from simulator.dynamics import Degradation, Dynamics, Outage, Slowdown
from simulator.errors import InvalidScenario, unknown
from simulator.objective import Objective
from simulator.risk import Risk
from simulator.taskgraph import TaskGraph
from simulator.workload import Size, Stream

if TYPE_CHECKING:
    from scenarios.schema import DynamicsSpec, ScenarioFile, StreamSpec


def build_scenario(spec: ScenarioFile, cluster: Cluster | None, name: str, source: str) -> Scenario:
    """Build a scenario whose cluster is built already (None: it comes with a generated graph).

    Raises
    ------
    InvalidScenario, UnknownName
        The field is named, the file is not.
    """
    models = Models(spec.models)
    for model in spec.models:
        models.named(model)
    if cluster is None and (len(spec.streams) > 1 or not _generators(spec)):
        raise InvalidScenario("the key 'cluster' is missing: a built-in name, a file or a mapping")
    streams, made = [], []
    for label, given in spec.streams.items():
        with at(f"streams.{label}"):
            stream, generated = _stream(label, given, models, cluster)
        streams.append(stream)
        made += [] if generated is None else [generated]
    cluster = cluster or made[0].cluster
    with at("objective"):
        objective = _objective(spec.objective)
    with at("plan_risk"):
        risk = Risk.parse(spec.plan_risk)
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
        plan_risk=risk,
        source=source,
        fixed_cluster=any(generated.fixed_cluster for generated in made),
        facts={
            k: v for source in (*(g.facts for g in made), spec.facts) for k, v in source.items()
        },
    )


def _generators(spec: ScenarioFile) -> list[str]:
    return [name for name, stream in spec.streams.items() if stream.generate is not None]


def _stream(
    name: str, given: StreamSpec, models: Models, cluster: Cluster | None
) -> tuple[Stream, Scenario | None]:
    """The stream, and what was generated for it, if anything."""
    made = _generated(given, cluster)
    with at("arrivals"):
        when, requests = arrivals(given.arrivals)
    with at("noise"):
        jitter = noise(given.noise)
    stream = Stream(
        name=name,
        graph=_graph(given, models) if made is None else made.streams[0].graph,
        arrivals=when,
        requests=requests,
        batch=given.batch,
        deadline_s=given.deadline,
        class_=given.class_,
        weight=given.weight,
        sizes={label: _size(label, size, given, models) for label, size in given.sizes.items()},
        noise=jitter,
    )
    return stream, made


def _graph(given: StreamSpec, models: Models) -> TaskGraph:
    """What stands in the file, or the stages of a module."""
    if given.module is None:
        return build_graph(given, models)
    for key in ("tasks", "edges", "generate"):
        if getattr(given, key):
            raise InvalidScenario(f"give either {key} or module, not both")
    if given.batch != 1:
        raise InvalidScenario("batch: a module runs at the shapes of its example inputs")
    from scenarios.importers.torch_export import from_spec

    with at("module"):
        made = from_spec(given.module)
    return replace(
        made,
        place_with=tuple(tuple(group) for group in given.place_with),
        apart=tuple(tuple(group) for group in given.apart),
        accuracy_rule=given.accuracy,
    )


def _generated(given: StreamSpec, cluster: Cluster | None) -> Scenario | None:
    if given.generate is None or given.module is not None:
        return None
    for key in ("tasks", "edges", "place_with", "apart"):
        if getattr(given, key):
            raise InvalidScenario(f"give either {key} or generate, not both")
    from scenarios.generate import from_spec

    return from_spec(given.generate, "generate", cluster)


def _size(name: str, given: Any, stream: StreamSpec, models: Models) -> Size:
    """A size whose nominal value is that of the models it scales, else its mean."""
    with at(f"sizes.{name}"):
        drawn = distribution(given)
        measured: dict[str, float] = {}
        for task in stream.tasks.values():
            if task.scale_with == name:
                for reference in references(task):
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


# ----- rules -------------------------------------------------------------------------------------
def _objective(given: str | Mapping[str, float]) -> Objective:
    if isinstance(given, str):
        return Objective.parse(given)
    terms = dict(given)
    penalty = terms.pop("lost_penalty", None)
    return Objective(tuple(terms.items()), lost_penalty=penalty)


def _dynamics(given: DynamicsSpec | None, cluster: Cluster) -> Dynamics:
    if given is None:
        return Dynamics()
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
