"""The report of a sweep: schedulers against parameters, fronts, profiles, and every cell."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenarios.report import columns, statistics
from scenarios.report.aggregate import (
    RATIO,
    TIE,
    factors_of,
    levels_charts,
    measures_of,
    overview,
    pareto,
    with_ratio,
)
from scenarios.report.page import Page, Section, Table
from scenarios.report.reading import manifest, provenance

if TYPE_CHECKING:
    import pandas as pd

MOST_VALUES = 250_000
"""Values that a table of the page holds, about 4 MB; the Parquet files have all."""


def page(folder: Path) -> Page:
    """Read what ``alloclab sweep -o`` wrote; the sweep may still be running."""
    from scenarios.study import read
    from simulator.errors import AlloclabError

    frame = read(folder)
    if frame.empty:
        raise AlloclabError(
            f"{folder}: no cell of the study has run yet; there is nothing to report"
        )
    facts = manifest(folder)
    good = with_ratio(frame[frame["status"] == "ok"])
    sections: list[Section] = []
    if not good.empty:
        table = overview(good)
        sections += [
            Section("Schedulers", [_overview(table)], "Over all cells that every line has."),
            *_charts(good),
            statistics.section(frame),
        ]
    failed = frame[frame["status"] != "ok"]
    if not failed.empty:
        sections.append(Section("Cells without an answer", [_failures(failed)]))
    sections += [Section("Every cell", [_cells(frame)]), provenance(folder, "study.yaml")]
    name = str(facts.get("study", folder.name))
    return Page(
        "sweep", name, f"Study: {len(frame):,} cells, {frame['instance'].nunique():,} instances, "
        f"{frame['scheduler'].nunique()} schedulers",
        _figures(frame, good), _sentences(frame, good, facts), sections,
    )  # fmt: skip


def _overview(table: pd.DataFrame) -> Table:
    return columns.table("Results", columns.records(table), size=60, note=(
        "vs best: geometric mean of the objective over the best of the same instance and seed; "
        "best in: share of those in which none is better."))  # fmt: skip


def _charts(good: pd.DataFrame) -> list[Section]:
    factors, measures = factors_of(good), measures_of(good)
    out = []
    if factors:
        lines, heat = levels_charts(good, factors, measures)
        out.append(Section(
            "Over the parameters", [lines, heat],
            "Every point is a mean over all cells with that value, whatever their other parameters."
        ))  # fmt: skip
    out.append(Section("Trade-offs", [pareto(good, measures)]))
    return out


def _failures(failed: pd.DataFrame) -> Table:
    keys = [
        "scenario",
        "scheduler",
        "seed",
        *[c for c in map(str, failed) if c.startswith("param.")],
        "error",
    ]
    shown = failed[keys].head(MOST_VALUES // len(keys))
    return columns.table("Errors", columns.records(shown), size=20)


def _cells(frame: pd.DataFrame) -> Table:
    shown = frame.head(MOST_VALUES // len(frame.columns))
    note = ""
    if len(frame) > len(shown):
        note = f"The first {len(shown):,} of {len(frame):,}; the Parquet files have all."
    rows = columns.records(shown)
    for row in rows:
        row["cell"] = str(row["cell"])[:12]
    twice = ["family"] if "param.family" in frame else []
    return columns.table("Cells", rows, note=note, size=25, leave=twice)


def _figures(frame: pd.DataFrame, good: pd.DataFrame) -> list[tuple[str, str]]:
    out = []
    if not good.empty:
        best = overview(good).iloc[0]
        out = [(str(best["scheduler"]), "best over all cells"),
               (f"{best[RATIO]:.3f}×", "its objective over the best, geometric mean")]  # fmt: skip
    out += [(f"{len(frame):,}", "cells"), (f"{frame['instance'].nunique():,}", "instances")]
    failed = int((frame["status"] != "ok").sum())
    return [*out, (f"{failed:,}", "without an answer")] if failed else out


def _sentences(frame: pd.DataFrame, good: pd.DataFrame, facts: dict[str, Any]) -> list[str]:
    out = []
    if not good.empty:
        table = overview(good)
        best = table.iloc[0]
        out.append(
            f"Over all {len(good):,} cells with an answer {best['scheduler']} is nearest to the "
            f"best found: {100 * (best[RATIO] - 1):.1f} % above it in the geometric mean, and "
            f"best or equally good in {100 * best['best in']:.0f} % of the cases."
        )
        if len(table) > 1:
            last = table.iloc[-1]
            out.append(f"Last is {last['scheduler']}, {100 * (last[RATIO] - 1):.1f} % above.")
        quick = table.iloc[int(table["cpu_seconds"].to_numpy().argmin())]
        if quick["scheduler"] != best["scheduler"] and best["cpu_seconds"] > 0:
            times = best["cpu_seconds"] / max(quick["cpu_seconds"], 1e-12)
            out.append(
                f"The quickest is {quick['scheduler']}; {best['scheduler']} takes {times:,.3g} "
                f"times its CPU time."
            )
        out += _by_factor(good)
    cells = facts.get("cells")
    if isinstance(cells, int) and cells > len(frame):
        out.append(f"{cells - len(frame):,} of {cells:,} cells have not run yet.")
    failed = int((frame["status"] != "ok").sum())
    if failed:
        out.append(f"{failed:,} cells gave no answer; they are listed below with their errors.")
    if not frame["reproducible"].astype(bool).all():
        out.append("Some budgets are in seconds: a repetition may give other answers there.")
    return out


def _by_factor(good: pd.DataFrame) -> list[str]:
    """Where another scheduler is the best one for some value of a parameter."""
    out = []
    overall = str(overview(good).iloc[0]["scheduler"])
    for factor in factors_of(good)[:3]:
        best: dict[str, list[Any]] = {}
        for level, rows in good.groupby(factor.column, sort=True):
            ratios = overview(rows).set_index("scheduler")[RATIO]
            tied = ratios.index[ratios <= ratios.iloc[0] * (1 + TIE)]
            best.setdefault(overall if overall in tied else str(tied[0]), []).append(level)
        if len(best) > 1:
            parts = [
                f"{spec} at {', '.join(_short(v) for v in values)}" for spec, values in best.items()
            ]
            out.append(f"The best depends on {factor.label}: {'; '.join(parts)}.")
    return out


def _short(value: Any) -> str:
    return f"{value:g}" if columns.is_number(value) else str(value)
