"""A problem lowered to plain arrays: the one thing both engines and all compiled code read.

Index letters everywhere: T tasks, V variants, N nodes, L links, E edges, S streams, R requests.
Several streams form the disjoint union of their graphs; `task_stream` says which is whose.
Tasks and edges keep the order in which they were given, because ties break by index.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from simulator.errors import InvalidScenario

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

NETWORKS = ("ideal", "fifo", "fair")
DISPATCHES = ("greedy", "strict")
DISCIPLINES = ("fifo", "priority", "edf")
IDEAL, FIFO_NETWORK, FAIR = range(3)
GREEDY, STRICT = range(2)
FIFO, PRIORITY, EDF = range(3)


def empty_floats() -> FloatArray:
    """Zero floats: the default of optional arrays."""
    return np.empty(0, dtype=np.float64)


def empty_ints() -> IntArray:
    """Zero integers: the default of optional arrays."""
    return np.empty(0, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Arrays:
    """Everything of a problem that does not depend on the allocation or on luck.

    Parameters
    ----------
    network, dispatch, discipline : int
        Indices into `NETWORKS`, `DISPATCHES`, `DISCIPLINES`.
    slots : (N,) int array, >= 1
    dispatch_s, send_s, send_s_per_byte, wake_s : (N,) float arrays, seconds (per byte)
    corun : (N, K) float array
        ``corun[n, k - 1]`` is the slow-down factor with k tasks running; 1 beyond K.
    bandwidth, latency : (L,) float arrays, bytes/s and s
    table_ptr : (L + 1,) int array; table_bytes, table_s : float arrays
        Size tables of the links, ``[table_ptr[l], table_ptr[l + 1])``; empty where there is none.
    route_ptr : (N * N + 1,) int array; route_links : int array
        Links from a to b in order: ``route_links[route_ptr[a * N + b]:route_ptr[a * N + b + 1]]``.
        Empty for a == b and for pairs that are not connected.
    stream_class : (S,) int array; stream_deadline : (S,) float array, inf where there is none
    clients : (S,) int array, 0 for open arrivals, else the number of closed-loop clients
    task_stream : (T,) int array
    seconds : (T, V, N) float array
        Work at the stream's batch size; NaN where the variant does not exist or may not run.
    join_need : (T,) int array, 0 means all inputs; join_deadline : (T,) float array, inf if none
    join_cancel : (T,) bool array, True for ``late: cancel``
    edge_src, edge_dst, edge_lag : (E,) int arrays
    edge_conditional : (E,) bool array
    edge_bytes : (E, V) float array, by the variant of the producer
    """

    network: int
    dispatch: int
    discipline: int
    slots: IntArray
    dispatch_s: FloatArray
    send_s: FloatArray
    send_s_per_byte: FloatArray
    wake_s: FloatArray
    corun: FloatArray
    bandwidth: FloatArray
    latency: FloatArray
    route_ptr: IntArray
    route_links: IntArray
    stream_class: IntArray
    stream_deadline: FloatArray
    clients: IntArray
    task_stream: IntArray
    seconds: FloatArray
    join_need: IntArray
    join_deadline: FloatArray
    join_cancel: BoolArray
    edge_src: IntArray
    edge_dst: IntArray
    edge_lag: IntArray
    edge_conditional: BoolArray
    edge_bytes: FloatArray
    table_ptr: IntArray = field(default_factory=empty_ints)
    table_bytes: FloatArray = field(default_factory=empty_floats)
    table_s: FloatArray = field(default_factory=empty_floats)

    def __post_init__(self) -> None:
        if len(self.table_ptr) == 0:
            object.__setattr__(self, "table_ptr", np.zeros(self.n_links + 1, dtype=np.int64))
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            if isinstance(value, np.ndarray):
                value = np.ascontiguousarray(value)
                value.flags.writeable = False
                object.__setattr__(self, name, value)

    @property
    def n_tasks(self) -> int:
        """Number of tasks over all streams."""
        return int(self.seconds.shape[0])

    @property
    def n_variants(self) -> int:
        """Largest number of variants of any task."""
        return int(self.seconds.shape[1])

    @property
    def n_nodes(self) -> int:
        """Number of nodes."""
        return int(self.seconds.shape[2])

    @property
    def n_links(self) -> int:
        """Number of directed links."""
        return len(self.bandwidth)

    @property
    def n_edges(self) -> int:
        """Number of edges over all streams."""
        return len(self.edge_src)

    @property
    def n_streams(self) -> int:
        """Number of streams."""
        return len(self.stream_class)

    @cached_property
    def allowed(self) -> BoolArray:
        """(T, V, N) mask: may this variant of this task run on this node at all."""
        return ~np.isnan(self.seconds)

    @cached_property
    def in_csr(self) -> tuple[IntArray, IntArray]:
        """(ptr, edges): edge ids entering each task, ascending."""
        return _csr(self.edge_dst, self.n_tasks)

    @cached_property
    def out_csr(self) -> tuple[IntArray, IntArray]:
        """(ptr, edges): edge ids leaving each task, ascending."""
        return _csr(self.edge_src, self.n_tasks)

    @cached_property
    def is_exit(self) -> BoolArray:
        """(T,) mask of tasks without an out-edge of lag 0: they complete a request."""
        mask = np.ones(self.n_tasks, dtype=np.bool_)
        mask[self.edge_src[self.edge_lag == 0]] = False
        return mask

    @cached_property
    def topological(self) -> IntArray:
        """(T,) task ids in topological order of the lag-0 edges, lowest id first among the free.

        Raises
        ------
        InvalidScenario
            The lag-0 edges have a cycle.
        """
        import heapq

        degree = np.zeros(self.n_tasks, dtype=np.int64)
        now = self.edge_lag == 0
        np.add.at(degree, self.edge_dst[now], 1)
        ptr, edges = self.out_csr
        free = [t for t in range(self.n_tasks) if degree[t] == 0]
        order: list[int] = []
        while free:
            task = heapq.heappop(free)
            order.append(task)
            for edge in edges[ptr[task] : ptr[task + 1]]:
                if self.edge_lag[edge] == 0:
                    dst = int(self.edge_dst[edge])
                    degree[dst] -= 1
                    if degree[dst] == 0:
                        heapq.heappush(free, dst)
        if len(order) < self.n_tasks:
            stuck = ", ".join(str(t) for t in np.flatnonzero(degree > 0)[:8])
            raise InvalidScenario(f"the edges form a cycle whose lags sum to 0 (tasks {stuck})")
        return np.array(order, dtype=np.int64)

    def route(self, a: int, b: int) -> IntArray:
        """Link ids from node a to node b, in order."""
        i = a * self.n_nodes + b
        return self.route_links[self.route_ptr[i] : self.route_ptr[i + 1]]

    @cached_property
    def route_latency(self) -> FloatArray:
        """(N, N) latencies summed in route order; 0 on the diagonal, NaN without a route."""
        return self._over_routes(self.latency, additive=True)

    @cached_property
    def route_bandwidth(self) -> FloatArray:
        """(N, N) smallest bandwidth on the route; inf on the diagonal, NaN without a route."""
        return self._over_routes(self.bandwidth, additive=False)

    def _over_routes(self, values: FloatArray, additive: bool) -> FloatArray:
        n = self.n_nodes
        out = np.full((n, n), np.nan)
        for a in range(n):
            for b in range(n):
                if a == b:
                    out[a, b] = 0.0 if additive else np.inf
                elif len(route := self.route(a, b)):
                    total = 0.0
                    for link in route:  # one by one: the rules fix the order of the sum
                        total += float(values[link])
                    out[a, b] = total if additive else float(values[route].min())
        return out


def _csr(key: IntArray, n: int) -> tuple[IntArray, IntArray]:
    ptr = np.zeros(n + 1, dtype=np.int64)
    np.add.at(ptr, key + 1, 1)
    return np.cumsum(ptr), np.argsort(key, kind="stable").astype(np.int64)
