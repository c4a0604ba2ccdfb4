"""A trace from the rows that a real run wrote down: the way from stop-watch to `Trace`.

Rows name tasks, edges and states as the tables of a trace do, so that the tables of a simulated
run, read back, give the same trace again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from simulator.arrays import BoolArray, FloatArray, IntArray, empty_floats, empty_ints
from simulator.errors import InvalidScenario, unknown
from simulator.frames import TASK_STATES, unique_edge_names
from simulator.record import Record
from simulator.runlog import ABSENT, FINISHED, LOST, RunLog

if TYPE_CHECKING:
    import pandas as pd

    from simulator.allocation import Allocation
    from simulator.problem import Problem
    from simulator.realisation import Realisation
    from simulator.trace import Trace

TASK_COLUMNS = (
    "request", "stream", "task", "variant", "node", "slot", "attempt",
    "ready", "start", "finish", "state",
)  # fmt: skip


def measured(
    problem: Problem,
    allocation: Allocation,
    realisation: Realisation,
    tasks: pd.DataFrame | Mapping[str, Any],
    messages: pd.DataFrame | Mapping[str, Any],
    engine: str = "realrun",
) -> Trace:
    """Build a trace from measured rows.

    Parameters
    ----------
    realisation : Realisation
        Arrivals, streams and branch outcomes of the run; its factors are read for bytes.
    tasks : table or mapping of columns
        `request`, `task`, `start`, `finish` in seconds of one clock; optionally `slot` (0),
        `ready`, `state` (``finished``) and any further numeric column, which is kept as observed.
        A task of a request's stream without a row was lost; several rows of one instance must be
        ``interrupted`` but for the last.
    messages : table or mapping of columns
        `request` (the producer's), `edge`, `finish` (usable time, NaN if never) and optionally
        `used`. Without it an input counts as used if it was there when its consumer started.
        Messages within a node may be left out: they are usable when sent.

    Returns
    -------
    Trace

    Raises
    ------
    InvalidScenario, UnknownName
        A missing column, an unknown name, a request out of range, a finish before its start, or
        two rows for one thing.
    """
    from simulator.trace import Trace

    node, variant, priority = allocation.arrays(problem)
    rows = _columns(tasks, "tasks", ("request", "task", "start", "finish"))
    n_requests, n_tasks = realisation.n_requests, problem.n_tasks
    request = _requests(rows["request"], n_requests, "tasks")
    task = _index(rows["task"], problem.task_names, "task", "tasks")
    shape = (n_requests, n_tasks)
    start, finish = _times(rows["start"]), _times(rows["finish"])
    label = _states(rows, len(request))
    _refuse_rows(problem, realisation, request, task, start, finish, label)
    last = label != TASK_STATES.index("interrupted")
    at = request[last], task[last]
    mine = realisation.stream[:, None] == problem.arrays.task_stream[None, :]
    state = np.where(mine, np.int8(LOST), np.int8(ABSENT))
    state[at] = label[last] + 1
    times = {name: np.full(shape, np.nan) for name in ("start", "finish", "ready")}
    done = label == FINISHED - 1
    for name, values in (("start", start), ("finish", finish)):
        times[name][request[done], task[done]] = values[done]
    slot = np.full(shape, -1, dtype=np.int64)
    slots = np.asarray(rows.get("slot", np.zeros(len(request))), dtype=np.int64)
    slot[request, task] = slots
    broken = np.flatnonzero(~last)
    broken = broken[np.lexsort((task[broken], request[broken], finish[broken]))]
    attempts = (request[broken], task[broken], slots[broken], start[broken], finish[broken])
    nothing = np.full((n_requests, problem.n_edges), np.nan)
    log = RunLog(
        ready=times["ready"], start=times["start"], finish=times["finish"], slot=slot, state=state,
        delivered=nothing, used=np.full(nothing.shape, -1, dtype=np.int8),
        arrival=np.asarray(realisation.arrival), completed=np.full(n_requests, np.nan),
        attempts=attempts,
        hops=(empty_ints(), empty_ints(), empty_ints(), empty_floats(), empty_floats()),
    )  # fmt: skip
    record = Record(problem.arrays, node, variant, priority, realisation, log)
    _fill_messages(problem, record, messages)
    _fill_ready(record, rows, request, task)
    log.completed[:] = record.over_at
    observed = _observed(rows, request, task, done, shape)
    # A fresh record inside the trace derives everything from the finished log.
    return Trace(problem, allocation, realisation, log, engine=engine, observed=observed)


def _columns(
    table: pd.DataFrame | Mapping[str, Any], where: str, needed: Sequence[str]
) -> dict[str, Any]:
    rows = {str(name): np.asarray(column) for name, column in table.items()}
    for name in needed:
        if name not in rows:
            raise InvalidScenario(f"measured {where}: the column {name!r} is missing")
    lengths = {len(values) for values in rows.values()}
    if len(lengths) > 1:
        raise InvalidScenario(f"measured {where}: the columns differ in length: {sorted(lengths)}")
    return rows


def _requests(values: Any, n_requests: int, where: str) -> IntArray:
    request = np.asarray(values, dtype=np.int64)
    bad = np.flatnonzero((request < 0) | (request >= n_requests))
    if len(bad):
        raise InvalidScenario(
            f"measured {where}: there is no request {request[bad[0]]}, only 0..{n_requests - 1}"
        )
    return request


def _index(values: Any, names: Sequence[str], kind: str, where: str) -> IntArray:
    """Indices of names, checked."""
    table = {name: i for i, name in enumerate(names)}
    distinct, inverse = np.unique(np.asarray(values, dtype=str), return_inverse=True)
    for name in distinct:
        if name not in table:
            raise unknown(kind, str(name), names, f"measured {where}")
    codes = np.array([table[name] for name in distinct], dtype=np.int64)
    return codes[inverse] if len(codes) else codes


def _times(values: Any) -> FloatArray:
    return np.array(values, dtype=np.float64)


def _states(rows: Mapping[str, Any], n: int) -> IntArray:
    """(n,) indices into `TASK_STATES`."""
    if "state" not in rows:
        return np.full(n, FINISHED - 1, dtype=np.int64)
    return _index(rows["state"], TASK_STATES, "state", "tasks")


def _refuse_rows(
    problem: Problem,
    realisation: Realisation,
    request: IntArray,
    task: IntArray,
    start: FloatArray,
    finish: FloatArray,
    label: IntArray,
) -> None:
    ran = np.isin(label, (FINISHED - 1, TASK_STATES.index("interrupted")))
    with np.errstate(invalid="ignore"):
        bad = np.flatnonzero(ran & ~((finish >= start) & np.isfinite(finish)))
    if len(bad):
        i = bad[0]
        raise InvalidScenario(
            f"measured tasks: {problem.task_names[task[i]]!r} of request {request[i]} starts at "
            f"{start[i]} and finishes at {finish[i]}"
        )
    foreign = np.flatnonzero(problem.arrays.task_stream[task] != realisation.stream[request])
    if len(foreign):
        i = foreign[0]
        raise InvalidScenario(
            f"measured tasks: {problem.task_names[task[i]]!r} is of another stream than "
            f"request {request[i]}"
        )
    last = label != TASK_STATES.index("interrupted")
    _refuse_twice(request[last], task[last], problem.task_names, "task")


def _refuse_twice(request: IntArray, item: IntArray, names: Sequence[str], kind: str) -> None:
    key, count = np.unique(request * len(names) + item, return_counts=True)
    if (count > 1).any():
        twice = int(key[np.argmax(count > 1)])
        raise InvalidScenario(
            f"measured {kind}s: two rows for {kind} {names[twice % len(names)]!r} of request "
            f"{twice // len(names)}"
        )


def _fill_messages(problem: Problem, record: Record, messages: Any) -> None:
    """Write `delivered` and `used` into the log."""
    log, names = record.log, unique_edge_names(problem)
    rows = _columns(messages, "messages", ("request", "edge", "finish"))
    request = _requests(rows["request"], record.n_requests, "messages")
    edge = _index(rows["edge"], names, "edge", "messages")
    _refuse_twice(request, edge, names, "message")
    unsent = np.flatnonzero(~record.sent[request, edge])
    if len(unsent):
        i = unsent[0]
        raise InvalidScenario(
            f"measured messages: {names[edge[i]]!r} of request {request[i]} cannot have been sent"
        )
    local = record.sent & ~record.remote[None, :]
    log.delivered[local] = record.sent_at[local]
    log.delivered[request, edge] = _times(rows["finish"])
    log.used[record.sent] = 0
    where = np.nonzero(record.sent)
    consumer = record.consumer[where]
    begun = log.start[consumer, record.arrays.edge_dst[where[1]]]
    with np.errstate(invalid="ignore"):
        log.used[where] = log.delivered[where] <= begun
    if "used" in rows:
        log.used[request, edge] = np.asarray(rows["used"], dtype=np.bool_)


def _fill_ready(record: Record, rows: Mapping[str, Any], request: IntArray, task: IntArray) -> None:
    """Write `ready`: as measured, else the latest used input or the arrival."""
    log = record.log
    ran = log.state == FINISHED
    ready = np.broadcast_to(log.arrival[:, None], log.ready.shape).copy()
    used = np.asarray(record.at_consumer(log.used, -1)) == 1
    for e, dst in enumerate(record.arrays.edge_dst):
        came = np.where(used[:, e], record.arrived_at[:, e], -np.inf)
        ready[:, dst] = np.maximum(ready[:, dst], came)
    log.ready[ran] = ready[ran]
    if "ready" in rows:
        log.ready[request, task] = _times(rows["ready"])


def _observed(
    rows: Mapping[str, Any],
    request: IntArray,
    task: IntArray,
    done: BoolArray,
    shape: tuple[int, int],
) -> dict[str, FloatArray]:
    """Further numeric columns as (R, T) arrays."""
    out: dict[str, FloatArray] = {}
    for name, values in rows.items():
        if name not in TASK_COLUMNS and np.issubdtype(values.dtype, np.number):
            out[name] = np.full(shape, np.nan)
            out[name][request[done], task[done]] = values[done]
    return out
