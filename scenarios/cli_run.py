"""The verb `run`: an allocation executed for real."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scenarios.cli_options import (
    CalibrationOpt,
    CutsOpt,
    EvaluationsOpt,
    JsonFlag,
    NetworkOpt,
    OutOpt,
    RequestsOpt,
    ScenarioArg,
    SecondsOpt,
    SeedOpt,
    WorkersOpt,
)


def run(
    scenario: ScenarioArg,
    scheduler: Annotated[
        str | None, typer.Option("--scheduler", "-s", help="Scheduler that allocates.")
    ] = None,
    allocation: Annotated[
        Path | None, typer.Option("--allocation", "-a", help="Allocation file to run instead.")
    ] = None,
    workers: WorkersOpt = None,
    calibration: CalibrationOpt = None,
    emulate: Annotated[
        bool, typer.Option("--emulate", help="Emulate the scenario's own cluster; tasks sleep.")
    ] = False,
    transport: Annotated[
        str, typer.Option("--transport", help="shared, distributed (TCP), hosts (torchrun).")
    ] = "shared",
    tolerate_failures: Annotated[
        bool, typer.Option("--tolerate-failures", help="Go on without a worker that fails.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Compare the outputs with those of one process.")
    ] = False,
    network: NetworkOpt = None,
    requests: RequestsOpt = None,
    cuts: CutsOpt = None,
    seed: SeedOpt = 0,
    seconds: SecondsOpt = None,
    evaluations: EvaluationsOpt = None,
    out: OutOpt = None,
    json: JsonFlag = False,
) -> None:
    """Run an allocation for real: torch models on workers of this machine."""
    from scenarios import cli, running, running_table, tables

    chosen = cli.load(scenario, network=network, requests=requests, cuts=cuts)
    settings = running.Settings(
        scheduler, allocation, workers, calibration, emulate, transport, tolerate_failures, check,
        seed, seconds, evaluations,
    )  # fmt: skip
    with tables.progress("Running") as step:
        result = running.run(
            chosen, settings, step, lambda done, of: step(f"{done} of {of} requests")
        )
    files = running.write(result, out) if out else []
    tables.show(result.to_dict(), json, lambda _: running_table.execution(result, files))
    if result.equal is False:
        raise typer.Exit(1)
