"""The study through a Dask scheduler and two worker processes, one of them killed in the middle.

    python -m benchmarks.sweep.dask_workers [-o OUT] [--json FILE]

Scheduler and workers are started as a cluster would start them (dask scheduler, dask worker). Exit
code 1 if a row differs from those of a local sweep in anything but clocks and host.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.sweep.common import ROOT, STUDY, differences, save, start
from scenarios.study import load, plan, read
from scenarios.study.store import Store


def main() -> int:
    """One local run, one through Dask, compared."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("-o", "--out", type=Path, default=Path("out/sweep"))
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    local, remote = args.out / "whole", args.out / "dask"
    shutil.rmtree(remote, ignore_errors=True)
    cells = len(plan(load(STUDY)).cells)
    fresh = not local.is_dir() or not Store(local).files()
    if fresh and start(local, "--workers", "2").wait() != 0:
        raise SystemExit("the local sweep failed")
    with cluster(2) as address:
        clock = time.perf_counter()
        process = start(remote, "--executor", f"dask://{address}")
        killed = kill_one(remote, address, cells // 2, process)
        code = process.wait()
        seconds = time.perf_counter() - clock
    expected, found = read(local), read(remote)
    differing = differences(expected, found)
    pids = sorted(found["worker"].unique())
    print(f"{len(found):,} cells in {seconds:.1f} s by {len(pids)} worker processes; "
          f"killed after {killed['rows']:,} rows; exit code {code}")  # fmt: skip
    print(f"columns that differ from the local run: {differing or 'none'}")
    save(
        args.json, "benchmarks.sweep.dask_workers", study=STUDY.read_text(), cells=len(found),
        seconds=seconds, killed=killed, worker_processes=len(pids), exit_code=code,
        differing_columns=differing, failed=int((found["status"] == "failed").sum()),
    )  # fmt: skip
    return int(bool(differing) or code != 0 or killed["pid"] is None)


@contextmanager
def cluster(workers: int) -> Iterator[str]:
    """A Dask scheduler and worker processes of this machine; yields host:port."""
    port = free_port()
    address = f"127.0.0.1:{port}"
    python = [sys.executable, "-m", "distributed.cli"]
    commands = [
        [python[0], "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1",
         "--port", str(port), "--no-dashboard"],
        *([python[0], "-m", "distributed.cli.dask_worker", f"tcp://{address}", "--nthreads", "1",
           "--no-dashboard", "--local-directory", "/tmp"] for _ in range(workers)),
    ]  # fmt: skip
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    started = [subprocess.Popen(line, cwd=ROOT, **quiet) for line in commands]  # type: ignore[call-overload]
    try:
        yield address
    finally:
        for process in reversed(started):
            process.send_signal(signal.SIGINT)
        for process in started:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def free_port() -> int:
    """A port that nobody listens on."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def kill_one(
    folder: Path, address: str, rows: int, process: subprocess.Popen[bytes]
) -> dict[str, Any]:
    """kill -9 of one worker process as soon as so many rows are on the disk."""
    from distributed import Client

    while process.poll() is None:
        done = len(Store(folder).frame(["cell", "status"])) if folder.is_dir() else 0
        if done >= rows:
            with Client(address, set_as_default=False) as client:
                pids = client.run(os.getpid)
            victim = sorted(pids.values())[0]
            os.kill(victim, signal.SIGKILL)
            return {"pid": victim, "rows": done}
        time.sleep(0.1)
    return {"pid": None, "rows": 0}


if __name__ == "__main__":
    raise SystemExit(main())
