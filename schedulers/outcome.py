"""What `solve` hands back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from simulator.allocation import Allocation
from simulator.shown import Shown
from simulator.units import format_si

STATUSES = ("optimal", "feasible", "interrupted")


class Point(NamedTuple):
    """One improvement of the best-so-far curve.

    Parameters
    ----------
    seconds : float, on the clock of the budget, since it began
    evaluations : int, spent by then
    objective : float
    """

    seconds: float
    evaluations: int
    objective: float


class FrontPoint(NamedTuple):
    """One allocation of a Pareto front.

    Parameters
    ----------
    allocation : Allocation
    objectives : mapping of objective name to float, all minimised
    """

    allocation: Allocation
    objectives: Mapping[str, float]


@dataclass(frozen=True, repr=False)
class Outcome(Shown):
    """The answer of one scheduler to one problem.

    Parameters
    ----------
    allocation : Allocation
    objective : float
        What `Problem.evaluate` says of it: the mean over the `plan` realisations, or what
        `Problem.plan_risk` makes of them.
    objectives : mapping of metric name to float
        The same for each term of the objective, before weighting. (Their weighted sum is the
        objective where it is a mean; with CVaR it is at least the objective.)
    bound : float or None
        No allocation has a lower objective: the better of `schedulers.bounds` and what the search
        proved itself; None where no bound is known.
    status : {"optimal", "feasible", "interrupted"}
        Optimal: the objective is within 1e-9 (relative) of the bound.
    curve : tuple of Point
        Best so far over seconds and evaluations, strictly improving; its last point is the answer
        (of a search for several objectives, the best of the problem's own that it has seen).
    cpu_seconds : float
        CPU time of the process, all threads, from after imports, compilation and the lowering of
        the problem to the scheduler's return; on another clock if `solve` was given one.
    wall_seconds : float
    evaluations : int
        Allocations that the scheduler had simulated.
    seed : int
    spec : str
        Builds the same scheduler again: `schedulers.make`.
    version : int
        Of the scheduler; it changes when its answers may.
    semantics : int
        Version of the rules of simulated time.
    front : tuple of FrontPoint
        Pareto front of a search for several objectives; empty for all others.
    """

    allocation: Allocation
    objective: float
    objectives: Mapping[str, float]
    bound: float | None
    status: str
    curve: tuple[Point, ...]
    cpu_seconds: float
    wall_seconds: float
    evaluations: int
    seed: int
    spec: str
    version: int
    semantics: int
    front: tuple[FrontPoint, ...] = ()

    @property
    def gap(self) -> float | None:
        """``objective / bound - 1``; None without a bound or with a bound of 0."""
        return None if not self.bound else self.objective / self.bound - 1.0

    def _title(self) -> str:
        return self.spec

    def _summary(self) -> dict[str, str]:
        out = {"objective": f"{self.objective:.6g}", "status": self.status}
        if self.bound is not None:
            gap = "" if self.gap is None else f" (gap {100 * self.gap:.1f} %)"
            out["bound"] = f"{self.bound:.6g}{gap}"
        out["effort"] = f"{self.evaluations} evaluations, {format_si(self.cpu_seconds, 's')} CPU"
        out["seed"] = str(self.seed)
        if self.front:
            out["front"] = f"{len(self.front)} allocations"
        return out

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "spec": self.spec,
            "version": self.version,
            "semantics": self.semantics,
            "seed": self.seed,
            "status": self.status,
            "objective": self.objective,
            "objectives": dict(self.objectives),
            "bound": self.bound,
            "gap": self.gap,
            "cpu_seconds": self.cpu_seconds,
            "wall_seconds": self.wall_seconds,
            "evaluations": self.evaluations,
            "curve": [list(point) for point in self.curve],
            "allocation": self.allocation.to_dict(),
            "front": [
                {"objectives": dict(p.objectives), "allocation": p.allocation.to_dict()}
                for p in self.front
            ],
        }
