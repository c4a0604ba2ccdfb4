"""How many proposals per second the compiled local search judges.

``python -m benchmarks.annealing [--json FILE] [--seconds 1]``

Generated layered graphs of 100 and 1000 tasks (3 edges for each task, 8 nodes, CCR 1), from HEFT's
plan, at three temperatures each. CPU seconds of one core, best of three runs; loading the start
and building the answer are part of the time, compilation is not.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from scenarios.generate import generate
from schedulers import make
from schedulers.local import LocalSearch

SIZES = ((100, (0.02, 0.01, 0.003)), (1000, (0.003, 0.001, 0.0003)))
SEED = 9001


def measure(tasks: int, hot: float, seconds: float) -> dict[str, Any]:
    """Proposals per CPU second on one instance at one temperature."""
    problem = generate("layered", tasks=tasks, nodes=8, ccr=1, edges=3 * tasks, seed=SEED).problem()
    plan = make("heft").plan(problem)  # type: ignore[attr-defined]
    search = LocalSearch(problem)
    start = (plan.node, plan.variant, plan.priority)
    search.run(*start, moves=100, hot=hot, cold=hot / 10, seed=0)
    moves, rates, found = max(int(seconds * 1e8 / tasks), 1000), [], None
    for _ in range(3):
        begin = time.process_time()
        found = search.run(*start, moves=moves, hot=hot, cold=hot / 10, seed=1)
        rates.append(moves / (time.process_time() - begin))
    assert found is not None
    return {
        "tasks": tasks,
        "hot": hot,
        "moves": moves,
        "moves_per_second": max(rates),
        "makespan": found.makespan,
        "makespan_of_heft": plan.makespan,
    }


def main() -> int:
    """Parse arguments, measure, print, and return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--json", type=Path, default=None, help="write the rows to this file")
    parser.add_argument("--seconds", type=float, default=1.0, help="rough length of a run")
    args = parser.parse_args()
    rows = [measure(n, hot, args.seconds) for n, hots in SIZES for hot in hots]
    table = Table("tasks", "hot", "moves", "million moves/s", "makespan / HEFT")
    for row in rows:
        ratio = row["makespan"] / row["makespan_of_heft"]
        table.add_row(
            str(row["tasks"]), str(row["hot"]), f"{row['moves']:,}",
            f"{row['moves_per_second'] / 1e6:.2f}", f"{ratio:.4f}",
        )  # fmt: skip
    Console().print(table)
    if args.json is not None:
        args.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
