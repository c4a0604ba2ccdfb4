"""Which pass takes a run, and the record of one run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from simulator.arrays import IDEAL, STRICT, Arrays, IntArray
from simulator.fast.greedy import greedy_batch, greedy_work
from simulator.fast.plan import StaticPlan, is_static, static_plan
from simulator.fast.strict import strict_batch, strict_work
from simulator.realisation import Realisation
from simulator.runlog import ABSENT, FINISHED, RunLog


class Pass(NamedTuple):
    """A compiled pass and the room that it needs.

    Parameters
    ----------
    batch : compiled function
        ``batch(plan, work, node, variant, priority, completed, busy)`` for candidates (B, T).
    work : function of (plan, log)
        Allocates the room for one thread.
    """

    batch: Callable[..., int]
    work: Callable[[StaticPlan, bool], Any]


PASSES = {
    "strict": Pass(strict_batch, strict_work),
    "greedy": Pass(greedy_batch, greedy_work),
}


def covers(arrays: Arrays, realisation: Realisation) -> str:
    """Name what evaluates runs of this kind fastest.

    Parameters
    ----------
    arrays : Arrays
    realisation : Realisation

    Returns
    -------
    {"strict", "greedy", "kernel"}
        "strict" and "greedy" are the passes for that dispatch under the network `ideal`, without
        outages, slow-downs, co-run factors, quorums or deadlines of joins, conditional edges and
        closed loops, and with R, T and E for which indices fit 32 bits and keys 62. "kernel" is
        the general kernel, for everything else.
    """
    if arrays.network != IDEAL or not is_static(arrays, realisation):
        return "kernel"
    return "strict" if arrays.dispatch == STRICT else "greedy"


def run(
    arrays: Arrays,
    node: IntArray,
    variant: IntArray,
    priority: IntArray,
    realisation: Realisation,
) -> RunLog | None:
    """Simulate one candidate to the end, if a compiled pass covers the run.

    Parameters
    ----------
    arrays : Arrays
    node, variant, priority : (T,) int64 arrays
    realisation : Realisation

    Returns
    -------
    RunLog or None
        None where `covers` answers "kernel", and for candidates that cannot run to the end
        because their orders contradict the edges; the general kernel says how far those come.
    """
    kind = covers(arrays, realisation)
    if kind == "kernel" or realisation.n_requests == 0:
        return None
    batch, make_work = PASSES[kind]
    plan = static_plan(arrays, realisation)
    work = make_work(plan, True)
    completed = np.empty((1, realisation.n_requests))
    busy = np.empty((1, arrays.n_nodes))
    rows = [np.array(x, dtype=np.int64)[None, :] for x in (node, variant, priority)]
    batch(plan, work, *rows, completed, busy)
    if np.isnan(completed).any():
        return None
    shape = (realisation.n_requests, arrays.n_tasks)
    present = realisation.stream[:, None] == arrays.task_stream[None, :]
    delivered = work.delivered.reshape(realisation.n_requests, arrays.n_edges)
    none, never = np.empty(0, dtype=np.int64), np.empty(0)
    return RunLog(
        ready=work.ready.reshape(shape),
        start=work.start.reshape(shape),
        finish=work.finish.reshape(shape),
        slot=work.slot.reshape(shape),
        state=np.where(present, np.int8(FINISHED), np.int8(ABSENT)),
        delivered=delivered,
        used=np.where(np.isnan(delivered), np.int8(-1), np.int8(1)),
        arrival=realisation.arrival.copy(),
        completed=completed[0],
        attempts=(none, none, none, never, never),
        hops=(none, none, none, never, never),
    )
