"""From Arrays and Realisation to the tuples that compiled code reads."""

from __future__ import annotations

import numpy as np

from simulator.arrays import EDF, Arrays, BoolArray, IntArray
from simulator.errors import Unsupported
from simulator.kernel.layout import (
    DEGRADED_END,
    DEGRADED_START,
    KIND_BITS,
    OUTAGE_END,
    OUTAGE_START,
    SLOW_END,
    SLOW_START,
    Luck,
    SmallArray,
    World,
)
from simulator.realisation import Realisation


def make_world(arrays: Arrays) -> World:
    """Derive all that the kernel wants to know about a problem."""
    a = arrays
    longest_route = int(np.diff(a.route_ptr).max(initial=0))
    tabled = np.diff(a.table_ptr) > 0
    is_exit = a.is_exit
    stream_ptr, stream_tasks = _groups(a.task_stream, a.n_streams)
    lagged = np.zeros(a.n_tasks, dtype=np.int64)
    np.maximum.at(lagged, a.edge_dst, a.edge_lag)
    in_ptr, in_edges = a.in_csr
    out_ptr, out_edges = a.out_csr
    early = (np.diff(in_ptr) == 0) | (lagged > 0)
    timed = np.isfinite(a.join_deadline)
    early_ptr, early_tasks = _groups(a.task_stream, a.n_streams, early)
    timer_ptr, timer_tasks = _groups(a.task_stream, a.n_streams, timed)
    classes, class_of = np.unique(a.stream_class, return_inverse=True)
    link_use = np.bincount(a.route_links, minlength=a.n_links)
    return World(
        network=a.network,
        dispatch=a.dispatch,
        discipline=a.discipline,
        n_tasks=a.n_tasks,
        n_variants=a.n_variants,
        n_nodes=a.n_nodes,
        n_slots=int(a.slots.sum()),
        n_links=a.n_links,
        n_edges=a.n_edges,
        n_streams=a.n_streams,
        n_classes=len(classes),
        task_bits=_bits(a.n_tasks),
        edge_bits=_bits(a.n_edges),
        hop_bits=_bits(longest_route + 1),
        has_cancel=int(a.join_cancel.any()),
        has_infinite=int(np.isinf(a.bandwidth).any()),
        corun_width=a.corun.shape[1],
        slots=a.slots,
        slot_ptr=_starts(a.slots),
        dispatch_s=a.dispatch_s,
        sends=_small((a.send_s != 0.0) | (a.send_s_per_byte != 0.0)),
        send_s=a.send_s,
        send_s_per_byte=a.send_s_per_byte,
        wake_s=a.wake_s,
        corun=a.corun,
        coruns=_small((a.corun != 1.0).any(axis=1)),
        bandwidth=a.bandwidth,
        latency=a.latency,
        table_ptr=a.table_ptr,
        table_bytes=a.table_bytes,
        table_s=a.table_s,
        route_ptr=a.route_ptr,
        route_links=a.route_links,
        route_pair=np.repeat(np.arange(a.n_nodes**2), np.diff(a.route_ptr)),
        route_latency=np.ascontiguousarray(a.route_latency.ravel()),
        route_bandwidth=np.ascontiguousarray(a.route_bandwidth.ravel()),
        route_tabled=_small(
            np.array(
                [
                    tabled[a.route_links[lo:hi]].any()
                    for lo, hi in zip(a.route_ptr[:-1], a.route_ptr[1:], strict=True)
                ]
            )
        ),
        link_pairs_ptr=_starts(link_use),
        stream_deadline=a.stream_deadline,
        clients=a.clients,
        exits=np.bincount(a.task_stream[is_exit], minlength=a.n_streams).astype(np.int64),
        stream_ptr=stream_ptr,
        stream_tasks=stream_tasks,
        early_ptr=early_ptr,
        early_tasks=early_tasks,
        timer_ptr=timer_ptr,
        timer_tasks=timer_tasks,
        task_class=class_of.astype(np.int64)[a.task_stream],
        seconds=a.seconds,
        join_need=a.join_need,
        join_deadline=a.join_deadline,
        join_cancel=_small(a.join_cancel),
        plain_join=_small((a.join_need == 0) & ~timed),
        is_exit=_small(is_exit),
        max_lag=lagged,
        edge_src=a.edge_src,
        edge_dst=a.edge_dst,
        edge_lag=a.edge_lag,
        edge_conditional=_small(a.edge_conditional),
        edge_bytes=a.edge_bytes,
        in_ptr=in_ptr,
        in_edges=in_edges,
        out_ptr=out_ptr,
        out_edges=out_edges,
    )


def make_luck(arrays: Arrays, realisation: Realisation) -> Luck:
    """Derive all that the kernel wants to know about a realisation.

    Raises
    ------
    Unsupported
        Requests x tasks, or requests x edges, do not fit the integers that identify them.
    """
    a, z = arrays, realisation
    n = z.n_requests
    request_bits = _bits(n)
    task_bits, edge_bits = _bits(a.n_tasks), _bits(a.n_edges)
    hop_bits = _bits(int(np.diff(a.route_ptr).max(initial=0)) + 1)
    unit_bits = request_bits + 2 * task_bits
    if max(unit_bits, request_bits + edge_bits + hop_bits) + KIND_BITS > 62:
        raise Unsupported(
            f"{n} requests of {a.n_tasks} tasks and {a.n_edges} edges are more than the kernel "
            "can number; use engine 'reference' or fewer requests"
        )
    first_ptr, by_stream = _groups(z.stream, a.n_streams)
    position = np.empty(n, dtype=np.int64)
    position[by_stream] = np.arange(n) - first_ptr[z.stream[by_stream]]
    time, kind, index = _changes(z)
    slow_ptr, slow_list = _groups(z.slow_node, a.n_nodes)
    degraded_ptr, degraded_list = _groups(z.degraded_link, a.n_links)
    order = np.arange(n)
    if a.discipline == EDF and n:
        due = z.arrival + a.stream_deadline[z.stream]
        order = np.lexsort((order, due, a.stream_class[z.stream]))
    rank = np.empty(n, dtype=np.int64)
    rank[order] = np.arange(n)
    return Luck(
        n_requests=n,
        request_bits=request_bits,
        clients=int(a.clients[0]) if a.n_streams == 1 else 0,
        n_changes=len(time),
        n_slow=len(z.slow_node),
        n_degraded=len(z.degraded_link),
        has_task_factor=int(z.task_factor.size > 0),
        has_edge_factor=int(z.edge_factor.size > 0),
        has_taken=int(z.taken.size > 0),
        arrival=z.arrival,
        stream=z.stream,
        position=position,
        first=first_ptr[:-1].copy(),
        number=np.diff(first_ptr),
        by_stream=by_stream,
        task_factor=z.task_factor,
        edge_factor=z.edge_factor,
        taken=_small(z.taken),
        think=z.think if len(z.think) else np.zeros(n),
        change_time=time,
        change_kind=kind,
        change_index=index,
        outage_node=z.outage_node,
        slow_ptr=slow_ptr,
        slow_list=slow_list,
        slow_node=z.slow_node,
        slow_factor=z.slow_factor,
        degraded_ptr=degraded_ptr,
        degraded_list=degraded_list,
        degraded_link=z.degraded_link,
        degraded_factor=z.degraded_factor,
        edf_rank=rank,
        edf_order=order.astype(np.int64),
    )


def _changes(z: Realisation) -> tuple[np.ndarray, IntArray, IntArray]:
    """Times, kinds and indices of all starts and ends, by time; ends at infinity never happen."""
    sources = (
        (z.outage_start, OUTAGE_START),
        (z.outage_end, OUTAGE_END),
        (z.slow_start, SLOW_START),
        (z.slow_end, SLOW_END),
        (z.degraded_start, DEGRADED_START),
        (z.degraded_end, DEGRADED_END),
    )
    time = np.concatenate([times for times, _ in sources])
    kind = np.concatenate([np.full(len(times), code) for times, code in sources])
    index = np.concatenate([np.arange(len(times)) for times, _ in sources])
    order = np.argsort(time, kind="stable")
    order = order[np.isfinite(time[order])]
    return time[order], kind[order].astype(np.int64), index[order].astype(np.int64)


def _groups(key: IntArray, n: int, keep: BoolArray | None = None) -> tuple[IntArray, IntArray]:
    """(ptr, members): the indices with each key, ascending; only those to `keep`."""
    members = np.arange(len(key)) if keep is None else np.flatnonzero(keep)
    key = key[members]
    order = members[np.argsort(key, kind="stable")].astype(np.int64)
    return _starts(np.bincount(key, minlength=n)), order


def _starts(counts: np.ndarray) -> IntArray:
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def _bits(n: int) -> int:
    """Bits that hold 0 .. n - 1."""
    return max(n - 1, 0).bit_length()


def _small(mask: np.ndarray) -> SmallArray:
    return mask.astype(np.int8)
