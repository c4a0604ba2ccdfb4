"""What the command prints: rich tables to stdout, progress to stderr, or JSON for programs."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from simulator.units import format_si

if TYPE_CHECKING:
    from scenarios.compare import Comparison
    from scenarios.doctor import Check
    from scenarios.single import SingleRun
    from schedulers.budget import Budget

SECONDS = {"makespan", "mean_latency", "p50_latency", "p95_latency", "p99_latency", "throughput"}
"""Objectives that are seconds (throughput as seconds per request)."""


LEAST_NEEDED = ("makespan", "max/mean busy", "SLR", "CPU", "comm share", "SLO met", "gap to bound")
"""Columns of a comparison that a narrow terminal goes without, in this order."""

MANY = 12
"""More files than this in one folder are counted, not named; of folders inside, all are counted."""


def console() -> Console:
    """Standard output; tables are never cut when it is a file, and names are no markup."""
    width = None if sys.stdout.isatty() else max(Console().width, 120)
    return Console(width=width, markup=False, emoji=False, highlight=False)


def show(data: Any, json: bool, render: Callable[[Any], None]) -> None:
    """Print data as JSON, or by the function that makes tables of it."""
    if json:
        from scenarios.results import to_json

        print(to_json(data))
    else:
        render(data)


class Steps:
    """What a spinner says: which step is running, and how far a search has come."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show, self._label = show, ""

    def __call__(self, label: str) -> None:
        """Begin a step."""
        self._label = label
        self._show(label)

    def watch(self, budget: Budget) -> None:
        """Show a running search."""
        best = f"best {budget.best_objective:.5g}, " if math.isfinite(budget.best_objective) else ""
        left = f", {100 * (1 - budget.left()):.0f} % of its budget" if budget.limited else ""
        self._show(f"{self._label}  ({best}{budget.evaluations:,} evaluations{left})")


@contextmanager
def progress(title: str) -> Iterator[Steps]:
    """A spinner on stderr that names what is running; silent when stderr is no terminal."""
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    err = Console(stderr=True)
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task(title, total=None)
        yield Steps(lambda label: bar.update(task, description=f"{title}: {label}"))


@contextmanager
def bar(title: str) -> Iterator[Callable[[int, int, str], None]]:
    """A progress bar on stderr for steps that are counted; silent when stderr is no terminal."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(),
        TimeElapsedColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    err = Console(stderr=True)
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as shown:
        task = shown.add_task(title, total=None)
        yield lambda done, total, label: shown.update(
            task, completed=done, total=total, description=f"{title}: {label}"
        )


def grid(title: str, rows: Sequence[dict[str, Any]], caption: str | None = None) -> Table:
    """A table of rows; numbers right-aligned, columns that no row has left out."""
    keys = list(dict.fromkeys(key for row in rows for key in row))
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        caption=caption,
        caption_justify="left",
        header_style="bold",
        box=None,
        pad_edge=False,
    )
    for key in keys:
        values = [row.get(key) for row in rows]
        numeric = all(
            v is None or isinstance(v, int | float) or str(v)[:1].isdigit() for v in values
        )
        table.add_column(_header(key), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(key, row.get(key)) for key in keys))
    return table


def _header(key: str) -> str:
    for suffix in ("_s", "_bytes", "_min", "_max"):
        if key.endswith(suffix) and suffix in ("_s", "_bytes"):
            key = key.removesuffix(suffix)
    return key.replace("_", " ")


def _cell(key: str, value: Any) -> Text:
    if value is None:
        return Text("")
    if isinstance(value, list):
        return Text(", ".join(str(v) for v in value))
    if isinstance(value, float):
        return Text(_number(key, value))
    return Text(str(value))


def _number(key: str, value: float) -> str:
    if "seconds" in key or key.endswith("_s") or key in SECONDS:
        return format_si(value, "s")
    if key == "bandwidth":
        return format_si(value, "B/s")
    if key.endswith("bytes"):
        return format_si(value, "B")
    if key.endswith("flops"):
        return format_si(value, "FLOP/s")
    return f"{value:.4g}"


def inventory(sections: dict[str, list[dict[str, str]]]) -> None:
    """Print what is built in."""
    out = console()
    for i, (name, rows) in enumerate(sections.items()):
        if i:
            out.print()
        out.print(grid(name.capitalize(), rows))


def description(data: dict[str, Any]) -> None:
    """Print a scenario or a cluster."""
    out = console()
    if data["kind"] == "cluster":
        _cluster(out, data)
        return
    out.print(Text(data["name"], style="bold"), Text(data["description"].strip()))
    rules = data["rules"]
    out.print(
        f"minimise {rules['objective']}; network {rules['network']}, dispatch {rules['dispatch']}, "
        f"discipline {rules['discipline']}",
        highlight=False,
    )
    for name, text in data["facts"].items():
        out.print(f"{name}: {text}", highlight=False)
    for key in ("streams", "tasks", "edges", "dynamics"):
        if data[key]:
            rows, caption = _first(data[key])
            out.print()
            out.print(grid(key.capitalize(), rows, caption))
    out.print()
    _cluster(out, data["cluster"])


def _first(rows: list[dict[str, Any]], limit: int = 40) -> tuple[list[dict[str, Any]], str | None]:
    more = len(rows) - limit
    return rows[:limit], f"... and {more} more (--json shows all)" if more > 0 else None


def _cluster(out: Console, data: dict[str, Any]) -> None:
    rows, caption = _first(data["nodes"])
    out.print(grid(f"Nodes of {data['name']}", rows, caption))
    if data["links"]:
        rows, caption = _first(data["links"])
        out.print()
        out.print(grid("Links", rows, caption))


def comparison(result: Comparison, files: Sequence[Path]) -> None:
    """Print the summary of a comparison, best first."""
    from scenarios.compare_table import caption, summary_rows

    out = console()
    title = (
        f"{result.scenario.name} on {result.scenario.cluster.name}: "
        f"minimise {result.scenario.objective}"
    )
    rows = summary_rows(result)
    for least in LEAST_NEEDED:  # on a narrow terminal fewer columns beat broken numbers
        if out.measure(grid("", rows)).maximum <= out.width:
            break
        rows = [{k: v for k, v in row.items() if k != least} for row in rows]
    out.print(title, style="bold")
    out.print(grid("", rows))
    out.print(caption(result), style="dim italic")
    for row in result.summary():
        if "error" in row:
            out.print(f"{row['scheduler']}: {row['error']}", style="red", highlight=False)
    name_files(out, files)


def single(run: SingleRun, files: Sequence[Path]) -> None:
    """Print placements and metrics of one run."""
    out = console()
    trace = run.trace
    rows = [
        {"node": p.node, "order": i + 1, "task": p.task, "variant": p.variant}
        for node in trace.problem.node_names
        for i, p in enumerate(
            sorted(
                (p for p in trace.allocation.placements if p.node == node),
                key=lambda p: (p.priority, trace.problem.task_index[p.task]),
            )
        )
    ]
    shown, more = _first(rows)
    out.print(grid(f"{run.scenario.name} on {run.scenario.cluster.name}, allocated by {run.label} "
                   f"({trace.engine} engine)", shown, more))  # fmt: skip
    out.print()
    out.print(trace.metrics())
    name_files(out, files)


def doctor(report: Sequence[Check]) -> None:
    """Print the checks."""
    colours = {"ok": "green", "absent": "yellow", "failed": "red"}
    table = Table(box=None, pad_edge=False, show_header=False)
    for check in report:
        mark = Text(check.status, style=colours[check.status])
        table.add_row(mark, Text(check.name, style="bold"), Text(check.detail))
    console().print(table)


def written(files: Sequence[Path], then: str) -> None:
    """Say what was written and what to do with it."""
    out = console()
    name_files(out, files)
    out.print(f"Next: {then}", highlight=False)


def name_files(out: Console, paths: Sequence[Path]) -> None:
    """Name the files written; many in one folder, and those of folders inside, take one line."""
    if not paths:
        return
    out.print()
    parents = list(dict.fromkeys(path.parent for path in paths))
    for parent in parents:
        inside = [path for path in paths if path.parent == parent]
        deeper = len(inside) > 1 and any(other in parent.parents for other in parents)
        if deeper or len(inside) > MANY:
            out.print(f"wrote {len(inside)} files in {parent}/", soft_wrap=True)
            continue
        for path in inside:
            out.print(f"wrote {path}{_note(path)}", soft_wrap=True)


def _note(path: Path) -> str:
    if path.suffix in (".png", ".svg", ".pdf"):
        return "  (chart)"
    return "  (open in ui.perfetto.dev)" if path.name.endswith("perfetto.json") else ""
