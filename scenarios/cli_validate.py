"""The verb `validate`: how far predictions are off on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scenarios.cli_options import CalibrationOpt, JsonFlag, OutOpt, SeedOpt, WorkersOpt


def validate(
    scenarios: Annotated[
        list[str], typer.Argument(metavar="SCENARIO...", help="Catalogue names or scenario files.")
    ],
    workers: WorkersOpt = None,
    calibration: CalibrationOpt = None,
    schedulers: Annotated[
        str | None,
        typer.Option("--schedulers", "-s", help="Whose choices are run; default the usual ones."),
    ] = None,
    rounds: Annotated[int, typer.Option("--rounds", help="Runs of every allocation.")] = 5,
    minutes: Annotated[
        float, typer.Option("--minutes", min=0.1, help="For the runs of each scenario.")
    ] = 2.0,
    allocations: Annotated[
        int, typer.Option("--allocations", min=2, help="Allocations of each scenario at most.")
    ] = 30,
    leave_out: Annotated[
        list[str] | None,
        typer.Option("--leave-out", help="A scenario that is calibrated but not harvested."),
    ] = None,
    transport: Annotated[
        str, typer.Option("--transport", help="shared, distributed (TCP), hosts (torchrun).")
    ] = "shared",
    seed: SeedOpt = 0,
    out: OutOpt = None,
    json: JsonFlag = False,
) -> None:
    """Run held-out allocations for real and report how far the simulator's predictions are off."""
    from scenarios import cli, tables, validation

    chosen = [cli.load(name) for name in scenarios]
    settings = validation.Settings(
        workers, calibration, cli.split_specs(schedulers) or validation.SCHEDULERS, rounds, minutes,
        allocations, seed, transport, leave_out or (),
    )  # fmt: skip
    with tables.progress("Validating") as step:
        report = validation.validate(chosen, settings, out, step)
        files = report.write(out) if out else []
    tables.show(report.to_dict(), json, lambda data: _print(data, files, report.note))


def _print(data: dict, files: list[Path], note: str | None) -> None:
    from realrun.validate.report import tables as report_tables
    from scenarios import tables

    out = tables.console()
    for block in report_tables(data):
        out.print(block)
        out.print()
    if note:
        out.print(note, style="dim italic")
    tables.name_files(out, files)
