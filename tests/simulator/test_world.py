"""The world refuses what makes no sense, in one sentence, and lowers the rest faithfully."""

import math

import numpy as np
import pytest

from simulator import (
    Allocation,
    Arrivals,
    Cluster,
    Connection,
    Degradation,
    Distribution,
    Dynamics,
    Edge,
    Join,
    Link,
    Node,
    Objective,
    Outage,
    Problem,
    Size,
    Slowdown,
    Stream,
    Task,
    TaskGraph,
    Variant,
    Work,
    draw,
)
from simulator import luck as luck_module
from simulator.costs import interpolate, roofline_seconds, table_seconds
from simulator.errors import AlloclabError, InvalidAllocation, InvalidScenario, UnknownName
from simulator.rules import broken_constraint, check_allocation, resident_bytes, strict_cycle
from simulator.units import parse


def task(name, seconds=1.0, **kw):
    variant = {k: kw.pop(k) for k in ("weights_bytes", "activation_bytes", "sharing_group",
                                      "output_bytes") if k in kw}  # fmt: skip
    table = seconds if isinstance(seconds, dict) else {"*": seconds}
    return Task(name, (Variant("m", seconds=table, **variant),), **kw)


def problem(tasks, edges=(), nodes=2, **kw):
    if isinstance(nodes, int):
        nodes = [Node(f"n{i}") for i in range(nodes)]
    graph = {k: kw.pop(k) for k in ("place_with", "apart") if k in kw}
    stream = {k: kw.pop(k) for k in ("sizes", "requests", "arrivals", "noise", "batch",
                                     "deadline_s") if k in kw}  # fmt: skip
    g = TaskGraph(tuple(tasks), tuple(edges), **graph)
    return Problem(Cluster.star("c", nodes, 10.0, 0.5), (Stream("s", g, **stream),), **kw)


# ----- units ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "quantity", "value"),
    [
        ("25 Gbit/s", "bandwidth", 25e9 / 8),
        ("16 GiB", "bytes", 16 * 2**30),
        ("40 ms", "time", 0.04),
        ("19.5 TFLOP/s", "flop_rate", 19.5e12),
        ("30 Hz", "rate", 30.0),
        ("20/s", "rate", 20.0),
        ("3.67 USD/h", "price", 3.67),
        ("5us", "time", 5e-6),
        ("20 us", "time", 20e-6),
        (7, "time", 7.0),
        ("1e-3 s", "time", 1e-3),
    ],
)
def test_units(text, quantity, value):
    assert parse(text, quantity) == value


@pytest.mark.parametrize(
    "text", ["-1 s", "nan", float("nan"), "1 parsec", "", "s", True, None, [1], "1 GB", -3]
)
def test_bad_time_names_the_field(text):
    with pytest.raises(InvalidScenario, match=r"file\.yaml: deadline"):
        parse(text, "time", "file.yaml: deadline")


# ----- clusters ------------------------------------------------------------------------------
def test_routes_take_the_lowest_latency_then_the_fewest_hops():
    nodes = [Node("a"), Node("b"), Node("c")]
    cables = [
        Connection("a", "sw", 1.0, 1.0),
        Connection("sw", "b", 1.0, 1.0),
        Connection("a", "b", 1.0, 2.0),  # as fast as through the switch, but one hop
        Connection("b", "c", 1.0, 5.0),
        Connection("sw", "c", 1.0, 3.0),
    ]
    c = Cluster.connect("x", nodes, cables, ["sw"])
    names = {pair: [c.links[i].name for i in route] for pair, route in c.routes.items()}
    assert names[0, 1] == ["a->b"]
    assert names[0, 2] == ["a->sw", "sw->c"]
    assert names[1, 2] == ["b->sw", "sw->c"]


def test_half_duplex_shares_one_link():
    c = Cluster.connect("x", [Node("a"), Node("b")], [Connection("a", "b", 1.0, duplex="half")])
    assert len(c.links) == 1
    assert c.routes[0, 1] == c.routes[1, 0] == (0,)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: Node("a", speed=0.0), "speed must be > 0"),
        (lambda: Node("a", slots=0), "slots must be >= 1"),
        (lambda: Node("a", corun=(1.0, 0.0)), "co-run factors"),
        (lambda: Node("a", dispatch_s=float("nan")), "dispatch must be >= 0"),
        (lambda: Link("l", 0.0), "bandwidth must be > 0"),
        (lambda: Link("l", 1.0, -1.0), "latency must be >= 0"),
        (lambda: Link("l", 1.0, size_table=((2.0, 1.0), (1.0, 1.0))), "increasing sizes"),
        (lambda: Cluster("c", ()), "no nodes"),
        (lambda: Cluster("c", (Node("a"), Node("a"))), "two nodes are named 'a'"),
        (lambda: Cluster("c", (Node("a"), Node("b")), (Link("l", 1.0),), {(0, 1): ()}), "empty"),
        (lambda: Cluster("c", (Node("a"), Node("b")), (Link("l", 1.0),), {(0, 1): (0, 0)}),
         "link twice"),
        (lambda: Outage("a", 2.0, 2.0), "empty"),
        (lambda: Slowdown("a", 0.0, 1.0, 0.0), "factor must be > 0"),
        (lambda: Degradation("l", 0.0, 1.0, -1.0), "factor must be >= 0"),
        (lambda: TaskGraph(()), "graph is empty"),
        (lambda: TaskGraph((task("a"), task("a"))), "two tasks are named 'a'"),
        (lambda: TaskGraph((task("a"), task("b")), (Edge("a", "b"), Edge("b", "a"))), "cycle"),
        (lambda: TaskGraph((task("a"),), (Edge("a", "a"),)), "cycle"),
        (lambda: TaskGraph((task("a", join=Join(need=1)),)), "needs 1 of only 0"),
        (lambda: Join(need=0), "need must be >= 1"),
        (lambda: Edge("a", "b", bytes=-1.0), "bytes must be >= 0"),
        (lambda: Edge("a", "b", lag=-1), "lag must be >= 0"),
        (lambda: Edge("a", "b", probability=1.5), "probability"),
        (lambda: Variant("m"), "either seconds or work"),
        (lambda: Variant("m", seconds={"*": float("nan")}), "finite number"),
        (lambda: Variant("m", seconds={"*": (1.0, 2.0)}), "batch breakpoints"),
        (lambda: Stream("s", TaskGraph((task("a"),)), requests=0), "requests must be between 1"),
        (lambda: Arrivals("poisson"), "rate must be > 0"),
        (lambda: Arrivals("trace", times=(2.0, 1.0)), "ascending"),
        (lambda: Distribution("uniform", {"low": 2.0, "high": 1.0}), "low is above high"),
        (lambda: Distribution("gamma", {"mean": 1.0, "cv": 1e200}), "cv must be between"),
        (lambda: Distribution("lognormal", {"median": 1.0, "sigma": 1e3}), "sigma must be at most"),
        (lambda: Stream("s", TaskGraph((task("a"),)), requests=10**9), "requests must be between"),
        (lambda: problem([task(f"t{i}") for i in range(50)], requests=10**7), "more than one run"),
        (lambda: problem([task("a", {"gpu": 1.0})]), "fits no node"),
        (lambda: problem([task("a", weights_bytes=11.0)], nodes=[Node("x", memory_bytes=10.0)]),
         "needs 11 bytes of memory"),
        (lambda: problem([task("a")], discipline="edf", dispatch="strict"), "edf"),
        (lambda: problem([task("a")], dynamics=Dynamics(
            degradations=(Degradation("n0->switch", 0.0, 1.0, 0.5),))), "ideal"),
        (lambda: problem([task("a"), task("b")], apart=(("a", "a"),)), "two different tasks"),
    ],
)  # fmt: skip
def test_refused_in_one_sentence(build, words):
    with pytest.raises(AlloclabError, match=words) as caught:
        build()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: TaskGraph((task("encode"),), (Edge("encode", "encod"),)), "did you mean 'encode'"),
        (lambda: problem([task("a")], network="fare"), "did you mean 'fair'"),
        (lambda: problem([task("a", pinned="n7")]), "unknown node 'n7'"),
        (lambda: Objective.parse("makspan"), "did you mean 'makespan'"),
        (lambda: Distribution("lognormall", {}), "did you mean 'lognormal'"),
        (lambda: problem([task("a", scale_with="tokens")]), "unknown size 'tokens'"),
        (lambda: problem([task("a")], dynamics=Dynamics(outages=(Outage("zz", 0.0),))),
         "unknown node or failure domain 'zz'"),
    ],
)  # fmt: skip
def test_unknown_names_suggest_the_nearest(build, words):
    with pytest.raises(UnknownName, match=words):
        build()


def test_lag_makes_a_cycle_legal():
    p = problem([task("a"), task("b")], [Edge("a", "b"), Edge("b", "a", lag=1)])
    assert list(p.topological) == [0, 1]


def test_disconnected_network_is_refused_only_when_messages_exist():
    nodes = (Node("a"), Node("b"))
    alone = Stream("s", TaskGraph((task("x"),)))
    assert Problem(Cluster("c", nodes), (alone,)).n_nodes == 2
    chain = Stream("s", TaskGraph((task("x"), task("y")), (Edge("x", "y"),)))
    with pytest.raises(InvalidScenario, match="no route leads from 'a' to 'b'"):
        Problem(Cluster("c", nodes), (chain,))


# ----- durations -----------------------------------------------------------------------------
def test_seconds_scale_with_speed_except_where_measured_on_that_node():
    nodes = [Node("fast", speed=4.0), Node("own", speed=4.0), Node("g", kind="gpu")]
    p = problem([task("a", {"cpu": 8.0, "own": 3.0})], nodes=nodes)
    assert p.seconds[0, 0].tolist()[:2] == [2.0, 3.0]
    assert math.isnan(p.seconds[0, 0, 2])


def test_roofline_by_hand():
    """2 GFLOP at 10 GFLOP/s x 0.5 = 0.4 s beats 1 GB at 10 GB/s = 0.1 s; 3 operators x 1 ms."""
    got = roofline_seconds({"matmul": 2e9}, 1e9, 3, peak_flops=10e9, efficiency={"matmul": 0.5},
                           memory_bandwidth=10e9, launch_overhead_s=1e-3)  # fmt: skip
    assert got == pytest.approx(0.403)
    work = Work({"matmul": (2e9, 4e9)}, (1e9, 8e9), 3)
    node = Node("n", peak_flops={"fp32": 10e9}, efficiency={"fp32": {"matmul": 0.5}},
                memory_bandwidth=10e9, launch_overhead_s=1e-3)  # fmt: skip
    variant = Variant("m", work=work, batch=(1, 3))
    assert variant.seconds_on(node, 1) == pytest.approx(0.403)
    assert variant.seconds_on(node, 2) == pytest.approx(0.603)
    assert math.isnan(variant.seconds_on(Node("bare"), 1))


def test_interpolation_extends_both_ends():
    assert interpolate((1, 3), (10.0, 14.0), 2) == 12.0
    assert interpolate((1, 3), (10.0, 14.0), 4) == 16.0
    assert interpolate((2, 3), (1.0, 3.0), 1) == 0.0
    xs, ys = np.array([0.0, 10.0, 20.0]), np.array([1.0, 2.0, 4.0])
    assert [table_seconds(xs, ys, 0, 3, b) for b in (0, 5, 15, 30)] == [1.0, 1.5, 3.0, 6.0]


# ----- memory and groups ---------------------------------------------------------------------
def test_resident_bytes_by_hand():
    """Shared 100 counts once, +50 own; two slots: the two largest working sets of 7, 5, 9."""
    tasks = [
        task("a", weights_bytes=100.0, activation_bytes=7.0, sharing_group="g"),
        task("b", weights_bytes=100.0, activation_bytes=5.0, sharing_group="g"),
        task("c", weights_bytes=50.0, activation_bytes=9.0),
    ]
    p = problem(tasks, nodes=[Node("x", slots=2, memory_bytes=165.0), Node("y")])
    zero = np.zeros(3, dtype=np.int64)
    assert resident_bytes(p, zero, zero).tolist() == [166.0, 0.0]
    with pytest.raises(InvalidAllocation, match="'x' needs 166 bytes"):
        check_allocation(p, Allocation.of(p, [0, 0, 0]))
    check_allocation(p, Allocation.of(p, [0, 0, 1]))


def test_groups_are_enforced():
    p = problem([task(n) for n in "abc"], place_with=(("a", "b"),), apart=(("b", "c"),))
    zero = np.zeros(3, dtype=np.int64)
    assert "different nodes" in (broken_constraint(p, zero, zero) or "")
    assert "share one node" in (broken_constraint(p, np.array([0, 1, 0]), zero) or "")
    assert broken_constraint(p, np.array([0, 0, 1]), zero) is None


def test_strict_cycle_is_found_and_named():
    p = problem([task("a"), task("b")], [Edge("a", "b")])
    assert strict_cycle(p.arrays, np.array([0, 0]), np.array([0, 1])) is None
    with pytest.raises(InvalidAllocation, match="form a cycle"):
        check_allocation(p, Allocation.of(p, [0, 0], [0, 0], [1, 0]))


# ----- allocations ---------------------------------------------------------------------------
def test_allocation_round_trip(tmp_path):
    p = problem([task("a"), task("b")])
    a = Allocation.of(p, [1, 0])
    a.save(tmp_path / "a.json")
    assert Allocation.load(tmp_path / "a.json") == a
    (tmp_path / "bad.json").write_text('{"format": "alloclab-allocation/9"}')
    with pytest.raises(InvalidAllocation, match=r"bad\.json: format must be"):
        Allocation.load(tmp_path / "bad.json")


# ----- luck ----------------------------------------------------------------------------------
def stream_problem(requests=50, extra=()):
    sizes = {"tok": Size(Distribution("lognormal", {"median": 24.0, "sigma": 0.5}), 24.0)}
    tasks = [*extra, task("a", scale_with="tok"), task("b", scale_with="tok")]
    return problem(tasks, [Edge("a", "b", scale_with="tok", probability=0.3)], sizes=sizes,
                   requests=requests, arrivals=Arrivals("poisson", rate=2.0),
                   noise=Distribution("gamma", {"mean": 1.0, "cv": 0.1}))  # fmt: skip


def test_a_longer_run_begins_like_a_shorter_one():
    short, long = draw(stream_problem(20), 3), draw(stream_problem(50), 3)
    for name in ("arrival", "task_factor", "edge_factor", "taken"):
        assert np.array_equal(getattr(short, name), getattr(long, name)[:20]), name


def test_another_task_changes_no_other_luck():
    base, more = draw(stream_problem(), 3), draw(stream_problem(extra=[task("z")]), 3)
    assert np.array_equal(base.task_factor, more.task_factor[:, 1:])
    assert np.array_equal(base.taken, more.taken)


def test_families_and_seeds_are_disjoint_and_reproducible():
    p = stream_problem()
    runs = [draw(p, 0), draw(p, 1), draw(p, 0, "plan")]
    assert len({r.arrival.tobytes() for r in runs}) == 3
    assert draw(p, 0).arrival.tobytes() == runs[0].arrival.tobytes()


def test_sizes_scale_all_stages_of_a_request_together():
    p = problem(
        [task("a", scale_with="tok"), task("b", scale_with="tok")],
        [Edge("a", "b", scale_with="tok")],
        requests=10,
        sizes={"tok": Size(Distribution("uniform", {"low": 1.0, "high": 9.0}), 2.0)},
    )
    r = draw(p, 5)
    assert np.array_equal(r.task_factor[:, 0], r.task_factor[:, 1])
    assert np.array_equal(r.task_factor[:, 0], r.edge_factor[:, 0])
    assert p.task_scale.tolist() == [2.5, 2.5]


def test_draws_follow_their_distribution():
    """Kolmogorov-Smirnov at 1e-4 false alarms for each of five distributions, 4,000 draws."""
    from scipy import stats

    u = luck_module.uniforms(1, "test", "s", "size", "x", 4000)
    cases = [
        (Distribution("uniform", {"low": 1.0, "high": 3.0}), stats.uniform(1, 2)),
        (Distribution("exponential", {"mean": 2.0}), stats.expon(scale=2)),
        (Distribution("lognormal", {"median": 24.0, "sigma": 0.5}), stats.lognorm(0.5, scale=24)),
        (Distribution("gamma", {"mean": 3.0, "cv": 0.5}), stats.gamma(4, scale=0.75)),
    ]
    for mine, theirs in cases:
        assert stats.kstest(mine.quantile(u), theirs.cdf).pvalue > 1e-4
        assert mine.mean == pytest.approx(theirs.mean(), rel=1e-12)
    coin = Distribution("choice", {"values": (1.0, 5.0), "weights": (3.0, 1.0)})
    assert coin.mean == 2.0
    assert np.mean(coin.quantile(u) == 5.0) == pytest.approx(0.25, abs=0.03)


def test_exclusive_branches_never_both():
    edges = [
        Edge("a", "b", probability=0.6, branch="x"),
        Edge("a", "c", probability=0.4, branch="x"),
    ]
    r = draw(problem([task("a"), task("b"), task("c")], edges, requests=500), 0)
    assert (r.taken.sum(axis=1) == 1).all()
    assert r.taken[:, 0].mean() == pytest.approx(0.6, abs=0.08)


def test_failure_domain_takes_nodes_and_links():
    nodes = [Node("a", failure_domain="rack"), Node("b")]
    cables = [Connection("a", "b", 1.0, failure_domain="rack")]
    g = TaskGraph((task("x"),))
    p = Problem(Cluster.connect("c", nodes, cables), (Stream("s", g),), network="fair",
                dynamics=Dynamics(outages=(Outage("rack", 1.0, 2.0),)))  # fmt: skip
    r = draw(p)
    assert r.outage_node.tolist() == [0]
    assert r.degraded_link.tolist() == [0, 1]
    assert r.degraded_factor.tolist() == [0.0, 0.0]
