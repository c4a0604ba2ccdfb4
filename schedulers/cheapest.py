"""The least that each task can cost on any admissible node, in seconds or at a price."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from schedulers.compiled import entry
from simulator.arrays import FloatArray

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
