"""The rows of a trace as pandas tables, built column by column without a Python loop over rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from simulator.arrays import BoolArray, IntArray
from simulator.runlog import ABSENT, FINISHED, STATES

if TYPE_CHECKING:
    import pandas as pd

    from simulator.problem import Problem
    from simulator.trace import Trace

TASK_STATES = (*STATES[1:], "interrupted")
"""States of a task row: lost, finished, skipped, cancelled, interrupted."""

MESSAGE_STATES = ("delivered", "undelivered")


def unique_edge_names(problem: Problem) -> tuple[str, ...]:
    """(E,) labels of the edges, made distinct: ``stream/label``, and ``label #2`` for a second."""
    labels = list(problem.edge_names)
    if len(set(labels)) < len(labels):
        streams = [s.name for s in problem.streams for _ in s.graph.edges]
        many = len(problem.streams) > 1
        labels = [f"{s}/{x}" if many else x for s, x in zip(streams, labels, strict=True)]
    seen: dict[str, int] = {}
    out: list[str] = []
    for label in labels:
        seen[label] = seen.get(label, 0) + 1
        out.append(label if seen[label] == 1 else f"{label} #{seen[label]}")
    return tuple(out)


def tasks_frame(trace: Trace) -> pd.DataFrame:
    """One row for each execution, and one for each task of a request that never finished.

    Columns: request, stream, task, variant, node, slot, attempt, ready, start, finish (seconds),
    state; for a measured run also what was observed. Rows are sorted by (request, task, attempt).
    """
    import pandas as pd

    record, problem, x = trace.record, trace.problem, trace.record.executions
    state = record.log.state
    request, task = np.nonzero((state != ABSENT) & (state != FINISHED))
    rest = len(request)
    requests = np.concatenate([x.request, request])
    tasks = np.concatenate([x.task, task])
    codes = np.concatenate(
        [np.where(x.finished, FINISHED - 1, len(TASK_STATES) - 1), state[request, task] - 1]
    )
    nothing = np.full(rest, np.nan)
    start, finish = np.concatenate([x.start, nothing]), np.concatenate([x.end, nothing])
    slot = np.concatenate([x.slot, np.full(rest, -1)])
    attempt = np.concatenate([x.attempt, np.zeros(rest, dtype=np.int64)])
    if rest:  # a task that ended without finishing comes after its interrupted executions
        late = np.concatenate([np.zeros(len(x.request), dtype=np.int8), np.ones(rest, np.int8)])
        order = np.lexsort((attempt, late, tasks, requests))
        requests, tasks, codes = requests[order], tasks[order], codes[order]
        start, finish, slot, attempt = start[order], finish[order], slot[order], attempt[order]
    variants, variant_code = _variants(trace)
    frame = pd.DataFrame(
        {
            "request": requests,
            "stream": _labels(
                [s.name for s in problem.streams], trace.realisation.stream[requests]
            ),
            "task": _labels(problem.task_names, tasks),
            "variant": _labels(variants, variant_code[tasks]),
            "node": _labels(problem.node_names, record.node[tasks]),
            "slot": slot,
            "attempt": attempt,
            "ready": record.log.ready[requests, tasks],
            "start": start,
            "finish": finish,
            "state": _labels(TASK_STATES, codes),
        }
    )
    for name, values in (trace.observed or {}).items():
        last = codes == FINISHED - 1
        frame[name] = np.where(last, values[requests, tasks], np.nan)
    return frame


def _variants(trace: Trace) -> tuple[tuple[str, ...], IntArray]:
    """All variant names that occur, and the one of each task as an index into them."""
    chosen = [trace.problem.variant_names[t][v] for t, v in enumerate(trace.record.variant)]
    names = tuple(dict.fromkeys(chosen))
    index = {name: i for i, name in enumerate(names)}
    return names, np.array([index[name] for name in chosen], dtype=np.int64)


def messages_frame(trace: Trace) -> pd.DataFrame:
    """One row for each message that was sent, local ones included.

    Columns: request (of the producer), to_request (of the consumer), stream, edge, src, dst
    (tasks), src_node, dst_node, route (its links, empty on one node), bytes, start (it leaves its
    producer), finish (it is usable), state, used (whether the consumer waited for and took it).
    """
    import pandas as pd

    record, problem, arrays = trace.record, trace.problem, trace.record.arrays
    request, edge = np.nonzero(record.sent)
    src, dst = arrays.edge_src[edge], arrays.edge_dst[edge]
    finish = record.log.delivered[request, edge]
    routes, route_code = _routes(trace)
    return pd.DataFrame(
        {
            "request": request,
            "to_request": record.consumer[request, edge],
            "stream": _labels([s.name for s in problem.streams], record.edge_stream[edge]),
            "edge": _labels(trace.edge_names, edge),
            "src": _labels(problem.task_names, src),
            "dst": _labels(problem.task_names, dst),
            "src_node": _labels(problem.node_names, record.node[src]),
            "dst_node": _labels(problem.node_names, record.node[dst]),
            "route": _labels(routes, route_code[edge]),
            "bytes": record.size_bytes[request, edge],
            "start": record.sent_at[request, edge],
            "finish": finish,
            "state": _labels(MESSAGE_STATES, np.isnan(finish).astype(np.int64)),
            "used": record.log.used[request, edge] == 1,
        }
    )


def _routes(trace: Trace) -> tuple[tuple[str, ...], IntArray]:
    record, names = trace.record, trace.problem.link_names
    ends = zip(record.arrays.edge_src, record.arrays.edge_dst, strict=True)
    texts = [
        " > ".join(names[i] for i in record.arrays.route(int(record.node[a]), int(record.node[b])))
        for a, b in ends
    ]
    known = tuple(dict.fromkeys(texts))
    index = {text: i for i, text in enumerate(known)}
    return known, np.array([index[text] for text in texts], dtype=np.int64)


def hops_frame(trace: Trace) -> pd.DataFrame:
    """One row for each link that a message occupied (``fifo``: served; ``fair``: shared)."""
    import pandas as pd

    record = trace.record
    request, edge, link, start, finish = record.log.hops
    return pd.DataFrame(
        {
            "request": request,
            "edge": _labels(trace.edge_names, edge),
            "link": _labels(trace.problem.link_names, link),
            "bytes": record.size_bytes[request, edge],
            "start": start,
            "finish": finish,
        }
    )


def _labels(names: Sequence[str], codes: IntArray | BoolArray) -> Any:
    """A categorical column from indices: names are stored once, rows are small integers."""
    import pandas as pd

    return pd.Categorical.from_codes(np.asarray(codes, dtype=np.int64), pd.Index(list(names)))
