"""Proofs: how many optima exact search proves, and that no bound lies above an optimum.

    python -m benchmarks.exact FOLDER [--seconds 60] [--workers 2] [--most 21] [--every 1]
    python -m benchmarks.exact --bounds 1000

The first solves the instances of a folder (at most `--most` tasks, every n-th file) by CP-SAT and
compares with the values in the files: seconds are CPU seconds of all workers together. Exit code 1
if anything lies below a proved optimum, or a bound above a best known value.

The second draws tiny problems (quorums, deadlines, branches, lags, variants, slots, co-run factors,
outages, slow-downs, all networks, greedy and strict), tries every allocation in the simulator, and
compares the least objective with the bound.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

OBJECTIVES = ("makespan", "mean_latency", "p95_latency", "throughput", "energy", "cost_busy")


def bound_complaint(seed: int) -> str | None:
    """What is wrong with the bound of one tiny problem; None if nothing is."""
    from schedulers import lower_bound, solve
    from simulator.objective import Objective
    from simulator.problem import Problem
    from tests.schedulers.test_bounds import bounded_problem

    rng = np.random.default_rng(seed)
    drawn = bounded_problem(rng, tasks=4, machines=2, requests=2, large=9)
    name = OBJECTIVES[seed % len(OBJECTIVES)] if seed % 2 else "makespan"
    problem: Problem = replace(drawn, objective=Objective.parse(name), plan_draws=2)
    if seed % 3 == 0 and len(problem.streams) == 1:
        problem = replace(problem, dispatch="strict", discipline="fifo")
    outcome = solve("brute_force", problem, evaluations=200_000)
    bound = lower_bound(problem)
    if bound is not None and np.isfinite(outcome.objective) and bound > outcome.objective:
        return f"seed {seed}: {name} {outcome.objective}, bound {bound}"
    return None


def check_bounds(count: int) -> int:
    """Try all allocations of many tiny problems; exit code 1 if a bound is wrong."""
    begin = time.process_time()
    wrong = [c for seed in range(count) if (c := bound_complaint(seed)) is not None]
    for line in wrong:
        print(line)
    print(f"{count} problems, {len(wrong)} bounds above the optimum, "
          f"{time.process_time() - begin:.0f} CPU seconds")  # fmt: skip
    return 1 if wrong else 0


def prove(files: list[Path], seconds: float, workers: int, most: int) -> int:
    """Solve instances and print a line for each that is not proved."""
    import scenarios
    from schedulers import solve

    proved, tried, wrong, spent = 0, 0, 0, 0.0
    for file in files:
        data = json.loads(file.read_text())
        if len(data["tasks"]) > most:
            continue
        problem = scenarios.load(str(file)).problem()
        outcome = solve(f"exact[workers={workers}]", problem, seconds=seconds)
        tried, spent = tried + 1, spent + outcome.cpu_seconds
        proved += outcome.status == "optimal"
        best = data.get("best_known") or np.inf
        below = bool(data.get("proved_optimal")) and outcome.objective < best * (1 - 1e-9)
        above = outcome.bound is not None and outcome.bound > best * (1 + 1e-9)
        wrong += below + above
        if outcome.status != "optimal" or below or above:
            print(f"{file.name}: {outcome.status}, {outcome.objective} (best known {best}), "
                  f"bound {outcome.bound}, {outcome.cpu_seconds:.1f} s", flush=True)  # fmt: skip
    print(f"{proved} of {tried} proved, {spent:.0f} CPU seconds, {wrong} contradictions")
    return 1 if wrong else 0


def main() -> int:
    """Parse arguments and run."""
    raw = argparse.RawTextHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--most", type=int, default=21, help="tasks")
    parser.add_argument("--every", type=int, default=1, help="only every n-th file")
    parser.add_argument("--bounds", type=int, default=None, help="number of tiny problems")
    args = parser.parse_args()
    if args.bounds is not None:
        return check_bounds(args.bounds)
    if args.folder is None:
        parser.error("a folder or --bounds is needed")
    files = sorted(args.folder.rglob("*.json"))[:: args.every]
    return prove(files, args.seconds, args.workers, args.most)


if __name__ == "__main__":
    sys.exit(main())
