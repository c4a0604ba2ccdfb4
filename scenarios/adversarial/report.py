"""What the verb `adversarial` writes and prints."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenarios.adversarial import store
from scenarios.adversarial.anneal import Found
from scenarios.adversarial.heatmap import heat_map
from scenarios.adversarial.square import WORSE, Square
from scenarios.results import folder, manifest, to_json

if TYPE_CHECKING:
    from scenarios.scenario import Scenario

WIDEST = 16
"""More schedulers than this make a table too wide to print."""


def scenario_of(found: Found) -> Scenario:
    """The instance with its name and its figures.

    Examples
    --------
    ``scenarios.export.render(scenario_of(found))`` is the text of its file.
    """
    facts = {
        "worse": f"{found.a} {found.makespan_a!r} s",
        "better": f"{found.b} {found.makespan_b!r} s",
        "ratio": repr(found.ratio),
    }
    return found.instance.scenario(
        store.stem(found.a, found.b),
        f"Found by adversarial search: {found.a} takes {found.ratio:.4g} times as long as "
        f"{found.b}.",
        facts,
    )


def write(square: Square, target: Path) -> list[Path]:
    """Table, figures, heat map, instances and manifest.

    Parameters
    ----------
    square : Square
    target : Path

    Returns
    -------
    list of Path, the files in `target`.
    """
    from scenarios.export import render

    settings = square.settings
    with folder(target) as work:
        square.frame.to_csv(work / "ratios.csv", index=False)
        data = {"summary": square.summary(), "rows": square.rows()}
        (work / "summary.json").write_text(to_json(data) + "\n", encoding="utf-8")
        heat_map(square, work / "heatmap.png")
        for found in square.found.values():
            if found.ratio > WORSE:
                file = work / "scenarios" / f"{store.stem(found.a, found.b)}.yaml"
                file.parent.mkdir(exist_ok=True)
                file.write_text(render(scenario_of(found), ".yaml"), encoding="utf-8")
        record = manifest(
            "adversarial",
            schedulers=list(settings.schedulers),
            limits=settings.limits.to_dict(),
            seconds=settings.seconds,
            evaluations=settings.evaluations,
            seed=settings.seed,
            interrupted=square.interrupted,
        )
        (work / "manifest.json").write_text(to_json(record) + "\n", encoding="utf-8")
        names = sorted(p.relative_to(work) for p in work.rglob("*") if p.is_file())
    return [target / name for name in names]


def print_square(square: Square, files: Sequence[Path], target: Path | None) -> None:
    """The table of ratios, or the one pair; what it means, and what to do next."""
    from scenarios import tables

    out = tables.console()
    rows, caption = _table(square)
    out.print(tables.grid(_title(square), rows, caption))
    for line in _remarks(square):
        out.print(line, style="dim italic")
    tables.name_files(out, files)
    if target is not None and square.found:
        worst = max(square.found.values(), key=lambda found: found.ratio)
        if worst.ratio > WORSE:
            name = target / "scenarios" / f"{store.stem(worst.a, worst.b)}.yaml"
            out.print(f"Next: alloclab compare {name} --schedulers {worst.a},{worst.b}",
                      highlight=False, soft_wrap=True)  # fmt: skip


def _title(square: Square) -> str:
    settings = square.settings
    each = [f"{settings.seconds:g} CPU seconds"] if settings.seconds is not None else []
    if settings.evaluations is not None:
        each.append(f"{settings.evaluations:,} instances")
    return f"Largest ratio found, makespan of the row over that of the column ({' or '.join(each)})"


def _table(square: Square) -> tuple[list[dict[str, Any]], str | None]:
    settings = square.settings
    names, columns = square.sides()
    if len(settings.pairs) == 1 or len(columns) > WIDEST:
        listed = sorted(square.rows(), key=lambda row: -row.get("ratio", 0.0))
        keys = ("a", "b", "status", "ratio", "tasks", "nodes", "ccr", "evaluations")
        shown = [{k: row.get(k) for k in keys} for row in listed[:40]]
        more = len(listed) - len(shown)
        return shown, f"... and {more} more in ratios.csv" if more > 0 else None
    rows: list[dict[str, Any]] = []
    for a in names:
        row: dict[str, Any] = {"": a}
        for b in columns:
            row[b] = _mark(square, a, b)
        rows.append(row)
    return rows, None


def _mark(square: Square, a: str, b: str) -> str | None:
    if (a, b) in square.found:
        return f"{square.found[a, b].ratio:.2f}"
    if (a, b) in square.dominated:
        return "never"
    return "failed" if (a, b) in square.failed else None


def _remarks(square: Square) -> list[str]:
    counts = square.summary()
    lines = []
    ratios = [found.ratio for found in square.found.values()]
    if len(ratios) > 1:
        share = 100 * counts["at_least_1.5"] / len(ratios)
        lines.append(
            f"{counts['at_least_1.5']} of {len(ratios)} searched pairs ({share:.0f} %) reach 1.5; "
            f"median {statistics.median(ratios):.3g}, largest {max(ratios):.3g}; "
            f"{counts['evaluations']:,} instances tried, seed {square.settings.seed}"
        )
    none = [f"{a}/{b}" for (a, b), found in square.found.items() if found.ratio <= WORSE]
    if none:
        lines.append(f"no ratio above 1 was found (which proves nothing): {', '.join(none)}")
    lines += [f"left out: {a} is never worse than {b}: {why}"
              for (a, b), why in square.dominated.items()]  # fmt: skip
    lines += [f"{a} against {b}: {why}" for (a, b), why in square.failed.items()]
    if square.resumed:
        lines.append(f"{square.resumed} pairs were taken from the earlier search in this folder")
    missing = counts["pairs"] - counts["dominated"] - counts["searched"] - counts["failed"]
    if square.interrupted:
        lines.append(
            f"interrupted: {missing} pairs are missing; the same command goes on with them"
        )
    return lines
