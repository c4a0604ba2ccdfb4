"""The committed instances: every certificate holds, and the checker notices when one does not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import scenarios
from benchmarks.quality.optimal import DATA, check, complaints, recomputed
from schedulers import lower_bound, solve

FILES = sorted(DATA.glob("*.json"))


def test_there_are_about_a_hundred_and_all_certificates_hold(capsys) -> None:  # type: ignore[no-untyped-def]
    assert check(DATA, prove=False, limit=None) == 0
    assert "108 instances, 108 proved optimal, 0 complaints" in capsys.readouterr().out


@pytest.mark.parametrize("file", FILES[::12], ids=lambda f: f.stem)
def test_nothing_lies_below_the_optimum_and_no_bound_above(file: Path) -> None:
    problem = scenarios.load(str(file)).problem()
    best = json.loads(file.read_text())["best_known"]
    assert lower_bound(problem) <= best * (1 + 1e-9)
    for spec in ("heft", "exact"):
        assert solve(spec, problem, evaluations=2000).objective >= best * (1 - 1e-9)


@pytest.mark.parametrize("what", ["makespan", "order", "missing", "bound", "status"])
def test_the_checker_notices(what: str) -> None:
    data = json.loads(FILES[0].read_text())
    assert list(complaints(data)) == []
    order = max(data["schedule"].values(), key=len)
    if what == "makespan":
        data["best_known"] *= 1.001
    elif what == "order":
        order.reverse()
    elif what == "missing":
        order.pop()
    elif what == "bound":
        data["bound"] *= 1.01
    else:
        data["proved_optimal"] = False
    assert list(complaints(data))


def test_a_certificate_by_hand() -> None:
    """1 s on p, then 0.1 + 0.2 s to q, 2 s there: 3.3 s, and not the sum of floats."""
    data = {
        "nodes": ["p", "q"],
        "tasks": [{"id": "a", "seconds": {"p": 1.0}}, {"id": "b", "seconds": {"q": 2.0}}],
        "edges": [["a", "b", 0.3]],
        "bandwidth": 1.0,
        "schedule": {"p": ["a"], "q": ["b"]},
    }
    assert recomputed(data) * 10 == 33
