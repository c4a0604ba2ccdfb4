"""Workers that die, hang or run out of memory: no request is lost, none is answered twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from realrun.clerk import Clerk
from realrun.composing import composed
from realrun.execute import RealRun, execute
from realrun.plan import make_plan
from realrun.pool import WorkerFailed, Workers
from realrun.recovery import lost_work
from simulator.allocation import Allocation
from simulator.errors import InvalidAllocation
from simulator.luck import draw
from simulator.problem import Problem
from simulator.taskgraph import Edge, Join
from simulator.workload import Arrivals
from tests.realrun.worlds import edges, own, problem, task

ROOT = Path(__file__).resolve().parents[2]


def pipeline(requests: int = 20, **options) -> Problem:
    """Two branches over three workers; about 6 ms of work for each request and worker."""
    tasks = [task(x, 0.004, 2000) for x in ("in", "left", "right", "more", "out")]
    graph = edges("in>left in>right left>more more>out right>out")
    return problem(tasks, graph, requests, Arrivals("constant", rate=40.0), **options)


def killer(workers: Workers, victim: int, when: float) -> Callable[[Clerk], None]:
    """Kills a worker so many seconds after the start."""
    done: list[int] = []

    def watch(clerk: Clerk) -> None:
        if not done and time.monotonic() > clerk.zero + when:
            done.append(victim)
            os.kill(workers.pid(victim), signal.SIGKILL)

    return watch


def is_right(world: Problem, nodes: list[int], real: RealRun) -> None:
    """All answers are there, once, and those of a run without failures."""
    plan = make_plan(world, Allocation.of(world, nodes), draw(world, 0))
    wanted = composed(plan, ["fp32"] * 3)
    assert real.outputs.keys() == wanted.keys()
    for key, bundle in wanted.items():
        for name, value in bundle.items():
            assert np.array_equal(value, real.outputs[key][name]), key
    assert np.isfinite(real.trace.log.completed).all()


SLOW = pytest.mark.slow  # three workers are started anew after each of these


@pytest.mark.parametrize(
    ("victim", "when", "dispatch"),
    [
        (0, 0.0, "strict"),
        (1, 0.2, "greedy"),
        pytest.param(2, 0.45, "strict", marks=SLOW),
        pytest.param(0, 0.0, "greedy", marks=SLOW),
        pytest.param(1, 0.2, "strict", marks=SLOW),
        pytest.param(2, 0.45, "greedy", marks=SLOW),
    ],
)
def test_a_killed_worker_costs_no_request(
    three: Workers, victim: int, when: float, dispatch: str
) -> None:
    world, nodes = pipeline(dispatch=dispatch), [0, 1, 2, 1, 0]
    real = execute(world, Allocation.of(world, nodes), three, emulate=True, keep_outputs=True,
                   tolerate_failures=True, watch=killer(three, victim, when))  # fmt: skip
    is_right(world, nodes, real)
    (failure,) = real.facts["failures"]
    assert failure["worker"] == "abc"[victim] and "SIGKILL" in failure["why"]
    node, _, _ = real.trace.allocation.arrays(world)
    assert victim not in node


def test_what_only_the_dead_worker_had_is_computed_again(three: Workers) -> None:
    # b makes `kept`, which stays on b for `slow`; b dies while `slow` waits for `late`.
    tasks = [task("start"), task("kept", 0.01, 500), task("late", 0.6), task("slow", 0.01, 500),
             task("end")]  # fmt: skip
    graph = edges("start>kept start>late kept>slow late>slow slow>end")
    world, nodes = problem(tasks, graph), [0, 1, 2, 1, 0]
    real = execute(world, Allocation.of(world, nodes), three, emulate=True, keep_outputs=True,
                   tolerate_failures=True, watch=killer(three, 1, 0.3))  # fmt: skip
    is_right(world, nodes, real)
    (failure,) = real.facts["failures"]
    assert failure["redone"] == 1  # kept, once more
    assert failure["taken_over"] == 2  # kept and slow


def test_two_workers_may_fail(three: Workers) -> None:
    world, nodes = pipeline(), [0, 1, 2, 1, 0]
    first, second = killer(three, 1, 0.1), killer(three, 2, 0.3)

    def watch(clerk: Clerk) -> None:
        first(clerk)
        second(clerk)

    real = execute(world, Allocation.of(world, nodes), three, emulate=True, keep_outputs=True,
                   tolerate_failures=True, watch=watch)  # fmt: skip
    is_right(world, nodes, real)
    assert [f["worker"] for f in real.facts["failures"]] == ["b", "c"]


@pytest.mark.parametrize(
    "pair", [(1, 2), pytest.param((0, 1), marks=SLOW), pytest.param((0, 2), marks=SLOW)]
)
def test_two_workers_may_fail_at_once(three: Workers, pair: tuple[int, int]) -> None:
    world, nodes = pipeline(), [0, 1, 2, 1, 0]
    first, second = (killer(three, victim, 0.2) for victim in pair)

    def watch(clerk: Clerk) -> None:
        first(clerk)
        second(clerk)

    real = execute(world, Allocation.of(world, nodes), three, emulate=True, keep_outputs=True,
                   tolerate_failures=True, watch=watch)  # fmt: skip
    is_right(world, nodes, real)
    assert sorted(f["worker"] for f in real.facts["failures"]) == ["abc"[v] for v in pair]


def test_what_was_delivered_to_a_worker_that_fails_later_is_computed_again(three: Workers) -> None:
    # b delivers `kept` to c and dies: nobody needs it again. Then c dies, which had it for `slow`.
    tasks = [task("start"), task("kept", 0.01, 500), task("one", 0.3), task("two", 0.6),
             task("slow", 0.01, 500), task("end")]  # fmt: skip
    graph = edges("start>kept start>one one>two kept>slow two>slow slow>end")
    world, nodes = problem(tasks, graph), [0, 1, 0, 0, 2, 0]
    first, second = killer(three, 1, 0.1), killer(three, 2, 0.5)

    def watch(clerk: Clerk) -> None:
        first(clerk)
        second(clerk)

    real = execute(world, Allocation.of(world, nodes), three, emulate=True, keep_outputs=True,
                   tolerate_failures=True, watch=watch)  # fmt: skip
    is_right(world, nodes, real)
    one, two = real.facts["failures"]
    assert (one["worker"], two["worker"]) == ("b", "c")
    assert two["redone"] == 1  # kept, although the worker that has its place now never failed


def test_what_is_left_of_a_request_that_is_over_does_not_hold_up_the_end(three: Workers) -> None:
    """`last` waits for `late` of b, which dies; the first of two inputs was enough long before."""
    tasks = [task("x"), task("fast"), task("late", 0.3, 100), task("last", 0.01, 100),
             task("join", join=Join(need=1))]  # fmt: skip
    graph = edges("x>fast x>late late>last fast>join last>join")
    world, nodes = problem(tasks, graph), [0, 0, 1, 2, 0]
    real = execute(world, Allocation.of(world, nodes), three, emulate=True, keep_outputs=True,
                   tolerate_failures=True, watch=killer(three, 1, 0.1))  # fmt: skip
    assert np.isfinite(real.trace.log.completed).all() and len(real.outputs) == 1


def test_lag_survives_a_failure(three: Workers) -> None:
    graph = [*edges("a>b b>c"), Edge("c", "a", lag=1)]
    world = problem([task(x, 0.005, 300) for x in "abc"], graph, 12)
    nodes = [0, 1, 2]
    real = execute(world, Allocation.of(world, nodes), three, emulate=True, keep_outputs=True,
                   tolerate_failures=True, watch=killer(three, 2, 0.1))  # fmt: skip
    is_right(world, nodes, real)


def test_a_closed_loop_survives_a_failure(three: Workers) -> None:
    world = problem([task("a", 0.01), task("b", 0.01)], edges("a>b"), 16,
                    Arrivals("closed", clients=2))  # fmt: skip
    real = execute(world, Allocation.of(world, [0, 1]), three, emulate=True, keep_outputs=True,
                   tolerate_failures=True, watch=killer(three, 1, 0.1))  # fmt: skip
    assert np.isfinite(real.trace.log.completed).all() and len(real.outputs) == 16


def test_a_worker_without_memory_is_replaced(three: Workers, monkeypatch) -> None:
    # Only b's environment has the variable: three workers are started with it, two lose it.
    monkeypatch.setenv("alloclab-hungry", "1")
    three.close()
    three.start()
    for worker in (0, 2):
        three.call(worker, "tests.realrun.faulty:forget_hunger")
    monkeypatch.delenv("alloclab-hungry")
    world = problem([own("x", "Source"), own("sum", "Hungry")], edges("x>sum"), 3)
    real = execute(world, Allocation.of(world, [0, 1]), three, keep_outputs=True,
                   tolerate_failures=True)  # fmt: skip
    (failure,) = real.facts["failures"]
    assert failure["worker"] == "b" and "no more" in failure["why"]
    assert len(real.outputs) == 3


def test_a_replan_of_ones_own_is_used(three: Workers) -> None:
    world, nodes = pipeline(8), [0, 1, 2, 1, 0]
    asked: list[int] = []

    def replan(problem: Problem, allocation: Allocation, failed: int) -> Allocation:
        asked.append(failed)
        node, variant, priority = allocation.arrays(problem)
        return Allocation.of(problem, np.where(node == failed, 2, node), variant, priority)

    real = execute(world, Allocation.of(world, nodes), three, emulate=True, keep_outputs=True,
                   tolerate_failures=True, replan=replan, watch=killer(three, 1, 0.05))  # fmt: skip
    is_right(world, nodes, real)
    assert asked == [1]
    assert real.trace.allocation.arrays(world)[0].tolist() == [0, 2, 2, 2, 0]


def test_a_replan_that_moves_others_is_refused(three: Workers) -> None:
    world = pipeline(8)
    with pytest.raises(InvalidAllocation, match="'right' onto 'a'; only tasks of workers that"):
        execute(world, Allocation.of(world, [0, 1, 2, 1, 0]), three, emulate=True,
                tolerate_failures=True, watch=killer(three, 1, 0.05),
                replan=lambda problem, _, __: Allocation.of(problem, [0] * 5))  # fmt: skip


def test_without_tolerance_a_failure_ends_the_run_in_a_sentence(three: Workers) -> None:
    world = pipeline()
    with pytest.raises(WorkerFailed, match="worker b was killed by SIGKILL"):
        execute(world, Allocation.of(world, [0, 1, 2, 1, 0]), three, emulate=True,
                watch=killer(three, 1, 0.1))  # fmt: skip
    three.ensure()
    assert three.dead() == []


def test_the_last_worker_cannot_be_replaced() -> None:
    from realrun.devices import parse_workers, workers_cluster

    specs = parse_workers("only=cpu:1")
    with Workers(specs) as workers:
        world = replace(problem([task("a", 0.05)], [], 20), cluster=workers_cluster(specs))
        with pytest.raises(WorkerFailed, match=r"no worker is left.*only was killed"):
            execute(world, Allocation.of(world, [0]), workers, emulate=True,
                    tolerate_failures=True, watch=killer(workers, 0, 0.1))  # fmt: skip


@pytest.mark.slow
def test_a_worker_that_hangs_is_treated_as_dead(three: Workers) -> None:
    world, nodes = pipeline(200), [0, 1, 2, 1, 0]
    stopped: list[int] = []

    def watch(clerk: Clerk) -> None:
        if not stopped and time.monotonic() > clerk.zero + 0.3:
            stopped.append(1)
            os.kill(three.pid(1), signal.SIGSTOP)

    real = execute(world, Allocation.of(world, nodes), three, emulate=True, keep_outputs=True,
                   tolerate_failures=True, watch=watch)  # fmt: skip
    is_right(world, nodes, real)


def test_lineage_by_hand() -> None:
    """a -> b -> c on nodes 0, 1, 2; b -> d on 1. Node 1 fails when c waits and d is answered."""
    world = problem([task(x) for x in "abcd"], edges("a>b b>c b>d"), 2)
    plan = make_plan(world, Allocation.of(world, [0, 1, 2, 1]), draw(world, 0))
    missing = np.array([[1, 1]])  # request 1 of c waits for b>c
    todo = lost_work(plan, {1}, missing, answered={(0, 3), (1, 3)})
    assert todo.tolist() == [[1, 1]]  # b of request 1 only
    todo = lost_work(plan, {2}, missing, answered=set(), absent=[(1, 1), (0, 1)])
    assert todo.tolist() == [[0, 1], [0, 2], [1, 1], [1, 2]]  # what c needs is nowhere any more
    todo = lost_work(plan, {1}, missing, answered={(1, 3)})
    assert todo.tolist() == [[0, 1], [0, 3], [1, 1]]  # and d of request 0, with its input


def shared_memory() -> set[str]:
    """Names of all segments; semaphores (``sem.``) are of others, workers have none."""
    return {p.name for p in Path("/dev/shm").iterdir() if not p.name.startswith("sem.")}


SCRIPT = """
import signal

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
from realrun.execute import execute
from realrun.pool import Workers
from simulator.allocation import Allocation
from tests.realrun.worlds import THREE, edges, problem, task

world = problem([task("a", 30.0), task("b")], edges("a>b"))
with Workers(THREE) as workers:
    print(*(workers.pid(i) for i in range(3)), flush=True)
    execute(world, Allocation.of(world, [0, 1]), workers)
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_behind(how: signal.Signals) -> None:
    before = shared_memory()
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        pids = [int(x) for x in process.stdout.readline().split()]
        assert len(pids) == 3
        time.sleep(0.3)
        process.send_signal(how)
        process.wait(20)
    until = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < until:
        time.sleep(0.05)
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    assert shared_memory() <= before


def test_starting_and_stopping_leaves_no_descriptor(three: Workers) -> None:
    def count() -> int:
        return sum(1 for _ in Path("/proc/self/fd").iterdir())

    three.close()
    three.start()
    before = count()
    three.close()
    three.start()
    assert count() == before
