"""m-TOPO, m-ETF, m-SCT and chain partition: by hand, by brute force, under memory limits."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schedulers import solve
from schedulers.devices.chains import ChainPartition, partition
from schedulers.devices.m_sct import favourite_children
from schedulers.devices.m_topo import filled
from schedulers.registry import InvalidSpec, make
from schedulers.view import view_of
from simulator.cluster import Cluster, Node
from simulator.problem import Problem
from simulator.rules import broken_constraint, resident_bytes
from simulator.taskgraph import Edge, Task, TaskGraph, Variant
from simulator.workload import Arrivals, Stream
from tests.schedulers.problems import TINY, from_table, random_problem, strict_finish


def models(
    weights: list[float], memory: list[float], edges: list[tuple[int, int]] | None = None
) -> Problem:
    """Tasks of one second with the given weights on equal nodes with the given memory."""
    tasks = tuple(
        Task(f"t{i}", (Variant("v", seconds={"*": 1.0}, weights_bytes=w),))
        for i, w in enumerate(weights)
    )
    graph = TaskGraph(tasks, tuple(Edge(f"t{a}", f"t{b}", 1.0) for a, b in edges or []))
    nodes = tuple(Node(f"n{i}", memory_bytes=m) for i, m in enumerate(memory))
    return Problem(Cluster.mesh("m", nodes, 1.0), (Stream("s", graph),), name="models")


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    spec=st.sampled_from(("m_topo", "m_etf", "m_sct")),
    overheads=st.booleans(),
)
def test_planned_finishes_are_those_of_a_strict_run(seed: int, spec: str, overheads: bool) -> None:
    problem = random_problem(np.random.default_rng(seed), overheads=overheads)
    plan = make(spec).plan(problem)
    assert strict_finish(problem, plan.allocation(problem)).tolist() == plan.finish.tolist()


@settings(max_examples=40, deadline=None)
@given(
    weights=st.lists(st.integers(1, 6), min_size=1, max_size=7),
    spec=st.sampled_from(("m_topo", "m_etf", "m_sct", "chain_partition", "msbc", "wba")),
    spare=st.integers(0, 6),
)
def test_memory_limits_are_kept(weights: list[int], spec: str, spare: int) -> None:
    total = sum(weights)
    problem = models([float(w) for w in weights], [total / 2 + spare, total / 2 + max(weights)])
    outcome = solve(spec, problem, evaluations=4)
    node, variant, _ = outcome.allocation.arrays(problem)
    assert broken_constraint(problem, node, variant) is None
    assert (resident_bytes(problem, node, variant) <= problem.memory_bytes).all()


# ----- m-TOPO ----------------------------------------------------------------------------------
def test_m_topo_by_hand() -> None:
    """12 bytes over 3 nodes and the largest task: a cap of 4 + 4. 3 + 4 fit, 2 more do not; 2 + 1
    + 2 fit on the second node."""
    problem = models([3, 4, 2, 1, 2], [20, 20, 20], [(0, 1), (1, 2), (2, 3), (3, 4)])
    assert filled(problem).tolist() == [0, 0, 1, 1, 1]
    assert make("m_topo").plan(problem).node.tolist() == [0, 0, 1, 1, 1]


def test_m_topo_fills_no_node_beyond_its_memory() -> None:
    problem = models([3, 4, 2, 1, 2], [5, 20, 20], [(0, 1), (1, 2), (2, 3), (3, 4)])
    assert filled(problem).tolist() == [0, 1, 1, 1, 2]


def test_m_topo_shares_out_durations_where_nothing_declares_memory() -> None:
    """4 s over 2 nodes and the longest task: a cap of 3."""
    chain = [(1, 2, 1), (2, 3, 1), (3, 4, 1)]
    problem = from_table([[1, 1]] * 4, chain)
    assert filled(problem).tolist() == [0, 0, 0, 1]


def test_m_topo_passes_over_a_node_for_the_task_it_does_not_admit() -> None:
    problem = TINY["kinds"]()
    plan = make("m_topo").plan(problem)
    assert broken_constraint(problem, plan.node, plan.variant) is None


# ----- m-ETF -----------------------------------------------------------------------------------
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_m_etf_without_limits_is_etf(seed: int) -> None:
    problem = random_problem(np.random.default_rng(seed))
    a, b = make("m_etf").plan(problem), make("etf").plan(problem)
    assert a.node.tolist() == b.node.tolist()
    assert a.finish.tolist() == b.finish.tolist()


def test_m_etf_goes_elsewhere_when_a_node_is_full() -> None:
    """Without limits the chain stays on one node; 4 bytes hold two of its three models."""
    chain = [(0, 1), (1, 2)]
    assert make("m_etf").plan(models([2, 2, 2], [9, 9], chain)).node.tolist() == [0, 0, 0]
    assert make("m_etf").plan(models([2, 2, 2], [4, 4], chain)).node.tolist() == [0, 0, 1]


# ----- m-SCT -----------------------------------------------------------------------------------
def test_favourite_children_by_hand() -> None:
    """1 feeds 2 and 3 by messages of 1 s; the path over 3 is longer by 4 s. Only one message may
    cost nothing: 1 + 6 s if it is the one to 3, 1 + 1 + 6 s if it is the one to 2."""
    problem = from_table([[1, 1], [2, 2], [6, 6]], [(1, 2, 1), (1, 3, 1)])
    assert favourite_children(view_of(problem)).tolist() == [2, -1, -1]


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_nobody_has_two_favourites_or_is_the_favourite_of_two(seed: int) -> None:
    problem = random_problem(np.random.default_rng(seed), tasks=12)
    view = view_of(problem)
    favourite = favourite_children(view)
    chosen = favourite[favourite >= 0]
    assert len(set(chosen.tolist())) == len(chosen)
    for t in np.flatnonzero(favourite >= 0):
        assert favourite[t] in view.out_dst[view.out_ptr[t] : view.out_ptr[t + 1]]


def test_m_sct_keeps_a_node_for_the_favourite_child() -> None:
    """1 (1 s) feeds 2 and 3 (2 and 6 s) by messages of 1 s. Both children could start at 1 on p1;
    the favourite, 3, does, and 2 starts on p2 at 2. 3 ends at 7."""
    problem = from_table([[1, 1], [2, 2], [6, 6]], [(1, 2, 1), (1, 3, 1)])
    plan = make("m_sct").plan(problem)
    assert plan.node[2] == plan.node[0] != plan.node[1]
    assert plan.makespan == 7.0


@pytest.mark.parametrize("threshold", ["0", "0.6", "-1"])
def test_m_sct_refuses_thresholds_that_leave_favourites_ambiguous(threshold: str) -> None:
    with pytest.raises(InvalidSpec, match=r"threshold must be > 0 and <= 0\.5"):
        make(f"m_sct[threshold={threshold}]")


# ----- chains ----------------------------------------------------------------------------------
@st.composite
def chains(draw: st.DrawFn) -> Problem:
    """Chains of tasks on unequal nodes with unequal links and, at times, limited memory."""
    count, n_nodes = draw(st.integers(1, 6)), draw(st.integers(1, 3))
    number = st.integers(0, 9)
    slots, limited = draw(st.integers(1, 2)), draw(st.booleans())
    nodes = tuple(
        Node(
            f"n{i}",
            slots=slots,
            wake_s=draw(number) / 8,
            memory_bytes=draw(st.integers(6, 20)) if limited else np.inf,
        )
        for i in range(n_nodes)
    )
    tasks = tuple(
        Task(
            f"t{i}",
            (
                Variant(
                    "v",
                    seconds={f"n{k}": float(draw(number)) for k in range(n_nodes)},
                    weights_bytes=float(draw(st.integers(0, 4))),
                    activation_bytes=float(draw(st.integers(0, 2))),
                ),
            ),
        )
        for i in range(count)
    )
    edges = tuple(Edge(f"t{i}", f"t{i + 1}", float(draw(number))) for i in range(count - 1))
    cluster = Cluster.star("chain", nodes, bandwidth=2.0, latency_s=0.25)
    return Problem(cluster, (Stream("s", TaskGraph(tasks, edges)),), name="chain")


def every_partition(problem: Problem) -> list[np.ndarray]:
    """Nodes of the tasks for every way to cut a chain into stages on ascending nodes."""
    t, n = problem.n_tasks, problem.n_nodes
    found = []
    for stages in range(1, min(t, n) + 1):
        for cuts in combinations(range(1, t), stages - 1):
            for used in combinations(range(n), stages):
                ends = (0, *cuts, t)
                node = np.empty(t, dtype=np.int64)
                for k, m in enumerate(used):
                    node[ends[k] : ends[k + 1]] = m
                found.append(node)
    return found


def bottleneck_of(problem: Problem, node: np.ndarray) -> float:
    """Largest load of a node, over its slots, or of a link between stages; from the rules alone."""
    arrays = problem.arrays
    loads = np.zeros(problem.n_nodes)
    worst = 0.0
    for t in range(problem.n_tasks):
        loads[node[t]] += problem.seconds[t, 0, node[t]]
        if t > 0 and node[t] != node[t - 1]:
            worst = max(
                worst, problem.bytes[t - 1, 0] / arrays.route_bandwidth[node[t - 1], node[t]]
            )
    return max(worst, float((loads / arrays.slots).max()))


@settings(max_examples=80, deadline=None)
@given(problem=chains(), bottleneck=st.booleans())
def test_chains_are_cut_as_well_as_brute_force_cuts_them(
    problem: Problem, bottleneck: bool
) -> None:
    variant = np.zeros(problem.n_tasks, dtype=np.int64)
    least = np.inf
    for node in every_partition(problem):
        if broken_constraint(problem, node, variant) is None:
            least = min(least, _value(problem, node, bottleneck))
    node, value = partition(problem, np.arange(problem.n_nodes), bottleneck)
    assert value == pytest.approx(least, rel=1e-12)
    if least < np.inf:
        assert broken_constraint(problem, node, variant) is None
        assert _value(problem, node, bottleneck) == pytest.approx(value, rel=1e-12)
    else:
        assert (node == -1).all()


def _value(problem: Problem, node: np.ndarray, bottleneck: bool) -> float:
    """By the rules: the bottleneck, or the simulated latency of one request."""
    if bottleneck:
        return bottleneck_of(problem, node)
    rows = (node[None], np.zeros_like(node)[None], np.arange(len(node))[None])
    return float(problem.evaluate(rows)[0])


@settings(max_examples=20, deadline=None)
@given(problem=chains())
def test_the_latency_of_a_chain_is_the_objective(problem: Problem) -> None:
    _, value = partition(problem, np.arange(problem.n_nodes), False)
    if value < np.inf:
        outcome = solve(ChainPartition(minimise="latency", order="given"), problem)
        assert outcome.objective == pytest.approx(value, rel=1e-12)


def test_nodes_may_be_left_out_and_taken_in_any_order() -> None:
    """One request on nodes of 4, 1 and 2 s for each task, messages of 10 s: p2 takes all of it."""
    problem = from_table([[4, 1, 2]] * 3, [(1, 2, 10), (2, 3, 10)])
    assert set(solve("chain_partition", problem).allocation.to_dict()) >= {"placements"}
    assert {p.node for p in solve("chain_partition", problem).allocation.placements} == {"p2"}
    node, value = partition(problem, np.array([2, 1, 0]), False)
    assert node.tolist() == [1, 1, 1]
    assert value == 3.0


def test_a_pipeline_is_balanced_for_a_stream_and_kept_together_for_one_request() -> None:
    """Four tasks of 1 s on two nodes: 2 s a request when cut in the middle, 4 s when not."""
    tasks = tuple(Task(f"t{i}", (Variant("v", seconds={"*": 1.0}),)) for i in range(4))
    graph = TaskGraph(tasks, tuple(Edge(f"t{i}", f"t{i + 1}", 1.0) for i in range(3)))
    cluster = Cluster.mesh("two", (Node("a"), Node("b")), 4.0)
    one = Problem(cluster, (Stream("s", graph),), name="one")
    assert len({p.node for p in solve("chain_partition", one).allocation.placements}) == 1
    arrivals = Arrivals("constant", rate=0.5)
    many = Problem(
        cluster, (Stream("s", graph, arrivals, requests=40),), name="many", dispatch="greedy"
    )
    nodes = [p.node for p in solve("chain_partition", many).allocation.placements]
    assert nodes == ["a", "a", "b", "b"]


def test_stages_respect_memory() -> None:
    """Six bytes on nodes of four and two: only t0 and t1 fit together on the first node."""
    problem = models([2, 2, 2], [4, 2], [(0, 1), (1, 2)])
    node, value = partition(problem, np.arange(2), False)
    assert node.tolist() == [0, 0, 1]
    assert value == 4.0


def test_parameters_narrow_the_choice() -> None:
    problem = TINY["slots"]()
    plans = [
        len(ChainPartition(minimise=m, order=o).plans(problem))  # type: ignore[arg-type]
        for m, o in (("latency", "given"), ("best", "given"), ("best", "best"))
    ]
    assert plans[0] == 1
    assert plans == sorted(plans)
