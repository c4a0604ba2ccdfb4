"""One instance of the search as arrays, and as the scenario that is saved."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from scenarios.scenario import Scenario
from simulator.arrays import FloatArray, IntArray
from simulator.cluster import Cluster, Node
from simulator.taskgraph import Edge, Task, TaskGraph, Variant
from simulator.workload import Stream


@dataclass(frozen=True, eq=False)
class Graph:
    """Edges between tasks whose numbers are topological; instances share it while it stays.

    Parameters
    ----------
    tasks : int
    edges : tuple of (int, int), ascending; every edge leads to a larger number
    """

    tasks: int
    edges: tuple[tuple[int, int], ...]

    @cached_property
    def src(self) -> IntArray:
        """(E,) producers."""
        return np.array([a for a, _ in self.edges], dtype=np.int64)

    @cached_property
    def dst(self) -> IntArray:
        """(E,) consumers."""
        return np.array([b for _, b in self.edges], dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Network:
    """A link between every two nodes; instances share it while it stays.

    Parameters
    ----------
    bandwidth : (N, N) float array, bytes/s, symmetric, inf on the diagonal
    """

    bandwidth: FloatArray

    @cached_property
    def slowness(self) -> float:
        """Mean seconds a byte over the ordered pairs of different nodes; 0 for a single node."""
        n = len(self.bandwidth)
        return float((1.0 / self.bandwidth).sum() / (n * (n - 1))) if n > 1 else 0.0


@dataclass(frozen=True, eq=False)
class Instance:
    """One task graph on one network of nodes, as the classical model of list scheduling has it.

    Parameters
    ----------
    graph : Graph
    network : Network
    weight : (T,) float array, seconds at speed 1
    speed : (N,) float array
    size : (E,) float array, bytes
    factor : (T, N) float array or None
        On unrelated machines, what a duration is multiplied with.
    """

    graph: Graph
    network: Network
    weight: FloatArray
    speed: FloatArray
    size: FloatArray
    factor: FloatArray | None = None

    @cached_property
    def seconds(self) -> FloatArray:
        """(T, N) durations, by the same operations as a scenario's, so equal to the last bit."""
        related = self.weight[:, None] / self.speed[None, :]
        return related if self.factor is None else related * self.factor

    @property
    def ccr(self) -> float:
        """Mean transfer over mean work, as `scenarios.generate.ccr_of`; 0 without messages."""
        if len(self.size) == 0:
            return 0.0
        return float(self.size.mean() * self.network.slowness / self.seconds.mean())

    def cluster(self, name: str = "adversarial") -> Cluster:
        """The nodes and links."""
        related = self.factor is None
        nodes = [Node(f"n{i}", speed=float(s) if related else 1.0)
                 for i, s in enumerate(self.speed)]  # fmt: skip
        matrix = [[None if a == b else float(x) for b, x in enumerate(row)]
                  for a, row in enumerate(self.network.bandwidth)]  # fmt: skip
        return Cluster.mesh(name, nodes, matrix)  # type: ignore[arg-type]

    def stream(self) -> Stream:
        """One request of the graph."""
        tasks = []
        for t, weight in enumerate(self.weight):
            seconds = {"*": float(weight)}
            if self.factor is not None:
                seconds = {f"n{n}": float(x) for n, x in enumerate(self.seconds[t])}
            tasks.append(Task(f"t{t}", (Variant(f"t{t}", seconds=seconds),)))
        edges = [Edge(f"t{a}", f"t{b}", bytes=float(x))
                 for (a, b), x in zip(self.graph.edges, self.size, strict=True)]  # fmt: skip
        return Stream("main", TaskGraph(tuple(tasks), tuple(edges)))

    def scenario(
        self, name: str = "adversarial", description: str = "", facts: dict[str, str] | None = None
    ) -> Scenario:
        """The instance as a scenario: ideal network, strict dispatch, makespan."""
        return Scenario(
            name=name,
            description=description,
            cluster=self.cluster(f"{name}-nodes"),
            streams=(self.stream(),),
            network="ideal",
            dispatch="strict",
            source=name,
            fixed_cluster=self.factor is not None,
            facts=facts or {},
        )
