"""What wrong estimates cost: every scheduler against itself with exact information."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from scenarios.compare import default_specs
from scenarios.information.estimate import estimate
from scenarios.information.modes import Information, noisy, parse
from scenarios.rows import run_one, specs_of
from simulator.arrays import FloatArray
from simulator.errors import Infeasible, InvalidScenario
from simulator.shown import Shown, some

if TYPE_CHECKING:
    import pandas as pd

    from scenarios.scenario import Scenario
    from schedulers.budget import Budget
    from simulator.problem import Problem

Progress = Callable[[int, int, str], None]
Watch = Callable[["Budget"], None]

SIGMAS = (0.0, 0.1, 0.3, 1.0)
OTHERS = ("mean", "blind")
RESAMPLES = 2000
KEPT = ("objective", "planned_objective", "cpu_seconds", "evaluations", "status", "engine")
"""Columns of a run that a row keeps."""


@dataclass(frozen=True, repr=False)
class Losses(Shown):
    """Rows of an experiment with estimates.

    Parameters
    ----------
    scenario : Scenario
    rows : list of dict
        One for each seed, scheduler and information: ``scheduler``, ``seed``, ``information``,
        ``sigma`` (None but for noise), ``objective`` (in truth), ``planned_objective`` (as
        estimated), ``loss`` (objective over that with exact information - 1), or ``error``.
    information : tuple of Information, the exact one first
    seeds : tuple of int
    interrupted : bool
    """

    scenario: Scenario
    rows: list[dict[str, Any]]
    information: tuple[Information, ...]
    seeds: tuple[int, ...]
    interrupted: bool = False
    limits: tuple[float | None, int | None] = field(default=(None, None))

    @cached_property
    def frame(self) -> pd.DataFrame:
        """All rows as a table."""
        import pandas as pd

        return pd.DataFrame(self.rows)

    @cached_property
    def summary(self) -> list[dict[str, Any]]:
        """One row for each scheduler and information, by mean exact objective, best first.

        ``loss`` is the mean over the seeds with a 95 % percentile bootstrap interval
        (``loss_low``, ``loss_high``; None with one seed), ``ratio`` the mean of the objective over
        the best scheduler's with exact information under the same seed.
        """
        best = self._best()
        out = []
        for spec in self.schedulers:
            for told in self.information:
                mine = [r for r in self.rows if r["scheduler"] == spec
                        and r["information"] == str(told)]  # fmt: skip
                good = [r for r in mine if r.get("loss") is not None]
                row: dict[str, Any] = {"scheduler": spec, "information": str(told),
                                       "sigma": _sigma(told), "seeds": len(good)}  # fmt: skip
                failed = next((r["error"] for r in mine if "error" in r), None)
                if failed is not None:
                    row["error"] = failed
                if good:
                    loss = np.array([r["loss"] for r in good])
                    row |= {"objective": float(np.mean([r["objective"] for r in good])),
                            "loss": float(loss.mean()), "worst": float(loss.max())}  # fmt: skip
                    row["loss_low"], row["loss_high"] = interval(loss)
                    row["ratio"] = float(np.mean([ratio(r["objective"], best[r["seed"]])
                                                  for r in good]))  # fmt: skip
                out.append(row)
        return out

    @cached_property
    def schedulers(self) -> tuple[str, ...]:
        """Specs, that with the least mean exact objective first; those without one last."""
        found = dict.fromkeys(r["scheduler"] for r in self.rows)
        means = {}
        for spec in found:
            values = [r["objective"] for r in self.rows
                      if r["scheduler"] == spec and r["information"] == "exact"
                      and "objective" in r]  # fmt: skip
            means[spec] = float(np.mean(values)) if values else math.inf
        return tuple(sorted(found, key=lambda spec: (means[spec], spec)))

    def _best(self) -> dict[int, float]:
        """Seed -> least objective with exact information."""
        best: dict[int, float] = {}
        for r in self.rows:
            if r["information"] == "exact" and "objective" in r:
                best[r["seed"]] = min(best.get(r["seed"], math.inf), r["objective"])
        return best

    def _title(self) -> str:
        return self.scenario.name

    def _summary(self) -> dict[str, str]:
        return {
            "schedulers": some(self.schedulers),
            "information": ", ".join(map(str, self.information)),
            "seeds": str(len(self.seeds)),
            "minimise": str(self.scenario.objective),
        }

    def _details(self) -> tuple[list[str], list[list[str]]]:
        from scenarios.information.output import table_rows

        rows = table_rows(self)
        columns = list(dict.fromkeys(key for row in rows for key in row))
        return columns, [[str(row.get(key, "")) for key in columns] for row in rows]


def ratio(value: float, base: float) -> float:
    """Value over base; 1 where both are equal, infinite over 0."""
    if value == base:
        return 1.0
    return value / base if base > 0 and math.isfinite(base) else math.inf


def interval(values: FloatArray, level: float = 0.95) -> tuple[float | None, float | None]:
    """Percentile bootstrap interval of the mean; None for fewer than two values."""
    if len(values) < 2 or not np.isfinite(values).all():
        return None, None
    draws = np.random.default_rng(0).integers(0, len(values), (RESAMPLES, len(values)))
    low, high = np.quantile(values[draws].mean(axis=1), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def levels(sigmas: Sequence[float], others: Sequence[str]) -> tuple[Information, ...]:
    """Exact information first, then noise by sigma, then the others, each once.

    Raises
    ------
    UnknownName, InvalidScenario
    """
    asked = [Information(), *(noisy(s) for s in sorted(sigmas) if s != 0)]
    asked += [parse(text) for text in others]
    return tuple(dict.fromkeys(asked))


def measure(
    scenario: Scenario,
    schedulers: Sequence[str] | None = None,
    sigmas: Sequence[float] = SIGMAS,
    others: Sequence[str] = OTHERS,
    seeds: int | Sequence[int] = 10,
    seconds: float | None = None,
    evaluations: int | None = None,
    engine: str = "auto",
    progress: Progress | None = None,
    watch: Watch | None = None,
) -> Losses:
    """Let every scheduler plan with every information and simulate what it plans in truth.

    Parameters
    ----------
    scenario : Scenario
        Its own field `information` is not read.
    schedulers : sequence of spec strings or None
        Default those of a comparison.
    sigmas : sequence of float
        Of `noisy`; 0 is exact information, which always runs, as the base of the losses.
    others : sequence of str
        Further information, such as ``mean`` or ``calibrated[file=mine.yaml]``.
    seeds : int or sequence of int
        Seed s draws the noise, the `plan` and the `test` luck and the schedulers' own choices: all
        schedulers meet the same errors and the same luck.
    seconds, evaluations : budget of each search; None leaves it to the scheduler
    engine : {"auto", "reference", "kernel"}
    progress : callable taking (runs done, runs, what runs now)
    watch : callable taking the budget of the running search

    Returns
    -------
    Losses
        After an interrupt with the rows until then.

    Raises
    ------
    UnknownName, InvalidScenario, Infeasible
    """
    from schedulers.base import check_limits

    specs = default_specs() if schedulers is None else specs_of(schedulers)
    check_limits(seconds, evaluations)
    chosen = tuple(range(seeds)) if isinstance(seeds, int) else tuple(seeds)
    if not chosen:
        raise InvalidScenario("seeds: at least one is needed")
    told = levels(sigmas, others)
    result = Losses(scenario, [], told, chosen, limits=(seconds, evaluations))
    try:
        for seed in chosen:
            _seed(result, scenario.problem(seed=seed), specs, seed, engine, progress, watch)
    except KeyboardInterrupt:
        if not any("objective" in row for row in result.rows):
            raise
        done = tuple(dict.fromkeys(row["seed"] for row in result.rows))
        result = replace(result, interrupted=True, seeds=done)
    if all("error" in row for row in result.rows):
        why = result.rows[0]["error"]
        raise Infeasible(f"{scenario.name}: no scheduler gave an answer: {why}")
    return result


def _seed(
    result: Losses,
    truth: Problem,
    specs: Sequence[str],
    seed: int,
    engine: str,
    progress: Progress | None,
    watch: Watch | None,
) -> None:
    """All runs of one seed: information by information, so that each estimate is made once."""
    runs = len(result.seeds) * len(result.information) * len(specs)
    exact: dict[str, float] = {}
    for told in result.information:
        given = estimate(truth, told, seed)
        for spec in specs:
            if progress is not None:
                progress(len(result.rows), runs, f"{spec}, {told}")
            run = run_one(truth, spec, seed, result.limits, engine, watch, planning=given)
            if run.outcome is not None and run.outcome.status == "interrupted":
                raise KeyboardInterrupt
            row: dict[str, Any] = {"scenario": result.scenario.name, "scheduler": spec,
                                   "seed": seed, "information": str(told),
                                   "sigma": _sigma(told)}  # fmt: skip
            if "error" in run.row:
                result.rows.append({**row, "error": run.row["error"]})
                continue
            row |= {key: run.row[key] for key in KEPT}
            if told.is_exact:
                exact[spec] = row["objective"]
            base = exact.get(spec)
            row["loss"] = None if base is None else ratio(row["objective"], base) - 1.0
            result.rows.append(row)


def _sigma(told: Information) -> float | None:
    """Sigma of a level of noise, 0 for exact information; None for what is no noise."""
    return told.sigma if told.mode in ("exact", "noisy") else None
