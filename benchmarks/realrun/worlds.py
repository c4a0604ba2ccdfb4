"""Random graphs of sleeping tasks on three unequal workers and links, for emulated runs."""

from __future__ import annotations

import numpy as np

from realrun.devices import WorkerSpec, parse_workers
from simulator.cluster import Cluster, Node
from simulator.problem import Problem
from simulator.taskgraph import Edge, Task, TaskGraph, Variant
from simulator.workload import Arrivals, Stream

FAST, SLOW = (200e6, 1e-3), (20e6, 5e-3)
"""(bytes/s, seconds) of the links a-b and b-c, and of a-c."""


def trio() -> tuple[WorkerSpec, ...]:
    """Three workers with one thread each."""
    return parse_workers("a=cpu:1,b=cpu:1,c=cpu:1")


def unequal(speeds: tuple[float, float, float] = (1.0, 2.0, 4.0)) -> Cluster:
    """Speeds 1:2:4 by default; the slow link lies between the slowest and the fastest node."""
    nodes = [Node(spec.name, speed=s) for spec, s in zip(trio(), speeds, strict=True)]
    pairs = [[None, FAST, SLOW], [FAST, None, FAST], [SLOW, FAST, None]]
    bandwidth = [[p[0] if p else float("nan") for p in row] for row in pairs]
    latency = [[p[1] if p else 0.0 for p in row] for row in pairs]
    return Cluster.mesh("unequal", nodes, bandwidth, latency)


def graph(rng: np.random.Generator, tasks: int, least_s: float, most_s: float) -> TaskGraph:
    """A random graph; durations at speed 1, messages of 10 kB to 1 MB."""
    made = tuple(
        Task(
            f"t{i}",
            (
                Variant(
                    "v",
                    seconds={"*": float(rng.uniform(least_s, most_s))},
                    output_bytes=float(round(10 ** rng.uniform(4, 6))),
                ),
            ),
        )
        for i in range(tasks)
    )
    edges = tuple(
        Edge(f"t{i}", f"t{j}") for j in range(tasks) for i in range(j) if rng.random() < 0.3
    )
    return TaskGraph(made, edges)


def random_world(rng: np.random.Generator, requests: int, dispatch: str) -> Problem:
    """A stream of short requests at 25 a second, for faults."""
    stream = Stream(
        "s", graph(rng, 8, 0.01, 0.06), Arrivals("constant", rate=25.0), requests=requests
    )
    return Problem(
        cluster=unequal((8.0, 16.0, 32.0)), streams=(stream,), network="ideal",
        dispatch=dispatch, name="random",
    )  # fmt: skip
