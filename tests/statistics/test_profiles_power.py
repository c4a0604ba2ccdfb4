"""Performance profiles by hand, and what so many pairs can show."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from scenarios.statistics import cases_of, detectable, pairs_needed, profiles, smallest_p
from tests.statistics.published import rows

A, B, C = 0, 1, 2


def by_hand():
    """Three problems; A fails on the last one. Ratios: 1 2 4, 2 2 1, fail 1 1."""
    frame = rows([[1.0, 2.0, 4.0], [2.0, 2.0, 1.0], [7.0, 3.0, 3.0]])
    bad = (frame["instance"] == "i2") & (frame["scheduler"] == "a")
    frame["status"] = np.where(bad, "failed", "ok")
    frame["error"] = np.where(bad, "no place", None)
    return profiles(cases_of(frame))


def test_a_profile_by_hand() -> None:
    found = by_hand()
    assert found.ratios.tolist() == [[1, 2, 4], [2, 2, 1], [math.inf, 1, 1]]
    shares = found.at([1.0, 1.99, 2.0, 4.0, 100.0])
    assert shares[A] == pytest.approx([1 / 3, 1 / 3, 2 / 3, 2 / 3, 2 / 3])
    assert shares[B] == pytest.approx([1 / 3, 1 / 3, 1, 1, 1])
    assert shares[C] == pytest.approx([2 / 3, 2 / 3, 2 / 3, 1, 1])
    table = found.table().set_index("scheduler")
    assert table.loc["a", "any"] == pytest.approx(2 / 3)
    assert table.loc["c", "1"] == pytest.approx(2 / 3)


def test_units_that_somebody_was_not_run_on_are_left_out_and_counted() -> None:
    found = profiles(cases_of(rows([[1.0, 2.0], [np.nan, 3.0]])))
    assert found.left_out == 1
    assert found.ratios.tolist() == [[1.0, 2.0]]


def test_seeds_are_averaged_by_ratio() -> None:
    # Geometric means over seeds: 2 and 6.
    found = profiles(cases_of(rows([[[1.0, 4.0], [4.0, 9.0]], [[1.0, 1.0], [1.0, 1.0]]])))
    assert found.ratios == pytest.approx(np.array([[1.0, 3.0], [1.0, 1.0]]))


def test_where_values_have_no_ratios_there_is_no_profile() -> None:
    assert profiles(cases_of(rows([[0.0, 1.0], [1.0, 2.0]]))) is None


@given(
    st.lists(
        st.lists(st.floats(0.1, 10), min_size=3, max_size=3), min_size=2, max_size=8
    )
)  # fmt: skip
def test_profiles_never_fall_and_somebody_is_best(values: list[list[float]]) -> None:
    found = profiles(cases_of(rows(values)))
    shares = found.at(np.linspace(1, 101, 50))
    assert (np.diff(shares, axis=1) >= 0).all()
    assert shares[:, 0].sum() >= 1 - 1e-9
    assert shares[:, -1] == pytest.approx(1.0)


def test_smallest_p_is_what_the_exact_test_gives() -> None:
    for n in range(1, 12):
        assert smallest_p(n) == pytest.approx(min(1, stats.wilcoxon(-np.arange(1.0, n + 1)).pvalue))


@given(st.integers(1, 500), st.sampled_from([0.01, 0.05, 0.1]))
def test_pairs_needed_are_the_fewest(tests: int, alpha: float) -> None:
    n = pairs_needed(tests, alpha)
    assert tests * smallest_p(n) <= alpha * (1 + 1e-9)
    assert tests * smallest_p(n - 1) > alpha


@pytest.mark.statistical
def test_the_detectable_difference_is_found_four_times_in_five() -> None:
    rng = np.random.default_rng(21)
    size = detectable(2.0, 40)
    found = sum(stats.wilcoxon(rng.normal(size, 2.0, 40)).pvalue <= 0.05 for _ in range(600))
    assert 0.74 <= found / 600 <= 0.86


def test_limits_of_what_can_be_detected() -> None:
    assert math.isnan(detectable(1.0, 3))
    assert math.isinf(detectable(1.0, 5))
    assert detectable(0.0, 20) == 0.0
    assert detectable(1.0, 400) < detectable(1.0, 100) < detectable(1.0, 100, alpha=0.001)
