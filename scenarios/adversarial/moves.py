"""Random instances within limits, and small random changes to them: the moves of the search.

The changes are those of the PISA paper: a node's speed, a link's bandwidth, a task's weight, an
edge's bytes, an edge more, an edge less. Numbers are drawn and changed on a logarithmic scale and
rounded to three digits, so that what is found can be read.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from scenarios.adversarial.instance import Graph, Instance, Network
from simulator.arrays import FloatArray
from simulator.errors import InvalidScenario

if TYPE_CHECKING:
    from numpy.random import Generator

    from scenarios.adversarial.limits import Limits

DIGITS = 3
TRIES = 300
STEP = 0.35
"""Standard deviation of a small change, in decades."""

FAR = 0.35
"""Share of changes that draw a new value instead: from the whole range, or one of its ends."""

Pair = tuple[float, float]


def rounded(value: float, limits: Pair) -> float:
    """To three digits, and within limits.

    Examples
    --------
    >>> rounded(1.23456, (0.1, 10.0)), rounded(12.3, (0.1, 10.0))
    (1.23, 10.0)
    """
    return min(max(float(f"{value:.{DIGITS}g}"), limits[0]), limits[1])


def anywhere(limits: Pair, rng: Generator) -> float:
    """Uniform on a logarithmic scale."""
    low, high = limits
    return rounded(low * (high / low) ** rng.random(), limits)


def changed(value: float, limits: Pair, rng: Generator) -> float:
    """Another value: near by, at an end of the range, or anywhere in it."""
    kind = rng.random()
    if kind < FAR / 2:
        return limits[int(rng.random() < 0.5)]
    if kind < FAR:
        return anywhere(limits, rng)
    return rounded(value * 10.0 ** (STEP * rng.standard_normal()), limits)


def several(count: int, limits: Pair, rng: Generator) -> FloatArray:
    """(count,) values, each anywhere."""
    return np.array([anywhere(limits, rng) for _ in range(count)])


# ----- random instances --------------------------------------------------------------------------
def draw(limits: Limits, rng: Generator) -> Instance:
    """A random instance within limits.

    Raises
    ------
    InvalidScenario
        None was found in `TRIES` draws: the limits contradict each other.
    """
    for _ in range(TRIES):
        instance = _at_ratio(_any(limits, rng), limits)
        if instance is not None:
            return instance
    low, high = limits.ccr
    raise InvalidScenario(
        f"limits: in {TRIES} draws no instance had a ccr from {low:g} to {high:g}; widen ccr, "
        "bytes, weights or bandwidths"
    )


def _any(limits: Limits, rng: Generator) -> Instance:
    n_nodes = int(rng.integers(limits.nodes[0], limits.nodes[1] + 1))
    graph = _graph(limits, rng)
    bandwidth = np.full((n_nodes, n_nodes), np.inf)
    for a in range(n_nodes):
        for b in range(a):
            bandwidth[a, b] = bandwidth[b, a] = anywhere(limits.bandwidths, rng)
    return Instance(
        graph,
        Network(bandwidth),
        several(graph.tasks, limits.weights, rng),
        several(n_nodes, limits.speeds, rng),
        several(len(graph.edges), limits.bytes, rng),
        None if limits.unrelated == 1 else several(
            graph.tasks * n_nodes, _factors(limits), rng).reshape(graph.tasks, n_nodes),
    )  # fmt: skip


def _factors(limits: Limits) -> Pair:
    return (1.0 / limits.unrelated, limits.unrelated)


def _graph(limits: Limits, rng: Generator) -> Graph:
    """One of a family, or every possible edge with a probability that is drawn first."""
    n_tasks = int(rng.integers(limits.tasks[0], limits.tasks[1] + 1))
    if limits.families:
        return _of_family(limits, n_tasks, rng)
    density = rng.random()
    edges = [(a, b) for a in range(n_tasks) for b in range(a + 1, n_tasks)
             if rng.random() < density]  # fmt: skip
    return Graph(n_tasks, tuple(edges))


def _of_family(limits: Limits, n_tasks: int, rng: Generator) -> Graph:
    from scenarios.generate.families import family_of, structure

    family = family_of(limits.families[int(rng.integers(len(limits.families)))])
    made = structure(family, n_tasks, int(rng.integers(2**31)), {})
    return Graph(len(made.names), made.edges)


def _at_ratio(instance: Instance, limits: Limits) -> Instance | None:
    """The instance with its messages scaled into the ratio's limits; None if that is impossible."""
    low, high = limits.ccr
    ratio = instance.ccr
    if low <= ratio <= high:
        return instance
    if ratio == 0.0:
        return None
    middle = math.sqrt(low * high) if low > 0 and high < math.inf else (low or high)
    size = np.array([rounded(x * middle / ratio, limits.bytes) for x in instance.size])
    scaled = replace(instance, size=size)
    return scaled if low <= scaled.ccr <= high else None


# ----- changes -----------------------------------------------------------------------------------
def neighbour(instance: Instance, limits: Limits, rng: Generator) -> Instance | None:
    """The instance after one change, or sometimes two; None where the limits forbid it."""
    found: Instance | None = instance
    for _ in range(1 + int(rng.random() < 0.25)):
        if found is not None:
            found = _change(found, limits, rng)
    if found is None or not limits.ccr[0] <= found.ccr <= limits.ccr[1]:
        return None
    return found


def _change(instance: Instance, limits: Limits, rng: Generator) -> Instance | None:
    kinds = 4 if limits.families else 6
    kind = int(rng.random() * kinds)
    if kind == 0:
        if instance.factor is not None and rng.random() < 0.5:
            return replace(instance, factor=_touched(instance.factor, _factors(limits), rng))
        return replace(instance, weight=_touched(instance.weight, limits.weights, rng))
    if kind == 1:
        return replace(instance, speed=_touched(instance.speed, limits.speeds, rng))
    if kind == 2:
        if len(instance.size) == 0:
            return None
        return replace(instance, size=_touched(instance.size, limits.bytes, rng))
    if kind == 3:
        return _other_link(instance, limits, rng)
    return _more(instance, limits, rng) if kind == 4 else _less(instance, rng)


def _touched(values: FloatArray, limits: Pair, rng: Generator) -> FloatArray:
    out = values.copy()
    i = int(rng.random() * values.size)
    out.flat[i] = changed(float(values.flat[i]), limits, rng)
    return out


def _other_link(instance: Instance, limits: Limits, rng: Generator) -> Instance | None:
    n = len(instance.speed)
    if n < 2:
        return None
    a = int(rng.random() * n)
    b = (a + 1 + int(rng.random() * (n - 1))) % n
    bandwidth = instance.network.bandwidth.copy()
    bandwidth[a, b] = bandwidth[b, a] = changed(float(bandwidth[a, b]), limits.bandwidths, rng)
    return replace(instance, network=Network(bandwidth))


def _more(instance: Instance, limits: Limits, rng: Generator) -> Instance | None:
    """With an edge more; its place is drawn among all pairs, those taken included."""
    n = instance.graph.tasks
    a, b = int(rng.random() * n), int(rng.random() * n)
    pair = (min(a, b), max(a, b))
    edges = instance.graph.edges
    if a == b or pair in edges:
        return None
    i = sum(edge < pair for edge in edges)
    size = np.insert(instance.size, i, anywhere(limits.bytes, rng))
    return replace(instance, graph=Graph(n, (*edges[:i], pair, *edges[i:])), size=size)


def _less(instance: Instance, rng: Generator) -> Instance | None:
    edges = instance.graph.edges
    if not edges:
        return None
    i = int(rng.random() * len(edges))
    graph = Graph(instance.graph.tasks, (*edges[:i], *edges[i + 1 :]))
    return replace(instance, graph=graph, size=np.delete(instance.size, i))
