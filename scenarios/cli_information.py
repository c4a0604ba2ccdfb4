"""The verb `information`: what it costs schedulers to plan with wrong estimates."""

from __future__ import annotations

from typing import Annotated

import typer

from scenarios.cli_options import (
    CalibrationOpt,
    ClusterOpt,
    EngineOpt,
    EvaluationsOpt,
    JsonFlag,
    NetworkOpt,
    ObjectiveOpt,
    OutOpt,
    RequestsOpt,
    ScenarioArg,
    SecondsOpt,
)


def information(
    scenario: ScenarioArg,
    sigmas: Annotated[
        str, typer.Option("--sigmas", help="Comma-separated levels of log-normal noise.")
    ] = "0,0.1,0.3,1",
    others: Annotated[
        str,
        typer.Option(
            "--others",
            help="Further information: mean, mean\\[over=tasks], blind, calibrated\\[file=F].",
        ),
    ] = "mean,blind",
    schedulers: Annotated[
        str | None,
        typer.Option(
            "--schedulers", "-s", help="Comma-separated specs, or all; default the usual ones."
        ),
    ] = None,
    cluster: ClusterOpt = None,
    calibration: CalibrationOpt = None,
    network: NetworkOpt = None,
    objective: ObjectiveOpt = None,
    requests: RequestsOpt = None,
    seeds: Annotated[
        int, typer.Option("--seeds", "-n", min=1, help="Replications with other errors and luck.")
    ] = 10,
    seconds: SecondsOpt = None,
    evaluations: EvaluationsOpt = None,
    engine: EngineOpt = "auto",
    out: OutOpt = None,
    json: JsonFlag = False,
) -> None:
    """Loss against estimation error: schedulers plan with estimates, the simulator keeps the truth.

    Every scheduler is compared with itself under exact information, with the same luck and the
    same errors for all.
    """
    from scenarios import cli, tables
    from scenarios.information import measure, output

    chosen = cli.load(scenario, cluster, network, objective, requests, calibration)
    with tables.bar("Planning with estimates") as step:
        result = measure(
            chosen, cli.split_specs(schedulers), numbers(sigmas), cli.split_specs(others) or (),
            seeds, seconds, evaluations, engine, step,
        )  # fmt: skip
    files = output.write(result, out) if out else []
    data = output.to_dict(result) if json else {}
    tables.show(data, json, lambda _: output.show(result, files))


def numbers(text: str) -> list[float]:
    """Read ``0,0.1,0.3``.

    Raises
    ------
    InvalidScenario
    """
    from simulator.errors import InvalidScenario

    out = []
    for part in text.split(","):
        try:
            out.append(float(part))
        except ValueError:
            raise InvalidScenario(
                f"--sigmas: expected numbers such as 0,0.1,0.3, got {part.strip()!r}"
            ) from None
    return out
