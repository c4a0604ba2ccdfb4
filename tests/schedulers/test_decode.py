"""The batch decoder: by hand, against the list schedulers, and under constraints."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schedulers import make, solve
from schedulers.decode import Decoder, Sampler
from schedulers.exactness import plan_is_exact
from schedulers.listing import WISH, list_plan
from schedulers.ranks import ranks_of
from schedulers.view import view_of
from simulator.cluster import Cluster, Node
from simulator.errors import Infeasible, InvalidAllocation
from simulator.evaluate import admissible
from simulator.problem import Problem
from simulator.rules import resident_bytes
from simulator.taskgraph import Edge, Task, TaskGraph, Variant
from simulator.workload import Stream
from tests.schedulers.problems import TINY, from_table, random_problem
from tests.schedulers.test_paper import TOPCUOGLU

PAIR = from_table([[2, 3], [4, 1]], [])
"""Two tasks that prefer different nodes."""

GAP = from_table([[1, 9], [9, 1], [1, 9], [2, 9]], [(2, 3, 4)])
"""Task 3 waits on p1 until 5 for a message of task 2; task 4 fits in before."""


def falling(count: int, rows: int = 1) -> np.ndarray:
    """Priorities in the order of the tasks."""
    return np.tile(np.arange(count, 0.0, -1.0), (rows, 1))


def test_each_task_goes_where_it_finishes_first() -> None:
    found = Decoder(PAIR)(falling(2))
    assert found.node.tolist() == [[0, 1]]
    assert found.makespan.tolist() == [2.0]
    assert found.priority.tolist() == [[1, 0]]  # task 2 finishes first


def test_a_bias_is_added_to_the_finish() -> None:
    """Task 1: 2 + 5 on p1, 3 on p2. Task 2: 4 on p1 and 3 + 1 on p2: the lower node."""
    bias = np.zeros((1, 2, 2))
    bias[0, 0, 0] = 5.0
    found = Decoder(PAIR)(falling(2), bias)
    assert found.node.tolist() == [[1, 0]]
    assert found.makespan.tolist() == [4.0]


def test_a_wish_comes_before_the_earliest_finish() -> None:
    found = Decoder(PAIR)(falling(2, 2), wish=np.array([[1, -1], [-1, 0]]))
    assert found.node.tolist() == [[1, 0], [0, 0]]
    assert found.makespan.tolist() == [4.0, 6.0]


def test_priorities_order_the_ready_tasks() -> None:
    """On one node, whose tasks take 1, 2 and 4: ranks follow the priorities."""
    problem = from_table([[1], [2], [4]], [])
    found = Decoder(problem)(np.array([[1.0, 3.0, 2.0], [2.0, 2.0, 2.0]]))
    assert found.priority.tolist() == [[2, 0, 1], [0, 1, 2]]


def test_gaps_are_filled_with_insertion_only() -> None:
    priority = np.array([[4.0, 3.0, 2.0, 1.0]])
    # Task 3 becomes ready only when task 2 is placed: 2.0 > 1.0 keeps it before task 4.
    filled, appended = Decoder(GAP)(priority), Decoder(GAP, insertion=False)(priority)
    assert filled.node.tolist() == [[0, 1, 0, 0]]
    assert filled.makespan.tolist() == [6.0]
    assert filled.priority.tolist() == [[1, 0, 3, 2]] or filled.priority[0, 3] == 2
    assert appended.makespan.tolist() == [8.0]


def test_a_wish_may_name_a_variant() -> None:
    """Task x of `variants`: the large model on a takes 2 s, the small one 1.5 s."""
    problem = TINY["variants"]()
    large, small = 2 * 1 + 0, 2 * 2 + 0
    wish = np.array([[0, -1, -1], [large, -1, -1], [small, -1, -1]])
    found = Decoder(problem)(falling(3, 3), wish=wish)
    assert found.variant[:, 0].tolist() == [1, 0, 1]
    forbidden = np.array([[2 * 1 + 1, -1, -1]])  # the large model may not run on b
    assert Decoder(problem)(falling(3), wish=forbidden).variant[0, 0] == 1


@pytest.mark.parametrize("insertion", [True, False])
@pytest.mark.parametrize("name", [*TINY, "topcuoglu"])
def test_upward_ranks_give_heft(name: str, insertion: bool) -> None:
    problem = TINY[name]() if name in TINY else TOPCUOGLU
    plan = make(f"heft[insertion={str(insertion).lower()}]").plan(problem)  # type: ignore[attr-defined]
    found = Decoder(problem, insertion)(ranks_of(view_of(problem)).up[None])
    assert found.node[0].tolist() == plan.node.tolist()
    assert found.variant[0].tolist() == plan.variant.tolist()
    assert found.priority[0].tolist() == plan.priority.tolist()
    assert found.makespan[0] == plan.makespan


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans(), st.booleans())
def test_the_same_plans_as_list_scheduling(seed: int, overheads: bool, insertion: bool) -> None:
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, tasks=12, nodes=4, overheads=overheads)
    shape = (3, problem.n_tasks)
    priority = rng.integers(0, 5, shape).astype(np.float64)
    bias = rng.integers(0, 4, (*shape, problem.n_nodes)).astype(np.float64)
    wish = rng.integers(-1, problem.n_nodes, shape)
    decoder = Decoder(problem, insertion)
    biased, wished = decoder(priority, bias), decoder(priority, wish=wish)
    for b in range(3):
        plan = list_plan(problem, priority[b], insertion=insertion, bias=bias[b])
        assert biased.node[b].tolist() == plan.node.tolist()
        assert biased.priority[b].tolist() == plan.priority.tolist()
        assert biased.makespan[b] == plan.makespan
        if (wish[b] >= 0).all():
            plan = list_plan(problem, priority[b], WISH, insertion, wish=wish[b])
            assert wished.node[b].tolist() == plan.node.tolist()
            assert wished.makespan[b] == plan.makespan
        pinned = wish[b] >= 0
        assert (wished.node[b][pinned] == wish[b][pinned]).all()
    rows = (biased.node, biased.variant, biased.priority)
    assert plan_is_exact(problem)
    assert problem.evaluate(rows).tolist() == biased.makespan.tolist()


def test_threads_and_ranks_change_nothing() -> None:
    rng = np.random.default_rng(1)
    for problem in (TOPCUOGLU, TINY["slots"](), TINY["groups"]()):
        priority, bias = Sampler(problem).draw(300, rng)
        wish = rng.integers(-1, problem.n_nodes, priority.shape)
        alone = Decoder(problem)(priority, bias, wish)
        for threads in (2, 3):
            together = Decoder(problem)(priority, bias, wish, threads=threads)
            for one, other in zip(alone, together, strict=True):
                assert np.array_equal(one, other)
        bare = Decoder(problem)(priority, bias, wish, ranked=False)
        assert np.array_equal(bare.makespan, alone.makespan)
        assert len(bare.priority) == 0


def tight_problem(rng: np.random.Generator) -> Problem:
    """Up to seven models on three nodes, with little memory and groups by chance."""
    tasks = int(rng.integers(2, 8))
    nodes = tuple(
        Node(n, memory_bytes=float(rng.integers(4, 12)) / 3.0, slots=int(rng.integers(1, 3)))
        for n in "abc"
    )
    names = [f"t{i}" for i in range(tasks)]
    work = tuple(
        Task(
            name,
            tuple(
                Variant(
                    f"v{k}", seconds={n: float(rng.integers(1, 6)) for n in "abc"},
                    weights_bytes=float(rng.integers(0, 5)) / 3.0,
                    activation_bytes=float(rng.integers(0, 2)) / 3.0,
                )
                for k in range(int(rng.integers(1, 3)))
            ),
        )
        for name in names
    )  # fmt: skip
    edges = tuple(
        Edge(names[a], names[b], 1.0)
        for a in range(tasks) for b in range(a + 1, tasks) if rng.random() < 0.3
    )  # fmt: skip
    mixed = [names[i] for i in rng.permutation(tasks)]
    graph = TaskGraph(
        work,
        edges,
        place_with=(tuple(mixed[:2]),) if tasks > 3 and rng.random() < 0.5 else (),
        apart=(tuple(mixed[-2:]),) if tasks > 3 and rng.random() < 0.5 else (),
    )
    return Problem(Cluster.star("tight", nodes, bandwidth=1.0), (Stream("s", graph),), name="tight")


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32 - 1))
@example(2945)  # thirds of bytes fill every node: their sum is or is not the limit, by its order
def test_whatever_is_finite_is_admissible(seed: int) -> None:
    rng = np.random.default_rng(seed)
    problem = tight_problem(rng)
    try:
        decoder = Decoder(problem)
    except Infeasible:
        return
    priority, bias = Sampler(problem).draw(8, rng)
    wish = rng.integers(-1, problem.n_nodes * (1 + problem.arrays.n_variants), priority.shape)
    for found in (decoder(priority, bias), decoder(priority, bias, wish)):
        finite = np.flatnonzero(np.isfinite(found.makespan))
        assert admissible(problem, found.node[finite], found.variant[finite]).tolist() == list(
            range(len(finite))
        )
        rows = tuple(x[finite] for x in (found.node, found.variant, found.priority))
        assert problem.evaluate(rows).tolist() == found.makespan[finite].tolist()  # type: ignore[arg-type]
        for b in np.flatnonzero(np.isinf(found.makespan)):  # over by the rounding of a sum only
            need = resident_bytes(problem, found.node[b], found.variant[b])
            assert (need <= problem.memory_bytes * (1.0 + 1e-12)).all()


def test_a_sum_that_rounds_past_the_limit_is_refused_as_everywhere() -> None:
    """The only placement fills nodes of 5/3, 4/3 and 8/3 bytes, and a sum of thirds rounds up."""
    problem = tight_problem(np.random.default_rng(2945))
    priority, bias = Sampler(problem).draw(8, np.random.default_rng(0))
    assert np.isinf(Decoder(problem)(priority, bias).makespan).all()
    for name in ("brute_force", "heft", "genetic"):
        with pytest.raises(Infeasible):
            solve(name, problem, evaluations=100)


def test_dead_ends_are_repaired() -> None:
    """The small model of `traps` would take the only node on which the big one fits."""
    found = Decoder(TINY["traps"]())(np.array([[2.0, 1.0]]), wish=np.array([[0, -1]]))
    assert found.node.tolist() == [[1, 0]]
    assert np.isfinite(found.makespan[0])


def test_what_cannot_be_placed_is_refused() -> None:
    stream = PAIR.streams[0]
    graph = TaskGraph(stream.graph.tasks, place_with=(("1", "2"),), apart=(("1", "2"),))
    impossible = replace(PAIR, streams=(replace(stream, graph=graph),), name="impossible")
    with pytest.raises(Infeasible, match="place_with groups and the apart groups"):
        Decoder(impossible)


def test_arrays_of_a_wrong_shape_are_refused() -> None:
    decoder = Decoder(PAIR)
    with pytest.raises(InvalidAllocation, match=r"priority must have shape \(1, 2\)"):
        decoder(np.zeros((1, 3)))
    with pytest.raises(InvalidAllocation, match=r"bias must have shape \(1, 2, 2\)"):
        decoder(np.zeros((1, 2)), np.zeros((1, 2)))
    with pytest.raises(InvalidAllocation, match="a wish must be below"):
        decoder(np.zeros((1, 2)), wish=np.array([[0, 9]]))
    assert len(decoder(np.zeros((0, 2))).makespan) == 0
