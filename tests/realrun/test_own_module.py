"""Stages of own modules on real workers: exact messages, and the answers of the whole module."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from realrun.calibrate.probes import runner
from realrun.clerk import Clerk
from realrun.execute import RealRun, execute
from realrun.partition.reference import parse_stage
from realrun.partition.whole import furthest_from_whole
from realrun.plan import make_plan
from realrun.pool import WorkerFailed, Workers
from realrun.worker.room import HEAD_BYTES
from scenarios.importers.torch_export import module_graph
from simulator.allocation import Allocation
from simulator.cluster import Cluster, Node
from simulator.luck import draw
from simulator.problem import Problem
from simulator.taskgraph import TaskGraph
from simulator.workload import Arrivals, Stream
from tests.realrun.worlds import THREE

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "own_torch_module.py"
FACTORIES = ROOT / "tests" / "importers" / "factories.py"


def world(origin: str, cuts: int, requests: int = 3, rate: float = 50.0) -> Problem:
    """A module on three workers, a millisecond a stage."""
    graph = module_graph(origin, cuts, near=None)
    tasks = tuple(
        replace(t, variants=(replace(t.variants[0], work=None, seconds={"*": 1e-3}),))
        for t in graph.tasks
    )
    stream = Stream("s", TaskGraph(tasks, graph.edges), Arrivals("constant", rate=rate),
                    requests=requests)  # fmt: skip
    cluster = Cluster.mesh("three", [Node(s.name) for s in THREE], 1e12, 0.0)
    return Problem(cluster=cluster, streams=(stream,), dispatch="greedy", name="own")


def in_turn(problem: Problem) -> Allocation:
    return Allocation.of(problem, [t % 3 for t in range(problem.n_tasks)])


def apart(problem: Problem, real: RealRun) -> float | None:
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        plan = make_plan(problem, real.trace.allocation, draw(problem, 0))
        return furthest_from_whole(plan, real.outputs)
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize(
    ("origin", "cuts"),
    [(f"{EXAMPLE}:transformer", 5), (f"{FACTORIES}:turned", 7)],
    ids=["transformer", "turned"],
)
def test_workers_answer_as_the_whole_module(three: Workers, origin: str, cuts: int) -> None:
    problem = world(origin, cuts)
    real = execute(problem, in_turn(problem), three, keep_outputs=True)
    assert len(real.outputs) == 3
    assert apart(problem, real) == 0.0
    answers = [next(iter(real.outputs[r, f"stage{cuts + 1}"].values())) for r in range(3)]
    assert not np.array_equal(answers[0], answers[1])  # inputs of their own


@pytest.mark.slow
def test_a_residual_network_answers_as_the_whole_one(three: Workers) -> None:
    problem = world(f"{EXAMPLE}:resnet", 4, rate=5.0)
    real = execute(problem, in_turn(problem), three, keep_outputs=True)
    assert apart(problem, real) == 0.0


def test_a_difference_is_seen(three: Workers) -> None:
    problem = world(f"{FACTORIES}:skip", 2)
    real = execute(problem, in_turn(problem), three, keep_outputs=True)
    assert apart(problem, real) == 0.0
    (answer,) = real.outputs[1, "stage3"].values()
    answer[1, 3] += 0.5
    assert apart(problem, real) == pytest.approx(0.5)


def test_messages_carry_what_is_taken_and_no_more(three: Workers) -> None:
    # Stage 1 puts out one tensor for two stages; the inputs go to two of three stages.
    problem = world(f"{EXAMPLE}:transformer", 3, requests=2)
    allocation = in_turn(problem)
    real = execute(problem, allocation, three)
    node, _, _ = allocation.arrays(problem)
    sent = np.zeros(problem.n_tasks)
    heads = np.zeros(problem.n_tasks)
    names = list(problem.task_names)
    graph = problem.streams[0].graph
    for edge in graph.edges:
        a, b = (
            names.index(f"s/{edge.src}" if f"s/{edge.src}" in names else edge.src),
            names.index(f"s/{edge.dst}" if f"s/{edge.dst}" in names else edge.dst),
        )
        if node[a] != node[b]:
            sent[a] += edge.bytes
            heads[a] += HEAD_BYTES
    assert real.trace.observed is not None
    for measured in real.trace.observed["bytes_sent"]:
        assert (measured >= sent).all() and (measured <= sent + heads).all()


@pytest.mark.slow
def test_a_dead_workers_stages_are_taken_over(three: Workers) -> None:
    problem = world(f"{EXAMPLE}:transformer", 5, requests=20)
    done: list[int] = []

    def watch(clerk: Clerk) -> None:
        if not done and time.monotonic() > clerk.zero + 0.15:
            done.append(1)
            os.kill(three.pid(1), signal.SIGKILL)

    real = execute(problem, in_turn(problem), three, keep_outputs=True, tolerate_failures=True,
                   watch=watch)  # fmt: skip
    assert len(real.outputs) == 20 and len(real.facts["failures"]) == 1
    plan = make_plan(problem, in_turn(problem), draw(problem, 0))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        assert furthest_from_whole(plan, real.outputs) == 0.0
    finally:
        torch.set_num_threads(threads)


def test_a_worker_refuses_another_module(three: Workers, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    text = "import torch\ndef f():\n    return torch.nn.Linear({0}, 4), torch.randn(2, {0})\n"
    file.write_text(text.format(4))
    problem = world(f"{file}:f", 0)
    file.write_text(text.format(44))
    with pytest.raises(WorkerFailed, match="not the module that was planned with"):
        execute(problem, in_turn(problem), three)


def test_stages_can_be_timed() -> None:
    from realrun.devices import parse_workers
    from realrun.worker.context import Context

    threads = torch.get_num_threads()
    try:
        context = Context(parse_workers("cpu:1")[0], 0)
        for task in module_graph(f"{FACTORIES}:turned", 3).tasks:
            reference = str(task.variants[0].module)
            made = runner(context, reference, 1)()
            assert made and parse_stage(reference).stages == 4
    finally:
        torch.set_num_threads(threads)
