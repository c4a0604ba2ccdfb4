"""Where plans claim to be exact, the simulator must agree to the last bit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from schedulers.exactness import plan_is_exact
from schedulers.heft import Heft
from simulator.objective import Objective
from tests.schedulers.problems import TINY


@pytest.mark.parametrize("name", TINY)
def test_an_exact_plan_is_what_the_simulator_says(name: str) -> None:
    problem = TINY[name]()
    plan = Heft().plan(problem)
    if plan_is_exact(problem):
        assert plan.makespan == problem.objective_of(plan.allocation(problem))


def test_most_tiny_problems_are_exact_and_anything_else_is_not() -> None:
    assert sum(plan_is_exact(make()) for make in TINY.values()) >= 6
    problem = TINY["variants"]()
    assert plan_is_exact(problem)
    for change in (
        {"network": "fair"},
        {"dispatch": "greedy"},
        {"objective": Objective((("balance", 1.0),))},
        {"objective": Objective((("makespan", 2.0),))},
    ):
        assert not plan_is_exact(replace(problem, **change))  # type: ignore[arg-type]
    assert not plan_is_exact(TINY["streams"]())
    assert not plan_is_exact(TINY["branches"]())
