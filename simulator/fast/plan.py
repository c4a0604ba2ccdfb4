"""Everything a static run shares between candidates, laid out for the compiled passes."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import EDF, PRIORITY, Arrays, BoolArray, FloatArray, IntArray
from simulator.realisation import Realisation

KEY_BITS = 62

IndexArray = NDArray[np.uint32]


class Tables(NamedTuple):
    """Routes and size tables, as in `Arrays`; read only where a link has a size table."""

    route_ptr: IndexArray
    route_links: IndexArray
    bandwidth: FloatArray
    table_ptr: IndexArray
    table_bytes: FloatArray
    table_s: FloatArray


class Ranks(NamedTuple):
    """What decides between ready tasks, apart from the candidate's priorities.

    Parameters
    ----------
    by_priority : bool
        Whether the discipline reads class and priority before the request.
    request_key, request_at : (R,) index arrays
        Rank of a request by (class, [deadline], request), and its inverse; by its number alone
        if `by_priority`.
    class_rank : (T,) index array
        Dense rank of the class of a task's stream.
    task_bits, request_bits : int
        Widths of the fields of a key: ([class, priority], request, task).
    """

    by_priority: bool
    request_key: IndexArray
    request_at: IndexArray
    class_rank: IndexArray
    task_bits: int
    request_bits: int


class StaticPlan(NamedTuple):
    """A problem and its luck, without the candidate. Compiled code takes it whole.

    Indices are unsigned: an unsigned index needs no check for a negative one, which makes the
    innermost loops half as long. Index letters as in `Arrays`.

    Parameters
    ----------
    n_tasks, n_nodes, n_variants, n_edges, n_requests, n_streams : unsigned 64-bit int
    depth : int, one more than the largest lag
    plain : bool
        No lags, factors, size tables, overheads, and one slot everywhere: the short pass will do.
    has_lags, has_tables, has_task_factor, has_edge_factor, many_slots : bool
    all_legal : bool, whether every variant may run on every node and all pairs are connected
    seconds : (T * V * N,) float array
    edge_bytes, in_bytes : (E * V,) float arrays, by edge, and in the order of `ins`
    pairs : (N * N, 3) float array
        Latency, least bandwidth and wake of the route from a to b at ``a * N + b``; 0, inf and 0
        on the diagonal, so that one formula serves local and remote messages.
    overheads : (N, 3) float array: dispatch_s, send_s, send_s_per_byte
    slots : (N,) index array
    in_ptr : (T + 1,) index array; ins : (E, 3) index array of (producer, lag, edge)
    out_ptr : (T + 1,) index array; outs : (E, 3) index array of (consumer, lag, edge)
    now : (2, .) index array, producers and consumers of the edges of lag 0
    task_factor : (R, T), edge_factor : (R, E) float arrays, empty without factors
    arrival : (R,) float array
    requests : (R, 2) index array of (stream, position in the stream)
    stream_ptr : (S + 1,) index array; stream_requests : (R,) index array
        The requests of each stream, in order.
    task_ptr : (S + 1,) index array; stream_tasks : (T,) index array
        The tasks of each stream, ascending.
    task_stream : (T,) index array
    is_exit : (T,) bool array
    source_ptr : (S + 1,) index array; sources : (., 2) index array of (task, lag)
        Tasks of each stream that have no inputs in its first `lag` requests, or ever.
    tables : Tables
    ranks : Ranks
    """

    n_tasks: np.uint64
    n_nodes: np.uint64
    n_variants: np.uint64
    n_edges: np.uint64
    n_requests: np.uint64
    n_streams: np.uint64
    depth: int
    plain: bool
    has_lags: bool
    has_tables: bool
    has_task_factor: bool
    has_edge_factor: bool
    many_slots: bool
    all_legal: bool
    seconds: FloatArray
    edge_bytes: FloatArray
    in_bytes: FloatArray
    pairs: FloatArray
    overheads: FloatArray
    slots: IndexArray
    in_ptr: IndexArray
    ins: IndexArray
    out_ptr: IndexArray
    outs: IndexArray
    now: IndexArray
    task_factor: FloatArray
    edge_factor: FloatArray
    arrival: FloatArray
    requests: IndexArray
    stream_ptr: IndexArray
    stream_requests: IndexArray
    task_ptr: IndexArray
    stream_tasks: IndexArray
    task_stream: IndexArray
    is_exit: BoolArray
    source_ptr: IndexArray
    sources: IndexArray
    tables: Tables
    ranks: Ranks


def is_static(arrays: Arrays, realisation: Realisation) -> bool:
    """Whether the compiled passes keep all rules that this run needs, the network apart.

    They leave out outages, slow-downs, degradations, co-run factors, quorums and deadlines of
    joins, conditional edges and closed loops.
    """
    return bool(
        realisation.is_static
        and np.all(arrays.corun == 1.0)
        and np.all(arrays.join_need == 0)
        and np.all(np.isinf(arrays.join_deadline))
        and not arrays.edge_conditional.any()
        and not arrays.clients.any()
        and _fits(arrays, realisation.n_requests)
    )


def _fits(arrays: Arrays, n_requests: int) -> bool:
    """Whether keys fit an int64, and all indices the unsigned 32-bit integers used here."""
    classes = len(set(arrays.stream_class.tolist()))
    task_bits = arrays.n_tasks.bit_length()
    key_bits = 2 * task_bits + n_requests.bit_length() + classes.bit_length()
    largest = max(
        arrays.seconds.size,
        arrays.edge_bytes.size,
        arrays.n_nodes**2,
        len(arrays.route_links),
        int(arrays.slots.sum()),
        int(arrays.edge_lag.max(initial=0)),
    )
    return key_bits <= KEY_BITS and largest < 2**32 - 1


def static_plan(arrays: Arrays, realisation: Realisation) -> StaticPlan:
    """Lay a problem and one realisation out for the compiled passes."""
    in_ptr, in_edge = arrays.in_csr
    out_ptr, out_edge = arrays.out_csr
    stream_ptr, stream_requests = _groups(realisation.stream, arrays.n_streams)
    task_ptr, stream_tasks = _groups(arrays.task_stream, arrays.n_streams)
    source_ptr, sources = _sources(arrays)
    has_lags = bool(arrays.edge_lag.any())
    has_tables = bool(len(arrays.table_s))
    has_task_factor = bool(realisation.task_factor.size)
    has_edge_factor = bool(realisation.edge_factor.size)
    many_slots = bool((arrays.slots > 1).any())
    overheads = np.stack([arrays.dispatch_s, arrays.send_s, arrays.send_s_per_byte], axis=1)
    has_overheads = bool(overheads.any() or arrays.wake_s.any())
    plain = not (
        has_lags or has_tables or has_task_factor or has_edge_factor or many_slots or has_overheads
    )
    connected = not np.isnan(arrays.route_bandwidth).any()
    now = arrays.edge_lag == 0
    return StaticPlan(
        n_tasks=np.uint64(arrays.n_tasks),
        n_nodes=np.uint64(arrays.n_nodes),
        n_variants=np.uint64(arrays.n_variants),
        n_edges=np.uint64(arrays.n_edges),
        n_requests=np.uint64(realisation.n_requests),
        n_streams=np.uint64(arrays.n_streams),
        depth=1 + int(arrays.edge_lag.max(initial=0)),
        plain=plain,
        has_lags=has_lags,
        has_tables=has_tables,
        has_task_factor=has_task_factor,
        has_edge_factor=has_edge_factor,
        many_slots=many_slots,
        all_legal=connected and bool(arrays.allowed.all()),
        seconds=_frozen(arrays.seconds.ravel()),
        edge_bytes=_frozen(arrays.edge_bytes.ravel()),
        in_bytes=_frozen(arrays.edge_bytes[in_edge].ravel()),
        pairs=_pairs(arrays),
        overheads=_frozen(overheads),
        slots=_indices(arrays.slots),
        in_ptr=_indices(in_ptr),
        ins=_indices(arrays.edge_src[in_edge], arrays.edge_lag[in_edge], in_edge),
        out_ptr=_indices(out_ptr),
        outs=_indices(arrays.edge_dst[out_edge], arrays.edge_lag[out_edge], out_edge),
        now=_indices(arrays.edge_src[now], arrays.edge_dst[now], axis=0),
        task_factor=_frozen(realisation.task_factor),
        edge_factor=_frozen(realisation.edge_factor),
        arrival=_frozen(realisation.arrival),
        requests=_indices(realisation.stream, _positions(stream_ptr, stream_requests)),
        stream_ptr=_indices(stream_ptr),
        stream_requests=_indices(stream_requests),
        task_ptr=_indices(task_ptr),
        stream_tasks=_indices(stream_tasks),
        task_stream=_indices(arrays.task_stream),
        is_exit=_frozen(arrays.is_exit),
        source_ptr=_indices(source_ptr),
        sources=sources,
        tables=Tables(
            _indices(arrays.route_ptr),
            _indices(arrays.route_links),
            _frozen(arrays.bandwidth),
            _indices(arrays.table_ptr),
            _frozen(arrays.table_bytes),
            _frozen(arrays.table_s),
        ),
        ranks=_ranks(arrays, realisation),
    )


def _frozen(values: Any) -> Any:
    """All arrays of a plan are read-only, so that compiled code sees one type."""
    values = np.ascontiguousarray(values).view()
    values.flags.writeable = False
    return values


def _indices(*columns: IntArray, axis: int = 1) -> IndexArray:
    """One index array, or several side by side."""
    values = columns[0] if len(columns) == 1 else np.stack(columns, axis=axis)
    return _frozen(values.astype(np.uint32))


def _groups(key: IntArray, n: int) -> tuple[IntArray, IntArray]:
    """Positions of each key 0..n-1, ascending, as (ptr, positions)."""
    ptr = np.concatenate([[0], np.cumsum(np.bincount(key, minlength=n))])
    return ptr, np.argsort(key, kind="stable").astype(np.int64)


def _positions(ptr: IntArray, members: IntArray) -> IntArray:
    """Position of every element within its group."""
    out = np.empty(len(members), dtype=np.int64)
    out[members] = np.arange(len(members)) - np.repeat(ptr[:-1], np.diff(ptr))
    return out


def _pairs(arrays: Arrays) -> FloatArray:
    wake = np.repeat(arrays.wake_s[None, :], arrays.n_nodes, axis=0)
    np.fill_diagonal(wake, 0.0)
    columns = (arrays.route_latency.ravel(), arrays.route_bandwidth.ravel(), wake.ravel())
    return _frozen(np.stack(columns, axis=1))


def _sources(arrays: Arrays) -> tuple[IntArray, IndexArray]:
    """Tasks that start without inputs: (ptr by stream, (task, first request with inputs))."""
    least = np.full(arrays.n_tasks, np.iinfo(np.uint32).max, dtype=np.int64)
    np.minimum.at(least, arrays.edge_dst, arrays.edge_lag)
    tasks = np.flatnonzero(least > 0)
    ptr, order = _groups(arrays.task_stream[tasks], arrays.n_streams)
    return ptr, _indices(tasks[order], least[tasks[order]])


def _ranks(arrays: Arrays, realisation: Realisation) -> Ranks:
    by_priority = arrays.discipline == PRIORITY
    ids = np.arange(realisation.n_requests)
    classes = arrays.stream_class[realisation.stream]
    keys: tuple[IntArray | FloatArray, ...] = (ids, classes)
    if arrays.discipline == EDF:
        deadline = realisation.arrival + arrays.stream_deadline[realisation.stream]
        keys = (ids, deadline, classes)
    request_at = ids if by_priority else np.lexsort(keys)
    request_key = np.empty(len(ids), dtype=np.int64)
    request_key[request_at] = ids
    class_rank = np.searchsorted(np.unique(arrays.stream_class), arrays.stream_class)
    return Ranks(
        by_priority=by_priority,
        request_key=_indices(request_key),
        request_at=_indices(request_at),
        class_rank=_indices(class_rank[arrays.task_stream]),
        task_bits=arrays.n_tasks.bit_length(),
        request_bits=realisation.n_requests.bit_length(),
    )
