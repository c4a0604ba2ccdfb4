"""How durations differ between nodes: none, related machines, range-based and CV-based tables.

Written as a spec such as ``range[beta=0.5]``, as a mapping ``{range: {beta: 0.5}}``, or, for the
range-based method, as the number beta alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np

from scenarios.generate.luck import Luck, gamma_factors
from scenarios.generate.structure import shown
from simulator.arrays import FloatArray
from simulator.errors import InvalidScenario, unknown

CONSISTENCIES = ("inconsistent", "consistent", "partially")


class Heterogeneity(Protocol):
    """What a method offers; its fields are its parameters."""

    related: bool
    """True if a task's duration on a node is its work over the node's speed."""

    def task_factors(self, u: FloatArray) -> FloatArray:
        """Work of the tasks, relative to the mean, from uniform numbers."""

    def speeds(self, nodes: int, luck: Luck) -> FloatArray:
        """(N,) relative speeds; 1 if the method is not `related`."""

    def table(self, tasks: int, nodes: int, luck: Luck) -> FloatArray:
        """(T, N) factors on the tasks' work; 1 if the method is `related`."""


class _Plain:
    """Tasks uniform on (0, 2) x mean, nodes all alike."""

    related = True

    def task_factors(self, u: FloatArray) -> FloatArray:
        return 2.0 * u

    def speeds(self, nodes: int, luck: Luck) -> FloatArray:
        return np.ones(nodes)

    def table(self, tasks: int, nodes: int, luck: Luck) -> FloatArray:
        return np.ones((tasks, nodes))


@dataclass(frozen=True)
class Identical(_Plain):
    """All nodes are alike."""


@dataclass(frozen=True)
class Related(_Plain):
    """Related machines: node speeds log-uniform on [1, spread]."""

    spread: float = 4.0

    def __post_init__(self) -> None:
        _number("related", "spread", self.spread, 1.0, 1e6)

    def speeds(self, nodes: int, luck: Luck) -> FloatArray:
        return np.power(self.spread, luck.uniform(nodes))


@dataclass(frozen=True)
class Range(_Plain):
    """Unrelated machines, range-based [1]_: w_ij uniform on w_i (1 - beta/2), w_i (1 + beta/2).

    Parameters
    ----------
    beta : float in [0, 2]
        0 is the same duration on all nodes.
    consistency : {"inconsistent", "consistent", "partially"}
        As `Cv`.

    References
    ----------
    .. [1] H. Topcuoglu, S. Hariri, M.-Y. Wu, IEEE TPDS 13(3), 2002, section 6.1.
       doi:10.1109/71.993206
    """

    beta: float = 1.0
    consistency: str = "inconsistent"
    related = False

    def __post_init__(self) -> None:
        _number("range", "beta", self.beta, 0.0, 2.0)
        _consistency(self.consistency)

    def table(self, tasks: int, nodes: int, luck: Luck) -> FloatArray:
        factors = 1.0 + self.beta * (luck.uniform(tasks, nodes) - 0.5)
        return _sorted(factors, self.consistency)


@dataclass(frozen=True)
class Cv(_Plain):
    """Unrelated machines, CV-based [1]_: gamma numbers with given coefficients of variation.

    The work of a task has coefficient of variation `task` over the tasks, its duration
    coefficient of variation `machine` over the nodes.

    Parameters
    ----------
    task, machine : float >= 0
    consistency : {"inconsistent", "consistent", "partially"}
        ``consistent``: each row is sorted, so a node that is faster for one task is faster for
        all. ``partially``: only the nodes with an even number are so.

    References
    ----------
    .. [1] S. Ali, H. J. Siegel, M. Maheswaran, D. Hensgen, S. Ali, "Representing task and machine
       heterogeneities for heterogeneous computing systems", Tamkang J. Science and Engineering
       3(3), 2000.
    """

    task: float = 0.5
    machine: float = 0.5
    consistency: str = "inconsistent"
    related = False

    def __post_init__(self) -> None:
        _number("cv", "task", self.task, 0.0, 10.0)
        _number("cv", "machine", self.machine, 0.0, 10.0)
        _consistency(self.consistency)

    def task_factors(self, u: FloatArray) -> FloatArray:
        return gamma_factors(u, self.task)

    def table(self, tasks: int, nodes: int, luck: Luck) -> FloatArray:
        factors = gamma_factors(luck.uniform(tasks, nodes), self.machine)
        return _sorted(factors, self.consistency)


METHODS: Mapping[str, type[_Plain]] = {
    "identical": Identical,
    "related": Related,
    "range": Range,
    "cv": Cv,
}


def parse_heterogeneity(value: object) -> Heterogeneity:
    """Read a spec, a mapping, a number (beta of `Range`), or a method itself.

    Raises
    ------
    UnknownName
        No such method or parameter.
    InvalidScenario
        A value that does not parse or is out of range.

    Examples
    --------
    >>> parse_heterogeneity("cv[task=0.3, machine=0.6, consistency=consistent]")
    Cv(task=0.3, machine=0.6, consistency='consistent')
    >>> parse_heterogeneity(0.5)
    Range(beta=0.5, consistency='inconsistent')
    """
    if isinstance(value, _Plain):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Range(beta=float(value))
    if isinstance(value, str):
        name, parameters = _parse_spec(value)
    elif isinstance(value, Mapping) and len(value) == 1:
        name, given = next(iter(value.items()))
        if given is not None and not isinstance(given, Mapping):
            raise InvalidScenario(
                f"heterogeneity {shown(name)}: parameters must be a mapping, got {shown(given)}"
            )
        parameters = dict(given or {})
    else:
        raise InvalidScenario(
            f"heterogeneity must be a spec such as 'range[beta=0.5]', got {shown(value)}"
        )
    if name not in METHODS:
        raise unknown("heterogeneity", str(name), METHODS)
    known = [f.name for f in fields(METHODS[name])]  # type: ignore[arg-type]
    for key in parameters:
        if key not in known:
            raise unknown(f"parameter of heterogeneity {name}", str(key), known or ["none"])
    return METHODS[name](**parameters)


def _parse_spec(text: str) -> tuple[str, dict[str, Any]]:
    match = re.fullmatch(r"\s*([\w-]+)\s*(?:\[(.*)\])?\s*", text) if len(text) <= 200 else None
    if match is None:
        raise InvalidScenario(
            f"heterogeneity must be a spec such as 'range[beta=0.5]', got {shown(text)}"
        )
    parameters: dict[str, Any] = {}
    for part in (match.group(2) or "").split(","):
        key, equals, value = (s.strip() for s in part.partition("="))
        if not key and not equals:
            continue
        if key in parameters:
            raise InvalidScenario(f"heterogeneity {text!r}: {key} is given twice")
        try:
            parameters[key] = float(value)
        except ValueError:
            parameters[key] = value
    return match.group(1), parameters


def _number(method: str, key: str, value: object, low: float, high: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise InvalidScenario(
            f"heterogeneity {method}: {key} must be a number from {low:g} to {high:g}, "
            f"got {shown(value)}"
        )


def _consistency(value: object) -> None:
    if value not in CONSISTENCIES:
        raise unknown("consistency", str(value), CONSISTENCIES)


def _sorted(factors: FloatArray, consistency: str) -> FloatArray:
    """Sort the rows, in all columns or in every second one."""
    if consistency != "inconsistent":
        step = 1 if consistency == "consistent" else 2
        factors[:, ::step] = np.sort(factors[:, ::step], axis=1)
    return factors
