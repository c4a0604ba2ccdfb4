"""Several objectives of many candidates out of one simulation each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from simulator.arrays import FloatArray, IntArray
from simulator.batch import evaluate_batch
from simulator.errors import InvalidScenario, unknown
from simulator.objective import METRICS, Objective

if TYPE_CHECKING:
    from simulator.problem import Problem

AUTO = "auto"
OBJECTIVES: Mapping[str, str] = {
    **METRICS,
    "accuracy": "1 - mean declared accuracy over the tasks",
    "lost": "mean number of lost requests",
}
"""What a front may be made of; all are minimised."""


def parse_names(text: str) -> tuple[str, ...]:
    """Names joined by ``+``; empty for `AUTO`.

    Raises
    ------
    UnknownName
        Something that is no objective; suggests the nearest one.
    ValueError
        Fewer than two, or one of them twice.

    Examples
    --------
    >>> parse_names("mean_latency+energy")
    ('mean_latency', 'energy')
    """
    if text.strip() == AUTO:
        return ()
    names = tuple(part.strip() for part in text.split("+"))
    for name in names:
        if name not in OBJECTIVES:
            raise unknown("objective", name, (*OBJECTIVES, AUTO), "nsga2")
    if len(names) < 2:
        raise ValueError(f"objectives must name at least two, joined by +, got {text!r}")
    if len(set(names)) < len(names):
        raise ValueError(f"objectives names one of them twice: {text!r}")
    return names


def names_for(problem: Problem, asked: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Objectives of the search on a problem.

    Those asked for; else the terms of the problem's own objective, then what the problem says
    something about: energy where watts are given, the price of busy time where prices are, accuracy
    where variants of a task differ in it, and balance if that leaves one alone. Where the problem
    puts up with lost requests, their number is the last objective, since otherwise losing
    the slow ones would be a way to be quick.

    Raises
    ------
    InvalidScenario
        An objective was asked for about which the problem says nothing.
    """
    names = list(asked)
    if asked:
        for name in asked:
            _require_data(problem, name)
    else:
        names += [name for name, _ in problem.objective.terms]
        if "energy" not in names and _has_watts(problem):
            names.append("energy")
        if not {"cost", "cost_busy"} & set(names) and problem.price_per_s.any():
            names.append("cost_busy")
        if _accuracies_differ(problem):
            names.append("accuracy")
        if len(names) == 1:
            names.append("makespan" if names[0] == "balance" else "balance")
    if problem.objective.lost_penalty is not None and "lost" not in names:
        names.append("lost")
    return tuple(names)


def _has_watts(problem: Problem) -> bool:
    return bool(problem.busy_watts.any() or problem.idle_watts.any())


def _accuracies_differ(problem: Problem) -> bool:
    loss = accuracy_loss(problem)
    if loss is None:
        return False
    usable = problem.allowed.any(axis=2)
    most = np.where(usable, loss, -np.inf).max(axis=1)
    return bool((most > np.where(usable, loss, np.inf).min(axis=1)).any())


def _require_data(problem: Problem, name: str) -> None:
    lacking = {
        "energy": (not _has_watts(problem), "no node of its cluster has watts"),
        "cost": (not problem.price_per_s.any(), "no node of its cluster has a price"),
        "cost_busy": (not problem.price_per_s.any(), "no node of its cluster has a price"),
        "accuracy": (np.isnan(problem.accuracy).all(), "no variant declares an accuracy"),
        "lost": (problem.objective.lost_penalty is None, "its objective has no lost_penalty"),
    }
    missing, why = lacking.get(name, (False, ""))
    if missing:
        raise InvalidScenario(
            f"nsga2: objective {name!r} makes no sense for {problem.name!r}: {why}"
        )


def accuracy_loss(problem: Problem) -> FloatArray | None:
    """1 - declared accuracy of every variant; None if none is declared anywhere.

    Returns
    -------
    (T, V) float array
        0 for tasks of which no variant declares an accuracy: they are left out of the mean. Where
        others of the task do, a variant without one counts as accuracy 0: silence is no way to
        look good.
    """
    declared = np.asarray(~np.isnan(problem.accuracy))
    if not declared.any():
        return None
    loss = np.where(declared, 1.0 - problem.accuracy, 1.0)
    return np.where(np.any(declared, axis=1, keepdims=True), loss, 0.0)


class Judge:
    """Simulates candidates once and reads off all objectives and the problem's own.

    Parameters
    ----------
    problem : Problem
    names : tuple of str
        M of `OBJECTIVES`.
    """

    def __init__(self, problem: Problem, names: tuple[str, ...]) -> None:
        self.problem = problem
        self.names = names
        self.loss = accuracy_loss(problem)
        counted = ~np.isnan(problem.accuracy).all(axis=1)
        self.counted = int(counted.sum())
        penalty = None if problem.objective.lost_penalty is None else 0.0
        self.terms = {n: Objective(((n, 1.0),), penalty) for n in names if n in METRICS}

    def __call__(
        self, node: IntArray, variant: IntArray, priority: IntArray, threads: int = 1
    ) -> tuple[FloatArray, FloatArray]:
        """Judge B candidates.

        Parameters
        ----------
        node, variant, priority : (B, T) int64 arrays
            They keep all constraints.

        Returns
        -------
        values : (B, M) float array
            Each objective over the `plan` realisations, put together by `Problem.plan_risk`.
        objective : (B,) float array
            The problem's objective, as `Problem.evaluate` says. Both are +inf where requests are
            lost that the problem does not put up with.
        """
        problem = self.problem
        found = np.empty((len(problem.plan), len(self.names) + 1, len(node)))
        for d, luck in enumerate(problem.plan):
            run = evaluate_batch(problem.arrays, node, variant, priority, luck, threads=threads)
            facts = (problem, luck.stream, run.arrival, run.completed, run.busy)
            found[d, -1] = problem.objective.values(*facts)
            for i, name in enumerate(self.names):
                if name in self.terms:
                    found[d, i] = self.terms[name].values(*facts)
                else:
                    found[d, i] = run.lost if name == "lost" else self._accuracy(variant)
        over = problem.plan_risk.over
        objective = over(found[:, -1])
        values = np.stack([over(found[:, i]) for i in range(len(self.names))], axis=1)
        values[~np.isfinite(objective)] = np.inf
        return values, objective

    def _accuracy(self, variant: IntArray) -> FloatArray:
        """(B,) 1 - mean accuracy over the tasks that declare one."""
        assert self.loss is not None
        tasks = np.arange(variant.shape[1])
        return np.asarray(self.loss[tasks, variant].sum(axis=1) / self.counted)
