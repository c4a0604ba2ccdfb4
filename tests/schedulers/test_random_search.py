"""Random search: honest about its start, never worse than HEFT, by chance from its seed alone."""

from __future__ import annotations

import numpy as np
import pytest

from schedulers import make, solve
from schedulers.decode import Sampler
from schedulers.registry import InvalidSpec
from tests.schedulers.problems import TINY
from tests.schedulers.test_paper import TOPCUOGLU


def test_the_first_candidate_is_heft() -> None:
    outcome = solve("random_search", TOPCUOGLU, evaluations=1)
    assert outcome.objective == 80.0
    assert outcome.evaluations == 1
    assert outcome.allocation == solve("heft", TOPCUOGLU).allocation


def test_more_candidates_find_more() -> None:
    """HEFT needs 80 on the example of Topcuoglu et al. (2002), 73 is optimal."""
    outcome = solve("random_search", TOPCUOGLU, evaluations=20_000, seed=1)
    assert 73.0 <= outcome.objective < 77.0
    assert outcome.evaluations == 20_000


@pytest.mark.parametrize("name", TINY)
def test_never_worse_than_heft(name: str) -> None:
    problem = TINY[name]()
    heft = solve("heft", problem).objective
    assert solve("random_search", problem, evaluations=64, seed=2).objective <= heft


def test_threads_change_nothing() -> None:
    for name in ("slots", "streams"):
        problem = TINY[name]()
        answers = [
            solve(f"random_search[threads={n}]", problem, evaluations=500, seed=4) for n in (1, 2)
        ]
        assert answers[0].allocation == answers[1].allocation


def test_it_ends_by_itself() -> None:
    outcome = solve("random_search[samples=300]", TOPCUOGLU)
    assert outcome.evaluations == 300


def test_what_is_drawn() -> None:
    """A quarter without bias, half with positive priorities around the upward ranks."""
    sampler = Sampler(TOPCUOGLU)
    priority, bias = sampler.draw(4000, np.random.default_rng(0), first=True)
    assert (priority[0] == sampler.up).all()
    assert (bias[0] == 0.0).all()
    assert 0.2 < (bias == 0.0).all(axis=(1, 2)).mean() < 0.3
    assert 0.45 < (priority.max(axis=1) <= 1.0).mean() < 0.55
    assert (bias >= 0.0).all()
    assert bias.max() <= 2.0 * sampler.up.max()


@pytest.mark.parametrize("spec", ["random_search[samples=-1]", "random_search[threads=0]"])
def test_nonsense_is_refused(spec: str) -> None:
    with pytest.raises(InvalidSpec, match="must be >="):
        make(spec)
