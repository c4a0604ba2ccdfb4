"""Tables of a comparison with SAGA, as text and as data."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

TARGETS = ("heft", "etf", "sufferage", "min_min")
TARGET_TASKS, TARGET_RATIO = 1000, 30.0


def geometric(values: Iterable[float]) -> float:
    """Geometric mean; NaN of nothing."""
    found = [v for v in values if v > 0]
    return math.exp(statistics.fmean(map(math.log, found))) if found else math.nan


def usable(row: Mapping[str, Any]) -> bool:
    """Whether both sides gave a valid schedule."""
    return not any("error" in row[side] or row[side].get("faults") for side in ("ours", "theirs"))


def quality(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """For every scheduler: makespan over theirs, CPU time, invalid schedules of theirs."""
    by: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        by[row["scheduler"]].append(row)
    out = []
    for spec, mine in by.items():
        good = [r for r in mine if usable(r)]
        ratios = [r["ours"]["makespan"] / r["theirs"]["makespan"] for r in good]
        out.append(
            {
                "scheduler": spec,
                "SAGA": mine[0]["peer"],
                "compared": len(good),
                "ours / theirs": geometric(ratios),
                "better": sum(x < 1 - 1e-9 for x in ratios),
                "equal": sum(abs(x - 1) <= 1e-9 for x in ratios),
                "worse": sum(x > 1 + 1e-9 for x in ratios),
                "CPU theirs / ours": geometric(
                    r["theirs"]["seconds"] / r["ours"]["seconds"] for r in good
                ),
                "invalid there": sum(bool(r["theirs"].get("faults")) for r in mine),
                "invalid here": sum(bool(r["ours"].get("faults")) for r in mine),
                "failed there": sum("error" in r["theirs"] for r in mine),
                "failed here": sum("error" in r["ours"] for r in mine),
            }
        )
    return out


def speed(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """CPU seconds for each number of tasks, the least of the repeats, median over instances."""
    groups: dict[tuple[str, int], list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        if "error" not in row["ours"] and "error" not in row["theirs"]:
            groups[row["scheduler"], row["tasks"]].append(row)
    out = []
    for (spec, tasks), mine in sorted(groups.items(), key=lambda kv: (kv[0][1], kv[0][0])):

        def middle(side: str, key: str, mine: list[Mapping[str, Any]] = mine) -> float:
            return statistics.median(r[side][key] for r in mine)

        out.append(
            {
                "tasks": tasks,
                "scheduler": spec,
                "instances": len(mine),
                "ours ms": 1e3 * middle("ours", "seconds"),
                "theirs ms": 1e3 * middle("theirs", "seconds"),
                "ratio": middle("theirs", "seconds") / middle("ours", "seconds"),
                "ratio from file": middle("theirs", "whole_seconds")
                / middle("ours", "whole_seconds"),
            }
        )
    return out


def targets(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Whether each scheduler of the target takes 30 times less CPU time at 1,000 tasks."""
    large = [r for r in rows if r["tasks"] >= TARGET_TASKS and "error" not in r["ours"]]
    out = []
    for spec in TARGETS:
        mine = [r for r in large if r["scheduler"] == spec]
        ratios = []
        at_least = False
        for row in mine:
            if row["theirs"].get("timeout"):
                ratios.append(row["limit_s"] / row["ours"]["seconds"])
                at_least = True
            elif "error" not in row["theirs"]:
                ratios.append(row["theirs"]["seconds"] / row["ours"]["seconds"])
        if ratios:
            least = min(ratios)
            out.append(
                {
                    "scheduler": spec,
                    "least ratio": least,
                    "a lower limit": at_least,
                    "target": TARGET_RATIO,
                    "held": least >= TARGET_RATIO,
                }
            )
    return out


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """A table in Markdown."""
    if not rows:
        return "(nothing)\n"
    head = list(rows[0])
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for row in rows:
        lines.append("| " + " | ".join(_text(row[key]) for key in head) + " |")
    return "\n".join(lines) + "\n"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return "-" if math.isnan(value) else f"{value:.4g}"
    return "" if value is None else str(value).replace("|", "\\|")


def report(record: Mapping[str, Any]) -> str:
    """The whole page."""
    rows, versions = record["rows"], record["versions"]
    here = ", ".join(f"{k} {v}" for k, v in record["machine"].items())
    wrong = [r for r in rows if r["theirs"].get("faults")]
    late = [r for r in rows if r["theirs"].get("timeout")]
    parts = [
        "# The same instances through SAGA\n",
        f"SAGA {versions['saga']} under Python {versions['python']}, in the same run, each "
        f"scheduler right after ours. {record['date']}; {here}.\n",
        f"Command: `{record['command']}`\n",
        "CPU seconds of one thread, the least of up to 5 repeats on both sides. Ours: from a "
        "lowered problem to an allocation, compiled before. Theirs: `Scheduler.schedule` from a "
        'fresh network and task graph with empty caches, imports before. "from file" starts at '
        "the parsed data on both sides and ends, ours, after evaluation and bound. All schedules "
        "are rechecked by an evaluator that shares no code with either.\n",
        "## Speed targets\n",
        markdown(targets(rows)) if targets(rows) else "No instance of 1,000 tasks in this run.\n",
        "## Speed by number of tasks\n",
        markdown(speed(rows)),
        "## Quality\n",
        "Geometric means over instances on which both schedules are valid.\n",
        markdown(quality(rows)),
        f"{record['skipped']} instances are not of related machines with symmetric bandwidths and "
        "no latency, which is all that SAGA can express.\n",
    ]
    if late:
        parts.append("Beyond the time limit: " + _some(late, "error") + ".\n")
    if wrong:
        parts.append("Invalid schedules of SAGA's: " + _some(wrong, "faults") + ".\n")
    return "\n".join(parts)


def _some(rows: Sequence[Mapping[str, Any]], key: str, most: int = 12) -> str:
    texts = []
    for row in rows[:most]:
        said = row["theirs"][key]
        said = said[0] if isinstance(said, list) else said
        texts.append(f"{row['peer']} on {row['instance']} ({said})")
    more = f", and {len(rows) - most} more" if len(rows) > most else ""
    return "; ".join(texts) + more
