"""Sweeps in processes of their own: killed, resumed, and on a Dask cluster."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path

import pandas as pd
import pytest

from scenarios.study import CLOCK_COLUMNS, load, read, sweep
from scenarios.study.store import Store
from tests.study.conftest import TEXT

ROOT = Path(__file__).parents[2]
LONGER = TEXT.replace("seeds: 2", "seeds: 40")  # 320 cells
PATIENCE = 120.0


def equal(a: pd.DataFrame, b: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(
        a.drop(columns=list(CLOCK_COLUMNS)), b.drop(columns=list(CLOCK_COLUMNS))
    )


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.02)


def on_disk(folder: Path) -> int:
    return len(Store(folder).states())


def begin(file: Path, folder: Path, *options: str) -> subprocess.Popen[bytes]:
    line = [sys.executable, "-m", "scenarios.cli", "sweep", str(file), "-o", str(folder), *options]
    return subprocess.Popen(
        line, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )


def alive(pid: int) -> bool:
    """Whether a process is there and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (OSError, IndexError):
        return False


def test_killed_and_resumed_it_gives_the_rows_of_an_undisturbed_sweep(
    tmp_path: Path, here: Executor
) -> None:
    file = tmp_path / "longer.yaml"
    file.write_text(LONGER)
    study = load(file)
    sweep(study, tmp_path / "whole", executor=here)
    killed = tmp_path / "killed"
    process = begin(file, killed, "--workers", "1")
    until(lambda: on_disk(killed) > 20 or process.poll() is not None)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    survived = Store(killed).frame()
    assert 20 < len(survived) < 320
    pids = {int(pid) for pid in survived["worker"]}
    swept = sweep(study, killed, executor=here)
    assert swept.ran == 320 - len(survived)
    final = read(killed)
    equal(final, read(tmp_path / "whole"))
    started = final.set_index("cell")["started"]
    assert (started[survived["cell"]].to_numpy() == survived["started"].to_numpy()).all()
    until(lambda: not any(alive(pid) for pid in pids))  # workers end with their sweep


@pytest.mark.slow
def test_a_killed_worker_is_replaced(tmp_path: Path, here: Executor) -> None:
    file = tmp_path / "longer.yaml"
    file.write_text(LONGER)
    study = load(file)
    sweep(study, tmp_path / "whole", executor=here)
    hurt = tmp_path / "hurt"
    process = begin(file, hurt, "--workers", "2")
    until(lambda: on_disk(hurt) > 20 or process.poll() is not None)
    victim = int(Store(hurt).frame()["worker"].iloc[-1])
    os.kill(victim, signal.SIGKILL)
    assert process.wait(PATIENCE) == 0
    equal(read(hurt), read(tmp_path / "whole"))
    assert (read(hurt)["status"] == "ok").all()


def test_a_dask_cluster_gives_the_same_rows(tmp_path: Path, here: Executor) -> None:
    distributed = pytest.importorskip("distributed")
    file = tmp_path / "small.yaml"
    file.write_text(TEXT)
    study = load(file)
    sweep(study, tmp_path / "whole", executor=here)
    settings = {"processes": False, "protocol": "tcp://", "dashboard_address": None}
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, **settings) as cluster:
        address = cluster.scheduler_address.replace("tcp", "dask")
        swept = sweep(study, tmp_path / "dask", executor=address)
        with distributed.Client(cluster, set_as_default=False) as client:
            given = sweep(study, tmp_path / "given", executor=client.get_executor(pure=False))
    assert (swept.done, given.done) == (16, 16)
    equal(read(tmp_path / "dask"), read(tmp_path / "whole"))
    equal(read(tmp_path / "given"), read(tmp_path / "whole"))


@pytest.mark.slow
def test_a_killed_dask_worker_is_replaced(tmp_path: Path, here: Executor) -> None:
    distributed = pytest.importorskip("distributed")
    file = tmp_path / "longer.yaml"
    file.write_text(LONGER)
    study = load(file)
    sweep(study, tmp_path / "whole", executor=here)
    hurt = tmp_path / "hurt"
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        address = cluster.scheduler_address.replace("tcp", "dask")
        process = begin(file, hurt, "--executor", address)
        until(lambda: on_disk(hurt) > 20 or process.poll() is not None)
        os.kill(int(Store(hurt).frame()["worker"].iloc[-1]), signal.SIGKILL)
        assert process.wait(PATIENCE) == 0
    equal(read(hurt), read(tmp_path / "whole"))


def test_no_scheduler_there() -> None:
    pytest.importorskip("distributed")
    from scenarios.study.pools import DaskPool
    from simulator.errors import AlloclabError

    with pytest.raises(AlloclabError, match=r"no Dask scheduler answers at 127\.0\.0\.1:1"):
        DaskPool("127.0.0.1:1", patience=0.5)
