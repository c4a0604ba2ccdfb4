"""Lookahead HEFT: by hand, against a literal transcription, and bookings that are taken back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from schedulers.lists.probing import Log, new_log, take_back, try_booking
from schedulers.ranks import ranks_of
from schedulers.registry import InvalidSpec, make
from schedulers.timeline import Lanes, earliest, new_lanes
from schedulers.view import View, view_of
from simulator.problem import Problem
from tests.schedulers.problems import from_table, random_problem, with_slots
from tests.schedulers.test_lists_a_parts import same
from tests.schedulers.test_paper import ARABNEJAD, TOPCUOGLU


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), overheads=st.booleans())
def test_without_lookahead_it_is_heft(seed: int, overheads: bool) -> None:
    problem = random_problem(np.random.default_rng(seed), tasks=12, overheads=overheads)
    assert same(make("lookahead[depth=0]").plan(problem), make("heft").plan(problem))
    appended = make("lookahead[depth=0,insertion=false]").plan(problem)
    assert same(appended, make("heft[insertion=false]").plan(problem))


def test_lookahead_by_hand() -> None:
    """1 takes 3 s on p1, 4 s on p2; its successor 2 takes 9 s and 2 s, and 8 bytes lie between.

    HEFT: p1 until 3, then p2 at 11 until 13 or p1 until 12. Looking ahead p2: 4, then 6.
    """
    problem = from_table([[3, 4], [9, 2]], [(1, 2, 8)])
    assert make("heft").plan(problem).finish.tolist() == [3.0, 12.0]
    assert make("lookahead").plan(problem).finish.tolist() == [4.0, 6.0]


def test_latest_and_mean_of_the_children_by_hand() -> None:
    """1 (1 s) before 2 and 3, no bytes. 2 runs on p1 only (8 s) and 3 on p2 only (2 s).

    Alone on p1, 1 finishes at 1: 2 at 9, 3 at 3. With 6 bytes to 2 the place p2 means 2 at 15. So
    far both measures agree on p1. If p1 takes 5 s for 1: p1 gives 13 and 7, p2 gives 15 and 3: the
    latest says p1. Ranks 8 and 2: means (8 * 13 + 2 * 7) / 10 = 11.8, (8 * 15 + 2 * 3) / 10 = 12.6:
    p1 still; with 5 bytes to 2 p2 gives 14 and 3: 11.8 on both, and p2 finishes 1 earlier.
    """
    seconds = [[5.0, 1.0], [8.0, np.inf], [np.inf, 2.0]]

    def plan(spec: str, size: float) -> list[int]:
        return make(spec).plan(pinned(seconds, [(1, 2, size), (1, 3, 0.0)])).node.tolist()

    assert plan("lookahead", 6.0) == [0, 0, 1]
    assert plan("lookahead[children=mean]", 6.0) == [0, 0, 1]
    assert plan("lookahead", 5.0) == [0, 0, 1]
    assert plan("lookahead[children=mean]", 4.5) == [1, 0, 1]
    assert plan("lookahead", 4.5) == [0, 0, 1]


def pinned(seconds: list[list[float]], edges: list[tuple[int, int, float]]) -> Problem:
    """As `from_table`; infinite seconds mean forbidden."""
    from simulator.cluster import Cluster, Node
    from simulator.taskgraph import Edge, Task, TaskGraph, Variant
    from simulator.workload import Stream

    tasks = tuple(
        Task(
            str(i + 1),
            (Variant("v", seconds={f"p{n}": s for n, s in enumerate(row) if s < np.inf}),),
        )
        for i, row in enumerate(seconds)
    )
    graph = TaskGraph(tasks, tuple(Edge(str(a), str(b), c) for a, b, c in edges))
    nodes = tuple(Node(f"p{n}") for n in range(len(seconds[0])))
    return Problem(Cluster.mesh("pinned", nodes, 1.0), (Stream("s", graph),))


def transcribed(problem: Problem, depth: int, averaged: bool) -> np.ndarray:
    """Lookahead HEFT in plain lists, for single slots and one variant; the finishes."""
    view = view_of(problem)
    hold, rank = view.hold[:, 0], ranks_of(view).up
    nodes = range(view.n_nodes)
    succ = [list(view.out_dst[view.out_ptr[t] : view.out_ptr[t + 1]]) for t in range(view.n_tasks)]

    def best(t: int, plan: dict[int, tuple[int, float, float]], n: int) -> tuple[float, float]:
        ready = 0.0
        for i in range(view.in_ptr[t], view.in_ptr[t + 1]):
            if view.in_src[i] in plan:
                a, _, end = plan[view.in_src[i]]
                if a != n:
                    there = view.latency[a, n] + view.in_size[i, 0] / view.bandwidth[a, n]
                    end = (end + there) + view.wake[n]
                ready = max(ready, end)
        busy = sorted((b, e) for a, b, e in plan.values() if a == n)
        begin = ready
        for b, e in busy:
            if begin + hold[t, n] <= b:
                break
            begin = max(begin, e)
        return begin, begin + hold[t, n]

    def near(t: int) -> list[int]:
        found, ring = set(), {t}
        for _ in range(depth):
            ring = {int(s) for u in ring for s in succ[u]} - found
            found |= ring
        return sorted(found, key=lambda u: (-rank[u], view.position[u]))

    plan: dict[int, tuple[int, float, float]] = {}
    while len(plan) < view.n_tasks:
        ready = [
            t for t in range(view.n_tasks)
            if t not in plan
            and all(view.in_src[i] in plan for i in range(view.in_ptr[t], view.in_ptr[t + 1]))
        ]  # fmt: skip
        t = max(ready, key=lambda t: (rank[t], -t))
        options = []
        for n in nodes:
            trial = {**plan, t: (n, *best(t, plan, n))}
            for u in near(t):
                spans = {m: best(u, trial, m) for m in nodes}
                m = min(nodes, key=lambda m, s=spans: (s[m][1], m))
                trial[u] = (m, *spans[m])
            key = max([trial[t][2], *(trial[u][2] for u in near(t))])
            if averaged and sum(rank[u] for u in near(t)) > 0:
                total, weight = 0.0, 0.0
                for u in near(t):
                    total, weight = total + rank[u] * trial[u][2], weight + rank[u]
                key = total / weight
            options.append((key, trial[t][2], n))
        n = min(options)[2]
        plan[t] = (n, *best(t, plan, n))
    return np.array([plan[t][2] for t in range(view.n_tasks)])


CASES = [(1, False), (1, True), (2, False), (9, False)]


@pytest.mark.parametrize("problem", [TOPCUOGLU, ARABNEJAD], ids=lambda p: p.name)
@pytest.mark.parametrize(("depth", "averaged"), CASES)
def test_the_description_gives_the_same(problem: Problem, depth: int, averaged: bool) -> None:
    spec = f"lookahead[depth={depth},children={'mean' if averaged else 'max'}]"
    assert (
        make(spec).plan(problem).finish.tolist() == transcribed(problem, depth, averaged).tolist()
    )


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), case=st.sampled_from(CASES))
def test_the_description_gives_the_same_on_random_graphs(seed: int, case: tuple[int, bool]) -> None:
    rng = np.random.default_rng(seed)
    n_tasks, n_nodes = int(rng.integers(2, 12)), int(rng.integers(1, 4))
    edges = [
        (a, b, float(rng.integers(0, 6)))
        for a in range(1, n_tasks + 1)
        for b in range(a + 1, n_tasks + 1)
        if rng.random() < 0.3
    ]
    problem = from_table(rng.integers(1, 9, (n_tasks, n_nodes)).tolist(), edges)
    spec = f"lookahead[depth={case[0]},children={'mean' if case[1] else 'max'}]"
    assert make(spec).plan(problem).finish.tolist() == transcribed(problem, *case).tolist()


@njit(error_model="numpy")  # type: ignore[untyped-decorator]
def book_some(lanes: Lanes, view: View, insertion: bool, draws: np.ndarray, log: Log) -> None:
    """Book where there is room, (node, ready, hold) by row, and log it."""
    for k in range(draws.shape[0]):
        n, ready, hold = int(draws[k, 0]), draws[k, 1], draws[k, 2]
        begin = earliest(lanes, view.slots, insertion, n, ready, hold)
        try_booking(lanes, view.slots, insertion, n, begin, begin + hold, log, k)


@njit(error_model="numpy")  # type: ignore[untyped-decorator]
def take_all_back(lanes: Lanes, view: View, insertion: bool, count: int, log: Log) -> None:
    for k in range(count - 1, -1, -1):
        take_back(lanes, view.slots, insertion, log, k)


def content(lanes: Lanes) -> list[object]:
    """What lanes hold, without what lies behind the bookings."""
    rows: list[object] = [lanes.last.tolist(), lanes.dense.tolist(), lanes.booked.tolist()]
    rows += [sorted(row) for row in lanes.free.tolist()]
    for n, count in enumerate(lanes.booked):
        rows += [x[n, :count].tolist() for x in (lanes.start, lanes.finish, lanes.step, lanes.used)]
    return rows


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), insertion=st.booleans())
def test_bookings_are_taken_back_completely(seed: int, insertion: bool) -> None:
    """On a node of three slots and one of one; zero lengths and equal times on purpose."""
    rng = np.random.default_rng(seed)
    view = view_of(with_slots())
    lanes = new_lanes(view, insertion)
    draws = np.column_stack(
        [rng.integers(0, 2, 7), rng.integers(0, 6, 7), rng.integers(0, 4, 7)]
    ).astype(float)
    keep = int(rng.integers(0, 5))
    book_some(lanes, view, insertion, draws[:keep], new_log(8))
    before = content(lanes)
    log = new_log(8)
    book_some(lanes, view, insertion, draws[keep:], log)
    take_all_back(lanes, view, insertion, len(draws) - keep, log)
    assert content(lanes) == before


def test_depth_is_checked() -> None:
    with pytest.raises(InvalidSpec, match="depth must be >= 0, got -1"):
        make("lookahead[depth=-1]")
