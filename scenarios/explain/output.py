"""What `alloclab explain` prints and writes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenarios.explain.chart import brief
from scenarios.explain.moves import change
from scenarios.explain.pieces import PARTS
from simulator.units import format_si

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from scenarios.explain.explanation import Explanation

WIDE = 12
"""More nodes than this are not shown as columns."""

MOST_TASKS = 30
MOST_RESOURCES = 8


def show(told: Explanation, files: Sequence[Path]) -> None:
    """Print sentences and tables."""
    from scenarios import tables

    out = tables.console()
    first, *others = told.summary()
    out.print(first, style="bold")
    for line in others:
        out.print(f"- {line}")
    for title, rows in sections(told).items():
        if rows:
            out.print()
            out.print(title, style="bold")
            out.print(tables.grid("", rows))
    _legend(out, told)
    tables.name_files(out, files)


def sections(told: Explanation) -> dict[str, list[dict[str, Any]]]:
    """Tables of readable cells, by title."""
    objective = str(told.problem.objective).replace("_", " ")
    found = {
        "Where the latency goes": breakdown_rows(told),
        f"Change of {objective} if one task moves (* is where it is)": move_rows(told),
    }
    if not told.single:
        found["Load of nodes and links"] = resource_rows(told)
    found["What constraints cost"] = constraint_rows(told)
    return found


def breakdown_rows(told: Explanation) -> list[dict[str, Any]]:
    """One row a part that is anywhere above 0, and the sum."""
    rows: list[dict[str, Any]] = []
    for i, name in enumerate(PARTS):
        if any(s.parts[i] != 0 for s in told.samples):
            row: dict[str, Any] = {"part": name}
            for s in told.samples:
                row[s.label] = format_si(float(s.parts[i]), "s")
                row[f"share {s.label}" if len(told.samples) > 1 else "share"] = (
                    f"{100 * s.parts[i] / s.total:.1f} %" if s.total > 0 else ""
                )
            rows.append(row)
    total: dict[str, Any] = {"part": "latency"}
    total |= {s.label: format_si(s.total, "s") for s in told.samples}
    return [*rows, total]


def move_rows(told: Explanation) -> list[dict[str, Any]]:
    """Tasks x nodes, or the best three places of each task where there are many nodes."""
    facts = sorted(told.tasks, key=lambda f: -f.seconds)[:MOST_TASKS]
    rows = []
    for fact in facts:
        row: dict[str, Any] = {"task": fact.task}
        held = {n: told.cell(fact.task, n) for n in told.problem.node_names}
        if len(held) <= WIDE:
            for node, objective in held.items():
                text = brief(change(objective, told.objective)) if objective == objective else "-"
                row[node] = f"{text}{' *' if node == fact.node else ''}"
        else:
            row["now on"] = fact.node
            found = [n for n in held if n != fact.node and held[n] == held[n]]
            for i, node in enumerate(sorted(found, key=lambda n: held[n])[:3]):
                row[f"place {i + 2}"] = f"{node} {brief(change(held[node], told.objective))}"
        rows.append(row)
    return rows


def resource_rows(told: Explanation) -> list[dict[str, Any]]:
    """Most loaded first."""
    return [
        {
            "resource": f"{r.kind} {r.name}",
            "load": f"{100 * r.load:.1f} %",
            "a request needs": format_si(r.demand_s, "s"),
            "carries": ", ".join(r.tasks[:5]) + (", ..." if len(r.tasks) > 5 else ""),
        }
        for r in told.resources[:MOST_RESOURCES]
        if r.load > 0
    ]


def constraint_rows(told: Explanation) -> list[dict[str, Any]]:
    """Those that forbid any single move."""
    return [
        {
            "constraint": c.name,
            "without it": brief(c.change) if c.task else "nothing better or worse is possible",
            "best move": f"{c.task} to {c.node} [{c.variant}]" if c.task else "",
        }
        for c in told.constraints
        if c.moves
    ]


def _legend(out: Console, told: Explanation) -> None:
    words = "moves are judged under the luck of this very run"
    if told.single:
        words += "; the critical path steps from a task to the one that held its slot"
    else:
        words += "; a request is followed along its last inputs"
    out.print()
    out.print(words, style="dim italic")


# ----- files -------------------------------------------------------------------------------------
def write(told: Explanation, target: Path, **facts: Any) -> list[Path]:
    """Sentences, tables, heat map and manifest.

    Returns
    -------
    list of Path, the files in `target`.
    """
    import pandas as pd

    from scenarios.results import folder, manifest, to_json

    with folder(target) as work:
        (work / "summary.txt").write_text("\n".join(told.summary()) + "\n", encoding="utf-8")
        (work / "explain.json").write_text(to_json(told.to_dict()) + "\n", encoding="utf-8")
        told.frame.to_csv(work / "moves.csv", index=False)
        breakdown_frame(told).to_csv(work / "breakdown.csv", index=False)
        pd.DataFrame(told.by_task).to_csv(work / "totals-tasks.csv", index=False)
        pd.DataFrame(told.by_node).to_csv(work / "totals-nodes.csv", index=False)
        told.heat_map(work / "moves.png")
        record = manifest("explain", seed=told.trace.seed, engine=told.trace.engine, **facts)
        (work / "manifest.json").write_text(to_json(record) + "\n", encoding="utf-8")
        names = sorted(p.relative_to(work) for p in work.rglob("*") if p.is_file())
    return [target / name for name in names]


def breakdown_frame(told: Explanation) -> pd.DataFrame:
    """One row for each set of requests and part: seconds a request."""
    import pandas as pd

    return pd.DataFrame(
        [
            {"requests": s.label, "count": s.requests, "part": name, "seconds": seconds}
            for s in told.samples
            for name, seconds in s.by_part().items()
        ]
    )
