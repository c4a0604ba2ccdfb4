"""A run beside what was asked for: what follows from problem, allocation, luck and run log.

Everything here is bookkeeping that results share (tables, metrics, charts, certificates): which
request a message is for, how many bytes it has, how long a task was to hold its slot, and one flat
list of executions. Nothing here knows how an engine works.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import Arrays, BoolArray, FloatArray, IntArray
from simulator.realisation import Realisation
from simulator.runlog import ABSENT, FINISHED, SKIPPED, RunLog


@dataclass(frozen=True, eq=False)
class Executions:
    """Every time that a task held a slot, those ended by an outage included.

    All arrays have shape (X,) and are sorted by (request, task, attempt).

    Parameters
    ----------
    request, task, node, slot : int arrays
    attempt : int array, 1 for the first execution of an instance
    start, end : float arrays, seconds
    finished : bool array, False for executions that an outage ended
    """

    request: IntArray
    task: IntArray
    node: IntArray
    slot: IntArray
    attempt: IntArray
    start: FloatArray
    end: FloatArray
    finished: BoolArray


@dataclass(frozen=True, eq=False)
class Record:
    """One run, index-shaped: R requests, T tasks, E edges, N nodes.

    Parameters
    ----------
    arrays : Arrays
    node, variant, priority : (T,) int arrays
    realisation : Realisation
    log : RunLog
    """

    arrays: Arrays
    node: IntArray
    variant: IntArray
    priority: IntArray
    realisation: Realisation
    log: RunLog

    @property
    def n_requests(self) -> int:
        """Number of requests R."""
        return len(self.log.state)

    @cached_property
    def edge_stream(self) -> IntArray:
        """(E,) stream of each edge."""
        return self.arrays.task_stream[self.arrays.edge_src]

    @cached_property
    def consumer(self) -> IntArray:
        """(R, E) request that the message of request r along e is for; -1 if there is none.

        The message of a stream's i-th request feeds its (i + lag)-th.
        """
        out = np.full((self.n_requests, self.arrays.n_edges), -1, dtype=np.int64)
        for stream in range(self.arrays.n_streams):
            ids = np.flatnonzero(self.realisation.stream == stream)
            edges = np.flatnonzero(self.edge_stream == stream)
            for lag in np.unique(self.arrays.edge_lag[edges]):
                if lag < len(ids):
                    columns = edges[self.arrays.edge_lag[edges] == lag]
                    out[np.ix_(ids[: len(ids) - lag], columns)] = ids[lag:, None]
        return out

    @cached_property
    def taken(self) -> BoolArray:
        """(R, E) mask: the edge belongs to the request's stream and its branch is taken."""
        out = self.realisation.stream[:, None] == self.edge_stream[None, :]
        if self.realisation.taken.size:
            out &= self.realisation.taken | ~self.arrays.edge_conditional
        return np.asarray(out)

    @cached_property
    def sent(self) -> BoolArray:
        """(R, E) mask of the messages that were sent, delivered or not."""
        done = self.log.state[:, self.arrays.edge_src] == FINISHED
        return np.asarray(self.taken & (self.consumer >= 0) & done)

    @cached_property
    def remote(self) -> BoolArray:
        """(E,) mask of the edges whose ends sit on different nodes."""
        return np.asarray(self.node[self.arrays.edge_src] != self.node[self.arrays.edge_dst])

    @cached_property
    def sent_at(self) -> FloatArray:
        """(R, E) seconds at which messages left, NaN where none did."""
        return np.where(self.sent, self.log.finish[:, self.arrays.edge_src], np.nan)

    @cached_property
    def size_bytes(self) -> FloatArray:
        """(R, E) realised bytes of every message that could be sent."""
        edges = np.arange(self.arrays.n_edges)
        nominal = self.arrays.edge_bytes[edges, self.variant[self.arrays.edge_src]]
        factor = self.realisation.edge_factor
        if factor.size:
            return np.asarray(nominal[None, :] * factor)
        return np.broadcast_to(nominal, (self.n_requests, self.arrays.n_edges))

    @cached_property
    def work_s(self) -> FloatArray:
        """(R, T) realised work in seconds, overheads apart."""
        tasks = np.arange(self.arrays.n_tasks)
        nominal = self.arrays.seconds[tasks, self.variant, self.node]
        factor = self.realisation.task_factor
        if factor.size:
            return np.asarray(nominal[None, :] * factor)
        return np.broadcast_to(nominal, (self.n_requests, self.arrays.n_tasks))

    @cached_property
    def hold_s(self) -> FloatArray:
        """(R, T) seconds for which a task holds its slot at rate 1: (dispatch + work) + S."""
        send = np.zeros((self.n_requests, self.arrays.n_tasks))
        per_message = self.arrays.send_s[self.node]
        per_byte = self.arrays.send_s_per_byte[self.node]
        if per_message.any() or per_byte.any():
            for e in np.flatnonzero(self.remote):  # in edge order: the order of the sum is a rule
                src = self.arrays.edge_src[e]
                cost = per_message[src] + per_byte[src] * self.size_bytes[:, e]
                goes = self.taken[:, e] & (self.consumer[:, e] >= 0)
                send[:, src] += np.where(goes, cost, 0.0)
        return np.asarray((self.arrays.dispatch_s[self.node] + self.work_s) + send)

    @cached_property
    def route_latency(self) -> FloatArray:
        """(E,) latencies summed along each edge's route; 0 where both ends share a node."""
        arrays = self.arrays
        ends = self.node[arrays.edge_src], self.node[arrays.edge_dst]
        return np.array([_in_order(arrays.latency[arrays.route(int(a), int(b))])
                         for a, b in zip(*ends, strict=True)])  # fmt: skip

    @cached_property
    def executions(self) -> Executions:
        """Finished and interrupted executions as one flat list."""
        log = self.log
        request, task = np.nonzero(log.state == FINISHED)
        lost = [np.asarray(column) for column in log.attempts]
        requests = np.concatenate([request, lost[0]]).astype(np.int64)
        tasks = np.concatenate([task, lost[1]]).astype(np.int64)
        start = np.concatenate([log.start[request, task], lost[3]])
        end = np.concatenate([log.finish[request, task], lost[4]])
        slot = np.concatenate([log.slot[request, task], lost[2]]).astype(np.int64)
        ok = np.arange(len(requests)) < len(request)
        if len(lost[0]) == 0:  # already in order, and every execution is the first
            attempt = np.ones(len(requests), dtype=np.int64)
            return Executions(requests, tasks, self.node[tasks], slot, attempt, start, end, ok)
        order = np.lexsort((ok, end, start, tasks, requests))
        requests, tasks = requests[order], tasks[order]
        attempt = ordinal_in_group(requests * self.arrays.n_tasks + tasks) + 1
        return Executions(requests, tasks, self.node[tasks], slot[order], attempt,
                          start[order], end[order], ok[order])  # fmt: skip

    @cached_property
    def busy_s(self) -> FloatArray:
        """(N,) slot-seconds in use, interrupted executions included."""
        x = self.executions
        busy = np.bincount(x.node, weights=x.end - x.start, minlength=self.arrays.n_nodes)
        return busy.astype(np.float64)

    def at_consumer(self, values: NDArray[np.generic], fill: object) -> NDArray[np.generic]:
        """(R, E) `values`, indexed by the consumer's request instead of the producer's."""
        out = np.full(values.shape, fill, dtype=values.dtype)
        request, edge = np.nonzero(self.consumer >= 0)
        out[self.consumer[request, edge], edge] = values[request, edge]
        return out

    @cached_property
    def producer(self) -> IntArray:
        """(R, E) request whose message along e feeds request r; -1 where the edge is no input."""
        own = np.broadcast_to(np.arange(self.n_requests)[:, None], self.consumer.shape)
        return np.asarray(self.at_consumer(own, -1), dtype=np.int64)

    @cached_property
    def arrived_at(self) -> FloatArray:
        """(R, E) usable time of the input along e, by the consumer's request; NaN if none."""
        return np.asarray(self.at_consumer(self.log.delivered, np.nan), dtype=np.float64)

    @cached_property
    def last_input(self) -> IntArray:
        """(R, T) edge of the used input that came last, lowest id among equals; -1 if none."""
        used = np.asarray(self.at_consumer(self.log.used, -1)) == 1
        time = np.where(used, self.arrived_at, -np.inf)
        best = np.full(self.log.state.shape, -np.inf)
        out = np.full(self.log.state.shape, -1, dtype=np.int64)
        for e, dst in enumerate(self.arrays.edge_dst):
            later = time[:, e] > best[:, dst]
            out[later, dst] = e
            best[later, dst] = time[later, e]
        return out

    @cached_property
    def skipped_at(self) -> FloatArray:
        """(R, T) instant at which a skipped task was skipped: when its last input fell away."""
        log, arrays = self.log, self.arrays
        out = np.full(log.state.shape, np.nan)
        skipped = log.state == SKIPPED
        ptr, edges = arrays.in_csr
        while skipped.any():
            before = out.copy()
            for t in arrays.topological:
                rows = np.flatnonzero(skipped[:, t])
                last = np.full(len(rows), -np.inf)
                for e in edges[ptr[t] : ptr[t + 1]]:
                    src, request = arrays.edge_src[e], self.producer[rows, e]
                    gone = np.where(log.state[request, src] == FINISHED,
                                    log.finish[request, src], out[request, src])  # fmt: skip
                    last = np.where(request >= 0, np.maximum(last, gone), last)
                out[rows, t] = last
            # Only inputs from earlier requests can change something in a second sweep.
            if not arrays.edge_lag.any() or np.array_equal(before, out, equal_nan=True):
                break
        return out

    @cached_property
    def over_at(self) -> FloatArray:
        """(R,) instant at which every exit task was finished or skipped, not before the arrival.

        NaN where one was not; what a run log calls `completed`.
        """
        exits = np.flatnonzero(self.arrays.is_exit)
        state = self.log.state[:, exits]
        times = np.where(
            state == FINISHED,
            self.log.finish[:, exits],
            np.where(state == ABSENT, -np.inf, self.skipped_at[:, exits]),
        )
        return np.asarray(np.maximum(times.max(axis=1, initial=-np.inf), self.log.arrival))


def ordinal_in_group(key: IntArray) -> IntArray:
    """0, 1, 2, ... within each run of equal keys; `key` is sorted."""
    if len(key) == 0:
        return np.empty(0, dtype=np.int64)
    first = np.concatenate([[True], key[1:] != key[:-1]])
    begin = np.flatnonzero(first)
    return np.arange(len(key)) - np.repeat(begin, np.diff(np.append(begin, len(key))))


def _in_order(values: FloatArray) -> float:
    total = 0.0
    for value in values:
        total += float(value)
    return total
