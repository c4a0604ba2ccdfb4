"""Signed ranks, Holm, counts and effect sizes against worked answers."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from scenarios.statistics import cliffs_delta, holm, signed_rank, tally
from simulator.errors import UnknownName
from tests.statistics.published import AUC

NUMBERS = st.lists(st.integers(-6, 6).map(float), min_size=1, max_size=30)


def test_demsars_worked_example() -> None:
    """Table 2 of the paper: R+ = 93, R- = 12 with zeros split, significant at 0.05.

    By the normal distribution p is 0.011; the exact one is a little smaller.
    """
    found = signed_rank(np.round(AUC[:, 1] - AUC[:, 0], 3), zeros="zsplit")
    assert (found.above, found.below, found.zeros) == (93.0, 12.0, 2)
    assert found.p == pytest.approx(0.011, abs=0.004)


def test_zeros_by_hand_after_pratt() -> None:
    # Ranks 1 to 5 with the zero first: above 2 + 4 + 5, below 3. Of 16 signs for the ranks
    # 2, 3, 4, 5 three leave at most 3 below: none, 2, 3. Two sides: 6 / 16.
    found = signed_rank([0.0, 1.0, -2.0, 3.0, 4.0])
    assert (found.pairs, found.zeros, found.above, found.below) == (5, 1, 11.0, 3.0)
    assert found.p == pytest.approx(6 / 16)
    assert found.rank_biserial == pytest.approx((3 - 11) / 14)


def test_zeros_left_out_by_hand() -> None:
    # Ranks 1 to 4 of what is left: above 1 + 3 + 4, below 2; again three of 16 are as extreme.
    found = signed_rank([0.0, 1.0, -2.0, 3.0, 4.0], zeros="wilcox")
    assert (found.above, found.below) == (8.0, 2.0)
    assert found.p == pytest.approx(6 / 16)


def test_five_equal_signs_are_the_best_that_five_pairs_can_do() -> None:
    found = signed_rank([-1.0, -2.0, -3.0, -4.0, -5.0])
    assert found.p == pytest.approx(2 / 2**5)
    assert found.rank_biserial == 1.0


def test_no_difference_is_no_evidence() -> None:
    found = signed_rank(np.zeros(40))
    assert (found.p, found.rank_biserial, found.zeros) == (1.0, 0.0, 40)
    assert signed_rank([]).p == 1.0


def test_infinite_differences_rank_above_all_others() -> None:
    finite = signed_rank([1.0, -2.0, 3.0, 9.0])
    infinite = signed_rank([1.0, -2.0, 3.0, math.inf, math.nan])
    assert infinite == finite


@given(st.lists(st.integers(-4, 4).map(float), min_size=1, max_size=9))
@settings(deadline=None, max_examples=30)
def test_exact_p_is_that_of_turning_every_sign(d: list[float]) -> None:
    rank = stats.rankdata(np.abs(d)) * (np.array(d) != 0)
    all_signs = np.array(list(itertools.product([0, 1], repeat=len(d)))) @ rank
    above = rank[np.array(d) > 0].sum()
    sides = [(all_signs <= above).mean(), (all_signs >= above).mean()]
    assert signed_rank(d).p == pytest.approx(min(1.0, 2 * min(sides)))


def test_without_ties_the_exact_p_is_scipys() -> None:
    d = np.random.default_rng(8).normal(0.3, 1, 35)
    assert signed_rank(d).p == pytest.approx(stats.wilcoxon(d, method="exact").pvalue)


def test_large_samples_follow_scipy() -> None:
    d = np.random.default_rng(3).normal(0.2, 1, 200)
    assert signed_rank(d).p == pytest.approx(stats.wilcoxon(d).pvalue)


@pytest.mark.statistical
def test_p_is_rarely_small_without_a_difference() -> None:
    rng = np.random.default_rng(11)
    p = []
    for _ in range(600):
        d = rng.normal(size=25) * (rng.random(25) < 0.6)  # four of ten pairs are tied
        p.append(signed_rank(d).p)
    # 600 tests at 0.05: 30 +- 3.7 standard deviations of 5.3
    assert 10 <= sum(x <= 0.05 for x in p) <= 50


def test_an_unknown_treatment_of_zeros() -> None:
    with pytest.raises(UnknownName, match="'prat'; did you mean 'pratt'"):
        signed_rank([1.0], zeros="prat")


@given(NUMBERS)
def test_turning_signs_swaps_the_sums(d: list[float]) -> None:
    one, other = signed_rank(d), signed_rank([-x for x in d])
    assert (one.above, one.below, one.zeros) == (other.below, other.above, other.zeros)
    assert one.p == pytest.approx(other.p)
    assert one.rank_biserial == pytest.approx(-other.rank_biserial)
    assert 0 < one.p <= 1


@given(NUMBERS)
def test_counts_are_complete_and_decide_the_dominance(d: list[float]) -> None:
    count = tally(d)
    assert count.better + count.equal + count.worse == len(d)
    assert count.dominance == pytest.approx(-float(np.sign(d).mean()))


def test_holm_by_hand() -> None:
    # 4 x 0.01, 3 x 0.013, 2 x 0.04, 1 x 0.05, each at least the one before
    assert holm([0.04, 0.01, 0.05, 0.013]) == pytest.approx([0.08, 0.04, 0.08, 0.04])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
@settings(deadline=None, max_examples=8)
def test_holm_lies_between_raw_and_bonferroni_in_the_same_order(p: list[float]) -> None:
    adjusted = holm(p)
    for raw, found in zip(p, adjusted, strict=True):
        assert raw - 1e-12 <= found <= min(1.0, len(p) * raw) + 1e-12
    order = np.argsort(p, kind="stable")
    assert (np.diff(np.array(adjusted)[order]) >= -1e-12).all()


def test_cliffs_delta_by_hand() -> None:
    # Of 9 pairs one is above (3 > 2), two are equal, six are below.
    assert cliffs_delta([1, 2, 3], [2, 3, 4]) == pytest.approx((1 - 6) / 9)
    assert cliffs_delta([5, 6], [1, 2]) == 1.0
    assert math.isnan(cliffs_delta([], [1]))


@given(NUMBERS, NUMBERS)
def test_cliffs_delta_counts_pairs(x: list[float], y: list[float]) -> None:
    slow = np.sign(np.subtract.outer(x, y)).mean()
    assert cliffs_delta(x, y) == pytest.approx(float(slow))
