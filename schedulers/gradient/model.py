"""The soft model of a problem: scaled times, open options, ties, from the planners' view."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from schedulers.admissible import Rules, rules_of
from schedulers.gradient.kernel import Soft, Tape
from schedulers.view import View, view_of
from simulator.arrays import BoolArray, FloatArray

if TYPE_CHECKING:
    from simulator.problem import Problem


def soft_of(problem: Problem, scale: float) -> Soft:
    """Arrays of the soft simulation, seconds divided by `scale`.

    Sending is part of the hold as in the view. A link with a size table counts as the straight line
    through its times for no bytes and for the mean message.
    """
    view = view_of(problem)
    hold = np.where(np.isfinite(view.hold), view.hold, 0.0) / scale
    lat, inv = _lines(problem, view)
    lat, inv = lat / scale, inv / scale
    return Soft(
        scale=scale,
        hold=hold,
        mask=open_options(view, rules_of(problem)).astype(np.float64),
        lat=lat,
        inv=inv,
        lat_to=np.ascontiguousarray(lat.T),
        inv_to=np.ascontiguousarray(inv.T),
        in_ptr=view.in_ptr,
        in_src=view.in_src,
        in_size=np.where(np.isfinite(view.in_size), view.in_size, 0.0),
        topological=view.topological,
        position=view.position,
        slots=view.slots,
    )


def open_options(view: View, rules: Rules) -> BoolArray:
    """(T, V, N) options a task may take; within a bundle only nodes that admit all of it."""
    fit: BoolArray = np.isfinite(view.hold)
    for b in range(len(rules.bundle_ptr) - 1):
        members = rules.bundle_tasks[rules.bundle_ptr[b] : rules.bundle_ptr[b + 1]]
        shared = fit[members].any(axis=1).all(axis=0)
        if shared.any():
            fit[members] &= shared
    return fit


def _lines(problem: Problem, view: View) -> tuple[FloatArray, FloatArray]:
    """(N, N) latency with wake, and seconds per byte; both 0 on the diagonal and where no route."""
    n = view.n_nodes
    apart = ~np.eye(n, dtype=np.bool_) & ~np.isnan(view.latency)
    lat = np.where(apart, view.latency + view.wake[None, :], 0.0)
    inv = np.where(apart, 1.0 / view.bandwidth, 0.0)
    if view.has_tables and view.in_size.size and (mean := float(view.mean_size.mean())) > 0.0:
        arrays = problem.arrays
        for a, b in zip(*np.nonzero(apart), strict=True):
            least, most = 0.0, 0.0
            for link in arrays.route(int(a), int(b)):
                lo, hi = arrays.table_ptr[link], arrays.table_ptr[link + 1]
                if lo == hi:
                    most = max(most, mean / float(arrays.bandwidth[link]))
                else:
                    sizes, seconds = arrays.table_bytes[lo:hi], arrays.table_s[lo:hi]
                    least = max(least, float(np.interp(0.0, sizes, seconds)))
                    most = max(most, float(np.interp(mean, sizes, seconds)))
            lat[a, b] += least
            inv[a, b] = max(most - least, 0.0) / mean
    return lat, inv


def new_tape(soft: Soft) -> Tape:
    """Scratch for one restart at a time."""
    t, v, n = soft.hold.shape
    edges, slots = len(soft.in_src), int(soft.slots.max())
    return Tape(
        far=np.empty((t, n)),
        g_far=np.empty((t, n)),
        pace=np.empty((t, v, n)),
        g_pace=np.empty((t, v, n)),
        share=np.empty((t, n)),
        begin=np.empty((t, n)),
        before=np.empty((t, n)),
        slot=np.zeros((t, n), dtype=np.int64),
        weight=np.empty((edges, n)),
        finish=np.empty(t),
        g_finish=np.empty(t),
        free=np.empty((n, slots)),
        g_free=np.empty((n, slots)),
        reach=np.empty(t),
        flow=np.empty(n),
    )
