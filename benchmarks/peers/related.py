"""Instances that SAGA can express: related machines, symmetric bandwidths, no latency."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

CLOSE = 1e-9


def as_related(instance: Mapping[str, Any]) -> dict[str, Any] | None:
    """Costs, speeds and links of an instance; None if it is none of related machines.

    Parameters
    ----------
    instance : mapping
        ``task-graph-instance/1``.
    """
    nodes, tasks = instance["nodes"], instance["tasks"]
    speeds = _speeds(nodes, tasks)
    links = _links(nodes, instance["bandwidth"])
    if speeds is None or links is None or not _no_latency(instance.get("latency", 0.0)):
        return None
    first = nodes[0]
    return {
        "speeds": speeds,
        "costs": {task["id"]: task["seconds"][first] for task in tasks},
        "links": links,
        "edges": instance["edges"],
    }


def _speeds(nodes: list[str], tasks: list[dict[str, Any]]) -> dict[str, float] | None:
    """Speed of every node relative to the first, if durations are cost / speed everywhere."""
    longest = max(tasks, key=lambda task: max(task["seconds"].values()))
    if set(longest["seconds"]) != set(nodes) or min(longest["seconds"].values()) <= 0:
        return None
    speeds = {n: longest["seconds"][nodes[0]] / longest["seconds"][n] for n in nodes}
    for task in tasks:
        seconds = task["seconds"]
        if set(seconds) != set(nodes):
            return None
        cost = seconds[nodes[0]]
        if any(not math.isclose(cost / speeds[n], seconds[n], rel_tol=CLOSE) for n in nodes):
            return None
    return speeds


def _links(nodes: list[str], bandwidth: Any) -> list[list[Any]] | None:
    out = []
    for a in range(len(nodes)):
        for b in range(a + 1, len(nodes)):
            there = bandwidth[a][b] if isinstance(bandwidth, list) else bandwidth
            back = bandwidth[b][a] if isinstance(bandwidth, list) else bandwidth
            if there is None or there != back:
                return None
            out.append([nodes[a], nodes[b], there])
    return out


def _no_latency(latency: Any) -> bool:
    if isinstance(latency, list):
        return all(not x for row in latency for x in row)
    return not latency
