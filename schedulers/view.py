"""What planners see of a problem: nominal times of one average request of every stream, as arrays.

Planners work under the `ideal` network: a message from node a to node b takes the latency of the
route plus bytes over its least bandwidth, whatever else is under way. All inputs of a join are
awaited (a quorum or a deadline can only make a task start earlier), every conditional edge is
taken, edges with lag order nothing within one request, and all streams start at time 0.

The hold of a task on a node is (dispatch + work) + S. S, the time to hand messages to the network,
depends on where the consumers will be placed, which is unknown while planning: each message counts
in proportion to the share of its consumer's admissible nodes that are elsewhere. Once everything
has its place, the plan is replayed with the sends that there are. Where co-run factors apply, a
node with c slots counts as c processors of the speed that each has when all are busy; this alone
makes planned times differ from those of a strict run under `ideal`.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from schedulers.compiled import helper, routine
from simulator import costs
from simulator.arrays import Arrays, BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    from simulator.problem import Problem


class Tables(NamedTuple):
    """Routes and size tables, as in `Arrays`; read only where a link has a size table."""

    route_ptr: IntArray
    route_links: IntArray
    bandwidth: FloatArray
    table_ptr: IntArray
    table_bytes: FloatArray
    table_s: FloatArray


class View(NamedTuple):
    """A problem as compiled planners take it. Index letters as in `simulator.arrays`.

    Parameters
    ----------
    hold : (T, V, N) float array, seconds, +inf where the variant may not run
    bare : (T, V, N) float array, dispatch + work, without sending and co-running
    fastest : (T, N) float array, least hold over the variants, +inf where none may run
    size : (E, V) float array, nominal bytes by variant of the producer
    mean_size : (E,) float array, bytes averaged over the variants that may run at all
    latency, bandwidth : (N, N) float arrays of the routes; 0 and inf on the diagonal
    wake : (N,) float array, seconds until a node notices a remote message
    mean_latency, mean_inverse : float
        Latency and wake, and 1/bandwidth, averaged over ordered pairs of different nodes.
    slots : (N,) int array; most_slots : int, the largest of them
    rate : (N,) float array, progress of each task while all slots are busy
    sends : bool, whether sending costs anything
    send_s, send_s_per_byte : (N,) float arrays
    inputs : (T,) int array, number of edges of lag 0 entering each task
    in_ptr, in_src, in_size : edges of lag 0 entering each task, in edge order: producer, and bytes
        by its variant
    out_ptr, out_edge, out_dst : edges of lag 0 leaving each task, in edge order
    topological, position : (T,) int arrays, the topological order and its inverse
    has_tables : bool
    tables : Tables
    """

    hold: FloatArray
    bare: FloatArray
    fastest: FloatArray
    size: FloatArray
    mean_size: FloatArray
    latency: FloatArray
    bandwidth: FloatArray
    wake: FloatArray
    mean_latency: float
    mean_inverse: float
    slots: IntArray
    most_slots: int
    rate: FloatArray
    sends: bool
    send_s: FloatArray
    send_s_per_byte: FloatArray
    inputs: IntArray
    in_ptr: IntArray
    in_src: IntArray
    in_size: FloatArray
    out_ptr: IntArray
    out_edge: IntArray
    out_dst: IntArray
    topological: IntArray
    position: IntArray
    has_tables: bool
    tables: Tables

    @property
    def n_tasks(self) -> int:
        """Number of tasks T."""
        return int(self.hold.shape[0])

    @property
    def n_nodes(self) -> int:
        """Number of nodes N."""
        return int(self.hold.shape[2])


_VIEWS: weakref.WeakKeyDictionary[Problem, View] = weakref.WeakKeyDictionary()


def view_of(problem: Problem) -> View:
    """The view of a problem; made once and kept while the problem lives."""
    view = _VIEWS.get(problem)
    if view is None:
        view = _VIEWS[problem] = _build(problem)
    return view


def _build(problem: Problem) -> View:
    arrays = problem.arrays
    bare = np.where(arrays.allowed, arrays.dispatch_s + problem.seconds, np.inf)
    rate = _rates(arrays)
    hold = (bare + _sends(problem)) / rate
    size = np.array(problem.bytes)
    now = np.flatnonzero(arrays.edge_lag == 0)
    in_ptr, in_edge = _csr(now, arrays.edge_dst[now], arrays.n_tasks)
    out_ptr, out_edge = _csr(now, arrays.edge_src[now], arrays.n_tasks)
    latency, bandwidth = np.array(arrays.route_latency), np.array(arrays.route_bandwidth)
    apart = ~np.eye(arrays.n_nodes, dtype=np.bool_) & ~np.isnan(latency)
    woken = latency + arrays.wake_s[None, :]
    topological = np.array(arrays.topological)
    position = np.empty_like(topological)
    position[topological] = np.arange(len(topological))
    return View(
        hold=hold,
        bare=bare,
        fastest=np.ascontiguousarray(hold.min(axis=1)),
        size=size,
        mean_size=_mean_sizes(arrays, size),
        latency=latency,
        bandwidth=bandwidth,
        wake=np.array(arrays.wake_s),
        mean_latency=float(woken[apart].mean()) if apart.any() else 0.0,
        mean_inverse=float((1.0 / bandwidth[apart]).mean()) if apart.any() else 0.0,
        slots=np.array(arrays.slots),
        most_slots=int(arrays.slots.max()),
        rate=rate,
        sends=bool(arrays.send_s.any() or arrays.send_s_per_byte.any()),
        send_s=np.array(arrays.send_s),
        send_s_per_byte=np.array(arrays.send_s_per_byte),
        inputs=np.diff(in_ptr),
        in_ptr=in_ptr,
        in_src=np.array(arrays.edge_src[in_edge]),
        in_size=np.ascontiguousarray(size[in_edge]),
        out_ptr=out_ptr,
        out_edge=out_edge,
        out_dst=np.array(arrays.edge_dst[out_edge]),
        topological=topological,
        position=position,
        has_tables=len(arrays.table_bytes) > 0,
        tables=Tables(
            arrays.route_ptr,
            arrays.route_links,
            arrays.bandwidth,
            arrays.table_ptr,
            arrays.table_bytes,
            arrays.table_s,
        ),
    )


def _csr(edges: IntArray, key: IntArray, n: int) -> tuple[IntArray, IntArray]:
    """(ptr, edges) grouped by key, ascending within each group."""
    ptr = np.zeros(n + 1, dtype=np.int64)
    np.add.at(ptr, key + 1, 1)
    return np.cumsum(ptr), edges[np.argsort(key, kind="stable")]


def _rates(arrays: Arrays) -> FloatArray:
    """(N,) rate at which a hold progresses with all slots of its node in use."""
    width = arrays.corun.shape[1]
    return np.array(
        [1.0 / arrays.corun[n, c - 1] if c <= width else 1.0 for n, c in enumerate(arrays.slots)]
    )


def _sends(problem: Problem) -> FloatArray:
    """(T, V, N) expected seconds that a task spends on sending its messages."""
    arrays = problem.arrays
    total = np.zeros(arrays.seconds.shape)
    if not (arrays.send_s.any() or arrays.send_s_per_byte.any()):
        return total
    requests = np.array([s.requests for s in problem.streams])
    usable: BoolArray = np.asarray(arrays.allowed.any(axis=1))
    for e in range(arrays.n_edges):
        src, dst = arrays.edge_src[e], arrays.edge_dst[e]
        if arrays.edge_lag[e] >= requests[arrays.task_stream[src]]:
            continue
        elsewhere = 1.0 - usable[dst] / usable[dst].sum()
        cost = arrays.send_s + arrays.send_s_per_byte * problem.bytes[e][:, None]
        total[src] += cost * elsewhere
    return total


def _mean_sizes(arrays: Arrays, size: FloatArray) -> FloatArray:
    """(E,) bytes of each edge, averaged over the variants of its producer that may run at all."""
    exists = np.asarray(arrays.allowed.any(axis=2))[arrays.edge_src]
    return np.asarray(np.where(exists, size, 0.0).sum(axis=1) / exists.sum(axis=1))


table_seconds = routine(costs.table_seconds)


@helper
def slowest_service(tables: Tables, pair: int, size: float) -> float:
    """Longest service of the links of a route, size tables included."""
    longest = 0.0
    for i in range(tables.route_ptr[pair], tables.route_ptr[pair + 1]):
        link = tables.route_links[i]
        lo, hi = tables.table_ptr[link], tables.table_ptr[link + 1]
        if hi > lo:
            seconds = table_seconds(tables.table_bytes, tables.table_s, lo, hi, size)
        else:
            seconds = size / tables.bandwidth[link]
        longest = max(longest, seconds)
    return longest


@helper
def transfer_seconds(view: View, a: int, b: int, size: float) -> float:
    """Latency and transfer of a message between two different nodes, as under `ideal`."""
    if view.has_tables:
        if size == 0.0:
            return view.latency[a, b]
        n = view.latency.shape[0]
        return view.latency[a, b] + slowest_service(view.tables, a * n + b, size)
    return view.latency[a, b] + size / view.bandwidth[a, b]


@helper
def inputs_ready(
    view: View, t: int, node: IntArray, variant: IntArray, finish: FloatArray, ready: FloatArray
) -> None:
    """Write to `ready` (N,) when all inputs of a task could be used on each node.

    All producers must have been placed. A message of a finish f takes (f + x) + wake, as in the
    engines; on the producer's own node it is there at f.
    """
    n_nodes = ready.shape[0]
    for n in range(n_nodes):
        ready[n] = 0.0
    for i in range(view.in_ptr[t], view.in_ptr[t + 1]):
        p = view.in_src[i]
        a = node[p]
        done = finish[p]
        size = view.in_size[i, variant[p]]
        here = ready[a] if ready[a] > done else done
        if view.has_tables:
            for n in range(n_nodes):
                if n != a:
                    there = (done + transfer_seconds(view, a, n, size)) + view.wake[n]
                    ready[n] = there if there > ready[n] else ready[n]
        else:
            latency, bandwidth, wake = view.latency[a], view.bandwidth[a], view.wake
            for n in range(n_nodes):
                there = (done + (latency[n] + size / bandwidth[n])) + wake[n]
                ready[n] = there if there > ready[n] else ready[n]
        ready[a] = here


@helper
def inputs_there(
    view: View, t: int, node: IntArray, variant: IntArray, finish: FloatArray
) -> float:
    """When all inputs of a task can be used on its own node; as `inputs_ready`."""
    b, ready = node[t], 0.0
    for i in range(view.in_ptr[t], view.in_ptr[t + 1]):
        p = view.in_src[i]
        there = finish[p]
        if node[p] != b:
            size = view.in_size[i, variant[p]]
            there = (there + transfer_seconds(view, node[p], b, size)) + view.wake[b]
        ready = max(ready, there)
    return ready
