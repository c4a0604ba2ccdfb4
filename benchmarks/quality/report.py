"""Everything that a run leaves: rows.csv, tables, charts, report.md."""

from __future__ import annotations

import csv
import datetime
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.peers.report import markdown
from benchmarks.quality.analysis import Analysis
from benchmarks.quality.cases import Case
from benchmarks.quality.plots import critical_difference, performance_profile, quality_over_budget
from benchmarks.quality.statistics import compare
from benchmarks.quality.targets import Sentence, sentences
from benchmarks.speed._report import machine

COLUMNS = (
    "set", "instance", "digest", "family", "ccr", "tasks", "nodes", "scheduler", "version",
    "seed", "budget", "objective", "bound", "status", "cpu_seconds", "wall_seconds",
    "evaluations", "error", "fault",
)  # fmt: skip
BEST_LISTS = 3
MOST_COMPARED = 14


def write(
    analysis: Analysis, output: Path, against: str, command: str, chosen: Sequence[str] = ()
) -> Path:
    """Write all files but rows.jsonl; the path of the report."""
    _csv(analysis, output / "rows.csv")
    parts = [
        "# Quality of schedulers\n",
        f"{datetime.datetime.now(datetime.UTC).date().isoformat()}; "
        + ", ".join(f"{k} {v}" for k, v in machine().items())
        + "\n",
        f"Command: `{command}`\n",
        _method(analysis, against),
    ]
    for budget in analysis.budgets or ("none",):
        parts += _budget(analysis, output, budget, against, chosen)
    parts += _troubles(analysis)
    path = output / "report.md"
    path.write_text("\n".join(parts), encoding="utf-8")
    return path


def _method(analysis: Analysis, against: str) -> str:
    return (
        f"{len(analysis.by_key)} instances. Ratios are geometric means over instances of the mean "
        'over seeds; gaps are per cent above the best known over all runs; "optimal %" counts the '
        'runs that reach a proved optimum, where there is one. "best" is the least makespan that '
        'was published, is kept for the set, or occurs in any row; "best list" the least of all '
        f"list schedulers. Win/tie/loss counts instances against {against}. List schedulers have "
        "no budget and no seed. Every schedule was rechecked by an evaluator of its own.\n"
    )


def _budget(
    analysis: Analysis, output: Path, budget: str, against: str, chosen: Sequence[str]
) -> list[str]:
    label = budget.replace("ev", " evaluations").replace("none", "no budget")
    label = f"{label[:-1]} CPU seconds" if budget.endswith("s") else label
    parts = [f"## {label}\n"]
    found = list(sentences(analysis, budget))
    if found:
        parts += ["### Targets\n", markdown(sentence_rows(found))]
    for title, condition in analysis.groups():
        table = analysis.summary(budget, against, condition)
        if table:
            parts += [f"### {title}\n", markdown(table)]
    names = [s for s in (chosen or compared(analysis, budget)) if analysis.of(s, budget)]
    keys, values = analysis.matrix(names, budget)
    if len(names) > 1 and len(keys) > 1:
        result = compare(names, values)
        performance_profile(names, values, output / f"profile-{budget}.png")
        critical_difference(result, output / f"ranks-{budget}.png")
        parts += [
            f"### Statistics over {len(keys)} instances\n",
            f"![performance profile](profile-{budget}.png)\n",
            f"![critical differences](ranks-{budget}.png)\n",
            markdown(
                [
                    {"scheduler": s, "average rank": r}
                    for s, r in zip(result.schedulers, result.average, strict=True)
                ]
            ),
        ]
    axis, unit = (1, "evaluations") if budget.endswith("ev") else (0, "CPU seconds")
    curves = analysis.curves(budget, names, axis)
    if curves:
        quality_over_budget(curves, unit, output / f"curves-{budget}.png")
        parts.append(f"![quality over {unit}](curves-{budget}.png)\n")
    return parts


def compared(analysis: Analysis, budget: str) -> list[str]:
    """All searches, HEFT, and the best few list schedulers that solved every instance.

    Of list schedulers that agree on every instance one is enough: the first by name, HEFT ahead.
    """
    searches = [s for s in analysis.schedulers(budget) if s not in analysis.lists]
    table = analysis.summary(budget, "heft")
    full = [r["scheduler"] for r in table if r["scheduler"] in analysis.lists]
    most = max((r["instances"] for r in table), default=0)
    complete = {r["scheduler"] for r in table if r["instances"] == most}
    distinct: dict[str, str] = {}
    for name in sorted((s for s in full if s in complete), key=lambda s: (s != "heft", s)):
        distinct.setdefault(str(sorted(analysis.of(name, budget).items())), name)
    lists = [s for s in full if s in distinct.values()][:BEST_LISTS]
    heft = [s for s in full if s == "heft" and s not in lists]
    kept = [s for s in searches if s in complete][: MOST_COMPARED - BEST_LISTS - 1]
    return [*kept, *lists, *heft]


def sentence_rows(found: Sequence[Sentence]) -> list[dict[str, Any]]:
    """Targets as rows of a table."""
    return [
        {
            "set": s.set,
            "budget": s.budget,
            "what": s.text,
            "measured": s.measured,
            "target": f"{'>=' if s.at_least else '<='} {s.target:g}",
            "held": "held" if s.held else "MISSED",
        }
        for s in found
    ]


def _troubles(analysis: Analysis) -> list[str]:
    parts = []
    for title, rows, key in (
        ("Answers that the recheck refused", analysis.faults, "fault"),
        ("Rows below a published optimum", analysis.below_optimum(), "objective"),
        ("Runs that ended with an error", analysis.failed, "error"),
    ):
        if rows:
            shown: dict[tuple[str, str], int] = {}
            for row in rows:
                said = (row["scheduler"], str(row[key]))
                shown[said] = shown.get(said, 0) + 1
            lines = [f"* {spec}, {n} times: {text}" for (spec, text), n in list(shown.items())[:30]]
            parts += [f"## {title}: {len(rows)}\n", "\n".join(lines) + "\n"]
    return parts


def _csv(analysis: Analysis, path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.DictWriter(file, COLUMNS, extrasaction="ignore", lineterminator="\n")
        out.writeheader()
        out.writerows([*analysis.rows, *analysis.faults, *analysis.failed])


def update_best_known(analysis: Analysis, path: Path, cases: Sequence[Case]) -> int:
    """Keep makespans that are less than those in the file; how many changed."""
    kept: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    changed = 0
    for case in cases:
        rows = [r for r in analysis.rows if (r["set"], r["instance"]) == (case.set, case.name)]
        if not rows:
            continue
        best = min(rows, key=lambda r: r["objective"])
        old = kept.get(case.name, {})
        fresh = old.get("digest") != case.digest
        if fresh or best["objective"] < old["makespan"] * (1 - 1e-12):
            kept[case.name] = {
                "digest": case.digest,
                "makespan": best["objective"],
                "by": f"{best['scheduler']}, {best['budget']}, seed {best['seed']}",
            }
            changed += 1
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(dict(sorted(kept.items())), indent=1) + "\n", encoding="utf-8")
    return changed
