"""Tables of rows that have a column for every metric: what the columns are called and mean."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from scenarios.plots import SECONDS
from scenarios.report.breakdown import kind_of
from scenarios.report.page import Column, Table
from simulator.metrics import UNITS
from simulator.units import format_si

if TYPE_CHECKING:
    import pandas as pd

HINTS = {
    "objective": "Under luck that the scheduler has not seen; less is better",
    "planned_objective": "What the scheduler expected of its allocation",
    "ratio": "Over the best of the table",
    "gap": "How far above a lower bound that no allocation can beat",
    "bound": "No allocation can be better under this luck",
    "cpu_seconds": "CPU time of the scheduler, all threads",
    "evaluations": "Allocations that the search has simulated",
    "communication_share": "Transfers over transfers and computing",
    "balance": "Busiest node over the mean",
    "slo_attainment": "Share of the requests within their deadline",
    "slr": "Makespan over the longest chain of least durations",
}
KINDS = {
    "gap": "percent", "ratio": "ratio", "cpu_seconds": "seconds", "wall_seconds": "seconds",
    "cell_seconds": "seconds", "evaluations": "count", "seed": "count", "seeds": "count",
    "semantics": "count", "best in": "percent", "lost requests in": "percent", "vs best": "ratio",
    "cells": "count",
}  # fmt: skip
LABELS = {
    "ratio": "vs best",
    "cpu_seconds": "CPU",
    "gap": "gap to bound",
    "balance": "max/mean busy",
    "slr": "SLR",
    "slo_attainment": "SLO met",
}


def axis_kind(objective: str) -> str:
    """How the values of an objective are written."""
    if objective in SECONDS:
        return "seconds"
    return kind_of(objective, UNITS.get(objective, ""))


def column(key: str, values: Sequence[Any], objective: str = "") -> Column:
    """The column of a field; the objective is written in its own unit."""
    label = LABELS.get(key, key.removeprefix("param.").replace("_", " "))
    hint = HINTS.get(key, "")
    if key in ("objective", "planned_objective", "bound", "objective_min", "objective_max"):
        kind = axis_kind(objective) if objective else "number"
        if objective and key == "objective":
            label = objective.replace("_", " ")
        return Column(label, kind, hint)
    if key in KINDS:
        return Column(label, KINDS[key], hint)
    numeric = any(is_number(v) for v in values) and all(is_number(v) or missing(v) for v in values)
    if not numeric:
        return Column(label, "text", hint)
    return Column(label, kind_of(key, UNITS[key]) if key in UNITS else "number", hint)


def is_number(value: Any) -> bool:
    """Whether a value is a number, and not merely true or false."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def missing(value: Any) -> bool:
    """Whether there is no value."""
    return value is None or (not isinstance(value, str) and value != value)


def table(
    title: str, rows: Sequence[Mapping[str, Any]], objective: str = "", note: str = "",
    size: int = 25, leave: Sequence[str] = (),
) -> Table:  # fmt: skip
    """A table of mappings: a column for every key that has a value somewhere.

    Parameters
    ----------
    leave : keys that get no column
    """
    keys = [
        key for key in dict.fromkeys(k for row in rows for k in row)
        if key not in leave and any(not missing(row.get(key)) for row in rows)
    ]  # fmt: skip
    columns = [column(key, [row.get(key) for row in rows], objective) for key in keys]
    cells = [[_cell(row.get(key)) for key in keys] for row in rows]
    return Table(title, columns, cells, note, size)


def _cell(value: Any) -> Any:
    if missing(value):
        return None
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) if isinstance(value, list | tuple | dict) else value


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a data frame as plain Python values; what is missing is None."""
    columns = {str(name): frame[name].tolist() for name in frame}
    rows = zip(*columns.values(), strict=True)
    out = [dict(zip(columns, row, strict=True)) for row in rows]
    return [{k: None if is_na(v) else v for k, v in row.items()} for row in out]


def is_na(value: Any) -> bool:
    """Whether pandas has no value here."""
    import pandas as pd

    return value is None or value is pd.NA or value is pd.NaT or (
        isinstance(value, float) and math.isnan(value)
    )  # fmt: skip


def words_of(objective: str, value: float) -> str:
    """A value of an objective for a sentence."""
    if not math.isfinite(value):
        return "requests lost"
    kind = axis_kind(objective)
    if kind == "seconds":
        return format_si(value, "s", digits=4)
    return f"{100 * value:.1f} %" if kind == "percent" else f"{value:.5g}"
