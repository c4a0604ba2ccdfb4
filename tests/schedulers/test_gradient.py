"""The soft simulation against finite differences and exact plans; rounding; the search itself."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from schedulers import make, solve
from schedulers.budget import Budget
from schedulers.exactness import plan_is_exact
from schedulers.gradient import Gradient, descent, search
from schedulers.gradient.model import soft_of
from schedulers.gradient.penalties import Penalties
from schedulers.gradient.relaxed import Levels, Sequential
from schedulers.gradient.rounding import Rounding, biases
from schedulers.ranks import ranks_of
from schedulers.registry import InvalidSpec
from schedulers.view import view_of
from simulator.problem import Problem
from simulator.rules import check_allocation
from tests.schedulers.problems import TINY, every_placement, from_table, random_problem

torch = pytest.importorskip("torch")
ROOT = Path(__file__).resolve().parents[2]


def chances(problem: Problem, restarts: int, seed: int = 0):  # type: ignore[no-untyped-def]
    """Random probabilities on the open options."""
    soft = soft_of(problem, 1.0)
    rng = np.random.default_rng(seed)
    p = rng.uniform(0.1, 1.0, (restarts, *soft.hold.shape)) * soft.mask
    return soft, torch.tensor(p / p.sum(axis=(2, 3), keepdims=True))


def diamond(**options: object) -> Problem:
    rows = [[2.0, 3.0], [4.0, 1.5], [3.0, 3.5], [1.0, 2.0], [2.5, 1.0]]
    edges = [(1, 2, 3.0), (1, 3, 1.0), (2, 4, 2.0), (3, 4, 5.0), (1, 5, 4.0)]
    return from_table(rows, edges, **options)


# ----- the soft simulation -------------------------------------------------------------------


@pytest.mark.parametrize("name", ["variants", "slots", "kinds", "size_tables", "groups"])
def test_gradients_of_the_compiled_simulation_are_finite_differences(name: str) -> None:
    problem = TINY[name]()
    soft, p = chances(problem, 2)
    scale = float(soft.hold.mean())
    soft = soft_of(problem, scale)
    opened = torch.tensor(soft.mask)
    forward = Sequential(soft, 2)
    p.requires_grad_(True)
    assert torch.autograd.gradcheck(lambda x: forward(x * opened, 0.3, 0.2), (p,), atol=1e-6)


def test_gradients_through_softmax_and_the_penalties_are_finite_differences() -> None:
    problem = TINY["memory"]()
    soft = soft_of(problem, 5.0)
    penalties = Penalties(problem, soft, "cpu", torch.float64)
    forward = Sequential(soft, 1)
    theta = torch.tensor(np.random.default_rng(1).normal(size=(1, *soft.hold.shape)))
    theta.requires_grad_(True)

    def loss(x):  # type: ignore[no-untyped-def]
        p = torch.softmax(x.flatten(2), dim=2).reshape(x.shape)
        return forward(p, 0.2, 0.2) + penalties.constraints(p)

    assert torch.autograd.gradcheck(loss, (theta,), atol=1e-6)


def test_gradients_of_the_level_batched_version_are_finite_differences() -> None:
    soft, p = chances(diamond(), 2)
    levels = Levels(soft, "cpu", torch.float64)
    p.requires_grad_(True)
    assert torch.autograd.gradcheck(lambda x: levels(x, 0.2), (p,), atol=1e-6)


def appended(problem: Problem, node: np.ndarray, variant: np.ndarray, order: np.ndarray) -> float:
    """Makespan of tasks appended in an order, on nodes of one slot; from the definition."""
    arrays, free, finish = problem.arrays, np.zeros(problem.n_nodes), {}
    for t in order:
        n, ready = node[t], 0.0
        for e in np.flatnonzero((arrays.edge_dst == t) & (arrays.edge_lag == 0)):
            p = int(arrays.edge_src[e])
            moved = 0.0
            if node[p] != n:
                width = arrays.route_bandwidth[node[p], n]
                moved = arrays.route_latency[node[p], n] + problem.bytes[e, variant[p]] / width
                moved += arrays.wake_s[n]
            ready = max(ready, finish[p] + moved)
        finish[t] = max(ready, free[n]) + arrays.dispatch_s[n] + problem.seconds[t, variant[t], n]
        free[n] = finish[t]
    return max(finish.values())


@pytest.mark.parametrize("problem", [diamond(), TINY["variants"](), TINY["kinds"]()])
def test_one_hot_probabilities_are_simulated_exactly(problem: Problem) -> None:
    """Every placement, in the order of its own upward ranks."""
    soft = soft_of(problem, 1.0)
    placements = every_placement(problem)[:200]
    p = np.zeros((len(placements), *soft.hold.shape))
    for r, (node, variant) in enumerate(placements):
        p[r, np.arange(problem.n_tasks), variant, node] = 1.0
    forward = Sequential(soft, len(p))
    values = forward(torch.tensor(p), 0.0, 0.0).numpy()
    for r, (node, variant) in enumerate(placements):
        order = np.lexsort((soft.position, -forward.rank[r]))
        assert values[r] == pytest.approx(appended(problem, node, variant, order), rel=1e-12)


def test_the_levels_never_exceed_the_sequence_at_one_hot() -> None:
    """The head cut is a lower bound of any schedule of that placement."""
    rng = np.random.default_rng(5)
    for _ in range(30):
        problem = random_problem(rng, tasks=7)
        soft = soft_of(problem, 1.0)
        node = rng.integers(problem.n_nodes, size=problem.n_tasks)
        p = np.zeros((1, *soft.hold.shape))
        p[0, np.arange(problem.n_tasks), 0, node] = 1.0
        exact = float(Sequential(soft, 1)(torch.tensor(p), 0.0, 0.0))
        cut = float(Levels(soft, "cpu", torch.float64)(torch.tensor(p), 0.0))
        assert cut <= exact * (1 + 1e-12)


def test_upward_ranks_of_certain_places_count_only_what_is_paid() -> None:
    """Chain 1 -> 2 by hand: 2 + 3 bytes + 1.5 apart, 2 + 4 together."""
    problem = from_table([[2.0, 9.0], [4.0, 1.5]], [(1, 2, 3.0)])
    soft = soft_of(problem, 1.0)
    p = np.zeros((2, 2, 1, 2))
    p[0, 0, 0, 0] = p[0, 1, 0, 1] = p[1, 0, 0, 0] = p[1, 1, 0, 0] = 1.0
    assert Sequential(soft, 2).ranks(p).tolist() == [[6.5, 1.5], [6.0, 4.0]]


# ----- rounding ------------------------------------------------------------------------------


def test_lambda_0_is_heft_and_a_large_one_takes_the_likeliest_node() -> None:
    problem = diamond()
    budget = Budget(problem)
    rounding = Rounding(problem, budget)
    up = ranks_of(view_of(problem)).up[None]
    p = np.full((1, 5, 1, 2), 0.5)
    p[0, :, 0, 0] = [0.6, 0.3, 0.9, 0.2, 0.7]
    p[0, :, 0, 1] = 1 - p[0, :, 0, 0]
    heft = make("heft").plan(problem)
    nothing = biases(p, np.array([0.0]), 1.0)
    assert rounding(up, nothing)[0] == heft.makespan
    found = rounding._decoder(up, biases(p, np.array([1e6]), 1.0))
    assert found.node[0].tolist() == [0, 1, 0, 1, 0]


def test_impossible_options_have_finite_biases() -> None:
    p = np.array([[[[1.0, 0.0]]]])
    bias = biases(p, np.array([1.0]), 2.0)
    assert bias[0, 0, 0] == 0.0
    assert np.isfinite(bias).all()


# ----- penalties -----------------------------------------------------------------------------


def one_hot(problem: Problem, node: list[int]):  # type: ignore[no-untyped-def]
    p = np.zeros((1, *soft_of(problem, 1.0).hold.shape))
    p[0, np.arange(problem.n_tasks), 0, node] = 1.0
    return torch.tensor(p)


def test_memory_counts_by_hand() -> None:
    """Five models of 4 bytes on nodes of 8, 8 and 4.5: all on c exceeds it by 15.5 / 4.5."""
    problem = TINY["memory"]()
    penalties = Penalties(problem, soft_of(problem, 1.0), "cpu", torch.float64)
    assert float(penalties.constraints(one_hot(problem, [0, 0, 1, 1, 2]))) < 1e-4
    full = float(penalties.constraints(one_hot(problem, [2] * 5)))
    assert full == pytest.approx(15.5 / 4.5, rel=1e-4)


def test_the_bottleneck_is_the_busiest_node_or_link() -> None:
    """Two streams: 6 requests of 0.5 + 0.5 s and 3 of 1 + 1 s; q is twice as fast."""
    problem = TINY["streams"]()
    penalties = Penalties(problem, soft_of(problem, 1.0), "cpu", torch.float64)
    assert penalties.load
    # All on p: 1 + 2 / 2 = 2 s for a request of camera. All on q: half. One chain on each: 1.
    loads = [float(penalties.bottleneck(one_hot(problem, x))) for x in ([0] * 4, [1] * 4)]
    assert loads[0] == pytest.approx(2.0, rel=0.1)
    assert loads[1] == pytest.approx(1.0, rel=0.1)
    # Apart: camera's message of 3 bytes over 4 bytes/s takes a link 0.75 s, less than p's 1.5 s.
    apart = float(penalties.bottleneck(one_hot(problem, [0, 1, 0, 0])))
    assert apart == pytest.approx(1.5, rel=0.1)


# ----- the search ----------------------------------------------------------------------------


def twin_chains() -> Problem:
    """Two chains of six whose heads lure them apart: each must stay together on one node.

    Heavy messages: moving one task alone never pays, moving a whole chain halves the makespan.
    """
    rows, edges = [], []
    for c in range(2):
        for k in range(6):
            slow, fast = 3.0, 2.9
            rows.append([fast, slow] if (k + c) % 2 == 0 else [slow, fast])
            if k:
                edges.append((6 * c + k, 6 * c + k + 1, 6.0))
        edges.append((6 * c + 1, 6 * c + 6, 40.0))
    return from_table(rows, edges)


def test_tasks_that_must_move_together_do() -> None:
    """Each chain on a node of its own is optimal, 3 x 2.9 + 3 x 3.0 = 17.7 s.

    By the gradient alone: probabilities start even but for noise, nothing is decoded, and most
    restarts come to the optimum, which without steps none does.
    """
    problem = twin_chains()
    assert solve(Gradient(), problem, evaluations=600).objective == pytest.approx(17.7)
    soft = soft_of(problem, 17.7)
    solved = {}
    for rate in (0.2, 0.0):
        theta = 0.3 * np.random.default_rng(0).standard_normal((12, *soft.hold.shape))
        run = descent.Descent(problem, soft, theta, rate, "cpu", True, np.ones(12))
        for i in range(100):
            run.step(search.COLDEST ** (i / 99))
        likeliest = run.chance(search.COLDEST).detach().numpy()[:, :, 0].argmax(2)
        solved[rate] = sum(
            len(set(row[:6])) == 1 and len(set(row[6:])) == 1 and row[0] != row[6]
            for row in likeliest
        )
    assert solved[0.2] >= 7
    assert solved[0.0] == 0


def test_it_is_never_worse_than_the_heuristics_it_starts_from() -> None:
    rng = np.random.default_rng(11)
    for seed in range(10):
        problem = random_problem(rng, tasks=8)
        found = solve("gradient", problem, evaluations=60, seed=seed).objective
        for spec in ("heft", "heft[lookahead=oct]", "peft", "single_node", "min_min"):
            assert found <= solve(spec, problem).objective


def test_it_finds_optima_of_tiny_problems() -> None:
    """By brute force over placements and the exact evaluation of all orders that matter."""
    rng = np.random.default_rng(2)
    hits = 0
    for seed in range(8):
        problem = random_problem(rng, tasks=5)
        assert plan_is_exact(problem)
        best = solve("brute_force", problem).objective
        found = solve("gradient", problem, evaluations=400, seed=seed).objective
        assert found >= best * (1 - 1e-9)
        hits += found <= best * (1 + 1e-9)
    assert hits >= 7


def test_learning_rate_0_takes_no_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("gradient work in the ablation")

    monkeypatch.setattr(Sequential, "__call__", refuse)
    monkeypatch.setattr(Levels, "__init__", refuse)
    monkeypatch.setattr(Sequential, "both", refuse)
    monkeypatch.setattr(descent, "adam_step", refuse)
    monkeypatch.setattr(torch.optim, "Adam", refuse)
    monkeypatch.setattr(torch.Tensor, "backward", refuse)
    outcome = solve("gradient[learning_rate=0.0]", diamond(), evaluations=300)
    assert outcome.evaluations == 300


def test_the_ablation_begins_where_the_search_does() -> None:
    """The first samples of both are the same; later ones are not."""
    problem = twin_chains()
    first = []
    for rate in (0.2, 0.0):
        run = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                search._Run, "_sample", lambda self, chance, *_, to=run: to.append(chance.copy())
            )
            Gradient(learning_rate=rate, iterations=3, batches=1).schedule(
                problem, Budget(problem), np.random.default_rng(4)
            )
        first.append(run)
    assert np.array_equal(first[0][0], first[1][0])
    assert not np.array_equal(first[0][2], first[1][2])


@pytest.mark.parametrize("name", ["memory", "traps", "groups", "variants", "streams"])
@pytest.mark.parametrize("forward", ["sequential", "levels"])
def test_constraints_are_kept(name: str, forward: str) -> None:
    problem = TINY[name]()
    outcome = solve(f"gradient[forward={forward},device=cpu]", problem, evaluations=150)
    check_allocation(problem, outcome.allocation)
    assert np.isfinite(outcome.objective)


def test_tasks_of_a_bundle_share_their_logits() -> None:
    problem = TINY["groups"]()
    soft = soft_of(problem, 1.0)
    theta = np.random.default_rng(3).normal(size=(2, *soft.hold.shape))
    run = descent.Descent(problem, soft, theta, 0.2, "cpu", True, np.ones(2))
    p = run.chance(0.5).detach().numpy()
    u, v, w, x, y = range(5)
    assert np.allclose(p[:, u], p[:, x])
    assert np.allclose(p[:, x], p[:, y])
    assert np.allclose(p[:, v], p[:, w])
    assert not np.allclose(p[:, u], p[:, v])


@pytest.mark.parametrize("sequential", [True, False])
def test_values_of_some_restarts_are_those_of_all(sequential: bool) -> None:
    """Chances and ranks of chosen rows, while all restarts take the step."""
    problem = diamond()
    soft = soft_of(problem, 5.0)
    theta = np.random.default_rng(8).normal(size=(5, *soft.hold.shape))
    rows = np.array([1, 4])
    runs = [descent.Descent(problem, soft, theta, 0.2, "cpu", sequential, np.ones(5)) for _ in "ab"]
    for tau in (1.0, 0.5):
        chance, rank = runs[0].step(tau)
        some, its_rank = runs[1].step(tau, rows)
        assert np.array_equal(some, chance[rows])
        assert np.array_equal(its_rank, rank[rows])


@pytest.mark.parametrize("rate", [0.2, 0.0])
def test_compiled_steps_are_those_of_torch(rate: float) -> None:
    """Softmax, gradient and Adam, with a forbidden option and several variants."""
    for problem in (diamond(), TINY["variants"](), TINY["forbidden"]()):
        soft = soft_of(problem, solve("heft", problem).objective)
        theta = np.random.default_rng(8).normal(size=(3, *soft.hold.shape))
        fast, slow = (
            descent.Descent(problem, soft, theta, rate, "cpu", True, np.ones(3)) for _ in "ab"
        )
        assert fast._compiled
        slow._compiled = False
        for tau in (1.0, 0.7, 0.4):
            for mine, other in zip(fast.step(tau), slow.step(tau), strict=True):
                assert np.allclose(mine, other, rtol=1e-5, atol=1e-9)
            assert (fast.price is None) == (rate == 0.0)
            if fast.price is not None:
                assert np.allclose(fast.price, slow.price, rtol=1e-4, atol=1e-9)
        assert np.allclose(fast._theta.detach(), slow._theta.detach(), rtol=1e-5)


def test_prices_are_what_the_objective_rises_by() -> None:
    """One task of 2 s on p and 5 s on q: the other node costs 3 s more, whatever the chances."""
    problem = from_table([[2, 5]], [])
    run = descent.Descent(
        problem, soft_of(problem, 1.0), np.zeros((2, 1, 1, 2)), 0.2, "cpu", True, np.ones(2)
    )
    run.step(1.0)
    assert run.price is not None
    assert np.allclose(run.price, [[[0.0, 3.0]]] * 2)
    p = np.full((1, 1, 1, 2), 0.5)
    bias = biases(p, np.zeros(2), 10.0, run.price[:1], np.array([0.0, 0.5]))
    assert np.allclose(bias, [[[0.0, 0.0]], [[0.0, 15.0]]])


@pytest.mark.parametrize("name", ["variants", "traps", "groups", "forbidden"])
def test_descents_keep_the_rules_and_the_budget(name: str) -> None:
    problem = TINY[name]()
    outcome = solve("gradient[descent=5,iterations=3]", problem, evaluations=400)
    check_allocation(problem, outcome.allocation)
    assert outcome.evaluations <= 400


def test_descents_go_where_samples_alone_do_not() -> None:
    problem = random_problem(np.random.default_rng(12), tasks=40, nodes=4)
    assert plan_is_exact(problem)
    how = "iterations=2,batches=1,learning_rate=0.0"
    bare = solve(f"gradient[{how}]", problem, seed=1)
    polished = solve(f"gradient[{how},descent=200]", problem, seed=1)
    assert polished.objective < bare.objective
    assert polished.evaluations > bare.evaluations + 200 * problem.n_tasks


def test_the_number_of_torch_threads_is_left_as_it_was() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        solve("gradient", diamond(), evaluations=50)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_streams_are_judged_by_simulation() -> None:
    problem = TINY["streams"]()
    outcome = solve("gradient", problem, evaluations=150)
    assert outcome.objective == problem.objective_of(outcome.allocation)
    assert outcome.objective <= solve("heft", problem).objective


def test_times_of_any_magnitude() -> None:
    """Scaling all times by a power of two scales the answer, bit for bit."""
    base = [[2.0, 3.0, 2.5], [4.0, 1.5, 2.0], [3.0, 3.5, 1.0], [1.0, 2.0, 3.0]]
    edges = [(1, 2, 3.0), (1, 3, 1.0), (2, 4, 2.0), (3, 4, 5.0)]
    values = []
    for factor in (1.0, 2.0**-40, 2.0**30):
        rows = [[x * factor for x in row] for row in base]
        problem = from_table(rows, [(a, b, c * factor) for a, b, c in edges])
        values.append(solve("gradient", problem, evaluations=200).objective / factor)
    assert values[0] == values[1] == values[2]


SCRIPT = """
from schedulers import solve
from tests.schedulers.test_gradient import twin_chains
o = solve("gradient", twin_chains(), evaluations=300, seed=7)
print(o.objective.hex(), [p.node for p in o.allocation.placements], o.evaluations)
"""


def test_the_same_answer_in_other_processes() -> None:
    answers = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, check=True,
            env={**os.environ, "PYTHONHASHSEED": seed, "OMP_NUM_THREADS": threads},
        ).stdout
        for seed, threads in (("1", "1"), ("99", "2"))
    }  # fmt: skip
    assert len(answers) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"learning_rate": -1.0}, "learning_rate must be in .0, 100., got -1.0"),
        ({"descent": -1}, "descent must be in .0, 1000000., got -1"),
        ({"samples": 0}, "samples must be >= 1, got 0"),
        ({"forward": "sequential", "device": "cuda"}, "runs on device=cpu only"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(
    options: dict[str, object], message: str
) -> None:
    with pytest.raises(InvalidSpec, match=message):
        replace(Gradient(), **options)  # type: ignore[arg-type]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_cuda_there_is_a_sentence() -> None:
    with pytest.raises(InvalidSpec, match="torch finds no CUDA device; use device=cpu"):
        solve("gradient[device=cuda]", diamond(), evaluations=50)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_finds_what_the_cpu_finds() -> None:
    outcome = solve("gradient[device=cuda]", twin_chains(), evaluations=2000)
    assert outcome.objective == pytest.approx(17.7)
