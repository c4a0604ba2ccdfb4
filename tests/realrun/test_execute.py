"""Real runs obey the rules of simulated time, and compute what one process would compute."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from realrun.composing import composed
from realrun.devices import parse_workers, workers_cluster
from realrun.execute import RealRun, execute
from realrun.plan import make_plan
from realrun.pool import Workers
from scenarios import load
from simulator.allocation import Allocation
from simulator.check import check_trace
from simulator.engines import simulate
from simulator.luck import draw
from simulator.problem import Problem
from simulator.runlog import CANCELLED, FINISHED, SKIPPED, RunLog
from simulator.taskgraph import Edge, Join, TaskGraph
from simulator.workload import Arrivals, Stream
from tests.realrun.worlds import THREE, edges, own, problem, task

GENEROUS_S = 0.25
"""No real overhead comes near it, and no duration below is as short where order matters."""


def both(world: Problem, nodes: list[int], workers: Workers, **options) -> tuple[RealRun, RealRun]:
    """The emulated run and the simulation of the same luck, in the same clothes."""
    allocation = Allocation.of(world, nodes)
    real = execute(world, allocation, workers, emulate=True, keep_outputs=True, **options)
    simulated = simulate(world, allocation, realisation=draw(world, options.get("seed", 0)))
    return real, RealRun(simulated)


def agree(real: RealRun, simulated: RealRun) -> None:
    """States and used inputs are the same; nothing breaks a rule by more than a real overhead."""
    mine, theirs = real.trace.log, simulated.trace.log
    assert np.array_equal(mine.state, theirs.state)
    assert np.array_equal(mine.used, theirs.used)
    assert not check_trace(real.trace, slack_s=GENEROUS_S)


def test_a_chain_over_three_workers(three: Workers) -> None:
    world = problem([task(x, 0.01, 1000) for x in "abc"], edges("a>b b>c"), requests=3)
    real, simulated = both(world, [0, 1, 2], three)
    agree(real, simulated)
    log = real.trace.log
    assert (log.start[:, 1] >= log.finish[:, 0]).all()
    assert (log.start[:, 2] >= log.finish[:, 1]).all()
    assert len(real.outputs) == 3


@pytest.mark.parametrize("late", ["keep", "cancel"])
def test_a_quorum_takes_the_first_and_discards_the_rest(three: Workers, late: str) -> None:
    # b is busy with `long` until 0.6 s, so that `slow` has not begun when the quorum is there.
    tasks = [task("x"), task("long", 0.6), task("fast", 0.02), task("mid", 0.1), task("slow", 0.1),
             task("join", 0.01, join=Join(need=2, late=late)), task("end", 0.7)]  # fmt: skip
    graph = [*edges("x>long x>fast x>mid x>slow fast>join mid>join slow>join x>end"),
             Edge("long", "end")]  # fmt: skip
    world = problem(tasks, graph)
    real, simulated = both(world, [0, 1, 0, 2, 1, 0, 2], three)
    agree(real, simulated)
    slow = world.task_names.index("slow")
    assert real.trace.log.state[0, slow] == (CANCELLED if late == "cancel" else FINISHED)


def test_a_busy_worker_keeps_to_the_order_of_what_came(three: Workers) -> None:
    """What came while it computed came before its own output, which is there first."""
    tasks = [task("own", 0.5), task("one", 0.1), task("two", 0.25),
             task("join", 0.01, join=Join(need=2))]  # fmt: skip
    world = problem(tasks, edges("own>join one>join two>join"))
    real, simulated = both(world, [0, 1, 2, 0], three)
    agree(real, simulated)
    assert real.trace.log.used[0].tolist() == [0, 1, 1]
    assert real.trace.log.ready[0, 3] < 0.45


def test_a_deadline_that_passes_while_a_worker_is_busy_passed_then(three: Workers) -> None:
    tasks = [task("own", 0.6), task("one", 0.05), task("two", 0.4),
             task("join", 0.01, join=Join(deadline_s=0.2))]  # fmt: skip
    world = problem(tasks, edges("one>join two>join"))
    real, simulated = both(world, [0, 1, 2, 0], three)
    agree(real, simulated)
    assert real.trace.log.used[0].tolist() == [1, 0]
    assert 0.2 <= real.trace.log.ready[0, 3] < 0.35


def test_a_cancelled_task_gives_its_inputs_back(three: Workers) -> None:
    """`slow` has its input when the join closes without it; 200 times 1 MB would be noticed."""
    tasks = [task("x", output=1e6), task("fast"), task("slow", 0.05),
             task("join", join=Join(need=1, late="cancel"))]  # fmt: skip
    graph = edges("x>fast x>slow fast>join slow>join")
    world = problem(tasks, graph, 200, Arrivals("constant", rate=200.0))
    assert three.transport is not None
    before = three.transport.occupied(0)
    real = execute(world, Allocation.of(world, [0, 1, 2, 1]), three, emulate=True)
    assert (real.trace.log.state[:, 2] == CANCELLED).sum() >= 150
    assert three.transport.occupied(0) - before < 120e6


def test_a_deadline_closes_a_join(three: Workers) -> None:
    tasks = [task("a", 0.02), task("b", 0.9), task("join", 0.0, join=Join(deadline_s=0.3))]
    world = problem(tasks, edges("a>join b>join"))
    real, simulated = both(world, [0, 1, 2], three)
    agree(real, simulated)
    assert real.trace.log.start[0, 2] >= 0.3
    assert real.trace.log.used[0].tolist() == [1, 0]


def test_branches_that_are_not_taken_are_skipped(three: Workers) -> None:
    tasks = [task("ask"), task("small", 0.01), task("large", 0.02), task("answer")]
    graph = [Edge("ask", "small", probability=0.5, branch="size"),
             Edge("ask", "large", probability=0.5, branch="size"),
             *edges("small>answer large>answer")]  # fmt: skip
    world = problem(tasks, graph, requests=12)
    real, simulated = both(world, [0, 1, 2, 0], three)
    agree(real, simulated)
    skipped = (real.trace.log.state == SKIPPED).sum(axis=1)
    assert (skipped == 1).all()
    assert len(real.outputs) == 12


def test_lag_feeds_a_later_request(three: Workers) -> None:
    graph = [*edges("a>b"), Edge("b", "a", lag=1)]
    world = problem([task("a", 0.02), task("b", 0.02)], graph, requests=4)
    real, simulated = both(world, [0, 1], three)
    agree(real, simulated)
    assert (real.trace.log.start[1:, 0] >= real.trace.log.finish[:-1, 1]).all()


def test_a_closed_loop_releases_after_completions(three: Workers) -> None:
    loop = Arrivals("closed", clients=2)
    world = problem([task("a", 0.02), task("b", 0.02)], edges("a>b"), 8, loop)
    real = execute(world, Allocation.of(world, [0, 1]), three, emulate=True)
    log = real.trace.log
    assert (log.state == FINISHED).all()
    done = np.sort(log.completed)
    assert (log.arrival[2:] >= done[:-2] - 1e-9).all()


def test_slots_execute_at_the_same_time() -> None:
    specs = parse_workers("wide=cpu:1x2")
    with Workers(specs) as workers:
        cluster = workers_cluster(specs)
        base = problem([task("a", 0.3), task("b", 0.3), task("c", 0.3)], [])
        world = replace(base, cluster=cluster)
        real = execute(world, Allocation.of(world, [0, 0, 0]), workers, emulate=True)
    log = real.trace.log
    assert log.start[0, 1] < log.finish[0, 0] and log.slot[0].tolist()[:2] == [0, 1]
    assert log.start[0, 2] >= min(log.finish[0, 0], log.finish[0, 1])


@pytest.mark.parametrize(("dispatch", "first"), [("strict", ["a", "b"]), ("greedy", ["b", "a"])])
def test_strict_waits_for_its_turn_and_greedy_does_not(
    three: Workers, dispatch: str, first: list[str]
) -> None:
    # `a` comes first in the order of its node, but its input is late.
    world = problem([task("late", 0.4), task("a", 0.05), task("b", 0.05)], edges("late>a"),
                    dispatch=dispatch)  # fmt: skip
    allocation = Allocation.of(world, [0, 1, 1], priority=[0, 1, 2])
    real = execute(world, allocation, three, emulate=True)
    start = real.trace.log.start[0]
    assert [n for _, n in sorted(zip(start[1:], ["a", "b"], strict=True))] == first


@pytest.mark.parametrize(("discipline", "order"), [("fifo", "LMSlms"), ("priority", "LlMmSs"),
                                                    ("edf", "SsMmLl")])  # fmt: skip
def test_disciplines_order_what_waits(three: Workers, discipline: str, order: str) -> None:
    """Three tasks of two requests wait for `busy` to end; their streams have other deadlines."""
    names, deadlines = ("L", "M", "S"), (9.0, 6.0, 3.0)
    base = problem([task("busy", 0.4)], [], discipline=discipline)
    streams = [
        Stream(n, TaskGraph((task(n, 0.02),), ()), Arrivals("trace", times=(0.1, 0.12)),
               requests=2, deadline_s=d)
        for n, d in zip(names, deadlines, strict=True)
    ]  # fmt: skip
    world = replace(base, streams=(*base.streams, *streams))
    allocation = Allocation.of(world, [0] * 4, priority=[0, 1, 2, 3])
    real = execute(world, allocation, three, emulate=True)
    simulated = simulate(world, allocation, realisation=draw(world, 0))

    def sequence(log: RunLog) -> str:
        began = np.argwhere(np.isfinite(log.start))
        began = began[np.argsort(log.start[began[:, 0], began[:, 1]])]
        first = {int(t): int(r) for r, t in began[::-1]}
        shown = [world.task_names[t].rpartition("/")[2] for _, t in began]
        text = [n if first[int(t)] == r else n.lower()
                for n, (r, t) in zip(shown, began, strict=True)]  # fmt: skip
        return "".join(text).removeprefix("busy")

    assert sequence(simulated.log) == sequence(real.trace.log)
    assert not check_trace(real.trace, slack_s=GENEROUS_S)


@pytest.mark.parametrize("network", ["ideal", "fifo"])
def test_emulated_links_take_their_time(three: Workers, network: str) -> None:
    # Two messages of 1 MB over one link of 10 MB/s and 50 ms: 0.15 s each, or one after the other.
    world = problem([task("a", output=1e6), task("b"), task("c")], edges("a>b a>c"),
                    network=network, bandwidth=1e7, latency_s=0.05)  # fmt: skip
    real, simulated = both(world, [0, 1, 1], three)
    agree(real, simulated)
    came = real.trace.log.delivered[0]
    assert came.min() >= 0.15
    assert (came.max() >= 0.25) == (network == "fifo")


def small(name: str) -> Problem:
    """A pipeline of the catalogue with its small models, on the three workers."""
    scenario = load(name)
    streams = []
    for stream in scenario.streams:
        tasks = []
        for t in stream.graph.tasks:
            variants = tuple(
                v if v.module is None
                else replace(v, work=None, seconds={"*": 0.01}, module=_smaller(v.module))
                for v in t.variants[:1]
            )  # fmt: skip
            tasks.append(replace(t, variants=variants, pinned=None))
        graph = replace(stream.graph, tasks=tuple(tasks))
        streams.append(
            replace(stream, graph=graph, requests=2, noise=None, arrivals=Arrivals("once"))
        )
    return replace(
        scenario, streams=tuple(streams), cluster=workers_cluster(THREE), network="ideal",
        dispatch="greedy",
    ).problem()  # fmt: skip


def _smaller(module: str) -> str:
    return module.replace("-large", "-small")


@pytest.mark.parametrize("name", ["translation", "robot", "recommendation", "driving"])
def test_outputs_are_those_of_one_process(three: Workers, name: str) -> None:
    world = small(name)
    nodes = np.random.default_rng(1).integers(3, size=world.n_tasks)
    real = execute(world, Allocation.of(world, nodes), three, keep_outputs=True)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    wanted = composed(make_plan(world, real.trace.allocation, draw(world, 0)), ["fp32"] * 3)
    torch.set_num_threads(threads)
    assert real.outputs.keys() == wanted.keys() and len(wanted) >= 2
    for key, bundle in wanted.items():
        assert bundle.keys() == real.outputs[key].keys()
        for tensor, value in bundle.items():
            assert np.array_equal(value, real.outputs[key][tensor]), (key, tensor)
    assert not check_trace(real.trace, slack_s=30.0)


def test_a_bf16_worker_computes_what_one_process_computes_in_bf16() -> None:
    specs = parse_workers("half=cpu:1@bf16,full=cpu:1")
    base = small("recommendation")
    world = replace(base, cluster=workers_cluster(specs))
    nodes = [i % 2 for i in range(world.n_tasks)]
    with Workers(specs) as workers:
        real = execute(world, Allocation.of(world, nodes), workers, keep_outputs=True)
    plan = make_plan(world, real.trace.allocation, draw(world, 0))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    wanted, precise = composed(plan, ["bf16", "fp32"]), composed(plan, ["fp32", "fp32"])
    torch.set_num_threads(threads)
    assert real.outputs.keys() == wanted.keys()
    differ = 0
    for key, bundle in wanted.items():
        for name, value in bundle.items():
            assert np.array_equal(value, real.outputs[key][name]), (key, name)
            differ += not np.array_equal(value, precise[key][name])
    assert differ  # or the worker would have computed in fp32


def test_composing_follows_work_that_a_failure_moved_to_another_dtype() -> None:
    specs = parse_workers("half=cpu:1@bf16,full=cpu:1")
    world = replace(small("recommendation"), cluster=workers_cluster(specs))
    half, full = (
        make_plan(world, Allocation.of(world, [n] * world.n_tasks), draw(world, 0)) for n in (0, 1)
    )
    dtypes = ["bf16", "fp32"]
    moved = composed(half, dtypes, where=lambda request, task: 1 if request else 0)
    for key, bundle in moved.items():
        wanted = composed(full if key[0] else half, dtypes)[key]
        assert all(np.array_equal(value, wanted[name]) for name, value in bundle.items())
    assert len(moved) > 1


def test_shared_weights_are_loaded_once(three: Workers) -> None:
    world = small("driving")  # fusion and planning of both streams are the same models
    execute(world, Allocation.of(world, [0] * world.n_tasks), three)
    three.ask(0, "inspect")
    weights = three.answer(0)["value"]
    from realrun import models

    model = models.build("planner-small", device="meta")
    assert weights["planner-small"] == sum(p.numel() * 4 for p in model.parameters())


def test_modules_of_ones_own_run(three: Workers) -> None:
    world = problem(
        [own("x", "Source"), own("y", "Source"), own("sum", "Add")], edges("x>sum y>sum"), 2
    )
    real = execute(world, Allocation.of(world, [0, 1, 2]), three, keep_outputs=True)
    wanted = composed(make_plan(world, real.trace.allocation, draw(world, 0)), ["fp32"] * 3)
    for key, bundle in wanted.items():
        assert np.array_equal(bundle["0"], real.outputs[key]["0"])


def test_the_trace_says_what_was_observed(three: Workers) -> None:
    world = problem([task("a", 0.01), task("b", 0.01)], edges("a>b"), 2)
    real = execute(world, Allocation.of(world, [0, 1]), three)
    seen = real.trace.observed
    assert seen is not None
    assert (seen["worker"] == [[0, 1], [0, 1]]).all()
    assert (seen["cpu_s"] >= 0).all() and (seen["compute_wall_s"] >= 0.01).all()
    assert real.trace.engine == "realrun/shared"
    assert real.facts["answered_twice"] == 0 and real.facts["failures"] == []
