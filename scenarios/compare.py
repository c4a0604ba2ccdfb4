"""Compare schedulers on one scenario: solve, simulate under unseen luck, tabulate."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from simulator.engines import SEMANTICS, simulate
from simulator.errors import AlloclabError, Infeasible, InvalidScenario
from simulator.problem import Problem

if TYPE_CHECKING:
    import pandas as pd

    from scenarios.scenario import Scenario
    from simulator.trace import Trace

Progress = Callable[[str], None]

METRIC_COLUMNS = (
    "makespan",
    "mean_latency",
    "p50_latency",
    "p95_latency",
    "p99_latency",
    "throughput",
    "slo_attainment",
    "slr",
    "speedup",
    "communication_share",
    "balance",
    "jain_index",
    "utilisation",
    "energy",
    "cost",
    "accuracy",
    "lost",
)
"""Metrics that a row carries where they have a meaning in the run."""


@dataclass(frozen=True)
class Comparison:
    """Rows of one comparison, and the best run of every scheduler.

    Parameters
    ----------
    scenario : Scenario
    rows : list of dict
        One for each scheduler and seed.
    traces : mapping of spec to the Trace of its first seed
    seeds : tuple of int
    """

    scenario: Scenario
    rows: list[dict[str, Any]]
    seeds: tuple[int, ...]
    engine: str
    traces: dict[str, Trace] = field(default_factory=dict, repr=False)

    @property
    def frame(self) -> pd.DataFrame:
        """All rows as a table."""
        import pandas as pd

        return pd.DataFrame(self.rows)

    def summary(self) -> list[dict[str, Any]]:
        """One row a scheduler: means over the seeds, best first; failed ones last.

        `ratio` is the mean objective over the best mean objective.
        """
        out = []
        for spec in dict.fromkeys(r["scheduler"] for r in self.rows):
            mine = [r for r in self.rows if r["scheduler"] == spec]
            failed = [r for r in mine if "error" in r]
            if failed:
                out.append({"scheduler": spec, "error": failed[0]["error"]})
                continue
            row: dict[str, Any] = {"scheduler": spec, "seeds": len(mine)}
            for key in ("objective", "bound", "gap", "cpu_seconds", *METRIC_COLUMNS):
                values = [r[key] for r in mine if r.get(key) is not None]
                if len(values) == len(mine):
                    row[key] = float(np.mean(values))
            row["objective_min"] = min(r["objective"] for r in mine)
            row["objective_max"] = max(r["objective"] for r in mine)
            out.append(row)
        best = min((row["objective"] for row in out if "objective" in row), default=math.nan)
        for row in out:
            if "objective" in row:
                row["ratio"] = _ratio(row["objective"], best)
        return sorted(
            out, key=lambda r: ("error" in r, r.get("objective", math.inf), r["scheduler"])
        )

    @property
    def best(self) -> str:
        """Spec of the scheduler with the lowest mean objective."""
        row = self.summary()[0]
        if "error" in row:
            raise Infeasible(
                f"{self.scenario.name}: no scheduler found an allocation: {row['error']}"
            )
        return str(row["scheduler"])

    @property
    def distinct_outcomes(self) -> int:
        """Number of different objective values (relative 1e-9) at the first seed."""
        values = sorted(
            r["objective"] for r in self.rows if r["seed"] == self.seeds[0] and "objective" in r
        )
        return sum(
            1
            for i, v in enumerate(values)
            if i == 0 or not math.isclose(v, values[i - 1], rel_tol=1e-9)
        )


def _ratio(value: float, best: float) -> float:
    """Value over best; infinite above a best of 0, 1 where both are equal."""
    if value == best:
        return 1.0
    return value / best if best > 0 and math.isfinite(best) else math.inf


def objective_of(trace: Trace) -> float:
    """Objective of the problem for one simulated run; infinite where a request was lost."""
    return float(trace.metrics().get("objective", math.inf))


def compare(
    scenario: Scenario,
    schedulers: Sequence[str] | None = None,
    seeds: int | Sequence[int] = 1,
    seconds: float | None = None,
    evaluations: int | None = None,
    engine: str = "auto",
    progress: Progress | None = None,
) -> Comparison:
    """Let every scheduler allocate, and simulate each allocation under the same unseen luck.

    Parameters
    ----------
    scenario : Scenario
    schedulers : sequence of spec strings, default every registered scheduler
    seeds : int or sequence of int
        Replications: seed s draws the `plan` luck, the scheduler's own choices and the `test`
        luck, the same for all schedulers.
    seconds, evaluations : budget of each search; None leaves it to the scheduler
    engine : {"auto", "reference", "kernel"}
    progress : callable taking the scheduler about to run, called once a run

    Returns
    -------
    Comparison

    Raises
    ------
    UnknownName, InvalidScenario
    """
    from schedulers import make, names
    from schedulers.base import check_limits

    specs = list(names()) if schedulers is None else list(dict.fromkeys(schedulers))
    if not specs:
        raise InvalidScenario("schedulers: name at least one")
    check_limits(seconds, evaluations)
    if schedulers is not None:
        for spec in specs:
            make(spec)  # a misspelt name is reported before anything runs
    chosen = tuple(range(seeds)) if isinstance(seeds, int) else tuple(seeds)
    if not chosen:
        raise InvalidScenario("seeds: at least one is needed")
    rows: list[dict[str, Any]] = []
    traces: dict[str, Trace] = {}
    for seed in chosen:
        problem = scenario.problem(seed=seed)
        for spec in specs:
            if progress is not None:
                progress(spec)
            row, trace = _one(problem, spec, seed, seconds, evaluations, engine)
            rows.append({"scenario": scenario.name, **row})
            if trace is not None and seed == chosen[0]:
                traces[spec] = trace
    if all("error" in row for row in rows):
        raise Infeasible(f"{scenario.name}: no scheduler found an allocation: {rows[0]['error']}")
    return Comparison(scenario, rows, chosen, engine, traces)


def _one(
    problem: Problem,
    spec: str,
    seed: int,
    seconds: float | None,
    evaluations: int | None,
    engine: str,
) -> tuple[dict[str, Any], Trace | None]:
    """One scheduler on one seed; a scheduler that finds nothing feasible is a row, not the end."""
    from schedulers import solve

    row: dict[str, Any] = {"scheduler": spec, "seed": seed, "semantics": SEMANTICS}
    try:
        outcome = solve(spec, problem, seconds=seconds, evaluations=evaluations, seed=seed)
    except AlloclabError as error:
        return {**row, "error": str(error)}, None
    except Exception as error:  # a defect of one scheduler, perhaps somebody's own, costs its row
        text = f"scheduler {spec} failed: {type(error).__name__}: {error}"
        return {**row, "error": " ".join(text.split())}, None
    trace = simulate(problem, outcome.allocation, engine=engine, seed=seed)
    row |= {
        "objective": objective_of(trace),
        "planned_objective": outcome.objective,
        "cpu_seconds": outcome.cpu_seconds,
        "evaluations": outcome.evaluations,
        "status": outcome.status,
        "engine": trace.engine,
        **_bound(problem, trace),
    }
    metrics = trace.metrics()
    row |= {key: metrics[key] for key in METRIC_COLUMNS if key in metrics}
    return row, trace


def _bound(problem: Problem, trace: Trace) -> dict[str, float]:
    """Bound and gap for the luck of this very run, where a bound exists for the objective."""
    from schedulers.bounds import lower_bound

    bound = lower_bound(problem, trace.realisation)
    if bound is None or not bound > 0:
        return {}
    return {"bound": bound, "gap": objective_of(trace) / bound - 1.0}
