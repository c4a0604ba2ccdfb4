"""Which resource saturates first, by hand; what is shown and written."""

from __future__ import annotations

import json
import sys

import pytest

import scenarios
from scenarios import cli
from scenarios.explain import explain
from schedulers import solve
from simulator import (
    Allocation,
    Arrivals,
    Cluster,
    Edge,
    Node,
    Objective,
    Problem,
    Stream,
    Task,
    TaskGraph,
    Variant,
)


def stream() -> Problem:
    """Every second a request: x 0.25 s on a, 0.5 bytes to b at 1 byte/s, y 0.4 s on b (2 slots)."""
    tasks = tuple(Task(n, (Variant("m", seconds={"*": s}),)) for n, s in (("x", 0.25), ("y", 0.4)))
    graph = TaskGraph(tasks, (Edge("x", "y", bytes=0.5),))
    cluster = Cluster.mesh("c", (Node("a"), Node("b", slots=2)), 1.0)
    load = Stream("s", graph, Arrivals("constant", rate=1.0), requests=50)
    return Problem(cluster, (load,), network="fair", objective=Objective.parse("p99_latency"))


def test_load_by_hand() -> None:
    told = explain(stream(), Allocation.of(stream(), [0, 1]))
    found = {r.name: (r.load, r.demand_s, r.tasks) for r in told.resources}
    assert found["a->b"] == (pytest.approx(0.5), pytest.approx(0.5), ("x -> y",))
    assert found["a"] == (pytest.approx(0.25), pytest.approx(0.25), ("x",))
    assert found["b"] == (pytest.approx(0.2), pytest.approx(0.4), ("y",))
    neck = told.bottleneck
    assert neck is not None
    assert (neck.kind, neck.name, neck.headroom) == ("link", "a->b", pytest.approx(2.0))
    assert [f.bottleneck for f in told.tasks] == ["link a->b"] * 2
    assert "link a->b saturates first: 50 % loaded, so the load can grow 2 times." in told.summary()


def test_overload_is_told() -> None:
    """Four times the rate: 2 seconds of messages a second."""
    from dataclasses import replace

    problem = stream()
    fast = replace(problem.streams[0], arrivals=Arrivals("constant", rate=4.0))
    problem = replace(problem, streams=(fast,))
    told = explain(problem, Allocation.of(problem, [0, 1]))
    assert told.resources[0].load == pytest.approx(2.0)
    assert any("more than it can sustain" in line for line in told.summary())


def test_the_ideal_network_has_no_load() -> None:
    from dataclasses import replace

    problem = replace(stream(), network="ideal")
    told = explain(problem, Allocation.of(problem, [0, 1]))
    assert {r.kind for r in told.resources} == {"node"}


def test_slowest_requests_are_those_at_the_quantile() -> None:
    problem = scenarios.load("translation").problem()
    told = explain(problem, solve("heft", problem).allocation)
    everyone, tail = told.samples
    assert (everyone.label, tail.label) == ("all requests", "slowest 1 %")
    assert (everyone.requests, tail.requests) == (1000, 10)
    assert everyone.total == pytest.approx(told.trace.metrics()["mean_latency"], rel=1e-12)
    assert tail.total >= told.objective
    for sample in told.samples:
        assert sum(sample.parts) == pytest.approx(sample.total, rel=1e-12)


def test_repr_html_and_json() -> None:
    told = explain(stream(), Allocation.of(stream(), [0, 1]))
    assert repr(told).splitlines() == told.summary()
    page = told._repr_html_()
    assert page.count("<tr>") == 3 and "x sits on a" in page
    data = json.loads(json.dumps(told.to_dict(), default=float))
    assert [t["task"] for t in data["tasks"]] == ["x", "y"]
    assert data["breakdown"][0]["latency"] == pytest.approx(
        sum(data["breakdown"][0]["parts"].values())
    )


def test_names_are_escaped() -> None:
    odd = "<script>"
    problem = Problem(
        Cluster("c", (Node(f"n{odd}"),)),
        (Stream("s", TaskGraph((Task(f"x{odd}", (Variant(odd, seconds={"*": 1.0}),)),))),),
    )
    told = explain(problem, Allocation.of(problem, [0]))
    assert odd in repr(told)
    assert odd not in told._repr_html_()
    assert "There is no other node." in told.sentence(f"x{odd}")


@pytest.fixture
def run(monkeypatch, capsys):
    def call(*args):
        monkeypatch.setattr(sys, "argv", ["alloclab", *map(str, args)])
        try:
            cli.main()
            code = 0
        except SystemExit as stop:
            code = stop.code or 0
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_command(run, tmp_path) -> None:
    target = tmp_path / "out"
    code, out, _ = run("explain", "translation", "--requests", 60, "-o", target)
    assert code == 0
    for words in ("translate sits on", "Where the latency goes", "if one task moves", "saturates"):
        assert words in out
    names = {p.name for p in target.iterdir()}
    assert names == {"summary.txt", "explain.json", "moves.csv", "breakdown.csv", "moves.png",
                     "totals-tasks.csv", "totals-nodes.csv", "manifest.json"}  # fmt: skip
    data = json.loads(run("explain", "translation", "--requests", 60, "--json")[1])
    written = json.loads((target / "explain.json").read_text())
    assert data["moves"] == written["moves"]
    assert data["allocated_by"] == "heft"


def test_command_with_an_allocation_and_bad_input(run, tmp_path) -> None:
    problem = scenarios.load("translation").problem()
    file = tmp_path / "mine.json"
    solve("round_robin", problem).allocation.save(file)
    code, out, _ = run("explain", "translation", "-a", file, "--requests", 30, "-t", "extract")
    assert code == 0
    assert "extract sits on" in out and "translate sits on" not in out
    code, _, err = run("explain", "translation", "-t", "extrakt", "--requests", 30)
    assert code == 2
    assert "did you mean 'extract'" in err
    assert run("explain", "translation", "-a", file, "-s", "heft")[0] == 2
