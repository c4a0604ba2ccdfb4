"""From arrivals, sizes and noise as scenarios write them to those of `simulator.workload`."""

from __future__ import annotations

import csv
import math
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenarios.messages import at, refuse, show
from scenarios.reading import read_text
from simulator.errors import InvalidScenario, unknown
from simulator.units import parse
from simulator.workload import Arrivals, Distribution

if TYPE_CHECKING:
    from scenarios.schema import ArrivalsSpec

REQUESTS = 1000
"""Requests of a stream without end whose number is not given."""

MOST = 10_000_000


def distribution(value: Any) -> Distribution:
    """From a plain value (constant) or one of the distributions.

    Raises
    ------
    InvalidScenario
    """
    if isinstance(value, float | int):
        return Distribution("constant", {"value": float(value)})
    given = {k: v for k, v in value if v is not None and k != "nominal"}
    refuse(len(given) != 1, f"give one distribution, got {' and '.join(given) or 'none'}")
    (kind, fields), = given.items()  # fmt: skip
    parameters = {
        key: tuple(entry) if isinstance(entry, list) else entry
        for key, entry in fields
        if entry is not None
    }
    return Distribution(kind, parameters)


def noise(value: Any) -> Distribution | None:
    """A plain value is the coefficient of variation of a gamma distribution of mean 1."""
    if value is None or value == 0:
        return None
    if isinstance(value, float | int):
        return Distribution("gamma", {"mean": 1.0, "cv": float(value)})
    return distribution(value)


def arrivals(given: str | ArrivalsSpec) -> tuple[Arrivals, int]:
    """The arrivals and the number of requests.

    Raises
    ------
    InvalidScenario
    """
    if isinstance(given, str):
        if given == "once":
            return Arrivals(), 1
        try:
            return Arrivals("constant", rate=parse(given, "rate", "arrivals")), REQUESTS
        except InvalidScenario:
            raise InvalidScenario(
                f"expected once, a rate such as '30 Hz', or a mapping, got {show(given)}"
            ) from None
    kinds = [
        k for k in ("constant", "poisson", "trace", "clients") if getattr(given, k) is not None
    ]
    refuse(len(kinds) > 1, f"give one of constant, poisson, trace and clients, not {kinds}")
    kind = kinds[0] if kinds else "once"
    for key, needs in (("think", "clients"), ("column", "trace")):
        refuse(getattr(given, key) is not None and kind != needs, f"{key} goes with {needs}")
    refuse(given.requests is not None and given.duration is not None,
           "give either requests or duration, not both")  # fmt: skip
    refuse(given.duration is not None and kind in ("clients", "once"),
           "duration goes with constant, poisson or trace")  # fmt: skip
    if kind == "once":
        return Arrivals(start=given.start), given.requests or 1
    if kind == "clients":
        refuse(given.start > 0, "clients start at 0")
        think = None if given.think is None else distribution(given.think)
        made = Arrivals("closed", clients=given.clients or 1, think=think)
        return made, given.requests or REQUESTS
    if kind == "trace":
        return _trace(given)
    entry = getattr(given, kind)
    rate = entry if isinstance(entry, float | int) else entry.rate
    made = Arrivals(kind, rate=rate, start=given.start)
    if given.duration is None:
        return made, given.requests or REQUESTS
    expected = rate * given.duration
    refuse(not expected <= MOST, f"{expected:g} requests are too many")
    exact = math.ceil(expected - 1e-9) if kind == "constant" else round(expected)
    return made, max(exact, 1)


def _trace(given: ArrivalsSpec) -> tuple[Arrivals, int]:
    with at("trace"):
        times = (
            read_times(given.trace, given.column)
            if isinstance(given.trace, str)
            else [float(t) for t in given.trace or ()]
        )
        if given.duration is not None:
            times = [t for t in times if t < given.duration]
        made = Arrivals("trace", times=tuple(times), start=given.start)
    return made, given.requests or len(times)


def read_times(path: str, column: str | None = None) -> list[float]:
    """Arrival times of a file: one a line, or the column of a CSV file.

    A time is a number of seconds, a number with a unit, or a date and time; dates count from the
    first one.

    Raises
    ------
    InvalidScenario, UnknownName
    """
    text = read_text(path)
    name = Path(path).name
    if column is None and "," not in text:
        cells = [(i, line.strip()) for i, line in enumerate(text.splitlines(), 1) if line.strip()]
    else:
        cells = _column(text, column, name)
    times: list[float] = []
    first: datetime | None = None
    for line, cell in cells:
        moment = _moment(cell)
        if moment is not None:
            first = first or moment
            try:
                times.append((moment - first).total_seconds())
            except TypeError:
                raise InvalidScenario(f"{name}: line {line}: some dates have a time zone") from None
        else:
            times.append(parse(cell, "time", f"{name}: line {line}"))
    return times


def _column(text: str, column: str | None, name: str) -> list[tuple[int, str]]:
    try:
        rows = csv.DictReader(text.splitlines(), strict=True)
        header = rows.fieldnames or []
        if column is None:
            raise InvalidScenario(f"{name}: say which column holds the times: {', '.join(header)}")
        if column not in header:
            raise unknown("column", column, header, name)
        return [(rows.line_num, (row[column] or "").strip()) for row in rows]
    except csv.Error as error:
        raise InvalidScenario(f"{name}: this is not CSV: {error}") from None


def _moment(cell: str) -> datetime | None:
    if len(cell) < 8 or "-" not in cell:
        return None
    try:
        return datetime.fromisoformat(cell)
    except ValueError:
        return None
