"""The oracle itself: what it enumerates, by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from schedulers import solve
from schedulers.exact.brute_force import candidates
from simulator.errors import Unsupported
from tests.schedulers.problems import TINY, from_table
from tests.schedulers.test_paper import TOPCUOGLU


def test_counts_by_hand() -> None:
    """Two free tasks on two nodes: 2 placements together in 2 orders, 2 apart in one: 6.

    With an edge between them one order is left on a node: 4; greedy takes both again: 6.
    """
    free = from_table([[1, 2], [2, 1]], [])
    assert len(list(candidates(free))) == 6
    chained = from_table([[1, 2], [2, 1]], [(1, 2, 1)])
    assert len(list(candidates(chained))) == 4
    assert len(list(candidates(replace(chained, dispatch="greedy")))) == 6


def test_orders_that_block_each_other_are_left_out() -> None:
    """a -> b and c -> d, a and d on p, b and c on q: of 4 pairs of orders, d a with b c is one."""
    problem = from_table([[1, 1]] * 4, [(1, 2, 1), (3, 4, 1)])
    crossed = [p.tolist() for n, _, p in candidates(problem) if n.tolist() == [0, 1, 1, 0]]
    assert len(crossed) == 3


def test_optimum_by_hand() -> None:
    """3 + 3 + 2 + 2 + 2 s on two nodes: 6 s."""
    outcome = solve("brute_force", from_table([[x, x] for x in (3, 3, 2, 2, 2)], []))
    assert (outcome.objective, outcome.status) == (6.0, "optimal")


@pytest.mark.parametrize("name", ["memory", "traps", "forbidden", "kinds"])
def test_proves_constrained_problems(name: str) -> None:
    outcome = solve("brute_force", TINY[name]())
    assert outcome.status == "optimal"


def test_a_short_budget_proves_nothing() -> None:
    outcome = solve("brute_force", TOPCUOGLU, evaluations=1000)
    assert outcome.status == "feasible"
    assert outcome.evaluations == 1000


def test_large_problems_are_refused() -> None:
    with pytest.raises(Unsupported, match="brute_force: 'topcuoglu2002' has 59,049 placements"):
        solve("brute_force", TOPCUOGLU)
