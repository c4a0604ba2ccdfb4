"""How many individuals per second the genetic searches judge.

``python -m benchmarks.genetic_speed [--json FILE] [--tasks 80] [--nodes 8] [--threads 1,2]``

A generated layered graph (3 edges for each task, CCR 1). Batches of 10,000 individuals: orders are
run (`genes=plain`), priorities and pins are decoded (`genes=pin`, `random_search`). Wall-clock
seconds, best of five; with one thread that is CPU time as well. The last rows are whole searches:
CPU seconds of one core, selection, crossover, mutation and judging together. Compilation is not
counted.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from scenarios.generate import generate
from schedulers import solve
from schedulers.decode import Decoder, Sampler
from schedulers.genetic.judging import OrderJudge
from schedulers.genetic.species import OrderSpecies, PinSpecies
from simulator.problem import Problem

SEED = 9001
BATCH = 10_000
ROUNDS = 5


def rate(work: Callable[[], object]) -> float:
    """Individuals per second of wall clock, best of some rounds."""
    work()
    best = np.inf
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - begin)
    return BATCH / best


def batches(problem: Problem, threads: list[int]) -> list[dict[str, Any]]:
    """Rates of judging alone."""
    rng = np.random.default_rng(0)
    orders = OrderSpecies(problem).sample(BATCH, rng)
    pins = PinSpecies(problem).sample(BATCH, rng)
    priority, bias = Sampler(problem).draw(BATCH, rng)
    judge, decoder = OrderJudge(problem), Decoder(problem)
    works: dict[str, Callable[[int], object]] = {
        "orders": lambda n: judge(orders, n),
        "pins": lambda n: decoder(pins.priority, wish=pins.wish, threads=n, ranked=False),
        "priorities and biases": lambda n: decoder(priority, bias, threads=n),
    }
    return [
        {"what": what, "threads": n, "per_second": rate(lambda w=work, n=n: w(n))}
        for what, work in works.items()
        for n in threads
    ]


def searches(problem: Problem) -> list[dict[str, Any]]:
    """Rates of whole searches of a CPU second."""
    rows = []
    for spec in ("genetic", "genetic[genes=pin]", "random_search"):
        outcome = solve(spec, problem, seconds=1.0)
        per_second = outcome.evaluations / outcome.cpu_seconds
        rows.append({"what": spec, "threads": 1, "per_second": per_second})
    return rows


def main() -> int:
    """Parse arguments, measure, print, and return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--json", type=Path, default=None, help="write the rows to this file")
    parser.add_argument("--tasks", type=int, default=80)
    parser.add_argument("--nodes", type=int, default=8)
    parser.add_argument("--threads", default="1,2", help="comma-separated")
    args = parser.parse_args()
    threads = [int(n) for n in args.threads.split(",")]
    problem = generate(
        "layered", tasks=args.tasks, nodes=args.nodes, ccr=1, edges=3 * args.tasks, seed=SEED
    ).problem()
    rows = batches(problem, threads) + searches(problem)
    title = f"{problem.n_tasks} tasks, {problem.n_nodes} nodes: individuals per second"
    table = Table("what", "threads", "per second", "us each", title=title)
    for row in rows:
        table.add_row(
            escape(row["what"]), str(row["threads"]), f"{row['per_second']:,.0f}",
            f"{1e6 / row['per_second']:.2f}",
        )  # fmt: skip
    Console().print(table)
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
