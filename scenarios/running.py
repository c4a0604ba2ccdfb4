"""One real run of one scenario: workers, estimates, allocation, execution, results."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scenarios.results import file_stem, folder, manifest, to_json, write_scenario
from scenarios.scenario import Scenario
from simulator.allocation import Allocation
from simulator.engines import SEMANTICS, simulate
from simulator.errors import AlloclabError
from simulator.shown import Shown, some

if TYPE_CHECKING:
    from realrun.calibrate import Calibration
    from realrun.devices import WorkerSpec
    from realrun.execute import RealRun
    from realrun.plan import RunPlan
    from realrun.pool import Workers
    from simulator.problem import Problem
    from simulator.trace import Trace

DEFAULT_SCHEDULER = "portfolio"
MOST_WORKERS = 4

Tell = Callable[[str], None]


def default_workers() -> str:
    """One CPU worker for each core that may be used, four at most."""
    return ",".join(["cpu:1"] * min(len(os.sched_getaffinity(0)), MOST_WORKERS))


@dataclass(frozen=True)
class Settings:
    """What is asked of a real run.

    Parameters
    ----------
    scheduler : str or None
    allocation : Path or None
        Used instead of a scheduler.
    workers : str or None
        None takes `default_workers`, or the nodes of the cluster when emulating.
    calibration : Path or None
        None measures the durations that the scheduler needs, quickly, before it allocates.
    emulate : bool
        Nodes, durations and links are those of the scenario's own cluster; tasks sleep.
    transport : {"shared", "distributed"}
    tolerate_failures, check : bool
        Go on without a worker that fails; compare the outputs with those of one process.
    seed : int
    seconds, evaluations : budget of the scheduler
    """

    scheduler: str | None = None
    allocation: Path | None = None
    workers: str | None = None
    calibration: Path | None = None
    emulate: bool = False
    transport: str = "shared"
    tolerate_failures: bool = False
    check: bool = False
    seed: int = 0
    seconds: float | None = None
    evaluations: int | None = None


@dataclass(frozen=True, repr=False)
class Execution(Shown):
    """A real run beside what was predicted.

    Parameters
    ----------
    scenario : Scenario
        On the workers' cluster.
    label : str
        Spec of the scheduler, or the file of the allocation.
    predicted : Trace
    real : RealRun
    specs : tuple of WorkerSpec
    equal : bool or None
        Whether the outputs are those of one process; None where that was not asked.
    notes : tuple of str
        What a reader must know: emulated, estimated, outside of what was validated.
    """

    scenario: Scenario
    label: str
    predicted: Trace
    real: RealRun
    specs: tuple[WorkerSpec, ...]
    settings: Settings
    equal: bool | None = None
    notes: tuple[str, ...] = field(default=())

    def _title(self) -> str:
        return self.scenario.name

    def _summary(self) -> dict[str, str]:
        out = {"by": self.label, "workers": some(map(str, self.specs))}
        if self.equal is not None:
            out["outputs"] = "equal to one process" if self.equal else "differ from one process"
        return out | ({"notes": "; ".join(self.notes)} if self.notes else {})

    def _details(self) -> tuple[list[str], list[list[str]]]:
        rows = [
            [
                row["metric"],
                *(f"{row[k]:.4g}" for k in ("predicted", "real")),
                row.get("off by", ""),
            ]
            for row in self.rows()
        ]
        return ["metric", "predicted", "real", "off by"], rows

    def rows(self) -> list[dict[str, Any]]:
        """Predicted and measured numbers side by side."""
        sides = [dict(t.metrics()) for t in (self.predicted, self.real.trace)]
        rows = []
        for key in ("makespan", "mean_latency", "p50_latency", "p95_latency", "p99_latency",
                    "throughput", "completed", "lost"):  # fmt: skip
            if key not in sides[0] or key not in sides[1]:
                continue
            mine, real = sides[0][key], sides[1][key]
            row: dict[str, Any] = {"metric": key.replace("_", " "), "predicted": mine, "real": real}
            if isinstance(mine, float) and isinstance(real, float) and mine > 0:
                row["off by"] = f"{100 * (real / mine - 1):+.1f} %"
            rows.append(row)
        return rows

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "scenario": self.scenario.name,
            "workers": [str(s) for s in self.specs],
            "allocated_by": self.label,
            "engine": self.real.trace.engine,
            "semantics": SEMANTICS,
            "seed": self.settings.seed,
            "predicted": dict(self.predicted.metrics()),
            "real": dict(self.real.trace.metrics()),
            "facts": dict(self.real.facts),
            "outputs_equal_one_process": self.equal,
            "notes": list(self.notes),
            "allocation": self.real.trace.allocation.to_dict(),
        }


def run(
    scenario: Scenario,
    settings: Settings,
    tell: Tell | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Execution:
    """Execute a scenario on workers of this machine.

    Raises
    ------
    AlloclabError
        Anything that the user can mend, in one sentence.
    """
    from realrun.execute import execute
    from realrun.pool import Workers

    say = tell or (lambda _: None)
    if settings.scheduler is not None and settings.allocation is not None:
        raise AlloclabError("give either --scheduler or --allocation, not both")
    if settings.emulate:
        specs = emulated_workers(scenario, settings)
        scenario = stand_ins(scenario)
        refuse_emulation(scenario, settings)
    else:
        specs = chosen_workers(settings)
    say(f"starting {len(specs)} workers")
    with Workers(specs, settings.transport) as workers:
        placed, notes = estimated(scenario, settings, workers, say)
        problem = placed.problem(seed=settings.seed)
        say("allocating")
        allocation, label = allocate(problem, settings)
        predicted = simulate(problem, allocation, seed=settings.seed)
        say("running")
        real = execute(
            problem, allocation, workers, seed=settings.seed,
            keep_outputs=settings.check, emulate=settings.emulate,
            tolerate_failures=settings.tolerate_failures, progress=progress,
        )  # fmt: skip
    equal = outputs_equal(problem, real, specs, say) if settings.check else None
    notes += against_whole(problem, real, specs) if settings.check else []
    return Execution(placed, label, predicted, real, specs, settings, equal, tuple(notes))


def chosen_workers(settings: Settings) -> tuple[WorkerSpec, ...]:
    """Those asked for, else those that were calibrated, else one for each core."""
    from realrun.calibrate import Calibration
    from realrun.devices import parse_workers

    if settings.workers is None and settings.calibration is not None:
        return Calibration.load(settings.calibration).workers
    return parse_workers(settings.workers or default_workers())


def refuse_emulation(scenario: Scenario, settings: Settings) -> None:
    """What cannot be emulated is refused before any worker is started."""
    from realrun.plan import refuse
    from simulator.luck import draw

    problem = scenario.problem(seed=settings.seed)
    refuse(problem, draw(problem, settings.seed), emulate=True)


def emulated_workers(scenario: Scenario, settings: Settings) -> tuple[WorkerSpec, ...]:
    """One worker for each node of the scenario's cluster."""
    from realrun.devices import WorkerSpec

    if settings.workers is not None or settings.calibration is not None:
        raise AlloclabError(
            "--emulate takes nodes and durations from the scenario's cluster; leave out --workers "
            "and --calibration"
        )
    return tuple(WorkerSpec(n.name, "cpu", slots=n.slots) for n in scenario.cluster.nodes)


def stand_ins(scenario: Scenario) -> Scenario:
    """The scenario without modules: tasks that sleep and put out bytes of the right size."""
    streams = []
    for stream in scenario.streams:
        tasks = tuple(
            replace(task, variants=tuple(replace(v, module=None) for v in task.variants))
            for task in stream.graph.tasks
        )
        streams.append(replace(stream, graph=replace(stream.graph, tasks=tasks)))
    return replace(scenario, streams=tuple(streams))


def estimated(
    scenario: Scenario, settings: Settings, workers: Workers, say: Tell
) -> tuple[Scenario, list[str]]:
    """The scenario on the workers with durations, and what is to be said about them."""
    if settings.emulate:
        return scenario, ["emulated: tasks sleep for the durations of the scenario's cluster"]
    calibration, notes = calibrated(scenario, settings, workers, say)
    placed = scenario.calibrated(calibration)
    note = outside_of_validated(workers.specs, settings.transport)
    return placed, notes + ([note] if note else [])


def calibrated(
    scenario: Scenario, settings: Settings, workers: Workers, say: Tell
) -> tuple[Calibration, list[str]]:
    """The given calibration, checked against machine and workers; or a quick one."""
    from realrun.calibrate import Calibration, calibrate
    from realrun.calibrate.pace import pace, remark

    if settings.calibration is not None:
        found = Calibration.load(settings.calibration)
        found.check_machine()
        found.check_workers(workers.specs)
        note = remark(pace(found, workers))
        return found, [note] if note else []
    say("measuring durations")
    quick = calibrate(
        workers, {scenario.name: scenario.streams},
        rounds=1, harvesting=has_own_modules(scenario), links=False,
    )  # fmt: skip
    return quick, ["durations measured quickly; `alloclab calibrate` measures them well"]


def has_own_modules(scenario: Scenario) -> bool:
    """Whether a module can be timed in its pipeline alone, where it gets its inputs."""
    from realrun.partition.reference import is_stage

    modules = [
        variant.module or ""
        for stream in scenario.streams
        for task in stream.graph.tasks
        for variant in task.variants
    ]
    return any(":" in module and not is_stage(module) for module in modules)


def outside_of_validated(specs: tuple[WorkerSpec, ...], transport: str) -> str | None:
    """One line where no validation result covers these workers; else None."""
    from realrun.validate.matrix import outside

    return outside(specs, transport)


def allocate(problem: Problem, settings: Settings) -> tuple[Allocation, str]:
    """The given allocation, or a scheduler's."""
    if settings.allocation is not None:
        return Allocation.load(settings.allocation), str(settings.allocation)
    from schedulers import solve

    spec = settings.scheduler or DEFAULT_SCHEDULER
    outcome = solve(
        spec, problem,
        seconds=settings.seconds, evaluations=settings.evaluations, seed=settings.seed,
    )  # fmt: skip
    return outcome.allocation, spec


def against_whole(problem: Problem, real: RealRun, specs: tuple[WorkerSpec, ...]) -> list[str]:
    """One line that says whether cut modules answered as the uncut ones do; none without any."""
    import torch

    from realrun.partition.whole import furthest_from_whole
    from realrun.plan import make_plan

    plan = make_plan(problem, real.trace.allocation, real.trace.realisation)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(specs[0].threads)
        apart = furthest_from_whole(plan, real.outputs)
    finally:
        torch.set_num_threads(threads)
    if apart is None:
        return []
    if apart == 0.0:
        return ["the outputs are those of the whole module, bit for bit"]
    return [f"the outputs differ from those of the whole module, by {apart:.3g} at most"]


def outputs_equal(
    problem: Problem, real: RealRun, specs: tuple[WorkerSpec, ...], say: Tell
) -> bool:
    """Whether one process that composes the same modules puts out the same bits."""
    import torch

    from realrun.composing import composed
    from realrun.plan import make_plan

    say("composing in one process")
    plan = make_plan(problem, real.trace.allocation, real.trace.realisation)
    used = real.trace.log.used
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(specs[0].threads)
        wanted = composed(
            plan, [s.dtype for s in specs], lambda r, e: used[r, e] == 1, executed_on(real, plan)
        )
    finally:
        torch.set_num_threads(threads)
    if wanted.keys() != real.outputs.keys():
        return False
    return all(
        bundle.keys() == real.outputs[key].keys()
        and all(np.array_equal(bundle[n], real.outputs[key][n]) for n in bundle)
        for key, bundle in wanted.items()
    )


def executed_on(real: RealRun, plan: RunPlan) -> Callable[[int, int], int]:
    """On which worker a task of a request was executed; after a failure not where it was planned.

    Workers of other dtypes give other bits, so the comparison must follow.
    """
    worker = (real.trace.observed or {}).get("worker")

    def where(request: int, task: int) -> int:
        if worker is None or not np.isfinite(worker[request, task]):
            return int(plan.node[task])
        return int(worker[request, task])

    return where


def write(result: Execution, target: Path) -> list[Path]:
    """Tables, charts and Perfetto files of the real run and of the prediction."""
    with folder(target) as work:
        for name, trace in (("real", result.real.trace), ("predicted", result.predicted)):
            trace.to_csv(work / name)
            title = f"{result.scenario.name}, {result.label}: {name}"
            trace.gantt(work / f"gantt-{name}.png", title=title)
            trace.to_perfetto(work / f"{name}.perfetto.json")
            trace.save(work / "traces" / name)
        result.real.trace.allocation.save(work / "allocation.json")
        write_scenario(result.scenario, work)
        (work / "run.json").write_text(to_json(result.to_dict()) + "\n", encoding="utf-8")
        record = manifest(
            "run",
            scenario=result.scenario.name,
            source=result.scenario.source,
            workers=[str(s) for s in result.specs],
            allocated_by=file_stem(result.label),
            seed=result.settings.seed,
            engine=result.real.trace.engine,
        )
        (work / "manifest.json").write_text(to_json(record) + "\n", encoding="utf-8")
        names = sorted(p.relative_to(work) for p in work.rglob("*") if p.is_file())
    return [target / name for name in names]
