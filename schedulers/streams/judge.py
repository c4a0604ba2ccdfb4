"""The truth at several prices: whole plan realisations, or the first requests of one."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np

from simulator.arrays import FloatArray, IntArray
from simulator.batch import evaluate_batch, nanoseconds
from simulator.evaluate import admissible
from simulator.realisation import Realisation

if TYPE_CHECKING:
    from schedulers.budget import Budget
    from simulator.problem import Problem

Rows = tuple[IntArray, IntArray, IntArray]

SHORTEST = 200
"""Requests of a shortened run, at least."""

PORTION_NANOSECONDS = 2e7
"""Estimated time of the simulations between two looks at the budget."""

PER_REQUEST = ("stream", "task_factor", "edge_factor", "taken", "think")


def shortened(luck: Realisation, requests: int) -> Realisation:
    """The first requests of a realisation, with the same luck."""
    values = {f.name: getattr(luck, f.name) for f in fields(luck)}
    values["arrival"] = luck.arrival[:requests]
    for name in PER_REQUEST:
        if values[name].shape[0] == luck.n_requests:
            values[name] = values[name][:requests]
    return Realisation(**values)


def keys_of(rows: Rows) -> list[bytes]:
    """Something to recognise each row by."""
    return [b"".join(x[b].tobytes() for x in rows) for b in range(len(rows[0]))]


def taken(rows: Rows, chosen: IntArray | list[int]) -> Rows:
    """Some of the rows."""
    index = np.asarray(chosen, dtype=np.int64)
    return rows[0][index], rows[1][index], rows[2][index]


class Judge:
    """Simulates candidates once each and remembers the best.

    Parameters
    ----------
    problem : Problem
    budget : Budget

    Attributes
    ----------
    best : Rows of one candidate, or None
    best_value : float
    """

    def __init__(self, problem: Problem, budget: Budget) -> None:
        self.problem = problem
        self.budget = budget
        self.best: Rows | None = None
        self.best_value = np.inf
        self._known: dict[bytes, float] = {}
        each = sum(nanoseconds(problem.arrays, luck) for luck in problem.plan)
        self._portion = max(int(PORTION_NANOSECONDS / max(each, 1.0)), 1)
        whole = problem.plan[0]
        most = int(problem.arrays.clients.max(initial=0))
        requests = max(whole.n_requests // 8, SHORTEST, most)
        self._short = shortened(whole, requests) if 2 * requests <= whole.n_requests else None

    @property
    def has_short(self) -> bool:
        """Whether shortened runs save anything."""
        return self._short is not None

    def is_known(self, key: bytes) -> bool:
        """Whether a candidate has been simulated."""
        return key in self._known

    def know(self, rows: Rows, values: FloatArray) -> None:
        """Remember objectives that are known already."""
        for key, value in zip(keys_of(rows), values.tolist(), strict=True):
            self._known[key] = value
        if (
            len(values)
            and (i := int(np.argmin(values))) >= 0
            and (self.best is None or values[i] < self.best_value)
        ):
            self.best, self.best_value = taken(rows, [i]), float(values[i])

    def whole(self, rows: Rows) -> FloatArray:
        """Objectives of candidates, (B,); +inf for those that the budget did not reach."""
        keys = keys_of(rows)
        fresh = [b for b, key in enumerate(keys) if key not in self._known and keys.index(key) == b]
        fresh = fresh[: int(min(len(fresh), self.budget.evaluations_left()))]
        for low in range(0, len(fresh), self._portion):
            if low > 0 and self.budget.left() == 0:
                break
            part = taken(rows, fresh[low : low + self._portion])
            self.know(part, self.budget.evaluate(part))
        return np.array([self._known.get(key, np.inf) for key in keys])

    def short(self, rows: Rows) -> FloatArray:
        """Objectives over the first requests of the first plan realisation, (B,).

        Each counts as an evaluation; +inf for those that the budget did not reach.
        """
        assert self._short is not None
        values = np.full(len(rows[0]), np.inf)
        step = 4 * self._portion
        for low in range(0, len(values), step):
            if low > 0 and self.budget.left() == 0:
                break
            high = low + int(min(step, len(values) - low, self.budget.evaluations_left()))
            self.budget.charge(high - low)
            values[low:high] = self._run_short(taken(rows, list(range(low, high))))
        return values

    def _run_short(self, rows: Rows) -> FloatArray:
        assert self._short is not None
        values = np.full(len(rows[0]), np.inf)
        usable = admissible(self.problem, rows[0], rows[1])
        if len(usable):
            luck = self._short
            run = evaluate_batch(self.problem.arrays, *taken(rows, usable), luck)
            values[usable] = self.problem.objective.values(
                self.problem, luck.stream, run.arrival, run.completed, run.busy
            )
        return values
