"""Streams: bottlenecks by hand and by brute force, queues by formula, the search by enumeration."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from schedulers import make, solve
from schedulers.budget import Budget
from schedulers.streams import (
    Surrogate,
    best_bottleneck,
    bottleneck_throughput,
    improve_stream,
    max_throughput,
    throughput_bound,
)
from schedulers.streams.judge import Judge, shortened
from schedulers.streams.neighbours import neighbours
from simulator.cluster import Cluster, Node
from simulator.luck import draw
from simulator.objective import Objective
from simulator.problem import Problem
from simulator.rules import broken_constraint
from simulator.taskgraph import Edge, Task, TaskGraph
from simulator.workload import Arrivals, Distribution, Stream
from tests.schedulers.problems import TINY, every_placement, random_problem, variants


def pipeline(
    size: float = 0.0,
    arrivals: Arrivals | None = None,
    requests: int = 50,
    noise: Distribution | None = None,
    **options: object,
) -> Problem:
    """a (2 s), then b (1 s), on two equal nodes; each link takes `size` bytes at 2 bytes/s."""
    tasks = tuple(Task(n, variants(("v", {"*": s}, 0.0))) for n, s in (("a", 2.0), ("b", 1.0)))
    graph = TaskGraph(tasks, (Edge("a", "b", size),))
    arrivals = Arrivals("constant", rate=0.25) if arrivals is None else arrivals
    stream = Stream("s", graph, arrivals, requests=requests, noise=noise)
    cluster = Cluster.star("two", (Node("p"), Node("q")), bandwidth=2.0, latency_s=0.25)
    return Problem(cluster, (stream,), network="fair", name="pipeline", **options)  # type: ignore[arg-type]


def one(problem: Problem, *nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """(1, T) rows of nodes and first variants."""
    return np.array([nodes]), np.zeros((1, problem.n_tasks), dtype=np.int64)


def test_bottlenecks_by_hand() -> None:
    """Together 3 s a request; apart 2 s on a's node, and size / 2 s on either link."""
    for size, apart, best in ((0.0, 2.0, 2.0), (5.0, 2.5, 2.5), (8.0, 4.0, 3.0)):
        problem = pipeline(size)
        assert bottleneck_throughput(problem, *one(problem, 0, 0))[0] == pytest.approx(1 / 3)
        assert bottleneck_throughput(problem, *one(problem, 0, 1))[0] == pytest.approx(1 / apart)
        assert max_throughput(problem) == pytest.approx(1 / best)
        assert throughput_bound(problem) == pytest.approx(1 / 1.5)  # 3 s spread over two nodes


def test_slots_count() -> None:
    """Two slots with a co-run factor of 1.25 do 1.6 s of work a second; one node does it all."""
    problem = pipeline()
    nodes = (Node("p", slots=2, corun=(1.0, 1.25)),)
    crowded = replace(problem, cluster=Cluster.mesh("one", nodes, 1.0))
    assert max_throughput(crowded) == pytest.approx(1.6 / 3.0)
    assert throughput_bound(crowded) == pytest.approx(1.6 / 3.0)


def neck(problem: Problem, node: np.ndarray, variant: np.ndarray) -> float:
    """Seconds of the busiest station for one request, written from the definition."""
    busy: dict[object, float] = {}
    for t, n in enumerate(node):
        busy[n] = busy.get(n, 0.0) + problem.seconds[t, variant[t], n]
    for e in range(problem.n_edges):
        src, dst = problem.arrays.edge_src[e], problem.arrays.edge_dst[e]
        for link in problem.arrays.route(node[src], node[dst]):
            cost = problem.bytes[e, variant[src]] / problem.arrays.bandwidth[link]
            busy["link", link] = busy.get(("link", link), 0.0) + cost
    return max(busy.values())


def test_the_best_bottleneck_is_that_of_brute_force() -> None:
    for seed in range(25):
        problem = replace(random_problem(np.random.default_rng(seed), 5, 3), network="fair")
        places = every_placement(problem)
        each = np.array([neck(problem, *place) for place in places])
        rows = tuple(np.array(column) for column in zip(*places, strict=True))
        with np.errstate(divide="ignore"):
            got, least = bottleneck_throughput(problem, *rows), 1.0 / each.min()
        np.testing.assert_allclose(1.0 / got, each, rtol=1e-9)
        found, node, variant = best_bottleneck(problem)
        assert found == pytest.approx(least)
        assert broken_constraint(problem, node, variant) is None
        assert found <= throughput_bound(problem)


def test_a_constant_rate_of_equal_requests_does_not_wait() -> None:
    """The model's latency is the simulated one, on the way p to q as on one node."""
    problem = pipeline(4.0, objective=Objective.parse("p99_latency"))
    model = Surrogate(problem)
    for nodes, latency in (((0, 0), 3.0), ((0, 1), 2.0 + 0.5 + 2.0 + 1.0)):
        rows = one(problem, *nodes)
        assert model(*rows).value[0] == pytest.approx(latency)
        assert problem.evaluate((*rows, np.array([[0, 1]])))[0] == pytest.approx(latency)


def test_waiting_follows_kingman() -> None:
    """Poisson at rho = 0.75 on one node: rho / (1 - rho) x 3 s x scv of the gaps / 2 on top."""
    problem = pipeline(
        arrivals=Arrivals("poisson", rate=0.25),
        requests=4000,
        objective=Objective.parse("mean_latency"),
    )
    gaps = np.diff(problem.plan[0].arrival)
    rho = 3.0 * 4000 / (gaps.sum())
    expected = 3.0 + rho / (1 - rho) * 3.0 * (gaps.var() / gaps.mean() ** 2) / 2
    rows = one(problem, 0, 0)
    estimate = Surrogate(problem)(*rows).value[0]
    assert estimate == pytest.approx(expected, rel=1e-9)
    truth = problem.evaluate((*rows, np.array([[0, 1]])))[0]
    assert estimate == pytest.approx(truth, rel=0.25)  # Kingman is exact for M/G/1 in the long run


def test_overload_is_what_is_left() -> None:
    """At 0.5 requests/s one node gets 3 s of work every 2 s: after 49 gaps 150 - 98 s are left."""
    problem = pipeline(
        arrivals=Arrivals("constant", rate=0.5), objective=Objective.parse("makespan")
    )
    together, apart = (Surrogate(problem)(*one(problem, 0, n)).value[0] for n in (0, 1))
    assert together > 98 + 52 > apart
    assert problem.evaluate((*one(problem, 0, 0), np.array([[0, 1]])))[0] == 150.0


def test_shortened_runs_begin_like_whole_ones() -> None:
    problem = pipeline(
        arrivals=Arrivals("poisson", rate=0.2),
        requests=500,
        noise=Distribution("gamma", {"mean": 1.0, "cv": 0.3}),
    )
    whole = problem.plan[0]
    short = shortened(whole, 200)
    assert short.n_requests == len(short.task_factor) == 200
    fewer = replace(problem, streams=(replace(problem.streams[0], requests=200),))
    same = draw(fewer, 0, "plan")
    assert np.array_equal(same.arrival, short.arrival)
    assert np.array_equal(same.task_factor, short.task_factor)
    judge = Judge(problem, Budget(problem, evaluations=3))
    rows = (np.array([[0, 1], [0, 0]]), np.zeros((2, 2), dtype=np.int64), np.array([[0, 1]] * 2))
    assert judge.short(rows).tolist() == fewer.evaluate(rows).tolist()
    assert judge.whole(rows)[1] == np.inf  # the third evaluation was the last
    assert judge.budget.evaluations == 3


@pytest.mark.parametrize("risk", ["mean_latency", "p99_latency", "makespan"])
def test_the_search_finds_the_best_of_all_placements(risk: str) -> None:
    problem = replace(TINY["streams"](), plan_draws=2, objective=Objective.parse(risk))
    places = every_placement(problem)
    rows = [np.array(column) for column in zip(*places, strict=True)]
    ranks = np.broadcast_to(np.arange(problem.n_tasks), rows[0].shape)
    best = problem.evaluate((*rows, ranks)).min()
    outcome = solve("stream_search", problem, evaluations=800)
    assert outcome.objective <= best * (1 + 1e-9)
    assert solve("stream_search", problem, evaluations=800).allocation == outcome.allocation


def test_it_is_far_better_than_heft_where_heft_overloads_a_node() -> None:
    """HEFT puts everything on the fast node, which at this rate can take no more."""
    tasks = tuple(Task(f"t{i}", variants(("v", {"*": 1.0}, 0.0))) for i in range(4))
    graph = TaskGraph(tasks, tuple(Edge(f"t{i}", f"t{i + 1}", 1.0) for i in range(3)))
    stream = Stream("s", graph, Arrivals("constant", rate=0.5), requests=200)
    nodes = (Node("fast", speed=1.6), Node("b"), Node("c"))
    cluster = Cluster.star("three", nodes, bandwidth=100.0, latency_s=0.5)
    problem = Problem(
        cluster, (stream,), network="fair", objective=Objective.parse("p99_latency"), name="steady"
    )
    heft = solve("heft", problem)
    assert {p.node for p in heft.allocation.placements} == {"fast"}
    found = solve("stream_search", problem, evaluations=600)
    assert found.objective < 0.2 * heft.objective


@pytest.mark.parametrize("name", ["groups", "memory", "variants", "traps", "branches"])
def test_neighbours_and_annealing_keep_groups_and_memory(name: str) -> None:
    problem = TINY[name]()
    stream = replace(problem.streams[0], arrivals=Arrivals("poisson", rate=0.1), requests=20)
    problem = replace(problem, streams=(stream,), network="fifo", dispatch=None)
    model = Surrogate(problem)
    plan = make("heft").plan(problem)
    walk, elite = model.new_walk(plan.node, plan.variant, 5), model.new_elite(16)
    model.anneal(walk, elite, 3000, 0.5, 0.01)
    kept = np.flatnonzero(np.isfinite(elite.value))
    assert len({(elite.node[k].tobytes(), elite.variant[k].tobytes()) for k in kept}) == len(kept)
    for k in kept:
        assert broken_constraint(problem, elite.node[k], elite.variant[k]) is None
    centre = (plan.node[None], plan.variant[None], plan.priority[None])
    around = neighbours(model, centre, np.random.default_rng(0))
    for group in problem.place_with:
        assert (around[0][:, list(group)] == around[0][:, [group[0]]]).all()
    allowed = problem.allowed[np.arange(problem.n_tasks), around[1], around[0]]
    assert allowed.all()


def test_a_search_without_limits_ends() -> None:
    problem = TINY["streams"]()
    budget = Budget(problem)
    plan = make("heft").plan(problem)
    improve_stream(problem, budget, np.random.default_rng(0), [plan])
    assert budget.best_objective <= problem.objective_of(plan.allocation(problem))


def test_a_single_request_is_annealed() -> None:
    """Nothing queues behind it, and the start alone would be no answer of a search."""
    problem = random_problem(np.random.default_rng(3), tasks=9, nodes=3)
    found = solve("stream_search", problem, evaluations=3000, seed=2)
    assert found.objective == solve("annealing", problem, evaluations=3000, seed=2).objective
    assert found.evaluations == 3000
