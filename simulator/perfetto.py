"""A trace in the Chrome trace event format [1]_, for https://ui.perfetto.dev.

One process for each node with a thread for each slot, one for the links, one for the requests.
Messages are flow arrows from producer to link to consumer; counters show what waits and runs.
Messages that share a link are put side by side in lanes, because slices of one thread must nest.

References
----------
.. [1] Google, "Trace Event Format", 2016.
   https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from simulator.arrays import FloatArray, IntArray
from simulator.occupancy import Occupancy, waiting_since
from simulator.runlog import FINISHED

if TYPE_CHECKING:
    from simulator.trace import Trace

Rows = Iterator[str]


def write(trace: Trace, path: str | Path) -> None:
    """Write a trace as JSON; compressed if the name ends in ``.gz``, which the viewer reads too.

    Parameters
    ----------
    trace : Trace
    path : str or Path
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "wt", encoding="utf-8") as file:
        file.write('{"displayTimeUnit": "ms", "otherData": ' + _remarks(trace))
        file.write(',\n"traceEvents": [\n')
        first = True
        for event in events(trace):
            file.write(event if first else ",\n" + event)
            first = False
        file.write("\n]}\n")


def _remarks(trace: Trace) -> str:
    remarks = {
        "problem": trace.problem.name,
        "scheduler": trace.scheduler or "",
        "engine": trace.engine,
        "semantics": trace.semantics,
        "seed": trace.seed,
    } | {f"version of {name}": text for name, text in trace.versions.items()}
    return json.dumps(remarks)


def events(trace: Trace) -> Rows:
    """Yield every event as one line of JSON; times are in microseconds."""
    export = _Export(trace)
    yield from chain(
        export.names(),
        export.executions(),
        export.outages(),
        export.transfers(),
        export.flows(),
        export.requests(),
        export.counters(),
    )


class _Export:
    """Numbers processes and threads, and writes one kind of event after the other."""

    def __init__(self, trace: Trace) -> None:
        self.trace, self.record, self.problem = trace, trace.record, trace.problem
        self.links_pid = self.problem.n_nodes + 1
        self.requests_pid = self.problem.n_nodes + 2
        self.occupied = Occupancy(self.record)

    def names(self) -> Rows:
        """Names and order of processes and threads."""
        problem = self.problem
        for n, node in enumerate(problem.cluster.nodes):
            yield from _process(n + 1, f"{node.name} ({node.device or node.kind})", n)
            for slot in range(node.slots):
                yield from _thread(n + 1, slot + 1, f"slot {slot}", slot)
            if n in self.trace.realisation.outage_node:
                yield from _thread(n + 1, node.slots + 1, "outages", node.slots)
        if problem.link_names:
            yield from _process(self.links_pid, "links", problem.n_nodes)
        for tid, (link, lane) in enumerate(self.occupied.threads):
            name = problem.link_names[link] + (f" ({lane + 1})" if lane else "")
            yield from _thread(self.links_pid, tid, name, tid)
        yield from _process(self.requests_pid, "requests", problem.n_nodes + 1)

    def executions(self) -> Rows:
        """One slice for each execution of a task."""
        x, log, record = self.record.executions, self.record.log, self.record
        stream = self.trace.realisation.stream[x.request]
        tasks = [json.dumps(name) for name in self.problem.task_names]
        streams = [json.dumps(s.name) for s in self.problem.streams]
        variants = [json.dumps(self.problem.variant_names[t][v])
                    for t, v in enumerate(record.variant)]  # fmt: skip
        ready = log.ready[x.request, x.task]
        columns = zip(
            x.task.tolist(), (x.node + 1).tolist(), (x.slot + 1).tolist(), _us(x.start).tolist(),
            _span(x.start, x.end).tolist(), x.request.tolist(), stream.tolist(),
            _us(ready).tolist(), _us(x.start - ready).tolist(), x.attempt.tolist(),
            np.where(x.finished, "finished", "interrupted").tolist(), strict=True,
        )  # fmt: skip
        for t, pid, tid, ts, dur, r, s, was_ready, waited, attempt, state in columns:
            yield (
                f'{{"ph":"X","cat":"task","name":{tasks[t]},"pid":{pid},"tid":{tid},"ts":{ts},'
                f'"dur":{dur},"args":{{"request":{r},"stream":{streams[s]},'
                f'"variant":{variants[t]},"ready_us":{was_ready},"waited_us":{waited},'
                f'"attempt":{attempt},"state":"{state}"}}}}'
            )

    def outages(self) -> Rows:
        """One slice for each outage; one that never ends lasts to the end of the run."""
        luck, over = self.trace.realisation, self.record.log.idle_at
        rows = zip(luck.outage_node, luck.outage_start, luck.outage_end, strict=True)
        for n, start, end in rows:
            tid = int(self.problem.arrays.slots[n]) + 1
            until = max(float(end) if np.isfinite(end) else over, float(start))
            yield (
                f'{{"ph":"X","cat":"outage","name":"outage","pid":{n + 1},"tid":{tid},'
                f'"ts":{float(start) * 1e6!r},"dur":{(until - float(start)) * 1e6!r},"args":{{}}}}'
            )

    def transfers(self) -> Rows:
        """One slice for each message on each link that it occupies."""
        o, record = self.occupied, self.record
        edges = [json.dumps(name) for name in self.trace.edge_names]
        columns = zip(
            o.edge.tolist(), o.tid.tolist(), _us(o.start).tolist(), _span(o.start, o.end).tolist(),
            o.request.tolist(), record.consumer[o.request, o.edge].tolist(),
            record.size_bytes[o.request, o.edge].tolist(), strict=True,
        )  # fmt: skip
        for e, tid, ts, dur, request, consumer, size in columns:
            yield (
                f'{{"ph":"X","cat":"message","name":{edges[e]},"pid":{self.links_pid},'
                f'"tid":{tid},"ts":{ts},"dur":{dur},"args":{{"request":{request},'
                f'"to_request":{consumer},"bytes":{size}}}}}'
            )

    def flows(self) -> Rows:
        """Arrows along every message that its consumer used: s, t on each link, f."""
        record, log, arrays = self.record, self.record.log, self.record.arrays
        request, edge = np.nonzero(log.used == 1)
        to = record.consumer[request, edge]
        keep = log.state[to, arrays.edge_dst[edge]] == FINISHED
        request, edge, to = request[keep], edge[keep], to[keep]
        src, dst = arrays.edge_src[edge], arrays.edge_dst[edge]
        # A point inside the producer's slice; at its very end it would bind to what comes next.
        begin = (log.start[request, src] + log.finish[request, src]) / 2
        ids = request * arrays.n_edges + edge
        yield from self._points("s", ids, edge, record.node[src] + 1, log.slot[request, src] + 1,
                                begin)  # fmt: skip
        o = self.occupied
        own = o.request * arrays.n_edges + o.edge
        on = np.isin(own, ids)
        pid = np.full(int(on.sum()), self.links_pid)
        yield from self._points("t", own[on], o.edge[on], pid, o.tid[on], o.start[on])
        yield from self._points("f", ids, edge, record.node[dst] + 1, log.slot[to, dst] + 1,
                                log.start[to, dst])  # fmt: skip

    def _points(
        self,
        phase: str,
        ids: IntArray,
        edge: IntArray,
        pid: IntArray,
        tid: IntArray,
        ts: FloatArray,
    ) -> Rows:
        edges = [json.dumps(name) for name in self.trace.edge_names]
        bind = ',"bp":"e"' if phase == "f" else ""
        columns = (ids.tolist(), edge.tolist(), pid.tolist(), tid.tolist(), _us(ts).tolist())
        for i, e, p, t, at in zip(*columns, strict=True):
            yield (
                f'{{"ph":"{phase}","cat":"message","name":{edges[e]},"id":{i},"pid":{p},'
                f'"tid":{t},"ts":{at}{bind}}}'
            )

    def requests(self) -> Rows:
        """One asynchronous slice from the arrival to the completion of each completed request."""
        log = self.record.log
        names = [json.dumps(s.name) for s in self.problem.streams]
        for r in np.flatnonzero(np.isfinite(log.completed)).tolist():
            name = names[int(self.trace.realisation.stream[r])]
            for phase, at in (("b", log.arrival[r]), ("e", log.completed[r])):
                yield (
                    f'{{"ph":"{phase}","cat":"request","name":{name},"id":{r},'
                    f'"pid":{self.requests_pid},"tid":0,"ts":{float(at) * 1e6!r},'
                    f'"args":{{"request":{r}}}}}'
                )

    def counters(self) -> Rows:
        """What waits and runs on every node, is on its way, and is in the system."""
        x, log, record = self.record.executions, self.record.log, self.record
        since = waiting_since(record)
        for n in range(self.problem.n_nodes):
            here = x.node == n
            yield from _counter("waiting", n + 1, since[here], x.start[here])
            yield from _counter("running", n + 1, x.start[here], x.end[here])
        moving = record.sent & record.remote[None, :] & ~np.isnan(log.delivered)
        yield from _counter(
            "messages on their way", self.links_pid, record.sent_at[moving], log.delivered[moving]
        )
        done = np.isfinite(log.completed)
        yield from _counter(
            "requests in the system", self.requests_pid, log.arrival[done], log.completed[done]
        )


def _counter(name: str, pid: int, begin: FloatArray, end: FloatArray) -> Rows:
    """A step function: how many of the intervals are open."""
    if len(begin) == 0:
        return
    time = np.concatenate([begin, end])
    change = np.repeat([1, -1], [len(begin), len(end)])
    instants, inverse = np.unique(time, return_inverse=True)
    level = np.cumsum(np.bincount(inverse, weights=change)).astype(np.int64)
    for at, value in zip(_us(instants).tolist(), level.tolist(), strict=True):
        yield f'{{"ph":"C","name":"{name}","pid":{pid},"ts":{at},"args":{{"{name}":{value}}}}}'


def _process(pid: int, name: str, rank: int) -> Iterable[str]:
    yield _meta("process_name", pid, 0, "name", json.dumps(name))
    yield _meta("process_sort_index", pid, 0, "sort_index", str(rank))


def _thread(pid: int, tid: int, name: str, rank: int) -> Iterable[str]:
    yield _meta("thread_name", pid, tid, "name", json.dumps(name))
    yield _meta("thread_sort_index", pid, tid, "sort_index", str(rank))


def _meta(what: str, pid: int, tid: int, key: str, value: str) -> str:
    return f'{{"ph":"M","name":"{what}","pid":{pid},"tid":{tid},"args":{{"{key}":{value}}}}}'


def _us(seconds: FloatArray) -> FloatArray:
    """Microseconds, on the viewer's grid of 1 ns."""
    return np.rint(seconds * 1e9) / 1e3


def _span(start: FloatArray, end: FloatArray) -> FloatArray:
    """Microseconds from start to end, both on the grid, so that slices never overlap."""
    return (np.rint(end * 1e9) - np.rint(start * 1e9)) / 1e3
