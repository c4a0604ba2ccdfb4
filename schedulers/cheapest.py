"""The least that each task can cost on any admissible node, in seconds or at a price."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from schedulers.compiled import entry
from simulator.arrays import BoolArray, FloatArray

if TYPE_CHECKING:
    from simulator.problem import Problem
    from simulator.realisation import Realisation


@entry
def _fill_least(
    work: FloatArray,
    dispatch: FloatArray,
    quickest: FloatArray,
    price: FloatArray,
    factor: FloatArray,
    out: FloatArray,
) -> None:
    """``out[r, t] = min over (v, n) of (dispatch + work x factor) x quickest x price``."""
    for r in range(out.shape[0]):
        for t in range(out.shape[1]):
            scale = 1.0 if factor.shape[0] == 0 else factor[r, t]
            best = np.inf
            for v in range(work.shape[1]):
                for n in range(work.shape[2]):
                    value = (dispatch[n] + work[t, v, n] * scale) * quickest[n] * price[n]
                    if value < best:  # NaN, where the variant may not run, is not
                        best = value
            out[r, t] = best


def least_cost(problem: Problem, luck: Realisation, price: FloatArray) -> FloatArray:
    """(R, T) least of hold x price over all admissible variants and nodes."""
    arrays = problem.arrays
    rows = len(luck.arrival) if luck.task_factor.size else 1
    out = np.empty((rows, arrays.n_tasks))
    _fill_least(
        arrays.seconds, arrays.dispatch_s, _quickest(problem, luck), np.array(price),
        luck.task_factor, out,
    )  # fmt: skip
    return np.broadcast_to(out, (len(luck.arrival), arrays.n_tasks))


def least_by_node(problem: Problem, luck: Realisation, r: int) -> FloatArray:
    """(T, N) least hold in seconds of each task of request r by node; +inf where it may not run."""
    arrays = problem.arrays
    factor = luck.task_factor[r] if luck.task_factor.size else np.ones(arrays.n_tasks)
    hold = (arrays.dispatch_s + arrays.seconds * factor[:, None, None]) * _quickest(problem, luck)
    return np.asarray(np.where(np.isnan(hold), np.inf, hold).min(axis=1))


def total_by_node(problem: Problem, luck: Realisation, mandatory: BoolArray) -> FloatArray:
    """(T, N) least seconds of all mandatory executions of each task on each node.

    The variant is the same for all requests, so their holds are added up first.

    Parameters
    ----------
    mandatory : (R, T) bool array
    """
    arrays = problem.arrays
    count = mandatory.sum(axis=0).astype(np.float64)
    factor = (luck.task_factor * mandatory).sum(axis=0) if luck.task_factor.size else count
    work = np.where(np.isnan(arrays.seconds), np.inf, arrays.seconds)
    with np.errstate(invalid="ignore"):
        total = count[:, None, None] * arrays.dispatch_s + work * factor[:, None, None]
    total = np.where(np.isinf(work), np.inf, total)
    return np.asarray((total * _quickest(problem, luck)).min(axis=1))


def _quickest(problem: Problem, luck: Realisation) -> FloatArray:
    """(N,) smallest factor by which co-running and slow-downs may stretch work on a node."""
    arrays = problem.arrays
    out = np.ones(arrays.n_nodes)
    for n, c in enumerate(arrays.slots):
        known = arrays.corun[n, :c]
        out[n] = min(float(known.min()), 1.0 if c > len(known) else np.inf)
    for n, factor in zip(luck.slow_node, luck.slow_factor, strict=True):
        out[n] *= min(float(factor), 1.0)
    return out
