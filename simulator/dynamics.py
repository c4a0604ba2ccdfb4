"""Planned misfortune: outages, slow-downs and degradations that a scenario spells out."""

from __future__ import annotations

import math
from dataclasses import dataclass

from simulator.cluster import positive, require


def _interval(where: str, start: float, end: float) -> None:
    require(start >= 0, f"{where}: start must be >= 0, got {start!r}")
    require(start < math.inf, f"{where}: start must be finite, got {start!r}")
    require(start < end, f"{where}: the interval [{start:g}, {end:g}) is empty")


@dataclass(frozen=True)
class Outage:
    """A node, or everything in a failure domain, is down on [start, end)."""

    target: str
    start: float
    end: float = math.inf

    def __post_init__(self) -> None:
        _interval(f"outage of {self.target!r}", self.start, self.end)


@dataclass(frozen=True)
class Slowdown:
    """Everything on a node takes `factor` times as long on [start, end)."""

    node: str
    start: float
    end: float
    factor: float

    def __post_init__(self) -> None:
        _interval(f"slow-down of {self.node!r}", self.start, self.end)
        positive(f"slow-down of {self.node!r}", factor=self.factor)


@dataclass(frozen=True)
class Degradation:
    """A link's bandwidth is multiplied by `factor` on [start, end); 0 means down."""

    link: str
    start: float
    end: float
    factor: float

    def __post_init__(self) -> None:
        _interval(f"degradation of {self.link!r}", self.start, self.end)
        require(
            0 <= self.factor < math.inf,
            f"degradation of {self.link!r}: factor must be >= 0, got {self.factor!r}",
        )


@dataclass(frozen=True)
class Dynamics:
    """All planned misfortune of a scenario, in list order (products are taken in that order)."""

    outages: tuple[Outage, ...] = ()
    slowdowns: tuple[Slowdown, ...] = ()
    degradations: tuple[Degradation, ...] = ()
