"""Which node or link saturates first, by the demand that requests put on each of them.

A request demands D_k seconds of resource k. At x requests a second the resource is busy for
x D_k of every second and slot, and no allocation like this one serves more than
min_k slots_k / D_k requests a second: the asymptotic bound of operational analysis [1]_.

References
----------
.. [1] E. D. Lazowska, J. Zahorjan, G. S. Graham, K. C. Sevcik, "Quantitative System Performance",
   Prentice-Hall 1984, ch. 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scenarios.explain.pieces import is_shared, link_seconds
from simulator.arrays import FloatArray

if TYPE_CHECKING:
    from simulator.trace import Trace

OPEN = ("constant", "poisson", "trace")
"""Arrivals that come whatever the system does, so that there is a rate at which they come."""


@dataclass(frozen=True)
class Resource:
    """A node or a link and the load on it.

    Parameters
    ----------
    kind : {"node", "link"}
    name : str
    load : float
        Busy seconds a slot and second of arrivals; 1 and more cannot be sustained. Where requests
        do not come at a rate of their own: of the time until the system fell idle.
    demand_s : float
        Seconds that an average request occupies it.
    tasks : tuple of str
        Tasks on the node, or labels of the edges that cross the link.
    """

    kind: str
    name: str
    load: float
    demand_s: float
    tasks: tuple[str, ...] = ()

    @property
    def headroom(self) -> float:
        """How many times the present load it can take; inf without load."""
        return 1.0 / self.load if self.load > 0 else np.inf


def resources(trace: Trace) -> tuple[Resource, ...]:
    """Nodes and links, most loaded first; links only where messages share them."""
    problem, record = trace.problem, trace.record
    span = arrival_span(trace)
    served = max(int(np.isfinite(trace.log.completed).sum()), 1)
    found = []
    for n, name in enumerate(problem.node_names):
        busy = float(record.busy_s[n])
        here = tuple(problem.task_names[t] for t in np.flatnonzero(record.node == n))
        load = busy / (float(problem.arrays.slots[n]) * span) if span > 0 else 0.0
        found.append(Resource("node", name, load, busy / served, here))
    if is_shared(problem.arrays):
        busy_s, crossing = _links(trace)
        for i, name in enumerate(problem.link_names):
            load = float(busy_s[i]) / span if span > 0 else 0.0
            found.append(Resource("link", name, load, float(busy_s[i]) / served, crossing[i]))
    return tuple(sorted(found, key=lambda r: -r.load))


def arrival_span(trace: Trace) -> float:
    """Seconds over which the requests came, one mean gap more than from first to last.

    Where they come all at once or wait for each other: seconds until the system fell idle.
    """
    arrival = trace.log.arrival[np.isfinite(trace.log.arrival)]
    if len(arrival) == 0:
        return 0.0
    between = float(arrival.max() - arrival.min())
    if between > 0 and all(s.arrivals.kind in OPEN for s in trace.problem.streams):
        return between * len(arrival) / (len(arrival) - 1)
    idle = trace.log.idle_at
    return float(idle - arrival.min()) if np.isfinite(idle) else 0.0


def _links(trace: Trace) -> tuple[FloatArray, list[tuple[str, ...]]]:
    """(L,) seconds for which delivered messages occupy each link at its nominal pace, and edges."""
    record, arrays = trace.record, trace.problem.arrays
    busy = np.zeros(arrays.n_links)
    crossing: list[list[str]] = [[] for _ in range(arrays.n_links)]
    for e in np.flatnonzero(record.remote):
        rows = np.flatnonzero(record.sent[:, e] & ~np.isnan(record.log.delivered[:, e]))
        size = np.asarray(record.size_bytes[rows, e])
        ends = int(record.node[arrays.edge_src[e]]), int(record.node[arrays.edge_dst[e]])
        for link in arrays.route(*ends):
            busy[link] += float(link_seconds(arrays, int(link), size).sum())
            crossing[link].append(trace.edge_names[e])
    return busy, [tuple(names) for names in crossing]
