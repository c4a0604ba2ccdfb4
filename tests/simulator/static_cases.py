"""Random static cases full of ties, zero sizes and zero durations, for differential tests."""

from __future__ import annotations

import numpy as np

from simulator.arrays import DISPATCHES, Arrays, FloatArray, IntArray
from simulator.realisation import Realisation

Case = tuple[Arrays, IntArray, IntArray, IntArray, Realisation]

SECONDS = (0.0, 0.0, 1.0, 1.0, 2.0, 3.0, 0.1, 1e-17)
BYTES = (0.0, 0.0, 1.0, 2.0, 4.0, 0.3)


def static_case(
    rng: np.random.Generator,
    dispatch: str | None = None,
    network: int = 0,
    large: bool = False,
    variants: int | None = None,
) -> Case:
    """Draw a world, a load and a candidate.

    Parameters
    ----------
    rng : numpy Generator
    dispatch : {"greedy", "strict"}, drawn if None
        A strict candidate respects the edges in two cases out of three.
    network : int
        Index into `NETWORKS`.
    large : bool
        More tasks and requests, so that inboxes overflow.
    variants : int, drawn if None
    """
    n_nodes = int(rng.integers(1, 12 if large else 5))
    n_streams = int(rng.integers(1, 4))
    n_tasks = int(rng.integers(n_streams, 40 if large else 12))
    more = rng.integers(0, n_streams, n_tasks - n_streams)
    task_stream = np.sort(np.concatenate([np.arange(n_streams), more]))
    src, dst, lag, order = _edges(rng, task_stream)
    strict = dispatch == "strict" if dispatch else rng.random() < 0.5
    n_variants = variants or int(rng.integers(1, 3))
    arrays = Arrays(
        network=network,
        dispatch=DISPATCHES.index("strict" if strict else "greedy"),
        discipline=int(rng.integers(0, 2 if strict else 3)),
        slots=rng.choice((1, 1, 1, 2, 3), n_nodes) if rng.random() < 0.4 else _ones(n_nodes),
        dispatch_s=_maybe(rng, (0.0, 0.5, 1.0), n_nodes),
        send_s=_maybe(rng, (0.0, 0.5), n_nodes),
        send_s_per_byte=_maybe(rng, (0.0, 0.25), n_nodes),
        wake_s=_maybe(rng, (0.0, 1.0, 0.5), n_nodes),
        corun=np.ones((n_nodes, 2)),
        stream_class=rng.integers(0, 2, n_streams),
        stream_deadline=rng.choice((2.0, 4.0, np.inf), n_streams),
        clients=np.zeros(n_streams, np.int64),
        task_stream=task_stream,
        seconds=rng.choice(SECONDS, (n_tasks, n_variants, n_nodes)),
        join_need=np.zeros(n_tasks, np.int64),
        join_deadline=np.full(n_tasks, np.inf),
        join_cancel=rng.random(n_tasks) < 0.1,
        edge_src=src,
        edge_dst=dst,
        edge_lag=lag,
        edge_conditional=np.zeros(len(src), np.bool_),
        edge_bytes=rng.choice(BYTES, (len(src), n_variants)),
        **_links(rng, n_nodes),
    )
    if strict and rng.random() < 0.67:
        priority = np.empty(n_tasks, np.int64)
        priority[order] = np.arange(n_tasks)
    else:
        priority = rng.integers(0, n_tasks, n_tasks)
    node = rng.integers(0, n_nodes, n_tasks)
    variant = rng.integers(0, n_variants, n_tasks)
    n_requests = int(rng.integers(1, 60 if large else 6))
    return arrays, node, variant, priority, _luck(rng, arrays, n_requests)


def _edges(
    rng: np.random.Generator, task_stream: IntArray
) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """Edges within streams, some with a lag, some several times; and an order they respect."""
    n_tasks = len(task_stream)
    order = rng.permutation(n_tasks)
    place = np.empty(n_tasks, np.int64)
    place[order] = np.arange(n_tasks)
    rows = []
    lags = rng.random() < 0.3
    for _ in range(int(rng.integers(0, 3 * n_tasks))):
        a, b = (int(t) for t in rng.integers(0, n_tasks, 2))
        if task_stream[a] != task_stream[b]:
            continue
        lag = int(rng.integers(0, 3)) if lags else 0
        if lag == 0 and a == b:
            continue
        if lag == 0 and place[a] > place[b]:
            a, b = b, a
        rows.append((a, b, lag))
    src, dst, lag = np.array(rows, np.int64).reshape(-1, 3).T
    return src, dst, lag, order


def _links(rng: np.random.Generator, n_nodes: int) -> dict[str, np.ndarray]:  # type: ignore[type-arg]
    """An up and a down link for every node, and size tables on some of them in some cases."""
    routes = [[] if a == b else [2 * a, 2 * b + 1] for a in range(n_nodes) for b in range(n_nodes)]
    tabled = (rng.random(2 * n_nodes) < 0.5) if rng.random() < 0.25 else np.zeros(2 * n_nodes, bool)
    sizes = np.array([1.0, 2.0, 4.0])
    return {
        "bandwidth": rng.choice((0.5, 1.0, 2.0, 0.3), 2 * n_nodes),
        "latency": _maybe(rng, (0.0, 0.0, 1.0, 0.1), 2 * n_nodes),
        "route_ptr": np.cumsum([0] + [len(route) for route in routes]),
        "route_links": np.array([link for route in routes for link in route], np.int64),
        "table_ptr": np.concatenate([[0], np.cumsum(3 * tabled)]),
        "table_bytes": np.tile(sizes, int(tabled.sum())),
        "table_s": np.tile([1.0, 1.5, 4.0], int(tabled.sum())),
    }


def _luck(rng: np.random.Generator, arrays: Arrays, n_requests: int) -> Realisation:
    """Arrivals with ties, and factors in half of the cases."""
    arrival = np.sort(rng.choice((0.0, 0.0, 1.0, 2.0, 3.5), n_requests) * (rng.random() < 0.7))
    stream = rng.integers(0, arrays.n_streams, n_requests)
    order = np.lexsort((stream, arrival))
    factors = {}
    if rng.random() < 0.3:
        factors["task_factor"] = rng.choice((0.0, 0.5, 1.0, 2.0), (n_requests, arrays.n_tasks))
    if rng.random() < 0.3:
        factors["edge_factor"] = rng.choice((0.0, 0.5, 1.0, 2.0), (n_requests, arrays.n_edges))
    return Realisation(arrival=arrival[order], stream=stream[order], **factors)


def _maybe(rng: np.random.Generator, values: tuple[float, ...], n: int) -> FloatArray:
    return rng.choice(values, n) if rng.random() < 0.3 else np.zeros(n)


def _ones(n: int) -> IntArray:
    return np.ones(n, np.int64)
