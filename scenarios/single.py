"""One allocation of one scenario: who made it, what the simulation says, what is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenarios.compare import objective_of
from scenarios.results import file_stem, folder, manifest, to_json, write_scenario
from scenarios.scenario import Scenario
from simulator.allocation import Allocation
from simulator.engines import SEMANTICS
from simulator.engines import simulate as run_engine
from simulator.errors import AlloclabError
from simulator.shown import Shown

if TYPE_CHECKING:
    from schedulers.budget import Budget
    from schedulers.outcome import Outcome
    from simulator.trace import Trace

DEFAULT_SCHEDULER = "heft"


@dataclass(frozen=True, repr=False)
class SingleRun(Shown):
    """A simulated allocation.

    Parameters
    ----------
    scenario : Scenario
    label : str
        Spec of the scheduler, or the file of the allocation.
    trace : Trace
    objective : float
        Value of the scenario's objective in this run.
    seed : int
    outcome : Outcome or None
        What the scheduler said; None for a given allocation.
    """

    scenario: Scenario
    label: str
    trace: Trace
    objective: float
    seed: int
    outcome: Outcome | None = None

    def _title(self) -> str:
        return self.scenario.name

    def _summary(self) -> dict[str, str]:
        return {
            "by": self.label,
            str(self.scenario.objective): f"{self.objective:.6g}",
            "cluster": self.scenario.cluster.name,
            "engine": self.trace.engine,
            "seed": str(self.seed),
        }

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "scenario": self.scenario.name,
            "cluster": self.scenario.cluster.name,
            "allocated_by": self.label,
            "engine": self.trace.engine,
            "semantics": SEMANTICS,
            "seed": self.seed,
            "objective": {str(self.scenario.objective): self.objective},
            "metrics": dict(self.trace.metrics()),
            "allocation": self.trace.allocation.to_dict(),
            "search": None if self.outcome is None else self.outcome.to_dict(),
        }


def simulate(
    scenario: Scenario,
    scheduler: str | None = None,
    allocation: Path | None = None,
    seed: int = 0,
    seconds: float | None = None,
    evaluations: int | None = None,
    engine: str = "auto",
    watch: Callable[[Budget], None] | None = None,
) -> SingleRun:
    """Simulate a given allocation, or the one a scheduler makes.

    Raises
    ------
    AlloclabError
        Both or an unusable one of scheduler and allocation are given.
    """
    if scheduler is not None and allocation is not None:
        raise AlloclabError("give either --scheduler or --allocation, not both")
    problem = scenario.problem(seed=seed)
    outcome = None
    if allocation is not None:
        chosen, label = Allocation.load(allocation), str(allocation)
    else:
        from scenarios.information.estimate import planning
        from schedulers import solve

        label = scheduler or DEFAULT_SCHEDULER
        given = planning(scenario, seed, problem)
        outcome = solve(
            label, given, seconds=seconds, evaluations=evaluations, seed=seed, progress=watch
        )
        chosen = outcome.allocation
    trace = run_engine(problem, chosen, engine=engine, seed=seed)
    return SingleRun(scenario, label, trace, objective_of(trace), seed, outcome)


def write(run: SingleRun, target: Path) -> list[Path]:
    """Trace tables, Gantt chart, Perfetto file, allocation, metrics and manifest of a run."""
    with folder(target) as work:
        run.trace.to_csv(work)
        run.trace.gantt(work / "gantt.png", title=f"{run.scenario.name}, {run.label}")
        run.trace.to_perfetto(work / "trace.perfetto.json")
        run.trace.save(work / "trace")
        write_scenario(run.scenario, work)
        run.trace.allocation.save(work / "allocation.json")
        write_search(work, run)
        (work / "metrics.json").write_text(to_json(run.to_dict()) + "\n", encoding="utf-8")
        record = manifest(
            "simulate",
            scenario=run.scenario.name,
            source=run.scenario.source,
            cluster=run.scenario.cluster.name,
            allocated_by=file_stem(run.label),
            seed=run.seed,
            engine=run.trace.engine,
        )
        (work / "manifest.json").write_text(to_json(record) + "\n", encoding="utf-8")
        names = sorted(p.relative_to(work) for p in work.rglob("*") if p.is_file())
    return [target / name for name in names]


def write_search(work: Path, run: SingleRun) -> None:
    """Best-so-far curve and Pareto front of a search, as tables and charts."""
    if run.outcome is None:
        return
    from scenarios.pareto import write_front

    where = f"{run.scenario.name} on {run.scenario.cluster.name}"
    write_front(work, run.outcome, f"{where}, {run.label}")
    if len(run.outcome.curve) < 2:
        return
    import pandas as pd

    from scenarios.curves import curve_rows, curves_chart

    pd.DataFrame(curve_rows(run.label, run.seed, run.outcome)).to_csv(
        work / "curve.csv", index=False
    )
    curves_chart(
        {run.label: run.outcome},
        work / "curve.png",
        title=where,
        objective=str(run.scenario.objective),
    )
