"""kill -9 of a random worker at a random moment: nothing lost, nothing twice, answers equal.

    python -m benchmarks.realrun.faults [--trials 20] [--requests 50] [--seed 0] [--json FILE]

Each trial runs a random graph on three workers, half of them under strict dispatch, and compares
the outputs with those of one process. Exit code 1 if anything was lost, answered twice or
different, or if a process or shared-memory segment is left.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.realrun.worlds import random_world, trio
from realrun.clerk import Clerk
from realrun.composing import composed
from realrun.execute import execute
from realrun.plan import make_plan
from realrun.pool import Workers
from scenarios.results import manifest
from scenarios.tables import console, grid
from simulator.allocation import Allocation
from simulator.luck import draw


def main() -> int:
    """Run the trials, print a row for each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--requests", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    before = segments()
    pids: set[int] = set()
    with Workers(trio()) as workers:
        rows = [trial(workers, args.seed, i, args.requests, pids) for i in range(args.trials)]
    left = [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    console().print(grid("kill -9 of one of three workers", rows))
    good = [r["outputs equal"] and not r["lost"] and not r["twice"] for r in rows]
    leaks = len(left) + len(segments() - before)
    print(f"{sum(good)} of {len(rows)} trials right; {leaks} processes or segments left")
    if args.json:
        found = manifest("benchmarks.realrun.faults", rows=rows, left_behind=leaks)
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return int(not all(good) or leaks > 0)


def segments() -> set[str]:
    """Names of all shared-memory segments."""
    return {p.name for p in Path("/dev/shm").iterdir()}


def trial(
    workers: Workers, seed: int, number: int, requests: int, pids: set[int]
) -> dict[str, Any]:
    """One run in which a worker is killed."""
    rng = np.random.default_rng([seed, number])
    workers.ensure()
    pids |= {workers.pid(i) for i in range(3)}
    world = random_world(rng, requests, "strict" if number % 2 else "greedy")
    allocation = Allocation.of(world, rng.integers(3, size=world.n_tasks))
    wanted = composed(make_plan(world, allocation, draw(world, 0)), ["fp32"] * 3)
    victim, when = int(rng.integers(3)), float(rng.uniform(0.0, requests / 25.0))
    killed: list[float] = []

    def watch(clerk: Clerk) -> None:
        if not killed and time.monotonic() > clerk.zero + when:
            os.kill(workers.pid(victim), signal.SIGKILL)
            killed.append(time.monotonic() - clerk.zero)

    run = execute(world, allocation, workers, emulate=True, keep_outputs=True,
                  tolerate_failures=True, watch=watch)  # fmt: skip
    equal = wanted.keys() == run.outputs.keys() and all(
        np.array_equal(value, run.outputs[key][name])
        for key, bundle in wanted.items()
        for name, value in bundle.items()
    )
    failures = run.facts["failures"]
    return {
        "trial": number,
        "dispatch": world.dispatch,
        "killed": workers.specs[victim].name,
        "after_s": killed[0] if killed else None,
        "taken over": sum(f["taken_over"] for f in failures),
        "redone": sum(f["redone"] for f in failures),
        "noticed and re-planned in": f"{1e3 * sum(f['took_s'] for f in failures):.0f} ms",
        "outputs equal": equal,
        "lost": int((~np.isfinite(run.trace.log.completed)).sum()),
        "twice": run.facts["answered_twice"],
    }


if __name__ == "__main__":
    raise SystemExit(main())
