"""One run of one scheduler as a row of a table; comparisons and studies share it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulator.engines import SEMANTICS, simulate
from simulator.errors import AlloclabError, InvalidScenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from schedulers.budget import Budget
    from schedulers.outcome import Outcome
    from simulator.problem import Problem
    from simulator.trace import Trace

    Watch = Callable[[Budget], None]

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
class Run:
    """What one scheduler made of one problem.

    Parameters
    ----------
    row : dict
        ``scheduler``, ``seed`` and ``semantics``, and then either ``error`` or objective, bound,
        metrics and clocks.
    trace, outcome : Trace and Outcome, or None where the scheduler failed
    """

    row: dict[str, Any]
    trace: Trace | None = None
    outcome: Outcome | None = None


def run_one(
    problem: Problem,
    spec: str,
    seed: int,
    limits: tuple[float | None, int | None] = (None, None),
    engine: str = "auto",
    watch: Watch | None = None,
    planning: Problem | None = None,
) -> Run:
    """Solve, simulate under the test luck of the seed, and put down what came out.

    A scheduler that finds nothing feasible, or breaks, gives a row with its error.

    Parameters
    ----------
    problem : Problem
        Built for the same seed.
    spec : str
    seed : int
    limits : (seconds or None, evaluations or None)
    engine : {"auto", "reference", "kernel"}
    watch : callable taking the budget of the running search, called now and then
    planning : Problem or None
        What the scheduler is given to plan with, where that is not the truth; see
        `scenarios.information`.

    Raises
    ------
    KeyboardInterrupt
        Interrupted before anything was found; after that the outcome's status says so.
    """
    from schedulers import solve

    given = problem if planning is None else planning
    seconds, evaluations = limits
    row: dict[str, Any] = {"scheduler": spec, "seed": seed, "semantics": SEMANTICS}
    try:
        outcome = solve(
            spec, given, seconds=seconds, evaluations=evaluations, seed=seed, progress=watch
        )
    except AlloclabError as error:
        return Run({**row, "error": str(error)})
    except Exception as error:  # a defect of one scheduler, perhaps somebody's own, costs its row
        text = f"scheduler {spec} failed: {type(error).__name__}: {error}"
        return Run({**row, "error": " ".join(text.split())})
    trace = simulate(problem, outcome.allocation, engine=engine, seed=seed)
    row |= {
        "objective": objective_of(trace),
        "planned_objective": outcome.objective,
        "cpu_seconds": outcome.cpu_seconds,
        "evaluations": outcome.evaluations,
        "status": outcome.status,
        "engine": trace.engine,
        **_bound(problem, trace, outcome if given is problem else None),
    }
    metrics = trace.metrics()
    row |= {key: metrics[key] for key in METRIC_COLUMNS if key in metrics}
    return Run(row, trace, outcome)


def objective_of(trace: Trace) -> float:
    """Objective of the problem for one simulated run; infinite where a request was lost."""
    return float(trace.metrics().get("objective", math.inf))


def _bound(problem: Problem, trace: Trace, outcome: Outcome | None) -> dict[str, float]:
    """Bound and gap for the luck of this very run, where a bound exists for the objective.

    Where there is no luck, what the search itself has proved holds for this run too; not so what
    it has proved for an estimate, whose outcome is not given.
    """
    from schedulers.bounds import lower_bound
    from schedulers.exactness import plan_is_exact

    bound = lower_bound(problem, trace.realisation)
    proved = None if outcome is None else outcome.bound
    if bound is not None and proved is not None and plan_is_exact(problem):
        bound = max(bound, proved)
    if bound is None or not bound > 0:
        return {}
    return {"bound": bound, "gap": objective_of(trace) / bound - 1.0}


def specs_of(schedulers: Sequence[str]) -> list[str]:
    """Specs to run, each once; a misspelt name is reported before anything runs.

    Parameters
    ----------
    schedulers : sequence of spec strings
        "all" stands for every registered one.

    Raises
    ------
    UnknownName, InvalidSpec, InvalidScenario
    """
    from schedulers import make, names
    from schedulers.registry import spec_of

    asked = [s for spec in schedulers for s in (names() if spec.strip() == "all" else (spec,))]
    if not asked:
        raise InvalidScenario("schedulers: name at least one")
    return list({spec_of(make(spec)): spec for spec in reversed(asked)}.values())[::-1]
