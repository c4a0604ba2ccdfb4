"""Validation of one pipeline, from its allocations to judged runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from realrun.validate import budget, judging
from realrun.validate.ablation import Durations, ablated
from realrun.validate.choice import Choice
from realrun.validate.loads import LOADS, cases
from realrun.validate.protocol import Probe, Runner, Session, Watch, run
from realrun.validate.rows import Store, predictions
from realrun.validate.summary import Pipeline
from simulator.problem import Problem


@dataclass(frozen=True)
class Subject:
    """A pipeline to validate.

    Parameters
    ----------
    name, workers : str
    problem : Problem
        On calibrated nodes, with calibrated durations.
    choice : Choice
    unlike : bool
        Whether the workers differ.
    durations : mapping
        Other durations for the ablation.
    emulated : bool
    late_s : float
        What, by the calibration, hardly any start of a task exceeds.
    facts : mapping
        Kept beside the predictions: calibration, seed of the schedulers, ...
    """

    name: str
    workers: str
    problem: Problem
    choice: Choice
    unlike: bool
    durations: Durations = field(default_factory=dict)
    emulated: bool = False
    late_s: float = 0.0
    facts: Mapping[str, Any] = field(default_factory=dict)


def validate(
    subject: Subject,
    runner: Runner,
    probe: Probe,
    rounds: int = budget.LEAST_ROUNDS,
    seconds: float | None = None,
    seed: int = 0,
    store: Store | None = None,
    rules: judging.Rules | None = None,
    loads: Sequence[str] = LOADS,
    watch: Watch = lambda done, total, label: None,
) -> tuple[Pipeline, Session]:
    """Predict, write the predictions, run, and judge the runs.

    Parameters
    ----------
    subject : Subject
    runner, probe : callables
        Run a case for real; time the reference matmul on every worker.
    rounds : int
        At least five.
    seconds : float or None
        Time that the runs may take.
    seed : int
    store : Store or None
        Where predictions and rows go; memory only by default.
    rules : Rules or None
    watch : callable

    Returns
    -------
    Pipeline, Session
    """
    problem, rules = subject.problem, rules or judging.Rules()
    plan = budget.fit(
        lambda kept, light, heavy: cases(problem, kept, light, heavy, seed, loads),
        subject.choice.candidates,
        rounds,
        seconds,
    )
    store = store or Store()
    predicted = predictions(
        plan.cases,
        [ablated(case, subject.durations) for case in plan.cases],
        pipeline=subject.name,
        workers=subject.workers,
        seed=seed,
        rounds=plan.rounds,
        **subject.facts,
    )
    store.begin(predicted)
    session = run(plan.cases, plan.rounds, runner, probe, store, seed, watch, subject.late_s)
    remarks = list(plan.remarks)
    if session.interrupted:
        remarks.append(f"interrupted after {len(session.rows)} runs")
    pipeline = Pipeline(
        name=subject.name,
        workers=subject.workers,
        predicted=predicted,
        rows=judging.judge(session.rows, rules),
        tasks=problem.n_tasks,
        unlike=subject.unlike,
        emulated=subject.emulated or any(row["emulated"] for row in session.rows),
        existing=subject.choice.existing,
        exact=subject.choice.exact,
        remarks=remarks,
    )
    return pipeline, session
