"""Every figure of a validation against numbers worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from realrun.validate import statistics
from realrun.validate.judging import Rules, is_assessable, judge


def test_errors_by_hand():
    found = statistics.accuracy([110, 90, 100, 120], [100, 100, 100, 100], ["a", "a", "b", "b"])
    assert found.runs == 4
    assert found.allocations == 2
    assert found.mape == pytest.approx(0.10)
    assert found.median == pytest.approx(0.10)
    assert found.max == pytest.approx(0.20)
    assert found.p90 == pytest.approx(0.17)  # between 0.1 and 0.2, 0.7 of the way
    assert found.bias == pytest.approx(0.05)


def test_no_runs_no_figures():
    assert statistics.accuracy([], [], []) is None


def test_the_bootstrap_draws_whole_allocations():
    # Means of the two allocations are 0 and 1, so a draw of two has a mean of 0, 1/2 or 1.
    values, cluster = np.array([0.0, 0.0, 1.0, 1.0]), ["a", "a", "b", "b"]
    assert statistics.bootstrap_mean(values, cluster) == (0.0, 1.0)
    # As single runs the extremes would have a chance of 1/16 each, and the interval be the same;
    # with many runs in two allocations only clustering keeps it wide.
    many = np.repeat([0.0, 1.0], 500)
    assert statistics.bootstrap_mean(many, ["a"] * 500 + ["b"] * 500) == (0.0, 1.0)


def test_one_allocation_gives_no_interval():
    low, high = statistics.bootstrap_mean(np.array([1.0, 2.0]), ["a", "a"])
    assert math.isnan(low) and math.isnan(high)


@pytest.mark.statistical
def test_the_interval_covers_the_true_bias_about_as_often_as_it_says():
    rng = np.random.default_rng(7)
    hits = 0
    for trial in range(200):
        own = rng.normal(0.03, 0.02, size=20)  # each allocation has an error of its own
        values = np.repeat(own, 5) + rng.normal(0, 0.005, size=100)
        low, high = statistics.bootstrap_mean(values, np.repeat(np.arange(20), 5), trial)
        hits += low <= 0.03 <= high
    assert 175 <= hits <= 199


def test_the_noise_floor_by_hand():
    # Each run against the median of the other two: 3.5/1, 2.5... relative to the run itself.
    found = statistics.noise_floor({"a": [1.0, 2.0, 4.0], "b": [5.0]})
    assert found.runs == 3
    assert found.max == pytest.approx(3.0 / 1.0 - 1.0)
    assert found.median == pytest.approx(0.625)  # errors are 2, 0.25 and 0.625 in size


def test_ordered_pairs_by_hand():
    predicted, real = [100, 104, 120, 200], [10, 9, 12, 11]
    # 100 and 104 are too close to count; of the other five 120 before 200 came out wrong.
    assert statistics.ordered_pairs(predicted, real) == (4, 5)


def test_a_tie_in_reality_is_not_ordered_right():
    assert statistics.ordered_pairs([1, 2], [3, 3]) == (0, 1)


def test_tau_by_hand():
    assert statistics.tau_b([1, 2, 3], [1, 3, 2]) == pytest.approx(1 / 3)
    assert statistics.tau_b([1, 2, 3, 4], [4, 3, 2, 1]) == pytest.approx(-1)
    assert statistics.tau_b([1, 2], [1, 2]) is None
    # Ties: 5 concordant of 6 pairs, one tied in x: 5 / sqrt(5 * 6).
    assert statistics.tau_b([1, 1, 2, 3], [1, 2, 3, 4]) == pytest.approx(5 / math.sqrt(30))


def test_tau_within_groups_ignores_order_across_groups():
    predicted, real = [1, 2, 3, 11, 12, 13], [21, 22, 23, 1, 2, 3]
    assert statistics.tau_b(predicted, real) < 0
    assert statistics.tau_within(predicted, real, [*"aaabbb"]) == pytest.approx(1)
    assert statistics.tau_within(predicted, real, [*"abcdef"]) is None


def test_tau_of_the_best_third_looks_at_the_really_best():
    predicted = [3, 2, 1, 4, 5, 6, 7, 8, 9]
    real = [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert statistics.tau_best_third(predicted, real) == pytest.approx(-1)


def test_regret_by_hand():
    rounds = {"a": [11.0, 11.0, 11.0, 11.0], "b": [10.0, 10.0, 10.0, 10.0]}
    assert statistics.regret("a", rounds) == pytest.approx(0.1)
    assert statistics.regret("b", rounds) == 0.0


def test_regret_does_not_favour_the_lucky():
    # Equal allocations: whoever is best on the same rounds looks good, on others not.
    rng = np.random.default_rng(1)
    rounds = {i: list(1 + 0.05 * rng.standard_normal(6)) for i in range(30)}
    naive = np.median(rounds[0]) / min(np.median(v) for v in rounds.values()) - 1
    assert abs(statistics.regret(0, rounds)) < naive


def test_regret_needs_a_rival_and_two_rounds():
    assert statistics.regret("a", {"a": [1.0, 1.0]}) is None
    assert statistics.regret("a", {"a": [1.0], "b": [2.0]}) is None
    assert statistics.regret("c", {"a": [1.0, 1.0], "b": [2.0, 2.0]}) is None


# ----- rejection ------------------------------------------------------------------------------
def row(wall=1.0, cpu=1.0, before=(1.0, 1.0), after=(1.0, 1.0), late=0.0):
    return {"wall_s": wall, "cpu_s": cpu, "probe_before_s": list(before),
            "probe_after_s": list(after), "late_start_s": late}  # fmt: skip


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (row(), ""),
        (row(cpu=0.981), ""),
        (row(cpu=0.979), "off CPU"),
        (row(before=(1.09, 1.0)), ""),
        (row(after=(1.0, 1.11)), "slow probe"),
        (row(late=0.0019), ""),
        (row(late=0.0021), "late start"),
        (row(cpu=0.9, late=1.0), "off CPU; late start"),
        (row(wall=0.0, cpu=0.0), ""),  # nothing ran on CPUs
    ],
)
def test_each_rule_of_rejection(one, why):
    usual = [row() for _ in range(9)]
    assert judge([*usual, one], Rules())[-1]["rejected"] == why


def test_the_probe_is_compared_with_its_own_workers_median():
    rows = [row(before=(1.0, 5.0), after=(1.0, 5.0)) for _ in range(4)]  # an unlike pair
    assert [r["rejected"] for r in judge(rows, Rules())] == [""] * 4


def test_assessable_with_half_of_the_runs_left():
    good, bad = row(), row(cpu=0.5)
    assert is_assessable(judge([good, bad], Rules()), Rules())
    assert not is_assessable(judge([good, bad, bad], Rules()), Rules())
    assert not is_assessable([], Rules())
