"""The table of a comparison: columns that have a meaning in this run, in the reader's units."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from scenarios.tables import SECONDS
from simulator.units import format_si

if TYPE_CHECKING:
    from scenarios.compare import Comparison

HEADINGS = {
    "p99_latency": "p99",
    "makespan": "makespan",
    "slo_attainment": "SLO met",
    "slr": "SLR",
    "balance": "max/mean busy",
    "communication_share": "comm share",
    "lost": "lost",
}
"""Metrics shown beside the objective."""


def summary_rows(result: Comparison) -> list[dict[str, Any]]:
    """One row a scheduler, formatted; failed ones are left to the caller."""
    objective = str(result.scenario.objective)
    rows = []
    for entry in result.summary():
        if "error" in entry:
            continue
        row: dict[str, Any] = {"scheduler": entry["scheduler"]}
        row[objective] = _value(objective, entry["objective"])
        row["vs best"] = _times(entry["ratio"])
        if "gap" in entry:
            row["gap to bound"] = _percent(entry["gap"])
        for key, heading in HEADINGS.items():
            if key in entry and key != objective:
                row[heading] = _metric(key, entry[key])
        row["CPU"] = format_si(entry["cpu_seconds"], "s")
        rows.append(row)
    hidden = {"lost"} if all(row.get("lost") in (None, "0") for row in rows) else set()
    return [{k: v for k, v in row.items() if k not in hidden} for row in rows]


def _value(objective: str, value: float) -> str:
    return format_si(value, "s", digits=4) if objective in SECONDS else f"{value:.5g}"


def _metric(key: str, value: float) -> str:
    if key in ("makespan", "p99_latency"):
        return format_si(value, "s")
    if key in ("slo_attainment", "communication_share"):
        return f"{100 * value:.1f} %"
    return f"{value:.3g}"


def _percent(gap: float) -> str:
    """A gap above the bound; as a multiple where percents stop being readable."""
    return f"{100 * gap:.1f} %" if gap < 10 else _times(1 + gap)


def _times(ratio: float) -> str:
    if math.isinf(ratio):
        return "inf"
    if ratio < 10:
        return f"{ratio:.3f}x"
    return f"{ratio:.1f}x" if ratio < 100 else f"{ratio:,.0f}x"


def caption(result: Comparison) -> str:
    """How to read the table."""
    seeds = len(result.seeds)
    luck = f"means over {seeds} seeds" if seeds > 1 else f"seed {result.seeds[0]}"
    outcomes = (
        "1 outcome"
        if result.distinct_outcomes == 1
        else (f"{result.distinct_outcomes} distinct outcomes")
    )
    gap = "; gap: how far above a lower bound that no allocation can beat"
    fronts = ", ".join(spec for spec, outcome in result.outcomes.items() if outcome.front)
    several = f"; {fronts}: one point of a front, chosen for several objectives"
    cut = "interrupted, the rest was not run; " if result.interrupted else ""
    told = result.scenario.information
    planned = "" if told == "exact" else f"; planned with {told}, judged by the truth"
    shown = gap if any("gap" in r for r in result.summary()) else ""
    return f"{cut}{luck}; {outcomes}{planned}{shown}{several if fronts else ''}"
