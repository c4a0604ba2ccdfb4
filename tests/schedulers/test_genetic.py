"""Genetic searches: operators by their properties, answers by optima, chance by the seed alone."""

from __future__ import annotations

import random
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schedulers import make, solve
from schedulers.budget import Budget
from schedulers.genetic.evolution import next_generation, toolbox_of, tournament
from schedulers.genetic.genome import Orders, moves_of
from schedulers.genetic.judging import OrderJudge
from schedulers.genetic.species import OrderSpecies, PinSpecies, ranks, take
from schedulers.registry import InvalidSpec
from simulator.evaluate import admissible
from simulator.problem import Problem
from tests.schedulers.problems import TINY, random_problem
from tests.schedulers.test_paper import TOPCUOGLU

SEARCHES = ("genetic", "genetic[genes=pin]", "memetic")

every_search = pytest.mark.parametrize("spec", SEARCHES)


def random_orders(problem: Problem, count: int, rng: np.random.Generator) -> Orders:
    """Random topological orders and admissible places."""
    moves = moves_of(problem)
    order = np.empty((count, problem.n_tasks), dtype=np.int64)
    for b in range(count):
        waiting = np.diff(moves.in_ptr).copy()
        for k in range(problem.n_tasks):
            t = int(rng.choice(np.flatnonzero(waiting == 0)))
            order[b, k], waiting[t] = t, -1
            for dst in moves.out_dst[moves.out_ptr[t] : moves.out_ptr[t + 1]]:
                waiting[dst] -= 1
    choice = moves.ptr[:-1] + rng.integers(0, np.diff(moves.ptr), order.shape)
    return Orders(moves.node[choice], moves.variant[choice], order)


def is_topological(problem: Problem, order: np.ndarray) -> bool:
    place = ranks(order)
    now = problem.arrays.edge_lag == 0
    src, dst = problem.arrays.edge_src[now], problem.arrays.edge_dst[now]
    complete = (np.sort(order, axis=1) == np.arange(order.shape[1])).all()
    return bool(complete and (place[:, src] < place[:, dst]).all())


# ----- operators ---------------------------------------------------------------------------------
def test_children_of_a_prefix_by_hand() -> None:
    """Of orders 0 1 2 3 and 3 2 1 0: a prefix of the first, what is left as in the second."""
    problem = random_problem(np.random.default_rng(0))
    species = OrderSpecies(problem)
    t = problem.n_tasks
    parents = Orders(
        np.zeros((2, t), dtype=np.int64), np.zeros((2, t), dtype=np.int64),
        np.stack([np.arange(t), np.arange(t)[::-1]]),
    )  # fmt: skip
    pick = np.zeros((200, 2), dtype=np.int64)
    pick[:, 1] = 1
    order = species.mate(parents, pick, 1.0, np.random.default_rng(1)).order
    possible = {(*range(k), *reversed(range(k, t))) for k in range(t + 1)}
    assert {tuple(row) for row in order.tolist()} == possible


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_operators_keep_orders_topological_and_places_admissible(seed: int) -> None:
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, tasks=10, nodes=3)
    species, parents = OrderSpecies(problem), random_orders(problem, 6, rng)
    pick = rng.integers(0, 6, (20, 2))
    child = species.mate(parents, pick, 0.9, rng)
    assert is_topological(problem, child.order)
    for row, (a, b) in enumerate(pick):
        either = (child.node[row] == parents.node[a]) | (child.node[row] == parents.node[b])
        assert either.all()
    before = Orders(*(x.copy() for x in child))
    species.mutate(child, 3, rng)
    assert is_topological(problem, child.order)
    assert (child.node != before.node).sum(axis=1).max() <= 3
    assert len(admissible(problem, child.node, child.variant)) == 20


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_makespans_are_the_objective(seed: int, overheads: bool) -> None:
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, tasks=10, nodes=3, overheads=overheads)
    genes = random_orders(problem, 40, rng)
    makespan = OrderJudge(problem)(genes)
    assert makespan.tolist() == problem.evaluate(OrderSpecies(problem).rows(genes)).tolist()
    assert makespan.tolist() == OrderJudge(problem)(genes, threads=3).tolist()


def test_pins_change_within_what_is_allowed() -> None:
    problem = TINY["kinds"]()
    species, rng = PinSpecies(problem), np.random.default_rng(0)
    genes = species.sample(50, rng)
    for _ in range(20):
        species.mutate(genes, 3, rng)
    allowed = problem.allowed.any(axis=1)
    pinned = genes.wish >= 0
    tasks = np.broadcast_to(np.arange(problem.n_tasks), pinned.shape)
    assert pinned.any()
    assert not pinned.all()
    assert allowed[tasks[pinned], genes.wish[pinned]].all()


def test_tournaments_prefer_the_better() -> None:
    """Of four, the best wins a tournament of two unless it is never drawn: 1 - (3/4)^2 = 7/16."""
    values = np.array([3.0, 1.0, 2.0, 4.0])
    won = np.bincount(tournament(values, 40_000, 2, np.random.default_rng(0)), minlength=4)
    assert np.allclose(won / 40_000, np.array([3, 7, 5, 1]) / 16, atol=0.01)


@pytest.mark.parametrize("kind", [OrderSpecies, PinSpecies])
def test_the_elite_survives(kind: type) -> None:
    species, rng = kind(TOPCUOGLU), np.random.default_rng(0)
    budget = Budget(TOPCUOGLU)
    toolbox = toolbox_of(species, budget, rng, contest=3, crossover=0.9, most=3)
    genes = species.sample(30, rng)
    values = species.judge(genes, budget)
    best = np.sort(values)[:2]
    after, judged = next_generation(toolbox, genes, values, 2)
    assert judged[:2].tolist() == best.tolist()
    assert species.judge(take(after, np.arange(2)), budget).tolist() == best.tolist()
    assert budget.evaluations == 30 + 28 + 2


# ----- answers -----------------------------------------------------------------------------------
@every_search
def test_the_example_of_topcuoglu_is_solved(spec: str) -> None:
    """HEFT 80, all quick heuristics more than 73, optimum 73 (Topcuoglu et al. 2002)."""
    outcome = solve(spec, TOPCUOGLU, evaluations=60_000, seed=1)
    assert outcome.objective == 73.0
    assert outcome.evaluations <= 60_000
    assert outcome.curve[0].objective > 73.0


@every_search
@pytest.mark.parametrize("seed", range(4))
def test_tiny_problems_are_solved(spec: str, seed: int) -> None:
    problem = random_problem(np.random.default_rng(seed + 70), tasks=6, nodes=3)
    optimum = solve("brute_force", problem).objective
    assert solve(spec, problem, evaluations=6_000, seed=2).objective == optimum


@every_search
@pytest.mark.parametrize("name", TINY)
def test_never_worse_than_the_heuristics(spec: str, name: str) -> None:
    problem = TINY[name]()
    best = min(solve(s, problem).objective for s in ("heft", "peft", "min_min", "cpop"))
    assert solve(spec, problem, evaluations=150, seed=2).objective <= best


@every_search
def test_threads_change_nothing(spec: str) -> None:
    other = spec.replace("]", ",threads=2]") if "[" in spec else f"{spec}[threads=2]"
    for problem in (TINY["streams"](), TINY["memory"](), TOPCUOGLU):
        one = solve(spec, problem, evaluations=1200, seed=5)
        two = solve(other, problem, evaluations=1200, seed=5)
        assert one.allocation == two.allocation
        assert one.evaluations == two.evaluations


@every_search
def test_without_a_budget_the_count_ends_the_search(spec: str) -> None:
    field = "children=40" if spec == "memetic" else "generations=5"
    name = spec.replace("]", f",{field}]") if "[" in spec else f"{spec}[{field}]"
    one, two = (solve(name, TOPCUOGLU, seed=3) for _ in range(2))
    assert one.allocation == two.allocation
    assert one.evaluations == two.evaluations


@every_search
def test_a_budget_of_seconds_alone(spec: str) -> None:
    ticks = iter(range(10_000))
    outcome = solve(spec, TOPCUOGLU, seconds=40.0, clock=lambda: float(next(ticks)))
    assert outcome.cpu_seconds <= 45.0
    assert 73.0 <= outcome.objective <= 80.0


def test_chance_is_the_searchs_own() -> None:
    """Nothing is registered globally, and no global generator is touched."""
    from deap import creator

    known, state = set(vars(creator)), random.getstate()
    legacy = np.random.get_state()[1].copy()  # type: ignore[index, union-attr]  # noqa: NPY002
    solve("genetic", TOPCUOGLU, evaluations=1000)
    assert set(vars(creator)) == known
    assert random.getstate() == state
    assert (np.random.get_state()[1] == legacy).all()  # type: ignore[index]  # noqa: NPY002


def test_deap_is_imported_when_it_is_needed() -> None:
    code = (
        "import sys, schedulers.genetic.genetic, schedulers.genetic.memetic;"
        "print('deap' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("genetic[population=2]", "population must be >= 3"),
        ("genetic[crossover=2]", r"crossover must be in \[0, 1\]"),
        ("genetic[tournament=0]", "tournament must be >= 1"),
        ("genetic[genes=pins]", "did you mean 'pin'"),
        ("memetic[population=1]", "population must be >= 2"),
        ("memetic[hot=1]", r"hot must be in \[0, 1\)"),
    ],
)
def test_nonsense_is_refused(spec: str, sentence: str) -> None:
    with pytest.raises(InvalidSpec, match=sentence):
        make(spec)
