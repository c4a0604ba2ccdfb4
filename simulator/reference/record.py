"""What a run leaves behind: entities turned into the arrays of a `RunLog`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from simulator.arrays import FloatArray, IntArray
from simulator.reference.entities import Message
from simulator.reference.networks import Hop
from simulator.reference.nodes import Attempt
from simulator.reference.plan import Plan
from simulator.runlog import ABSENT, FINISHED, RunLog

Table = tuple[IntArray, IntArray, IntArray, FloatArray, FloatArray]


def make_log(
    plan: Plan, messages: Iterable[Message], attempts: Iterable[Attempt], hops: Iterable[Hop]
) -> RunLog:
    """Write down everything that has happened so far."""
    n_tasks, n_edges = plan.arrays.n_tasks, plan.arrays.n_edges
    shape = (len(plan.requests), n_tasks)
    ready, start, finish = (np.full(shape, np.nan) for _ in range(3))
    slot = np.full(shape, -1, dtype=np.int64)
    state = np.full(shape, ABSENT, dtype=np.int8)
    for request in plan.requests:
        for task, instance in request.instances.items():
            at = (request.id, task)
            state[at], slot[at], ready[at] = instance.state, instance.slot, instance.ready
            if instance.state == FINISHED:
                start[at], finish[at] = instance.start, instance.finish
    delivered = np.full((len(plan.requests), n_edges), np.nan)
    used = np.full(delivered.shape, -1, dtype=np.int8)
    for message in messages:
        delivered[message.request, message.edge] = message.delivered
        used[message.request, message.edge] = message.used
    return RunLog(
        ready=ready,
        start=start,
        finish=finish,
        slot=slot,
        state=state,
        delivered=delivered,
        used=used,
        arrival=_arrivals(plan),
        completed=np.array([request.completed for request in plan.requests], dtype=np.float64),
        attempts=_columns(sorted(attempts, key=lambda row: (row[4], row[0], row[1]))),
        hops=_columns([(r, e, link, start, end) for r, e, _, link, start, end in sorted(hops)]),
    )


def _arrivals(plan: Plan) -> FloatArray:
    """Arrivals as drawn; in a closed loop as they came about, NaN for those never released."""
    if not plan.is_closed_loop:
        return plan.luck.arrival
    return np.array([request.arrived for request in plan.requests], dtype=np.float64)


def _columns(rows: Sequence[tuple[int, int, int, float, float]]) -> Table:
    """Turn rows into columns of the right types, also when there are none."""
    table = list(zip(*rows, strict=True)) or [()] * 5
    a, b, c = (np.array(column, dtype=np.int64) for column in table[:3])
    start, end = (np.array(column, dtype=np.float64) for column in table[3:])
    return a, b, c, start, end
