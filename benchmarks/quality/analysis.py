"""From rows to tables: what each makespan is compared with, and means over groups of instances."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from benchmarks.quality.cases import Case
from benchmarks.quality.runs import UNLIMITED
from benchmarks.quality.statistics import CLOSE, FloatArray, geometric, wins

Key = tuple[str, str]
"""Set and instance."""


@dataclass(frozen=True)
class Reference:
    """What the makespans of one instance are compared with.

    Parameters
    ----------
    best : float
        Least of the published one, the one kept for the set, and all rows.
    optimum : float or None
        Where it is proved, by the publication or by a row.
    heft, best_list : float or None
        HEFT's, and the least of all list schedulers.
    bound : float or None
        Greatest lower bound of the publication and all rows.
    """

    best: float
    optimum: float | None
    heft: float | None
    best_list: float | None
    bound: float | None


@dataclass
class Analysis:
    """Rows of one run beside their instances.

    Parameters
    ----------
    rows : list of dict
        As `benchmarks.quality.runs.done` returns them; those of other instances are left out.
    cases : sequence of Case
    lists : collection of str
        Specs of the list schedulers.
    """

    rows: list[dict[str, Any]]
    cases: Sequence[Case]
    lists: Iterable[str]
    failed: list[dict[str, Any]] = field(init=False)
    faults: list[dict[str, Any]] = field(init=False)

    def __post_init__(self) -> None:
        self.by_key: dict[Key, Case] = {(c.set, c.name): c for c in self.cases}
        self.lists = frozenset(self.lists)
        wanted = {(c.set, c.name): c.digest for c in self.cases}
        mine = [r for r in self.rows if wanted.get((r["set"], r["instance"])) == r["digest"]]
        self.failed = [r for r in mine if "error" in r]
        self.faults = [r for r in mine if r.get("fault")]
        self.rows = [r for r in mine if "error" not in r and not r.get("fault")]

    @cached_property
    def references(self) -> dict[Key, Reference]:
        """Reference of every instance that has any."""
        found: dict[Key, list[dict[str, Any]]] = defaultdict(list)
        for row in self.rows:
            found[row["set"], row["instance"]].append(row)
        return {key: self._reference(self.by_key[key], mine) for key, mine in found.items()}

    def _reference(self, case: Case, rows: list[dict[str, Any]]) -> Reference:
        values = [r["objective"] for r in rows]
        proved = [r["objective"] for r in rows if r["status"] == "optimal"]
        if case.proved and case.best_known is not None:
            proved = [case.best_known]
        bounds = [b for b in (case.bound, *(r["bound"] for r in rows)) if b is not None]
        lists = [r["objective"] for r in rows if r["scheduler"] in self.lists]
        heft = [r["objective"] for r in rows if r["scheduler"] == "heft"]
        known = [] if case.best_known is None else [case.best_known]
        return Reference(
            best=min([*known, *values]),
            optimum=min(proved) if proved else None,
            heft=min(heft) if heft else None,
            best_list=min(lists) if lists else None,
            bound=max(bounds) if bounds else None,
        )

    @cached_property
    def budgets(self) -> tuple[str, ...]:
        """Budgets of the searches, in the order of the rows."""
        return tuple(dict.fromkeys(r["budget"] for r in self.rows if r["budget"] != UNLIMITED))

    @cached_property
    def runs(self) -> dict[tuple[str, str], dict[Key, list[dict[str, Any]]]]:
        """(scheduler, budget) -> instance -> rows, one for each seed."""
        out: dict[tuple[str, str], dict[Key, list[dict[str, Any]]]] = defaultdict(
            lambda: defaultdict(list)
        )
        for row in self.rows:
            out[row["scheduler"], row["budget"]][row["set"], row["instance"]].append(row)
        return out

    def of(self, scheduler: str, budget: str) -> dict[Key, list[float]]:
        """Makespans by instance, one for each seed; a list scheduler has one at any budget."""
        kind = UNLIMITED if scheduler in self.lists else budget
        found = self.runs.get((scheduler, kind), {})
        return {key: [r["objective"] for r in rows] for key, rows in found.items()}

    def schedulers(self, budget: str) -> tuple[str, ...]:
        """Those with rows at this budget, list schedulers included."""
        return tuple(s for s, b in self.runs if b in (budget, UNLIMITED))

    def below_optimum(self) -> list[dict[str, Any]]:
        """Rows that claim less than a published optimum: there must be none."""
        out = []
        for row in self.rows:
            case = self.by_key[row["set"], row["instance"]]
            published = case.best_known if case.proved else None
            if published is not None and row["objective"] < published * (1 - CLOSE):
                out.append(row)
        return out

    def matrix(self, schedulers: Sequence[str], budget: str) -> tuple[list[Key], FloatArray]:
        """Instances that all of them solved, and (I, S) means over the seeds."""
        tables = [self.of(s, budget) for s in schedulers]
        keys = [k for k in self.by_key if all(k in t for t in tables)]
        values = [[float(np.mean(t[k])) for t in tables] for k in keys]
        return keys, np.array(values, dtype=float).reshape(len(keys), len(tables))

    def summary(
        self, budget: str, against: str, chosen: Callable[[Case], bool] = lambda _: True
    ) -> list[dict[str, Any]]:
        """One row for each scheduler over the chosen instances, best first.

        Ratios are geometric means over instances of the mean over seeds; gaps are to the best
        known, in per cent, over all runs.
        """
        base = self.of(against, budget)
        out = []
        for scheduler in self.schedulers(budget):
            mine = self.of(scheduler, budget)
            keys = [k for k in mine if chosen(self.by_key[k])]
            if keys:
                out.append(self._line(scheduler, {k: mine[k] for k in keys}, base))
        return sorted(out, key=lambda r: (-r["instances"], r["/ best"], r["scheduler"]))

    def _line(
        self, scheduler: str, mine: Mapping[Key, list[float]], base: Mapping[Key, list[float]]
    ) -> dict[str, Any]:
        keys = list(mine)
        mean = {k: float(np.mean(mine[k])) for k in keys}
        refs = {k: self.references[k] for k in keys}
        gaps = [100 * (x / refs[k].best - 1) for k in keys for x in mine[k] if refs[k].best > 0]
        proved = [(x, opt) for k in keys if (opt := refs[k].optimum) is not None for x in mine[k]]
        optimal = [x <= opt * (1 + CLOSE) for x, opt in proved]

        def ratio(pick: Callable[[Reference], float | None]) -> float:
            pairs = [(mean[k], pick(refs[k])) for k in keys]
            return geometric([x / y for x, y in pairs if y])

        shared = [k for k in keys if k in base]
        counts = wins(
            np.array([mean[k] for k in shared]), np.array([float(np.mean(base[k])) for k in shared])
        )
        return {
            "scheduler": scheduler,
            "instances": len(keys),
            "/ best": ratio(lambda r: r.best),
            "/ HEFT": ratio(lambda r: r.heft),
            "/ best list": ratio(lambda r: r.best_list),
            "/ bound": ratio(lambda r: r.bound),
            "mean gap %": float(np.mean(gaps)) if gaps else math.nan,
            "max gap %": max(gaps, default=math.nan),
            "optimal %": 100 * float(np.mean(optimal)) if optimal else math.nan,
            "win/tie/loss": "/".join(map(str, counts)) if shared else "",
        }

    def groups(self) -> list[tuple[str, Callable[[Case], bool]]]:
        """Names and conditions of all groups: sets, then CCR levels and classes within a set."""
        out: list[tuple[str, Callable[[Case], bool]]] = []
        for name in dict.fromkeys(c.set for c in self.cases):
            inside = [c for c in self.cases if c.set == name]
            out.append((name, lambda c, name=name: c.set == name))  # type: ignore[misc]
            for ccr in sorted({c.ccr for c in inside if c.ccr is not None}):
                out.append((f"{name}, CCR {ccr:g}", lambda c, name=name, ccr=ccr: (
                    c.set == name and c.ccr == ccr)))  # type: ignore[misc]  # fmt: skip
            families = sorted({c.family for c in inside})
            for family in families if len(families) > 1 else ():
                out.append((f"{name}, class {family}", lambda c, name=name, family=family: (
                    c.set == name and c.family == family)))  # type: ignore[misc]  # fmt: skip
        return out

    def curves(self, budget: str, schedulers: Sequence[str], axis: int) -> dict[str, Any]:
        """Mean best-so-far ratio to the best known over seconds (axis 0) or evaluations (axis 1).

        Returns
        -------
        dict of scheduler to (grid, ratio); the grid starts where every run has an answer.
        """
        out: dict[str, Any] = {}
        for scheduler in schedulers:
            rows = [r for mine in self.runs.get((scheduler, budget), {}).values() for r in mine]
            lines = [np.array(r["curve"], dtype=float) for r in rows if r["curve"]]
            if not lines:
                continue
            first = max(max(line[0, axis] for line in lines), 1e-4 if axis == 0 else 1.0)
            spent = "evaluations" if axis else "cpu_seconds"
            last = max(*(line[-1, axis] for line in lines), *(r[spent] for r in rows), first * 1.01)
            grid = np.geomspace(first, last, 120)
            total = np.zeros(len(grid))
            for row, line in zip([r for r in rows if r["curve"]], lines, strict=True):
                place = np.searchsorted(line[:, axis], grid * (1 + CLOSE), side="right") - 1
                best = self.references[row["set"], row["instance"]].best
                total += np.log(line[np.maximum(place, 0), 2] / best)
            out[scheduler] = (grid, np.exp(total / len(lines)))
        return out
