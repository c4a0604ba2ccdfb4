"""Why a request took as long as it did: its chain of causes, and the split of its latency.

Walking back from a completion, every instant is explained by the task that ran, the message that
travelled, or the wait for a slot, an input or a repair. `latency_parts` follows the inputs only
and does so for all requests at once; `critical_path` follows one request and also steps from a
task to the one of the same request that held its slot, which for a single request is the longest
path through precedence and machine arcs (the disjunctive graph of scheduling theory [1]_).

References
----------
.. [1] M. Pinedo, "Scheduling: Theory, Algorithms, and Systems", 5th ed., Springer 2016, ch. 7.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from simulator.arrays import FloatArray, IntArray
from simulator.record import Record
from simulator.runlog import FINISHED
from simulator.units import format_si

if TYPE_CHECKING:
    from simulator.trace import Trace

PARTS = ("compute", "transfer", "slot_wait", "join_wait")
"""The columns of `latency_parts`."""


@dataclass(frozen=True)
class Segment:
    """One piece of a critical path.

    Parameters
    ----------
    kind : {"compute", "transfer", "wait"}
    name : str
        The task or edge; of a wait, the task that waits.
    place : str
        The node, or for a transfer the links of its route.
    request : int
    start, finish : float, seconds
    """

    kind: str
    name: str
    place: str
    request: int
    start: float
    finish: float

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.finish - self.start

    def __str__(self) -> str:
        return f"{self.kind} {self.name} ({self.place}): {format_si(self.seconds, 's')}"


def last_task(record: Record) -> IntArray:
    """(R,) the task whose end completed each request, exit tasks before others; -1 if none."""
    log = record.log
    order = np.lexsort((np.arange(record.arrays.n_tasks), ~record.arrays.is_exit))
    finish = np.where(log.state == FINISHED, log.finish, -np.inf)[:, order]
    with np.errstate(invalid="ignore"):
        finish[~(finish <= log.completed[:, None])] = -np.inf
    column = np.argmax(finish, axis=1)
    found = np.isfinite(finish[np.arange(len(finish)), column])
    return np.where(found, order[column], -1)


def latency_parts(record: Record) -> FloatArray:
    """Split the latency of every request along its chain of last inputs.

    Returns
    -------
    (R, 4) float array, seconds; columns are `PARTS`, their sum is the latency. NaN where the
    request did not complete. `slot_wait` runs from ready to the start of the successful
    execution, so it contains executions lost to an outage; `join_wait` is what a join waited
    beyond its last used input, for a deadline. What happened before the arrival is left out.
    """
    log = record.log
    out = np.full((record.n_requests, len(PARTS)), np.nan)
    task = last_task(record)
    done = np.isfinite(log.completed)
    out[done] = 0.0
    out[done & (task < 0), 3] = (log.completed - log.arrival)[done & (task < 0)]
    whose = np.flatnonzero(done & (task >= 0))
    request, task, since = whose, task[whose], log.arrival[whose]
    out[whose, 3] += log.completed[whose] - np.maximum(log.finish[request, task], since)
    while len(whose):
        start = np.maximum(log.start[request, task], since)
        ready = np.maximum(log.ready[request, task], since)
        edge = record.last_input[request, task]
        fed = np.flatnonzero(edge >= 0)
        along = edge[fed]
        source = record.producer[request[fed], along]
        arrived, sent = since.copy(), since.copy()
        arrived[fed] = np.maximum(record.arrived_at[request[fed], along], since[fed])
        sent[fed] = np.maximum(record.sent_at[source, along], since[fed])
        out[whose, 0] += np.maximum(log.finish[request, task], since) - start
        out[whose, 1] += arrived - sent
        out[whose, 2] += start - ready
        out[whose, 3] += ready - arrived
        on = sent[fed] > since[fed]
        whose, since, request = whose[fed][on], since[fed][on], source[on]
        task = record.arrays.edge_src[along[on]]
    return out


def critical_path(trace: Trace, request: int | None = None) -> tuple[Segment, ...]:
    """Explain every instant of one request, from its arrival to its completion.

    Parameters
    ----------
    trace : Trace
    request : int or None
        None takes the completed request with the longest latency.

    Returns
    -------
    tuple of Segment
        Gapless: each begins where the one before ends, so their lengths sum to the latency.
        Pieces of length 0, local messages among them, are left out.
    """
    log = trace.log
    latency = log.completed - log.arrival
    if request is None:
        if not np.isfinite(latency).any():
            return ()
        request = int(np.nanargmax(latency))
    if not np.isfinite(latency[request]):
        return ()
    path = _Path(trace, float(log.arrival[request]))
    path.walk(request, int(last_task(trace.record)[request]), float(log.completed[request]))
    return tuple(reversed(path.segments))


class _Path:
    """Walks back in time and writes down what it passes."""

    def __init__(self, trace: Trace, since: float) -> None:
        self.trace, self.record, self.since = trace, trace.record, since
        self.segments: list[Segment] = []
        self.now = np.inf
        self.seen: set[tuple[int, int]] = set()

    def walk(self, request: int, task: int, completed: float) -> None:
        """From the completion to the arrival."""
        self.now = completed
        if task < 0:
            return
        self._add("wait", self._task(task), request, float(self.record.log.finish[request, task]))
        while self.now > self.since:
            self.seen.add((request, task))
            log = self.record.log
            self._add("compute", self._task(task), request, float(log.start[request, task]))
            ready = float(log.ready[request, task])
            holder = self._holder(request, task, ready)
            if holder is not None:
                self._add("wait", self._task(task), request,
                          float(log.finish[request, holder]))  # fmt: skip
                task = holder
                continue
            self._add("wait", self._task(task), request, ready)
            edge = int(self.record.last_input[request, task])
            if edge < 0:
                self._add("wait", self._task(task), request, self.since)
                return
            self._add("wait", self._task(task), request,
                      float(self.record.arrived_at[request, edge]))  # fmt: skip
            request = int(self.record.producer[request, edge])
            self._add("transfer", self._edge(edge), request,
                      float(self.record.sent_at[request, edge]))  # fmt: skip
            task = int(self.record.arrays.edge_src[edge])

    def _holder(self, request: int, task: int, ready: float) -> int | None:
        """The task of the same request whose end let this one start, if it had to wait."""
        log, node = self.record.log, self.record.node
        start = log.start[request, task]
        if start <= ready:
            return None
        finish = log.finish[request]
        with np.errstate(invalid="ignore"):
            there = np.flatnonzero((node == node[task]) & (finish > ready) & (finish <= start))
        there = np.array([t for t in there if (request, int(t)) not in self.seen], dtype=np.int64)
        if len(there) == 0:
            return None
        same_slot = log.slot[request, there] == log.slot[request, task]
        return int(there[np.lexsort((-there, same_slot, finish[there]))[-1]])

    def _add(self, kind: str, label: tuple[str, str], request: int, start: float) -> None:
        begin = max(start, self.since)
        if begin < self.now:
            self.segments.append(Segment(kind, *label, request, begin, self.now))
            self.now = begin

    def _task(self, task: int) -> tuple[str, str]:
        problem = self.trace.problem
        return problem.task_names[task], problem.node_names[self.record.node[task]]

    def _edge(self, edge: int) -> tuple[str, str]:
        arrays, node = self.record.arrays, self.record.node
        links = arrays.route(int(node[arrays.edge_src[edge]]), int(node[arrays.edge_dst[edge]]))
        route = " > ".join(self.trace.problem.link_names[i] for i in links)
        return self.trace.edge_names[edge], route
