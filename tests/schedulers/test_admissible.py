"""Memory, groups and forbidden nodes: every planner keeps them, and gives up only with reason."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schedulers.admissible import rules_of
from schedulers.feasible import Keeper
from schedulers.registry import make, names
from simulator.cluster import Cluster, Node
from simulator.errors import Infeasible
from simulator.problem import Problem
from simulator.rules import broken_constraint, resident_bytes
from simulator.taskgraph import Edge, Task, TaskGraph, Variant
from simulator.workload import Stream
from tests.schedulers.problems import TINY, every_placement, variants

# Those that plan once; searches are held to the same rules by the contract tests.
PLANNERS = [name for name in names() if name == "single_node" or hasattr(make(name), "plan")]


def plan_of(spec: str, problem: Problem, seed: int = 0):
    scheduler = make(spec)
    if spec == "random":
        return scheduler.plan(problem, np.random.default_rng(seed))
    if spec == "single_node":
        return scheduler.plans(problem)[0]
    return scheduler.plan(problem)


def constrained_problem(rng: np.random.Generator) -> Problem:
    """A few tasks with variants, shared weights, tight memory and random groups."""
    n_tasks, n_nodes = int(rng.integers(2, 6)), int(rng.integers(1, 4))
    nodes = tuple(
        Node(f"n{i}", memory_bytes=float(rng.integers(3, 10)), slots=int(rng.integers(1, 3)))
        for i in range(n_nodes)
    )

    def variant(v: int) -> Variant:
        group = f"g{rng.integers(0, 2)}" if rng.random() < 0.4 else None
        size = 2.0 if group else float(rng.integers(0, 4))
        return Variant(
            f"v{v}",
            seconds={f"n{n}": float(rng.integers(0, 5)) for n in range(n_nodes)},
            weights_bytes=size,
            activation_bytes=float(rng.integers(0, 3)),
            sharing_group=group,
        )

    tasks = tuple(
        Task(
            f"t{t}",
            tuple(variant(v) for v in range(int(rng.integers(1, 3)))),
            forbidden=("n0",) if n_nodes > 1 and rng.random() < 0.2 else (),
        )
        for t in range(n_tasks)
    )

    def group() -> tuple[str, ...]:
        return tuple(f"t{t}" for t in sorted(rng.choice(n_tasks, 2, replace=False)))

    edges = tuple(Edge(f"t{t - 1}", f"t{t}", 1.0) for t in range(1, n_tasks) if rng.random() < 0.5)
    graph = TaskGraph(
        tasks,
        edges,
        place_with=tuple(group() for _ in range(int(rng.integers(0, 3)))),
        apart=tuple(group() for _ in range(int(rng.integers(0, 3)))) if n_nodes > 1 else (),
    )
    return Problem(Cluster.mesh("c", nodes, 1.0), (Stream("s", graph),), name="constrained")


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_planners_find_a_place_exactly_when_there_is_one(seed: int) -> None:
    """The oracle enumerates every (node, variant) of every task."""
    rng = np.random.default_rng(seed)
    try:
        problem = constrained_problem(rng)
    except Exception as error:  # a task that fits nowhere on its own is refused with the problem
        assert "fits no node" in str(error)
        return
    possible = bool(every_placement(problem))
    for spec in PLANNERS:
        if not possible:
            with pytest.raises(Infeasible, match=r"^(no allocation|tasks|the weights)"):
                plan_of(spec, problem, seed)
            continue
        plan = plan_of(spec, problem, seed)
        assert broken_constraint(problem, plan.node, plan.variant) is None


@pytest.mark.parametrize("spec", PLANNERS)
@pytest.mark.parametrize("name", ["memory", "traps", "groups", "forbidden", "kinds"])
def test_constraints_are_kept(spec: str, name: str) -> None:
    problem = TINY[name]()
    plan = plan_of(spec, problem)
    assert broken_constraint(problem, plan.node, plan.variant) is None


def test_the_guard_avoids_the_trap() -> None:
    """HEFT would put `small` on the fast node, where alone `big` fits: on guard it does not."""
    plan = plan_of("heft", TINY["traps"]())
    assert plan.node.tolist() == [1, 0]


def test_a_tight_packing_is_found() -> None:
    """Bin packing without slack: 6 5 4 | 5 5 5 | 7 4 4 in three nodes of 15 bytes."""
    sizes = [7.0, 4.0, 4.0, 5.0, 5.0, 5.0, 6.0, 5.0, 4.0]
    tasks = tuple(Task(f"t{i}", variants(("v", {"*": 1.0}, size))) for i, size in enumerate(sizes))
    nodes = tuple(Node(n, memory_bytes=15.0) for n in "abc")
    problem = Problem(Cluster.mesh("m", nodes, 1.0), (Stream("s", TaskGraph(tasks)),))
    for spec in PLANNERS:
        plan = plan_of(spec, problem)
        assert resident_bytes(problem, plan.node, plan.variant).tolist() == [15.0, 15.0, 15.0]


def test_fractional_bytes_that_round_the_other_way() -> None:
    """0.1 + 0.2 > 0.3: what fits by one order of summation must fit by the official one."""
    rng = np.random.default_rng(7)
    sizes = rng.random(12)
    nodes = tuple(Node(n, memory_bytes=float(np.sort(sizes)[::-1].sum())) for n in "ab")
    tasks = tuple(
        Task(f"t{i}", variants(("v", {"a": 1.0, "b": 50.0}, float(size))))
        for i, size in enumerate(sizes)
    )
    problem = Problem(Cluster.mesh("m", nodes, 1.0), (Stream("s", TaskGraph(tasks)),))
    plan = plan_of("met", problem)
    assert broken_constraint(problem, plan.node, plan.variant) is None


@pytest.mark.parametrize(
    ("graph", "memory", "sentence"),
    [
        (
            TaskGraph(tuple(Task(t, variants(("v", {"*": 1.0}, 4.0))) for t in "xyz")),
            5.0,
            "the weights that no tasks share need 12 bytes of memory, and all nodes together "
            "have 10",
        ),
        (
            TaskGraph(tuple(Task(t, variants(("v", {"*": 1.0}, 3.0))) for t in "xyz")),
            5.0,
            "no allocation keeps the memory limits of 'p': however tasks 'x', 'y' are placed, "
            "task 'z' fits on no node",
        ),
        (
            TaskGraph(
                (
                    Task("x", variants(("v", {"a": 1.0}, 0.0))),
                    Task("y", variants(("v", {"b": 1.0}, 0.0))),
                ),
                place_with=(("x", "y"),),
            ),
            5.0,
            "tasks 'x', 'y' must share one node, but no node admits all of them",
        ),
        (
            TaskGraph(
                tuple(Task(t, variants(("v", {"*": 1.0}, 0.0))) for t in "xyz"),
                place_with=(("x", "y"),),
                apart=(("y", "x"),),
            ),
            5.0,
            "no allocation keeps the memory limits and the place_with groups and the apart "
            "groups of 'p': however tasks 'x' are placed, task 'y' fits on no node",
        ),
    ],
)
def test_infeasible_is_a_clear_sentence(graph: TaskGraph, memory: float, sentence: str) -> None:
    nodes = (Node("a", memory_bytes=memory), Node("b", memory_bytes=memory))
    problem = Problem(Cluster.mesh("m", nodes, 1.0), (Stream("s", graph),), name="p")
    for spec in PLANNERS:
        with pytest.raises(Infeasible) as caught:
            plan_of(spec, problem)
        assert str(caught.value) == sentence


def test_a_search_that_is_cut_off_does_not_claim_a_proof(monkeypatch) -> None:
    """One step is not enough to know."""
    monkeypatch.setattr("schedulers.feasible.STEPS", 1)
    graph = TaskGraph(tuple(Task(t, variants(("v", {"*": 1.0}, 3.0))) for t in "xyz"))
    nodes = (Node("a", memory_bytes=5.0), Node("b", memory_bytes=5.0))
    problem = Problem(Cluster.mesh("m", nodes, 1.0), (Stream("s", graph),), name="p")
    with pytest.raises(Infeasible, match="no allocation was found, in 1 steps of search, that"):
        plan_of("heft", problem)


def test_a_guarded_keeper_refuses_dead_ends_and_says_so_at_once() -> None:
    problem = TINY["traps"]()
    keeper = Keeper(problem, rules_of(problem), guarded=True)
    assert keeper.fit[0, 0].tolist() == [True, True]
    assert not keeper.admit(0, 0, 0)
    assert keeper.fit[0, 0].tolist() == [False, True]
    assert keeper.admit(0, 0, 1)
    assert keeper.fit[1, 0].tolist() == [True, False]
