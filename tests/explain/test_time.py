"""Where time goes: cases worked out by hand, and sums that must come out on random worlds."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from scenarios.explain import PARTS, explain
from scenarios.explain.chains import chains
from scenarios.explain.totals import TOTALS
from simulator import (
    Allocation,
    Arrivals,
    Cluster,
    Edge,
    Join,
    Node,
    Problem,
    Stream,
    Task,
    TaskGraph,
    Trace,
    Variant,
    simulate,
)
from simulator.critical import PARTS as COARSE
from simulator.critical import latency_parts
from simulator.engines import execute
from simulator.record import Record
from simulator.taskgraph import Work
from tests.simulator.random_runs import random_run

GROUPS = {
    "compute": ("compute", "launch", "dispatch", "sending", "slow-down"),
    "transfer": ("transfer", "link waits", "wake"),
    "slot_wait": ("queueing",),
    "join_wait": ("joins",),
}


def parts_of(problem: Problem, node: list[int], which: int = -1) -> dict[str, float]:
    told = explain(problem, Allocation.of(problem, node))
    found = told.samples[which].by_part()
    assert sum(found.values()) == pytest.approx(told.samples[which].total, rel=1e-12)
    return {name: x for name, x in found.items() if x != 0}


def task(name: str, seconds: float, **more: object) -> Task:
    return Task(name, (Variant("m", seconds={"*": seconds}),), **more)  # type: ignore[arg-type]


def test_every_overhead_by_hand() -> None:
    """x on a: dispatch 0.1, 5 launches of 0.04, roofline max(2, 1) s, sending 0.3 + 0.02 x 10.

    The message of 10 bytes: latency 0.5, 10 / 4 s, wake 0.25. y on b runs for 1 s.
    """
    nodes = (
        Node("a", peak_flops={"fp32": 10.0}, memory_bandwidth=10.0, launch_overhead_s=0.04,
             dispatch_s=0.1, send_s=0.3, send_s_per_byte=0.02),
        Node("b", wake_s=0.25),
    )  # fmt: skip
    work = Work({"other": 20.0}, bytes_touched=10.0, operators=5)
    graph = TaskGraph(
        (Task("x", (Variant("m", work=work),)), task("y", 1.0)), (Edge("x", "y", bytes=10.0),)
    )
    cluster = Cluster.mesh("c", nodes, 4.0, 0.5)
    problem = Problem(cluster, (Stream("s", graph),))
    assert parts_of(problem, [0, 1]) == pytest.approx(
        {"compute": 3.0, "launch": 0.2, "dispatch": 0.1, "sending": 0.5, "transfer": 3.0,
         "wake": 0.25}
    )  # fmt: skip
    told = explain(problem, Allocation.of(problem, [0, 1]))
    assert told.objective == pytest.approx(7.05)
    totals = {row["task"]: row for row in told.by_task}
    assert totals["x"]["launch"] == pytest.approx(0.2)
    assert totals["y"]["transfer"] == pytest.approx(3.0)
    assert totals["y"]["wake"] == 0.25


def test_link_waits_by_hand() -> None:
    """x sends 4 bytes at 1 byte/s to y and z, both on b; under fifo the second waits 4 s.

    z is the second: it arrives at 1 + 8 and runs for 1 s.
    """
    graph = TaskGraph(
        (task("x", 1.0), task("y", 1.0), task("z", 1.0)),
        (Edge("x", "y", bytes=4.0), Edge("x", "z", bytes=4.0)),
    )
    cluster = Cluster.mesh("c", (Node("a"), Node("b")), 1.0)
    problem = Problem(cluster, (Stream("s", graph),), network="fifo")
    found = parts_of(problem, [0, 1, 1])
    assert found == {"compute": 2.0, "transfer": 4.0, "link waits": 4.0}


def test_queueing_of_a_stream_by_hand() -> None:
    """Two requests at 0 of a task of 2 s on one slot: the second queues for 2 s."""
    graph = TaskGraph((task("x", 2.0),))
    stream = Stream("s", graph, Arrivals("once"), requests=2)
    problem = Problem(Cluster("c", (Node("a"),)), (stream,))
    assert parts_of(problem, [0], which=0) == {"compute": 2.0, "queueing": 1.0}
    assert parts_of(problem, [0]) == {"compute": 2.0, "queueing": 2.0}  # the last to complete


def test_slow_down_and_join_deadline_by_hand() -> None:
    """Two tasks side by side take twice as long; a join waits until 5 s for an input of 1 s."""
    graph = TaskGraph((task("x", 2.0), task("y", 2.0)))
    cluster = Cluster("c", (Node("a", slots=2, corun=(1.0, 2.0)),))
    problem = Problem(cluster, (Stream("s", graph),))
    assert parts_of(problem, [0, 0]) == {"compute": 2.0, "slow-down": 2.0}

    join = Join(need=2, deadline_s=5.0)
    graph = TaskGraph(
        (task("x", 1.0), task("y", 9.0), Task("z", (Variant("m", seconds={"*": 1.0}),), join)),
        (Edge("x", "z"), Edge("y", "z", lag=1)),
    )
    problem = Problem(Cluster.mesh("c", (Node("a"), Node("b")), 1.0), (Stream("s", graph),))
    told = explain(problem, Allocation.of(problem, [0, 1, 0]))
    assert sum(told.samples[-1].parts) == pytest.approx(told.objective)


def test_a_task_that_holds_the_slot_is_on_the_critical_path() -> None:
    """x (3 s) and y (2 s) on one slot, no edges: the path is x, then y, and nothing waits."""
    problem = Problem(
        Cluster("c", (Node("a"),)), (Stream("s", TaskGraph((task("x", 3.0), task("y", 2.0)))),)
    )
    told = explain(problem, Allocation.of(problem, [0, 0]))
    assert [(s.kind, s.name) for s in told.path] == [("compute", "x"), ("compute", "y")]
    assert [(f.critical, f.seconds) for f in told.tasks] == [(True, 3.0), (True, 2.0)]


def test_input_wait_is_the_price_of_a_join() -> None:
    """x takes 1 s and y 4 s on nodes of their own; z waits 3 s for the second of its inputs."""
    graph = TaskGraph(
        (task("x", 1.0), task("y", 4.0), task("z", 1.0)),
        (Edge("x", "z", bytes=0.0), Edge("y", "z", bytes=0.0)),
    )
    problem = Problem(Cluster.mesh("c", (Node("a"), Node("b")), 1.0), (Stream("s", graph),))
    told = explain(problem, Allocation.of(problem, [0, 1, 0]))
    assert {r["task"]: r["input wait"] for r in told.by_task} == {"x": 0.0, "y": 0.0, "z": 3.0}
    assert [f.critical for f in told.tasks] == [False, True, True]


@pytest.mark.parametrize("seed", range(150))
def test_parts_sum_to_the_latency_and_refine_the_coarse_ones(seed: int) -> None:
    trace = bare_trace(seed)
    log, found = trace.log, chains(trace)
    latency = log.completed - log.arrival
    done = np.isfinite(latency)
    scale = 1e-12 * max(1.0, float(np.nanmax(np.abs(log.completed), initial=0.0)))
    assert (np.isnan(found.parts).all(axis=1) == ~done).all()
    np.testing.assert_allclose(found.parts[done].sum(axis=1), latency[done], rtol=0, atol=scale)
    assert (found.parts[done] >= -scale).all() or has_speed_ups(trace)
    if len(latency) > 1:
        names = list(PARTS)
        coarse = latency_parts(trace.record)
        for i, name in enumerate(COARSE):
            mine = found.parts[:, [names.index(p) for p in GROUPS[name]]].sum(axis=1)
            np.testing.assert_allclose(mine[done], coarse[done, i], rtol=0, atol=scale)
        spent = found.task.sum(axis=1) + found.edge.sum(axis=1)
        assert (spent[done] <= latency[done] + scale).all()


def has_speed_ups(trace: Trace) -> bool:
    """Factors below 1 make the part "slow-down" negative."""
    luck = trace.realisation
    return bool((luck.slow_factor < 1).any() or (trace.record.arrays.corun < 1).any())


def bare_trace(seed: int) -> Trace:
    """A run of a random world, with a problem that knows names only."""
    arrays, node, variant, priority, luck = random_run(seed)
    log = execute(arrays, node, variant, priority, luck)
    one = SimpleNamespace(work=None)
    problem = SimpleNamespace(
        arrays=arrays,
        n_tasks=arrays.n_tasks,
        tasks=[SimpleNamespace(variants=[one] * arrays.n_variants)] * arrays.n_tasks,
        task_names=[f"t{t}" for t in range(arrays.n_tasks)],
        task_index={f"t{t}": t for t in range(arrays.n_tasks)},
        node_names=[f"n{n}" for n in range(arrays.n_nodes)],
        link_names=[f"l{i}" for i in range(arrays.n_links)],
    )
    trace = Trace(problem, None, luck, log, "kernel")  # type: ignore[arg-type]
    trace.__dict__["record"] = Record(arrays, node, variant, priority, luck, log)
    trace.__dict__["edge_names"] = tuple(f"e{e}" for e in range(arrays.n_edges))
    return trace


def test_totals_are_the_busy_times() -> None:
    import scenarios

    problem = scenarios.load("driving").problem()
    told = explain(problem, Allocation.of(problem, problem.allowed.any(axis=1).argmax(axis=1)))
    holds = ("compute", "launch", "dispatch", "sending", "slow-down", "lost work")
    for n, row in enumerate(told.by_node):
        busy = sum(row[name] for name in holds)
        assert busy == pytest.approx(told.trace.record.busy_s[n], rel=1e-9, abs=1e-12)
    assert set(holds) < set(TOTALS)
    metrics = told.trace.metrics()
    assert sum(r["input wait"] for r in told.by_task) == pytest.approx(metrics["join_wait_time"])
    assert sum(r["queueing"] for r in told.by_task) == pytest.approx(metrics["slot_wait_time"])
    moving = ("transfer", "link waits", "wake")
    assert sum(r[k] for r in told.by_task for k in moving) == pytest.approx(
        metrics.get("transfer_time", 0.0), abs=1e-9
    )


def test_the_run_is_the_one_that_simulate_gives() -> None:
    import scenarios

    problem = scenarios.load("translation").problem()
    allocation = Allocation.of(problem, problem.allowed.any(axis=1).argmax(axis=1))
    told = explain(problem, allocation, seed=3)
    again = simulate(problem, allocation, seed=3)
    assert told.objective == again.metrics()["objective"]
    assert told.trace.log.first_difference(again.log) is None
