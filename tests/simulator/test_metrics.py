"""Every metric on runs worked out by hand, and ``docs/metrics.md`` beside the code."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from simulator import (
    Allocation,
    Arrivals,
    Cluster,
    Dynamics,
    Edge,
    Join,
    Node,
    Objective,
    Outage,
    Problem,
    Realisation,
    Stream,
    Task,
    TaskGraph,
    Trace,
    Variant,
    simulate,
)
from simulator.check import assert_valid
from simulator.metrics import LINK_UNITS, NODE_UNITS, RUN_UNITS, STREAM_UNITS, Metrics

DOC = Path(__file__).resolve().parent.parent.parent / "docs" / "metrics.md"


def task(name: str, seconds: float, join: Join | None = None, **more: object) -> Task:
    variant = Variant("m", seconds={"*": seconds}, **more)  # type: ignore[arg-type]
    return Task(name, (variant,), join or Join())


def run(problem: Problem, node: list[int]) -> Trace:
    trace = simulate(problem, Allocation.of(problem, node), engine="reference")
    assert_valid(trace)
    return trace


def diamond() -> Trace:
    """s -> x, y -> t; s, x, t on `a`, y on `b`, which is twice as fast.

    s runs over [0, 2), x over [2, 6). 15 bytes to b take 0.5 + 1.5 s: y runs over [4, 7). 5 bytes
    back take 0.5 + 0.5 s: t runs over [8, 10).
    """
    nodes = [
        Node("a", idle_watts=10.0, busy_watts=30.0, price_per_hour=3.6),
        Node("b", speed=2.0, idle_watts=5.0, busy_watts=25.0, price_per_hour=7.2),
    ]
    graph = TaskGraph(
        (
            task("s", 2.0, weights_bytes=100.0, activation_bytes=10.0, accuracy=0.9),
            task("x", 4.0, weights_bytes=200.0, activation_bytes=20.0, sharing_group="g"),
            task("y", 6.0, weights_bytes=300.0, activation_bytes=30.0, accuracy=0.8),
            task("t", 2.0, weights_bytes=200.0, activation_bytes=40.0, sharing_group="g"),
        ),
        (Edge("s", "x", 10.0), Edge("s", "y", 15.0), Edge("x", "t", 20.0), Edge("y", "t", 5.0)),
        accuracy_rule="product",
    )
    problem = Problem(Cluster.mesh("c", nodes, 10.0, 0.5), (Stream("only", graph),))
    return run(problem, [0, 0, 1, 0])


def test_one_request() -> None:
    trace = diamond()
    expected = {
        "objective": 10.0,
        "makespan": 10.0,
        "idle_at": 10.0,
        "requests": 1,
        "completed": 1,
        "lost": 0,
        "mean_latency": 10.0,
        "latency_compute": 2 + 3 + 2,  # s, y, t
        "latency_transfer": 2 + 1,
        "latency_slot_wait": 0.0,
        "latency_join_wait": 0.0,
        "utilisation": (8 + 3) / 20,
        "jain_index": 11**2 / (2 * (8**2 + 3**2)),
        "balance": 8 / 5.5,
        "compute_time": 11.0,
        "transfer_time": 3.0,
        "slot_wait_time": 0.0,
        "join_wait_time": 8 - 6,  # t has x's output at 6, y's at 8
        "communication_share": 3 / 14,
        "critical_communication_share": 3 / 10,
        "bytes_moved": 20.0,
        "max_link_utilisation": 15 / (10 * 10),
        "energy": (8 * 30 + 2 * 10) + (3 * 25 + 7 * 5),
        "cost": (0.001 + 0.002) * 10,
        "cost_busy": 0.001 * 8 + 0.002 * 3,
        "peak_memory": 365.0,
        "accuracy": 0.9 * 0.8,
        "slr": 10 / (1 + 3 + 1),  # s, y, t on b
        "speedup": (1 + 2 + 3 + 1) / 10,  # everything on b
        "efficiency": 0.35,
    }
    assert dict(trace.metrics()) == pytest.approx(expected, rel=1e-12)


def test_nodes_and_links() -> None:
    """Memory of a: over [8, 10) 20 + 5 bytes of inputs and 40 of t, beside 100 + 200 of weights.

    Of b: over [4, 7) 15 bytes of input and 30 of y, beside 300.
    """
    metrics = diamond().metrics()
    assert metrics.by_node["a"] == pytest.approx(
        {"utilisation": 0.8, "busy_time": 8, "executions": 3, "energy": 260, "cost": 0.01,
         "cost_busy": 0.008, "weights": 300, "peak_memory": 365}
    )  # fmt: skip
    assert metrics.by_node["b"] == pytest.approx(
        {"utilisation": 0.3, "busy_time": 3, "executions": 1, "energy": 110, "cost": 0.02,
         "cost_busy": 0.006, "weights": 300, "peak_memory": 345}
    )  # fmt: skip
    assert metrics.by_link["a->b"] == pytest.approx(
        {"utilisation": 0.15, "bytes": 15, "messages": 1}
    )
    assert metrics.by_link["b->a"]["utilisation"] == pytest.approx(0.05)
    assert metrics.by_stream == {} and metrics.by_class == {}


def test_critical_path_of_one_request() -> None:
    pieces = [(s.kind, s.name, s.start, s.finish) for s in diamond().metrics().critical_path]
    assert pieces == [
        ("compute", "s", 0, 2), ("transfer", "s -> y", 2, 4), ("compute", "y", 4, 7),
        ("transfer", "y -> t", 7, 8), ("compute", "t", 8, 10),
    ]  # fmt: skip


def test_critical_path_passes_through_a_slot() -> None:
    """Two tasks of 2 and 3 s without edges share a slot: the second waits for the first."""
    graph = TaskGraph((task("p", 2.0), task("q", 3.0)))
    problem = Problem(Cluster("c", (Node("a"),)), (Stream("s", graph),))
    trace = run(problem, [0, 0])
    assert [(s.kind, s.name, s.seconds) for s in trace.critical_path()] == [
        ("compute", "p", 2.0), ("compute", "q", 3.0),
    ]  # fmt: skip
    assert trace.metrics().latency_slot_wait == 2.0


def two_streams() -> Trace:
    """Camera: detect (1 s on a) -> plan (2 s on b), one byte in between; background: 2 s on a.

    Camera requests arrive at 0, 1, 2 and go first: a runs detect over [0, 1), [1, 2), [2, 3), then
    the background over [3, 5). Frames reach b at 2, 3, 4; plans run over [2, 4), [4, 6), [6, 8).
    Latencies 4, 5, 6 and 5.
    """
    nodes = [Node("a", idle_watts=0.0, busy_watts=8.0), Node("b")]
    camera = TaskGraph(
        (task("detect", 1.0, accuracy=0.5), task("plan", 2.0)),
        (Edge("detect", "plan", 1.0),), accuracy_rule="min",
    )  # fmt: skip
    streams = (
        Stream("camera", camera, Arrivals("constant", rate=1.0), requests=3, deadline_s=5.0),
        Stream("background", TaskGraph((task("work", 2.0),)), class_=1, weight=3.0),
    )
    problem = Problem(Cluster.mesh("c", nodes, 1.0), streams, objective=Objective.parse(
        {"mean_latency": 1.0, "makespan": 2.0}))  # fmt: skip
    return run(problem, [0, 1, 0])


def test_stream() -> None:
    trace = two_streams()
    metrics = trace.metrics()
    expected = {
        "objective": 5.0 + 2 * 8.0,
        "makespan": 8.0,
        "requests": 4,
        "completed": 4,
        "lost": 0,
        "mean_latency": (4 + 5 + 6 + 3 * 5) / 6,
        "p50_latency": 5.0,
        "p95_latency": 5 + 0.85,
        "p99_latency": 5 + 0.97,
        "max_latency": 6.0,
        "latency_compute": (3 * 3 + 2) / 4,
        "latency_transfer": 3 / 4,
        "latency_slot_wait": (0 + 1 + 2 + 3) / 4,
        "latency_join_wait": 0.0,
        "throughput": 4 / 8,
        "slo_attainment": 2 / 3,
        "goodput": 2 / 8,
        "slot_wait_time": 6.0,
        "energy": 5 * 8.0,
        "energy_per_request": 10.0,
    }
    assert {k: metrics[k] for k in expected} == pytest.approx(expected, rel=1e-12)
    for absent in ("slr", "speedup", "accuracy", "cost", "critical_communication_share"):
        assert absent not in metrics
    camera, background = metrics.by_stream["camera"], metrics.by_stream["background"]
    assert dict(camera) == pytest.approx(
        {"makespan": 8, "requests": 3, "completed": 3, "lost": 0, "mean_latency": 5,
         "p50_latency": 5, "p95_latency": 5.9, "p99_latency": 5.98, "max_latency": 6,
         "latency_compute": 3, "latency_transfer": 1, "latency_slot_wait": 1,
         "latency_join_wait": 0, "throughput": 3 / 8, "slo_attainment": 2 / 3, "goodput": 0.25,
         "accuracy": 0.5}
    )  # fmt: skip
    assert dict(background) == pytest.approx(
        {"makespan": 5, "requests": 1, "completed": 1, "lost": 0, "mean_latency": 5,
         "latency_compute": 2, "latency_transfer": 0, "latency_slot_wait": 3,
         "latency_join_wait": 0}
    )  # fmt: skip
    assert metrics.by_class["0"] == camera and metrics.by_class["1"] == background


def test_outage() -> None:
    """2 s of work, the node is down over [1, 3): runs over [0, 1) in vain, then over [3, 5)."""
    problem = Problem(
        Cluster("c", (Node("a"),)), (Stream("s", TaskGraph((task("t", 2.0),))),),
        dynamics=Dynamics((Outage("a", 1.0, 3.0),)),
    )  # fmt: skip
    metrics = run(problem, [0]).metrics()
    assert metrics.compute_time == 3.0
    assert metrics.interrupted_time == 1.0
    assert metrics.slot_wait_time == 2.0
    assert metrics.latency_slot_wait == 3.0
    assert metrics.latency_compute == 2.0
    assert "balance" not in metrics and "bytes_moved" not in metrics


def test_late_inputs() -> None:
    """A join takes the first of two inputs at 1; the other takes 3 s and 2 bytes until 5."""
    graph = TaskGraph(
        (task("p", 1.0), task("q", 3.0), task("t", 1.0, Join(need=1))),
        (Edge("p", "t", 7.0), Edge("q", "t", 2.0)),
    )
    problem = Problem(Cluster.mesh("c", [Node("a"), Node("b")], 1.0), (Stream("s", graph),))
    metrics = run(problem, [0, 1, 0]).metrics()
    assert (metrics.makespan, metrics.idle_at) == (2.0, 5.0)
    assert (metrics.discarded_time, metrics.discarded_bytes) == (3.0, 2.0)
    assert metrics.utilisation == (2 + 3) / (2 * 5)
    assert metrics.join_wait_time == 0.0


def test_join_deadline() -> None:
    """One input comes at 1, the other at 4; at its deadline, 2, the join goes ahead with one."""
    graph = TaskGraph(
        (task("p", 1.0), task("q", 4.0), task("t", 1.0, Join(deadline_s=2.0))),
        (Edge("p", "t", 0.0), Edge("q", "t", 0.0)),
    )
    problem = Problem(Cluster.mesh("c", [Node("a"), Node("b")], 1.0), (Stream("s", graph),))
    metrics = run(problem, [0, 1, 0]).metrics()
    assert metrics.makespan == 3.0
    assert (metrics.latency_compute, metrics.latency_join_wait) == (2.0, 1.0)


def test_lost_requests() -> None:
    """Requests of 1 s at 0, 1, 2 on a node that is down for ever from 2: the third is lost."""
    stream = Stream("s", TaskGraph((task("t", 1.0),)), Arrivals("constant", rate=1.0), requests=3,
                    deadline_s=9.0)  # fmt: skip
    problem = Problem(Cluster("c", (Node("a"),)), (stream,), dynamics=Dynamics((Outage("a", 2.0),)))
    metrics = run(problem, [0]).metrics()
    assert (metrics.requests, metrics.completed, metrics.lost) == (3, 2, 1)
    assert metrics.slo_attainment == 2 / 3
    assert metrics.throughput == 2 / 2
    assert "objective" not in metrics, "a lost request without a penalty is infinitely bad"


def test_a_run_in_which_nothing_completes_has_no_times() -> None:
    problem = Problem(
        Cluster("c", (Node("a", idle_watts=1.0, price_per_hour=1.0),)),
        (Stream("s", TaskGraph((task("t", 1.0),))),),
        dynamics=Dynamics((Outage("a", 0.0),)),
    )
    metrics = run(problem, [0]).metrics()
    for absent in ("makespan", "mean_latency", "energy", "cost", "slr", "utilisation", "idle_at"):
        assert absent not in metrics
    assert metrics.lost == 1 and metrics.critical_path == ()


def test_latency_parts_sum_to_the_latency() -> None:
    metrics = two_streams().metrics()
    parts = sum(v for k, v in metrics.items() if k.startswith("latency_"))
    assert parts == pytest.approx((4 + 5 + 6 + 5) / 4)


def test_metrics_that_are_objectives_agree_with_them() -> None:
    for trace in (diamond(), two_streams()):
        problem, log, metrics = trace.problem, trace.log, trace.metrics()
        for name in ("makespan", "mean_latency", "p95_latency", "energy", "cost_busy", "balance"):
            value = Objective.parse(name).values(
                problem, trace.realisation.stream, log.arrival, log.completed[None],
                trace.record.busy_s[None],
            )[0]  # fmt: skip
            if name in metrics:
                assert metrics[name] == value
        assert problem.objective_of(trace.allocation) == pytest.approx(metrics["objective"])


def test_a_metric_without_meaning_says_so_and_a_misspelt_one_is_suggested() -> None:
    metrics = diamond().metrics()
    with pytest.raises(AttributeError, match="p99_latency has no meaning in this run"):
        _ = metrics.p99_latency
    with pytest.raises(KeyError, match="did you mean 'makespan'"):
        _ = metrics["makspan"]
    with pytest.raises(TypeError):
        metrics.values_["makespan"] = 1.0  # type: ignore[index]


def test_metrics_print_with_units_and_turn_into_json() -> None:
    metrics = diamond().metrics()
    assert re.search(r"^makespan +10.0 s$", repr(metrics), flags=re.M)
    assert "370 J</td>" in metrics._repr_html_()
    data = json.loads(json.dumps(metrics.to_dict(), allow_nan=False))
    assert data["by_node"]["a"]["peak_memory"] == 365
    assert Metrics({}).to_dict() == {} and repr(Metrics({})) == ""


# ----- the page -----------------------------------------------------------------------------
def rows(section: str) -> dict[str, tuple[str, str]]:
    """Metric -> (unit, test) of one section of the page."""
    text = DOC.read_text(encoding="utf-8")
    body = re.split(r"^## ", text.split(f"\n## {section}\n", 1)[1], flags=re.M)[0]
    found: dict[str, tuple[str, str]] = {}
    for line in body.splitlines():
        cells = [c.strip() for c in re.split(r"(?<!\\)\|", line)[1:-1]]
        if cells and (name := re.fullmatch(r"`(\w+)`", cells[0])):
            assert name[1] not in found, f"{name[1]} is defined twice"
            found[name[1]] = (cells[1], cells[-1].strip("`"))
    return found


@pytest.mark.parametrize(
    ("section", "units"),
    [
        ("A run", RUN_UNITS),
        ("A stream or a class", STREAM_UNITS),
        ("A node", NODE_UNITS),
        ("A link", LINK_UNITS),
    ],
)
def test_the_page_defines_every_metric_and_no_other(section: str, units: dict[str, str]) -> None:
    page = rows(section)
    assert list(page) == list(units)
    for name, (unit, test) in page.items():
        assert unit == units[name], name
        assert callable(globals().get(test)), f"{name}: there is no {test}"


def test_every_metric_appears_in_some_run_here() -> None:
    """No name is listed that nothing ever computes."""
    outage = Problem(
        Cluster("c", (Node("a"),)), (Stream("s", TaskGraph((task("t", 1.0),))),),
        dynamics=Dynamics((Outage("a", 5.0, 6.0),)),
    )  # fmt: skip
    late = TaskGraph((task("p", 1.0), task("t", 1.0, Join(need=1))), (Edge("p", "t", 1.0),))
    joined = Problem(Cluster("c", (Node("a"),)), (Stream("s", late),))
    seen: set[str] = set()
    for trace in (diamond(), two_streams(), run(outage, [0]), run(joined, [0, 0])):
        metrics = trace.metrics()
        seen |= set(metrics)
        assert all(np.isfinite(v) for v in metrics.values())
    assert seen == set(RUN_UNITS)


def test_factors_of_the_request_scale_the_reference_lengths() -> None:
    """All work doubled doubles the makespan on one node, and SLR and speed-up stay 1."""
    graph = TaskGraph((task("p", 1.0), task("q", 2.0)))
    problem = Problem(Cluster("c", (Node("a"),)), (Stream("s", graph),))
    luck = Realisation(np.zeros(1), np.zeros(1, np.int64), task_factor=np.full((1, 2), 2.0))
    trace = simulate(problem, Allocation.of(problem, [0, 0]), "reference", realisation=luck)
    metrics = trace.metrics()
    assert (metrics.makespan, metrics.speedup, metrics.slr) == (6.0, 1.0, 6.0 / 4.0)
