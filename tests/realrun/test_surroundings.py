"""Workers live wherever a program runs: odd folders, threads, many descriptors, long streams."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from realrun.execute import RealRun, execute
from realrun.pool import LOG_ROWS, Workers
from simulator.allocation import Allocation
from simulator.errors import Unsupported
from simulator.taskgraph import Edge, Join
from simulator.workload import Arrivals
from tests.realrun.test_faults import SLOW, killer
from tests.realrun.worlds import edges, problem, task

ROOT = Path(__file__).resolve().parents[2]

SCRIPT = """
import os, resource, sys
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
held = [os.open(os.devnull, os.O_RDONLY) for _ in range(int(sys.argv[1]))]
from realrun.devices import parse_workers, workers_cluster
from realrun.execute import execute
from realrun.pool import Workers
from simulator import Problem
from simulator.allocation import Allocation
from simulator.taskgraph import Edge, Task, TaskGraph, Variant
from simulator.workload import Stream

specs = parse_workers("a=cpu:1,b=cpu:1")
tasks = tuple(Task(n, (Variant("v", seconds={"*": 1e-3}, module="mine:double"),)) for n in "xy")
graph = TaskGraph(tasks, (Edge("x", "y"),))
world = Problem(cluster=workers_cluster(specs), streams=(Stream("s", graph, requests=2),),
                network="ideal", dispatch="greedy", name="odd")
with Workers(specs) as workers:
    run = execute(world, Allocation.of(world, [0, 1]), workers, keep_outputs=True)
print(len(run.outputs), {float(out["0"][0, 0]) for out in run.outputs.values()})
"""
MINE = """
import torch
class Double(torch.nn.Module):
    def example_inputs(self, batch, generator):
        return torch.full((batch, 2), 3.0)
    def forward(self, x):
        return 2 * x
double = Double
"""


@pytest.mark.parametrize("held", [0, pytest.param(1500, marks=SLOW)])
def test_an_odd_place_to_be(tmp_path: Path, held: int) -> None:
    """A folder with a space and a file called as a module is, no input, many descriptors."""
    folder = tmp_path / "with a space"
    folder.mkdir()
    (folder / "mine.py").write_text(MINE, encoding="utf-8")
    (folder / "queue.py").write_text("raise RuntimeError('not this one')", encoding="utf-8")
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-P", str(script), str(held)], cwd=folder, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=120, preexec_fn=lambda: os.close(0),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[-2] == "2 {12.0}"


def test_a_thread_may_execute_but_not_two_at_once(three: Workers) -> None:
    world = problem([task("a", 0.3), task("b")], edges("a>b"))
    allocation = Allocation.of(world, [0, 1])
    got: list[RealRun] = []
    begun = threading.Event()
    thread = threading.Thread(
        target=lambda: got.append(
            execute(world, allocation, three, emulate=True, watch=lambda _: begun.set())
        )
    )
    thread.start()
    assert begun.wait(30)
    with pytest.raises(Unsupported, match="busy with another run"):
        execute(world, allocation, three)
    thread.join()
    assert got[0].trace.makespan >= 0.3
    assert execute(world, allocation, three).trace.makespan >= 0.3


def test_more_executions_than_can_be_noted_are_refused(three: Workers) -> None:
    world = problem([task(f"t{i}") for i in range(21)], [], LOG_ROWS // 20)
    with pytest.raises(Unsupported, match=r"2,100,000 executions are more than the 2,000,000"):
        execute(world, Allocation.of(world, [0] * 21), three)


def resident(workers: Workers, worker: int) -> int:
    """Bytes of a worker's own memory, without what it shares with others."""
    fields = Path(f"/proc/{workers.pid(worker)}/statm").read_text(encoding="ascii").split()
    return (int(fields[1]) - int(fields[2])) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize("tolerate", [False, True])
def test_a_long_stream_keeps_no_more_than_a_short_one(three: Workers, tolerate: bool) -> None:
    """100 kB a message: 550 requests that keep theirs have 55 MB more; `late` falls behind."""
    tasks = [task("x", output=1e5), task("fast", output=1e5), task("late", 0.005, 1e5),
             task("join", output=1e5, join=Join(need=1))]  # fmt: skip
    short, world = (
        problem(tasks, edges("x>fast x>late fast>join late>join"), requests,
                Arrivals("constant", rate=400.0))
        for requests in (50, 600)
    )  # fmt: skip
    allocation = Allocation.of(world, [0, 1, 2, 0])
    assert three.transport is not None
    execute(short, allocation, three, tolerate_failures=tolerate)
    before = [(resident(three, i), three.transport.occupied(i)) for i in range(3)]
    run = execute(world, allocation, three, tolerate_failures=tolerate)
    after = [(resident(three, i), three.transport.occupied(i)) for i in range(3)]
    assert np.isfinite(run.trace.log.completed).all()
    for (own, shared), (own_then, shared_then) in zip(after, before, strict=True):
        assert own - own_then < 30e6
        assert shared - shared_then < 60e6  # 30 MB wait for `late`


def test_a_run_that_is_broken_off_gives_its_messages_back(three: Workers) -> None:
    """A module that raises in the middle of messages of 1 MB, again and again."""
    from tests.realrun.worlds import own

    tasks = [task("x", output=1e6), task("y", output=1e6), own("sum", "Raises")]
    world = problem(tasks, [*edges("x>sum"), Edge("y", "sum")], 8)
    assert three.transport is not None
    before = 0
    for turn in range(6):
        with pytest.raises(Exception, match="the knob is off"):
            execute(world, Allocation.of(world, [0, 1, 2]), three)
        occupied = sum(three.transport.occupied(i) for i in range(3))
        assert turn == 0 or occupied - before < 12e6
        before = occupied


@pytest.mark.slow
def test_five_thousand_requests(three: Workers) -> None:
    world = problem([task(x) for x in "abcde"], edges("a>b b>c a>d c>e d>e"), 5000,
                    Arrivals("constant", rate=1000.0))  # fmt: skip
    run = execute(world, Allocation.of(world, [0, 1, 2, 1, 0]), three, keep_outputs=True,
                  tolerate_failures=True, watch=killer(three, 1, 2.0))  # fmt: skip
    assert np.isfinite(run.trace.log.completed).all()
    assert len(run.outputs) == 5000


@pytest.mark.slow
def test_many_starts_leave_no_descriptor(three: Workers) -> None:
    def count() -> int:
        return sum(1 for _ in Path("/proc/self/fd").iterdir())

    three.close()
    before = count()
    for _ in range(15):
        three.start()
        three.close()
    assert count() == before
