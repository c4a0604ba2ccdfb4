"""The three errors of a run, never mixed: wall clock, durations, fidelity.

* Wall clock: measured makespan and latency against the predicted ones; everything is in it.
* Durations: the simulator is fed with the CPU seconds that the tasks really took, and its result
  compared with its prediction. Robust to a busy machine, blind to dispatch, transport, contention.
* Fidelity: the real trace, with its own ready times, must pass the certificate of simulated ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from simulator.arrays import BoolArray, FloatArray
from simulator.check import check_trace
from simulator.engines import simulate
from simulator.problem import Problem
from simulator.runlog import FINISHED
from simulator.trace import Trace

SLACK_FACTOR = 3.0
"""Allowance of the certificate over the calibrated overhead, whose medians say nothing of tails."""

LEAST_SLACK_S = 200e-6
"""The allowance where an overhead is smaller than what a clock and a scheduler can tell apart."""

EVERY = 1_000_000


@dataclass(frozen=True)
class Fidelity:
    """How a real trace obeys the simulator's rules.

    Parameters
    ----------
    checked : int
        Executions checked.
    violations : mapping of rule to how often it is broken
    message_error_s : (M,) float array
        Measured minus predicted time between sending and arrival of remote messages.
    """

    checked: int
    violations: Mapping[str, int]
    message_error_s: FloatArray

    @property
    def broken(self) -> int:
        """Violations of all rules."""
        return sum(self.violations.values())

    @property
    def share(self) -> float:
        """Violations per execution."""
        return self.broken / self.checked if self.checked else float("nan")


def slack_s(problem: Problem, late_s: float = 0.0) -> float:
    """What the certificate allows: a multiple of the overheads that the calibration measured.

    Parameters
    ----------
    problem : Problem
    late_s : float
        What, by the calibration, hardly any start of a task exceeds; allowed where it is more.
    """
    arrays = problem.arrays
    size = float(np.nanmax(problem.bytes, initial=0.0))
    send = arrays.send_s + arrays.send_s_per_byte * size
    overhead = arrays.dispatch_s + arrays.wake_s + send
    return max(LEAST_SLACK_S, SLACK_FACTOR * float(overhead.max()), late_s)


def fidelity(measured: Trace, predicted: Trace, slack: float) -> Fidelity:
    """Check a real trace against the rules, and its messages against the predicted ones."""
    found = check_trace(measured, slack_s=slack, most=EVERY)
    checked = int((measured.log.state == FINISHED).sum())
    return Fidelity(
        checked, dict(Counter(v.rule for v in found)), message_errors(measured, predicted)
    )


def message_errors(measured: Trace, predicted: Trace) -> FloatArray:
    """(M,) seconds that remote messages took beyond their prediction, without waking the receiver.

    A real message is usable when its notice is written; what the receiver then needs to notice it
    is in the predicted time, so it is taken out there.
    """
    record = measured.record
    took = record.log.delivered - record.sent_at
    expected = predicted.record.log.delivered - predicted.record.sent_at
    wake = record.arrays.wake_s[record.node[record.arrays.edge_dst]]
    remote = record.sent & record.remote[None, :]
    error = (took - (expected - wake[None, :]))[remote]
    return np.asarray(error[np.isfinite(error)])


def replayed(measured: Trace, work: FloatArray) -> Trace:
    """Simulate the run again with the work that its executions really were.

    Parameters
    ----------
    measured : Trace
    work : (R, T) float array
        Seconds without overheads; NaN, and tasks without a module, keep what was predicted.

    Notes
    -----
    Measured seconds have the slow-down of co-running tasks in them; it is not applied again.
    """
    planned, luck = measured.record.work_s, measured.realisation
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = work / planned
    before = luck.task_factor if luck.task_factor.size else np.ones(planned.shape)
    factor = np.where(np.isfinite(ratio) & is_modelled(measured), before * ratio, before)
    return simulate(
        without_corun(measured.problem),
        measured.allocation,
        realisation=replace(luck, task_factor=factor),
    )


def is_modelled(trace: Trace) -> BoolArray:
    """(T,) whether the chosen variant of a task runs a module; others only sleep."""
    variants = trace.record.variant
    return np.array([
        task.variants[int(v)].module is not None
        for task, v in zip(trace.problem.tasks, variants, strict=True)
    ])  # fmt: skip


def without_corun(problem: Problem) -> Problem:
    """The problem with nodes that are as fast with several tasks as with one."""
    if np.all(problem.arrays.corun == 1.0):
        return problem
    nodes = tuple(replace(n, corun=()) for n in problem.cluster.nodes)
    return replace(problem, cluster=replace(problem.cluster, nodes=nodes))


def hold_seconds(trace: Trace) -> FloatArray:
    """(R, T) wall seconds for which each execution held its slot."""
    return np.asarray(trace.log.finish - trace.log.start)


def _without_sending(trace: Trace, hold: FloatArray) -> FloatArray:
    """Holds less the sending in them; a measured start comes after the dispatching."""
    record = trace.record
    dispatch = record.arrays.dispatch_s[record.node]
    sending = record.hold_s - record.work_s - dispatch[None, :]
    return np.maximum(hold - sending, 0.0)


def wall_work(trace: Trace) -> FloatArray:
    """(R, T) work by the wall clock."""
    return _without_sending(trace, hold_seconds(trace))


def cpu_work(trace: Trace) -> FloatArray:
    """(R, T) work in CPU seconds of the module alone; by the wall clock on GPUs."""
    observed = trace.observed or {}
    if "compute_s" in observed:
        wall = observed.get("compute_wall_s", observed["compute_s"])
        return np.where(on_cpu(trace)[None, :], observed["compute_s"], wall)
    return _without_sending(trace, cpu_seconds(trace))


def cpu_seconds(trace: Trace) -> FloatArray:
    """(R, T) CPU seconds of each hold; on GPUs, where there are none, those of the wall."""
    wall = hold_seconds(trace)
    measured = (trace.observed or {}).get("cpu_s")
    if measured is None:
        return wall
    return np.where(on_cpu(trace)[None, :], measured, wall)


def on_cpu(trace: Trace) -> BoolArray:
    """(T,) whether a task runs on a CPU."""
    kinds = np.array([n.kind != "gpu" for n in trace.problem.cluster.nodes])
    return np.asarray(kinds[trace.record.node])


def busy(trace: Trace) -> tuple[float, float]:
    """(wall, CPU) seconds of all executions of modules on CPUs."""
    mine = (on_cpu(trace) & is_modelled(trace))[None, :] & (trace.log.state == FINISHED)
    wall, cpu = hold_seconds(trace)[mine], cpu_seconds(trace)[mine]
    return float(wall.sum()), float(cpu.sum())
