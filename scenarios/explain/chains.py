"""What a request was doing from its arrival to its completion, in parts and by task.

One request is followed along its critical path (`simulator.critical.critical_path`), which also
steps from a task to the one that held its slot. Of many requests each is followed along its last
inputs (as `simulator.critical.latency_parts` does); waits for slots that other requests held are
queueing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scenarios.explain.pieces import HOLD, MESSAGE, PARTS, hold_pieces, message_pieces
from simulator.arrays import FloatArray, IntArray
from simulator.critical import last_task

if TYPE_CHECKING:
    from simulator.critical import Segment
    from simulator.record import Record
    from simulator.trace import Trace

COLUMN = {name: i for i, name in enumerate(PARTS)}
HOLD_COLUMNS = np.array([COLUMN[name] for name in HOLD])
MESSAGE_COLUMNS = np.array([COLUMN[name] for name in MESSAGE])
QUEUEING, JOINS = COLUMN["queueing"], COLUMN["joins"]


@dataclass(frozen=True, eq=False)
class Chains:
    """What every request spent its latency on.

    Parameters
    ----------
    parts : (R, P) float array, seconds; columns are `PARTS`, their sum is the latency
        NaN where the request did not complete.
    task : (R, T) float array, seconds that a task was on the chain, waiting or running
    edge : (R, E) float array, seconds that a message was on it
    path : tuple of Segment
        Of the only request; empty where there are several.
    """

    parts: FloatArray
    task: FloatArray
    edge: FloatArray
    path: tuple[Segment, ...] = ()


def chains(trace: Trace) -> Chains:
    """Follow every request of a run."""
    return _follow_path(trace) if trace.record.n_requests == 1 else _follow_inputs(trace)


def _empty(trace: Trace) -> Chains:
    n = trace.record.n_requests
    arrays = trace.problem.arrays
    parts = np.full((n, len(PARTS)), np.nan)
    parts[np.isfinite(trace.log.completed)] = 0.0
    return Chains(parts, np.zeros((n, arrays.n_tasks)), np.zeros((n, arrays.n_edges)))


# ----- one request -------------------------------------------------------------------------------
def _follow_path(trace: Trace) -> Chains:
    out, record, log = _empty(trace), trace.record, trace.log
    tasks = trace.problem.task_index
    edges = {name: e for e, name in enumerate(trace.edge_names)}
    holds, messages = hold_pieces(trace.problem, record), message_pieces(record)
    path = trace.critical_path()
    for piece in path:
        if piece.kind == "transfer":
            e = edges[piece.name]
            shares = messages[piece.request, e]
            out.parts[0, MESSAGE_COLUMNS] += shares * _share(piece.seconds, float(shares.sum()))
            out.edge[0, e] += piece.seconds
            continue
        t = tasks[piece.name]
        out.task[0, t] += piece.seconds
        if piece.kind == "compute":
            shares = holds[piece.request, t]
            out.parts[0, HOLD_COLUMNS] += shares * _share(piece.seconds, float(shares.sum()))
        else:
            queues = piece.start >= log.ready[piece.request, t] and piece.finish <= log.start[0, t]
            out.parts[0, QUEUEING if queues else JOINS] += piece.seconds
    return Chains(out.parts, out.task, out.edge, path)


def _share(seconds: float, whole: float) -> float:
    """Of a piece cut off at the arrival the part that counts; exactly 1 where it is whole."""
    return 1.0 if whole <= 0 or abs(seconds - whole) <= 1e-12 * whole else seconds / whole


# ----- many requests -----------------------------------------------------------------------------
def _follow_inputs(trace: Trace) -> Chains:
    out, record, log = _empty(trace), trace.record, trace.log
    holds, messages = hold_pieces(trace.problem, record), message_pieces(record)
    last, done = last_task(record), np.isfinite(log.completed)
    skipped = done & (last < 0)
    out.parts[skipped, JOINS] = (log.completed - log.arrival)[skipped]
    whose = np.flatnonzero(done & (last >= 0))
    request, task, since = whose, last[whose], log.arrival[whose]
    ended = np.maximum(log.finish[request, task], since)
    out.parts[whose, JOINS] += log.completed[whose] - ended
    while len(whose):
        start = np.maximum(log.start[request, task], since)
        ready = np.maximum(log.ready[request, task], since)
        finish = np.maximum(log.finish[request, task], since)
        arrived, sent, fed, source, along = _inputs(record, request, task, since)
        out.parts[np.ix_(whose, HOLD_COLUMNS)] += _clipped(holds[request, task], finish - start)
        out.parts[whose, QUEUEING] += start - ready
        out.parts[whose, JOINS] += ready - arrived
        np.add.at(out.task, (whose, task), finish - arrived)
        moving = (arrived - sent)[fed]
        pieces = _clipped(messages[source, along], moving)
        out.parts[np.ix_(whose[fed], MESSAGE_COLUMNS)] += pieces
        np.add.at(out.edge, (whose[fed], along), moving)
        on = sent[fed] > since[fed]
        whose, since, request = whose[fed][on], since[fed][on], source[on]
        task = record.arrays.edge_src[along[on]]
    return out


def _inputs(
    record: Record, request: IntArray, task: IntArray, since: FloatArray
) -> tuple[FloatArray, FloatArray, IntArray, IntArray, IntArray]:
    """When the last input arrived and left, who has one, from which request, along which edge."""
    edge = record.last_input[request, task]
    fed = np.flatnonzero(edge >= 0)
    along = edge[fed]
    source = record.producer[request[fed], along]
    arrived, sent = since.copy(), since.copy()
    came = record.arrived_at[request[fed], along]
    left = record.sent_at[source, along]
    arrived[fed] = np.maximum(came, since[fed])
    sent[fed] = np.maximum(left, since[fed])
    return arrived, sent, fed, source, along


def _clipped(pieces: FloatArray, seconds: FloatArray) -> FloatArray:
    """Pieces (K, P) of intervals of which only `seconds` (K,) count: what a lag cuts off."""
    whole = pieces.sum(axis=1)
    near = np.abs(seconds - whole) <= 1e-12 * np.abs(whole)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(near | (whole <= 0), 1.0, seconds / whole)
    return pieces * share[:, None]
