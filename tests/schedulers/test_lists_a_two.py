"""FCP and FLB: the theorem that two nodes are enough, and examples by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schedulers.ranks import ranks_of
from schedulers.registry import InvalidSpec, make
from schedulers.timeline import Plan
from schedulers.view import view_of
from simulator.problem import Problem
from tests.schedulers.problems import from_table, random_problem


def places_in_turn(problem: Problem, plan: Plan) -> list[tuple[int, np.ndarray, np.ndarray]]:
    """(task placed, ready tasks, earliest starts on all nodes of each (R, N)) of each step.

    Tasks without length leave the order of the steps open; problems here have none.
    """
    view = view_of(problem)
    n_tasks, n_nodes = view.n_tasks, view.n_nodes
    free, done = np.zeros(n_nodes), np.zeros(n_tasks, dtype=bool)
    arrival = np.zeros((n_tasks, n_nodes))
    steps = []
    for t in np.lexsort((view.position, plan.finish, plan.start)):
        ready = []
        for u in np.flatnonzero(~done):
            inputs = range(view.in_ptr[u], view.in_ptr[u + 1])
            if not all(done[view.in_src[i]] for i in inputs):
                continue
            ready.append(u)
            for i in inputs:
                p = view.in_src[i]
                for n in range(n_nodes):
                    there = plan.finish[p]
                    if n != plan.node[p]:
                        there += view.latency[plan.node[p], n]
                        there += view.in_size[i, 0] / view.bandwidth[plan.node[p], n]
                    arrival[u, n] = max(arrival[u, n], there)
        steps.append((int(t), np.array(ready), np.maximum(arrival[ready], free)))
        done[t] = True
        free[plan.node[t]] = plan.finish[t]
    return steps


def uniform(seed: int) -> Problem:
    """Random integer seconds from 1 on, unrelated nodes, all links alike."""
    rng = np.random.default_rng(seed)
    n_tasks, n_nodes = int(rng.integers(2, 13)), int(rng.integers(2, 5))
    edges = [
        (a, b, float(rng.integers(0, 6)))
        for a in range(1, n_tasks + 1)
        for b in range(a + 1, n_tasks + 1)
        if rng.random() < 0.3
    ]
    return from_table(rng.integers(1, 9, (n_tasks, n_nodes)).tolist(), edges)


@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_flb_always_schedules_the_task_that_can_start_first(seed: int) -> None:
    """Theorem of the ICPP paper. A step is the start of a task: starts never decrease."""
    problem = uniform(seed)
    plan = make("flb").plan(problem)
    for t, ready, starts in places_in_turn(problem, plan):
        assert t in ready
        assert plan.start[t] == starts.min()


@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_flb_plans_chains_like_etf(seed: int) -> None:
    """One task at a time, and no ties between nodes but for the first one."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 9))
    edges = [(t, t + 1, float(rng.integers(1, 9))) for t in range(1, n)]
    problem = from_table(rng.integers(1, 9, (n, 3)).tolist(), edges)
    flb, etf = make("flb").plan(problem), make("etf").plan(problem)
    assert flb.start.tolist() == etf.start.tolist()


@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_fcp_starts_every_task_as_early_as_any_node_would(seed: int) -> None:
    """Theorem of the ICS paper, in the order that the description of the queue gives."""
    problem = uniform(seed)
    view = view_of(problem)
    plan = make("fcp").plan(problem)
    order = fcp_order(problem, int(view.slots.sum()))
    free, placed = np.zeros(view.n_nodes), []
    for t in order:
        starts = free.copy()
        for i in range(view.in_ptr[t], view.in_ptr[t + 1]):
            p = view.in_src[i]
            assert p in placed
            for n in range(view.n_nodes):
                away = n != plan.node[p]
                there = plan.finish[p] + (view.in_size[i, 0] if away else 0.0)
                starts[n] = max(starts[n], there)
        assert plan.start[t] == starts.min()
        free[plan.node[t]] = plan.finish[t]
        placed.append(t)


def fcp_order(problem: Problem, width: int) -> list[int]:
    """The order of FCP, written from its description: a short sorted queue, and a long one."""
    view = view_of(problem)
    level = ranks_of(view).up
    waiting = view.inputs.copy()
    later = [t for t in range(view.n_tasks) if waiting[t] == 0]
    near: list[int] = []
    order = []
    while later or near:
        while later and len(near) < width:
            near.append(later.pop(0))
        near.sort(key=lambda t: (-level[t], t))
        t = near.pop(0)
        order.append(t)
        for i in range(view.out_ptr[t], view.out_ptr[t + 1]):
            dst = int(view.out_dst[i])
            waiting[dst] -= 1
            if waiting[dst] == 0:
                later.append(dst)
    return order


def test_short_queue_by_hand() -> None:
    """Three tasks of 1, 2, 3 s on one node: with a queue of one in the order of their numbers, with
    two 2, 3, 1 (3 enters when 2 leaves), with three 3, 2, 1.
    """
    problem = from_table([[1], [2], [3]], [])
    starts = {q: make(f"fcp[queue={q}]").plan(problem).start.tolist() for q in (1, 2, 3)}
    assert starts[1] == [0.0, 1.0, 3.0]
    assert starts[2] == [5.0, 0.0, 2.0]
    assert starts[3] == [5.0, 3.0, 0.0]
    assert make("fcp").plan(problem).start.tolist() == starts[1]


def test_starts_and_finishes_by_hand() -> None:
    """1 runs on p1 until 2. 2 needs its 3 bytes: on p1 it starts at 2 and takes 9 s; on the idle
    p2 at 5 and takes 1 s.
    """
    problem = from_table([[2, 8], [9, 1]], [(1, 2, 3)])
    for name in ("fcp", "flb"):
        assert make(name).plan(problem).finish.tolist() == [2.0, 11.0]
        assert make(f"{name}[compare=finish]").plan(problem).finish.tolist() == [2.0, 6.0]


def test_unbound_tasks_go_first_in_flb() -> None:
    """At time 2 p1 is free for 2 (bound to p1 by 9 bytes) and for 3 (no bytes, inputs long there).

    p2 is busy until 9 with 4. Both could start at 2 on p1; 2 has the higher rank, but waiting
    costs 3 nothing less: the unbound task goes first.
    """
    seconds = [[2, 50], [5, 50], [1, 50], [50, 9], [50, 0.5]]
    edges = [(1, 2, 9), (5, 3, 0), (5, 4, 0)]
    plan = make("flb").plan(from_table(seconds, edges))
    assert plan.node.tolist() == [0, 0, 0, 1, 1]
    assert plan.start.tolist() == [0.0, 3.0, 2.0, 0.5, 0.0]


def test_length_of_the_queue_is_checked() -> None:
    with pytest.raises(InvalidSpec, match="queue must be >= 0, got -1"):
        make("fcp[queue=-1]")


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), overheads=st.booleans())
def test_other_networks_and_slots_plan_what_is_simulated(seed: int, overheads: bool) -> None:
    from tests.schedulers.problems import strict_finish

    problem = random_problem(np.random.default_rng(seed), tasks=10, overheads=overheads)
    for spec in ("fcp[compare=finish]", "flb[compare=finish]", "fcp[queue=1]"):
        plan = make(spec).plan(problem)
        assert strict_finish(problem, plan.allocation(problem)).tolist() == plan.finish.tolist()
