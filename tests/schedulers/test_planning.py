"""Planned times are what a strict run gives, to the last bit; gaps, slots and overheads by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schedulers.heft import Heft
from schedulers.listing import FINISH, list_plan
from schedulers.registry import make, names
from schedulers.timeline import Plan
from schedulers.view import view_of
from simulator.cluster import Cluster, Node
from simulator.engines import execute
from simulator.luck import nominal
from simulator.problem import Problem
from simulator.taskgraph import Edge, Task, TaskGraph
from simulator.workload import Stream
from tests.schedulers.problems import (
    TINY,
    from_table,
    random_problem,
    strict_finish,
    variants,
    with_size_tables,
    with_slots,
)
from tests.schedulers.test_paper import ARABNEJAD, TOPCUOGLU

PLANNERS = [n for n in names() if hasattr(make(n), "plan") and n != "random"]
SPECS = [*PLANNERS, "heft[insertion=false]", "heft[lookahead=oct]", "peft[insertion=false]"]


def check(problem: Problem, plan: Plan) -> None:
    """A strict replay of the ranks alone gives the planned times."""
    assert strict_finish(problem, plan.allocation(problem)).tolist() == plan.finish.tolist()


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32), overheads=st.booleans())
def test_planned_times_are_simulated_times(seed: int, overheads: bool) -> None:
    """Ties, zero sizes, zero durations; with `overheads` slots, dispatch, send and wake as well."""
    problem = random_problem(np.random.default_rng(seed), overheads=overheads)
    for spec in SPECS:
        check(problem, make(spec).plan(problem))


@pytest.mark.parametrize("spec", SPECS)
def test_planned_times_with_size_tables(spec: str) -> None:
    problem = with_size_tables()
    check(problem, make(spec).plan(problem))


@pytest.mark.parametrize("spec", SPECS)
def test_planned_times_at_extreme_scales(spec: str) -> None:
    """Seconds from 2.5e-10 to 3.8e10: no sentinel and no epsilon gets in the way."""
    problem = TINY["forbidden"]()
    check(problem, make(spec).plan(problem))


def test_insertion_fills_the_gap_it_fits_exactly() -> None:
    """1 (5 s) then 2 (5 s, 10 bytes away) leaves p1 idle from 5 to 15; 3 (10 s) just fits there.

    p2 cannot help: it is slow. By bisection and exact comparison the gap [5, 15) takes 10 s.
    """
    problem = from_table([[5, 99], [99, 0], [5, 99], [10, 99]], [(1, 2, 5), (2, 3, 5)])
    priority = np.array([9.0, 8.0, 7.0, 1.0])
    plan = list_plan(problem, priority, FINISH, insertion=True)
    assert plan.start.tolist() == [0.0, 10.0, 15.0, 5.0]
    appended = list_plan(problem, priority, FINISH, insertion=False)
    assert appended.start.tolist() == [0.0, 10.0, 15.0, 20.0]


def test_slots_are_interchangeable() -> None:
    """Two slots: [0, 2) and, reserved late, [3, 6) leave one slot free all along from 2 on, and
    from 0 on as well: whichever slot the reserved task will get, 4 s fit at once.
    """
    nodes = (Node("m", slots=2), Node("far", speed=0.01))
    tasks = tuple(
        Task(n, variants(("v", {"m": s, "far": 3.0 if n == "b" else 99.0}, 0.0)))
        for n, s in (("a", 2.0), ("b", 300.0), ("c", 3.0), ("d", 4.0))
    )
    nodes = (Node("m", slots=2), Node("far"))
    graph = TaskGraph(tasks, (Edge("b", "c", 0.0),))
    problem = Problem(Cluster.mesh("m", nodes, 1.0), (Stream("s", graph),))
    plan = list_plan(problem, np.array([9.0, 8.0, 7.0, 1.0]), FINISH, insertion=True)
    assert plan.start.tolist() == [0.0, 0.0, 3.0, 0.0]
    assert plan.node.tolist() == [0, 1, 0, 0]
    check(problem, plan)


def test_overheads_and_corun_in_the_view() -> None:
    """Node m: (0.25 + 1) at the factor 1.5 of three busy slots; s sends half of its messages.

    Task t1 sends to t3 only, 1 byte: 0.5 + 0.25 on s, in half the cases; its 2 s run 1.5 times
    faster there.
    """
    view = view_of(with_slots())
    assert view.hold[0, 0, 0] == pytest.approx(1.25 * 1.5, rel=1e-15)
    problem = with_slots()
    edges = [e for e in range(problem.n_edges) if problem.arrays.edge_src[e] == 1]
    assert view.hold[1, 0, 1] == pytest.approx(2.0 / 1.5 + len(edges) * 0.75 / 2)


def test_join_inputs_are_all_awaited_and_lags_are_not() -> None:
    """Quorums only make a task earlier; an edge with lag orders nothing within one request."""
    problem = TINY["branches"]()
    plan = make("mct").plan(problem)
    vote, d = problem.task_index["vote"], problem.task_index["d"]
    assert plan.start[vote] >= max(plan.finish[problem.task_index[t]] for t in "bcd")
    assert plan.start[problem.task_index["a"]] == 0.0
    assert plan.start[d] >= plan.finish[problem.task_index["a"]]


def test_node_and_variant_are_chosen_together() -> None:
    """x: the small model on the fast node. Then y there (3.0), and z rather there after it (4.5)
    than on b, where 2 bytes take 0.125 + 0.125 + 0.5 and the small model 3 s: 5.25.
    """
    problem = TINY["variants"]()
    plan = make("mct").plan(problem)
    assert plan.node.tolist() == [0, 0, 0]
    assert plan.variant.tolist() == [1, 1, 1]
    assert plan.finish.tolist() == [1.5, 3.0, 4.5]


def test_priorities_are_ranks_of_start_finish_and_topological_index() -> None:
    """Two tasks without length start and finish together: the topological index decides."""
    problem = from_table([[0], [0], [1]], [(2, 1, 0)])
    plan = Heft().plan(problem)
    assert plan.priority.tolist() == [1, 0, 2]


def test_mean_costs_leave_forbidden_nodes_out() -> None:
    """x may run on c and d only, 3.8e10 s each; y on g only, 9 times as fast as c."""
    from schedulers.ranks import mean_costs

    view = view_of(TINY["forbidden"]())
    assert mean_costs(view).tolist() == pytest.approx([3.8e10, 2.5e-10 / 9, (1 + 1 + 1 / 9) / 3])


@pytest.mark.parametrize("problem", [TOPCUOGLU, ARABNEJAD], ids=lambda p: p.name)
@pytest.mark.parametrize("spec", SPECS)
def test_engines_give_the_planned_times(spec: str, problem: Problem) -> None:
    """Both engines, not only the evaluator of the tests."""
    plan = make(spec).plan(problem)
    case = (*plan.allocation(problem).arrays(problem), nominal(problem))
    for engine in ("reference", "kernel"):
        log = execute(problem.arrays, *case, engine)
        assert log.start[0].tolist() == plan.start.tolist()
        assert log.finish[0].tolist() == plan.finish.tolist()
        assert log.makespan == plan.makespan
    assert problem.objective_of(plan.allocation(problem)) == plan.makespan


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), overheads=st.booleans())
def test_simulated_makespans_are_the_planned_ones(seed: int, overheads: bool) -> None:
    """HEFT under `ideal`, strict, with slots and overheads too: bit for bit."""
    problem = random_problem(np.random.default_rng(seed), tasks=9, overheads=overheads)
    plan = Heft().plan(problem)
    assert problem.objective_of(plan.allocation(problem)) == plan.makespan
