"""Values of SimGrid's attributes: speeds, bandwidths, times and radicals, with its own units.

They differ from ours: ``m`` is a minute, ``Bps`` bytes a second and ``f`` a flop a second.
"""

from __future__ import annotations

import math
import re

from scenarios.importers.fields import describe
from simulator.errors import InvalidScenario, nearest

_TEN = ("", "k", "M", "G", "T", "P", "E", "Z", "Y")
_TWO = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi")
_LONG = ("", "kilo", "mega", "giga", "tera", "peta", "exa", "zetta", "yotta")


def _scale(unit: str, prefixes: tuple[str, ...], base: float, size: float = 1.0) -> dict:
    return {prefix + unit: size * base**i for i, prefix in enumerate(prefixes)}


_SPEED = {**_scale("f", _TEN, 1000.0), **_scale("flops", _LONG, 1000.0)}
_SPEED["zetaflops"] = _SPEED["zettaflops"]  # as SimGrid's own parser spells it
_BANDWIDTH = {
    **_scale("Bps", _TEN, 1000.0), **_scale("Bps", _TWO, 1024.0),
    **_scale("bps", _TEN, 1000.0, 0.125), **_scale("bps", _TWO, 1024.0, 0.125),
}  # fmt: skip
_TIME = {
    "w": 604800.0, "d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0,
    "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "ps": 1e-12,
}  # fmt: skip
_KINDS = {
    "speed": (_SPEED, "f", "a speed like '100Gf'"),
    "bandwidth": (_BANDWIDTH, "Bps", "a bandwidth like '125MBps'"),
    "time": (_TIME, "s", "a time like '50us'"),
}
_NUMBER = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([A-Za-z]*)\s*")
_RADICAL = re.compile(r"\s*(\d{1,9})(?:\s*-\s*(\d{1,9}))?\s*")


def quantity(text: str, kind: str, where: str) -> float:
    """A value with a unit of SimGrid's, in flop/s, bytes/s or seconds.

    Parameters
    ----------
    text : str
        A number without a unit has the default one: ``f``, ``Bps`` or ``s``.
    kind : {"speed", "bandwidth", "time"}
        Speeds and bandwidths must be above 0.
    where : str
        File, element and attribute, for messages.

    Raises
    ------
    InvalidScenario

    Examples
    --------
    >>> quantity("125MBps", "bandwidth", "x"), quantity("50us", "time", "x")
    (125000000.0, 5e-05)
    """
    units, default, example = _KINDS[kind]
    match = _NUMBER.fullmatch(text) if len(text) <= 80 else None
    if match is None:
        raise InvalidScenario(f"{where}: expected {example}, got {describe(text)}")
    unit = match[2] or default
    if unit not in units:
        hint = nearest(unit, units) or f"; allowed: {', '.join(list(units)[:9])}"
        raise InvalidScenario(f"{where}: unknown unit {unit[:20]!r} of a {kind}{hint}")
    factor = units[unit]
    value = float(match[1])
    # 1e-6 is no float, 1e6 is: dividing gives the number that the digits mean
    value = value / round(1.0 / factor) if factor < 0.1 else value * factor
    low = value > 0 if kind != "time" else value >= 0
    if not low or value == math.inf:
        bound = ">= 0" if kind == "time" else "> 0"
        raise InvalidScenario(f"{where}: must be a finite {kind} {bound}, got {describe(text)}")
    return value


def quantities(text: str, kind: str, where: str) -> list[float]:
    """Values separated by commas: a speed for each performance state."""
    return [quantity(part, kind, where) for part in text.split(",")]


def whole(text: str, least: int, most: int, where: str) -> int:
    """A whole number within limits.

    Raises
    ------
    InvalidScenario
    """
    value = int(text) if re.fullmatch(r"\s*\d{1,9}\s*", text) else least - 1
    if not least <= value <= most:
        raise InvalidScenario(
            f"{where}: expected a whole number from {least} to {most}, got {describe(text)}"
        )
    return value


def radical(text: str, most: int, where: str) -> list[int]:
    """The numbers of a cluster's hosts: ``0-3,8`` is 0, 1, 2, 3 and 8.

    Raises
    ------
    InvalidScenario
        Not of that form, none, one twice, or more than `most`.
    """
    found: list[int] = []
    for group in text.split(","):
        match = _RADICAL.fullmatch(group)
        if match is None:
            raise InvalidScenario(f"{where}: expected numbers like '0-3,8', got {describe(text)}")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise InvalidScenario(f"{where}: {group.strip()!r} ends before it begins")
        if len(found) + last - first + 1 > most:
            raise InvalidScenario(f"{where}: {text[:40]!r} makes more than {most} hosts")
        found += range(first, last + 1)
    twice = next((n for i, n in enumerate(found) if n in set(found[:i])), None)
    if twice is not None:
        raise InvalidScenario(f"{where}: the number {twice} stands twice in {text[:40]!r}")
    return found
