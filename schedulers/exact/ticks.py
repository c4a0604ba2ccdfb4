"""A unit of time in which all durations are whole numbers, or are rounded down to whole numbers.

Constraint programming counts in integers. A `Tick` turns seconds into them such that what is proved
in ticks holds in seconds:

*Rounding down bounds from below.* Let every hold d and every transfer c become ``floor(d / u)`` and
``floor(c / u)``. Take any schedule with starts S and let every task start at ``floor(S / u)``. From
``S_j >= S_i + d + c`` follows ``floor(S_j / u) >= floor(S_i / u) + floor(d / u) + floor(c / u)``,
since a floor of a sum is no less than the sum of the floors. So precedence holds in ticks; tasks
that follow each other in a slot still do; and the makespan in ticks is at most that in seconds over
u. Hence the least makespan in ticks times u is a lower bound of the least makespan in seconds.

*Whole multiples.* If every d and c is within a relative 1e-12 of a multiple k u, then
``d >= k u (1 - 1e-12)``, and any schedule stretched by 1 / (1 - 1e-12) is one in ticks: the bound
is the optimum in ticks times ``u (1 - 2e-12)``, which leaves as much again for the rounding of the
simulation's own additions. Where all are multiples of u exactly and u has few binary digits (whole
seconds, quarters), the simulation rounds nothing, and the bound is exact.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from simulator.arrays import FloatArray, IntArray

NEAR = 1e-12
"""Relative distance within which a duration counts as a multiple of a tick."""

MOST_TICKS = 2**31
"""Most ticks of a makespan for which a common measure of all durations is used."""

CLOSE = 2.0**-32
"""Rounding down 2 T durations must not lower the makespan by more than this share."""


@dataclass(frozen=True)
class Tick:
    """A unit of time.

    Parameters
    ----------
    seconds : float, length of a tick
    whole : bool, whether all durations are multiples of it, up to a relative `NEAR`
    safety : float
        Factor by which a makespan in ticks is lowered before it counts as a bound.
    """

    seconds: float
    whole: bool
    safety: float

    def floor(self, seconds: FloatArray, most: float) -> IntArray:
        """Durations in ticks, rounded down, those above `most` seconds to `most`; NaN becomes 0."""
        values = np.minimum(np.where(np.isnan(seconds), 0.0, seconds), most) / self.seconds
        ticks = np.rint(values) if self.whole else np.floor(values)
        return ticks.astype(np.int64)

    def bound(self, ticks: float) -> float:
        """Seconds that no schedule falls below if none needs fewer ticks."""
        return float(ticks) * self.seconds * self.safety


def tick_for(durations: FloatArray, makespan: float, tasks: int) -> Tick:
    """Coarsest tick that is exact; else one fine enough for a proof within a relative 1e-9.

    Parameters
    ----------
    durations : (K,) float array, seconds, finite
    makespan : float
        Of a known schedule, seconds.
    tasks : int
    """
    positive = np.unique(durations[durations > 0])
    if len(positive) == 0 or not makespan > 0:
        return Tick(1.0, True, 1.0)
    unit = _common_measure(positive, makespan)
    if unit is None:
        share = CLOSE / (2 * max(tasks, 1))
        return Tick(2.0 ** math.floor(math.log2(makespan * share)), False, 1.0 - NEAR)
    odd = unit.as_integer_ratio()[0]
    while odd % 2 == 0:
        odd //= 2
    exact = odd < 2**20 and not np.fmod(positive, unit).any()
    return Tick(unit, True, 1.0 if exact else 1.0 - 2 * NEAR)


def _common_measure(values: FloatArray, makespan: float) -> float | None:
    """Largest u of which all values are multiples up to `NEAR`; None if it is too small."""
    least = makespan / MOST_TICKS
    u = 0.0
    for v in values:
        a, b = float(v), u
        while b > least:
            rest = math.fmod(a, b)
            a, b = b, 0.0 if min(rest, b - rest) < 1e-9 * a else rest
        u = a
        if u <= least:
            return None
    # Euclid's remainders have rounding errors: the numbers nearby that are simpler come first.
    nice = 1.0 / round(1.0 / u) if u < 1.0 else float(round(u))
    for unit in (2.0 ** round(math.log2(u)), nice, u, float(values[-1] / np.rint(values[-1] / u))):
        count = np.rint(values / unit)
        if (count > 0).all() and (np.abs(values - count * unit) <= NEAR * values).all():
            return unit
    return None
