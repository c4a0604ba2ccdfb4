"""The `alloclab` command: one function a verb, each calling library code that tests also call."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from scenarios.cli_adversarial import adversarial
from scenarios.cli_calibrate import calibrate
from scenarios.cli_deploy import deploy
from scenarios.cli_discover import discover
from scenarios.cli_durations import durations
from scenarios.cli_explain import explain
from scenarios.cli_information import information
from scenarios.cli_options import (
    CalibrationOpt,
    ClusterOpt,
    CutsOpt,
    EngineOpt,
    EvaluationsOpt,
    InformationOpt,
    JsonFlag,
    NetworkOpt,
    ObjectiveOpt,
    OutOpt,
    RequestsOpt,
    ScenarioArg,
    SecondsOpt,
    SeedOpt,
)
from scenarios.cli_report import report
from scenarios.cli_run import run
from scenarios.cli_stats import stats
from scenarios.cli_sweep import sweep
from scenarios.cli_validate import validate

app = typer.Typer(
    name="alloclab",
    help="Which model should run where? Simulate, search and compare allocations of "
    "multi-model AI tasks on unequal machines.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

INTERRUPTED = 130
"""Exit code after Ctrl-C: 128 and the number of the signal, as shells have it."""


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
) -> None:
    if version:
        from scenarios.results import versions

        print(f"alloclab {versions()['alloclab']}")
        raise typer.Exit


@app.command("list")
def list_(
    what: Annotated[
        str | None,
        typer.Argument(
            help="schedulers, scenarios, clusters, studies, generators, models or engines."
        ),
    ] = None,
    json: JsonFlag = False,
) -> None:
    """List what is built in: schedulers, scenarios, clusters, studies, generators, models, ..."""
    from scenarios import inventory, tables

    tables.show(inventory.sections(what), json, tables.inventory)


@app.command()
def show(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A scenario, importable file or cluster.")
    ],
    cluster: ClusterOpt = None,
    json: JsonFlag = False,
) -> None:
    """Describe a scenario or a cluster: tasks, edges, nodes, links, load and rules."""
    from scenarios import describe, tables

    tables.show(describe.describe(name, cluster), json, tables.description)


@app.command()
def simulate(
    scenario: ScenarioArg,
    scheduler: Annotated[
        str | None, typer.Option("--scheduler", "-s", help="Scheduler that allocates.")
    ] = None,
    allocation: Annotated[
        Path | None, typer.Option("--allocation", "-a", help="Allocation file to run instead.")
    ] = None,
    cluster: ClusterOpt = None,
    calibration: CalibrationOpt = None,
    network: NetworkOpt = None,
    objective: ObjectiveOpt = None,
    requests: RequestsOpt = None,
    cuts: CutsOpt = None,
    seed: SeedOpt = 0,
    seconds: SecondsOpt = None,
    evaluations: EvaluationsOpt = None,
    engine: EngineOpt = "auto",
    out: OutOpt = None,
    json: JsonFlag = False,
) -> None:
    """Simulate one allocation and report its metrics."""
    from scenarios import single, tables

    chosen = load(scenario, cluster, network, objective, requests, calibration, cuts)
    with tables.progress("Allocating") as step:
        step(str(allocation or scheduler or single.DEFAULT_SCHEDULER))
        run = single.simulate(
            chosen, scheduler, allocation, seed, seconds, evaluations, engine, step.watch
        )
    files = single.write(run, out) if out else []
    tables.show(run.to_dict(), json, lambda _: tables.single(run, files))


@app.command()
def compare(
    scenario: ScenarioArg,
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
    information: InformationOpt = None,
    cuts: CutsOpt = None,
    seeds: Annotated[
        int, typer.Option("--seeds", "-n", min=1, help="Replications with different luck.")
    ] = 1,
    seconds: SecondsOpt = None,
    evaluations: EvaluationsOpt = None,
    engine: EngineOpt = "auto",
    out: OutOpt = None,
    json: JsonFlag = False,
) -> None:
    """Compare schedulers: which places the scenario best, by how much, how far from the bound."""
    from scenarios import compare as work
    from scenarios import results, tables
    from scenarios.override import override

    chosen = load(scenario, cluster, network, objective, requests, calibration, cuts)
    if information is not None:
        chosen = override(chosen, information=information)
    specs = split_specs(schedulers)
    with tables.progress("Comparing") as step:
        comparison = work.compare(
            chosen, specs, seeds, seconds, evaluations, engine, step, step.watch
        )
    files = results.write_comparison(comparison, out) if out else []
    data = {
        "scenario": chosen.name,
        "information": chosen.information,
        "summary": comparison.summary(),
        "rows": comparison.rows,
        "interrupted": comparison.interrupted,
    }
    tables.show(data, json, lambda _: tables.comparison(comparison, files))


@app.command()
def generate(
    family: Annotated[str, typer.Argument(help="Graph family; see `alloclab list generators`.")],
    tasks: Annotated[int, typer.Option("--tasks", "-t", min=1, help="About how many tasks.")] = 100,
    nodes: Annotated[int, typer.Option("--nodes", min=1, help="Number of nodes.")] = 8,
    ccr: Annotated[
        float, typer.Option("--ccr", min=0.0, help="Mean transfer over mean work seconds.")
    ] = 1.0,
    heterogeneity: Annotated[
        str, typer.Option("--heterogeneity", help="How durations differ between nodes.")
    ] = "range",
    seed: SeedOpt = 0,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Default: print it.")
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Generate a random instance of a graph family as a scenario file (or .json instance)."""
    from scenarios.generate import generate as build

    built = build(family, tasks=tasks, nodes=nodes, ccr=ccr, heterogeneity=heterogeneity, seed=seed)
    _write_scenario(built, out, json)


@app.command()
def convert(
    file: Annotated[str, typer.Argument(help="A scenario name or any importable file.")],
    cluster: ClusterOpt = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help=".yaml, .json, .xml, .stg, .dot, .dax, .wf.json or .graphml; default: print it.",
        ),
    ] = None,
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="Instead of FILE's ending: yaml, json (instance), simgrid (its cluster), stg, "
            "dot, dax, wfcommons or graphml.",
        ),
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Convert a scenario or any importable file; what a format cannot hold is named on stderr."""
    _write_scenario(load(file, cluster), out, json, form)


@app.command()
def init(
    file: Annotated[Path, typer.Argument(help="File to create.")] = Path("scenario.yaml"),
    json: JsonFlag = False,
) -> None:
    """Write a commented scenario to start from."""
    from scenarios import results, tables
    from scenarios.init import TEMPLATE
    from simulator.errors import AlloclabError

    if file.exists():
        raise AlloclabError(f"{file} exists already; give another name")
    results.write_text(file, TEMPLATE)
    tables.show(
        {"file": str(file)}, json, lambda _: tables.written([file], f"alloclab compare {file}")
    )


@app.command()
def doctor(json: JsonFlag = False) -> None:
    """Check the installation: threads, CUDA, solvers, compiled kernel, both engines agreeing."""
    from scenarios import doctor as checks
    from scenarios import tables

    report = checks.examine()
    tables.show([c.__dict__ for c in report], json, lambda _: tables.doctor(report))
    if any(c.status == "failed" for c in report):
        raise typer.Exit(1)


app.command()(adversarial)
app.command()(discover)
app.command()(calibrate)
app.command()(run)
app.command()(validate)
app.command()(deploy)
app.command()(durations)
app.command()(explain)
app.command()(information)
app.command()(sweep)
app.command()(report)
app.command()(stats)


def load(
    name: str,
    cluster: str | None = None,
    network: str | None = None,
    objective: str | None = None,
    requests: int | None = None,
    calibration: Path | None = None,
    cuts: int | None = None,
) -> Any:
    """Load a scenario and apply what the command line overrides."""
    from scenarios import load, load_cluster
    from scenarios.override import override
    from simulator.errors import AlloclabError

    if calibration is not None and cluster is not None:
        raise AlloclabError("give either --cluster or --calibration: a calibration is of a cluster")
    scenario = load(name, calibration, cuts)
    if cluster is not None:
        scenario = scenario.on(load_cluster(cluster))
    return override(scenario, network=network, objective=objective, requests=requests)


def split_specs(text: str | None) -> list[str] | None:
    """Split at commas that are not inside brackets: ``heft,genetic[population=64,start=heft]``."""
    if text is None:
        return None
    specs, depth = [""], 0
    for char in text:
        depth += (char == "[") - (char == "]")
        if char == "," and depth <= 0:
            specs.append("")
        else:
            specs[-1] += char
    return [s.strip() for s in specs if s.strip()]


def _write_scenario(scenario: Any, out: Path | None, json: bool, form: str | None = None) -> None:
    """Print a scenario as YAML or, with `json`, as an instance; or write what `out` ends in.

    Where a file is written, `json` is about what the command says, as everywhere. A format given
    by name goes before both.
    """
    from scenarios import results, tables
    from scenarios.export import formats

    if form is None:
        form = ("json" if json else "yaml") if out is None else formats.format_of(out)
    written = formats.write(scenario, form)
    for sentence in written.losses:
        print(sentence, file=sys.stderr)
    if out is None:
        sys.stdout.write(written.text)
        return
    results.write_text(out, written.text)
    answer: dict[str, Any] = {"file": str(out), "format": form, "losses": list(written.losses)}
    tables.show(answer, json, lambda _: tables.written([out], f"alloclab compare {out}"))


def main() -> None:
    """Entry point: one sentence and exit code 2 for whatever the user can mend."""
    from simulator.errors import AlloclabError

    try:
        code = app(standalone_mode=False) or 0
        if code == INTERRUPTED:  # the parser turns Ctrl-C into this
            raise KeyboardInterrupt
        raise SystemExit(code)
    except AlloclabError as error:
        _stop(str(error), error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()
        raise SystemExit(1) from None
    except OSError as error:
        _stop(f"cannot write the output: {error.strerror}", 1)
    except (KeyboardInterrupt, typer.Abort):
        _stop("interrupted", INTERRUPTED)
    except Exception as error:
        from scenarios import usage

        if not usage.is_usage(error):
            raise
        if usage.asks_for_help(error):
            print(str(error).strip(), end="", file=sys.stderr)  # empty where rich has shown it
            raise SystemExit(2) from None
        _stop(str(usage.refusal(error)), 2)


def _stop(message: str, code: int) -> NoReturn:
    """Say why the command ends, and end."""
    print(f"alloclab: {message}", file=sys.stderr)
    raise SystemExit(code) from None


if __name__ == "__main__":
    main()
