"""Comparing: which schedulers, what an interrupt leaves, and the curves of searches."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pandas as pd
import pytest

from scenarios import load
from scenarios.compare import LEFT_OUT, Comparison, compare, default_specs
from scenarios.compare_table import caption
from scenarios.curves import curves_chart, look
from scenarios.results import write_comparison
from schedulers import names, registry
from schedulers.base import solve
from simulator.errors import InvalidScenario, UnknownName


@dataclass(frozen=True)
class Worst:
    """Offers other schedulers' answers, the worst first, then is interrupted or ends."""

    version: ClassVar[int] = 1
    cut: bool = False

    def schedule(self, problem, budget, rng):  # type: ignore[no-untyped-def]
        found = [solve(name, problem) for name in ("random", "round_robin", "heft", "peft")]
        for outcome in sorted(found, key=lambda outcome: -outcome.objective):
            budget.offer(outcome.allocation)
        if self.cut and problem.name != "tiny":  # not while warming up
            raise KeyboardInterrupt
        return budget.best


@pytest.fixture
def worst(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.SCHEDULERS, "worst", f"{__name__}:Worst")  # type: ignore[arg-type]


def test_the_usual_schedulers_and_all_of_them() -> None:
    assert set(default_specs()) | set(LEFT_OUT) >= set(names())
    assert "heft" in default_specs()
    result = compare(load("translation"), ["heft", "heft[]", "heft[insertion=true]", "met"])
    assert [row["scheduler"] for row in result.rows] == ["heft", "met"]
    with pytest.raises(UnknownName):
        compare(load("translation"), ["all", "hefty"])
    with pytest.raises(InvalidScenario):
        compare(load("translation"), [])


def test_an_interrupt_ends_the_comparison_and_keeps_what_there_is(worst: None) -> None:
    specs = ["heft", "worst[cut=true]", "met"]
    result = compare(load("translation"), specs, seeds=3)
    assert result.interrupted
    assert result.seeds == (0,)
    assert [row["scheduler"] for row in result.rows] == specs[:2]
    assert result.rows[1]["status"] == "interrupted"
    assert result.outcomes["worst[cut=true]"].allocation == result.traces[specs[1]].allocation


def test_nothing_is_left_of_an_interrupt_before_the_first_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def cut(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("schedulers.solve", cut)
    with pytest.raises(KeyboardInterrupt):
        compare(load("translation"), ["heft"])


def test_curves_are_written_where_a_search_improved(worst: None, tmp_path: Path) -> None:
    result: Comparison = compare(load("translation"), ["heft", "worst"], seeds=2)
    write_comparison(result, tmp_path)
    curve = pd.read_csv(tmp_path / "curves.csv")
    mine = curve[(curve.scheduler == "worst") & (curve.seed == 0)]
    assert list(mine.objective) == [p.objective for p in result.outcomes["worst"].curve]
    assert mine.objective.is_monotonic_decreasing
    assert (tmp_path / "curves.png").stat().st_size > 5000
    assert json.loads((tmp_path / "manifest.json").read_text())["interrupted"] is False
    write_comparison(compare(load("translation"), ["heft"]), tmp_path / "plain")
    assert not (tmp_path / "plain" / "curves.png").exists()


def test_charts_of_curves_refuse_what_they_cannot_draw(tmp_path: Path) -> None:
    outcome = solve("heft", load("translation").problem())
    with pytest.raises(UnknownName):
        curves_chart({"heft": outcome}, tmp_path / "c.gif", title="t", objective="makespan")
    with pytest.raises(InvalidScenario):
        curves_chart({}, tmp_path / "c.png", title="t", objective="makespan")


def test_many_searches_look_different() -> None:
    assert len({str(look(i)) for i in range(28)}) == 28
    assert look(0) != look(7)


def test_a_point_of_a_front_is_called_one() -> None:
    result = compare(load("translation"), ("heft", "nsga2"), evaluations=40)
    assert "nsga2: one point of a front" in caption(result)
    alone = compare(load("translation"), ("heft",), evaluations=40)
    assert "front" not in caption(alone)
