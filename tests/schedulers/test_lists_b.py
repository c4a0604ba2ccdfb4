"""MST, MSBC, SDBATS, WBA and hybrid: examples by hand, what they reduce to, what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schedulers import solve
from schedulers.budget import Budget
from schedulers.lists.hybrid import Hybrid, parts
from schedulers.lists.msbc import strict_bounds
from schedulers.lists.sdbats import deviation_ranks
from schedulers.lists.wba import Wba, randomised_plan
from schedulers.registry import InvalidSpec, make
from schedulers.view import view_of
from simulator.errors import UnknownName
from simulator.rules import check_allocation
from tests.schedulers.problems import TINY, from_table, random_problem, strict_finish
from tests.schedulers.test_paper import ARABNEJAD, TOPCUOGLU

PLANNERS = ("mst", "mst[insertion=true]", "msbc", "msbc[level=top]", "sdbats")

# A fork: 1 feeds 2 and 3. Seconds on p1 and p2; bytes are seconds of transfer.
FORK = from_table([[2, 3], [4, 2], [6, 8]], [(1, 2, 1), (1, 3, 4)])


# ----- plans hold ------------------------------------------------------------------------------
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), spec=st.sampled_from(PLANNERS), overheads=st.booleans())
def test_planned_finishes_are_those_of_a_strict_run(seed: int, spec: str, overheads: bool) -> None:
    problem = random_problem(np.random.default_rng(seed), overheads=overheads)
    plan = make(spec).plan(problem)
    assert strict_finish(problem, plan.allocation(problem)).tolist() == plan.finish.tolist()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), alpha=st.sampled_from((0.0, 0.5, 1.0)))
def test_rounds_of_wba_hold(seed: int, alpha: float) -> None:
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, overheads=bool(seed % 2))
    plan = randomised_plan(problem, alpha, rng.random(problem.n_tasks))
    assert strict_finish(problem, plan.allocation(problem)).tolist() == plan.finish.tolist()


# ----- MST -------------------------------------------------------------------------------------
def test_mst_by_hand() -> None:
    """1 on p1 (both idle, it finishes there first). 2 could start at 2 on p1, at 3 on p2: p1.
    3 could start at 6 on p1, at 2 + 4 = 6 on p2 as well: p1, where it finishes at 12."""
    plan = make("mst").plan(FORK)
    assert plan.node.tolist() == [0, 0, 0]
    assert plan.finish.tolist() == [2.0, 6.0, 12.0]


def test_mst_takes_an_idle_node_however_slow() -> None:
    plan = make("mst").plan(from_table([[1, 9], [1, 9]], []))
    assert plan.node.tolist() == [0, 1]


# ----- MSBC ------------------------------------------------------------------------------------
def test_strict_bounds_by_hand() -> None:
    """1 is best on p1 (2). 2: on p1 2 + 4 = 6, on p2 (2 + 1) + 2 = 5. 3: on p1 2 + 6 = 8.
    The mean of 1 is 2.5, which is how far 2 and 3 are from the entry."""
    top, bound, start, favourite = strict_bounds(view_of(FORK))
    assert top.tolist() == [0.0, 2.5, 2.5]
    assert bound.tolist() == [2.0, 5.0, 8.0]
    assert start.tolist() == [0.0, 3.0, 2.0]
    assert favourite.tolist() == [0, 1, 0]


def test_msbc_by_hand() -> None:
    """2 has 5 + 3 + 3 = 11 and 3 has 8 + 7 + 2 = 17: 3 comes first and starts at 2 on p1. 2 could
    start at 8 there and at 3 on p2."""
    plan = make("msbc").plan(FORK)
    assert plan.node.tolist() == [0, 1, 0]
    assert plan.start.tolist() == [0.0, 3.0, 2.0]


# ----- SDBATS ----------------------------------------------------------------------------------
def test_deviation_ranks_by_hand() -> None:
    """Deviations 0.5, 1 and 1; transfers 1 and 4: 3 ranks 1, 2 ranks 1, 1 ranks 0.5 + 4 + 1."""
    assert deviation_ranks(view_of(FORK)).tolist() == [5.5, 1.0, 1.0]


def test_deviations_of_very_short_tasks_do_not_vanish() -> None:
    tiny = from_table([[1e-200, 3e-200]], [])
    assert deviation_ranks(view_of(tiny))[0] == pytest.approx(1e-200)


def test_sdbats_orders_by_deviation_and_places_like_heft() -> None:
    """Two independent tasks: 2 is longer, but only 1 cares where it runs, so 1 goes first: to p1.
    HEFT places 2 first, on p1 as well, and 1 queues there."""
    problem = from_table([[1, 9], [6, 6]], [])
    assert make("sdbats").plan(problem).makespan == 6.0
    assert make("heft").plan(problem).makespan == 7.0


# ----- WBA -------------------------------------------------------------------------------------
def test_wba_without_chance_takes_the_least_growth() -> None:
    """Alpha 0: a pair of growth 2 comes first, then the other one, which prolongs nothing."""
    problem = from_table([[2, 9], [9, 2]], [])
    for seed in range(4):
        lots = np.random.default_rng(seed).random(2)
        plan = randomised_plan(problem, 0.0, lots)
        assert plan.node.tolist() == [0, 1]


def test_wba_at_alpha_one_draws_every_place_equally_often() -> None:
    """One task, three nodes: lots are spread evenly over the candidates."""
    problem = from_table([[1, 2, 4]], [])
    drawn = [
        int(randomised_plan(problem, 1.0, np.array([(i + 0.5) / 30])).node[0]) for i in range(30)
    ]
    assert np.bincount(drawn).tolist() == [10, 10, 10]


def test_wba_leaves_out_what_grows_too_much() -> None:
    """Growths 1, 2 and 4: alpha 0.5 admits up to 1 + 1.5."""
    problem = from_table([[1, 2, 4]], [])
    drawn = {
        int(randomised_plan(problem, 0.5, np.array([(i + 0.5) / 30])).node[0]) for i in range(30)
    }
    assert drawn == {0, 1}


def test_wba_finishes_one_batch_before_the_next() -> None:
    """1 -> 3; 2 alone. 3 becomes ready while 2 waits, but belongs to the next batch: at alpha 0, 2
    goes to p1 behind 1 although 3, of no length, would not prolong the plan at all."""
    problem = from_table([[1], [1], [0]], [(1, 3, 0)])
    plan = randomised_plan(problem, 0.0, np.array([0.0, 0.0, 0.0]))
    assert plan.start.tolist() == [0.0, 1.0, 2.0]


def test_wba_spends_its_budget_and_keeps_the_best() -> None:
    few, many = (solve("wba", TOPCUOGLU, evaluations=n, seed=1) for n in (1, 300))
    assert few.evaluations == 1
    assert many.evaluations == 300
    assert many.objective <= few.objective
    assert many.objective == min(p.objective for p in many.curve)
    assert solve("wba[rounds=7]", TOPCUOGLU).evaluations == 7


@pytest.mark.parametrize("spec", ["wba[alpha=1.5]", "wba[alpha=-0.1]", "wba[rounds=0]"])
def test_wba_refuses_nonsense(spec: str) -> None:
    with pytest.raises(InvalidSpec, match=r"wba: (alpha must be from 0 to 1|rounds must be >= 1)"):
        make(spec)


# ----- hybrid ----------------------------------------------------------------------------------
@pytest.mark.parametrize("name", TINY)
def test_hybrid_is_the_best_of_its_parts(name: str) -> None:
    problem = TINY[name]()
    values = []
    for spec in parts(Hybrid().of):
        values.append(problem.objective_of(make(spec).plan(problem).allocation(problem)))
    assert solve("hybrid", problem).objective == min(values)


def test_hybrid_on_the_papers() -> None:
    """PEFT's 122 on its own example; on that of HEFT nobody's 80 need stand."""
    assert solve("hybrid[of=heft+cpop+peft]", ARABNEJAD).objective == 122.0
    assert solve("hybrid[of=heft+cpop+peft]", TOPCUOGLU).objective == 80.0


def test_hybrid_evaluates_the_shortest_plans_when_it_may_not_evaluate_all() -> None:
    outcome = solve("hybrid[of=cpop+heft]", TOPCUOGLU, evaluations=1)
    assert outcome.evaluations == 1
    assert outcome.objective == 80.0


def test_hybrid_splits_outside_brackets_only() -> None:
    assert parts("a[x=b+c]+d") == ["a[x=b+c]", "d"]
    spec = "hybrid[of=heft[insertion=false]+parametric[compare=est,sufferage=true]]"
    assert len(make(spec).planners()) == 2


@pytest.mark.parametrize("part", ["random", "wba", "hybrid"])
def test_hybrid_refuses_searches(part: str) -> None:
    with pytest.raises(InvalidSpec, match="plan once"):
        make(f"hybrid[of=heft+{part}]")
    with pytest.raises(UnknownName, match="heft"):
        make("hybrid[of=hefd]")


def test_memory_is_kept_by_every_round() -> None:
    problem = TINY["memory"]()
    budget = Budget(problem, evaluations=20)
    for seed in range(5):
        answer = Wba(alpha=1.0).schedule(problem, budget, np.random.default_rng(seed))
        check_allocation(problem, answer)
