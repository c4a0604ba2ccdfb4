"""From a family and a few numbers to a scenario."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from scenarios.generate.ccr import bytes_for_ccr, mean_route, refuse_size_tables
from scenarios.generate.families import family_of, structure
from scenarios.generate.heterogeneity import Heterogeneity, parse_heterogeneity
from scenarios.generate.luck import BYTES, HETEROGENEITY, WORK, Luck
from scenarios.generate.structure import Structure, shown, whole
from scenarios.scenario import Scenario
from simulator.arrays import FloatArray
from simulator.cluster import Cluster, Node
from simulator.errors import AlloclabError, InvalidScenario, unknown
from simulator.taskgraph import Edge, Task, TaskGraph, Variant
from simulator.units import parse
from simulator.workload import Stream

WEIGHTS = ("random", "level", "equal")
MOST_NODES = 1000
MOST_PAIRS = 5_000_000
MOST_SECONDS, MOST_CCR = 1e12, 1e9

SETTINGS = (
    "family",
    "tasks",
    "nodes",
    "ccr",
    "heterogeneity",
    "seed",
    "weights",
    "seconds",
    "bandwidth",
    "latency",
    "cluster",
)
"""What every family takes, beside its own parameters."""


def generate(
    family: str,
    *,
    tasks: int | None = None,
    nodes: int | None = None,
    ccr: float = 1.0,
    heterogeneity: str | float | Mapping[str, Any] | Heterogeneity | None = None,
    seed: int = 0,
    weights: str = "random",
    seconds: float | str = 1.0,
    bandwidth: float | str | None = None,
    latency: float | str | None = None,
    cluster: Cluster | None = None,
    **parameters: Any,
) -> Scenario:
    """Generate one request of a task graph on a star of nodes, or on a given cluster.

    Parameters
    ----------
    family : str
        One of `families`.
    tasks : int or None
        Number of tasks, 100 if None; stencil, fft and gauss take the largest size that does not
        exceed it.
    nodes : int or None
        Number of nodes of the star, 8 if None.
    ccr : float
        Mean transfer seconds over mean work seconds as `ccr_of` measures it, reached exactly by
        scaling all messages.
    heterogeneity : spec, mapping, number or None
        See `parse_heterogeneity`; None is ``range`` (beta 1) on a star, and the cluster's own
        speeds on a given cluster.
    seed : int
    weights : {"random", "level", "equal"}
        Work and bytes drawn for each task and edge, once for each level, or all alike.
    seconds : float or text with unit
        Mean work of a task before heterogeneity.
    bandwidth, latency : float or text with unit, or None
        Of each of the star's links, 1 Gbit/s and 0 if None; a message passes two of them.
    cluster : Cluster or None
        Generate for this cluster instead of a star.
    **parameters
        The family's own.

    Returns
    -------
    Scenario
        Network ``ideal``, dispatch ``strict``, objective makespan. Under ``range`` and ``cv`` the
        durations belong to its own nodes, so it cannot run on another cluster.

    Raises
    ------
    UnknownName, InvalidScenario, Unsupported
        An unknown family, parameter or method; a value out of range; a CCR out of reach.
    """
    chosen = family_of(family)
    whole(seed, "seed", 0, 2**63 - 1)
    if isinstance(ccr, bool) or not isinstance(ccr, int | float) or not 0 <= ccr <= MOST_CCR:
        raise InvalidScenario(f"ccr must be a number from 0 to {MOST_CCR:g}, got {shown(ccr)}")
    if weights not in WEIGHTS:
        raise unknown("value of weights", str(weights), WEIGHTS)
    mean = parse(seconds, "time", "seconds")
    if not 0 < mean <= MOST_SECONDS:
        raise InvalidScenario(
            f"seconds must be above 0 and at most {MOST_SECONDS:g}, got {shown(seconds)}"
        )
    method = _method(heterogeneity, cluster)
    graph = structure(chosen, tasks, seed, parameters)
    if cluster is None:
        target = _star(nodes, method, bandwidth, latency, seed)
    else:
        _refuse_star_settings(nodes=nodes, bandwidth=bandwidth, latency=latency)
        refuse_size_tables(cluster)
        target = cluster
    compute = [n for n, node in enumerate(target.nodes) if node.kind != "storage"]
    if len(graph.names) * len(compute) > MOST_PAIRS:
        raise InvalidScenario(
            f"{len(graph.names)} tasks on {len(compute)} nodes are too many, "
            f"at most {MOST_PAIRS} pairs"
        )
    work = mean * _task_factors(graph, weights, method, seed)
    table = _durations(work, method, target, compute, seed)
    sizes = _edge_factors(graph, weights, seed)
    latency_s, slowness = mean_route(target, compute)
    if not math.isnan(slowness):
        average = math.fsum(table.mean(axis=1)) / len(work)
        sizes = bytes_for_ccr(float(ccr), sizes, average, latency_s, slowness)
    facts = {
        "generator": _call(chosen.name, tasks, ccr, heterogeneity, seed, weights, parameters),
        "ccr": f"{ccr:g}" if len(sizes) and not math.isnan(slowness) else "undefined: no messages",
    }
    return Scenario(
        name=f"{chosen.name}-{len(graph.names)}-s{seed}",
        description=f"Generated {chosen.name} graph: {len(graph.names)} tasks, "
        f"{len(graph.edges)} edges on {len(compute)} nodes",
        cluster=target,
        streams=(Stream("main", _graph(graph, work, table, method, target, compute, sizes)),),
        network="ideal",
        dispatch="strict",
        fixed_cluster=not method.related,
        facts=facts,
    )


def build(spec: Mapping[str, Any]) -> Scenario:
    """`generate` from a mapping with the same keys; ``family`` is needed.

    Raises
    ------
    As `generate`.
    """
    if not isinstance(spec, Mapping):
        raise InvalidScenario(f"expected a mapping with a family, got {shown(spec)}")
    if "family" not in spec:
        raise InvalidScenario("the family is missing; give for example family: layered")
    known = (*SETTINGS, *family_of(spec["family"]).parameters)
    for key in spec:
        if key not in known:
            raise unknown("key", str(key), known)
    cluster = spec.get("cluster")
    if cluster is not None and not isinstance(cluster, Cluster):
        raise InvalidScenario(f"cluster must be a cluster, got {shown(cluster)}")
    given = {key: value for key, value in spec.items() if value is not None}
    return generate(**given)


def from_spec(spec: Mapping[str, Any], where: str, cluster: Cluster | None = None) -> Scenario:
    """`build` for a scenario file.

    Parameters
    ----------
    spec : mapping
        What stands under ``generate:``.
    where : str
        File and field, put before every message.
    cluster : Cluster or None
        The scenario's own cluster, if it names one.

    Raises
    ------
    AlloclabError
        As `generate`, with `where`.
    """
    try:
        if cluster is not None and isinstance(spec, Mapping):
            spec = {**spec, "cluster": cluster}
        return build(spec)
    except AlloclabError as error:
        raise type(error)(f"{where}: {error}") from None


def _method(value: Any, cluster: Cluster | None) -> Heterogeneity:
    if value is None:
        return parse_heterogeneity("range" if cluster is None else "identical")
    method = parse_heterogeneity(value)
    if cluster is not None and method.related:
        raise InvalidScenario(
            f"heterogeneity {shown(value)} sets node speeds, but cluster {cluster.name!r} has its "
            "own; leave it out, or take range or cv"
        )
    return method


def _refuse_star_settings(**settings: Any) -> None:
    for key, value in settings.items():
        if value is not None:
            raise InvalidScenario(f"give either {key} or a cluster, not both")


def _star(nodes: Any, method: Heterogeneity, bandwidth: Any, latency: Any, seed: int) -> Cluster:
    count = whole(8 if nodes is None else nodes, "nodes", 1, MOST_NODES)
    speeds = method.speeds(count, Luck(seed, HETEROGENEITY))
    members = [Node(f"n{i}", speed=float(speed)) for i, speed in enumerate(speeds)]
    rate = parse("1 Gbit/s" if bandwidth is None else bandwidth, "bandwidth", "bandwidth")
    delay = parse(0.0 if latency is None else latency, "time", "latency")
    return Cluster.star(f"star-{count}", members, rate, delay)


def _task_factors(graph: Structure, weights: str, method: Heterogeneity, seed: int) -> FloatArray:
    """(T,) work of the tasks relative to the mean."""
    tasks = len(graph.names)
    if weights == "equal":
        return np.ones(tasks)
    factors = method.task_factors(Luck(seed, WORK).uniform(tasks))
    return factors[graph.levels()] if weights == "level" else factors


def _edge_factors(graph: Structure, weights: str, seed: int) -> FloatArray:
    """(E,) bytes of the messages relative to each other, uniform on (0, 2)."""
    if weights == "equal":
        return np.ones(len(graph.edges))
    draws = 2.0 * Luck(seed, BYTES).uniform(len(graph.edges))
    if weights == "random":
        return draws
    level = graph.levels()
    pairs = [(int(level[a]), int(level[b])) for a, b in graph.edges]
    number = {pair: i for i, pair in enumerate(sorted(set(pairs)))}
    return draws[[number[pair] for pair in pairs]]


def _durations(
    work: FloatArray, method: Heterogeneity, cluster: Cluster, compute: list[int], seed: int
) -> FloatArray:
    """(T, N) seconds of every task on every compute node."""
    speeds = np.array([cluster.nodes[n].speed for n in compute])
    if method.related:
        return work[:, None] / speeds
    return work[:, None] * method.table(len(work), len(compute), Luck(seed, HETEROGENEITY))


def _graph(
    graph: Structure,
    work: FloatArray,
    table: FloatArray,
    method: Heterogeneity,
    cluster: Cluster,
    compute: list[int],
    sizes: FloatArray,
) -> TaskGraph:
    names = [cluster.nodes[n].name for n in compute]
    tasks = []
    for t, name in enumerate(graph.names):
        seconds = (
            {"*": float(work[t])}
            if method.related
            else dict(zip(names, table[t].tolist(), strict=True))
        )
        tasks.append(Task(name, (Variant(name, seconds=seconds),)))
    edges = [
        Edge(graph.names[a], graph.names[b], bytes=float(size))
        for (a, b), size in zip(graph.edges, sizes, strict=True)
    ]
    return TaskGraph(tuple(tasks), tuple(edges))


def _call(
    family: str,
    tasks: Any,
    ccr: float,
    heterogeneity: Any,
    seed: int,
    weights: str,
    parameters: Mapping[str, Any],
) -> str:
    """The settings on one line."""
    given = {"tasks": tasks, **parameters, "ccr": ccr, "heterogeneity": heterogeneity}
    given |= {"weights": weights if weights != "random" else None, "seed": seed}
    return f"{family}: " + ", ".join(f"{k}={v}" for k, v in given.items() if v is not None)
