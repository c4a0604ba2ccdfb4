"""Messages booked on links: by hand, without overlaps, and as the engines have it."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from schedulers import make
from schedulers.contention import contention_plan
from schedulers.ranks import ranks_of
from schedulers.view import view_of
from simulator.cluster import Cluster, Node
from simulator.engines import execute
from simulator.luck import nominal
from simulator.problem import Problem
from simulator.rules import broken_constraint
from simulator.taskgraph import Edge, Task, TaskGraph
from simulator.workload import Stream
from tests.schedulers.problems import TINY, random_problem, variants


def fan(network: str, children: int = 3) -> Problem:
    """A source of 1 s that only `a` runs, and children of 4 s for any of four nodes.

    Every child needs 3 bytes; each node hangs on the switch by a link of 2 bytes/s, no latency.
    """
    tasks = (
        Task("source", variants(("v", {"a": 1.0}, 0.0))),
        *(Task(f"c{i}", variants(("v", {"*": 4.0}, 0.0))) for i in range(children)),
    )
    graph = TaskGraph(tasks, tuple(Edge("source", f"c{i}", 3.0) for i in range(children)))
    cluster = Cluster.star("star", tuple(Node(n) for n in "abcd"), bandwidth=2.0)
    return Problem(cluster, (Stream("s", graph),), network=network, dispatch="strict", name="fan")


def simulated(problem: Problem, name: str) -> float:
    return problem.objective_of(make(name).plan(problem).allocation(problem))


def test_heft_sends_everything_over_one_link() -> None:
    """HEFT: c0 stays (1 to 5), the other three go away at once and, it thinks, are there at 2.5.

    Store and forward over a's uplink (1.5 s each): the first leaves at 2.5, is there at 4 and done
    at 8; the second is there at 5.5, the third at 7 and done at 11. With contention the fourth
    child stays on a behind c0: 5 to 9, while a third message would give 11. So 9.5 it is.
    """
    problem = fan("fifo", 4)
    assert make("heft").plan(problem).makespan == 6.5
    assert simulated(problem, "heft") == 11.0
    plan = make("contention_heft").plan(problem)
    assert plan.makespan == simulated(problem, "contention_heft") == 9.5
    assert sorted(plan.node.tolist()) == [0, 0, 0, 1, 2]


def test_fair_flows_by_hand() -> None:
    """Sharing a's uplink, two messages of 3 bytes at 2 bytes/s are there after 3 s, at 4: done 8.

    Booked one after the other, the first is planned to arrive at 2.5, the second at 4. A third
    would be there at 5.5 and done at 9.5; on a behind c0 the fourth child is done at 9.
    """
    problem = fan("fair", 4)
    assert simulated(problem, "heft") == pytest.approx(9.5)  # three flows: there at 1 + 4.5
    plan = make("contention_heft").plan(problem)
    assert plan.makespan == 9.0
    assert sorted(plan.node.tolist()) == [0, 0, 0, 1, 2]
    assert simulated(problem, "contention_heft") == pytest.approx(9.0)


@pytest.mark.parametrize("spec", ["", "[insertion=false]", "[lookahead=oct]"])
def test_under_ideal_it_is_heft(spec: str) -> None:
    for seed in range(40):
        problem = random_problem(np.random.default_rng(seed), overheads=seed % 2 == 0)
        mine, heft = make(f"contention_heft{spec}").plan(problem), make(f"heft{spec}").plan(problem)
        for f in fields(mine):
            assert np.array_equal(getattr(mine, f.name), getattr(heft, f.name))


@pytest.mark.parametrize("network", ["fifo", "fair"])
@pytest.mark.parametrize("gaps", [True, False])
def test_messages_never_overlap_on_a_link(network: str, gaps: bool) -> None:
    booked = 0
    for seed in range(60):
        problem = replace(random_problem(np.random.default_rng(seed), 8, 4), network=network)
        plan, transfers = contention_plan(problem, ranks_of(view_of(problem)).up, gaps=gaps)
        booked += len(transfers.edge)
        for link in np.unique(transfers.link):
            mine = np.flatnonzero(transfers.link == link)
            mine = mine[np.lexsort((transfers.finish[mine], transfers.start[mine]))]
            assert (transfers.start[mine][1:] >= transfers.finish[mine][:-1]).all()
        arrays = problem.arrays
        for e, begin in zip(transfers.edge, transfers.start, strict=True):
            assert begin >= plan.finish[arrays.edge_src[e]]
        for e, end in zip(transfers.edge, transfers.finish, strict=True):
            assert end <= plan.start[arrays.edge_dst[e]]
    assert booked > 100


def chained(rng: np.random.Generator) -> Problem:
    """An out-tree on store and forward: each task has one input, so messages are booked in turn."""
    n_tasks, n_nodes = int(rng.integers(2, 9)), int(rng.integers(1, 4))
    rows = rng.integers(1, 6, (n_tasks, n_nodes))
    tasks = tuple(
        Task(f"t{t}", variants(("v", {f"p{n}": float(s) for n, s in enumerate(row)}, 0.0)))
        for t, row in enumerate(rows)
    )
    edges = tuple(Edge(f"t{t - 1}", f"t{t}", float(rng.integers(0, 9))) for t in range(1, n_tasks))
    cluster = Cluster.star(
        "c", tuple(Node(f"p{n}") for n in range(n_nodes)), bandwidth=2.0, latency_s=0.5
    )
    stream = Stream("s", TaskGraph(tasks, edges))
    return Problem(cluster, (stream,), network="fifo", dispatch="strict", name="chained")


def test_chains_run_as_planned() -> None:
    """One message at a time: what is planned is what the engine does, link by link."""
    for seed in range(40):
        problem = chained(np.random.default_rng(seed))
        plan = make("contention_heft").plan(problem)
        log = execute(problem.arrays, plan.node, plan.variant, plan.priority, nominal(problem))
        np.testing.assert_allclose(log.start[0], plan.start, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(log.finish[0], plan.finish, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("network", ["fifo", "fair"])
def test_constraints_hold_on_every_network(name: str, network: str) -> None:
    problem = replace(TINY[name](), network=network)
    plan = make("contention_heft").plan(problem)
    assert broken_constraint(problem, plan.node, plan.variant) is None
    assert np.isfinite(problem.objective_of(plan.allocation(problem)))
