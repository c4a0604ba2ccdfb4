"""Points of parameter spaces, by hand and by their properties."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios.study.points import MOST, names_of, points_of
from scenarios.study.schema import ParametersSpec
from simulator.errors import InvalidScenario


def points(**blocks: object) -> list[dict[str, object]]:
    return points_of(ParametersSpec.model_validate(blocks))


def test_without_parameters_there_is_one_point() -> None:
    assert points() == [{}]


def test_a_grid_has_all_combinations_the_last_running_fastest() -> None:
    assert points(grid={"a": [1, 2], "b": ["x", "y", "z"]}) == [
        {"a": 1, "b": "x"}, {"a": 1, "b": "y"}, {"a": 1, "b": "z"},
        {"a": 2, "b": "x"}, {"a": 2, "b": "y"}, {"a": 2, "b": "z"},
    ]  # fmt: skip


def test_zip_pairs_and_meets_every_point_of_the_grid() -> None:
    got = points(grid={"g": [0, 1]}, zip={"a": [1, 2], "b": [3, 4]})
    assert got == [
        {"g": 0, "a": 1, "b": 3}, {"g": 0, "a": 2, "b": 4},
        {"g": 1, "a": 1, "b": 3}, {"g": 1, "a": 2, "b": 4},
    ]  # fmt: skip
    spec = ParametersSpec.model_validate({"zip": {"a": [1], "b": [2]}, "grid": {"g": [0]}})
    assert names_of(spec) == ("g", "a", "b")


RANGES = {
    "u": {"uniform": {"low": -2, "high": 3}},
    "l": {"log": {"low": 0.01, "high": 100}},
    "w": {"whole": {"low": 1, "high": 4}},
    "c": ["x", "y"],
}


@given(n=st.integers(1, 60), seed=st.integers(0, 2**32), block=st.sampled_from(["random", "latin_hypercube"]))  # fmt: skip  # noqa: E501
@settings(max_examples=40, deadline=None)
def test_samples_stay_in_range_and_repeat(n: int, seed: int, block: str) -> None:
    sample = {block: {"n": n, "seed": seed, "over": RANGES}}
    got = points(**sample)
    assert got == points(**sample)
    assert len(got) == n
    for point in got:
        assert -2 <= point["u"] <= 3
        assert 0.01 <= point["l"] <= 100
        assert point["w"] in (1, 2, 3, 4)
        assert point["c"] in ("x", "y")


@given(n=st.integers(1, 80), seed=st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_a_latin_hypercube_hits_every_slice_of_every_parameter_once(n: int, seed: int) -> None:
    got = points(
        latin_hypercube={"n": n, "seed": seed, "over": {"u": RANGES["u"], "l": RANGES["l"]}}
    )
    uniform = sorted(math.floor((p["u"] + 2) / 5 * n + 1e-9) for p in got)
    log = sorted(math.floor((math.log10(p["l"]) + 2) / 4 * n + 1e-9) for p in got)
    assert uniform == log == list(range(n))


def test_a_latin_hypercube_is_balanced_over_values_and_whole_numbers() -> None:
    got = points(latin_hypercube={"n": 12, "over": {"w": RANGES["w"], "c": RANGES["c"]}})
    assert sorted(p["w"] for p in got) == [1] * 3 + [2] * 3 + [3] * 3 + [4] * 3
    assert sorted(p["c"] for p in got) == ["x"] * 6 + ["y"] * 6


def test_other_seeds_give_other_points() -> None:
    over = {"u": RANGES["u"]}
    first, second = (points(random={"n": 3, "seed": s, "over": over}) for s in (0, 1))
    assert first != second


@pytest.mark.parametrize(
    ("blocks", "words"),
    [
        ({"grid": {"a": [1]}, "zip": {"a": [2]}}, "zip.a: stands in grid as well"),
        ({"grid": {"a": [1, 2, 1]}}, "grid.a: the value 1 stands twice"),
        ({"grid": {"a": [1, None]}}, "grid.a[1]: expected a value"),
        ({"zip": {"a": [1], "b": [1, 2]}}, "equally long, but a has 1, b has 2"),
        ({"grid": {k: list(range(200)) for k in "abc"}}, f"more than {MOST:,}"),
        (
            {"grid": {"a": list(range(1001))}, "random": {"n": 1000, "over": {"b": [1]}}},
            "1,001,000 points are too many",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(blocks: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidScenario) as error:
        points(**blocks)
    assert words in str(error.value)


def test_true_and_one_are_two_values() -> None:
    assert len(points(grid={"a": [True, 1]})) == 2
