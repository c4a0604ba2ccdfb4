"""The verb `calibrate`: measure this machine once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scenarios.cli_options import JsonFlag, SeedOpt, WorkersOpt


def calibrate(
    scenarios: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SCENARIO]...", help="Default: the whole catalogue."),
    ] = None,
    workers: WorkersOpt = None,
    batch: Annotated[
        list[int] | None,
        typer.Option("--batch", min=1, help="A further batch size; may be repeated."),
    ] = None,
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="Rounds over all models.")] = 3,
    harvest: Annotated[
        bool, typer.Option("--harvest/--no-harvest", help="Measure inside of pipelines, too.")
    ] = True,
    leave_out: Annotated[
        list[str] | None, typer.Option("--leave-out", help="A scenario that is not harvested.")
    ] = None,
    predict: Annotated[
        list[str] | None,
        typer.Option("--predict", help="A model to predict from the others, not to measure."),
    ] = None,
    transport: Annotated[
        str, typer.Option("--transport", help="shared, distributed (TCP), hosts (torchrun).")
    ] = "shared",
    seed: SeedOpt = 0,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="File to write.")] = Path(
        "calibration.yaml"
    ),
    json: JsonFlag = False,
) -> None:
    """Measure models, overheads and links on workers of this machine; write one file."""
    from scenarios import calibrating, cli, loader, tables

    chosen = [cli.load(name) for name in scenarios or loader.names()]
    settings = calibrating.Settings(
        workers, batch or (), rounds, harvest, leave_out or (), predict or (), transport, seed
    )
    with tables.bar("Calibrating") as watch:
        found = calibrating.calibrate(chosen, settings, out, watch)
    tables.show(found.to_dict(), json, lambda _: _print(found, out))


def _print(found, out: Path) -> None:
    from scenarios import calibrating, tables

    console = tables.console()
    console.print(tables.grid("Models", calibrating.rows(found)))
    console.print()
    console.print(tables.grid("Overheads", calibrating.overhead_rows(found)))
    for text in found.left_out:
        console.print(f"left out: {text}", style="dim")
    for text in found.facts.get("remarks", ()):
        console.print(f"note: {text}", style="yellow")
    first = sorted(found.training)[0] if found.training else "translation"
    tables.written([out], f"alloclab validate {first} --calibration {out}")
