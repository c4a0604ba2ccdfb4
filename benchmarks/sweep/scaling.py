"""Two processes against one, and what a cell costs beyond its own work.

    python -m benchmarks.sweep.scaling [--rounds 5] [--json FILE]

Every round sweeps the study with one worker process and with two, each into a fresh folder, one
directly after the other, so that other programs disturb both alike. Workers are started and have
compiled before. The ratio of rates is the median over the rounds.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

from benchmarks.sweep.common import STUDY, save
from scenarios.study import Study, load, read, sweep
from scenarios.study.pools import local_executor
from scenarios.tables import console, grid

TARGET_SHARE, TARGET_OVERHEAD = 0.9, 0.005


def main() -> int:
    """Run the rounds and judge the medians."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    study = load(STUDY)
    one, two = local_executor(1), local_executor(2)
    for executor in (one, two):  # imports and compilation
        measure(study, executor)
    rounds = []
    for number in range(args.rounds):
        pair = [(1, one), (2, two)][:: 1 if number % 2 == 0 else -1]
        found = {count: measure(study, executor) for count, executor in pair}
        rounds.append(found)
        print(f"round {number + 1}: {found[1]['rate']:.1f} and {found[2]['rate']:.1f} cells/s, "
              f"ratio {found[2]['rate'] / found[1]['rate']:.3f}", flush=True)  # fmt: skip
    for executor in (one, two):
        executor.shutdown()
    ratio = statistics.median(r[2]["rate"] / r[1]["rate"] for r in rounds)
    overhead = statistics.median(r[1]["overhead_s"] for r in rounds)
    parent = statistics.median(r[1]["parent_cpu_s"] for r in rounds)
    rows = [
        {"what": "rate of two over one", "measured": f"{ratio:.3f}",
         "target": f"{2 * TARGET_SHARE:.2f}", "": held(ratio >= 2 * TARGET_SHARE)},
        {"what": "overhead of a cell", "measured": f"{1e3 * overhead:.2f} ms",
         "target": f"{1e3 * TARGET_OVERHEAD:.0f} ms", "": held(overhead <= TARGET_OVERHEAD)},
        {"what": "of it CPU time of the sweeping process", "measured": f"{1e3 * parent:.2f} ms"},
    ]  # fmt: skip
    console().print(grid("", rows))
    save(
        args.json, "benchmarks.sweep.scaling", study=STUDY.read_text(),
        rounds=[{f"{n} workers": r[n] for n in (1, 2)} for r in rounds],
        rate_two_over_one=ratio, overhead_seconds=overhead, sweeping_process_cpu_seconds=parent,
    )  # fmt: skip
    return int(ratio < 2 * TARGET_SHARE or overhead > TARGET_OVERHEAD)


def held(good: bool) -> str:
    """How a target was met."""
    return "held" if good else "MISSED"


def measure(study: Study, executor: Executor) -> dict[str, Any]:
    """One sweep: cells a second, and seconds a cell beyond its own."""
    with tempfile.TemporaryDirectory() as folder:
        wall, cpu = time.perf_counter(), time.process_time()
        swept = sweep(study, folder, executor=executor)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        frame = read(folder)
    assert swept.done == swept.cells == len(frame), swept
    workers = frame["worker"].nunique()
    own = float(frame["cell_seconds"].sum())
    return {
        "workers": workers,
        "seconds": wall,
        "rate": len(frame) / wall,
        "own_seconds": own,
        "overhead_s": (workers * wall - own) / len(frame),
        "parent_cpu_s": cpu / len(frame),
    }


if __name__ == "__main__":
    raise SystemExit(main())
