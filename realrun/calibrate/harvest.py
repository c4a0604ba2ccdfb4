"""Durations as they are in a pipeline: a few training allocations are run, medians taken.

A module takes longer between others than in a loop. Training allocations rotate through the nodes,
so that every model is seen on every node that may run it; they are written into the calibration,
and validation stays away from them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from realrun.execute import execute
from simulator.allocation import Allocation
from simulator.arrays import IntArray
from simulator.evaluate import admissible
from simulator.problem import Problem
from simulator.workload import Arrivals, Distribution, Size, Stream

if TYPE_CHECKING:
    from realrun.execute import RealRun
    from realrun.pool import Workers

SPACING = 1.3
"""Between two requests, over the summed durations of one."""
PASSES = 2
"""Over all training allocations, so that a disturbance of some seconds falls on several."""
CUT = 1.5
"""Times the median; durations above count as this."""
Key = tuple[str, str, int]
"""(model, node, batch)."""


@dataclass(frozen=True)
class Sample:
    """Seconds of one model on one node.

    Parameters
    ----------
    seconds : float
        Of a loop; in pipelines the mean of the undisturbed ones, see `typical`.
    spread : float
        Median absolute deviation over the median.
    n : int
    """

    seconds: float
    spread: float
    n: int


def quiet_problem(problem: Problem, requests: int) -> Problem:
    """The problem without luck: nominal sizes, no noise, requests that do not meet."""
    share = np.where(problem.allowed, problem.seconds, -np.inf).max(axis=(1, 2))
    gap = max(SPACING * float(share[np.isfinite(share)].sum()), 0.01)
    count = len(problem.streams)
    streams = tuple(
        _quiet(stream, [gap * (i * count + s) for i in range(requests)])
        for s, stream in enumerate(problem.streams)
    )
    return replace(problem, streams=streams, dispatch=problem.dispatch or "greedy")


def _quiet(stream: Stream, times: Sequence[float]) -> Stream:
    sizes = {
        name: Size(Distribution("constant", {"value": s.nominal}), s.nominal)
        for name, s in stream.sizes.items()
    }
    arrivals = Arrivals("trace", times=tuple(times))
    return replace(stream, sizes=sizes, noise=None, arrivals=arrivals, requests=len(times))


def training_allocations(problem: Problem, count: int, seed: int) -> list[Allocation]:
    """Allocations that together put every task onto every node that may run it, where that fits.

    Each is a random one rotated through the nodes; only admissible and distinct ones are kept.
    """
    rng = np.random.default_rng([seed, 11])
    # Where few allocations exist, half of them are left for validation to be surprised by.
    every = int(np.prod(problem.allowed.any(axis=1).sum(axis=1), dtype=object))
    count = min(count, max(problem.n_nodes, every // 2))
    found: dict[bytes, Allocation] = {}
    table = np.where(problem.allowed, problem.seconds, np.inf)
    for _ in range(50):
        choice = rng.integers(problem.n_nodes, size=problem.n_tasks)
        for turn in range(problem.n_nodes):
            node = _nearest_allowed(table, (choice + turn) % problem.n_nodes)
            variant = np.argmin(table[np.arange(problem.n_tasks), :, node], axis=1)
            key = np.concatenate([node, variant]).tobytes()
            if key in found or len(admissible(problem, node[None], variant[None])) == 0:
                continue
            found[key] = Allocation.of(problem, node, variant)
            if len(found) >= count:
                return list(found.values())
    return list(found.values())


def _nearest_allowed(table: np.ndarray[Any, Any], wanted: IntArray) -> IntArray:
    """The wanted node of each task, or the next one that may run it."""
    fits = np.isfinite(table).any(axis=1)  # (T, N)
    out = wanted.copy()
    for t in range(len(out)):
        for step in range(fits.shape[1]):
            n = (int(wanted[t]) + step) % fits.shape[1]
            if fits[t, n]:
                out[t] = n
                break
    return out


def samples_of(run: RealRun, specs: Sequence[Any]) -> dict[Key, list[float]]:
    """Seconds of the module alone, by (model, node, batch), of every execution of a run."""
    trace = run.trace
    problem, record, observed = trace.problem, trace.record, trace.observed or {}
    out: dict[Key, list[float]] = {}
    for t, task in enumerate(problem.tasks):
        variant = task.variants[int(record.variant[t])]
        if variant.module is None:
            continue
        spec = specs[int(record.node[t])]
        one_thread = spec.kind == "cpu" and spec.threads == 1 and spec.slots == 1
        column = observed["compute_s" if one_thread else "compute_wall_s"][:, t]
        batch = problem.streams[int(problem.arrays.task_stream[t])].batch
        values = column[np.isfinite(column)]
        out.setdefault((variant.module, spec.name, batch), []).extend(values.tolist())
    return out


def harvest(
    workers: Workers,
    problem: Problem,
    count: int,
    requests: int,
    seed: int,
    watch: Callable[[int, int], None] = lambda done, of: None,
    passes: int = PASSES,
) -> tuple[dict[Key, Sample], list[dict[str, Any]]]:
    """Run training allocations of one pipeline, round robin.

    Parameters
    ----------
    workers : Workers
    problem : Problem
    count, requests : int
        Allocations, and requests of each in each pass.
    seed : int
    watch : function of (runs done, runs in all)
    passes : int

    Returns
    -------
    (samples, allocations as mappings of task to (node, variant))
    """
    quiet = quiet_problem(problem, requests)
    collected: dict[Key, list[float]] = {}
    chosen = training_allocations(quiet, count, seed)
    for i, allocation in enumerate(chosen * passes):
        run = execute(quiet, allocation, workers, seed=seed)
        for key, values in samples_of(run, workers.specs).items():
            collected.setdefault(key, []).extend(values)
        watch(i + 1, len(chosen) * passes)
    ran = [{p.task: [p.node, p.variant] for p in a.placements} for a in chosen]
    return {key: typical(values) for key, values in collected.items() if values}, ran


def typical(values: Sequence[float]) -> Sample:
    """Mean of in-pipeline seconds, with what lies far above the median cut down.

    Sums of durations are what is predicted, and of those the mean is the estimate: durations are
    skewed, so that their median is 1 to 2 % too small.  A rare long disturbance must not count in
    full.

    Examples
    --------
    >>> typical([1.0, 1.0, 1.0, 1.2, 9.0])
    Sample(seconds=1.14, spread=0.0, n=5)
    """
    rough = summarised(values)
    cut = np.minimum(np.asarray(values, dtype=float), CUT * rough.seconds)
    return Sample(float(cut.mean()), rough.spread, rough.n)


def summarised(values: Sequence[float]) -> Sample:
    """Median, relative spread and number of some seconds.

    Examples
    --------
    >>> summarised([1.0, 2.0, 4.0])
    Sample(seconds=2.0, spread=0.5, n=3)
    """
    median = float(np.median(values))
    spread = float(np.median(np.abs(np.asarray(values) - median)))
    return Sample(median, spread / median if median > 0 else 0.0, len(values))


def scaled(looped: Mapping[Key, float], samples: Mapping[Key, Sample]) -> dict[Key, float]:
    """Durations of models that harvesting did not see, slowed as the seen ones of their node.

    Examples
    --------
    >>> looped = {("a", "n", 1): 1.0, ("b", "n", 1): 2.0}
    >>> scaled(looped, {("a", "n", 1): Sample(1.5, 0.0, 3)})
    {('b', 'n', 1): 3.0}
    """
    ratios: dict[str, list[float]] = {}
    for key, sample in samples.items():
        if looped.get(key, 0.0) > 0:
            ratios.setdefault(key[1], []).append(sample.seconds / looped[key])
    return {
        key: seconds * float(np.median(ratios[key[1]]))
        for key, seconds in looped.items()
        if key not in samples and key[1] in ratios
    }
