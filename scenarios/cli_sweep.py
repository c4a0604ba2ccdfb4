"""The verb `sweep`: run a study, or what is missing of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from scenarios.cli_options import JsonFlag


def sweep(
    study: Annotated[
        str, typer.Argument(metavar="STUDY", help="A study file, or a study that comes along.")
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="DIR", help="Folder of the study's rows.")
    ],
    workers: Annotated[
        int | None,
        typer.Option("--workers", "-w", min=1, help="Processes; default one a core."),
    ] = None,
    executor: Annotated[
        str | None,
        typer.Option("--executor", help="Run on a Dask cluster instead: dask://HOST:PORT."),
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Run failed cells again.")
    ] = False,
    status: Annotated[bool, typer.Option("--status", help="Only say how far it has come.")] = False,
    json: JsonFlag = False,
) -> None:
    """Run a study: scenarios x parameters x schedulers x seeds; the same command goes on."""
    from scenarios import study as studies
    from scenarios import tables
    from scenarios.study import tables as shown

    chosen = studies.load(study)
    if status:
        state = studies.status(studies.plan(chosen), out)
        tables.show(state.to_dict(), json, lambda _: shown.show_status(state, out))
        return
    with tables.bar("Sweeping") as step:
        swept = studies.sweep(chosen, out, workers, executor, retry_failed, step, _notice)
    tables.show(swept.to_dict(), json, lambda _: shown.show_swept(swept, chosen.metrics))
    if swept.interrupted:
        raise KeyboardInterrupt


def _notice(text: Any) -> None:
    typer.echo(f"alloclab: {text}", err=True)
