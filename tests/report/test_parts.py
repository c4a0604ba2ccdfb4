"""Aggregates, layouts and windows on cases worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios import load
from scenarios.override import override
from scenarios.report.aggregate import (
    RATIO,
    factors_of,
    front_of,
    levels_charts,
    overview,
    with_ratio,
)
from scenarios.report.draw_cluster import cluster_svg, connections
from scenarios.report.draw_graph import layered, ordered
from scenarios.report.intervals import panel
from scenarios.report.timelines import occupancy
from simulator.charts.bars import Bars
from simulator.cluster import Cluster, Link, Node
from simulator.engines import simulate
from simulator.trace import Trace


def frame() -> pd.DataFrame:
    """Two instances; a is best on the first, b on the second by a factor of 4."""
    rows = [("i", "a", 1, 1.0, 0.1), ("i", "b", 1, 2.0, 0.2), ("j", "a", 2, 8.0, 0.1),
            ("j", "b", 2, 2.0, 0.2), ("j", "c", 2, math.inf, 0.3)]  # fmt: skip
    out = pd.DataFrame(
        rows, columns=["instance", "scheduler", "param.x", "objective", "cpu_seconds"]
    )
    return out.assign(seed=0, scenario="s", family="f", gap=np.nan, makespan=out["objective"])


def test_ratios_to_the_best_of_the_same_instance() -> None:
    good = with_ratio(frame())
    assert good[RATIO].tolist() == [1.0, 2.0, 4.0, 1.0, math.inf]


def test_an_overview_counts_what_all_have() -> None:
    two = with_ratio(frame()[frame()["scheduler"] != "c"])
    table = overview(two).set_index("scheduler")
    assert table[RATIO].to_dict() == pytest.approx({"a": 2.0, "b": math.sqrt(2)})
    assert table.index.tolist() == ["b", "a"]
    assert table["best in"].to_dict() == {"a": 0.5, "b": 0.5}
    three = overview(with_ratio(frame())).set_index("scheduler")  # only j has all three
    assert three["cells"].tolist() == [1, 1, 1]
    assert three["lost requests in"].to_dict() == {"a": 0.0, "b": 0.0, "c": 1.0}


def test_means_over_a_parameter() -> None:
    good = with_ratio(frame()[frame()["scheduler"] != "c"])
    (factor,) = factors_of(good)
    assert (factor.label, factor.levels, factor.numeric) == ("x", [1, 2], True)
    lines, heat = levels_charts(good, [factor], [RATIO])
    drawn = {s.name: list(s.y) for s in lines.first.series}
    assert drawn == {"b": [2.0, 1.0], "a": [1.0, 4.0]}
    assert [list(row) for row in heat.first.z] == [[2.0, 1.0], [1.0, 4.0]]


def test_a_lone_best_of_zero_is_no_ratio_of_infinity() -> None:
    rows = frame().iloc[:2].assign(objective=[0.0, 0.0])
    assert with_ratio(rows)[RATIO].tolist() == [1.0, 1.0]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=20))
def test_a_front_dominates_the_rest_and_not_itself(points: list[tuple[int, int]]) -> None:
    front = front_of(points)

    def beats(p: tuple[int, int], q: tuple[int, int]) -> bool:
        return p[0] <= q[0] and p[1] <= q[1] and p != q

    assert front
    for i, q in enumerate(points):
        beaten = any(beats(points[j], q) for j in front)
        assert beaten == (i not in front)


def bars(*rows: tuple[int, float, float]) -> Bars:
    band, start, end = (np.array(c) for c in zip(*rows, strict=True))
    nothing = np.zeros(len(rows), dtype=np.int64)
    return Bars(band, nothing, nothing, nothing, start.astype(float), end.astype(float),
                np.ones(len(rows), dtype=bool))  # fmt: skip


def test_occupancy_is_an_exact_integral() -> None:
    found = occupancy(bars((0, 0, 2), (0, 1, 4), (1, 3, 3.5)), 2, np.array([0.0, 1.0, 4.0]))
    assert found == pytest.approx(np.array([[1.0, (1 + 3) / 3], [0.0, 0.5 / 3]]))


@given(st.data())
def test_layers_go_forward_and_keep_all_tasks(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 12))
    pairs = st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)).filter(lambda p: p[0] < p[1])
    edges = data.draw(st.lists(pairs, max_size=20))
    layers = layered(list(range(n)), edges)
    depth = {t: d for d, layer in enumerate(layers) for t in layer}
    assert sorted(depth) == list(range(n))
    assert all(depth[a] < depth[b] for a, b in edges)
    assert [sorted(layer) for layer in ordered(layers, edges)] == [sorted(x) for x in layers]


def nodes(n: int) -> tuple[Node, ...]:
    return tuple(Node(f"n{i}") for i in range(n))


def test_a_mesh_is_drawn_as_pairs() -> None:
    mesh = Cluster.mesh("mesh", nodes(3), 1e6)
    found = connections(mesh)
    assert set(found) == {(("node", a), ("node", b)) for a, b in ((0, 1), (0, 2), (1, 2))}
    assert all(len(links) == 2 for links in found.values())  # one each way


def test_a_star_has_one_joint_and_a_bus_one_tied_to_all() -> None:
    links = tuple(Link(f"{way}{i}", 1e6) for i in range(3) for way in ("up", "down"))
    routes = {(a, b): (2 * a, 2 * b + 1) for a in range(3) for b in range(3) if a != b}
    star = connections(Cluster("star", nodes(3), links, routes))
    assert set(star) == {(("joint", 0), ("node", i)) for i in range(3)}
    bus = Cluster("bus", nodes(3), (Link("bus", 1e6),),
                  {(a, b): (0,) for a in range(3) for b in range(3) if a != b})  # fmt: skip
    found = connections(bus)
    joints = {v for pair in found for v in pair if v[0] == "joint"}
    assert len(joints) == 1
    assert {pair[1] for pair in found if pair[1][0] == "node"} == {("node", i) for i in range(3)}
    assert "<line" in cluster_svg(bus, {0})


def run(requests: int) -> Trace:
    problem = override(load("translation"), requests=requests).problem()
    from schedulers import solve

    return simulate(problem, solve("heft", problem).allocation)


def test_a_long_run_is_cut_to_a_window_that_holds_the_telling_request() -> None:
    trace = run(200)
    whole, part = panel(trace, "x"), panel(trace, "x", most=100)
    assert whole["count"] == whole["all"] > 400
    assert 60 <= part["count"] <= 110
    assert part["all"] == whole["all"]
    starts = np.frombuffer(__import__("base64").b64decode(part["columns"]["start"]), "<f8")
    assert (starts <= part["window"][1]).all()
    arrival = trace.log.arrival[part["focus"]]
    assert part["window"][0] <= arrival <= part["window"][1]


def test_rows_are_nodes_then_links_with_enough_lanes() -> None:
    made = panel(run(50), "x")
    kinds = [row["kind"] for row in made["rows"]]
    assert kinds == sorted(kinds, reverse=True)
    decode = __import__("base64").b64decode
    row = np.frombuffer(decode(made["columns"]["row"]), "<u2")
    lane = np.frombuffer(decode(made["columns"]["lane"]), "<u2")
    start, end = (np.frombuffer(decode(made["columns"][k]), "<f8") for k in ("start", "end"))
    for r in range(len(made["rows"])):
        assert lane[row == r].max(initial=0) < made["rows"][r]["lanes"]
    same = (row[1:] == row[:-1]) & (lane[1:] == lane[:-1])
    assert (start[1:][same] >= end[:-1][same]).all()  # nothing overlaps in a lane
