"""Gradient search on CUDA against the CPU, at equal wall time.

    python -m benchmarks.gradient_gpu [--seconds 5] [--sizes 100,300,1000,3000,10000] [-o FILE]

For every size, a layered graph on 16 nodes at CCR 5 is solved on the CPU (compiled sequential
simulation), on the CPU by levels, and on the GPU by levels, each for the same seconds of wall
clock. Rows: objective over HEFT, restarts stepped per second, evaluations per second. Without
a CUDA device the rows of the CPU are written, and a sentence says what is missing.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from scenarios.generate import generate
from scenarios.tables import console, grid
from schedulers import Budget, solve
from schedulers.gradient import Gradient
from schedulers.gradient.descent import Descent
from schedulers.warm import warm_up

MISSING = "There is no CUDA device here: only the CPU was measured, and no comparison was made."


def main() -> int:
    """Measure, print a table, and write JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=5.0, help="wall clock of each run")
    parser.add_argument("--sizes", default="100,300,1000,3000,10000", help="tasks")
    parser.add_argument("--nodes", type=int, default=16)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("-o", "--output", type=Path, default=Path("out/gradient_gpu.json"))
    args = parser.parse_args()
    there = torch.cuda.is_available()
    ways: dict[str, dict[str, Any]] = {
        "cpu, sequential": {"device": "cpu", "forward": "sequential"},
        "cpu, levels": {"device": "cpu", "forward": "levels"},
    }
    if there:
        ways["cuda, levels"] = {"device": "cuda", "forward": "levels"}
    rows = []
    for tasks in map(int, args.sizes.split(",")):
        scenario = generate("layered", tasks=tasks, nodes=args.nodes, ccr=5, seed=9500 + tasks)
        problem = scenario.problem()
        heft = solve("heft", problem).objective
        for way, options in ways.items():
            results = [
                run(Gradient(**options), problem, args.seconds, seed) for seed in range(args.seeds)
            ]
            ratio, steps, samples, wall = np.array(results).T
            rows.append({
                "tasks": tasks,
                "way": way,
                "/ HEFT": float(np.exp(np.log(ratio / heft).mean())),
                "restart steps per s": float(steps.sum() / wall.sum()),
                "restarts per s": float(steps.sum() / wall.sum() / Gradient().iterations),
                "evaluations per s": float(samples.sum() / wall.sum()),
                "wall s": float(wall.mean()),
            })  # fmt: skip
    console().print(grid("Gradient search at equal wall time", rows))
    if not there:
        print(MISSING)
    report = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cuda": torch.cuda.get_device_name() if there else None,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "arguments": sys.argv[1:],
        "note": None if there else MISSING,
        "rows": rows,
    }
    args.output.parent.mkdir(parents=True, exist_ok=True)
    args.output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(f"written to {args.output}")
    return 0


def run(
    scheduler: Gradient, problem: Any, seconds: float, seed: int
) -> tuple[float, int, int, float]:
    """Objective, restart steps, evaluations and wall seconds of one run."""
    steps = 0
    original = Descent.step

    def counted(self: Descent, tau: float, rows: Any = None) -> Any:
        nonlocal steps
        steps += len(self._theta)
        return original(self, tau, rows)

    warm_up(scheduler, problem)
    budget = Budget(problem, seconds=seconds, clock=time.perf_counter)
    Descent.step = counted  # type: ignore[method-assign]
    begin = time.perf_counter()
    try:
        scheduler.schedule(problem, budget, np.random.default_rng(seed))
    finally:
        Descent.step = original  # type: ignore[method-assign]
    return budget.best_objective, steps, budget.evaluations, time.perf_counter() - begin


if __name__ == "__main__":
    raise SystemExit(main())
