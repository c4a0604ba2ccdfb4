"""A scenario as the text of a scenario file, everything written out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from scenarios.export.cluster import WrittenCluster, write_cluster
from scenarios.export.graph import GraphNames, write_graph
from scenarios.export.names import rename
from scenarios.export.text import Line, Row, dump
from scenarios.layers import VERSION
from scenarios.model_build import ANY
from scenarios.scenario import Scenario
from simulator.cluster import Cluster
from simulator.dynamics import Dynamics
from simulator.errors import AlloclabError
from simulator.objective import Objective
from simulator.risk import Risk
from simulator.workload import Arrivals, Distribution, Stream

TEXT_LENGTH = 4000


def to_yaml(scenario: Scenario) -> str:
    """Text of a scenario file that loads to the same problem.

    Tasks, edges, nodes and links keep their order, so the lowered arrays are equal. Names that
    the format does not allow are changed, and a comment on top says which.

    Parameters
    ----------
    scenario : Scenario

    Returns
    -------
    str

    Raises
    ------
    Unsupported
        Names what a scenario file cannot express.
    """
    labels = _labels_in_use(scenario)
    cluster = write_cluster(scenario.cluster, labels | {ANY})
    streams = rename(s.name for s in scenario.streams)
    graphs = {s.name: GraphNames.of(s.graph, cluster.nodes) for s in scenario.streams}
    head: dict[str, Any] = {"alloclab": VERSION}
    head["name"] = next(iter(rename([scenario.name or "scenario"]).values()))
    if scenario.description:
        head["description"] = " ".join(scenario.description.split())[:TEXT_LENGTH]
    rules: dict[str, Any] = {"network": scenario.network}
    if scenario.dispatch is not None:
        rules["dispatch"] = scenario.dispatch
    if scenario.discipline != "fifo":
        rules["discipline"] = scenario.discipline
    rules["objective"] = _objective(scenario.objective)
    if scenario.plan_draws != 1:
        rules["plan_draws"] = scenario.plan_draws
    if scenario.plan_risk != Risk():
        rules["plan_risk"] = Line({scenario.plan_risk.kind: scenario.plan_risk.level})
    misfortune = _dynamics(scenario.dynamics, scenario.cluster, cluster)
    body = {
        streams[s.name]: {**_stream(s), **write_graph(s.graph, graphs[s.name])}
        for s in scenario.streams
    }
    sections = [
        head,
        {"facts": _facts(scenario.facts)} if scenario.facts else {},
        {"cluster": _cluster(scenario.cluster, cluster)},
        {"streams": body},
        rules,
        {"dynamics": misfortune} if misfortune else {},
    ]
    changed = [cluster.nodes, streams, *(g.tasks for g in graphs.values())]
    return _comment(changed) + dump(sections)


def _comment(renamed: list[Mapping[str, str]]) -> str:
    """Lines that say which names had to change."""
    pairs = [(old, new) for names in renamed for old, new in names.items() if old != new]
    if not pairs:
        return ""
    lines = [f"# {len(pairs)} name(s) changed to fit the format:"]
    lines += [f"#   {old!r} is {new!r}" for old, new in pairs[:50]]
    return "\n".join(lines + (["#   ..."] if len(pairs) > 50 else [])) + "\n"


def _labels_in_use(scenario: Scenario) -> frozenset[str]:
    """Devices, kinds and labels: a node that had to change its name must not take one."""
    nodes = scenario.cluster.nodes
    found = {x for n in nodes for x in (n.device, n.kind, *n.labels)}
    return frozenset(found - {n.name for n in nodes})


def _cluster(cluster: Cluster, written: WrittenCluster) -> Any:
    """The name of a built-in cluster, if it is just that one."""
    from scenarios.loader import cluster_names, load_cluster

    if cluster.name in cluster_names():
        try:
            if load_cluster(cluster.name) == cluster:
                return cluster.name
        except AlloclabError:
            pass
    return written.data


def _facts(facts: Mapping[str, str]) -> dict[str, str]:
    names = rename(facts)
    return {names[key]: " ".join(text.split())[:TEXT_LENGTH] for key, text in facts.items()}


def _objective(objective: Objective) -> Any:
    if objective.lost_penalty is None and len(objective.terms) == 1:
        (name, weight), = objective.terms  # fmt: skip
        if weight == 1:
            return name
    out = Line(objective.terms)
    if objective.lost_penalty is not None:
        out["lost_penalty"] = objective.lost_penalty
    return out


# ----- streams -----------------------------------------------------------------------------------
def _stream(stream: Stream) -> dict[str, Any]:
    """All of a stream but its graph."""
    out: dict[str, Any] = {}
    arrivals = _arrivals(stream.arrivals, stream.requests)
    if arrivals:
        out["arrivals"] = arrivals
    if stream.sizes:
        out["sizes"] = {
            name: Line({**_distribution(size.distribution), "nominal": size.nominal})
            for name, size in stream.sizes.items()
        }
    if stream.noise is not None:
        out["noise"] = _distribution(stream.noise)
    if stream.deadline_s is not None and stream.deadline_s < math.inf:
        out["deadline"] = stream.deadline_s
    if stream.batch != 1:
        out["batch"] = stream.batch
    if stream.class_ != 0:
        out["class"] = stream.class_
    if stream.weight != 1:
        out["weight"] = stream.weight
    return out


def _arrivals(arrivals: Arrivals, requests: int) -> Line:
    out = Line()
    if arrivals.kind in ("constant", "poisson"):
        out[arrivals.kind] = arrivals.rate
    elif arrivals.kind == "trace":
        out["trace"] = Row(arrivals.times)
    elif arrivals.kind == "closed":
        out["clients"] = arrivals.clients
        if arrivals.think is not None:
            out["think"] = _distribution(arrivals.think)
    if requests != 1 or arrivals.kind != "once":
        out["requests"] = requests
    if arrivals.start and arrivals.kind != "closed":
        out["start"] = arrivals.start
    return out


def _distribution(given: Distribution) -> Line:
    """A mapping; a constant becomes a choice of one value, for a plain number may mean a cv."""
    if given.kind == "constant":
        return Line(choice=Line(values=Row([given.parameters["value"]])))
    return Line(
        {
            given.kind: Line(
                {k: Row(v) if isinstance(v, tuple) else v for k, v in given.parameters.items()}
            )
        }
    )


# ----- dynamics ----------------------------------------------------------------------------------
def _dynamics(dynamics: Dynamics, cluster: Cluster, written: WrittenCluster) -> dict[str, Any]:
    nodes = {n.name for n in cluster.nodes}
    out: dict[str, Any] = {}
    if dynamics.outages:
        out["outages"] = [
            _interval(
                o.start,
                o.end,
                **(
                    {"node": written.nodes[o.target]} if o.target in nodes else {"domain": o.target}
                ),
            )
            for o in dynamics.outages
        ]
    if dynamics.slowdowns:
        out["slowdowns"] = [
            _interval(s.start, s.end, node=written.nodes[s.node], factor=s.factor)
            for s in dynamics.slowdowns
        ]
    if dynamics.degradations:
        out["degradations"] = [
            _interval(d.start, d.end, link=written.links[d.link], factor=d.factor)
            for d in dynamics.degradations
        ]
    return out


def _interval(start: float, end: float, **what: Any) -> Line:
    return Line({**what, "from": start, **({"to": end} if end < math.inf else {})})
