"""How fast nodes and links work over time: step functions and their integrals."""

from __future__ import annotations

import numpy as np

from simulator.arrays import FloatArray, IntArray
from simulator.record import Record


def factor_over_time(
    breaks: FloatArray, start: FloatArray, end: FloatArray, factor: FloatArray
) -> FloatArray:
    """Product of the factors in force on each interval [breaks[i], breaks[i + 1]).

    Parameters
    ----------
    breaks : (B,) float array, ascending, with every start and finite end among them

    Returns
    -------
    (B,) float array; the last entry is for everything after the last break.
    """
    out = np.ones(len(breaks))
    for a, b, f in zip(start, end, factor, strict=True):
        out[(breaks >= a) & (breaks < b)] *= f
    return out


def running_over_time(breaks: FloatArray, start: FloatArray, end: FloatArray) -> IntArray:
    """(B,) number of intervals [start, end) that cover each [breaks[i], breaks[i + 1])."""
    begun = np.searchsorted(np.sort(start), breaks, side="right")
    ended = np.searchsorted(np.sort(end), breaks, side="right")
    return np.asarray(begun - ended)


def integral(breaks: FloatArray, rate: FloatArray, times: FloatArray) -> FloatArray:
    """Integral of a step function from breaks[0] to each of the times, which are not before it."""
    total = np.concatenate([[0.0], np.cumsum(np.diff(breaks) * rate[:-1])])
    i = np.clip(np.searchsorted(breaks, times, side="right") - 1, 0, len(breaks) - 1)
    return np.asarray(total[i] + (times - breaks[i]) * rate[i])


def progress_of_node(record: Record, node: int, times: FloatArray) -> FloatArray:
    """Seconds of work done since the beginning by whatever runs on a node, at each of the times.

    The pace is 1 / (slow-downs in force x co-run factor of the number of tasks running).
    """
    x, luck, corun = record.executions, record.realisation, record.arrays.corun[node]
    here, mine = x.node == node, luck.slow_node == node
    start, end = x.start[here], x.end[here]
    slow = luck.slow_start[mine], luck.slow_end[mine]
    breaks = np.unique(np.concatenate([start, end, *slow, [min(0.0, *times, 0.0)]]))
    breaks = breaks[np.isfinite(breaks)]
    running = running_over_time(breaks, start, end)
    table = np.concatenate([[1.0], corun, [1.0]])
    factor = table[np.minimum(running, len(corun) + 1)]
    slowed = factor_over_time(breaks, *slow, luck.slow_factor[mine])
    return integral(breaks, 1.0 / (slowed * factor), times)
