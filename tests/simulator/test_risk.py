"""Mean, quantile and CVaR over plan realisations, by hand, and bounds that stay bounds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import scenarios
from scenarios.export import to_yaml
from schedulers import lower_bound, make, solve
from simulator.errors import AlloclabError
from simulator.objective import Objective
from simulator.risk import Risk
from tests.schedulers.problems import TINY

TEN = np.arange(10.0, 0.0, -1.0)[:, None]
"""Ten draws whose values are 10, 9, ... 1."""


@pytest.mark.parametrize(
    ("risk", "value"),
    [
        (Risk(), 5.5),
        (Risk("quantile", 0.5), 5.0),  # five of ten do not exceed it
        (Risk("quantile", 0.95), 10.0),
        (Risk("quantile", 0.9), 9.0),
        (Risk("quantile", 0.0), 1.0),
        (Risk("cvar", 0.8), 9.5),  # (10 + 9) / 2
        (Risk("cvar", 0.85), (10 + 0.5 * 9) / 1.5),  # the second worst counts half
        (Risk("cvar", 0.95), 10.0),
        (Risk("cvar", 0.0), 5.5),
    ],
)
def test_by_hand(risk: Risk, value: float) -> None:
    assert risk.over(TEN)[0] == pytest.approx(value, rel=1e-12)


def test_levels_are_decimal() -> None:
    """0.07 x 100 is 7.000000000000001 in binary: still the seventh draw, not the eighth."""
    assert Risk("quantile", 0.07).over(np.arange(1.0, 101.0)[:, None])[0] == 7.0


def test_worthless_draws_count_only_where_they_are_looked_at() -> None:
    values = np.array([[1.0, 1.0], [np.inf, 2.0], [3.0, 3.0], [4.0, np.inf]])
    assert Risk("quantile", 0.75).over(values).tolist() == [4.0, 3.0]
    assert Risk("cvar", 0.5).over(values).tolist() == [np.inf, np.inf]
    assert Risk().over(values).tolist() == [np.inf, np.inf]


@pytest.mark.parametrize("risk", [Risk(), Risk("quantile", 0.95), Risk("cvar", 0.9)])
def test_one_draw_is_its_own_value(risk: Risk) -> None:
    assert risk.over(np.array([[0.1]]))[0] == 0.1


@given(
    values=st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)), min_size=1, max_size=9),
    level=st.floats(0, 0.999),
)
def test_monotone_and_in_order(values: list[tuple[float, float]], level: float) -> None:
    low = np.array([v[:1] for v in values])
    high = low + np.array([v[1:] for v in values])
    for risk in (Risk(), Risk("quantile", level), Risk("cvar", level)):
        assert risk.over(low)[0] <= risk.over(high)[0]
    mean, cvar = Risk().over(low)[0], Risk("cvar", level).over(low)[0]
    slack = 1e-9 * max(1.0, mean)
    assert cvar >= mean - slack
    assert cvar >= Risk("quantile", level).over(low)[0] - slack


def test_texts_and_mappings() -> None:
    assert Risk.parse("mean") == Risk()
    assert Risk.parse("p95") == Risk("quantile", 0.95) == Risk.parse({"quantile": 0.95})
    assert Risk.parse({"cvar": 0.9}) == Risk("cvar", 0.9)
    assert str(Risk("cvar", 0.9)) == "cvar 0.9"
    with pytest.raises(AlloclabError, match="did you mean"):
        Risk.parse({"cva": 0.9})
    with pytest.raises(AlloclabError, match=r"'men'.*did you mean"):
        Risk.parse("men")
    with pytest.raises(AlloclabError, match="level must be"):
        Risk.parse({"cvar": 1})
    with pytest.raises(AlloclabError, match="expected mean, p95"):
        Risk.parse({"cvar": 0.9, "quantile": 0.5})


@pytest.mark.parametrize("risk", [Risk("quantile", 0.75), Risk("cvar", 0.6)])
def test_what_searches_see(risk: Risk) -> None:
    """`evaluate`, bound and terms put the single draws together as the risk says."""
    problem = replace(
        TINY["streams"](),
        plan_draws=5,
        plan_risk=risk,
        objective=Objective((("p95_latency", 1.0), ("makespan", 2.0))),
    )
    allocation = make("heft").plan(problem).allocation(problem)
    draws = [replace(problem, plan_draws=1, plan_seed=i, plan_risk=Risk()) for i in range(5)]
    each = np.array([[one.objective_of(allocation)] for one in draws])
    assert len(set(each.ravel())) == 5
    outcome = solve("heft", problem)
    assert outcome.objective == risk.over(each)[0]
    bounds = np.array([[lower_bound(one)] for one in draws], dtype=float)
    assert outcome.bound == risk.over(bounds)[0] <= outcome.objective
    for name, value in outcome.objectives.items():
        single = [replace(one, objective=Objective.parse(name)) for one in draws]
        terms = np.array([[one.objective_of(allocation)] for one in single])
        assert value == pytest.approx(risk.over(terms)[0], rel=1e-12)


def test_in_scenario_files(tmp_path: Path) -> None:
    path = tmp_path / "risky.yaml"
    path.write_text("alloclab: 1\nextends: detection\nplan_draws: 4\nplan_risk: {cvar: 75 %}\n")
    scenario = scenarios.load(path)
    problem = scenario.problem()
    assert (problem.plan_draws, problem.plan_risk) == (4, Risk("cvar", 0.75))
    again = tmp_path / "again.yaml"
    again.write_text(to_yaml(scenario))
    assert scenarios.load(again).problem().plan_risk == problem.plan_risk
    path.write_text("alloclab: 1\nextends: detection\nplan_risk: {cvr: 0.9}\n")
    with pytest.raises(AlloclabError, match=r"risky.yaml: plan_risk: .*'cvr'.*cvar"):
        scenarios.load(path)
