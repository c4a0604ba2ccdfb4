"""Compare schedulers on one scenario: solve, simulate under unseen luck, tabulate."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from scenarios.rows import METRIC_COLUMNS, objective_of, run_one, specs_of
from simulator.errors import Infeasible, InvalidScenario
from simulator.shown import Shown
from simulator.units import format_si

if TYPE_CHECKING:
    import pandas as pd

    from scenarios.scenario import Scenario
    from schedulers.budget import Budget
    from schedulers.outcome import Outcome
    from simulator.problem import Problem
    from simulator.trace import Trace

Progress = Callable[[str], None]
Watch = Callable[["Budget"], None]

__all__ = ["METRIC_COLUMNS", "Comparison", "compare", "default_specs", "objective_of"]

LEFT_OUT = (
    "brute_force", "exact", "fcp", "flb", "bil", "dps", "mst", "msbc", "wba", "hybrid", "sdbats",
    "parametric", "m_topo", "m_etf", "m_sct", "chain_partition", "random_search", "memetic",
    "nsga2", "stream_search",
)  # fmt: skip
"""Schedulers that are compared when asked for only, to keep the usual table short and quick."""


@dataclass(frozen=True, repr=False)
class Comparison(Shown):
    """Rows of one comparison, and the best run of every scheduler.

    Parameters
    ----------
    scenario : Scenario
    rows : list of dict
        One for each scheduler and seed.
    seeds : tuple of int
        Those that were run.
    traces, outcomes : mapping of spec to the Trace and the Outcome of its first seed
    curves : list of dict
        Best-so-far curves of all runs: scheduler, seed, seconds, evaluations, objective.
    interrupted : bool
        Whether somebody ended it early; searches cut off so hand in their best.
    """

    scenario: Scenario
    rows: list[dict[str, Any]]
    seeds: tuple[int, ...]
    engine: str
    traces: dict[str, Trace] = field(default_factory=dict, repr=False)
    outcomes: dict[str, Outcome] = field(default_factory=dict, repr=False)
    curves: list[dict[str, Any]] = field(default_factory=list, repr=False)
    interrupted: bool = False

    def _title(self) -> str:
        return self.scenario.name

    def _summary(self) -> dict[str, str]:
        rows = self.summary()
        good = [row for row in rows if "error" not in row]
        out = {"best": good[0]["scheduler"]} if good else {}
        out["schedulers"] = (
            str(len(rows))
            if len(good) == len(rows)
            else (f"{len(rows)}, {len(rows) - len(good)} failed")
        )
        out |= {"seeds": str(len(self.seeds)), "minimise": str(self.scenario.objective)}
        return out | ({"note": "interrupted"} if self.interrupted else {})

    def _details(self) -> tuple[list[str], list[list[str]]]:
        rows = [
            [row["scheduler"], row["error"], "", "", ""]
            if "error" in row
            else [
                row["scheduler"],
                f"{row['objective']:.6g}",
                f"{row['ratio']:.3f}x",
                f"{100 * row['gap']:.1f} %" if "gap" in row else "",
                format_si(row["cpu_seconds"], "s"),
            ]
            for row in self.summary()
        ]
        return ["scheduler", "objective", "vs best", "gap", "CPU"], rows

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
            raise Infeasible(f"{self.scenario.name}: no scheduler gave an answer: {row['error']}")
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


def default_specs() -> list[str]:
    """The schedulers that are compared unless others are named."""
    from schedulers import names

    return [name for name in names() if name not in LEFT_OUT]


def compare(
    scenario: Scenario,
    schedulers: Sequence[str] | None = None,
    seeds: int | Sequence[int] = 1,
    seconds: float | None = None,
    evaluations: int | None = None,
    engine: str = "auto",
    progress: Progress | None = None,
    watch: Watch | None = None,
) -> Comparison:
    """Let every scheduler allocate, and simulate each allocation under the same unseen luck.

    An interrupt (Ctrl-C) ends the running search, whose best so far is its answer, and with it
    the comparison; the rows until then are returned.

    Parameters
    ----------
    scenario : Scenario
        Its field `information` says what schedulers are told; results are judged by the truth.
    schedulers : sequence of spec strings
        Default all but `LEFT_OUT`; "all" stands for every registered one.
    seeds : int or sequence of int
        Replications: seed s draws the `plan` luck, the scheduler's own choices and the `test`
        luck, the same for all schedulers.
    seconds, evaluations : budget of each search; None leaves it to the scheduler
    engine : {"auto", "reference", "kernel"}
    progress : callable taking the scheduler about to run, called once a run
    watch : callable taking the budget of the running search, called now and then

    Returns
    -------
    Comparison

    Raises
    ------
    UnknownName, InvalidScenario
    """
    from scenarios.information.estimate import planning
    from schedulers.base import check_limits

    specs = default_specs() if schedulers is None else specs_of(schedulers)
    check_limits(seconds, evaluations)
    chosen = tuple(range(seeds)) if isinstance(seeds, int) else tuple(seeds)
    if not chosen:
        raise InvalidScenario("seeds: at least one is needed")
    result = Comparison(scenario, [], chosen, engine)
    limits = (seconds, evaluations)
    try:
        for seed in chosen:
            problem = scenario.problem(seed=seed)
            given = planning(scenario, seed, problem)
            for spec in specs:
                if progress is not None:
                    progress(spec)
                _one(result, problem, given, spec, seed, limits, watch)
    except KeyboardInterrupt:
        if not any("objective" in row for row in result.rows):
            raise
        done = dict.fromkeys(row["seed"] for row in result.rows)
        result = replace(result, interrupted=True, seeds=tuple(done))
    if all("error" in row for row in result.rows):
        why = result.rows[0]["error"]
        raise Infeasible(f"{scenario.name}: no scheduler gave an answer: {why}")
    return result


def _one(
    result: Comparison,
    problem: Problem,
    given: Problem,
    spec: str,
    seed: int,
    limits: tuple[float | None, int | None],
    watch: Watch | None,
) -> None:
    """Add one run of one scheduler; one that finds nothing feasible is a row, not the end.

    Raises
    ------
    KeyboardInterrupt
        The search was interrupted; its best is in the result.
    """
    from scenarios.curves import curve_rows

    run = run_one(problem, spec, seed, limits, result.engine, watch, planning=given)
    result.rows.append({"scenario": result.scenario.name, **run.row})
    if run.trace is None or run.outcome is None:
        return
    result.curves.extend(curve_rows(spec, seed, run.outcome))
    if seed == result.seeds[0]:
        result.traces[spec], result.outcomes[spec] = run.trace, run.outcome
    if run.outcome.status == "interrupted":
        raise KeyboardInterrupt
