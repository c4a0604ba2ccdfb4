"""What `alloclab run` prints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from scenarios import tables

if TYPE_CHECKING:
    from scenarios.running import Execution


def execution(result: Execution, files: Sequence[Path]) -> None:
    """Print placements, predicted and real numbers, and whatever must be known beside them."""
    out = tables.console()
    trace = result.real.trace
    placed = [
        {"worker": p.node, "task": p.task, "variant": p.variant, "executions": count}
        for p in sorted(trace.allocation.placements, key=lambda p: (p.node, p.priority, p.task))
        if (count := int((trace.tasks["task"] == p.task).sum())) >= 0
    ]
    title = f"{result.scenario.name}, allocated by {result.label} ({trace.engine})"
    out.print(title, style="bold")
    out.print(tables.grid("", placed))
    out.print()
    out.print(tables.grid("Predicted and real", result.rows()))
    for failure in result.real.facts["failures"]:
        out.print(
            f"{failure['why']} after {failure['at_s']:.2f} s; its work went to the others in "
            f"{1000 * failure['took_s']:.0f} ms",
            style="yellow",
        )
    if result.equal is not None:
        words = "equal those of one process, bit for bit" if result.equal else "DIFFER"
        out.print(f"outputs {words}", style="green" if result.equal else "red")
    for note in result.notes:
        out.print(note, style="dim italic")
    tables.name_files(out, files)
