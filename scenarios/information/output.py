"""What `alloclab information` prints and writes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator.units import format_si

if TYPE_CHECKING:
    from scenarios.information.losses import Losses


def show(result: Losses, files: Sequence[Path]) -> None:
    """Print a row a scheduler, a column an information."""
    from scenarios import tables

    out = tables.console()
    scenario = result.scenario
    out.print(
        f"{scenario.name} on {scenario.cluster.name}: minimise {scenario.objective}, "
        "planned with estimates, judged by the truth",
        style="bold",
    )
    out.print(tables.grid("", table_rows(result)))
    seeds = len(result.seeds)
    words = (
        f"mean loss against the same scheduler with exact information over {seeds} "
        f"seed{'s' if seeds > 1 else ''}"
    )
    if seeds > 1:
        words += "; ± is half the width of a 95 % bootstrap interval"
    cut = "interrupted, the rest was not run; " if result.interrupted else ""
    out.print(f"{cut}{words}; exact: objective over that of the best", style="dim italic")
    for spec, error in errors(result).items():
        out.print(f"{spec}: {error}", style="red", highlight=False)
    tables.name_files(out, files)


def table_rows(result: Losses) -> list[dict[str, Any]]:
    """Formatted rows, the best scheduler with exact information first."""
    from scenarios.tables import SECONDS

    timed = str(result.scenario.objective) in SECONDS
    rows = []
    for spec in result.schedulers:
        mine = [r for r in result.summary if r["scheduler"] == spec and "loss" in r]
        if not mine:
            continue
        row: dict[str, Any] = {"scheduler": spec}
        for r in mine:
            if r["information"] == "exact":
                value = r["objective"]
                row[str(result.scenario.objective)] = (
                    format_si(value, "s", digits=4) if timed else f"{value:.5g}"
                )
                row["exact"] = f"{r['ratio']:.3f}x"
            else:
                row[heading(r)] = _loss(r)
        rows.append(row)
    return rows


def _loss(row: dict[str, Any]) -> str:
    loss = row["loss"]
    if not math.isfinite(loss):
        return "loses requests"
    digits = 1 if abs(loss) < 0.1 else 0
    text = f"{100 * loss:+.{digits}f} %"
    if row["loss_low"] is not None:
        text += f" ±{50 * (row['loss_high'] - row['loss_low']):.{digits}f}"
    return text


def heading(row: dict[str, Any]) -> str:
    """Of a column of losses: short, so that several fit beside each other."""
    if row["sigma"] is not None:
        return f"sigma {row['sigma']:g}"
    text = str(row["information"])
    if text.startswith("mean["):
        return f"mean {text[len('mean[over=') : -1]}"
    return "calibrated" if text.startswith("calibrated") else text


def errors(result: Losses) -> dict[str, str]:
    """Scheduler -> first error, of those that failed anywhere."""
    out: dict[str, str] = {}
    for row in result.rows:
        if "error" in row:
            out.setdefault(row["scheduler"], f"{row['information']}: {row['error']}")
    return out


def to_dict(result: Losses) -> dict[str, Any]:
    """Plain data for JSON."""
    return {
        "scenario": result.scenario.name,
        "cluster": result.scenario.cluster.name,
        "objective": str(result.scenario.objective),
        "information": [str(x) for x in result.information],
        "seeds": list(result.seeds),
        "interrupted": result.interrupted,
        "summary": result.summary,
        "rows": result.rows,
    }


def write(result: Losses, target: Path, **facts: Any) -> list[Path]:
    """Rows, summary, chart and manifest.

    Returns
    -------
    list of Path, the files in `target`.
    """
    import pandas as pd

    from scenarios.information.chart import losses_chart
    from scenarios.results import folder, manifest, to_json

    with folder(target) as work:
        result.frame.to_csv(work / "rows.csv", index=False)
        pd.DataFrame(result.summary).to_csv(work / "summary.csv", index=False)
        losses_chart(result, work / "loss.png")
        seconds, evaluations = result.limits
        record = manifest(
            "information",
            scenario=result.scenario.name,
            source=result.scenario.source,
            cluster=result.scenario.cluster.name,
            schedulers=list(result.schedulers),
            information=[str(x) for x in result.information],
            seeds=list(result.seeds),
            seconds=seconds,
            evaluations=evaluations,
            interrupted=result.interrupted,
            **facts,
        )
        (work / "manifest.json").write_text(to_json(record) + "\n", encoding="utf-8")
        names = sorted(p.relative_to(work) for p in work.rglob("*") if p.is_file())
    return [target / name for name in names]
