"""What schedulers are told about durations and bytes, as texts such as ``noisy[sigma=0.3]``."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from simulator.errors import InvalidScenario, unknown

MODES: Mapping[str, str] = {
    "exact": "the durations and bytes that the simulator uses",
    "calibrated": "durations of a calibration file: calibrated[file=mine.yaml]",
    "noisy": "each wrong by a random factor: noisy[sigma=0.3]",
    "mean": "one mean instead: mean, mean[over=tasks] or mean[over=nodes]",
    "blind": "nothing: every task 1 s, every message 1 byte",
}
"""Mode -> what schedulers are told."""

OVER: Mapping[str, str] = {
    "all": "over tasks and nodes: neither tasks nor nodes can be told apart",
    "tasks": "over tasks: how fast the nodes are is known, what tasks need is not",
    "nodes": "over nodes: what tasks need is known, how fast the nodes are is not",
}
"""What the mode `mean` takes the mean over."""

STRONGEST = 5.0
"""Largest sigma: one in six estimates is then wrong by a factor of more than 148."""


@dataclass(frozen=True)
class Information:
    """What schedulers are told.

    Parameters
    ----------
    mode : str
        One of `MODES`.
    sigma : float
        Of `noisy`: standard deviation of the logarithm of the factors.
    file : str
        Of `calibrated`.
    over : {"all", "tasks", "nodes"}
        Of `mean`.
    """

    mode: str = "exact"
    sigma: float = 0.0
    file: str = ""
    over: str = "all"

    def __str__(self) -> str:
        if self.mode == "noisy":
            return f"noisy[sigma={self.sigma:g}]"
        if self.mode == "calibrated":
            return f"calibrated[file={self.file}]"
        return "mean" if self.over == "all" and self.mode == "mean" else (
            f"mean[over={self.over}]" if self.mode == "mean" else self.mode)  # fmt: skip

    @property
    def is_exact(self) -> bool:
        """Whether schedulers see the truth."""
        return self.mode == "exact"


def noisy(sigma: float) -> Information:
    """Estimates that are wrong by factors exp(sigma z).

    Raises
    ------
    InvalidScenario
    """
    if not 0 <= sigma <= STRONGEST:
        raise InvalidScenario(
            f"information noisy: sigma must be between 0 and {STRONGEST:g}, got {sigma:g}"
        )
    return Information("noisy", sigma=float(sigma))


def parse(text: str | Information) -> Information:
    """Read ``mode`` or ``mode[key=value]``.

    Raises
    ------
    UnknownName, InvalidScenario

    Examples
    --------
    >>> str(parse(" noisy[ sigma = 0.30 ] ")), str(parse("mean[over=tasks]")), str(parse("blind"))
    ('noisy[sigma=0.3]', 'mean[over=tasks]', 'blind')
    """
    if isinstance(text, Information):
        return text
    if not isinstance(text, str):
        raise InvalidScenario(f"information: expected a text such as 'blind', got {text!r}")
    name, bracket, rest = text.strip().partition("[")
    name = name.strip()
    if name not in MODES:
        raise unknown("information", name, MODES)
    if bracket and not rest.endswith("]"):
        raise InvalidScenario(f"information {text.strip()!r}: the bracket is not closed at the end")
    key, equals, value = (part.strip() for part in rest.removesuffix("]").partition("="))
    if (bracket and key) and not (equals and value):
        raise InvalidScenario(f"information {text.strip()!r}: expected key=value, got {key!r}")
    wanted, build = _BUILD[name]
    if key and key != wanted:
        known = [wanted] if wanted else []
        if not known:
            raise InvalidScenario(f"information {name!r} has no parameters, got {key!r}")
        raise unknown(f"parameter of {name}", key, known)
    return build(value)


def _noisy(value: str) -> Information:
    if not value:
        raise InvalidScenario("information noisy: sigma is missing, as in noisy[sigma=0.3]")
    try:
        sigma = float(value)
    except ValueError:
        sigma = math.nan
    if math.isnan(sigma):
        raise InvalidScenario(f"information noisy: sigma must be a number, got {value!r}")
    return noisy(sigma)


def _calibrated(value: str) -> Information:
    if not value:
        raise InvalidScenario(
            "information calibrated: the file is missing, as in calibrated[file=mine.yaml]"
        )
    return Information("calibrated", file=value)


def _mean(value: str) -> Information:
    if value and value not in OVER:
        raise unknown("value of over", value, OVER, "information mean")
    return Information("mean", over=value or "all")


_BUILD: Mapping[str, tuple[str, Callable[[str], Information]]] = {
    "exact": ("", lambda _: Information()),
    "calibrated": ("file", _calibrated),
    "noisy": ("sigma", _noisy),
    "mean": ("over", _mean),
    "blind": ("", lambda _: Information("blind")),
}
