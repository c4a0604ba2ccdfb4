"""Parametric list scheduling and DPS: what the parts reduce to, and examples by hand."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schedulers.ranks import ranks_of
from schedulers.registry import make
from schedulers.timeline import Plan
from schedulers.view import view_of
from simulator.problem import Problem
from tests.schedulers.problems import TINY, from_table, random_problem, strict_finish
from tests.schedulers.test_paper import ARABNEJAD, TOPCUOGLU

SAME = {
    "parametric": "heft",
    "parametric[insertion=false]": "heft[insertion=false]",
    "parametric[priority=cpop,critical_path=true]": "cpop",
    "parametric[priority=cpop,critical_path=true,insertion=false]": "cpop[insertion=false]",
    "parametric[priority=topological,insertion=false]": "mct",
    "parametric[priority=topological,insertion=false,compare=quickest]": "met",
}
"""Parts, and the scheduler that they make up."""


def same(a: Plan, b: Plan) -> bool:
    pairs = ((getattr(a, f), getattr(b, f)) for f in ("node", "variant", "priority", "finish"))
    return all(x.tolist() == y.tolist() for x, y in pairs)


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("parts", SAME)
def test_parts_make_up_known_schedulers(parts: str, name: str) -> None:
    problem = TINY[name]()
    assert same(make(parts).plan(problem), make(SAME[parts]).plan(problem))


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), overheads=st.booleans())
def test_parts_make_up_known_schedulers_on_random_graphs(seed: int, overheads: bool) -> None:
    problem = random_problem(np.random.default_rng(seed), tasks=12, overheads=overheads)
    for parts, name in SAME.items():
        assert same(make(parts).plan(problem), make(name).plan(problem))


ALL = [
    f"parametric[priority={p},compare={c},insertion={i},sufferage={s},critical_path={r}]"
    for p, c, i, s, r in product(
        ("upward", "cpop", "topological", "static"), ("eft", "est", "quickest"),
        *[("true", "false")] * 3,
    )
]  # fmt: skip


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32), overheads=st.booleans())
def test_every_combination_plans_what_is_simulated(seed: int, overheads: bool) -> None:
    problem = random_problem(np.random.default_rng(seed), tasks=9, overheads=overheads)
    for spec in (*ALL, "dps[cost=median]", "dps[cost=max]", "dps[cost=min,insertion=false]"):
        plan = make(spec).plan(problem)
        assert strict_finish(problem, plan.allocation(problem)).tolist() == plan.finish.tolist()


def test_comparisons_by_hand() -> None:
    """Task 1 keeps p1 busy until 4. Task 2 takes 3 s on p1, 9 s on p2, 3 s on p3.

    p3 finishes first and is no slower than p1; the earliest start is on p2 or p3. Task 2 is
    forbidden on p3 in the second problem: it then finishes first on p1 (7 < 9), starts first on
    p2, and runs fastest on p1.
    """
    table = [[4.0, 50.0, 50.0], [3.0, 9.0, 3.0]]
    free = from_table(table, [])
    for compare in ("eft", "est", "quickest"):
        spec = f"parametric[priority=topological,compare={compare}]"
        assert make(spec).plan(free).node.tolist() == [0, 2]
    tied = from_table([row[:2] for row in table], [])
    places = {
        compare: make(f"parametric[priority=topological,compare={compare}]").plan(tied).node[1]
        for compare in ("eft", "est", "quickest")
    }
    assert places == {"eft": 0, "est": 1, "quickest": 0}


def test_sufferage_by_hand() -> None:
    """Means 6, 5.5 and 1: tasks 1 and 2 are the two first ones.

    Task 1 finishes at 5 on p1 or 7 on p2 and would lose 2; task 2 at 1 or 10 and would lose 9, so
    it goes first. Then 1 (6 on p1, 7 on p2; loss 1) against 3 (2 or 1; loss 1): a tie goes to the
    higher priority, 1 to p1. 3 goes to p2.
    """
    problem = from_table([[5, 7], [1, 10], [1, 1]], [])
    plan = make("parametric[sufferage=true]").plan(problem)
    assert plan.node.tolist() == [0, 0, 1]
    assert plan.start.tolist() == [1.0, 0.0, 0.0]
    assert make("parametric").plan(problem).start.tolist() == [0.0, 5.0, 0.0]


def test_only_the_two_first_tasks_are_compared_for_sufferage() -> None:
    """A fourth task that would lose 90 waits: its mean is not among the two highest."""
    problem = from_table([[60, 62], [59, 62], [58, 62], [1, 91]], [])
    assert make("parametric[sufferage=true]").plan(problem).start[3] > 0.0


def dps_in_full(problem: Problem) -> list[int]:
    """The order of DPS by its definition: levels of all unplaced tasks anew at each step."""
    view = view_of(problem)
    ranks, plan = ranks_of(view), make("dps").plan(problem)
    edges = [
        (int(view.in_src[i]), t, i)
        for t in range(view.n_tasks)
        for i in range(view.in_ptr[t], view.in_ptr[t + 1])
    ]
    mean = {
        (t, int(view.out_dst[i])): ranks.edge[view.out_edge[i]]
        for t in range(view.n_tasks)
        for i in range(view.out_ptr[t], view.out_ptr[t + 1])
    }
    placed: set[int] = set()
    order: list[int] = []

    def cost(t: int) -> float:
        return view.hold[t, 0, plan.node[t]] if t in placed else ranks.task[t]

    def moved(a: int, b: int, i: int) -> float:
        if a not in placed or b not in placed:
            return mean[a, b]
        m, n = plan.node[a], plan.node[b]
        return 0.0 if m == n else view.latency[m, n] + view.in_size[i, 0] / view.bandwidth[m, n]

    def top(t: int) -> float:
        return max((top(a) + cost(a) + moved(a, b, i) for a, b, i in edges if b == t), default=0.0)

    def bottom(t: int) -> float:
        tails = (moved(a, b, i) + bottom(b) for a, b, i in edges if a == t)
        return cost(t) + max(tails, default=0.0)

    while len(order) < view.n_tasks:
        rest = [t for t in range(view.n_tasks) if t not in placed]
        priority = {t: bottom(t) - top(t) for t in rest}
        first = max(rest, key=lambda t: (priority[t], -t))
        order.append(first)
        placed.add(first)
    return order


@pytest.mark.parametrize("problem", [TOPCUOGLU, ARABNEJAD], ids=lambda p: p.name)
def test_dps_follows_its_definition(problem: Problem) -> None:
    """Placing tasks by earliest finish in the order that the full recurrences give."""
    order = dps_in_full(problem)
    priority = np.empty(len(order))
    priority[order] = -np.arange(len(order), dtype=float)
    from schedulers.listing import list_plan

    assert same(list_plan(problem, priority, insertion=True), make("dps").plan(problem))


def test_dps_by_hand() -> None:
    """Two equal nodes, 1 byte/s. 1 (2 s) -> 2 (3 s), 4 bytes; 1 -> 3 (2.5 s), no bytes.

    HEFT takes 2 (rank 3) before 3 (rank 2.5): p1 [0, 2) and [2, 5), p2 [2, 4.5). For DPS task 2
    has 3 - (2 + 4) and task 3 has 2.5 - 2: 3 goes first, to p1, and 2 finishes at 7.5 there after
    it, at 9 on p2.
    """
    problem = from_table([[2, 2], [3, 3], [2.5, 2.5]], [(1, 2, 4), (1, 3, 0)])
    assert make("heft").plan(problem).finish.tolist() == [2.0, 5.0, 4.5]
    assert make("dps").plan(problem).finish.tolist() == [2.0, 7.5, 4.5]
