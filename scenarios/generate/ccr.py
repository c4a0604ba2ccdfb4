"""The communication-to-computation ratio, measured on any problem and reached exactly."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from simulator.arrays import FloatArray
from simulator.cluster import Cluster
from simulator.errors import InvalidScenario, Unsupported

if TYPE_CHECKING:
    from simulator.problem import Problem


def ccr_of(problem: Problem) -> float:
    """Mean transfer seconds over mean work seconds.

    Numerator: over all edges, the mean over all ordered pairs of different nodes of
    latency + bytes / smallest bandwidth of the route. Denominator: over all tasks, the mean
    duration over the nodes (and variants) that may do it. Nodes on which no task may run do not
    count. This is the ratio of HEFT's paper [1]_ with both costs in seconds.

    Parameters
    ----------
    problem : Problem

    Returns
    -------
    float
        NaN where it is undefined: no edges, no pairs of nodes, or no work.

    References
    ----------
    .. [1] H. Topcuoglu, S. Hariri, M.-Y. Wu, IEEE TPDS 13(3), 2002, section 6.1.
       doi:10.1109/71.993206
    """
    work = float(np.nanmean(problem.seconds, axis=(1, 2)).mean())
    compute = problem.allowed.any(axis=(0, 1))
    if problem.n_edges == 0 or work == 0:
        return math.nan
    latency, slowness = mean_route(problem.cluster, np.flatnonzero(compute).tolist())
    variants = [len(names) for names in problem.variant_names]
    sizes = [
        problem.bytes[e, : variants[src]].mean() for e, src in enumerate(problem.arrays.edge_src)
    ]
    return (latency + float(np.mean(sizes)) * slowness) / work


def mean_route(cluster: Cluster, nodes: Sequence[int]) -> tuple[float, float]:
    """Mean latency (s) and mean seconds a byte over the ordered pairs of different nodes.

    Pairs without a route do not count; NaN if there is none.
    """
    latencies, slowness = list[float](), list[float]()
    for a in nodes:
        for b in nodes:
            route = cluster.routes.get((a, b), ()) if a != b else ()
            if route:
                latencies.append(math.fsum(cluster.links[x].latency_s for x in route))
                slowness.append(1.0 / min(cluster.links[x].bandwidth for x in route))
    if not latencies:
        return math.nan, math.nan
    return math.fsum(latencies) / len(latencies), math.fsum(slowness) / len(slowness)


def bytes_for_ccr(
    ccr: float, sizes: FloatArray, work: float, latency: float, slowness: float
) -> FloatArray:
    """Scale message sizes so that the ratio is met.

    Parameters
    ----------
    ccr : float, >= 0
    sizes : (E,) float array of relative sizes
    work : float, mean work seconds
    latency, slowness : float
        As from `mean_route`.

    Returns
    -------
    (E,) float array of bytes.

    Raises
    ------
    InvalidScenario
        Latency alone exceeds the ratio.
    """
    if len(sizes) == 0:
        return sizes
    left = ccr * work - latency
    if left < 0:
        raise InvalidScenario(
            f"ccr {ccr:g} cannot be reached: the mean latency of {latency:g} s alone is "
            f"{latency / work:.4g} of the mean work of {work:g} s"
        )
    mean = float(sizes.mean())
    return sizes * (left / (mean * slowness)) if mean > 0 else np.full(len(sizes), left / slowness)


def refuse_size_tables(cluster: Cluster) -> None:
    """The ratio is reached by scaling, which a size table would bend.

    Raises
    ------
    Unsupported
    """
    for link in cluster.links:
        if link.size_table:
            raise Unsupported(
                f"cluster {cluster.name!r}: link {link.name!r} has a size table, and graphs cannot "
                "be generated to a given ccr on such links"
            )
