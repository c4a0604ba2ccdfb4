"""The whole analysis: worked answers, what is missing, and what must not change it."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios.statistics import Settings, analyse
from scenarios.statistics.baseline import LIST_SCHEDULERS
from simulator.errors import InvalidScenario, UnknownName
from tests.statistics.published import rows

QUICK = Settings(resamples=200)


def by_name(analysis) -> dict:
    return {row["scheduler"]: row for row in analysis.table.to_dict("records")}


def test_a_scheduler_that_always_takes_half() -> None:
    base = np.array([1.0, 2.0, 3.0, 5.0, 8.0, 13.0])
    found = analyse(rows(np.column_stack([base, base / 2, base])), baseline="a", settings=QUICK)
    b, c = by_name(found)["b"], by_name(found)["c"]
    assert b["effect"] == b["low"] == b["high"] == pytest.approx(0.5)
    assert (b["better"], b["equal"], b["worse"], b["pairs"]) == (6, 0, 0, 6)
    assert b["p"] == pytest.approx(2 / 2**6)
    assert b["p_holm"] == pytest.approx(4 / 2**6)
    assert (b["rank_biserial"], b["dominance"], b["detectable"]) == (1.0, 1.0, math.inf)
    assert (c["effect"], c["equal"], c["p"], c["rank_biserial"]) == (1.0, 6, 1.0, 0.0)
    assert found.table["scheduler"].tolist() == ["b", "a", "c"]
    assert "0.500 times a" in found.summary[1]


def test_the_effect_is_a_geometric_mean() -> None:
    found = analyse(rows([[1.0, 2.0], [1.0, 8.0]]), baseline="a", settings=QUICK)
    assert by_name(found)["b"]["effect"] == pytest.approx(4.0)


def test_seeds_of_an_instance_are_one_pair() -> None:
    values = np.ones((3, 2, 10))
    values[0, 1], values[1, 1], values[2, 1] = 2.0, 0.5, 2.0
    found = analyse(rows(values), baseline="a", settings=QUICK)
    assert found.unit == "instance" and by_name(found)["b"]["pairs"] == 3
    assert by_name(found)["b"]["worse"] == 2
    single = analyse(rows(values[:1]), baseline="a", settings=QUICK)
    assert single.unit == "seed" and by_name(single)["b"]["pairs"] == 10
    assert any("speak of its luck" in s for s in single.summary)
    assert by_name(single)["b"]["low"] == by_name(single)["b"]["high"] == pytest.approx(2.0)
    two = analyse(rows(values[:2]), baseline="a", unit="seed", settings=QUICK)
    b = by_name(two)["b"]  # twenty pairs, but two instances, of which either may be drawn alone
    assert (b["pairs"], b["low"], b["high"]) == (20, pytest.approx(0.5), pytest.approx(2.0))


def test_two_intervals_from_few_families_with_many_instances() -> None:
    rng = np.random.default_rng(0)
    logs = np.repeat(rng.normal(0, 0.5, 12), 8) + rng.normal(0, 0.05, 96)
    frame = rows(np.column_stack([np.ones(96), np.exp(logs)]))
    frame["family"] = [f"f{int(i[1:]) // 8}" for i in frame["instance"]]
    b = by_name(analyse(frame, baseline="a"))["b"]
    narrow = math.log(b["high"] / b["low"])
    wide = math.log(b["family_high"] / b["family_low"])
    # Values within a family are nearly equal: eight of them tell no more than one.
    assert wide / narrow == pytest.approx(math.sqrt(8), rel=0.25)


def failing() -> pd.DataFrame:
    """b fails on i0 (where it would have been ten times worse); d answers on i1 only."""
    frame = rows([[1.0, 10.0, 1.0, 1.0], [1.0, 0.5, 2.0, 3.0], [1.0, 0.5, 2.0, np.nan],
                  [1.0, 0.5, 2.0, np.nan]])  # fmt: skip
    bad = (frame["instance"] == "i0") & frame["scheduler"].isin(["b", "d"])
    return frame.assign(
        status=np.where(bad, "failed", "ok"), error=np.where(bad, "it fits nowhere", None)
    )


def test_failures_are_compared_on_common_instances_and_named() -> None:
    found = analyse(failing(), baseline="a", settings=QUICK)
    b = by_name(found)["b"]
    assert (b["pairs"], b["left_out"], b["effect"]) == (3, 1, pytest.approx(0.5))
    counts = found.cells.set_index("scheduler")
    assert counts.loc["b", ["cells", "answered", "failed", "missing"]].tolist() == [4, 3, 1, 0]
    assert counts.loc["d", ["cells", "answered", "failed", "missing"]].tolist() == [2, 1, 1, 2]
    assert found.errors == {"b": "it fits nowhere", "d": "it fits nowhere"}
    text = str(found)
    assert "2 cells failed (b 1, d 1)" in text
    assert "2 cells were not run (d 2)" in text
    assert "answers in less than half of the cases: d" in text
    assert "over the 3 of 4 instances on which all of 3 schedulers" in text
    assert found.ranks.units == 3


def test_lost_requests_are_worse_than_everything() -> None:
    found = analyse(rows([[1.0, math.inf], [1.0, 0.5], [1.0, 0.5]]), baseline="a", settings=QUICK)
    b = by_name(found)["b"]
    assert (b["better"], b["worse"], b["pairs"], b["left_out"]) == (2, 1, 3, 1)
    assert b["effect"] == pytest.approx(0.5)  # of the finite ones, and the one left out is counted
    assert "1 cells have an infinite objective: they lost requests (b 1)" in str(found)


def test_more_can_be_better() -> None:
    frame = rows([[1.0, 2.0]] * 6).rename(columns={"objective": "speedup"})
    b = by_name(analyse(frame, metric="speedup", baseline="a", settings=QUICK))["b"]
    assert b["effect"] == pytest.approx(0.5) and b["better"] == 6


def test_values_of_nothing_are_compared_by_difference() -> None:
    found = analyse(rows([[0.0, 1.0], [2.0, 5.0]]), baseline="a", settings=QUICK)
    assert found.scale == "difference" and found.profiles is None
    assert by_name(found)["b"]["effect"] == pytest.approx(2.0)
    with pytest.raises(InvalidScenario, match=r"values of 0 or less .0., which have no"):
        analyse(rows([[0.0, 1.0]]), scale="ratio")


def test_a_tie_of_one_percent_holds_everywhere() -> None:
    frame = rows([[1.0, 1.004, 0.996]] * 8)
    b = by_name(analyse(frame, baseline="a", tie=0.01, settings=QUICK))["b"]
    assert (b["equal"], b["p"], b["effect"]) == (8, 1.0, 1.0)
    assert analyse(frame, tie=0.01, settings=QUICK).ranks.average == (2.0, 2.0, 2.0)


def test_the_default_baseline_is_the_best_list_scheduler() -> None:
    frame = rows([[4.0, 2.0, 1.0]] * 3)
    frame["scheduler"] = frame["scheduler"].map({"a": "heft", "b": "peft", "c": "genetic"})
    found = analyse(frame, settings=QUICK)
    assert found.baseline == "peft" and "list schedulers" in found.chosen
    assert any("flattered" in s for s in found.summary)
    frame.loc[frame["instance"].eq("i0") & frame["scheduler"].eq("heft"), "objective"] = 0.5
    virtual = analyse(frame, baseline="virtual-best-list", settings=QUICK)
    assert by_name(virtual)["genetic"]["effect"] == pytest.approx((2 * 0.5 * 0.5) ** (1 / 3))
    assert by_name(virtual)["peft"]["p_holm"] <= 1


def test_list_schedulers_are_registered_names() -> None:
    from schedulers import names

    assert set(LIST_SCHEDULERS) <= set(names())


def test_levels_of_parameters() -> None:
    frame = rows([[1.0, 0.5], [1.0, 0.5], [1.0, 2.0], [1.0, 2.0]])
    frame["param.ccr"] = [0.1 if i in ("i0", "i1") else 10.0 for i in frame["instance"]]
    found = analyse(frame, baseline="a", settings=QUICK).levels
    b = found[found["scheduler"] == "b"].set_index("level")
    assert b["effect"].to_dict() == pytest.approx({0.1: 0.5, 10.0: 2.0})
    assert b["units"].tolist() == [2, 2] and set(b["factor"]) == {"param.ccr"}


def test_seeds_and_repetitions_are_no_factors() -> None:
    frame = rows([[1.0, 0.5], [1.0, 2.0]])
    frame["family"] = frame["param.family"] = frame["instance"]
    frame["param.instance_seed"] = [int(i[1:]) for i in frame["instance"]]
    found = analyse(frame, baseline="a", settings=QUICK).levels
    assert set(found["factor"]) == {"family"}


def test_too_few_pairs_are_said_to_be_too_few() -> None:
    found = analyse(rows([[1.0, 0.5, 2.0]] * 4), baseline="a", settings=QUICK)
    assert found.power["pairs_needed"] == 7  # 2 tests x 2 / 2^n <= 0.05
    assert found.power["smallest_p"] == pytest.approx(0.125)
    assert any("Too few instances" in s and "at least 7 pairs" in s for s in found.summary)
    assert not (found.table["p_holm"] <= 0.05).any()


@pytest.mark.parametrize(
    ("frame", "options", "error", "text"),
    [
        (rows([[1.0]]).drop(columns="scheduler"), {}, InvalidScenario, "no rows with a scheduler"),
        (rows([[1.0]]), {"metric": "objectiv"}, UnknownName, "did you mean 'objective'"),
        (rows([[1.0]]), {"baseline": "hefty"}, UnknownName, "baseline 'hefty'"),
        (rows([[1.0]]), {"baseline": "best-list"}, InvalidScenario, "is a list scheduler"),
        (rows([[1.0]]), {"unit": "task"}, UnknownName, "unit 'task'"),
        (rows([[1.0]]), {"tie": -1.0}, InvalidScenario, "tie: expected a share from 0 on"),
        (rows([[1.0]], slr=np.nan), {"metric": "slr"}, InvalidScenario, "no value in any"),
        (rows([[1.0]], error="bad", status="failed"), {}, InvalidScenario, "the first: bad"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_refused(frame, options, error, text) -> None:
    with pytest.raises(error, match=text):
        analyse(frame, **options)


def test_one_cell_with_two_answers_is_refused_and_with_equal_ones_counted_once() -> None:
    frame = rows([[1.0, 2.0], [3.0, 4.0]])
    found = analyse(pd.concat([frame, frame]), settings=QUICK)
    assert found.size["cells"] == 4 and "4 repeated rows" in str(found)
    with pytest.raises(InvalidScenario, match=r"b has two different answers on i0, seed 0 \(2"):
        analyse(pd.concat([frame, frame.assign(objective=frame["objective"] * 1.5)]).iloc[1:])


VALUES = st.lists(st.lists(st.floats(0.5, 20), min_size=3, max_size=3), min_size=3, max_size=6)


@pytest.mark.slow  # eight analyses, each with its bootstrap
@settings(max_examples=4, deadline=None)
@given(VALUES, st.randoms(use_true_random=False))
def test_neither_order_nor_size_of_an_instance_matters(values, random) -> None:
    frame = rows(values)
    order = list(range(len(frame)))
    random.shuffle(order)
    factors = {f"i{i}": random.choice([0.125, 1.0, 64.0]) for i in range(len(values))}
    other = frame.iloc[order].assign(
        objective=lambda f: f["objective"] * f["instance"].map(factors)
    )
    numbers = ["effect", "pairs", "better", "equal", "worse", "p_holm", "rank_biserial"]
    numbers.append("mean_rank")
    a, b = (
        analyse(f, baseline="a", settings=QUICK).table.set_index("scheduler").sort_index()
        for f in (frame, other)
    )
    assert np.allclose(a[numbers].to_numpy(), b[numbers].to_numpy(), equal_nan=True)


@pytest.mark.slow
@settings(max_examples=4, deadline=None)
@given(VALUES)
def test_the_baseline_seen_from_the_other_side(values) -> None:
    a = by_name(analyse(rows(values), baseline="a", settings=QUICK))["b"]
    b = by_name(analyse(rows(values), baseline="b", settings=QUICK))["a"]
    assert a["effect"] * b["effect"] == pytest.approx(1.0)
    assert (a["better"], a["worse"]) == (b["worse"], b["better"])
    assert a["p"] == pytest.approx(b["p"])


def test_another_process_gives_the_same_answer() -> None:
    script = (
        "import sys; sys.path.insert(0, '.')\n"
        "from tests.statistics.published import AUC, rows\n"
        "from scenarios.statistics import Settings, analyse\n"
        "from scenarios.results import to_json\n"
        "print(to_json(analyse(rows(AUC), settings=Settings(resamples=200)).to_dict()))"
    )
    out = [
        subprocess.run(
            [sys.executable, "-c", script], env={"PYTHONHASHSEED": seed, "PATH": ""}, text=True,
            capture_output=True, check=True,
        ).stdout
        for seed in ("1", "2")
    ]  # fmt: skip
    assert out[0] == out[1]
    assert json.loads(out[0])["size"]["units"] == 14
