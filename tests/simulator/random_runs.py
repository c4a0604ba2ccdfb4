"""Random worlds over every rule, with ties, zero sizes and zero durations drawn on purpose."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator.rules import strict_cycle
from tests.worlds import EngineCase, world

FEATURES = (
    "joins", "branches", "lag", "slots", "corun", "overheads", "outages", "slowdowns",
    "degradations", "streams", "factors", "closed", "tables",
)  # fmt: skip


def random_run(seed: int, network: str | None = None) -> EngineCase:
    """Draw one legal world; the same seed gives the same one.

    Parameters
    ----------
    seed : int
    network : str or None
        Fix the network model instead of drawing it.
    """
    rng = np.random.default_rng(seed)
    while True:
        case = _draw(rng, network)
        arrays, node, _, priority, _ = case
        if arrays.dispatch == 0 or strict_cycle(arrays, node, priority) is None:
            return case


def _draw(rng: np.random.Generator, network: str | None) -> EngineCase:
    has = {name for name in FEATURES if rng.random() < 0.35}
    net = network or str(rng.choice(["ideal", "fifo", "fair"]))
    dispatch = str(rng.choice(["greedy", "strict"]))
    n_tasks, n_nodes = int(rng.integers(2, 9)), int(rng.integers(1, 4))
    pick = _picker(rng, whole=rng.random() < 0.7)
    streams = [{"tasks": range(n_tasks)}]
    if "streams" in has and "closed" not in has and n_tasks >= 4:
        cut = n_tasks // 2
        streams = [
            {"tasks": range(cut), "class": int(rng.integers(0, 2)), "deadline": pick(1, 9)},
            {"tasks": range(cut, n_tasks), "class": 0},
        ]
    edges = _edges(rng, has, streams, pick)
    n_requests = int(rng.integers(1, 7)) if rng.random() < 0.7 else 1
    requests = sorted(
        (float(pick(0, 6)), int(rng.integers(0, len(streams)))) for _ in range(n_requests)
    )
    extra: dict[str, Any] = {}
    if "closed" in has:
        streams[0]["clients"] = int(rng.integers(1, 3))
        requests = [(0.0, 0)] * n_requests
        extra["think"] = [pick(0, 3) for _ in range(n_requests)]
    if "factors" in has:
        extra["task_factor"] = rng.choice([0.0, 0.5, 1.0, 2.0], (n_requests, n_tasks))
        if edges:
            extra["edge_factor"] = rng.choice([0.0, 0.5, 1.0, 2.0], (n_requests, len(edges)))
    links, routes = _network(rng, n_nodes, pick)
    if n_nodes > 1 and "tables" in has:
        extra["tables"] = {0: [(1.0, 1.0), (4.0, 2.0)]}
    extra |= _misfortune(rng, has, n_nodes, len(links), net)
    discipline = "fifo" if dispatch == "strict" else str(rng.choice(["fifo", "priority", "edf"]))
    return world(
        [pick(0, 5) for _ in range(n_tasks)],
        rng.integers(0, n_nodes, n_tasks).tolist(),
        edges,
        network=net,
        dispatch=dispatch,
        discipline=discipline,
        priority=rng.permutation(n_tasks).tolist(),
        nodes=_nodes(rng, has, n_nodes),
        links=links if n_nodes > 1 else None,
        routes=routes if n_nodes > 1 else None,
        joins=_joins(rng, has, n_tasks, edges, pick),
        streams=streams,
        requests=requests,
        not_taken=[(r, e) for r in range(n_requests) for e in range(len(edges))
                   if rng.random() < 0.5],
        **extra,
    )  # fmt: skip


def _picker(rng: np.random.Generator, whole: bool) -> Any:
    """Small whole numbers make ties; other numbers make roundings."""

    def pick(low: int, high: int) -> float:
        if whole:
            return float(rng.integers(low, high + 1))
        return float(rng.choice([low, rng.uniform(low, high)], p=[0.15, 0.85]))

    return pick


def _edges(
    rng: np.random.Generator, has: set[str], streams: list[dict[str, Any]], pick: Any
) -> list[Any]:
    edges: list[Any] = []
    for stream in streams:
        tasks = list(stream["tasks"])
        order = rng.permutation(tasks).tolist()
        for i, b in enumerate(order):
            for a in order[:i]:
                if rng.random() < 1.6 / len(tasks):
                    option: dict[str, Any] = {}
                    if "branches" in has and rng.random() < 0.4:
                        option["conditional"] = True
                    edges.append((a, b, pick(0, 6), option))
        if "lag" in has:
            for _ in range(2):
                a, b = rng.choice(tasks, 2)
                edges.append((int(a), int(b), pick(0, 4), {"lag": int(rng.integers(1, 3))}))
    return edges


def _nodes(rng: np.random.Generator, has: set[str], n: int) -> dict[str, Any]:
    out: dict[str, Any] = {}
    if "slots" in has:
        out["slots"] = rng.integers(1, 4, n).tolist()
    if "corun" in has:
        out["corun"] = [1.0, 1.5, 2.0]
    if "overheads" in has:
        for name, most in (("dispatch_s", 2), ("send_s", 2), ("wake_s", 2)):
            out[name] = rng.integers(0, most, n).astype(float).tolist()
        out["send_s_per_byte"] = rng.choice([0.0, 0.25], n).tolist()
    return out


def _joins(
    rng: np.random.Generator, has: set[str], n_tasks: int, edges: list[Any], pick: Any
) -> dict[int, dict[str, Any]]:
    out: dict[int, dict[str, Any]] = {}
    for t in range(n_tasks if "joins" in has else 0):
        n = sum(1 for edge in edges if edge[1] == t)
        if n:
            join: dict[str, Any] = {"cancel": bool(rng.random() < 0.5)}
            if rng.random() < 0.6:
                join["need"] = int(rng.integers(1, n + 1))
            if rng.random() < 0.4:
                join["deadline"] = pick(0, 9)
            out[t] = join
    return out


def _network(rng: np.random.Generator, n: int, pick: Any) -> tuple[list[Any], dict[Any, Any]]:
    """A star of up and down links, or a random route of distinct links for every pair."""
    pairs = [(a, b) for a in range(n) for b in range(n) if a != b]
    latency = rng.random() < 0.5
    n_links = 2 * n if rng.random() < 0.5 else int(rng.integers(1, 4))
    links = [(pick(1, 4) or 1.0, pick(0, 2) if latency else 0.0) for _ in range(n_links)]
    if n_links == 2 * n:
        return links, {(a, b): [a, n + b] for a, b in pairs}
    return links, {
        pair: rng.permutation(n_links)[: int(rng.integers(1, n_links + 1))].tolist()
        for pair in pairs
    }


def _misfortune(
    rng: np.random.Generator, has: set[str], n_nodes: int, n_links: int, net: str
) -> dict[str, Any]:
    def spans() -> list[tuple[float, float]]:
        out = []
        for _ in range(int(rng.integers(1, 4))):
            start = float(rng.integers(0, 12))
            end = np.inf if rng.random() < 0.15 else start + float(rng.integers(1, 6))
            out.append((start, end))
        return out

    out: dict[str, Any] = {}
    if "outages" in has:
        out["outages"] = [(int(rng.integers(0, n_nodes)), *span) for span in spans()]
    if "slowdowns" in has:
        out["slowdowns"] = [(int(rng.integers(0, n_nodes)), *span, float(rng.choice([0.5, 2.0, 3])))
                            for span in spans()]  # fmt: skip
    if "degradations" in has and net != "ideal" and n_nodes > 1:
        factors = [0.0, 0.5, 2.0]
        out["degradations"] = [
            (int(rng.integers(0, n_links)), *span, float(rng.choice(factors))) for span in spans()
        ]
    return out
