"""An evaluator of its own for ``task-graph-instance/1``, shared by the benchmarks.

Written from the meaning of the format alone and from nothing of the engines: a task starts when its
messages have arrived and its node is free, one task at a time; a message between different nodes
takes latency + bytes / bandwidth, within a node nothing.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

CLOSE = 1e-9
"""Relative difference that rounding may cause."""

Placed = Sequence[tuple[str, str, float, float]]
"""Task, node, start, finish of every task."""


def transfer(
    instance: Mapping[str, Any], index: Mapping[str, int], a: str, b: str, size: float
) -> float:
    """Seconds from the sender's finish to the arrival."""
    if a == b:
        return 0.0
    i, j = index[a], index[b]
    bandwidth, latency = instance["bandwidth"], instance.get("latency", 0.0)
    rate = bandwidth[i][j] if isinstance(bandwidth, list) else bandwidth
    delay = latency[i][j] if isinstance(latency, list) else latency
    return float(delay or 0.0) + (float(size) / float(rate) if size else 0.0)


def play(instance: Mapping[str, Any], where: Mapping[str, str], rank: Mapping[str, Any]) -> Placed:
    """Start and finish of every task if each node works its tasks off in the order of their rank.

    Parameters
    ----------
    where : mapping of task to node
    rank : mapping of task to anything that sorts

    Raises
    ------
    ValueError
        A task stands on a node that it may not use, or the orders wait for each other.
    """
    index = {node: i for i, node in enumerate(instance["nodes"])}
    seconds = {task["id"]: task["seconds"] for task in instance["tasks"]}
    inward: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for source, target, size in instance["edges"]:
        inward[target].append((source, size))
    queues: dict[str, list[str]] = defaultdict(list)
    for task in seconds:
        if where.get(task) not in seconds[task]:
            raise ValueError(f"task {task!r} cannot run on {where.get(task)!r}")
        queues[where[task]].append(task)
    for tasks in queues.values():
        tasks.sort(key=lambda t: rank[t], reverse=True)
    done: dict[str, tuple[str, str, float, float]] = {}
    free = dict.fromkeys(queues, 0.0)
    moved = True
    while moved:
        moved = False
        for node, tasks in queues.items():
            while tasks and all(source in done for source, _ in inward[tasks[-1]]):
                task = tasks.pop()
                arrivals = (
                    done[s][3] + transfer(instance, index, where[s], node, size)
                    for s, size in inward[task]
                )
                start = max([free[node], *arrivals])
                free[node] = start + float(seconds[task][node])
                done[task] = (task, node, start, free[node])
                moved = True
    if len(done) < len(seconds):
        raise ValueError("the orders of the nodes wait for each other")
    return list(done.values())


def makespan(placed: Iterable[tuple[str, str, float, float]]) -> float:
    """Last finish."""
    return max(finish for _, _, _, finish in placed)


def faults(instance: Mapping[str, Any], placed: Placed) -> list[str]:
    """What is wrong with a schedule, at most a few sentences; empty if it is valid."""
    index = {node: i for i, node in enumerate(instance["nodes"])}
    seconds = {task["id"]: task["seconds"] for task in instance["tasks"]}
    done = {task: (node, start, finish) for task, node, start, finish in placed}
    out = [f"task {task!r} is missing" for task in seconds if task not in done][:3]
    if len(done) < len(placed):
        out.append("a task occurs twice")
    scale = max((abs(finish) for *_, finish in placed), default=0.0) * CLOSE
    lanes: dict[str, list[tuple[float, float, str]]] = defaultdict(list)
    for task, (node, start, finish) in done.items():
        need = seconds.get(task, {}).get(node)
        if need is None or start < -scale or not math.isfinite(finish):
            out.append(f"task {task!r} cannot run on {node!r} from {start}")
        elif finish < start + need - scale:
            out.append(f"task {task!r} takes {need} s on {node!r}, not {finish - start}")
        lanes[node].append((start, finish, task))
    for lane in lanes.values():
        lane.sort()
        for (_, before, a), (start, _, b) in pairwise(lane):
            if start < before - scale:
                out.append(f"{a!r} and {b!r} overlap")
    for source, target, size in instance["edges"]:
        if source in done and target in done:
            (a, _, finish), (b, start, _) = done[source], done[target]
            if start < finish + transfer(instance, index, a, b, size) - scale:
                out.append(f"{target!r} starts before the message from {source!r} arrives")
    return out[:5]
