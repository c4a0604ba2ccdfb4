"""Heads and tails of the requests of one run: completions that transfers and co-location delay.

Only edges on which waiting is certain count: the consumer is mandatory and waits for every input
that comes, the producer is surely not skipped, the edge is taken and has no lag. Everything else
enters as a release: the instant before which the critical path knows that a task cannot be ready.

Messages take at least what they take under `ideal` when alone, in every network: a fair share and
a queue are no faster than the link. Degradations by factors above 1, of which all might be in force
together, speed messages up by their product (with size tables: only latency counts then).

Requests that differ in nothing but their arrival share one computation. Others have one each, as
many as `MOST_WORK` allows, those that the critical path ends last first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from schedulers.bounding.headtail import heads_and_tails, least_delays
from schedulers.cheapest import least_by_node
from simulator.arrays import BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    from schedulers.necessity import Necessity

MOST_WORK = 2_000_000
"""Transfers, over edges and pairs of nodes, that are looked at in one run: some 10 ms."""

MOST_REQUESTS = 100

ROUNDING = 1e-15
"""Relative error of one addition, with a margin."""


def latencies(needs: Necessity) -> FloatArray:
    """(R,) seconds after its arrival before which a request cannot complete; 0: nothing known."""
    arrays = needs.problem.arrays
    n_requests = len(needs.arrival)
    out = np.zeros(n_requests)
    each = max(arrays.n_edges * arrays.n_nodes**2, 1)
    budget = min(MOST_WORK // each, MOST_REQUESTS)
    known: dict[tuple[bytes, ...], float] = {}
    rounding = ROUNDING * (2 * arrays.n_tasks + 4) * float(np.abs(needs.complete).max(initial=0.0))
    for r in np.argsort(-needs.complete, kind="stable"):
        edges = _certain(needs, int(r))
        key = _key(needs, int(r), edges)
        if key not in known:
            if budget == 0:
                continue
            budget -= 1
            known[key] = _latency(needs, int(r), edges)
        out[r] = known[key] * (1.0 - 1e-12) - rounding
    return out


def _certain(needs: Necessity, r: int) -> IntArray:
    """Edges on which waiting is certain."""
    arrays, taken = needs.problem.arrays, needs.luck.taken
    waits: BoolArray = needs.mandatory[r] & needs.awaits[r]
    good = waits[arrays.edge_dst] & needs.runs[r][arrays.edge_src] & (arrays.edge_lag == 0)
    if taken.shape[0]:
        good &= taken[r] | ~arrays.edge_conditional
    return np.flatnonzero(good)


def _key(needs: Necessity, r: int, edges: IntArray) -> tuple[bytes, ...]:
    """Equal for requests with equal latencies."""
    luck = needs.luck
    release = needs.ready[r] - needs.arrival[r]
    parts = [edges.tobytes(), needs.mandatory[r].tobytes()]
    if luck.task_factor.size:
        parts += [luck.task_factor[r].tobytes(), release.tobytes()]
    elif luck.taken.size or not needs.awaits[r][needs.mandatory[r]].all():
        parts.append(release.tobytes())
    if luck.edge_factor.size:
        parts.append(luck.edge_factor[r].tobytes())
    return tuple(parts)


def _latency(needs: Necessity, r: int, edges: IntArray) -> float:
    """Largest over the mandatory tasks of the least head + hold + tail over the nodes."""
    problem, luck = needs.problem, needs.luck
    mandatory = needs.mandatory[r]
    if not mandatory.any():
        return 0.0
    factor = luck.edge_factor[r] if luck.edge_factor.size else np.ones(problem.n_edges)
    boost = float(np.prod(np.maximum(luck.degraded_factor, 1.0)))
    if boost > 1.0:
        factor = factor * (0.0 if len(problem.arrays.table_bytes) else 1.0 / boost)
    hold = least_by_node(problem, luck, r)
    release = np.maximum(needs.ready[r] - needs.arrival[r], 0.0)
    pairs = least_delays(problem, edges, factor)
    arrays = problem.arrays
    head, tail = heads_and_tails(hold, arrays.slots, arrays.topological, pairs, release)
    return float((head + hold + tail)[mandatory].min(axis=1).max())
