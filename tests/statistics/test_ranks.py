"""Friedman, Iman-Davenport and Nemenyi against the example that Demsar works out."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scikit_posthocs
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import friedmanchisquare, studentized_range

from scenarios.statistics import Scale, critical_difference, rank_test
from tests.statistics.published import AUC, DEMSAR, NEMENYI_Q

MORE = Scale("difference", higher_is_better=True)


def demsar(alpha: float = 0.05):
    return rank_test(DEMSAR, MORE.ranks(MORE.scores(AUC)), alpha)


def test_average_ranks_of_the_example() -> None:
    found = demsar()
    assert dict(zip(found.schedulers, found.average, strict=True)) == pytest.approx(
        {"C4.5": 3.143, "C4.5+m": 2.000, "C4.5+cf": 2.893, "C4.5+m+cf": 1.964}, abs=5e-4
    )
    assert found.schedulers[0] == "C4.5+m+cf"


def test_friedman_of_the_example() -> None:
    """The paper has 9.28 and F = 3.69 without a correction for ties.

    Four equal values on mushroom and three pairs elsewhere: the correction divides by
    1 - (60 + 3 x 6) / (14 x 4 x 15).
    """
    found = demsar()
    ties = 1 - 78 / (14 * 4 * 15)
    uncorrected = found.chi_squared * ties
    assert uncorrected == pytest.approx(9.28, abs=0.005)
    assert 13 * uncorrected / (14 * 3 - uncorrected) == pytest.approx(3.69, abs=0.005)
    assert found.f == pytest.approx(13 * found.chi_squared / (14 * 3 - found.chi_squared))
    assert found.p < 0.05 and found.f_p < 0.05


def test_nemenyi_of_the_example() -> None:
    assert demsar(0.05).critical_difference == pytest.approx(1.25, abs=0.005)
    assert demsar(0.10).critical_difference == pytest.approx(1.12, abs=0.005)
    # At 0.05 no pair is far enough apart; at 0.10 C4.5 is worse than the two with m.
    assert [set(g) for g in demsar(0.05).groups] == [set(DEMSAR)]
    assert [set(g) for g in demsar(0.10).groups] == [
        {"C4.5+m+cf", "C4.5+m", "C4.5+cf"},
        {"C4.5+cf", "C4.5"},
    ]


@pytest.mark.parametrize("alpha", [0.05, 0.10])
@pytest.mark.parametrize("k", range(2, 11))
def test_critical_values_are_those_of_the_table(alpha: float, k: int) -> None:
    found = critical_difference(k, 20, alpha) / math.sqrt(k * (k + 1) / 120)
    assert found == pytest.approx(NEMENYI_Q[alpha][k - 2], abs=0.0011)


def test_pairs_beyond_the_difference_are_those_that_another_library_finds() -> None:
    values = np.random.default_rng(5).normal(np.arange(6) * 0.4, 1.0, (30, 6))
    scale = Scale("difference")
    names = tuple("abcdef")
    found = rank_test(names, scale.ranks(values))
    p = scikit_posthocs.posthoc_nemenyi_friedman(values)
    average = dict(zip(found.schedulers, found.average, strict=True))
    for i in range(6):
        for j in range(i):
            gap = abs(average[names[i]] - average[names[j]])
            assert (gap >= found.critical_difference) == (p.to_numpy()[i, j] <= 0.05)
            q = gap / math.sqrt(6 * 7 / (6 * 30)) * math.sqrt(2)
            assert p.to_numpy()[i, j] == pytest.approx(
                studentized_range.sf(q, 6, math.inf), abs=1e-6
            )


def test_equal_schedulers_do_not_differ() -> None:
    found = rank_test(("a", "b", "c"), np.full((8, 3), 2.0))
    assert (found.p, found.chi_squared, found.f) == (1.0, 0.0, 0.0)
    assert found.groups == [("a", "b", "c")]


def test_the_same_order_everywhere_is_as_sure_as_can_be() -> None:
    found = rank_test(("a", "b", "c"), np.tile([2.0, 1.0, 3.0], (10, 1)))
    assert found.schedulers == ("b", "a", "c")
    assert found.chi_squared == pytest.approx(20)
    assert math.isinf(found.f) and found.f_p == 0.0


def test_ties_are_relative_and_infinite_values_share_the_last_rank() -> None:
    scale = Scale("ratio", tie=0.01)
    scores = scale.scores(np.array([[1.0, 1.009, 1.05, np.inf, np.inf]]))
    assert scale.ranks(scores).tolist() == [[1.5, 1.5, 3.0, 4.5, 4.5]]


TABLES = st.integers(2, 5).flatmap(
    lambda k: st.lists(
        st.lists(st.integers(1, 9).map(float), min_size=k, max_size=k), min_size=2, max_size=12
    )
)


@given(TABLES)
def test_ranks_are_scipys_and_survive_any_positive_factor(table: list[list[float]]) -> None:
    from scipy.stats import rankdata

    values, scale = np.array(table), Scale("ratio")
    ranks = scale.ranks(scale.scores(values))
    assert np.array_equal(ranks, rankdata(values, axis=1))
    factors = np.linspace(0.1, 40, len(values))[:, None]
    assert np.array_equal(ranks, scale.ranks(scale.scores(values * factors)))


@given(TABLES.filter(lambda t: len(t[0]) > 2 and any(len(set(row)) > 1 for row in t)))
def test_friedman_is_scipys(table: list[list[float]]) -> None:
    values, scale = np.array(table), Scale("difference")
    names = tuple("abcde"[: values.shape[1]])
    found = rank_test(names, scale.ranks(values))
    expected = friedmanchisquare(*values.T)
    assert found.chi_squared == pytest.approx(expected.statistic)
    assert found.p == pytest.approx(expected.pvalue)
    covered = [set(g) for g in found.groups]
    assert all(not a < b for a in covered for b in covered)
