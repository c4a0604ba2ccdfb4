"""Bounds by hand, and never above what any allocation reaches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schedulers.bounds import Minimum, bounds, lower_bound
from simulator.cluster import Cluster, Node
from simulator.dynamics import Dynamics, Outage, Slowdown
from simulator.engines import execute
from simulator.luck import draw, nominal
from simulator.objective import METRICS, Objective
from simulator.problem import Problem
from simulator.realisation import Realisation
from simulator.rules import broken_constraint, strict_cycle
from simulator.taskgraph import Edge, Join, Task, TaskGraph
from simulator.workload import Arrivals, Distribution, Stream
from tests.schedulers.problems import TINY, from_table, variants
from tests.schedulers.test_paper import TOPCUOGLU


def objectives(problem: Problem, allocation, luck: Realisation) -> dict[str, float]:  # type: ignore[no-untyped-def]
    """Every metric of one run by the reference engine."""
    log = execute(problem.arrays, *allocation, luck, "reference")
    busy = np.zeros(problem.n_nodes)
    np.add.at(busy, np.tile(allocation[0], len(luck.arrival)),
              np.nan_to_num(log.finish - log.start).ravel())  # fmt: skip
    for _, task, _, start, end in zip(*log.attempts, strict=True):
        busy[allocation[0][task]] += end - start
    return {
        name: float(
            Objective(((name, 1.0),)).values(
                problem, luck.stream, log.arrival, log.completed[None, :], busy[None, :]
            )[0]
        )
        for name in METRICS
    }


def random_allocation(rng: np.random.Generator, problem: Problem):  # type: ignore[no-untyped-def]
    """(node, variant, priority), admissible; None after too many tries."""
    for _ in range(200):
        spots = [rng.permutation(np.argwhere(problem.allowed[t]))[0]
                 for t in range(problem.n_tasks)]  # fmt: skip
        variant, node = np.array(spots, dtype=np.int64).T.copy()
        rank = np.empty(problem.n_tasks, dtype=np.int64)
        rank[problem.topological] = np.arange(problem.n_tasks)
        if rng.random() < 0.5:
            rank = rng.permutation(problem.n_tasks)
        if broken_constraint(problem, node, variant) is None and (
            problem.dispatch == "greedy" or strict_cycle(problem.arrays, node, rank) is None
        ):
            return node, variant, rank
    return None


def bounded_problem(
    rng: np.random.Generator, tasks: int = 6, machines: int = 3, requests: int = 4, large: int = 3
) -> Problem:
    """Quorums, deadlines, branches, lags, slots, factors and misfortune on a small graph."""
    n_tasks, n_nodes = int(rng.integers(2, tasks + 1)), int(rng.integers(1, machines + 1))
    nodes = tuple(
        Node(
            f"n{n}",
            slots=int(rng.integers(1, 3)),
            dispatch_s=float(rng.integers(0, 2)) / 4,
            send_s=float(rng.integers(0, 2)) / 4,
            wake_s=float(rng.integers(0, 2)) / 4,
            corun=(1.0, float(rng.choice([0.75, 1.0, 1.5]))),
            idle_watts=float(rng.integers(0, 3)),
            busy_watts=float(rng.integers(0, 5)),
            price_per_hour=float(rng.integers(0, 3)),
        )
        for n in range(n_nodes)
    )
    pairs = [(a, b) for b in range(n_tasks) for a in range(b) if rng.random() < 0.5]
    pairs += [pair for pair in pairs if rng.random() < 0.1]
    edges = [
        Edge(
            f"t{a}",
            f"t{b}",
            float(rng.integers(0, large)),
            probability=float(rng.random()) if rng.random() < 0.3 else None,
            lag=int(rng.random() < 0.1),
        )
        for a, b in pairs
    ]
    if rng.random() < 0.3 and n_tasks > 2:
        edges.append(Edge(f"t{n_tasks - 1}", "t0", 1.0, lag=1))
    work = []
    for t in range(n_tasks):
        inputs = sum(edge.dst == f"t{t}" for edge in edges)
        need = int(rng.integers(1, inputs + 1)) if inputs and rng.random() < 0.5 else None
        deadline = float(rng.integers(0, 6)) if inputs and rng.random() < 0.2 else None
        late = "cancel" if rng.random() < 0.3 else "keep"
        seconds = [{f"n{n}": float(rng.integers(0, 5)) for n in range(n_nodes)} for _ in range(2)]
        forbidden = (f"n{rng.integers(n_nodes)}",) if n_nodes > 1 and rng.random() < 0.3 else ()
        work.append(
            Task(
                f"t{t}",
                variants(*((f"v{v}", s, 0.0) for v, s in enumerate(seconds))),
                join=Join(need, deadline, late),
                forbidden=forbidden,
            )
        )
    graph = TaskGraph(tuple(work), tuple(edges))
    closed = rng.random() < 0.25
    think = Distribution("exponential", {"mean": 1.0})
    arrivals = (
        Arrivals("closed", clients=int(rng.integers(1, 3)), think=think)
        if closed
        else Arrivals("poisson", rate=float(rng.choice([0.1, 1.0])))
    )
    noise = Distribution("gamma", {"mean": 1.0, "cv": 0.5}) if rng.random() < 0.5 else None
    streams = [Stream("s", graph, arrivals, int(rng.integers(1, requests + 1)), noise=noise)]
    if not closed and rng.random() < 0.3:
        pair = TaskGraph(
            (
                Task("u", variants(("v", {"*": 1.0}, 0.0))),
                Task("w", variants(("v", {"*": 2.0}, 0.0))),
            ),
            (Edge("u", "w", 1.0),),
        )
        streams.append(Stream("z", pair, requests=2, weight=3.0))
    hurt = Dynamics(
        outages=(Outage("n0", 1.0, 3.0),) if rng.random() < 0.3 else (),
        slowdowns=(Slowdown("n0", 0.0, 4.0, float(rng.choice([0.5, 2.0]))),)
        if rng.random() < 0.3
        else (),
    )
    return Problem(
        Cluster.mesh("b", nodes, 2.0),
        tuple(streams),
        network=str(rng.choice(["ideal", "fifo", "fair"])),
        dispatch="greedy",
        discipline=str(rng.choice(["fifo", "priority"])),
        dynamics=hurt,
    )


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_no_run_falls_below_its_bound(seed: int) -> None:
    rng = np.random.default_rng(seed)
    problem = bounded_problem(rng)
    luck = draw(problem, seed % 1000, "plan")
    run = Minimum(problem, luck)
    for _ in range(6):
        allocation = random_allocation(rng, problem)
        if allocation is None:
            return
        got = objectives(problem, allocation, luck)
        for name in METRICS:
            assert got[name] >= run.term(name), name


def test_critical_path_of_the_heft_paper_by_hand() -> None:
    """Fastest node for each task, no transfers: 1 (9), 2 (13), 9 (12), 10 (7) is longest: 41.

    1-4-9-10 is 9 + 8 + 12 + 7 = 36, 1-3-7-10 is 9 + 11 + 7 + 7 = 34. The area is 91 / 3.
    """
    assert bounds(TOPCUOGLU)["critical_path"] == 41.0
    assert bounds(TOPCUOGLU)["area"] == pytest.approx(91 / 3)


def test_area_of_independent_tasks_by_hand() -> None:
    """Five tasks of 2 s on two nodes: 5 s, although a task takes 2; three confined to p1: 6 s."""
    assert lower_bound(from_table([[2, 2]] * 5, [])) == pytest.approx(5.0)
    confined = TaskGraph(
        tuple(Task(f"t{i}", variants(("v", {"p1": 2.0}, 0.0))) for i in range(3))
        + tuple(Task(f"u{i}", variants(("v", {"*": 1.0}, 0.0))) for i in range(2))
    )
    nodes = (Node("p1"), Node("p2"))
    problem = Problem(Cluster.mesh("m", nodes, 1.0), (Stream("s", confined),))
    assert lower_bound(problem) == pytest.approx(6.0)


def quorum(need: int | None, deadline: float | None = None) -> Problem:
    """Three members of 1, 2 and 4 s, of which a join of 1 s needs some; two nodes."""
    tasks = (
        *(Task(n, variants(("v", {"*": s}, 0.0))) for n, s in (("a", 4.0), ("b", 1.0), ("c", 2.0))),
        Task("join", variants(("v", {"*": 1.0}, 0.0)), join=Join(need, deadline)),
    )
    graph = TaskGraph(tasks, tuple(Edge(n, "join", 0.0) for n in "abc"))
    return Problem(Cluster.mesh("m", (Node("p"), Node("q")), 1.0), (Stream("s", graph),))


@pytest.mark.parametrize(
    ("need", "deadline", "bound"),
    [
        (None, None, 5.0),  # 4 + 1, area 8 / 2
        (2, None, 3.0),  # second member after 2, then 1; area (1 + 2 + 1) / 2
        (1, None, 2.0),  # first member after 1, then 1
        (None, 1.5, 2.5),  # goes ahead at 1.5 with the first member
        (None, 0.5, 2.0),  # no member by then: with the first one
    ],
)
def test_quorums_count_the_cheapest_only(need, deadline, bound: float) -> None:  # type: ignore[no-untyped-def]
    assert lower_bound(quorum(need, deadline)) == pytest.approx(bound)


def test_quorum_work_counts_in_the_area() -> None:
    """On one node 2 of 3 members cost at least 1 + 2 s besides the join."""
    one = replace(quorum(2), cluster=Cluster.mesh("m", (Node("p"),), 1.0))
    assert lower_bound(one) == pytest.approx(4.0)


def test_skipped_tasks_count_nothing() -> None:
    """A branch never taken: its task of 100 s is no part of the bound, nor is it ever run."""
    tasks = tuple(Task(n, variants(("v", {"*": s}, 0.0))) for n, s in (("a", 1.0), ("b", 100.0)))
    graph = TaskGraph(tasks, (Edge("a", "b", 0.0, probability=0.0),))
    problem = Problem(Cluster.mesh("m", (Node("p"),), 1.0), (Stream("s", graph),))
    assert lower_bound(problem, draw(problem, 0)) == pytest.approx(1.0)
    assert lower_bound(problem, nominal(problem)) == pytest.approx(101.0)


def test_the_cheapest_variant_counts() -> None:
    """`small` on a: 1.5 s for x and for y or z after it.

    A message takes at least 0.625 s and 3 s follow on b. So y and z follow x on a: 4.5 s.
    """
    known = bounds(TINY["variants"]())
    assert known["critical_path"] == 3.0
    assert known["heads_and_tails"] == pytest.approx(4.5)
    assert lower_bound(TINY["variants"]()) == max(known.values())


def test_streams_by_hand() -> None:
    """Four requests of two tasks (1 s, then 2 s) at 0, 1, 2, 3 on one node.

    No latency below 3. Makespan: 12 s of work from 0 on (9 s from 1, ...): 12. Throughput 3 s each.
    """
    tasks = tuple(Task(n, variants(("v", {"*": s}, 0.0))) for n, s in (("a", 1.0), ("b", 2.0)))
    graph = TaskGraph(tasks, (Edge("a", "b", 0.0),))
    stream = Stream("s", graph, Arrivals("constant", rate=1.0), requests=4)
    problem = Problem(Cluster.mesh("m", (Node("p"),), 1.0), (stream,))
    expected = {"makespan": 12.0, "mean_latency": 3.0, "p99_latency": 3.0, "throughput": 3.0}
    for name, value in expected.items():
        posed = replace(problem, objective=Objective.parse(name))
        assert lower_bound(posed) == pytest.approx(value)
    both = replace(problem, objective=Objective((("makespan", 2.0), ("mean_latency", 1.0))))
    assert lower_bound(both) == pytest.approx(27.0)


def test_closed_loops_by_hand() -> None:
    """One client, three requests of 2 s, thinking 5 s in between: 2 + 5 + 2 + 5 + 2."""
    graph = TaskGraph((Task("a", variants(("v", {"*": 2.0}, 0.0))),))
    think = Distribution("constant", {"value": 5.0})
    stream = Stream("s", graph, Arrivals("closed", clients=1, think=think), requests=3)
    problem = Problem(Cluster.mesh("m", (Node("p"), Node("q")), 1.0), (stream,))
    assert lower_bound(problem) == pytest.approx(16.0)


def test_energy_and_cost_by_hand() -> None:
    """4 s on a (10 W more than idle) or 2 s on b (30 W more): 40 J; idling 2 + 4 W for 2 s: 12 J.

    Busy price: 4 s at 1/h or 2 s at 3/h; reserved: 2 s at 4/h.
    """
    nodes = (
        Node("a", idle_watts=2.0, busy_watts=12.0, price_per_hour=3600.0),
        Node("b", idle_watts=4.0, busy_watts=34.0, price_per_hour=3 * 3600.0),
    )
    graph = TaskGraph((Task("x", variants(("v", {"a": 4.0, "b": 2.0}, 0.0))),))
    problem = Problem(Cluster.mesh("m", nodes, 1.0), (Stream("s", graph),))
    for name, value in (("energy", 52.0), ("cost_busy", 4.0), ("cost", 8.0), ("balance", 1.0)):
        assert lower_bound(replace(problem, objective=Objective.parse(name))) == pytest.approx(
            value
        )


def test_no_bound_where_losing_everything_may_be_cheap() -> None:
    problem = replace(
        quorum(None),
        dynamics=Dynamics(outages=(Outage("p", 0.0),)),
        objective=Objective(lost_penalty=0.1),
    )
    assert lower_bound(problem) is None
