"""kill -9 of a sweep at random moments: resumed, its rows equal those of an undisturbed run.

    python -m benchmarks.sweep.killed [-o OUT] [--kills 5] [--workers 2] [--seed 0] [--json FILE]

Exit code 1 if a row differs in anything but clocks and host, if a row that was on the disk at a
kill is missing or was run again, or if a cell stands twice.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.sweep.common import STUDY, differences, save, start
from scenarios.study import read
from scenarios.study.store import Store
from scenarios.tables import console, grid


def main() -> int:
    """One whole run, then one that is killed again and again."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("-o", "--out", type=Path, default=Path("out/sweep"))
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    whole, killed = args.out / "whole", args.out / "killed"
    for folder in (whole, killed):
        shutil.rmtree(folder, ignore_errors=True)
    seconds = run_through(whole, args.workers)
    expected = read(whole)
    rows, survivors = kills(killed, args, seconds)
    final_seconds = run_through(killed, args.workers)
    found = read(killed)
    differing = differences(expected, found)
    again = sum(run_again(found, before) for before in survivors)
    twice = len(found) - found["cell"].nunique()
    console().print(grid(f"kill -9, {args.workers} workers", rows))
    print(f"undisturbed: {len(expected):,} cells in {seconds:.1f} s; last resume: "
          f"{final_seconds:.1f} s to {len(found):,} cells")  # fmt: skip
    print(f"columns that differ: {differing or 'none'}; rows lost or run again after they were on "
          f"the disk: {again}; cells twice: {twice}")  # fmt: skip
    save(
        args.json, "benchmarks.sweep.killed", study=STUDY.read_text(), cells=len(expected),
        undisturbed_seconds=seconds, kills=rows, last_resume_seconds=final_seconds,
        differing_columns=differing, rows_lost_or_run_again=again, cells_twice=twice,
        failed=int((found["status"] == "failed").sum()),
    )  # fmt: skip
    return int(bool(differing) or again > 0 or twice > 0)


def run_through(folder: Path, workers: int) -> float:
    """Seconds of a sweep that nobody disturbs."""
    clock = time.perf_counter()
    process = start(folder, "--workers", str(workers))
    if process.wait() != 0:
        raise SystemExit(f"the sweep into {folder} ended with {process.returncode}")
    return time.perf_counter() - clock


def kills(
    folder: Path, args: argparse.Namespace, seconds: float
) -> tuple[list[dict[str, Any]], list[pd.DataFrame]]:
    """Start and kill; a row for each kill, and what was on the disk after it.

    A moment is drawn between the first new row and a third of an undisturbed run after it, once
    after the start, so that the kills reach start, beginning, middle and end.
    """
    rng = np.random.default_rng(args.seed)
    rows: list[dict[str, Any]] = []
    survivors: list[pd.DataFrame] = []
    for number in range(args.kills):
        before = on_disk(folder)
        process = start(folder, "--workers", str(args.workers))
        early = number == 1  # one of them while it is still starting
        while not early and process.poll() is None and len(on_disk(folder)) == len(before):
            time.sleep(0.05)
        delay = float(rng.uniform(0.0, 3.0 if early else 2.0 * seconds / (args.kills + 1)))
        time.sleep(delay)
        alive = process.poll() is None
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        left = on_disk(folder)
        rows.append(
            {
                "kill": number + 1,
                "after": "start" if early else "first new row",
                "delay_s": delay,
                "was running": str(alive).lower(),
                "rows before": len(before),
                "rows on disk": len(left),
            }
        )
        survivors.append(left)
    return rows, survivors


def on_disk(folder: Path) -> pd.DataFrame:
    """Cells and the moments at which they were started."""
    return Store(folder).frame(["cell", "status", "started"])


def run_again(found: pd.DataFrame, before: pd.DataFrame) -> int:
    """Rows that were on the disk before and are not there any more as they were."""
    started = found.set_index("cell")["started"]
    return int(sum(started.get(c) != s for c, s in zip(before["cell"], before["started"])))  # noqa: B905


if __name__ == "__main__":
    raise SystemExit(main())
