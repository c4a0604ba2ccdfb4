"""The verb `durations`: what a Chrome or torch.profiler trace measured, put into a scenario."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from scenarios.cli_options import ClusterOpt, JsonFlag

ROWS = 30
"""Rows of the table that are printed."""


def durations(
    trace: Annotated[Path, typer.Argument(metavar="TRACE", help="JSON file, may be .gz.")],
    scenario: Annotated[
        str | None, typer.Argument(metavar="[SCENARIO]", help="Whose tasks take the durations.")
    ] = None,
    task: Annotated[
        list[str] | None,
        typer.Option("--task", "-t", help="TASK=NAME: a task, or task/variant, and its name."),
    ] = None,
    device: Annotated[
        list[str] | None,
        typer.Option("--device", "-d", help="DEVICE=NODE: a device, and the node it stands for."),
    ] = None,
    statistic: Annotated[
        str, typer.Option("--statistic", help="median, mean, min, p95 or max.")
    ] = "median",
    cluster: ClusterOpt = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help=".csv of the table, .yaml of a scenario."),
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Show the durations in a trace, or write a scenario that plans and simulates with them."""
    from scenarios import cli, export, results, tables
    from scenarios.importers.chrome import read_durations
    from simulator.errors import AlloclabError

    table = read_durations(trace)
    if scenario is None:
        if task or device or cluster:
            raise AlloclabError("--task, --device and --cluster need a scenario")
        if out is not None:
            table.to_csv(out)
        rows = table.frame.to_dict("records")
        tables.show({"source": table.source, "rows": rows}, json, lambda _: _rows(rows, out))
        return
    chosen = cli.load(scenario, cluster)
    measured, remarks = table.assign(chosen, _pairs(task, "--task"), _pairs(device, "--device"),
                                     statistic)  # fmt: skip
    text = export.render(measured, out.suffix.lower() or ".yaml" if out else ".yaml")
    if out is None and not json:
        sys.stdout.write(text)
        return
    if out is not None:
        results.write_text(out, text)
    data: dict[str, Any] = {"file": None if out is None else str(out), "remarks": remarks}
    if out is None:
        data["text"] = text
    tables.show(data, json, lambda _: _remarks(remarks, out))


def _pairs(given: list[str] | None, option: str) -> dict[str, str]:
    """``A=B`` options as a mapping.

    Raises
    ------
    AlloclabError
    """
    from simulator.errors import AlloclabError

    found: dict[str, str] = {}
    for text in given or []:
        left, sign, right = text.partition("=")
        if not sign or not left or not right:
            raise AlloclabError(f"{option} must read A=B, got {text[:60]!r}")
        found[left] = right
    return found


def _rows(rows: list[Any], file: Path | None) -> None:
    from rich.table import Table

    from scenarios import tables
    from simulator.units import format_si

    out = tables.console()
    table = Table("name", "device", "category", box=None, pad_edge=False)
    for column in ("count", "median", "mean", "p95", "total"):
        table.add_column(column, justify="right")
    for row in rows[:ROWS]:
        seconds = [format_si(row[f"{key}_s"], "s") for key in ("median", "mean", "p95", "total")]
        table.add_row(row["name"][:60], row["device"], row["category"], str(row["count"]), *seconds)
    out.print(table)
    if len(rows) > ROWS:
        out.print(f"and {len(rows) - ROWS} more with fewer seconds; -o FILE.csv writes all")
    tables.name_files(out, [file] if file else [])


def _remarks(remarks: list[str], file: Path | None) -> None:
    from scenarios import tables

    out = tables.console()
    for remark in remarks:
        out.print(remark, soft_wrap=True)
    if file is not None:
        tables.written([file], f"alloclab compare {file}")
