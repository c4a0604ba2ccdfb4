"""The compiled local search: its times are the engines', its answers admissible and good."""

from __future__ import annotations

import numpy as np
import pytest

from schedulers import make, solve
from schedulers.exactness import plan_is_exact
from schedulers.local import LocalSearch
from schedulers.local.annealing import STARTS
from schedulers.starts import planned
from simulator.cluster import Cluster, Node
from simulator.errors import AlloclabError
from simulator.problem import Problem
from simulator.rules import broken_constraint, check_allocation
from simulator.taskgraph import Edge, Join, Task, TaskGraph
from simulator.workload import Stream
from tests.schedulers.problems import TINY, every_placement, from_table, random_problem, variants
from tests.schedulers.test_paper import TOPCUOGLU


def searched(problem, moves=2000, seed=1, hot=0.05, cold=0.001):  # type: ignore[no-untyped-def]
    plan = min(planned(problem, STARTS), key=lambda plan: plan.makespan)
    search = LocalSearch(problem)
    return plan, search.run(
        plan.node, plan.variant, plan.priority, moves=moves, hot=hot, cold=cold, seed=seed
    )


@pytest.mark.parametrize("seed", range(60))
def test_what_is_found_is_what_the_engine_says(seed: int) -> None:
    """Bit for bit, on one slot and on several, with sends and wakes, zero lengths and ties."""
    problem = random_problem(np.random.default_rng(seed), 9, 4, overheads=seed % 2 == 1)
    assert plan_is_exact(problem)
    plan, found = searched(problem)
    rows = tuple(x[None] for x in found[:3])
    assert problem.evaluate(rows)[0] == found.makespan
    assert found.makespan <= plan.makespan * (1 + 1e-12)


@pytest.mark.parametrize("name", TINY)
def test_constraints_are_kept(name: str) -> None:
    problem = TINY[name]()
    for seed in range(3):
        _, found = searched(problem, moves=1500, seed=seed, hot=0.5, cold=0.1)
        assert broken_constraint(problem, found.node, found.variant) is None
        assert np.isfinite(problem.evaluate(tuple(x[None] for x in found[:3])))[0]
        assert sorted(found.priority) == list(range(problem.n_tasks))


def test_the_textbook_optimum_is_found() -> None:
    """Topcuoglu et al. 2002: HEFT 80, optimum 73."""
    assert solve("annealing", TOPCUOGLU, evaluations=40_000, seed=1).objective == 73.0


def test_two_tasks_by_hand() -> None:
    """3 s each on a and 5 s on b, a message of 4 s: together on a, 6 s, not 5 + 4 + 3."""
    problem = from_table([[3, 5], [3, 5]], [(1, 2, 4)])
    _, found = searched(problem, moves=50)
    assert found.node.tolist() == [0, 0]
    assert found.makespan == 6.0


def brute_force(problem) -> float:  # type: ignore[no-untyped-def]
    """Least makespan over all placements and all orders."""
    from itertools import permutations

    orders = np.array(list(permutations(range(problem.n_tasks))), dtype=np.int64)
    best = np.inf
    for node, variant in every_placement(problem):
        rows = (np.tile(node, (len(orders), 1)), np.tile(variant, (len(orders), 1)), orders)
        best = min(best, float(problem.evaluate(rows).min()))
    return best


@pytest.mark.parametrize("seed", range(8))
def test_tiny_problems_are_solved_to_the_optimum(seed: int) -> None:
    problem = random_problem(np.random.default_rng(700 + seed), 5, 2, overheads=seed % 2 == 1)
    assert solve("annealing", problem, evaluations=20_000).objective == brute_force(problem)


def test_many_starts_give_the_same_with_any_number_of_threads() -> None:
    problem = random_problem(np.random.default_rng(5), 9, 4)
    plan = min(planned(problem, STARTS), key=lambda plan: plan.makespan)
    rows = [np.stack([x] * 5) for x in (plan.node, plan.variant, plan.priority)]
    answers = [
        LocalSearch(problem).run_many(
            *rows, moves=500, hot=0.05, cold=0.01, seeds=np.arange(5), threads=threads
        )
        for threads in (1, 3)
    ]
    for one, other in zip(*answers, strict=True):
        assert np.array_equal(one, other)
    alone = LocalSearch(problem).run(
        plan.node, plan.variant, plan.priority, moves=500, hot=0.05, cold=0.01, seed=3
    )
    assert np.array_equal(alone.node, answers[0].node[3])
    assert alone.makespan == answers[0].makespan[3]


def test_without_limits_it_ends_by_itself_and_repeats() -> None:
    problem = TINY["variants"]()
    outcome = solve("annealing[moves=3000]", problem, seed=4)
    assert outcome.allocation == solve("annealing[moves=3000]", problem, seed=4).allocation
    assert outcome.evaluations >= 3000


def test_streams_improve_on_the_start() -> None:
    """HEFT scatters the chains; the truth is a fair network with luck."""
    problem = TINY["streams"]()
    best = solve("annealing", problem, evaluations=400, seed=1).objective
    assert best <= min(solve(s, problem).objective for s in ("heft", "min_min", "single_node"))


@pytest.mark.parametrize("spec", ["annealing[moves=-1]", "annealing[hot=1]", "annealing[truth=2]"])
def test_parameters_that_make_no_sense_are_refused(spec: str) -> None:
    with pytest.raises(AlloclabError):
        make(spec)


def test_orders_against_the_edges_are_infinitely_bad_also_where_a_quorum_hides_them() -> None:
    """The join needs two of three; the third can never start, yet the request would complete."""
    tasks = (*(Task(t, variants(("v", {"*": 1.0}, 0.0))) for t in "abc"),
             Task("j", variants(("v", {"*": 1.0}, 0.0)), join=Join(need=2)))  # fmt: skip
    graph = TaskGraph(tasks, (Edge("a", "j"), Edge("b", "j"), Edge("c", "j")))
    problem = Problem(Cluster.mesh("m", (Node("x"), Node("y")), 1.0), (Stream("s", graph),),
                      dispatch="strict", name="quorum")  # fmt: skip
    node, variant = np.zeros((2, 4), dtype=np.int64), np.zeros((2, 4), dtype=np.int64)
    priority = np.array([[0, 1, 2, 3], [0, 1, 3, 2]])
    values = problem.evaluate((node, variant, priority))
    assert np.isfinite(values[0])
    assert values[1] == np.inf
    for spec in ("portfolio", "annealing", "genetic"):
        check_allocation(problem, solve(spec, problem, evaluations=300).allocation)
