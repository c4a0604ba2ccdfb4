"""Numbers with units, as people write them: "25 Gbit/s", "16 GiB", "40 ms", "19.5 TFLOP/s"."""

from __future__ import annotations

import math
import re

from simulator.errors import InvalidScenario, nearest

_DECIMAL = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}
_BINARY = {"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40}
_BYTES = {p + "B": f for p, f in {**_DECIMAL, **_BINARY}.items()} | {
    p + bit: f / 8.0 for p, f in _DECIMAL.items() for bit in ("bit", "b")
}
_BYTES |= {"byte": 1.0, "bytes": 1.0}
_TIME = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9, "min": 60.0, "h": 3600.0}
_TIME |= {"d": 86400.0}
_FLOPS = {p + name: f for p, f in _DECIMAL.items() for name in ("FLOP", "FLOPs", "flop")}
_BANDWIDTH = {f"{u}/s": f for u, f in _BYTES.items()} | {
    p + "bps": f / 8.0 for p, f in _DECIMAL.items()
}
_FLOP_RATE = {f"{u}/s": f for u, f in _FLOPS.items()} | {
    p + "FLOPS": f for p, f in _DECIMAL.items()
}
_RATE = {"/s": 1.0, "/min": 1.0 / 60.0, "/h": 1.0 / 3600.0, "Hz": 1.0, "kHz": 1e3}
_RATE |= {"1/s": 1.0, "1/min": 1.0 / 60.0, "1/h": 1.0 / 3600.0}
_POWER = {"W": 1.0, "kW": 1e3, "mW": 1e-3}
_PRICE = {f"{c}/h": 1.0 for c in ("USD", "EUR", "$", "")}

QUANTITIES: dict[str, tuple[dict[str, float], str]] = {
    "time": (_TIME, "40 ms"),
    "bytes": (_BYTES, "16 GiB"),
    "bandwidth": (_BANDWIDTH, "25 Gbit/s"),
    "flops": (_FLOPS, "1.2 GFLOP"),
    "flop_rate": (_FLOP_RATE, "19.5 TFLOP/s"),
    "rate": (_RATE, "30/s"),
    "power": (_POWER, "250 W"),
    "price": (_PRICE, "3.67 USD/h"),
    "number": ({"": 1.0, "x": 1.0, "%": 0.01}, "1.5"),
}
"""Quantity -> (units and their factors to the base unit, an example). Bases: s, B, B/s, FLOP,
FLOP/s, 1/s, W, currency an hour."""

_SPOKEN = {"bytes": "number of bytes", "flops": "number of FLOPs", "flop_rate": "FLOP rate"}
"""Quantities that are not called by their name in a sentence."""

_NUMBER = re.compile(
    r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]?inf(?:inity)?)\s*(.*?)\s*"
)


def parse(value: object, quantity: str, where: str = "value") -> float:
    """Turn a number or a text with a unit into a float in the base unit.

    Parameters
    ----------
    value : int, float or str
        A bare number is already in the base unit (seconds, bytes, bytes/s, FLOP, FLOP/s, W, ...).
    quantity : str
        One of `QUANTITIES`.
    where : str
        Names the file and field in the error.

    Returns
    -------
    float
        Finite or +inf, never negative, never NaN.

    Raises
    ------
    InvalidScenario
        Not a number, an unknown unit, a negative value or NaN.

    Examples
    --------
    >>> parse("25 Gbit/s", "bandwidth")
    3125000000.0
    >>> parse("40 ms", "time")
    0.04
    """
    units, example = QUANTITIES[quantity]
    quantity = _SPOKEN.get(quantity, quantity)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise InvalidScenario(
            f"{where}: expected a {quantity} like {example!r}, got {_show(value)}"
        )
    if isinstance(value, str):
        match = _NUMBER.fullmatch(value) if len(value) <= 80 else None
        if match is None:
            raise InvalidScenario(
                f"{where}: expected a {quantity} like {example!r}, got {_show(value)}"
            )
        number, unit = float(match.group(1)), match.group(2)
        if unit and unit not in units:
            hint = nearest(unit, units) or f"; allowed: {', '.join(_main_units(units))}"
            raise InvalidScenario(f"{where}: unknown unit {unit!r} for a {quantity}{hint}")
        result = _scaled(number, units.get(unit, 1.0))
    else:
        try:
            result = float(value)
        except OverflowError:
            result = math.inf
    if math.isnan(result) or result < 0.0:
        raise InvalidScenario(f"{where}: a {quantity} must be a number >= 0, got {_show(value)}")
    return result


def _scaled(number: float, factor: float) -> float:
    """Multiply, but divide by 1000 rather than multiply by 0.001: the latter is not a float."""
    inverse = round(1.0 / factor)
    if factor < 1.0 and math.isclose(inverse * factor, 1.0):
        return number / inverse
    return number * factor


def _main_units(units: dict[str, float]) -> list[str]:
    return [u for u in units if u][:12]


def _show(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def format_si(value: float, unit: str, digits: int = 3) -> str:
    """Format with an SI prefix, for reading.

    Examples
    --------
    >>> format_si(0.0123, "s"), format_si(7171.3, "s"), format_si(3.125e9, "B/s", digits=4)
    ('12.3 ms', '7171 s', '3.125 GB/s')
    """
    if value == 0 or not math.isfinite(value):
        return f"{value:g} {unit}"
    for prefix, factor in _PREFIXES:
        if abs(value) >= factor * (1 - 0.5 * 10.0**-digits) and not (unit == "s" and factor > 1):
            return f"{_significant(value / factor, digits)} {prefix}{unit}"
    return f"{value:.{digits}g} {unit}"


_PREFIXES = tuple(
    zip(
        ("T", "G", "M", "k", "", "m", "µ", "n"),
        (1e12, 1e9, 1e6, 1e3, 1.0, 1e-3, 1e-6, 1e-9),
        strict=True,
    )
)


def _significant(value: float, digits: int) -> str:
    """Plain digits: rounded to `digits` significant ones, but never inside the whole part."""
    whole = len(str(int(abs(value))))
    return f"{value:.{max(digits - whole, 0)}f}"
