"""Scenarios and clusters as plain data, for `alloclab show`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from scenarios.messages import refuse
from scenarios.scenario import Scenario
from simulator.cluster import Cluster
from simulator.dynamics import Dynamics
from simulator.errors import UnknownName
from simulator.problem import Problem
from simulator.taskgraph import Edge
from simulator.workload import Stream


def describe(name: str, cluster: str | None = None) -> dict[str, Any]:
    """Describe a scenario (or importable file), or a cluster where no scenario has the name.

    Raises
    ------
    UnknownName
        Neither a scenario nor a cluster.
    InvalidScenario
        A cluster is to be shown on a cluster.
    """
    import scenarios
    from scenarios.loader import foreign_cluster

    foreign = foreign_cluster(Path(name)) if Path(name).is_file() else None
    if foreign is not None:
        refuse(cluster is not None, f"{name} is a cluster; --cluster goes with a scenario")
        return {"kind": "cluster", **describe_cluster(foreign)}
    try:
        scenario = scenarios.load(name)
    except UnknownName:
        if name not in scenarios.cluster_names():
            raise
        refuse(cluster is not None, f"{name} is a cluster; --cluster goes with a scenario")
        return {"kind": "cluster", **describe_cluster(scenarios.load_cluster(name))}
    if cluster is not None:
        scenario = scenario.on(scenarios.load_cluster(cluster))
    return {"kind": "scenario", **describe_scenario(scenario)}


def describe_scenario(scenario: Scenario) -> dict[str, Any]:
    """Rules, streams, tasks with their range of durations, edges, and the cluster."""
    problem = scenario.problem()
    return {
        "name": scenario.name,
        "description": scenario.description,
        "source": scenario.source,
        "rules": {
            "network": problem.network,
            "dispatch": problem.dispatch,
            "discipline": problem.discipline,
            "objective": str(problem.objective),
        },
        "streams": [_stream(s) for s in scenario.streams],
        "tasks": _tasks(problem),
        "edges": [_edge(s, e, problem, i) for i, (s, e) in enumerate(_edges(scenario))],
        "dynamics": _dynamics(scenario.dynamics),
        "cluster": describe_cluster(scenario.cluster),
        "facts": dict(scenario.facts),
    }


def _edges(scenario: Scenario) -> list[tuple[Stream, Edge]]:
    return [(s, e) for s in scenario.streams for e in s.graph.edges]


def _stream(stream: Stream) -> dict[str, Any]:
    a = stream.arrivals
    how = {
        "once": "all at once",
        "constant": f"every {1 / a.rate:.4g} s" if a.rate else "",
        "poisson": f"Poisson, {a.rate:g}/s",
        "trace": "arrival trace",
        "closed": f"closed loop, {a.clients} client(s)",
    }[a.kind]
    out: dict[str, Any] = {"name": stream.name, "arrivals": how, "requests": stream.requests}
    if stream.batch != 1:
        out["batch"] = stream.batch
    if stream.deadline_s is not None:
        out["deadline_s"] = stream.deadline_s
    if stream.class_:
        out["class"] = stream.class_
    for size, spec in stream.sizes.items():
        numbers = ", ".join(f"{k} {v}" for k, v in spec.distribution.parameters.items())
        out[f"size {size}"] = f"{spec.distribution.kind} ({numbers})"
    return out


def _tasks(problem: Problem) -> list[dict[str, Any]]:
    rows = []
    for t, task in enumerate(problem.tasks):
        seconds = problem.seconds[t]
        places = problem.allowed[t].any(axis=0)
        rows.append(
            {
                "task": problem.task_names[t],
                "variants": [v.name for v in task.variants],
                "seconds_min": float(np.nanmin(seconds)),
                "seconds_max": float(np.nanmax(seconds)),
                "nodes": int(places.sum()),
                "weights_bytes": float(problem.weights_bytes[t].max()),
            }
        )
        if task.pinned is not None:
            rows[-1]["pinned"] = task.pinned
    return rows


def _edge(stream: Stream, edge: Edge, problem: Problem, index: int) -> dict[str, Any]:
    row: dict[str, Any] = {
        "edge": edge.name or f"{edge.src} -> {edge.dst}",
        "from": edge.src,
        "to": edge.dst,
        "bytes": float(problem.bytes[index].max()),
    }
    if len(problem.streams) > 1:
        row = {"stream": stream.name, **row}
    if edge.lag:
        row["lag"] = edge.lag
    if edge.probability is not None:
        row["probability"] = edge.probability
    return row


def _dynamics(dynamics: Dynamics) -> list[dict[str, Any]]:
    """Planned outages, slow-downs and degradations by time of beginning; no "to_s" is for good."""
    rows: list[dict[str, Any]] = [
        {"what": "outage", "where": x.target, "from_s": x.start, "to_s": x.end}
        for x in dynamics.outages
    ]
    changes = [("slow-down", x.node, x.start, x.end, x.factor) for x in dynamics.slowdowns]
    changes += [("degradation", x.link, x.start, x.end, x.factor) for x in dynamics.degradations]
    columns = ("what", "where", "from_s", "to_s", "factor")
    rows += [dict(zip(columns, change, strict=True)) for change in changes]
    for row in rows:
        if not math.isfinite(row["to_s"]):
            del row["to_s"]
    return sorted(rows, key=lambda row: row["from_s"])


def describe_cluster(cluster: Cluster) -> dict[str, Any]:
    """Nodes and links as rows."""
    nodes = []
    for n in cluster.nodes:
        row: dict[str, Any] = {"node": n.name, "kind": n.kind, "device": n.device or "-"}
        if n.slots != 1:
            row["slots"] = n.slots
        if n.speed != 1.0:
            row["speed"] = n.speed
        if "fp32" in n.peak_flops:
            row["fp32_flops"] = n.peak_flops["fp32"]
        if math.isfinite(n.memory_bytes):
            row["memory_bytes"] = n.memory_bytes
        if n.busy_watts is not None:
            row["busy_watts"] = n.busy_watts
        if n.price_per_hour is not None:
            row["price_per_hour"] = n.price_per_hour
        nodes.append(row)
    links = [
        {"link": x.name, "bandwidth": x.bandwidth, "latency_s": x.latency_s} for x in cluster.links
    ]
    return {"name": cluster.name, "nodes": nodes, "links": links}
