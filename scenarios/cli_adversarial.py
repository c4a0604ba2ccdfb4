"""The verb `adversarial`: instances on which one scheduler does worst against another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from scenarios.cli_options import JsonFlag, OutOpt, SeedOpt

RANGE = "LOW:HIGH"


def _option(name: str, text: str) -> Any:
    return typer.Option(name, metavar=RANGE, help=text, rich_help_panel="Limits")


def adversarial(
    schedulers: Annotated[
        str | None,
        typer.Option(
            "--schedulers",
            "-s",
            help="Comma-separated specs, all ordered pairs of them; default 14 list schedulers.",
        ),
    ] = None,
    pair: Annotated[
        str | None, typer.Option("--pair", metavar="A,B", help="Only where A is bad against B.")
    ] = None,
    seconds: Annotated[
        float | None, typer.Option("--seconds", help="CPU seconds for each pair; default 10.")
    ] = None,
    evaluations: Annotated[
        int | None, typer.Option("--evaluations", help="Instances to try for each pair.")
    ] = None,
    limits: Annotated[
        Path | None,
        typer.Option(
            "--limits",
            metavar="FILE",
            help="YAML file of limits; options below win.",
            rich_help_panel="Limits",
        ),
    ] = None,
    tasks: Annotated[str | None, _option("--tasks", "Number of tasks (3:8).")] = None,
    nodes: Annotated[str | None, _option("--nodes", "Number of nodes (2:4).")] = None,
    weights: Annotated[
        str | None, _option("--weights", "Seconds of a task at speed 1 (1:10).")
    ] = None,
    speeds: Annotated[str | None, _option("--speeds", "Speeds of nodes (1:5).")] = None,
    bytes_: Annotated[str | None, _option("--bytes", "Bytes of an edge (1:10).")] = None,
    bandwidths: Annotated[
        str | None, _option("--bandwidths", "Bytes/s between two nodes (1:10).")
    ] = None,
    unrelated: Annotated[
        float | None,
        typer.Option(
            "--unrelated",
            help="Durations differ from weight/speed by up to this factor (1: not at all).",
            rich_help_panel="Limits",
        ),
    ] = None,
    ccr: Annotated[
        str | None, _option("--ccr", "Communication-to-computation ratio (0:5).")
    ] = None,
    families: Annotated[
        str | None,
        typer.Option(
            "--families",
            help="Comma-separated graph families, whose edges stay as they are; default any graph.",
            rich_help_panel="Limits",
        ),
    ] = None,
    seed: SeedOpt = 0,
    workers: Annotated[
        int | None, typer.Option("--workers", "-w", help="Processes; default one a core.")
    ] = None,
    out: OutOpt = None,
    json: JsonFlag = False,
) -> None:
    """Search instances on which one scheduler does worst against another, for every pair."""
    from scenarios import cli, tables
    from scenarios.adversarial import Settings, limits_of, load_limits, search_pairs, write
    from scenarios.adversarial.report import print_square
    from simulator.errors import AlloclabError

    if pair is not None and schedulers is not None:
        raise AlloclabError("give either --pair or --schedulers")
    given = {"tasks": tasks, "nodes": nodes, "weights": weights, "speeds": speeds, "bytes": bytes_,
             "bandwidths": bandwidths, "unrelated": unrelated, "ccr": ccr,
             "families": families}  # fmt: skip
    data = load_limits(limits) if limits is not None else {}
    limits_of(data, str(limits))  # what is wrong in the file is said of the file
    asked = {key: value for key, value in given.items() if value is not None}
    settings = Settings.of(
        cli.split_specs(schedulers), cli.split_specs(pair),
        limits_of({**data, **asked}), seconds, evaluations, seed,
    )  # fmt: skip
    with tables.bar("Searching") as step:
        square = search_pairs(settings, out, workers, step)
    files = write(square, out) if out else []
    result = {"summary": square.summary(), "rows": square.rows()}
    tables.show(result, json, lambda _: print_square(square, files, out))
    if square.interrupted:
        raise typer.Exit(cli.INTERRUPTED)
