"""The instance that speed is measured on, and many different candidates for it."""

from __future__ import annotations

import dataclasses

import numpy as np

from scenarios.generate import generate
from schedulers import make
from simulator.arrays import FloatArray, IntArray
from simulator.problem import Problem
from simulator.realisation import Realisation

Candidates = tuple[IntArray, IntArray, IntArray]

KINDS = ("round robin", "HEFT")


def problem(network: str = "ideal", dispatch: str = "strict", seed: int = 0) -> Problem:
    """Layered graph of 100 tasks and 300 edges, CCR 1; star of 8 nodes, a link up and one down."""
    base = generate("layered", tasks=100, nodes=8, ccr=1, seed=seed).problem()
    assert (base.n_tasks, base.n_edges, base.n_nodes, base.arrays.n_links) == (100, 300, 8, 16)
    return dataclasses.replace(base, network=network, dispatch=dispatch)


def candidates(base: Problem, kind: str, n: int, seed: int = 0) -> Candidates:
    """Draw n different candidates: node, variant and priority, each (n, T).

    ``"round robin"`` deals the tasks out in n random topological orders. ``"HEFT"`` takes the
    answers of HEFT to n problems that differ from `base` by 20 % in each duration: as good as
    HEFT's own, and each another one. Priorities are ranks, as planners write them.
    """
    rng = np.random.default_rng(seed)
    rows = [_round_robin(base, rng) if kind == "round robin" else _heft(base, rng)
            for _ in range(n)]  # fmt: skip
    node, priority = (np.array(column, dtype=np.int64) for column in zip(*rows, strict=True))
    return node, np.zeros_like(node), priority


def stream(base: Problem, n_requests: int, load: float, seed: int = 0) -> Realisation:
    """Poisson arrivals at a share `load` of what all nodes together could work off."""
    work = float(np.nanmean(base.arrays.seconds, axis=(1, 2)).sum()) / base.n_nodes
    gaps = np.random.default_rng(seed).exponential(work / load, n_requests)
    return Realisation(arrival=np.cumsum(gaps), stream=np.zeros(n_requests, dtype=np.int64))


def _round_robin(base: Problem, rng: np.random.Generator) -> tuple[IntArray, IntArray]:
    arrays = base.arrays
    rank = _topological_rank(base, rng.random(base.n_tasks))
    return (rank + rng.integers(arrays.n_nodes)) % arrays.n_nodes, rank


def _heft(base: Problem, rng: np.random.Generator) -> tuple[IntArray, IntArray]:
    other = _perturbed(base, rng)
    plan = make("heft").plan(other)
    order = np.lexsort((np.argsort(base.topological), plan.finish, plan.start))
    rank = np.empty(base.n_tasks, dtype=np.int64)
    rank[order] = np.arange(base.n_tasks)
    return plan.node, rank


def _perturbed(base: Problem, rng: np.random.Generator) -> Problem:
    (stream_,) = base.streams
    tasks = []
    for task in stream_.graph.tasks:
        (variant,) = task.variants
        seconds = {node: s * rng.uniform(0.8, 1.2) for node, s in variant.seconds.items()}
        tasks.append(
            dataclasses.replace(task, variants=(dataclasses.replace(variant, seconds=seconds),))
        )
    graph = dataclasses.replace(stream_.graph, tasks=tuple(tasks))
    return dataclasses.replace(base, streams=(dataclasses.replace(stream_, graph=graph),))


def _topological_rank(base: Problem, draw: FloatArray) -> IntArray:
    """Rank of each task in the topological order that takes the free task with the least draw."""
    arrays = base.arrays
    ptr, edges = arrays.out_csr
    missing = np.bincount(arrays.edge_dst, minlength=base.n_tasks)
    free = {int(t) for t in np.flatnonzero(missing == 0)}
    rank = np.empty(base.n_tasks, dtype=np.int64)
    for i in range(base.n_tasks):
        task = min(free, key=lambda t: draw[t])
        free.remove(task)
        rank[task] = i
        for edge in edges[ptr[task] : ptr[task + 1]]:
            consumer = int(arrays.edge_dst[edge])
            missing[consumer] -= 1
            if missing[consumer] == 0:
                free.add(consumer)
    return rank
