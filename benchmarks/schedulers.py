"""How much CPU time every scheduler takes, and what comes of it.

``python -m benchmarks.schedulers [--tasks 1000] [--nodes 8] [--ccr 1] [--family layered]``

One generated instance; each scheduler solves it several times. "schedule" is
``Outcome.cpu_seconds``: the whole way from a lowered problem to an allocation, as `solve` counts it
(imports, compilation and lowering before, evaluation and bound after), median and least. "plan"
leaves out turning the plan into named placements, and runs with warm caches. One thread.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from scenarios.generate import generate
from schedulers import make, names, solve
from simulator.problem import Problem

EXTRA = ("heft[insertion=false]", "heft[lookahead=oct]")


def plan_seconds(spec: str, problem: Problem, repeat: int) -> float | None:
    """Median CPU seconds of planning alone; None for schedulers that offer no plan."""
    plan = getattr(make(spec), "plan", None)
    if plan is None:
        return None
    arguments = (problem, np.random.default_rng(0)) if spec == "random" else (problem,)
    plan(*arguments)
    times = []
    for _ in range(repeat):
        begin = time.process_time()
        plan(*arguments)
        times.append(time.process_time() - begin)
    return statistics.median(times)


def milliseconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * 1e3:.2f}"


def measure(problem: Problem, specs: Sequence[str], repeat: int) -> Table:
    headings = ("plan ms", "schedule ms", "least ms", "makespan", "/ heft", "/ bound")
    table = Table("scheduler", *headings, title=problem.name, caption=repr(problem))
    for column in table.columns:
        column.no_wrap = True
        column.justify = "left" if column.header == "scheduler" else "right"
    reference = solve("heft", problem).objective
    for spec in specs:
        solve(spec, problem)
        outcomes = [solve(spec, problem, seed=i) for i in range(repeat)]
        seconds = [outcome.cpu_seconds for outcome in outcomes]
        objective = statistics.mean(outcome.objective for outcome in outcomes)
        table.add_row(
            escape(spec),
            milliseconds(plan_seconds(spec, problem, repeat)),
            milliseconds(statistics.median(seconds)),
            milliseconds(min(seconds)),
            f"{objective:.4g}",
            f"{objective / reference:.3f}",
            f"{objective / outcomes[0].bound:.3f}" if outcomes[0].bound else "",
        )
    return table


def crowded(problem: Problem) -> Problem:
    """The same with memory for 1.1 times each node's share of the tasks: books are kept."""
    streams = []
    for stream in problem.streams:
        tasks = tuple(
            replace(task, variants=tuple(replace(v, weights_bytes=1.0) for v in task.variants))
            for task in stream.graph.tasks
        )
        streams.append(replace(stream, graph=replace(stream.graph, tasks=tasks)))
    room = float(np.ceil(1.1 * problem.n_tasks / problem.n_nodes))
    nodes = tuple(replace(node, memory_bytes=room) for node in problem.cluster.nodes)
    cluster = replace(problem.cluster, nodes=nodes)
    return replace(
        problem, cluster=cluster, streams=tuple(streams), name=f"{problem.name}, crowded"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--family", default="layered")
    parser.add_argument("--tasks", type=int, default=1000)
    parser.add_argument("--nodes", type=int, default=8)
    parser.add_argument("--ccr", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--repeat", type=int, default=15)
    parser.add_argument("--schedulers", default=",".join((*names(), *EXTRA)))
    parser.add_argument("--memory", action="store_true", help="limit the memory of the nodes too")
    options = parser.parse_args(arguments)
    problem = generate(
        options.family, tasks=options.tasks, nodes=options.nodes, ccr=options.ccr, seed=options.seed
    ).problem()
    if options.memory:
        problem = crowded(problem)
    console = Console(width=None if sys.stdout.isatty() else 100)
    console.print(measure(problem, options.schedulers.split(","), options.repeat))


if __name__ == "__main__":
    main()
