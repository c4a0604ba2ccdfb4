"""Clocks of other hosts: how far they are off, by round trips before and after a run.

Every host counts CLOCK_MONOTONIC from its own beginning, and no two run equally fast. A round trip
says what the other clock showed at some moment between two moments of the own one; of many round
trips the fastest says it best, and half of its time bounds the error. Two such estimates, before
and after a run, give the drift between them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

ROUNDS = 64


@dataclass(frozen=True)
class Offset:
    """What another clock showed more than the own one.

    Parameters
    ----------
    at : float, seconds on the own clock
    ahead_s : float
        The other clock minus the own one, then.
    uncertainty_s : float
        The truth is within this of `ahead_s`.
    """

    at: float
    ahead_s: float
    uncertainty_s: float


def measure(
    ask: Callable[[], float], rounds: int = ROUNDS, now: Callable[[], float] = time.monotonic
) -> Offset:
    """Ask another clock many times and believe the fastest answer.

    Parameters
    ----------
    ask : function
        Asks the other host for its clock.
    rounds : int
    now : function
        The own clock.

    Examples
    --------
    >>> own = iter([10.0, 10.5, 11.0, 11.1, 12.0, 12.4])
    >>> theirs = iter([110.4, 111.05, 112.1])
    >>> offset = measure(lambda: next(theirs), 3, lambda: next(own))
    >>> round(offset.ahead_s, 9), round(offset.uncertainty_s, 9)
    (100.0, 0.05)
    """
    best: tuple[float, float, float] | None = None
    for _ in range(rounds):
        sent = now()
        there = ask()
        back = now()
        if best is None or back - sent < best[2] - best[0]:
            best = (sent, there, back)
    if best is None:
        raise ValueError("at least one round trip is needed")
    sent, there, back = best
    return Offset((sent + back) / 2, there - (sent + back) / 2, (back - sent) / 2)


@dataclass(frozen=True)
class HostClock:
    """Converts times of another host to the own clock.

    Parameters
    ----------
    before : Offset
    after : Offset or None
        None takes the clocks to run equally fast.
    """

    before: Offset
    after: Offset | None = None

    @property
    def drift(self) -> float:
        """Seconds that the other clock gains in each of the own."""
        if self.after is None or self.after.at <= self.before.at:
            return 0.0
        return (self.after.ahead_s - self.before.ahead_s) / (self.after.at - self.before.at)

    @property
    def uncertainty_s(self) -> float:
        """Bound of the error of converted times between both estimates."""
        return max(self.before.uncertainty_s, self.after.uncertainty_s if self.after else 0.0)

    def to_own(self, theirs: Any) -> Any:
        """Times on the own clock.

        Parameters
        ----------
        theirs : float or float array, seconds on the other clock
        """
        elapsed = np.asarray(theirs) - self.before.ahead_s - self.before.at
        own = self.before.at + elapsed / (1.0 + self.drift)
        return own if np.ndim(own) else float(own)

    def to_theirs(self, own: float) -> float:
        """A time of the own clock on the other one."""
        return own + self.before.ahead_s + self.drift * (own - self.before.at)

    def facts(self) -> dict[str, float]:
        """What a run says of it."""
        return {
            "ahead_s": self.before.ahead_s,
            "drift": self.drift,
            "uncertainty_s": self.uncertainty_s,
        }
