"""The guide's code runs as it stands, and the documentation knows every scheduler."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from schedulers import names, solve, spec_of
from simulator.rules import check_allocation
from tests.schedulers.problems import TINY
from tests.schedulers.test_paper import TOPCUOGLU

DOCS = Path(__file__).resolve().parents[2] / "docs"
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)


def blocks(name: str) -> list[str]:
    return BLOCK.findall((DOCS / name).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def guide() -> dict[str, object]:
    """Names after running the guide from top to bottom, with a problem at hand."""
    space: dict[str, object] = {"problem": TOPCUOGLU}
    for block in blocks("guides/adding-a-scheduler.md"):
        exec(compile(block, "adding-a-scheduler.md", "exec"), space)
    return space


def test_the_example_is_short() -> None:
    first = blocks("guides/adding-a-scheduler.md")[0]
    body = first[first.index("version:") :]
    assert len([line for line in body.splitlines() if line.strip()]) <= 20


def test_the_example_searches(guide) -> None:  # type: ignore[no-untyped-def]
    outcome = guide["outcome"]
    assert outcome.spec == "LightestNode[trials=50]"
    assert outcome.evaluations == 51
    assert outcome.objective <= outcome.curve[0].objective
    again = solve(guide["LightestNode"](trials=50), TOPCUOGLU, seed=0)
    assert again.allocation == outcome.allocation


@pytest.mark.parametrize("name", ["kinds", "streams", "slots", "forbidden"])
@pytest.mark.parametrize("scheduler", ["LightestNode", "LongestFirst"])
def test_the_examples_solve_other_problems(guide, scheduler: str, name: str) -> None:  # type: ignore[no-untyped-def]
    problem = TINY[name]()
    outcome = solve(guide[scheduler](), problem)
    check_allocation(problem, outcome.allocation)
    assert np.isfinite(outcome.objective)
    assert spec_of(guide[scheduler]()) == scheduler


def test_every_scheduler_is_documented() -> None:
    text = (DOCS / "schedulers.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)
    assert listed == list(names())
