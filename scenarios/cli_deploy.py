"""The verb `deploy`: an allocation as Kubernetes manifests or as a Ray Serve configuration."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from scenarios.cli_options import CalibrationOpt, ClusterOpt, JsonFlag, ScenarioArg


def deploy(
    allocation: Annotated[
        Path, typer.Argument(metavar="ALLOCATION", help="File that compare or simulate wrote.")
    ],
    scenario: ScenarioArg,
    target: Annotated[
        str, typer.Option("--format", "-f", help="kubernetes or ray.")
    ] = "kubernetes",
    cluster: ClusterOpt = None,
    calibration: CalibrationOpt = None,
    image: Annotated[
        str | None, typer.Option("--image", help="Kubernetes: container image of your program.")
    ] = None,
    per: Annotated[
        str | None, typer.Option("--per", help="Kubernetes: a Deployment for each node or task.")
    ] = None,
    node_label: Annotated[
        str | None, typer.Option("--node-label", help="Kubernetes: label that names a machine.")
    ] = None,
    import_path: Annotated[
        str | None, typer.Option("--import-path", help="Ray: your builder, module:function.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Default: print it.")
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Write an allocation as Kubernetes manifests or Ray Serve configuration; name what is lost."""
    from scenarios import cli, results, tables
    from scenarios.export.deploy import deploy as export
    from simulator.allocation import Allocation

    options = _options(target, image=image, per=per, node_label=node_label, import_path=import_path)
    chosen = cli.load(scenario, cluster, calibration=calibration)
    text, lost = export(chosen, Allocation.load(allocation), target, **options)
    if out is None and not json:
        sys.stdout.write(text)
        return
    if out is not None:
        results.write_text(out, text)
    data: dict[str, Any] = {"file": None if out is None else str(out), "not_expressed": lost}
    if out is None:
        data["text"] = text
    tables.show(data, json, lambda _: _print(out, lost))


def _options(target: str, **given: str | None) -> dict[str, str]:
    """Options that were given; those of the other format are refused.

    Raises
    ------
    AlloclabError
    """
    from simulator.errors import AlloclabError

    other = {"kubernetes": ["import_path"], "ray": ["image", "per", "node_label"]}.get(target, [])
    for key in other:
        if given[key] is not None:
            option = "--" + key.replace("_", "-")
            raise AlloclabError(f"{option} has no meaning with --format {target}")
    return {key: value for key, value in given.items() if value is not None}


def _print(file: Path | None, lost: list[str]) -> None:
    from scenarios import tables

    out = tables.console()
    out.print("Not expressed:")
    for sentence in lost:
        out.print(f"  {sentence}", soft_wrap=True)
    if file is not None:
        tables.name_files(out, [file])
