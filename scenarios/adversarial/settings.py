"""What is searched: pairs of schedulers, limits, a budget for each pair, a seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from scenarios.adversarial.limits import Limits
from simulator.errors import InvalidScenario

CLASSICAL = (
    "heft", "cpop", "peft", "etf", "dls", "min_min", "max_min", "sufferage", "mct", "met", "olb",
    "bil", "fcp", "flb",
)  # fmt: skip
"""The classical list schedulers: compared unless others are named."""

SECONDS = 10.0
"""CPU seconds a pair, unless told otherwise."""


@dataclass(frozen=True)
class Settings:
    """What is searched.

    Parameters
    ----------
    schedulers : tuple of str, specs in their shortest form
    pairs : tuple of (str, str)
        Ordered: where is the first one bad against the second?
    limits : Limits
    seconds, evaluations : budget a pair; None: no limit
    seed : int
    """

    schedulers: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...]
    limits: Limits = field(default_factory=Limits)
    seconds: float | None = SECONDS
    evaluations: int | None = None
    seed: int = 0

    @staticmethod
    def of(
        schedulers: Sequence[str] | None = None,
        pair: Sequence[str] | None = None,
        limits: Limits | None = None,
        seconds: float | None = None,
        evaluations: int | None = None,
        seed: int = 0,
    ) -> Settings:
        """Settings with every name checked; all ordered pairs of the schedulers, or one pair.

        Raises
        ------
        UnknownName, InvalidSpec, InvalidScenario
        """
        from schedulers.base import check_limits
        from schedulers.registry import make, spec_of

        check_limits(seconds, evaluations, seed)
        if pair is not None and len(pair) != 2:
            raise InvalidScenario(f"pair: expected two schedulers A,B, got {len(pair)}")
        given = pair if pair is not None else CLASSICAL if schedulers is None else schedulers
        specs = tuple(dict.fromkeys(spec_of(make(spec)) for spec in given))
        if pair is None and len(specs) < 2:
            raise InvalidScenario("schedulers: name at least two different ones")
        pairs = tuple((a, b) for a in specs for b in specs if a != b)
        if pair is not None:
            pairs = ((specs[0], specs[-1]),)
        if seconds is None and evaluations is None:
            seconds = SECONDS
        return Settings(specs, pairs, limits or Limits(), seconds, evaluations, seed)
