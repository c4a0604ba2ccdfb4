"""Which requests are looked at: all, and those that the objective looks at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scenarios.explain.chains import Chains, chains
from scenarios.explain.pieces import PARTS
from simulator.arrays import FloatArray

if TYPE_CHECKING:
    from simulator.trace import Trace


@dataclass(frozen=True, eq=False)
class Sample:
    """Where the latency of some requests goes, in seconds a request.

    Parameters
    ----------
    label : str
    requests : int
        How many they are.
    total : float
        Their mean latency.
    parts : (P,) float array, means; columns are `PARTS`, their sum is `total`
    task : (T,) float array, mean seconds that each task was on the chain
    edge : (E,) float array, mean seconds that each message was on it
    """

    label: str
    requests: int
    total: float
    parts: FloatArray
    task: FloatArray
    edge: FloatArray

    def by_part(self) -> dict[str, float]:
        """Part -> seconds."""
        return {name: float(x) for name, x in zip(PARTS, self.parts, strict=True)}


def samples_of(trace: Trace) -> tuple[Sample, ...]:
    """All requests, then those that the objective looks at, if they are others.

    These are for a quantile the requests whose latency is not below it, for the makespan and the
    throughput the last one to complete, and for a mean all of them, weighted as the objective does.
    """
    followed, log = chains(trace), trace.log
    done = np.isfinite(log.completed)
    if not done.any():
        nothing = Chains(np.zeros((1, len(PARTS))), np.zeros((1, trace.problem.n_tasks)),
                         np.zeros((1, trace.problem.n_edges)))  # fmt: skip
        return (_sample("no request completed", nothing, np.zeros(1), np.zeros(1)),)
    latency = np.where(done, log.completed - log.arrival, 0.0)
    if len(done) == 1:
        return (_sample("critical path", followed, latency, np.ones(1)),)
    everyone = done.astype(np.float64)
    out = [_sample("all requests", followed, latency, everyone)]
    for name, _ in trace.problem.objective.terms:
        if name in ("makespan", "throughput"):
            last = np.zeros(len(done))
            last[int(np.nanargmax(log.completed))] = 1.0
            return (*out, _sample("last to complete", followed, latency, last))
        if name == "mean_latency" and len(set(trace.problem.stream_weight.tolist())) > 1:
            weight = everyone * trace.problem.stream_weight[trace.realisation.stream]
            return (*out, _sample("all, by weight", followed, latency, weight))
        if name.endswith("_latency") and name != "mean_latency":
            limit = float(np.quantile(latency[done], float(name[1:3]) / 100.0))
            tail = everyone * (latency >= limit)
            label = f"slowest {100 - int(name[1:3])} %"
            return (*out, _sample(label, followed, latency, tail))
    return tuple(out)


def _sample(label: str, followed: Chains, latency: FloatArray, weight: FloatArray) -> Sample:
    rows = np.flatnonzero(weight > 0)
    if len(rows) == 0:
        means = [np.zeros(x.shape[1]) for x in (followed.parts, followed.task, followed.edge)]
        return Sample(label, 0, 0.0, *means)
    share = weight[rows] / weight[rows].sum()
    return Sample(
        label,
        len(rows),
        float(share @ latency[rows]),
        share @ followed.parts[rows],
        share @ followed.task[rows],
        share @ followed.edge[rows],
    )
