"""The verb `report`: a folder of results as one HTML file that opens offline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scenarios.cli_options import JsonFlag


def report(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR",
            help="What compare, simulate, sweep, run or validate wrote with -o DIR.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="Default: report.html in the folder."),
    ] = None,
    figures: Annotated[
        str,
        typer.Option("--figures", help="Formats of the figures beside it: png,svg,pdf or none."),
    ] = "png,svg,pdf",
    json: JsonFlag = False,
) -> None:
    """Make one HTML file of a folder of results: tables, charts, Gantt charts; opens offline."""
    from scenarios import report as work
    from scenarios import tables

    formats = [] if figures == "none" else [f.strip() for f in figures.split(",") if f.strip()]
    with tables.progress("Report") as step:
        made = work.write(folder, out, formats, step)
    tables.show(made.to_dict(), json, lambda _: _print(made))


def _print(made: object) -> None:
    from scenarios import tables
    from scenarios.report import Written

    assert isinstance(made, Written)
    out = tables.console()
    for sentence in made.summary:
        out.print(sentence)
    tables.name_files(out, [*made.figures])
    out.print(
        f"wrote {made.file}  ({made.bytes / 1e6:.1f} MB, opens in any browser)", soft_wrap=True
    )
