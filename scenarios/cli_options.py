"""Arguments and options that several verbs of the command take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ScenarioArg = Annotated[
    str,
    typer.Argument(
        metavar="SCENARIO",
        help="A catalogue name, a scenario or importable file, or a torch module "
        "(FILE.py:FACTORY, FILE.pt2).",
    ),
]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
CutsOpt = Annotated[
    int | None,
    typer.Option("--cuts", min=0, help="Cuts of the scenario's torch modules; see own-module."),
]
ClusterOpt = Annotated[
    str | None,
    typer.Option("--cluster", "-c", help="Run on this cluster instead (name or file)."),
]
NetworkOpt = Annotated[
    str | None, typer.Option("--network", help="Network model: ideal, fifo or fair.")
]
ObjectiveOpt = Annotated[
    str | None, typer.Option("--objective", help="What to minimise, e.g. makespan, p99_latency.")
]
RequestsOpt = Annotated[
    int | None, typer.Option("--requests", min=1, help="Requests of every stream.")
]
EngineOpt = Annotated[str, typer.Option("--engine", help="auto, reference or kernel.")]
OutOpt = Annotated[
    Path | None, typer.Option("--out", "-o", metavar="DIR", help="Write results into this folder.")
]
SeedOpt = Annotated[int, typer.Option("--seed", min=0, help="Seed of all luck.")]
SecondsOpt = Annotated[
    float | None, typer.Option("--seconds", help="CPU seconds each search may use.")
]
EvaluationsOpt = Annotated[
    int | None, typer.Option("--evaluations", help="Evaluations each search may use.")
]
WorkersOpt = Annotated[
    str | None,
    typer.Option(
        "--workers", "-w",
        help="Comma-separated devices, e.g. cpu:1,cpu:2@bf16,cuda:0x3; default one a core.",
    ),
]  # fmt: skip
CalibrationOpt = Annotated[
    Path | None, typer.Option("--calibration", help="File that `alloclab calibrate` wrote.")
]
InformationOpt = Annotated[
    str | None,
    typer.Option(
        "--information",
        help="What schedulers are told: exact, noisy\\[sigma=0.3], mean, blind, "
        "calibrated\\[file=F].",
    ),
]
