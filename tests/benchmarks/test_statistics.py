"""Statistics of the quality benchmark: hand-worked values and what must hold of any data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from benchmarks.quality.statistics import (
    Comparison,
    compare,
    geometric,
    holm,
    paired,
    profile,
    ranks,
    wins,
)


def test_holm_by_hand() -> None:
    # Sorted 0.01, 0.03, 0.04: times 3, 2, 1 = 0.03, 0.06, 0.04; made monotone 0.03, 0.06, 0.06.
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_ranks_share_places_and_ignore_rounding() -> None:
    values = np.array([[2.0, 1.0, 2.0 * (1 + 1e-13), 3.0]])
    assert ranks(values).tolist() == [[2.5, 1.0, 2.5, 4.0]]


@given(arrays(float, (4, 5), elements=st.floats(0.1, 10)))
def test_ranks_of_an_instance_sum_to_a_constant(values: np.ndarray) -> None:
    assert np.allclose(ranks(values).sum(axis=1), 15.0)


def test_profile_by_hand() -> None:
    values = np.array([[1.0, 2.0], [4.0, 2.0], [3.0, 3.0]])
    got = profile(values, np.array([1.0, 1.5, 2.0]))
    assert got == pytest.approx(np.array([[2 / 3, 2 / 3, 1.0], [2 / 3, 2 / 3, 1.0]]))


def test_wins_count_rounding_as_a_tie() -> None:
    assert wins(np.array([1.0, 1.0, 2.0]), np.array([1.0 + 1e-12, 1.5, 1.0])) == (1, 1, 1)


def test_geometric_mean() -> None:
    assert geometric([2.0, 8.0]) == pytest.approx(4.0)
    assert np.isnan(geometric([]))
    assert geometric([0.0, 3.0]) == 0.0


def test_paired_ratio_lies_in_its_interval() -> None:
    rng = np.random.default_rng(1)
    other = rng.uniform(1, 100, 40)
    mine = other * 0.9 * np.exp(rng.normal(0, 0.02, 40))
    ratio, low, high = paired(mine, other)
    assert low <= ratio <= high
    assert low < 0.9 < high
    assert high - low < 0.03


def test_comparison_tells_the_different_from_the_alike() -> None:
    rng = np.random.default_rng(0)
    base = rng.uniform(1, 10, 30)
    noise = 1 + rng.normal(0, 1e-3, 30)
    result = compare(["slow", "twin", "quick"], np.stack([base * 1.2, base * noise, base], axis=1))
    assert result.schedulers[2] == "slow"
    assert result.friedman_p < 1e-6
    assert result.pairs[0, 1] > 0.05
    assert result.pairs[0, 2] < 0.01
    assert result.cliques() == [(0, 1)]


def test_comparison_of_equals_finds_nothing() -> None:
    result = compare(["a", "b", "c"], np.ones((10, 3)))
    assert result.average == (2.0, 2.0, 2.0)
    assert set(result.pairs.values()) == {1.0}
    assert result.cliques() == [(0, 2)]


def test_cliques_need_every_pair() -> None:
    pairs = {(0, 1): 0.5, (1, 2): 0.5, (0, 2): 0.01}
    result = Comparison(("a", "b", "c"), (1.0, 2.0, 3.0), 0.0, pairs, 9)
    assert result.cliques() == [(0, 1), (1, 2)]
