"""What the rules of joins, branches and cancellation say about a run, given its finishes."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from simulator.arrays import BoolArray, FloatArray, IntArray
from simulator.record import Record
from simulator.runlog import ABSENT, CANCELLED, FINISHED, SKIPPED


class Facts:
    """Times at which joins close and tasks fall away, derived from the rest of the trace.

    Parameters
    ----------
    record : Record
    """

    def __init__(self, record: Record) -> None:
        self.record = record

    @cached_property
    def is_input(self) -> BoolArray:
        """(R, E) whether the edge is an input of its consumer in request r (lag, stream)."""
        return np.asarray(self.record.producer >= 0)

    @cached_property
    def n_inputs(self) -> IntArray:
        """(R, T) number of inputs of every instance."""
        out = np.zeros(self.record.log.state.shape, dtype=np.int64)
        for e, dst in enumerate(self.record.arrays.edge_dst):
            out[:, dst] += self.is_input[:, e]
        return out

    @cached_property
    def off_at(self) -> FloatArray:
        """(R, E) instant at which an input is known never to come, by the consumer's request.

        Its producer finished and took another branch, or was skipped; NaN otherwise.
        """
        record, log, src = self.record, self.record.log, self.record.arrays.edge_src
        missed = ~record.taken & (log.state[:, src] == FINISHED)
        skipped = log.state[:, src] == SKIPPED
        at = np.where(missed, log.finish[:, src],
                      np.where(skipped, record.skipped_at[:, src], np.nan))  # fmt: skip
        return np.asarray(record.at_consumer(at, np.nan), dtype=np.float64)

    @cached_property
    def all_off(self) -> BoolArray:
        """(R, T) whether an instance has inputs and none of them will ever come."""
        off = np.zeros(self.record.log.state.shape, dtype=np.int64)
        for e, dst in enumerate(self.record.arrays.edge_dst):
            off[:, dst] += self.is_input[:, e] & ~np.isnan(self.off_at[:, e])
        return np.asarray((self.n_inputs > 0) & (off == self.n_inputs))

    @cached_property
    def closing(self) -> tuple[FloatArray, IntArray, BoolArray]:
        """When each join closes and how many inputs it then uses at most.

        Returns
        -------
        close : (R, T) float array
            -inf for a task without inputs, inf where the join never closes.
        limit : (R, T) int array
        by_timer : (R, T) bool array
            The deadline closed it, with the inputs that had come by then.
        """
        record, arrays = self.record, self.record.arrays
        shape = record.log.state.shape
        close, limit = np.full(shape, np.inf), np.zeros(shape, dtype=np.int64)
        timed = np.zeros(shape, dtype=np.bool_)
        ptr, edges = arrays.in_csr
        arrival = np.where(np.isnan(record.log.arrival), np.inf, record.log.arrival)
        for t in range(arrays.n_tasks):
            mine = edges[ptr[t] : ptr[t + 1]]
            n = self.n_inputs[:, t]
            came = np.where(self.is_input[:, mine], record.arrived_at[:, mine], np.nan)
            came = np.where(np.isnan(came), np.inf, came)
            gone = np.where(np.isnan(self.off_at[:, mine]), np.inf, self.off_at[:, mine])
            need = np.where(arrays.join_need[t] > 0, np.minimum(arrays.join_need[t], n), n)
            ordered = np.sort(came, axis=1, kind="stable") if len(mine) else came
            padded = np.concatenate([ordered, np.full((shape[0], 1), np.inf)], axis=1)
            rows = np.arange(shape[0])
            quorum = padded[rows, np.maximum(need - 1, 0)]
            known = np.where(self.is_input[:, mine], np.minimum(came, gone), -np.inf)
            resolved = known.max(axis=1, initial=-np.inf)
            first = padded[:, 0]
            resolved = np.where(first < np.inf, resolved, np.inf)
            due = arrival + arrays.join_deadline[t]
            late = np.maximum(due, first)
            when = np.minimum(np.minimum(quorum, resolved), late)
            # A deadline that found no input leaves a quorum of 1.
            by_timer = (first > due) | (late < np.minimum(quorum, resolved))
            counted = (came <= when[:, None]).sum(axis=1)
            limit[:, t] = np.where(by_timer, np.where(first > due, 1, counted), need)
            close[:, t] = np.where(n == 0, -np.inf, when)
            timed[:, t] = by_timer & (first <= due)
        close[record.log.state == ABSENT] = np.inf
        return close, limit, timed

    @cached_property
    def ready_at(self) -> FloatArray:
        """(R, T) when each instance is ready by the rules, inf if never."""
        arrival = np.where(np.isnan(self.record.log.arrival), np.inf, self.record.log.arrival)
        return np.asarray(np.maximum(self.closing[0], arrival[:, None]))

    @cached_property
    def useless_at(self) -> FloatArray:
        """(R, T) from when on an instance, unless started, has nobody left to work for; else inf.

        Every one of its edges leads to a closed join that cancels late work, to a removed task,
        or to no request; exit tasks are never removed.
        """
        record, arrays = self.record, self.record.arrays
        out = np.full(record.log.state.shape, np.inf)
        if not arrays.join_cancel.any():
            return out
        close = np.where(np.isneginf(self.closing[0]), np.inf, self.closing[0])
        close = np.where(arrays.join_cancel[None, :], close, np.inf)
        ptr, edges = arrays.out_csr
        while True:
            before = out.copy()
            for t in arrays.topological[::-1]:
                if arrays.is_exit[t]:
                    continue
                last = np.full(record.n_requests, -np.inf)
                for e in edges[ptr[t] : ptr[t + 1]]:
                    consumer, dst = record.consumer[:, e], arrays.edge_dst[e]
                    removed = record.log.state[consumer, dst] == CANCELLED
                    gone = np.where(removed, out[consumer, dst], np.inf)
                    gone = np.minimum(gone, close[consumer, dst])
                    last = np.where(consumer >= 0, np.maximum(last, gone), last)
                out[:, t] = np.where(np.isneginf(last), np.inf, last)
            if not arrays.edge_lag.any() or np.array_equal(before, out):
                break
        # A task that ran when it became useless is removed only if an outage ends that run.
        return self._at_interruption(out)

    def _at_interruption(self, useless: FloatArray) -> FloatArray:
        request, task, _, start, end = self.record.log.attempts
        out = useless.copy()
        for r, t, begin, until in zip(request, task, start, end, strict=True):
            if begin <= out[r, t] < until:
                out[r, t] = until
        return out

    @cached_property
    def down(self) -> list[list[tuple[float, float]]]:
        """For every node the intervals in which it is down, joined where they touch."""
        luck = self.record.realisation
        out: list[list[tuple[float, float]]] = [[] for _ in range(self.record.arrays.n_nodes)]
        for i in np.argsort(luck.outage_start, kind="stable"):
            node, start, end = luck.outage_node[i], luck.outage_start[i], luck.outage_end[i]
            mine = out[int(node)]
            if mine and start <= mine[-1][1]:
                mine[-1] = (mine[-1][0], max(mine[-1][1], float(end)))
            else:
                mine.append((float(start), float(end)))
        return out

    @cached_property
    def is_static(self) -> BoolArray:
        """(N,) whether a node always runs at pace 1."""
        out = np.all(self.record.arrays.corun == 1.0, axis=1)
        out[self.record.realisation.slow_node] = False
        return np.asarray(out)
