"""Validation of scenarios: calibrated workers, schedulers' choices, the protocol, the report."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenarios.results import manifest
from scenarios.running import default_workers
from scenarios.scenario import Scenario
from simulator.allocation import Allocation, Placement
from simulator.errors import AlloclabError

if TYPE_CHECKING:
    from realrun.calibrate import Calibration
    from realrun.pool import Workers
    from realrun.validate.loads import Case
    from realrun.validate.protocol import Session
    from realrun.validate.report import Report
    from realrun.validate.summary import Pipeline
    from realrun.validate.validation import Subject
    from simulator.problem import Problem
    from simulator.workload import Stream

SCHEDULERS = ("heft", "peft", "min_min", "single_node", "genetic", "portfolio")
EVALUATIONS = 2000
"""Budget of each search: the same choice at every call."""

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Settings:
    """What is asked of a validation.

    Parameters
    ----------
    workers : str or None
    calibration : Path or None
        None calibrates first.
    schedulers : sequence of str
        Whose choices are among the allocations.
    rounds : int
    minutes : float or None
        For the runs of each pipeline.
    allocations : int
        Run at most.
    seed : int
    transport : {"shared", "distributed"}
    leave_out : sequence of str
        Pipelines that a calibration made here does not harvest.
    """

    workers: str | None = None
    calibration: Path | None = None
    schedulers: Sequence[str] = SCHEDULERS
    rounds: int = 5
    minutes: float | None = 2.0
    allocations: int = 30
    seed: int = 0
    transport: str = "shared"
    leave_out: Sequence[str] = ()


def validate(
    scenarios: Sequence[Scenario],
    settings: Settings,
    out: Path | None = None,
    tell: Tell | None = None,
) -> Report:
    """Calibrate if need be, predict, run, and say how far the predictions were off.

    Parameters
    ----------
    scenarios : sequence of Scenario
    settings : Settings
    out : Path or None
        Predictions and rows are kept there as they come; the same call goes on from them.
    tell : function of a sentence, for progress

    Raises
    ------
    AlloclabError
    """
    from realrun.calibrate import Calibration
    from realrun.calibrate.pace import pace, remark
    from realrun.devices import parse_workers
    from realrun.pool import Workers
    from realrun.validate.judging import Rules
    from realrun.validate.matrix import outside
    from realrun.validate.report import Report
    from scenarios.study.lock import locked

    say = tell or (lambda _: None)
    given = None if settings.calibration is None else Calibration.load(settings.calibration)
    if given is not None:
        given.check_machine()
    if settings.workers is None and given is not None:
        specs = given.workers
    else:
        specs = parse_workers(settings.workers or default_workers())
    if given is not None:
        given.check_workers(specs)
    done: list[tuple[Pipeline, Session]] = []
    notes = [outside(specs, settings.transport)]
    hold = nullcontext() if out is None else locked(out)  # two would disturb and count each other
    with hold, Workers(specs, settings.transport) as workers:
        if given is not None:
            notes.append(remark(pace(given, workers)))
        for scenario in scenarios:
            # Right before its runs: machines drift within minutes.
            calibration = given or calibrated_here(scenario, settings, workers, out, say)
            subject = subject_of(scenario, calibration, settings, workers)
            done.append(run_one(subject, workers, settings, out, say))
    note = "\n".join(n for n in notes if n) or None
    return Report(
        [p for p, _ in done], [s for _, s in done],
        facts_of(calibration, settings), Rules(), settings.seed, note,
    )  # fmt: skip


def calibrated_here(
    scenario: Scenario,
    settings: Settings,
    workers: Workers,
    out: Path | None,
    say: Tell,
) -> Calibration:
    """A calibration for one scenario, kept in the output folder."""
    from realrun.calibrate import Calibration, calibrate

    path = None if out is None else out / f"calibration-{scenario.name}.yaml"
    if path is not None and path.exists():
        found = Calibration.load(path)
        found.check_machine()
        found.check_workers(workers.specs)
        return found
    return calibrate(
        workers, {scenario.name: scenario.streams},
        leave_out=settings.leave_out, seed=settings.seed, path=path,
        watch=lambda i, n, label: say(f"calibrating, step {i + 1} of {n}: {label}"),
    )  # fmt: skip


def subject_of(
    scenario: Scenario, calibration: Calibration, settings: Settings, workers: Workers
) -> Subject:
    """One pipeline on the calibrated workers, with the allocations to run."""
    from realrun.validate.ablation import NO_HARVESTING, PEAK_ONLY, over_peak
    from realrun.validate.choice import choose
    from realrun.validate.loads import without_luck
    from realrun.validate.matrix import are_unlike, identical
    from realrun.validate.validation import Subject

    placed = replace(scenario.calibrated(calibration), dispatch="greedy")
    problem = without_luck(placed.problem(seed=settings.seed))
    training = calibration.training_nodes(scenario.name)
    choice = choose(
        problem,
        chosen_by(problem, settings),
        [allocation_of(problem, found) for found in training],
        identical(workers.specs),
        settings.seed,
        settings.allocations,
    )
    counted = matching(placed.streams, scenario.streams)
    return Subject(
        name=scenario.name,
        workers=settings.workers or ",".join(map(str, workers.specs)),
        problem=problem,
        choice=choice,
        unlike=are_unlike(workers.specs),
        late_s=float(calibration.facts.get("late_s", 0.0)),
        durations={
            NO_HARVESTING: calibration.streams(scenario.streams, "looped"),
            PEAK_ONLY: over_peak(placed.streams, counted),
        },
        facts={"calibration": calibration.hash, "predicted_models": calibration.predicted(
            scenario.streams)},
    )  # fmt: skip


def chosen_by(problem: Problem, settings: Settings) -> dict[str, Allocation]:
    """What every scheduler chooses."""
    from schedulers import solve

    found = {}
    for spec in settings.schedulers:
        outcome = solve(spec, problem, evaluations=EVALUATIONS, seed=settings.seed)
        found[spec] = outcome.allocation
    return found


def allocation_of(problem: Problem, found: Mapping[str, Sequence[str]]) -> Allocation:
    """An allocation as a calibration writes it down: (node, variant) by task."""
    if set(found) != set(problem.task_names):
        raise AlloclabError(
            f"{problem.name}: the calibration harvested a pipeline with other tasks; calibrate anew"
        )
    return Allocation(tuple(Placement(t, n, v) for t, (n, v) in found.items()))


def matching(measured: Sequence[Stream], counted: Sequence[Stream]) -> tuple[Stream, ...]:
    """The counted streams with only those variants that were measured."""
    out = []
    for mine, other in zip(measured, counted, strict=True):
        tasks = tuple(
            replace(
                u,
                variants=tuple(v for v in u.variants if v.name in {w.name for w in t.variants}),
            )
            for t, u in zip(mine.graph.tasks, other.graph.tasks, strict=True)
        )
        out.append(replace(other, graph=replace(other.graph, tasks=tasks)))
    return tuple(out)


def run_one(
    subject: Subject, workers: Workers, settings: Settings, out: Path | None, say: Tell
) -> tuple[Pipeline, Session]:
    """The protocol for one pipeline."""
    from realrun.execute import execute
    from realrun.validate import validation
    from realrun.validate.rows import Store

    def runner(case: Case) -> Any:
        return execute(
            case.problem, case.candidate.allocation, workers, realisation=case.realisation
        )

    def probe() -> list[float]:
        answers = workers.call_all("realrun.validate.probes:matmul", [{}] * len(workers.specs))
        return [a["seconds"] for a in answers]

    began = time.monotonic()

    def watch(done: int, total: int, label: str) -> None:
        left = (time.monotonic() - began) / max(done, 1) * (total - done)
        ends = f", about {left / 60:.1f} min left" if done else ""
        say(f"{subject.name}: run {done + 1} of {total} ({label}){ends}")

    store = Store(None if out is None else out / "sessions" / subject.name)
    seconds = None if settings.minutes is None else 60.0 * settings.minutes
    return validation.validate(
        subject, runner, probe, settings.rounds, seconds, settings.seed, store, watch=watch
    )


def facts_of(calibration: Calibration, settings: Settings) -> dict[str, Any]:
    """What a reader needs to repeat the validation."""
    found = manifest("validate")
    left = {k: v for k, v in found.items() if k != "arguments"}
    return {
        **left,
        "calibration": {
            "hash": calibration.hash,
            "date": calibration.facts.get("date"),
            "given": settings.calibration is not None,
            "machine": dict(calibration.machine),
        },
        "workers": [str(s) for s in calibration.workers],
        "transport": settings.transport,
        "seed": settings.seed,
    }
