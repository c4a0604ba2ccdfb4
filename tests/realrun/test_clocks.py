"""Clocks of other hosts: injected offsets and drifts are recovered as well as is claimed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from realrun.transport.clocks import HostClock, Offset, measure


class World:
    """A true time that two clocks show wrongly, and a network that delays both ways unequally."""

    def __init__(self, ahead: float, drift: float, seed: int, least: float = 50e-6):
        self.time, self.ahead, self.drift, self.least = 1000.0, ahead, drift, least
        self.rng = np.random.default_rng(seed)

    def own(self) -> float:
        return self.time

    def theirs(self) -> float:
        return self.time * (1 + self.drift) + self.ahead

    def ask(self) -> float:
        self.time += self.least + self.rng.exponential(300e-6)
        there = self.theirs()
        self.time += self.least + self.rng.exponential(300e-6)
        return there

    def measured(self, rounds: int = 64) -> Offset:
        return measure(self.ask, rounds, self.own)


@pytest.mark.parametrize("ahead", [0.0, 3.25, -4e5])
@pytest.mark.parametrize("drift", [0.0, 20e-6, -150e-6])
def test_injected_offset_and_drift_are_recovered(ahead: float, drift: float) -> None:
    for seed in range(5):
        world = World(ahead, drift, seed)
        before = world.measured()
        truth = []
        for _ in range(50):
            world.time += 1.7
            truth.append((world.own(), world.theirs()))
        clock = HostClock(before, world.measured())
        own, theirs = np.array(truth).T
        assert 0 < clock.uncertainty_s < 500e-6
        assert np.abs(clock.to_own(theirs) - own).max() <= clock.uncertainty_s + 1e-9
        assert clock.drift == pytest.approx(drift, abs=2 * clock.uncertainty_s / 85)
        assert clock.to_theirs(own[3]) == pytest.approx(theirs[3], abs=clock.uncertainty_s + 1e-9)


def test_drift_unheeded_would_show() -> None:
    world = World(0.0, 100e-6, 1)
    before = world.measured()
    world.time += 100.0
    own, theirs = world.own(), world.theirs()
    after = world.measured()
    assert abs(HostClock(before).to_own(theirs) - own) > 9e-3  # 100 s of 100 ppm
    assert abs(HostClock(before, after).to_own(theirs) - own) < 500e-6


def test_the_fastest_round_trip_is_believed() -> None:
    trips = iter([(0.0, 5.9, 1.0), (10.0, 15.01, 10.02), (20.0, 25.5, 20.6)])
    times: list[float] = []

    def ask() -> float:
        return answers.pop(0)

    answers: list[float] = []
    for sent, there, back in trips:
        times += [sent, back]
        answers.append(there)
    now: Callable[[], float] = lambda: times.pop(0)  # noqa: E731
    offset = measure(ask, 3, now)
    assert offset.ahead_s == pytest.approx(5.0)
    assert offset.uncertainty_s == pytest.approx(0.01)
    assert offset.at == pytest.approx(10.01)


def test_times_there_and_back() -> None:
    clock = HostClock(Offset(100.0, 7.0, 1e-5), Offset(200.0, 7.01, 2e-5))
    assert clock.drift == pytest.approx(1e-4)
    assert clock.to_own(clock.to_theirs(150.0)) == pytest.approx(150.0, abs=1e-9)
    assert clock.uncertainty_s == 2e-5
    assert HostClock(Offset(100.0, 7.0, 1e-5)).drift == 0.0
    with pytest.raises(ValueError, match="round trip"):
        measure(lambda: 0.0, 0)
