"""Gradient search against its own ablation at equal CPU seconds: are the gradients worth it?

    python -m benchmarks.gradient_ablation [--seconds 1] [--seeds 1] [--limit N]

On 40 generated graphs of 54-256 tasks on 4-16 nodes, CCR 0.1, 1, 5 and 10 (the set on which the
parameters of the gradient search were chosen). Ratios are geometric means, paired by instance;
below 1 the gradients win. Run it on an idle machine: with other work on the same cores, a CPU
second holds less, and differently so for compiled loops and tensors.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from itertools import product

import numpy as np

from scenarios.generate import generate
from scenarios.tables import console, grid
from schedulers import solve

GRAPHS = (
    ("layered", 60, 4), ("layered", 150, 12), ("stencil", 64, 8), ("fork-join", 100, 8),
    ("fft", 95, 8), ("gauss", 54, 6), ("gauss", 250, 12), ("chains", 80, 8),
    ("stencil", 256, 12), ("fft", 223, 16),
)  # fmt: skip
CCRS = (0.1, 1.0, 5.0, 10.0)
FIRST_SEED = 9101
SPECS = ("gradient", "gradient[learning_rate=0.0]")


def main() -> int:
    """Solve everything and print a table by CCR."""
    raw = argparse.RawTextHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--seconds", type=float, default=1.0, help="CPU seconds of each run")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--limit", type=int, default=None, help="first N instances only")
    args = parser.parse_args()
    logs: dict[float, list[list[float]]] = defaultdict(list)
    for i, ((family, tasks, nodes), ccr) in enumerate(product(GRAPHS, CCRS)):
        if args.limit is not None and i >= args.limit:
            break
        scenario = generate(family, tasks=tasks, nodes=nodes, ccr=ccr, seed=FIRST_SEED + i)
        problem = scenario.problem()
        heft = np.log(solve("heft", problem).objective)
        runs = [
            [np.log(solve(s, problem, args.seconds, seed=1 + k).objective) for s in SPECS]
            for k in range(args.seeds)
        ]
        logs[ccr].append(list(np.mean(runs, axis=0) - heft))
    paired = [row for ccr, rows in logs.items() if ccr >= 1 for row in rows]
    table = [_row(f"{ccr:g}", rows) for ccr, rows in logs.items()]
    if paired:
        table.append(_row(">= 1", paired))
    console().print(grid(f"{args.seconds:g} CPU s: geometric means", table))
    return 0


def _row(ccr: str, logs: list[list[float]]) -> dict[str, object]:
    x = np.array(logs)
    mean = np.exp(x.mean(axis=0))
    return {
        "CCR": ccr,
        "instances": len(x),
        "gradient / HEFT": float(mean[0]),
        "ablation / HEFT": float(mean[1]),
        "gradient / ablation": float(mean[0] / mean[1]),
    }


if __name__ == "__main__":
    raise SystemExit(main())
