"""The verb `explain`: why tasks sit where they do, and what every single change would do."""

from __future__ import annotations

from pathlib import Path
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
    SeedOpt,
)


def explain(
    scenario: ScenarioArg,
    scheduler: Annotated[
        str | None, typer.Option("--scheduler", "-s", help="Scheduler that allocates.")
    ] = None,
    allocation: Annotated[
        Path | None, typer.Option("--allocation", "-a", help="Allocation file to explain instead.")
    ] = None,
    task: Annotated[
        list[str] | None,
        typer.Option("--task", "-t", help="Explain this task only; may be given several times."),
    ] = None,
    cluster: ClusterOpt = None,
    calibration: CalibrationOpt = None,
    network: NetworkOpt = None,
    objective: ObjectiveOpt = None,
    requests: RequestsOpt = None,
    seed: SeedOpt = 0,
    seconds: SecondsOpt = None,
    evaluations: EvaluationsOpt = None,
    engine: EngineOpt = "auto",
    out: OutOpt = None,
    json: JsonFlag = False,
) -> None:
    """Explain an allocation: roles of tasks, every single move, where time goes, load, constraints.

    Moves and times are of the run that the seed draws, which schedulers do not see.
    """
    from scenarios import cli, single, tables
    from scenarios.explain import explain as work
    from scenarios.explain import output

    chosen = cli.load(scenario, cluster, network, objective, requests, calibration)
    with tables.progress("Explaining") as step:
        step(str(allocation or scheduler or single.DEFAULT_SCHEDULER))
        run = single.simulate(
            chosen, scheduler, allocation, seed, seconds, evaluations, engine, step.watch
        )
        told = work(run.trace.problem, run.trace.allocation, seed, task, engine, step)
        facts = {
            "scenario": chosen.name,
            "source": chosen.source,
            "cluster": chosen.cluster.name,
            "allocated_by": run.label,
        }
        files = output.write(told, out, **facts) if out else []
    data = {**facts, **told.to_dict()} if json else {}
    tables.show(data, json, lambda _: output.show(told, files))
