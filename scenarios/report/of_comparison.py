"""The report of a comparison: who is best, by how much, and what the best allocations do."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenarios.report import columns, placed, statistics
from scenarios.report.page import Axis, Chart, Page, Plot, Section, Series
from scenarios.report.reading import (
    manifest,
    missing_trace,
    provenance,
    read_csv,
    read_json,
    trace_or_none,
)
from scenarios.report.searches import curves, fronts
from scenarios.results import file_stem
from scenarios.statistics import read as rows_of
from simulator.allocation import Allocation
from simulator.errors import AlloclabError

if TYPE_CHECKING:
    from simulator.trace import Trace

MOST_TRACES = 5
"""Different allocations whose runs can be looked at."""

Summary = list[dict[str, Any]]


def page(folder: Path) -> Page:
    """Read what ``alloclab compare -o`` wrote."""
    facts = manifest(folder)
    summary: Summary = [_finite(row) for row in read_json(folder / "summary.json")]
    rows = columns.records(read_csv(folder / "rows.csv", ("scheduler", "seed")))
    trace, why = trace_or_none(folder / "trace")
    objective = _objective(trace, facts)
    traces = _traces(folder, trace, summary) if trace is not None else {}
    sections = [
        Section("Schedulers", [_table(summary, objective), _bars(summary, objective)],
                "Ordered by the mean objective; click a heading to sort, type to filter."),
        *_search(folder, objective),
    ]  # fmt: skip
    if statistics.enough(rows):
        sections.insert(1, statistics.section(rows_of([folder])))
    sections += placed.sections(list(traces.items()), shown=min(2, len(traces))) if traces else []
    every = columns.table("All runs", rows, objective, "One row for each scheduler and seed.",
                          leave=[objective])  # fmt: skip
    sections += [Section("Every run", [every]), provenance(folder, "scenario.yaml")]
    name = facts.get("scenario", rows[0].get("scenario", folder.name) if rows else folder.name)
    return Page(
        "comparison", f"{name} on {facts.get('cluster', 'its cluster')}",
        f"Comparison of {len(summary)} schedulers, minimise {objective.replace('_', ' ')}",
        _figures(summary, objective, facts), _sentences(summary, objective, facts, trace, why),
        sections, _drawings(traces, name),
    )  # fmt: skip


def _finite(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of the summary; JSON has null where the objective is infinite."""
    out = dict(row)
    if "error" not in out and out.get("objective") is None:
        out["objective"] = math.inf
    return out


def _objective(trace: Trace | None, facts: Mapping[str, Any]) -> str:
    if trace is not None:
        return str(trace.problem.objective)
    return str(facts.get("objective", "objective"))


def _traces(folder: Path, trace: Trace, summary: Summary) -> dict[str, Trace]:
    """Runs of the best different allocations under the luck of the saved one, best first."""
    from simulator.engines import simulate

    found: dict[str, Trace] = {}
    seen: set[tuple[Any, ...]] = set()
    for row in summary:
        spec = str(row["scheduler"])
        file = folder / "allocations" / f"{file_stem(spec)}.json"
        if "error" in row or not file.is_file() or len(found) == MOST_TRACES:
            continue
        try:
            allocation = Allocation.load(file)
            same = allocation.placements == trace.allocation.placements
            run = (
                trace
                if same
                else simulate(trace.problem, allocation, realisation=trace.realisation)
            )
        except AlloclabError:
            continue  # of another version of the scenario; the table still has its row
        key = _alike(run)
        if key not in seen:
            seen.add(key)
            found[spec] = run
    return found or {trace.scheduler or "best": trace}


def _alike(run: Trace) -> tuple[Any, ...]:
    """What is equal for runs that nobody could tell apart: places, variants and completions."""
    node, variant, _ = run.allocation.arrays(run.problem)
    return *node.tolist(), *variant.tolist(), run.log.completed.tobytes()


def _table(summary: Summary, objective: str) -> Any:
    first = ("scheduler", "error", "objective", "ratio", "gap", "cpu_seconds")
    keys = [*first, *(k for k in dict.fromkeys(k for r in summary for k in r) if k not in first)]
    rows = [{k: row.get(k) for k in keys} for row in summary]
    leave = [k for k in (objective, "seeds", "objective_min", "objective_max") if k != "objective"]
    if all(row.get("seeds", 1) == 1 for row in summary):
        return columns.table("Results", rows, objective, leave=leave, size=60)
    return columns.table("Results", rows, objective, leave=leave[:1], size=60)


def _bars(summary: Summary, objective: str) -> Chart:
    """Mean objective with its range over the seeds; the mean bound as a line."""
    shown = [row for row in summary if math.isfinite(row.get("objective", math.inf))]
    names, values = [r["scheduler"] for r in shown], [r["objective"] for r in shown]
    many = any(r.get("seeds", 1) > 1 for r in shown)
    low = [r.get("objective_min") for r in shown] if many else None
    high = [r.get("objective_max") for r in shown] if many else None
    bounds = [r["bound"] for r in shown if r.get("bound") is not None]
    marks = []
    if bounds and len(bounds) == len(shown):
        marks.append(("x", sum(bounds) / len(bounds), "lower bound"))
    far = bool(values) and min(values) > 0 and max(values) / min(values) > 30
    words = objective.replace("_", " ")
    plot = Plot(
        "bars", Axis(words, columns.axis_kind(objective), log=far, zero=not far), Axis("", "text"),
        [Series(words, values, names, low, high)], marks,
    )  # fmt: skip
    note = "Mean over the seeds; the line runs from the least to the greatest." if many else ""
    left = len(summary) - len(shown)
    note += f" {left} without an answer, or with lost requests, not shown." if left else ""
    return Chart.of("Objective by scheduler", plot, note.strip())


def _search(folder: Path, objective: str) -> list[Section]:
    blocks = [*curves(folder / "curves.csv", objective), *fronts(folder)]
    return [Section("Searches", blocks)] if blocks else []


def _figures(summary: Summary, objective: str, facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    best = summary[0]
    out = [(str(best["scheduler"]), "best scheduler")]
    if "objective" in best:
        out.append((columns.words_of(objective, best["objective"]), objective.replace("_", " ")))
        if best.get("gap") is not None:
            out.append((f"{100 * best['gap']:.1f} %", "above a lower bound"))
    worst = [r for r in summary if math.isfinite(r.get("ratio") or math.inf)]
    if len(worst) > 1:
        out.append((f"{worst[-1]['ratio']:.2f}×", f"worst against best ({worst[-1]['scheduler']})"))
    seeds = len(facts.get("seeds", [0]))
    out.append((str(seeds), "seed" if seeds == 1 else "seeds"))
    return out


def _sentences(
    summary: Summary, objective: str, facts: Mapping[str, Any], trace: Trace | None, why: str
) -> list[str]:
    """The result in plain words."""
    good = [r for r in summary if math.isfinite(r.get("objective", math.inf))]
    words = objective.replace("_", " ")
    out = []
    if good:
        best = good[0]
        equal = [r for r in good if r["objective"] <= best["objective"] * (1 + 1e-9)]
        out.append(
            f"{best['scheduler']} places {facts.get('scenario', 'the scenario')} best: {words} is "
            f"{columns.words_of(objective, best['objective'])}"
            + (f", and {len(equal) - 1} more are equally good." if len(equal) > 1 else ".")
        )
        behind = [r for r in good if r not in equal]
        if behind:
            out.append(f"The next best, {behind[0]['scheduler']}, is {_more(behind[0], best)}.")
            if len(behind) > 1:
                last = behind[-1]
                out.append(f"The worst, {last['scheduler']}, is {_more(last, best)}.")
        if best.get("gap") is not None:
            out.append(
                f"A lower bound that no allocation can beat is {100 * best['gap']:.1f} % away, so "
                f"at most {100 * (1 - 1 / (1 + best['gap'])):.1f} % could still be gained."
            )
    failed = [r for r in summary if "error" in r]
    if failed:
        out.append(f"{len(failed)} of {len(summary)} schedulers gave no answer: "
                   f"{', '.join(r['scheduler'] for r in failed)}.")  # fmt: skip
    if len(facts.get("seeds", [0])) == 1:
        out.append("One seed was run: how much of the differences is luck, more seeds would tell.")
    if facts.get("interrupted"):
        out.append("The comparison was interrupted; searches cut off handed in their best.")
    if trace is None:
        out.append(why or missing_trace("compare"))
    return out


def _more(row: Mapping[str, Any], best: Mapping[str, Any]) -> str:
    """How much worse a row is, in words."""
    if best["objective"] <= 0:
        return "worse"
    ratio = row["objective"] / best["objective"]
    return f"{100 * (ratio - 1):.1f} % worse" if ratio < 3 else f"{ratio:.1f} times as high"


def _drawings(traces: Mapping[str, Trace], name: str) -> dict[str, Any]:
    return {
        f"gantt-{file_stem(spec)}": lambda path, t=trace, s=spec: t.gantt(
            path, title=f"{name}, {s}"
        )
        for spec, trace in list(traces.items())[:2]
    }
