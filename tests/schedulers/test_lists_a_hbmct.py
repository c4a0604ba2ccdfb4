"""HBMCT: groups and moves by hand, and against a literal transcription of the description."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schedulers.lists.hbmct import rank_groups
from schedulers.ranks import ranks_of
from schedulers.registry import make
from schedulers.view import inputs_ready, view_of
from simulator.problem import Problem
from tests.schedulers.problems import from_table, random_problem
from tests.schedulers.test_paper import ARABNEJAD, TOPCUOGLU


def test_groups_by_hand() -> None:
    """Ranks of Topcuoglu's table 3: 1, 3, 4, 2, 5, 6, 9, 7, 8, 10; 3 needs 1, 9 needs 2, 10 needs
    9.
    """
    view = view_of(TOPCUOGLU)
    order, ptr = rank_groups(view, ranks_of(view).up)
    groups = [{int(t) + 1 for t in order[a:b]} for a, b in pairwise(ptr)]
    assert groups == [{1}, {2, 3, 4, 5, 6}, {7, 8, 9}, {10}]


def test_moves_by_hand() -> None:
    """All three are fastest on p1, until 9. Task 1 moves: p1 until 6, p2 until 4. Then neither 2
    (p2 until 13) nor 3 (until 9) can leave p1.
    """
    plan = make("hbmct").plan(from_table([[3, 4], [2, 9], [4, 5]], []))
    assert plan.node.tolist() == [1, 0, 0]
    assert plan.makespan == 6.0


def test_arrivals_order_the_tasks_of_a_node_by_hand() -> None:
    """1 on p2 until 2. 2 gets its 6 bytes on p1 at 8, 3 its 1 byte at 3: 3 runs first, then 2.

    Then 2 (mean earliest start (8 + 2) / 2) is tried after 3 ((3 + 2) / 2): 3 leaves p1 until 9,
    which is no earlier; 2 on p2 would finish at 11. Nothing moves.
    """
    problem = from_table([[9, 2], [1, 9], [1, 9]], [(1, 2, 6), (1, 3, 1)])
    plan = make("hbmct").plan(problem)
    assert plan.node.tolist() == [1, 0, 0]
    assert plan.start.tolist() == [0.0, 8.0, 3.0]


def transcribed(problem: Problem) -> float:
    """HBMCT in plain lists, for single slots and one variant; the makespan."""
    view = view_of(problem)
    hold = view.hold[:, 0]
    order, ptr = rank_groups(view, ranks_of(view).up)
    nodes = range(view.n_nodes)
    node, finish = np.full(view.n_tasks, -1), np.zeros(view.n_tasks)
    variant = np.zeros(view.n_tasks, dtype=np.int64)
    free = [0.0 for _ in nodes]

    def run(n: int, tasks: list[int], ready: dict[int, np.ndarray]) -> list[float]:
        time, ends = free[n], []
        for t in sorted(tasks, key=lambda t: (ready[t][n], t)):
            time = max(time, ready[t][n]) + hold[t, n]
            ends.append(time)
        return ends

    def end(n: int, tasks: list[int], ready: dict[int, np.ndarray]) -> float:
        return max([free[n], *run(n, tasks, ready)])

    for a, b in pairwise(ptr):
        group, ready = [int(t) for t in order[a:b]], {}
        for t in group:
            ready[t] = np.empty(view.n_nodes)
            inputs_ready.py_func(view, t, node, variant, finish, ready[t])
        mean = {t: float(sum(max(ready[t][n], free[n]) for n in nodes)) / len(nodes) for t in group}
        home = {t: min(nodes, key=lambda n, t=t: (hold[t, n], ready[t][n], n)) for t in group}
        while True:
            sets = {n: [t for t in group if home[t] == n] for n in nodes}
            ends = {n: end(n, sets[n], ready) for n in nodes}
            last = max((n for n in nodes if sets[n]), key=lambda n: (ends[n], -n))
            for t in sorted(sets[last], key=lambda t: (mean[t], t)):
                if end(last, [u for u in sets[last] if u != t], ready) >= ends[last]:
                    continue
                new = {n: end(n, [*sets[n], t], ready) for n in nodes if n != last}
                best = min(new, key=lambda n: (new[n], n), default=last)
                if best != last and new[best] < ends[last]:
                    home[t] = best
                    break
            else:
                break
        for n in nodes:
            tasks = sorted(sets[n], key=lambda t: (ready[t][n], t))
            for t, time in zip(tasks, run(n, tasks, ready), strict=True):
                node[t], finish[t] = n, time
            free[n] = end(n, sets[n], ready)
    return float(finish.max())


@pytest.mark.parametrize("problem", [TOPCUOGLU, ARABNEJAD], ids=lambda p: p.name)
def test_the_description_gives_the_same_on_published_graphs(problem: Problem) -> None:
    assert make("hbmct").plan(problem).makespan == transcribed(problem)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_the_description_gives_the_same(seed: int) -> None:
    problem = random_problem(np.random.default_rng(seed), tasks=14, nodes=4)
    assert make("hbmct").plan(problem).makespan == transcribed(problem)
