"""Refuses finite numbers so large that sums, squares or joules of a run would overflow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from simulator.arrays import FloatArray
from simulator.errors import InvalidScenario

if TYPE_CHECKING:
    from simulator.dynamics import Degradation, Dynamics, Outage, Slowdown
    from simulator.problem import Problem
    from simulator.workload import Stream

LONGEST = 1e12
"""Seconds of one execution, transfer, wait or of all arrivals: about 32,000 years."""

LARGEST = 1e24
"""Bytes of a message or model, bytes a second of a link (which may also be infinite)."""

DEAREST = 1e15
"""Watts, prices an hour and weights."""

STEEPEST = 1e12
"""Factors of slow-downs and of tasks side by side; of degradations also their inverse."""


def check_magnitudes(problem: Problem) -> None:
    """Refuse numbers beyond `LONGEST`, `LARGEST`, `DEAREST` or `STEEPEST`, naming what has them.

    Raises
    ------
    InvalidScenario
    """
    arrays = problem.arrays
    nodes, links, tasks = problem.node_names, problem.link_names, problem.task_names
    with np.errstate(over="ignore"):
        _seconds(np.nanmax(problem.seconds, axis=(1, 2)), [f"task {t!r}" for t in tasks])
        sent = problem.bytes.max(axis=1) if problem.n_edges else np.zeros(0)
        _check(sent, LARGEST, "bytes", [f"edge {e!r}" for e in problem.edge_names])
        most = float(sent.max(initial=0.0))
        finite = np.where(np.isfinite(arrays.bandwidth), arrays.bandwidth, 0.0)
        _check(finite, LARGEST, "bytes/s", [f"link {x!r}" for x in links])
        names = [f"link {x!r}, carrying the largest message" for x in links]
        _seconds(arrays.latency + most / arrays.bandwidth, names)
        overhead = arrays.dispatch_s + arrays.wake_s + arrays.send_s + most * arrays.send_s_per_byte
        _seconds(overhead, [f"overheads of node {n!r}" for n in nodes])
        _check(arrays.corun.max(axis=1), STEEPEST, "", [f"co_run of node {n!r}" for n in nodes])
        _seconds(arrays.table_s, ["size table of a link"] * len(arrays.table_s))
    for name in ("weights_bytes", "working_bytes"):
        held = getattr(problem, name).max(axis=1)
        _check(held, LARGEST, "bytes", [f"{name} of task {t!r}" for t in tasks])
    for stream in problem.streams:
        _seconds(_last_arrival(stream), [f"arrivals of stream {stream.name!r}"])
    _check(problem.stream_weight, DEAREST, "", [f"weight of stream {s.name!r}"
                                                for s in problem.streams])  # fmt: skip
    for name, unit in (("idle_watts", "W"), ("busy_watts", "W"), ("price_per_hour", "")):
        values = np.array([getattr(n, name) or 0.0 for n in problem.cluster.nodes])
        _check(values, DEAREST, unit, [f"{name} of node {n!r}" for n in nodes])
    _check_dynamics(problem.dynamics)


def _check_dynamics(dynamics: Dynamics) -> None:
    """Times and factors of planned misfortune; what never ends has an infinite end."""
    planned: list[tuple[Outage | Slowdown | Degradation, str, float]]
    planned = [*((x, x.target, 1.0) for x in dynamics.outages),
               *((x, x.node, x.factor) for x in dynamics.slowdowns),
               *((x, x.link, x.factor) for x in dynamics.degradations)]  # fmt: skip
    names = [f"{type(x).__name__.lower()} of {where!r}" for x, where, _ in planned]
    times = np.array([x.start if np.isinf(x.end) else x.end for x, _, _ in planned])
    factors = np.array([factor for _, _, factor in planned])
    _seconds(times, names)
    _check(factors, STEEPEST, "times", names)
    for i in np.flatnonzero((factors > 0) & (factors < 1 / STEEPEST))[:1]:
        raise InvalidScenario(f"{names[i]}: the factor {factors[i]:.4g} is too small, "
                              f"at least {1 / STEEPEST:g} is simulated")  # fmt: skip


def _last_arrival(stream: Stream) -> FloatArray:
    """(1,) upper estimate of when the last request of a stream comes, in seconds."""
    a = stream.arrivals
    last = a.start + (a.times[-1] if a.times else 0.0)
    if a.kind in ("constant", "poisson"):
        last += stream.requests / a.rate
    if a.think is not None:
        last += stream.requests * a.think.mean
    return np.array([last])


def _seconds(values: FloatArray, names: Sequence[str]) -> None:
    _check(values, LONGEST, "s", names)


def _check(values: FloatArray, most: float, unit: str, names: Sequence[str]) -> None:
    for i in np.flatnonzero(values > most)[:1]:
        raise InvalidScenario(f"{names[i]}: {values[i]:.4g} {unit}".rstrip()
                              + f" is beyond what is simulated, {most:g}")  # fmt: skip
