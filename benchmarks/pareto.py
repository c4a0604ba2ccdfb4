"""Hypervolume of NSGA-II's fronts against random allocations and its own first generation.

python -m benchmarks.pareto [--instances 5] [--seconds 10]
"""

from __future__ import annotations

import argparse

import numpy as np

from schedulers import solve
from schedulers.pareto.breeding import Breeder
from schedulers.pareto.front import non_dominated
from schedulers.pareto.hypervolume import hypervolume, reference_point
from schedulers.pareto.terms import Judge
from simulator.cluster import Cluster, Node
from simulator.problem import Problem
from simulator.taskgraph import Edge, Task, TaskGraph, Variant
from simulator.workload import Stream

NAMES = ("makespan", "energy", "accuracy")
SPEC = f"nsga2[objectives={'+'.join(NAMES)}]"


def instance(seed: int, n_tasks: int, n_nodes: int = 6) -> Problem:
    """A random graph of tasks with two variants on nodes that are the hungrier the faster."""
    rng = np.random.default_rng(seed)
    nodes = []
    for n in range(n_nodes):
        speed = float(rng.uniform(0.5, 4))
        watts = float(20 * speed**2 * rng.uniform(0.6, 1.4))
        nodes.append(Node(f"n{n}", speed=speed, idle_watts=5 * speed, busy_watts=watts))
    tasks = []
    for t in range(n_tasks):
        work = float(rng.gamma(2, 1))
        large = Variant("large", seconds={"*": work}, accuracy=0.9)
        right = float(rng.uniform(0.6, 0.85))
        small = Variant("small", seconds={"*": 0.4 * work}, accuracy=right)
        tasks.append(Task(f"t{t}", (large, small)))
    edges = tuple(
        Edge(f"t{a}", f"t{b}", float(rng.gamma(2, 1)))
        for b in range(1, n_tasks)
        for a in sorted(set(rng.integers(0, b, 2).tolist()))
    )
    cluster = Cluster.star("c", tuple(nodes), bandwidth=2.0)
    return Problem(cluster, (Stream("s", TaskGraph(tuple(tasks), edges)),), name="pareto")


def front_of(problem: Problem, spec: str, **budget: float) -> np.ndarray:
    """Objectives of the front."""
    found = solve(spec, problem, **budget).front  # type: ignore[arg-type]
    return np.array([list(point.objectives.values()) for point in found])


def random_front(problem: Problem, size: int, seed: int) -> np.ndarray:
    """Front of as many allocations by lot."""
    lot = Breeder(problem, np.random.default_rng(seed))
    genes = lot.by_lot(size)
    values, _ = Judge(problem, NAMES)(genes.node, genes.variant, lot.ranks(genes.key))
    return values[non_dominated(values)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--instances", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--candidates", type=int, default=4000)
    given = parser.parse_args()
    print("tasks", "random", "first generation", "candidates", "seconds", sep="\t")
    for n_tasks in (30, 100):
        rows = []
        for seed in range(given.instances):
            problem = instance(seed, n_tasks)
            fronts = [
                random_front(problem, given.candidates, seed),
                front_of(problem, SPEC.replace("]", ",generations=1]")),
                front_of(problem, SPEC, evaluations=given.candidates),
                front_of(problem, SPEC, seconds=given.seconds),
            ]
            every = np.vstack(fronts)
            reference, ideal = reference_point(every), every.min(axis=0)
            box = np.prod(reference - ideal)
            rows.append([hypervolume(f, reference) / box for f in fronts])
        print(n_tasks, *(f"{x:.3f}" for x in np.mean(rows, axis=0)), sep="\t")


if __name__ == "__main__":
    main()
