"""Where time goes in a whole run: by task and by node, over all requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scenarios.explain.pieces import HOLD, MESSAGE, hold_pieces, message_pieces
from simulator.arrays import FloatArray
from simulator.runlog import FINISHED

if TYPE_CHECKING:
    from simulator.record import Record
    from simulator.trace import Trace

TOTALS = (*HOLD, "lost work", "queueing", "input wait", *MESSAGE)
"""Columns of seconds. "input wait": from the first input that a task used until it was ready, the
price of joins. Messages count for the task that receives them."""


def by_task(trace: Trace) -> list[dict[str, Any]]:
    """One row for every task: where it sits, how often it ran, seconds of each of `TOTALS`."""
    table, problem = _seconds(trace), trace.problem
    count = np.bincount(trace.record.executions.task, minlength=problem.n_tasks)
    rows = []
    for t, name in enumerate(problem.task_names):
        node = problem.node_names[int(trace.record.node[t])]
        variant = problem.variant_names[t][int(trace.record.variant[t])]
        row = {"task": name, "node": node, "variant": variant, "executions": int(count[t])}
        rows.append(row | {key: float(table[t, i]) for i, key in enumerate(TOTALS)})
    return rows


def by_node(trace: Trace) -> list[dict[str, Any]]:
    """One row for every node: seconds of each of `TOTALS`, summed over its tasks."""
    table, problem = _seconds(trace), trace.problem
    rows = []
    for n, name in enumerate(problem.node_names):
        here = trace.record.node == n
        row: dict[str, Any] = {"node": name, "tasks": int(here.sum())}
        rows.append(row | {key: float(table[here, i].sum()) for i, key in enumerate(TOTALS)})
    return rows


def _seconds(trace: Trace) -> FloatArray:
    """(T, len(TOTALS)) float array."""
    record, log = trace.record, trace.log
    done = log.state == FINISHED
    attempts = log.attempts
    lost = np.bincount(attempts[1].astype(np.int64), weights=attempts[4] - attempts[3],
                       minlength=record.arrays.n_tasks)  # fmt: skip
    waited = np.where(done, log.start - log.ready, 0.0).sum(axis=0) - _redone(record)
    moved = np.zeros((record.arrays.n_tasks, len(MESSAGE)))
    np.add.at(moved, record.arrays.edge_dst, np.nansum(message_pieces(record), axis=0))
    holds = np.nansum(hold_pieces(trace.problem, record), axis=0)
    columns = [holds, lost[:, None], waited[:, None], _input_wait(record)[:, None], moved]
    return np.concatenate(columns, axis=1)


def _redone(record: Record) -> FloatArray:
    """(T,) seconds of lost executions of tasks that finished later: they are no waiting."""
    x = record.executions
    again = ~x.finished & (record.log.state[x.request, x.task] == FINISHED)
    lost = np.bincount(x.task[again], weights=(x.end - x.start)[again],
                       minlength=record.arrays.n_tasks)  # fmt: skip
    return lost.astype(np.float64)


def _input_wait(record: Record) -> FloatArray:
    """(T,) seconds between the first used input and readiness, where several were used."""
    log, shape = record.log, record.log.state.shape
    used = np.asarray(record.at_consumer(log.used, -1)) == 1
    first, number = np.full(shape, np.inf), np.zeros(shape, dtype=np.int64)
    for e, dst in enumerate(record.arrays.edge_dst):
        first[:, dst] = np.minimum(first[:, dst], np.where(used[:, e], record.arrived_at[:, e],
                                                           np.inf))  # fmt: skip
        number[:, dst] += used[:, e]
    counts = (number > 1) & ~np.isnan(log.ready)
    return np.where(counts, log.ready - np.where(counts, first, 0.0), 0.0).sum(axis=0)
