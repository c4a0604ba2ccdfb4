"""Draws realisations: every number comes from a counter-based generator with a key of its own.

The key of a draw is (seed, family, stream name, purpose, name); request r takes the r-th number of
that key's Philox sequence [1]_, one uniform each. So a draw depends neither on the order nor on the
number of other draws: a longer run begins like a shorter one, and adding a task changes no other
task's luck.
The families ``plan`` (what schedulers may look at) and ``test`` (what they are judged by) never
meet.

References
----------
.. [1] J. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
   doi:10.1145/2063384.2063405
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from simulator.arrays import BoolArray, FloatArray, IntArray
from simulator.errors import unknown
from simulator.realisation import Realisation
from simulator.workload import Stream

if TYPE_CHECKING:
    from simulator.problem import Problem

FAMILIES = ("test", "plan")


def uniforms(seed: int, family: str, stream: str, purpose: str, name: str, n: int) -> FloatArray:
    """The first n uniforms in [0, 1) of one key."""
    text = "\x1f".join((str(seed), family, stream, purpose, name))
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    key = np.frombuffer(digest[:16], dtype="<u8")
    return np.random.Generator(np.random.Philox(key=key)).random(n)


def draw(problem: Problem, seed: int = 0, family: str = "test") -> Realisation:
    """Draw all the luck of one run.

    Parameters
    ----------
    problem : Problem
    seed : int
    family : {"test", "plan"}

    Returns
    -------
    Realisation

    Raises
    ------
    UnknownName
        Another family.
    """
    if family not in FAMILIES:
        raise unknown("family of luck", family, FAMILIES)
    arrival, stream, index = _arrivals(problem, seed, family)
    return Realisation(
        arrival=arrival,
        stream=stream,
        task_factor=_task_factors(problem, seed, family, stream, index),
        edge_factor=_edge_factors(problem, seed, family, stream, index),
        taken=_taken(problem, seed, family, stream, index),
        think=_think(problem, seed, family),
        family=family,
        seed=seed,
        **planned_dynamics(problem),  # type: ignore[arg-type]
    )


def nominal(problem: Problem) -> Realisation:
    """One average request of every stream at time 0, every branch taken, nothing going wrong."""
    n = len(problem.streams)
    return Realisation(
        arrival=np.zeros(n),
        stream=np.arange(n, dtype=np.int64),
        task_factor=_ones_as_empty(np.tile(problem.task_scale, (n, 1))),
        edge_factor=_ones_as_empty(np.tile(problem.edge_scale, (n, 1))),
    )


def _ones_as_empty(factor: FloatArray) -> FloatArray:
    """(0, 0) when every factor is 1, as `Realisation` has it."""
    return np.empty((0, 0)) if factor.size == 0 or (factor == 1.0).all() else factor


def _arrivals(problem: Problem, seed: int, family: str) -> tuple[FloatArray, IntArray, IntArray]:
    """Times, streams and index within the stream, ordered by (time, stream, index)."""
    times = np.concatenate([_times(s, seed, family) for s in problem.streams])
    counts = [s.requests for s in problem.streams]
    stream = np.repeat(np.arange(len(counts), dtype=np.int64), counts)
    index = np.concatenate([np.arange(c, dtype=np.int64) for c in counts])
    order = np.lexsort((index, stream, times))
    return times[order], stream[order], index[order]


def _times(stream: Stream, seed: int, family: str) -> FloatArray:
    a, n = stream.arrivals, stream.requests
    if a.kind == "constant":
        return a.start + np.arange(n) / a.rate
    if a.kind == "poisson":
        gaps = -np.log1p(-uniforms(seed, family, stream.name, "arrival", "", n)) / a.rate
        return np.asarray(a.start + np.cumsum(gaps))
    if a.kind == "trace":
        return a.start + np.array(a.times[:n], dtype=np.float64)
    return np.full(n, a.start if a.kind == "once" else 0.0)


def _sizes(stream: Stream, seed: int, family: str) -> dict[str, FloatArray]:
    """Size of each request over the nominal size, by name of the size."""
    n = stream.requests
    return {
        name: size.distribution.quantile(uniforms(seed, family, stream.name, "size", name, n))
        / size.nominal
        for name, size in stream.sizes.items()
    }


def request_sizes(problem: Problem, realisation: Realisation) -> list[dict[str, IntArray]]:
    """Whole-number sizes of every request, such as tokens: what a real run builds tensors from.

    Parameters
    ----------
    problem : Problem
    realisation : Realisation
        Drawn by `draw`, or nominal: then every request has the nominal size.

    Returns
    -------
    list over the streams of mapping of size name to (R,) int array, at least 1; entries of other
    streams' requests are the nominal size.
    """
    out: list[dict[str, IntArray]] = []
    for s, spec in enumerate(problem.streams):
        rows = np.flatnonzero(realisation.stream == s)
        drawn = _sizes(spec, realisation.seed, realisation.family)
        found: dict[str, IntArray] = {}
        for name, size in spec.sizes.items():
            values = np.full(realisation.n_requests, size.nominal)
            if realisation.family in FAMILIES:
                # Requests of one stream are numbered in the order of their arrival.
                values[rows] = drawn[name][: len(rows)] * size.nominal
            found[name] = np.maximum(np.rint(values), 1).astype(np.int64)
        out.append(found)
    return out


def _task_factors(
    problem: Problem, seed: int, family: str, stream: IntArray, index: IntArray
) -> FloatArray:
    factor = np.ones((len(stream), problem.n_tasks))
    t = 0
    for s, spec in enumerate(problem.streams):
        rows = stream == s
        sizes = _sizes(spec, seed, family)
        for task in spec.graph.tasks:
            values = np.ones(spec.requests)
            if task.scale_with is not None:
                values = values * sizes[task.scale_with]
            if spec.noise is not None:
                u = uniforms(seed, family, spec.name, "noise", task.name, spec.requests)
                values = values * spec.noise.quantile(u)
            factor[rows, t] = values[index[rows]]
            t += 1
    return _ones_as_empty(factor)


def _edge_factors(
    problem: Problem, seed: int, family: str, stream: IntArray, index: IntArray
) -> FloatArray:
    factor = np.ones((len(stream), problem.n_edges))
    e = 0
    for s, spec in enumerate(problem.streams):
        rows = stream == s
        sizes = _sizes(spec, seed, family)
        for edge in spec.graph.edges:
            if edge.scale_with is not None:
                factor[rows, e] = sizes[edge.scale_with][index[rows]]
            e += 1
    return _ones_as_empty(factor)


def _taken(
    problem: Problem, seed: int, family: str, stream: IntArray, index: IntArray
) -> BoolArray:
    """Outcomes of conditional edges; those of one branch share a uniform, so exclude each other."""
    taken = np.ones((len(stream), problem.n_edges), dtype=np.bool_)
    e = 0
    for s, spec in enumerate(problem.streams):
        rows = stream == s
        spent: dict[str, float] = {}
        for i, edge in enumerate(spec.graph.edges):
            if edge.probability is not None:
                key = f"{edge.src}|{edge.branch}" if edge.branch else f"#{i}|{edge.label}"
                low = spent.get(key, 0.0)
                u = uniforms(seed, family, spec.name, "branch", key, spec.requests)
                spent[key] = low + edge.probability
                taken[rows, e] = ((u >= low) & (u < low + edge.probability))[index[rows]]
            e += 1
    return np.empty((0, 0), dtype=np.bool_) if taken.all() else taken


def _think(problem: Problem, seed: int, family: str) -> FloatArray:
    for spec in problem.streams:
        if spec.arrivals.kind == "closed" and spec.arrivals.think is not None:
            u = uniforms(seed, family, spec.name, "think", "", spec.requests)
            return spec.arrivals.think.quantile(u)
    return np.empty(0)


def planned_dynamics(problem: Problem) -> dict[str, FloatArray | IntArray]:
    """Index arrays of the planned outages, slow-downs and degradations; domains are expanded."""
    nodes, links = problem.cluster.nodes, problem.cluster.links
    domains = {n.failure_domain for n in nodes} | {x.failure_domain for x in links}
    outages: list[tuple[int, float, float]] = []
    degraded: list[tuple[int, float, float, float]] = []
    for o in problem.dynamics.outages:
        hit = [n for n, node in enumerate(nodes) if o.target in (node.name, node.failure_domain)]
        if not hit and o.target not in domains:
            choices = [n.name for n in nodes] + sorted(d for d in domains if d is not None)
            raise unknown("node or failure domain", o.target, choices, "outage")
        outages += [(n, o.start, o.end) for n in hit]
        degraded += [(i, o.start, o.end, 0.0) for i, x in enumerate(links)
                     if x.failure_domain == o.target]  # fmt: skip
    slow = [(problem.cluster.index(w.node), w.start, w.end, w.factor)
            for w in problem.dynamics.slowdowns]  # fmt: skip
    names = {x.name: i for i, x in enumerate(links)}
    for d in problem.dynamics.degradations:
        if d.link not in names:
            raise unknown("link", d.link, names, "degradation")
        degraded.append((names[d.link], d.start, d.end, d.factor))
    return (
        _columns("outage", "node", outages, ("start", "end"))
        | _columns("slow", "node", slow, ("start", "end", "factor"))
        | _columns("degraded", "link", degraded, ("start", "end", "factor"))
    )


def _columns(
    prefix: str, key: str, rows: Sequence[tuple[int, *tuple[float, ...]]], names: tuple[str, ...]
) -> dict[str, FloatArray | IntArray]:
    """Rows (index, number, ...) as named arrays."""
    out: dict[str, FloatArray | IntArray] = {
        f"{prefix}_{key}": np.array([row[0] for row in rows], dtype=np.int64)
    }
    for i, name in enumerate(names, start=1):
        out[f"{prefix}_{name}"] = np.array([row[i] for row in rows], dtype=np.float64)
    return out
