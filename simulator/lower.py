"""From named objects to index arrays: the step between a scenario and everything compiled."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from simulator.arrays import (
    DISCIPLINES,
    DISPATCHES,
    NETWORKS,
    Arrays,
    FloatArray,
    IntArray,
)
from simulator.cluster import Cluster, Node
from simulator.errors import InvalidScenario, unknown
from simulator.taskgraph import Edge, Task, Variant
from simulator.workload import Stream


def choice(kind: str, value: str, allowed: Sequence[str]) -> int:
    """Index of a rule's name, with a suggestion when it is misspelt."""
    if value not in allowed:
        raise unknown(kind, value, allowed)
    return allowed.index(value)


def lower(
    cluster: Cluster, streams: Sequence[Stream], network: str, dispatch: str, discipline: str
) -> Arrays:
    """Lower a cluster and streams to arrays; tasks and edges are numbered stream by stream.

    Raises
    ------
    InvalidScenario
        A task that fits no node, or nodes that cannot reach each other.
    """
    tasks = [(s, task) for s, stream in enumerate(streams) for task in stream.graph.tasks]
    edges = [(s, edge) for s, stream in enumerate(streams) for edge in stream.graph.edges]
    index = {(s, task.name): t for t, (s, task) in enumerate(tasks)}
    nodes = cluster.nodes
    width = max((len(node.corun) for node in nodes), default=0)
    corun = np.ones((len(nodes), max(width, 1)))
    for n, node in enumerate(nodes):
        corun[n, : len(node.corun)] = node.corun
    route_ptr, route_links = _routes(cluster)
    if edges:
        _refuse_disconnected(cluster)
    table_ptr, table_bytes, table_s = _size_tables(cluster)
    return Arrays(
        network=choice("network model", network, NETWORKS),
        dispatch=choice("dispatch", dispatch, DISPATCHES),
        discipline=choice("discipline", discipline, DISCIPLINES),
        slots=_ints([n.slots for n in nodes]),
        dispatch_s=_floats([n.dispatch_s for n in nodes]),
        send_s=_floats([n.send_s for n in nodes]),
        send_s_per_byte=_floats([n.send_s_per_byte for n in nodes]),
        wake_s=_floats([n.wake_s for n in nodes]),
        corun=corun,
        bandwidth=_floats([x.bandwidth for x in cluster.links]),
        latency=_floats([x.latency_s for x in cluster.links]),
        route_ptr=route_ptr,
        route_links=route_links,
        table_ptr=table_ptr,
        table_bytes=table_bytes,
        table_s=table_s,
        stream_class=_ints([s.class_ for s in streams]),
        stream_deadline=_floats([_or_inf(s.deadline_s) for s in streams]),
        clients=_ints([s.arrivals.clients if s.arrivals.kind == "closed" else 0 for s in streams]),
        task_stream=_ints([s for s, _ in tasks]),
        seconds=_seconds(nodes, streams, tasks),
        join_need=_ints([task.join.need or 0 for _, task in tasks]),
        join_deadline=_floats([_or_inf(task.join.deadline_s) for _, task in tasks]),
        join_cancel=np.array([task.join.late == "cancel" for _, task in tasks], dtype=np.bool_),
        edge_src=_ints([index[s, e.src] for s, e in edges]),
        edge_dst=_ints([index[s, e.dst] for s, e in edges]),
        edge_lag=_ints([e.lag for _, e in edges]),
        edge_conditional=np.array([e.probability is not None for _, e in edges], dtype=np.bool_),
        edge_bytes=_edge_bytes(streams, tasks, edges, index),
    )


def _or_inf(value: float | None) -> float:
    return math.inf if value is None else value


def _ints(values: Sequence[int]) -> IntArray:
    return np.array(values, dtype=np.int64)


def _floats(values: Sequence[float]) -> FloatArray:
    return np.array(values, dtype=np.float64)


def fits_alone(variant: Variant, node: Node, batch: int) -> bool:
    """Whether the weights and one working set fit in the node's memory."""
    need = variant.weights_bytes + variant.at(variant.activation_bytes, batch)
    return need <= node.memory_bytes


def _seconds(
    nodes: Sequence[Node], streams: Sequence[Stream], tasks: Sequence[tuple[int, Task]]
) -> FloatArray:
    width = max(len(task.variants) for _, task in tasks)
    seconds = np.full((len(tasks), width, len(nodes)), np.nan)
    for t, (s, task) in enumerate(tasks):
        if task.pinned is not None and not any(task.pinned in (n.name, *n.labels) for n in nodes):
            known = dict.fromkeys(x for n in nodes for x in (n.name, *n.labels))
            raise unknown("node", task.pinned, known, f"pin of {task.name!r}")
        for v, variant in enumerate(task.variants):
            for n, node in enumerate(nodes):
                if task.may_run_on(node) and fits_alone(variant, node, streams[s].batch):
                    seconds[t, v, n] = variant.seconds_on(node, streams[s].batch)
        if np.isnan(seconds[t]).all():
            raise InvalidScenario(_why_nowhere(task, nodes, streams[s].batch))
        if np.isinf(seconds[t]).any():
            raise InvalidScenario(f"task {task.name!r}: its duration on some node is infinite")
    return seconds


def _why_nowhere(task: Task, nodes: Sequence[Node], batch: int) -> str:
    permitted = [n for n in nodes if task.may_run_on(n)]
    kinds = ", ".join(sorted({n.kind for n in nodes}))
    if not permitted:
        rule = (
            f"pinned to {task.pinned!r}"
            if task.pinned
            else f"allowed on {list(task.allowed or ())}"
        )
        return (
            f"task {task.name!r} fits no node: it is {rule}, forbidden on "
            f"{list(task.forbidden)}, and the cluster's kinds are {kinds}"
        )
    timed = [
        (v, n) for v in task.variants for n in permitted if not math.isnan(v.seconds_on(n, batch))
    ]
    if timed:
        need = min(v.weights_bytes + v.at(v.activation_bytes, batch) for v, _ in timed)
        most = max(n.memory_bytes for _, n in timed)
        return (
            f"task {task.name!r} fits no node: it needs {need:.4g} bytes of memory "
            f"and the largest admissible node has {most:.4g}"
        )
    return (
        f"task {task.name!r} fits no node: none of its variants has a duration for the "
        f"cluster's nodes (kinds: {kinds})"
    )


def _edge_bytes(
    streams: Sequence[Stream],
    tasks: Sequence[tuple[int, Task]],
    edges: Sequence[tuple[int, Edge]],
    index: dict[tuple[int, str], int],
) -> FloatArray:
    width = max(len(task.variants) for _, task in tasks)
    out = np.zeros((len(edges), width))
    for e, (s, edge) in enumerate(edges):
        producer = tasks[index[s, edge.src]][1]
        for v in range(width):
            variant = producer.variants[min(v, len(producer.variants) - 1)]
            out[e, v] = (
                variant.at(variant.output_bytes, streams[s].batch)
                if edge.bytes is None
                else edge.bytes
            )
    return out


def _routes(cluster: Cluster) -> tuple[IntArray, IntArray]:
    n = len(cluster.nodes)
    ptr, flat = [0], list[int]()
    for a in range(n):
        for b in range(n):
            flat.extend(cluster.routes.get((a, b), ()))
            ptr.append(len(flat))
    return _ints(ptr), _ints(flat)


def _refuse_disconnected(cluster: Cluster) -> None:
    for a, src in enumerate(cluster.nodes):
        for b, dst in enumerate(cluster.nodes):
            if a != b and (a, b) not in cluster.routes:
                raise InvalidScenario(
                    f"cluster {cluster.name!r}: the network is disconnected, "
                    f"no route leads from {src.name!r} to {dst.name!r}"
                )


def _size_tables(cluster: Cluster) -> tuple[IntArray, FloatArray, FloatArray]:
    ptr, sizes, seconds = [0], list[float](), list[float]()
    for link in cluster.links:
        for size, second in link.size_table:
            sizes.append(float(size))
            seconds.append(float(second))
        ptr.append(len(sizes))
    return _ints(ptr), _floats(sizes), _floats(seconds)


def group_indices(
    streams: Sequence[Stream], index: dict[tuple[int, str], int], which: str
) -> tuple[tuple[int, ...], ...]:
    """Task indices of the `place_with` or `apart` groups of all streams."""
    return tuple(
        tuple(sorted({index[s, name] for name in group}))
        for s, stream in enumerate(streams)
        for group in getattr(stream.graph, which)
    )
