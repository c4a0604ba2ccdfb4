"""Small worlds, written in one call, for tests whose answers are worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from simulator.arrays import DISCIPLINES, DISPATCHES, NETWORKS, Arrays, IntArray
from simulator.realisation import Realisation

EngineCase = tuple[Arrays, IntArray, IntArray, IntArray, Realisation]


def world(
    seconds: Sequence[Any],
    node: Sequence[int],
    edges: Sequence[tuple[Any, ...]] = (),
    *,
    network: str = "ideal",
    dispatch: str = "greedy",
    discipline: str = "fifo",
    priority: Sequence[int] | None = None,
    nodes: Mapping[str, Any] | None = None,
    links: Sequence[tuple[float, float]] | None = None,
    routes: Mapping[tuple[int, int], Sequence[int]] | None = None,
    tables: Mapping[int, Sequence[tuple[float, float]]] | None = None,
    joins: Mapping[int, Mapping[str, Any]] | None = None,
    streams: Sequence[Mapping[str, Any]] | None = None,
    requests: Sequence[Any] = (0.0,),
    not_taken: Sequence[tuple[int, int]] = (),
    task_factor: Any = None,
    edge_factor: Any = None,
    think: Sequence[float] = (),
    outages: Sequence[tuple[int, float, float]] = (),
    slowdowns: Sequence[tuple[int, float, float, float]] = (),
    degradations: Sequence[tuple[int, float, float, float]] = (),
) -> EngineCase:
    """Build what engines take; everything that is not given is neutral.

    Parameters
    ----------
    seconds : one number per task, the same on every node
    node : node of each task
    edges : (src, dst, bytes[, {"lag": int, "conditional": bool}])
    priority : rank of each task; by id if not given
    nodes : slots, dispatch_s, send_s, send_s_per_byte, wake_s (a number or one per node), corun
        (one list of factors for all nodes)
    links, routes : (bandwidth, latency) and the links from node to node; if not given, every
        ordered pair has a link of its own, 1 byte/s and no latency
    tables : size tables of links, (bytes, seconds)
    joins : task -> {"need": int, "deadline": s, "cancel": bool}
    streams : {"tasks": ids, "class": int, "deadline": s, "clients": int}; one of all if not given
    requests : arrival times, or (arrival, stream)
    not_taken : (request, edge) of conditional edges that are not taken
    """
    n_tasks, n_nodes = len(seconds), max(node) + 1
    if routes is not None:
        n_nodes = max(n_nodes, *(max(pair) + 1 for pair in routes))
    links, routes = _network(n_nodes, links, routes)
    joins, nodes = joins or {}, nodes or {}
    streams = streams or [{"tasks": range(n_tasks)}]
    options = [edge[3] if len(edge) > 3 else {} for edge in edges]
    pairs = [(a, b) for a in range(n_nodes) for b in range(n_nodes)]
    task_joins = [joins.get(t, {}) for t in range(n_tasks)]
    arrays = Arrays(
        network=NETWORKS.index(network),
        dispatch=DISPATCHES.index(dispatch),
        discipline=DISCIPLINES.index(discipline),
        slots=_per_node(nodes.get("slots", 1), n_nodes, np.int64),
        dispatch_s=_per_node(nodes.get("dispatch_s", 0.0), n_nodes),
        send_s=_per_node(nodes.get("send_s", 0.0), n_nodes),
        send_s_per_byte=_per_node(nodes.get("send_s_per_byte", 0.0), n_nodes),
        wake_s=_per_node(nodes.get("wake_s", 0.0), n_nodes),
        corun=np.array([nodes.get("corun", [1.0])] * n_nodes, np.float64),
        bandwidth=_floats(bandwidth for bandwidth, _ in links),
        latency=_floats(latency for _, latency in links),
        route_ptr=_ints(np.cumsum([0] + [len(routes.get(pair, ())) for pair in pairs])),
        route_links=_ints(link for pair in pairs for link in routes.get(pair, ())),
        stream_class=_ints(stream.get("class", 0) for stream in streams),
        stream_deadline=_floats(stream.get("deadline", math.inf) for stream in streams),
        clients=_ints(stream.get("clients", 0) for stream in streams),
        task_stream=_ints(
            next(s for s, stream in enumerate(streams) if t in stream["tasks"])
            for t in range(n_tasks)
        ),
        seconds=np.repeat(_floats(seconds), n_nodes).reshape(n_tasks, 1, n_nodes),
        join_need=_ints(join.get("need", 0) for join in task_joins),
        join_deadline=_floats(join.get("deadline", math.inf) for join in task_joins),
        join_cancel=np.array([join.get("cancel", False) for join in task_joins], np.bool_),
        edge_src=_ints(edge[0] for edge in edges),
        edge_dst=_ints(edge[1] for edge in edges),
        edge_lag=_ints(option.get("lag", 0) for option in options),
        edge_conditional=np.array([o.get("conditional", False) for o in options], np.bool_),
        edge_bytes=_floats(edge[2] for edge in edges).reshape(len(edges), 1),
        **_tables(len(links), tables or {}),
    )
    arrivals = [r if isinstance(r, tuple) else (r, 0) for r in requests]
    taken = np.ones((len(arrivals), len(edges)), np.bool_)
    for request, edge in not_taken:
        taken[request, edge] = False
    empty = np.empty((0, 0))
    luck = Realisation(
        arrival=_floats(arrival for arrival, _ in arrivals),
        stream=_ints(stream for _, stream in arrivals),
        task_factor=empty if task_factor is None else np.array(task_factor, np.float64),
        edge_factor=empty if edge_factor is None else np.array(edge_factor, np.float64),
        taken=taken,
        think=_floats(think),
        outage_node=_ints(o[0] for o in outages),
        outage_start=_floats(o[1] for o in outages),
        outage_end=_floats(o[2] for o in outages),
        slow_node=_ints(s[0] for s in slowdowns),
        slow_start=_floats(s[1] for s in slowdowns),
        slow_end=_floats(s[2] for s in slowdowns),
        slow_factor=_floats(s[3] for s in slowdowns),
        degraded_link=_ints(d[0] for d in degradations),
        degraded_start=_floats(d[1] for d in degradations),
        degraded_end=_floats(d[2] for d in degradations),
        degraded_factor=_floats(d[3] for d in degradations),
    )
    ranks = range(n_tasks) if priority is None else priority
    return arrays, _ints(node), np.zeros(n_tasks, np.int64), _ints(ranks), luck


def _network(
    n_nodes: int,
    links: Sequence[tuple[float, float]] | None,
    routes: Mapping[tuple[int, int], Sequence[int]] | None,
) -> tuple[Sequence[tuple[float, float]], Mapping[tuple[int, int], Sequence[int]]]:
    """Return links and routes; a lone link serves every pair, no link means one for each pair."""
    pairs = [(a, b) for a in range(n_nodes) for b in range(n_nodes) if a != b]
    if links is None:
        return [(1.0, 0.0)] * len(pairs), {pair: [i] for i, pair in enumerate(pairs)}
    if routes is None:
        return links, {pair: range(len(links)) for pair in pairs}
    return links, routes


def _tables(n_links: int, tables: Mapping[int, Sequence[tuple[float, float]]]) -> dict[str, Any]:
    rows = [tables.get(link, ()) for link in range(n_links)]
    return {
        "table_ptr": _ints(np.cumsum([0] + [len(row) for row in rows])),
        "table_bytes": _floats(size for row in rows for size, _ in row),
        "table_s": _floats(s for row in rows for _, s in row),
    }


def _per_node(value: Any, n_nodes: int, dtype: Any = np.float64) -> Any:
    return np.broadcast_to(np.array(value, dtype), (n_nodes,))


def _ints(values: Any) -> IntArray:
    return np.array(list(values), dtype=np.int64)


def _floats(values: Any) -> Any:
    return np.array(list(values), dtype=np.float64)
