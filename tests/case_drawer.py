"""The parts of a random case, drawn one after the other; see `tests.cases`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.random import Generator

from simulator.arrays import STRICT, Arrays, BoolArray, IntArray
from simulator.realisation import Realisation
from simulator.rules import strict_cycle

INF = float("inf")
SLOW = (1.0, 2.0, 0.5, 1.3, 1.1, 0.7)
DEGRADED = (0.0, 0.0, *SLOW)

FEATURES = (
    "streams",
    "requests",
    "slots",
    "overheads",
    "corun",
    "variants",
    "factors",
    "joins",
    "branches",
    "lag",
    "outages",
    "slowdowns",
    "degradations",
    "tables",
    "closed",
)


class Case(NamedTuple):
    """What an engine takes."""

    arrays: Arrays
    node: IntArray
    variant: IntArray
    priority: IntArray
    realisation: Realisation


@dataclass(frozen=True)
class Settings:
    """What to draw from: the features in play, the sizes, and how often times are integers."""

    features: frozenset[str]
    network: int
    dispatch: int
    discipline: int
    max_tasks: int = 9
    max_nodes: int = 4
    integers: float = 0.9


class Drawer:
    """Draws the parts of one case, in a fixed order, from one generator."""

    def __init__(self, rng: Generator, settings: Settings) -> None:
        self.rng = rng
        self.settings = settings

    def has(self, feature: str, probability: float = 1.0) -> bool:
        """Whether a feature is in play, and chance agrees."""
        return feature in self.settings.features and self.rng.random() < probability

    def number(self, low: float, high: float) -> float:
        """A number from [low, high], mostly an integer."""
        if self.rng.random() < self.settings.integers:
            return float(self.rng.integers(int(np.ceil(low)), int(high) + 1))
        return float(self.rng.uniform(low, high))

    def numbers(self, n: int, low: float, high: float) -> np.ndarray[Any, Any]:
        """(n,) floats from [low, high]."""
        return np.array([self.number(low, high) for _ in range(n)], dtype=np.float64)

    def case(self) -> Case:
        """Draw all."""
        n_nodes = int(self.rng.integers(1, self.settings.max_nodes + 1))
        graph = self.graph(n_nodes)
        arrays = Arrays(
            network=self.settings.network,
            dispatch=self.settings.dispatch,
            discipline=self.settings.discipline,
            **self.nodes(n_nodes),
            **self.links(n_nodes),
            **graph,
        )
        realisation = self.realisation(arrays)
        node, variant = self.placement(arrays)
        return Case(arrays, node, variant, self.priority(arrays, node), realisation)

    # -- cluster ---------------------------------------------------------------------------------

    def nodes(self, n: int) -> dict[str, Any]:
        """Draw slots, overheads and co-run tables."""
        rng = self.rng
        zero = np.zeros(n)
        overheads = self.has("overheads")
        width = int(rng.integers(1, 4))
        corun = np.ones((n, width))
        if self.has("corun"):
            corun = rng.choice([1.0, 1.0, 1.5, 2.0, 0.5, 1.1], size=(n, width))
        return {
            "slots": rng.integers(1, 4, size=n) if self.has("slots") else np.ones(n, np.int64),
            "dispatch_s": self.numbers(n, 0, 2) if overheads else zero,
            "send_s": self.numbers(n, 0, 1) if overheads else zero,
            "send_s_per_byte": rng.choice([0.0, 0.0, 0.25, 0.1], n) if overheads else zero,
            "wake_s": self.numbers(n, 0, 1) if overheads else zero,
            "corun": corun,
        }

    def links(self, n_nodes: int) -> dict[str, Any]:
        """Draw links, routes over one to four of them, and size tables."""
        rng = self.rng
        pairs = [(a, b) for a in range(n_nodes) for b in range(n_nodes) if a != b]
        shape = rng.choice(["direct", "star", "shared", "wide"], p=[0.3, 0.3, 0.3, 0.1])
        if shape == "direct":
            n_links = len(pairs)
            routes = {pair: [i] for i, pair in enumerate(pairs)}
        elif shape == "star":
            n_links = 2 * n_nodes
            routes = {(a, b): [a, n_nodes + b] for a, b in pairs}
        else:  # a few links in use, of few or of many
            pool = rng.permutation(int(rng.integers(1, 7)))
            n_links = len(pool)
            if shape == "wide":
                n_links = int(rng.integers(33, 70))
                pool = rng.choice(n_links, size=rng.integers(2, 12), replace=False)
            hops = rng.integers(1, min(len(pool), 4) + 1, size=len(pairs))
            routes = {
                pair: list(rng.choice(pool, size=n, replace=False))
                for pair, n in zip(pairs, hops, strict=True)
            }
        rows = [routes.get((a, b), []) for a in range(n_nodes) for b in range(n_nodes)]
        latency = self.numbers(n_links, 0, 2) * (rng.random(n_links) < rng.choice([0.0, 0.5, 1.0]))
        bandwidth = np.array(
            [
                float(rng.choice([0.5, 1.0, 1.0, 2.0, 3.0]))
                if rng.random() < self.settings.integers
                else float(rng.uniform(0.3, 4.0))
                for _ in range(n_links)
            ]
        )
        return {
            "bandwidth": bandwidth,
            "latency": latency,
            "route_ptr": np.cumsum([0, *map(len, rows)]),
            "route_links": np.array([link for row in rows for link in row], dtype=np.int64),
            **self.tables(n_links),
        }

    def tables(self, n_links: int) -> dict[str, Any]:
        """Draw size tables for some links; they serve no size above 0 in no time."""
        ptr, sizes, seconds = [0], [], []
        for _ in range(n_links):
            if self.has("tables", 0.6):
                n = int(self.rng.integers(1, 5))
                first = float(self.rng.choice([1.0, 2.0])) if n == 1 else 0.0
                sizes += list(first + np.cumsum([0.0, *self.numbers(n - 1, 1, 3)]))
                seconds += list(np.cumsum([self.number(1, 2), *self.numbers(n - 1, 0, 2)]))
            ptr.append(len(sizes))
        return {
            "table_ptr": np.array(ptr),
            "table_bytes": np.array(sizes, dtype=np.float64),
            "table_s": np.array(seconds, dtype=np.float64),
        }

    # -- graph -----------------------------------------------------------------------------------

    def graph(self, n_nodes: int) -> dict[str, Any]:
        """Draw streams, tasks and edges; the streams' task ids interleave."""
        rng = self.rng
        n_streams = int(rng.integers(2, 4)) if self.has("streams") else 1
        n_tasks = int(rng.integers(n_streams, self.settings.max_tasks + 1))
        task_stream = np.concatenate(
            [np.arange(n_streams), rng.integers(n_streams, size=n_tasks - n_streams)]
        )
        rng.shuffle(task_stream)
        edges = self.edges(task_stream)
        n_variants = int(rng.integers(2, 4)) if self.has("variants") else 1
        seconds = np.array(
            [
                [[self.number(0, 4) for _ in range(n_nodes)] for _ in range(n_variants)]
                for _ in range(n_tasks)
            ]
        )
        if self.has("variants"):
            forbidden = rng.random(seconds.shape) < 0.3
            forbidden[np.arange(n_tasks), :, rng.integers(n_nodes, size=n_tasks)] = False
            seconds[forbidden] = np.nan
        size = [[self.number(0, 4) for _ in range(n_variants)] for _ in range(len(edges))]
        sizes = np.array(size, dtype=np.float64).reshape(len(edges), n_variants)
        src, dst, lag = (np.array(x, np.int64) for x in zip(*edges, strict=True)) if edges else (
            np.empty(0, np.int64),) * 3  # fmt: skip
        deadlines = np.array(
            [self.number(1, 9) if rng.random() < 0.8 else INF for _ in range(n_streams)]
        )
        return {
            "stream_class": rng.integers(3, size=n_streams) * int(rng.random() < 0.7),
            "stream_deadline": deadlines,
            "clients": np.full(n_streams, rng.integers(1, 4) if self.has("closed") else 0),
            "task_stream": task_stream,
            "seconds": seconds * (rng.random(seconds.shape) > 0.1),
            "edge_src": src,
            "edge_dst": dst,
            "edge_lag": lag,
            "edge_conditional": self.has("branches") & (rng.random(len(edges)) < 0.6),
            "edge_bytes": sizes * (rng.random((len(edges), 1)) > 0.15),
            **self.joins(dst, n_tasks),
        }

    def edges(self, task_stream: IntArray) -> list[tuple[int, int, int]]:
        """Draw (src, dst, lag) inside each stream; without lag they follow a hidden order."""
        rng = self.rng
        edges = []
        density = rng.choice([0.7, 1.5, 3.0])
        for stream in range(int(task_stream.max()) + 1):
            tasks = rng.permutation(np.flatnonzero(task_stream == stream))
            for _ in range(int(density * len(tasks))):
                i, j = sorted(rng.integers(len(tasks), size=2))
                lag = 0
                if self.has("lag", 0.3):
                    lag = int(rng.integers(1, 3))
                    if rng.random() < 0.5:
                        i, j = j, i
                if lag or i != j:
                    edges.append((int(tasks[i]), int(tasks[j]), lag))
        rng.shuffle(edges)
        return [(int(a), int(b), int(c)) for a, b, c in edges]

    def joins(self, dst: IntArray, n_tasks: int) -> dict[str, Any]:
        """Draw quorums, deadlines and what happens to late inputs."""
        rng = self.rng
        need = np.zeros(n_tasks, dtype=np.int64)
        deadline = np.full(n_tasks, INF)
        cancel = np.zeros(n_tasks, dtype=np.bool_)
        for task, inputs in enumerate(np.bincount(dst, minlength=n_tasks)):
            if inputs and self.has("joins", 0.8):
                if rng.random() < 0.8:
                    need[task] = rng.integers(1, inputs + 1)
                if rng.random() < 0.4:
                    deadline[task] = self.number(0, 8)
                cancel[task] = rng.random() < 0.7
        return {"join_need": need, "join_deadline": deadline, "join_cancel": cancel}

    # -- luck ------------------------------------------------------------------------------------

    def realisation(self, arrays: Arrays) -> Realisation:
        """Draw arrivals, factors, branches and misfortune."""
        rng = self.rng
        n = int(rng.integers(2, 8)) if self.settings.features & {"requests", "closed"} else 1
        n = max(n, int(self.has("lag")) * 3)
        arrival = np.sort(self.numbers(n, 0, 6)) * int(rng.random() < 0.7)
        stream = rng.integers(arrays.n_streams, size=n)
        order = np.lexsort((stream, arrival))
        n_tasks, n_edges = arrays.n_tasks, arrays.n_edges
        closed = bool(arrays.clients[0])
        optional: dict[str, Any] = {}
        if self.has("factors", 0.8):
            optional["task_factor"] = self.factors(n, n_tasks)
        if self.has("factors", 0.8):
            optional["edge_factor"] = self.factors(n, n_edges)
        if self.has("branches", 0.9):
            optional["taken"] = rng.random((n, n_edges)) < rng.choice([0.2, 0.5, 0.8])
        if closed and rng.random() < 0.7:
            optional["think"] = self.numbers(n, 0, 3)
        return Realisation(
            arrival=np.zeros(n) if closed else arrival[order],
            stream=stream[order],
            **optional,
            **self.intervals("outages", "outage", "node", arrays.n_nodes, ()),
            **self.intervals("slowdowns", "slow", "node", arrays.n_nodes, SLOW),
            **self.intervals(
                "degradations",
                "degraded",
                "link",
                arrays.n_links,
                (0.0, 0.0, 0.5, 1.0, 2.0, 0.7, 1.1, 1.3),
            ),
            seed=int(rng.integers(1000)),
        )

    def factors(self, n: int, width: int) -> np.ndarray[Any, Any]:
        """(n, width) factors; 0 and ties are likely."""
        plain = self.rng.choice([1.0, 1.0, 2.0, 0.5, 0.0], size=(n, width))
        fine = self.rng.uniform(0.3, 2.0, size=(n, width))
        return np.where(self.rng.random((n, width)) < self.settings.integers, plain, fine)

    def intervals(
        self, feature: str, name: str, what: str, n: int, factors: tuple[float, ...]
    ) -> dict[str, Any]:
        """Draw intervals on nodes or links; some never end."""
        rng = self.rng
        if n == 0 or not self.has(feature):
            return {}
        count = int(rng.integers(1, 9))
        start = self.numbers(count, 0, 10)
        target = rng.integers(n, size=count)
        if rng.random() < 0.3:
            target[:] = target[0]  # many at once, whose factors multiply in order
        end = start + self.numbers(count, 1, 5)
        end[rng.random(count) < 0.1] = INF
        drawn: dict[str, Any] = {
            f"{name}_{what}" if name != "degraded" else "degraded_link": target
        }
        drawn |= {f"{name}_start": start, f"{name}_end": end}
        if factors:
            drawn[f"{name}_factor"] = rng.choice(factors, size=count)
        return drawn

    # -- candidate -------------------------------------------------------------------------------

    def placement(self, arrays: Arrays) -> tuple[IntArray, IntArray]:
        """Draw an allowed node and variant for each task."""
        options: list[BoolArray] = list(arrays.allowed)
        chosen = [self.rng.choice(np.argwhere(option)) for option in options]
        variant, node = np.array(chosen, dtype=np.int64).T
        return np.ascontiguousarray(node), np.ascontiguousarray(variant)

    def priority(self, arrays: Arrays, node: IntArray) -> IntArray:
        """Draw priorities with ties, gaps or neither; under `strict` without a cycle."""
        rng = self.rng
        n = arrays.n_tasks
        for _ in range(4):
            kind = rng.integers(4)
            drawn = [
                rng.permutation(n),
                rng.integers(-2, 3, size=n),
                rng.integers(-(10**6), 10**6, size=n),
                np.argsort(arrays.topological),
            ][kind].astype(np.int64)
            if arrays.dispatch != STRICT or strict_cycle(arrays, node, drawn) is None:
                return drawn
        return np.argsort(arrays.topological).astype(np.int64)
