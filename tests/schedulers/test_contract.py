"""What every scheduler promises, for every entry of the registry on several tiny problems."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from schedulers import lower_bound, make, names, solve
from schedulers.budget import Budget
from simulator import luck
from simulator.errors import Infeasible
from simulator.problem import Problem
from simulator.rules import check_allocation
from tests.schedulers.problems import TINY, from_table

ROOT = Path(__file__).resolve().parents[2]
SPECS = [*names(), "heft[insertion=false]", "heft[lookahead=oct]"]

everywhere = pytest.mark.parametrize("problem_name", TINY)
every_scheduler = pytest.mark.parametrize("spec", SPECS)


@pytest.fixture(scope="module")
def problems() -> dict[str, Problem]:
    return {name: make_problem() for name, make_problem in TINY.items()}


def fingerprint(problem: Problem) -> dict[str, bytes]:
    """Every array that a scheduler could have written to."""
    arrays = {f.name: getattr(problem.arrays, f.name) for f in fields(problem.arrays)}
    arrays |= {name: getattr(problem, name) for name in ("seconds", "bytes", "weights_bytes")}
    return {name: x.tobytes() for name, x in arrays.items() if isinstance(x, np.ndarray)}


@everywhere
@every_scheduler
def test_answers_are_valid_repeatable_and_above_the_bound(
    spec: str, problem_name: str, problems: dict[str, Problem]
) -> None:
    problem = problems[problem_name]
    before = fingerprint(problem)
    first = solve(spec, problem, seed=3, evaluations=200)
    assert fingerprint(problem) == before
    check_allocation(problem, first.allocation)
    assert np.isfinite(first.objective)
    assert first.objective == problem.objective_of(first.allocation)
    assert first.bound >= lower_bound(problem)
    assert first.objective >= first.bound
    assert first.spec == spec
    assert first.version == make(spec).version
    again = solve(spec, problem, seed=3, evaluations=200)
    assert again.allocation == first.allocation
    assert again.objective == first.objective
    assert again.evaluations == first.evaluations


@every_scheduler
def test_schedulers_are_deaf_to_test_luck(
    spec: str, problems: dict[str, Problem], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever draws from the family that runs are judged by is caught."""
    original = luck.draw

    def guarded(problem: Problem, seed: int = 0, family: str = "test"):  # type: ignore[no-untyped-def]
        assert family == "plan"
        return original(problem, seed, family)

    monkeypatch.setattr(luck, "draw", guarded)
    for name in ("streams", "branches"):
        fresh = TINY[name]()
        outcome = solve(spec, fresh, seed=3, evaluations=200)
        assert outcome.allocation == solve(spec, problems[name], seed=3, evaluations=200).allocation


@every_scheduler
def test_budgets_are_kept(spec: str, problems: dict[str, Problem]) -> None:
    """By a clock that ticks at every look: whoever asks what is left stops in time."""

    class Ticking:
        now = 0.0

        def __call__(self) -> float:
            Ticking.now += 0.125
            return Ticking.now

    problem = problems["streams"]
    assert solve(spec, problem, evaluations=1).evaluations <= 1
    limit = 2.0
    outcome = solve(spec, problem, seconds=limit, evaluations=5, clock=Ticking())
    assert outcome.evaluations <= 5
    assert outcome.cpu_seconds <= limit + 1.0


@every_scheduler
def test_infeasible_problems_are_refused_in_a_sentence(spec: str) -> None:
    from dataclasses import replace

    from simulator.taskgraph import TaskGraph

    problem = from_table([[1, 2], [2, 1]], [])
    stream = problem.streams[0]
    graph = TaskGraph(stream.graph.tasks, place_with=(("1", "2"),), apart=(("1", "2"),))
    impossible = replace(problem, streams=(replace(stream, graph=graph),), name="impossible")
    with pytest.raises(Infeasible) as caught:
        solve(spec, impossible, evaluations=200)
    assert str(caught.value) == (
        "no allocation keeps the place_with groups and the apart groups of 'impossible': "
        "however tasks '1' are placed, task '2' fits on no node"
    )


@every_scheduler
def test_schedulers_ask_for_nothing_but_the_problem(
    spec: str, problems: dict[str, Problem]
) -> None:
    """`schedule` works on its own, and chance comes from the generator alone."""
    problem = problems["variants"]
    scheduler = make(spec)
    answers = []
    for legacy_seed in (0, 1):
        np.random.seed(legacy_seed)  # noqa: NPY002
        budget = Budget(problem, evaluations=200)
        answers.append(scheduler.schedule(problem, budget, np.random.default_rng(5)))
    assert answers[0] == answers[1]


SCRIPT = """
import json
from schedulers import names, solve
from tests.schedulers.problems import TINY
problems = [make() for make in TINY.values()]
print(json.dumps({f"{n} {p.name}": solve(n, p, seed=3, evaluations=200).allocation.to_dict()
                  for n in names() for p in problems}))
"""


def answers_in_another_process(hash_seed: str) -> dict[str, object]:
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


def test_the_same_answers_in_another_process_and_under_another_hash_seed(
    problems: dict[str, Problem],
) -> None:
    here = {
        f"{name} {problem.name}": solve(name, problem, seed=3, evaluations=200).allocation.to_dict()
        for name in names()
        for problem in problems.values()
    }
    assert answers_in_another_process("1") == here
    assert answers_in_another_process("4242") == here


def test_random_depends_on_its_seed(problems: dict[str, Problem]) -> None:
    answers = {str(solve("random", problems["slots"], seed=s).allocation) for s in range(8)}
    assert len(answers) > 4


def test_random_draws_only_what_is_allowed_and_everything_that_is(
    problems: dict[str, Problem],
) -> None:
    """x on c or d, y on g, z anywhere: two times three placements, all of which turn up."""
    problem = problems["forbidden"]
    drawn = {
        tuple(solve("random", problem, seed=s).allocation.node_of(t) for t in "xyz")
        for s in range(60)
    }
    assert drawn == {(x, "g", z) for x in "cd" for z in "cdg"}


def test_single_node_is_the_best_one_and_moves_only_what_must_move(
    problems: dict[str, Problem],
) -> None:
    """Streams: q is twice as fast. Kinds: only the disk may read, only the gpu may infer."""
    placements = solve("single_node", problems["streams"]).allocation.placements
    assert {p.node for p in placements} == {"q"}
    allocation = solve("single_node", problems["kinds"]).allocation
    assert [allocation.node_of(t) for t in ("read", "c0", "g0")] == ["disk", "c2", "g1"]


def test_single_node_spends_no_more_evaluations_than_it_has() -> None:
    """Of three nodes, p3 has the shortest plan; one evaluation must do."""
    problem = from_table([[3, 2, 1], [3, 2, 1]], [])
    outcome = solve("single_node", problem, evaluations=1)
    assert outcome.evaluations == 1
    assert {p.node for p in outcome.allocation.placements} == {"p3"}
