"""The verb `stats`: who is better in a sweep or a comparison, and how sure that is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scenarios.cli_options import JsonFlag, OutOpt

if TYPE_CHECKING:
    from scenarios.statistics import Analysis


def stats(
    places: Annotated[
        list[Path],
        typer.Argument(metavar="DIR...", help="Folders of sweeps or comparisons, or .csv tables."),
    ],
    baseline: Annotated[
        str | None,
        typer.Option(
            "--baseline", "-b",
            help="A scheduler, best-list (default) or virtual-best-list.",
        ),
    ] = None,
    metric: Annotated[
        str, typer.Option("--metric", "-m", help="Column to compare by, e.g. objective, slr.")
    ] = "objective",
    unit: Annotated[
        str | None,
        typer.Option("--unit", help="instance or seed: what is drawn and ranked; default instance "
                     "where there are several."),
    ] = None,
    scale: Annotated[
        str | None,
        typer.Option("--scale", help="ratio or difference; default ratio if all are above 0."),
    ] = None,
    tie: Annotated[
        float, typer.Option("--tie", help="Values that differ by at most this share are equal.")
    ] = 1e-9,
    confidence: Annotated[
        float, typer.Option("--confidence", help="Of intervals; tests are at 1 minus this.")
    ] = 0.95,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the bootstrap.")] = 0,
    out: OutOpt = None,
    json: JsonFlag = False,
) -> None:  # fmt: skip
    """Compare the schedulers of a study: effects with intervals, tests, ranks, profiles."""
    from scenarios import statistics, tables

    settings = statistics.Settings(confidence=confidence, seed=seed)
    with tables.progress("Analysing") as step:
        step("reading rows")
        frame = statistics.read(places)
        step(f"{len(frame):,} rows")
        found = statistics.analyse(
            frame, metric=metric, baseline=baseline, unit=unit, scale=scale, tie=tie,
            settings=settings,
        )  # fmt: skip
        step("drawing")
        files = found.write(out, folders=[str(p) for p in places]) if out else []
        absent = statistics.unfinished(places)
    data = found.to_dict() | {"unfinished": absent}
    tables.show(data, json, lambda _: _print(found, files, absent))


def _print(found: Analysis, files: list[Path], absent: list[str]) -> None:
    from scenarios import tables
    from scenarios.statistics.output import readable

    out = tables.console()
    rows = [{str(k): v for k, v in r.items()} for r in readable(found).to_dict("records")]
    out.print(tables.grid("", rows))
    out.print()
    for sentence in absent:
        out.print(sentence, style="yellow")
    for sentence in found.summary:
        out.print(sentence)
    for scheduler, error in found.errors.items():
        out.print(f"{scheduler}: {error}", style="red")
    tables.name_files(out, files)
