"""What is minimised: one number for a run, from completions and busy times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from simulator.arrays import FloatArray, IntArray
from simulator.cluster import positive, require
from simulator.errors import InvalidScenario, unknown

if TYPE_CHECKING:
    from simulator.problem import Problem

METRICS: Mapping[str, str] = {
    "makespan": "seconds from the first arrival to the last completion",
    "mean_latency": "mean seconds from arrival to completion, weighted by stream",
    "p50_latency": "median latency in seconds",
    "p95_latency": "95th percentile of the latency in seconds",
    "p99_latency": "99th percentile of the latency in seconds",
    "throughput": "seconds per completed request (the reciprocal, so that less is better)",
    "energy": "joules of all nodes over the makespan",
    "cost": "price of all nodes reserved over the makespan",
    "cost_busy": "price of the nodes while they are busy",
    "balance": "busy time of the busiest node over the mean",
}
"""Terms of an objective; all are minimised."""


@dataclass(frozen=True)
class Objective:
    """A weighted sum of `METRICS`.

    Parameters
    ----------
    terms : tuple of (metric name, weight)
    lost_penalty : float or None
        Added for each lost request; None makes any lost request infinitely bad.
    """

    terms: tuple[tuple[str, float], ...] = (("makespan", 1.0),)
    lost_penalty: float | None = None

    def __post_init__(self) -> None:
        require(len(self.terms) > 0, "objective: there are no terms")
        for name, weight in self.terms:
            if name not in METRICS:
                raise unknown("objective", name, METRICS)
            positive(f"objective {name}", the_weight=weight)

    @staticmethod
    def parse(text: object) -> Objective:
        """From "makespan", or a mapping of metric to weight."""
        if isinstance(text, str):
            return Objective(((text, 1.0),))
        if isinstance(text, Mapping):
            for name, weight in text.items():
                if isinstance(weight, bool) or not isinstance(weight, int | float):
                    raise InvalidScenario(f"objective {name}: the weight must be a number")
            return Objective(tuple((str(k), float(w)) for k, w in text.items()))
        raise InvalidScenario(f"objective: expected a name or a mapping, got {text!r}")

    def __str__(self) -> str:
        if len(self.terms) == 1:
            return self.terms[0][0]
        return " + ".join(f"{w:g} {name}" for name, w in self.terms)

    def values(
        self,
        problem: Problem,
        stream: IntArray,
        arrival: FloatArray,
        completed: FloatArray,
        busy: FloatArray,
    ) -> FloatArray:
        """Objective of B runs.

        Parameters
        ----------
        problem : Problem
        stream : (R,) int array
        arrival : (B, R) or (R,) float array, seconds
        completed : (B, R) float array, seconds, NaN where a request was lost
        busy : (B, N) float array, slot-seconds of every node

        Returns
        -------
        (B,) float array, +inf where no request completed or one was lost without penalty.
        """
        lost = np.isnan(completed).sum(axis=1)
        total = np.zeros(len(completed))
        with np.errstate(invalid="ignore"):
            for name, weight in self.terms:
                total += weight * _term(name, problem, stream, arrival, completed, busy, lost)
        total += 0.0 if self.lost_penalty is None else self.lost_penalty * lost
        dead = (lost > 0) if self.lost_penalty is None else (lost == completed.shape[1])
        total[dead] = np.inf
        return total


def _term(
    name: str,
    problem: Problem,
    stream: IntArray,
    arrival: FloatArray,
    completed: FloatArray,
    busy: FloatArray,
    lost: IntArray,
) -> FloatArray:
    """One metric for B runs; rows with losses may be NaN, the caller overrules them."""
    last = np.fmax.reduce(completed, axis=1)
    makespan = last - np.fmin.reduce(arrival, axis=-1)
    if name == "makespan":
        return makespan
    if name.endswith("_latency"):
        latency = completed - arrival
        if name == "mean_latency":
            weight = problem.stream_weight[stream]
            share = np.where(np.isnan(latency), 0.0, weight)
            return np.asarray(np.nansum(latency * weight, axis=1) / share.sum(axis=1))
        q = float(name[1:3]) / 100.0
        if not lost.any():
            return np.asarray(np.quantile(latency, q, axis=1))
        out = np.full(len(latency), np.nan)
        alive = lost < latency.shape[1]
        out[alive] = np.nanquantile(latency[alive], q, axis=1)
        return out
    if name == "throughput":
        return np.asarray(makespan / np.maximum(completed.shape[1] - lost, 1))
    if name == "energy":
        return energy_joules(problem, busy, makespan)
    if name == "cost":
        return np.asarray(problem.price_per_s.sum() * makespan)
    if name == "cost_busy":
        return np.asarray((busy / problem.arrays.slots) @ problem.price_per_s)
    per_node = (busy / problem.arrays.slots)[:, problem.is_compute]
    mean = per_node.mean(axis=1)
    return np.asarray(np.where(mean > 0, per_node.max(axis=1) / np.where(mean > 0, mean, 1), 1.0))


def energy_joules(problem: Problem, busy: FloatArray, makespan: FloatArray) -> FloatArray:
    """Busy watts x busy time + idle watts x the rest, summed over nodes.

    A node with c slots counts as busy in proportion to the slots in use. (B,) joules.
    """
    share = busy / problem.arrays.slots
    rest = np.maximum(makespan[:, None] - share, 0.0)
    return np.asarray(share @ problem.busy_watts + rest @ problem.idle_watts)
