"""Emulated unequal nodes and links: how far real runs are from the simulation of the same world.

    python -m benchmarks.realrun.emulated [--graphs 3] [--allocations 12] [--rounds 5] [--json FILE]

Three workers of speeds 1:2:4; links of 1 ms + 200 MB/s and one of 5 ms + 20 MB/s; half of the
graphs under `fifo`, half under `ideal`. Tasks sleep, messages are real and delayed to the planned
arrival. This tests engine and runtime, not this machine's speed. The error of an allocation is that
of its median round.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from benchmarks.realrun.worlds import graph, trio, unequal
from realrun.execute import execute
from realrun.pool import Workers
from realrun.validate.statistics import ordered_pairs
from scenarios.results import manifest
from scenarios.tables import console, grid
from simulator.allocation import Allocation
from simulator.engines import simulate
from simulator.problem import Problem
from simulator.workload import Stream


def main() -> int:
    """Measure, print a row for each graph and one for all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--graphs", type=int, default=4)
    parser.add_argument("--allocations", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    rows, every, right, pairs = [], [], 0, 0
    with Workers(trio()) as workers:
        for number in range(args.graphs):
            rng = np.random.default_rng([args.seed, number])
            network = ("fifo", "ideal")[number % 2]
            stream = Stream("s", graph(rng, 10, 0.05, 0.25))
            world = Problem(cluster=unequal(), streams=(stream,), network=network,
                            dispatch="greedy", name=f"graph {number}")  # fmt: skip
            predicted, real = measure(world, workers, rng, args.allocations, args.rounds)
            errors = np.abs(real / predicted - 1)
            every += errors.tolist()
            ordered = ordered_pairs(predicted.tolist(), real.tolist())
            right, pairs = right + ordered[0], pairs + ordered[1]
            rows.append(row(world.name, network, errors, real / predicted - 1, ordered))
    rows.append(row("all", "", np.array(every), np.array([]), (right, pairs)))
    console().print(grid("Emulated runs against simulation", rows))
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        found = manifest("benchmarks.realrun.emulated", rows=rows, rounds=args.rounds)
        args.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


def measure(
    world: Problem, workers: Workers, rng: np.random.Generator, count: int, rounds: int
) -> tuple[np.ndarray, np.ndarray]:
    """(predicted, median real) makespans of random allocations, rounds in random order."""
    chosen = [Allocation.of(world, rng.integers(3, size=world.n_tasks)) for _ in range(count)]
    predicted = np.array([simulate(world, a).makespan for a in chosen])
    real = np.empty((rounds, count))
    for turn in range(rounds):
        for i in rng.permutation(count):
            real[turn, i] = execute(world, chosen[i], workers, emulate=True).trace.makespan
    return predicted, np.median(real, axis=0)


def row(
    name: str, network: str, errors: np.ndarray, signed: np.ndarray, ordered: tuple[int, int]
) -> dict[str, object]:
    """One line of the table."""
    return {
        "graph": name,
        "network": network,
        "allocations": len(errors),
        "median": f"{100 * np.median(errors):.2f} %",
        "p90": f"{100 * np.quantile(errors, 0.9):.2f} %",
        "max": f"{100 * errors.max():.2f} %",
        "bias": f"{100 * signed.mean():+.2f} %" if len(signed) else "",
        "pairs > 5 % apart ordered right": f"{ordered[0]} of {ordered[1]}",
    }


if __name__ == "__main__":
    raise SystemExit(main())
