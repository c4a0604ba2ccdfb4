"""A worker that goes on after another one failed: what it lacks, and what it takes over."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from realrun.plan import RunPlan
from realrun.programs import along
from realrun.transport.base import DATA, Notice
from realrun.worker.agenda import ARRIVAL, DEADLINE, INPUT
from realrun.worker.book import FINISHED, SKIPPED, Book

if TYPE_CHECKING:
    from realrun.programs import Bundle
    from realrun.worker.runner import Runner


def missing(runner: Runner) -> Any:
    """(n, 2) ints: (request, edge) of inputs that open tasks still wait for."""
    plan = runner.plan
    rows = [
        (i.request, e)
        for i in runner.book.own.values()
        if not i.over and math.isnan(i.closed_at)
        for e in runner.book.inputs_of(i.task)
        if plan.producer[i.request, e] >= 0 and e not in i.got and e not in i.off
    ]
    return np.array(rows, dtype=np.int64).reshape(-1, 2)


def absent(runner: Runner) -> Any:
    """(n, 2) ints: (request, task) of own work that counts as done, but whose output is not here.

    Such is what was taken over from a worker that failed after its output had been delivered.
    """
    rows = [
        (i.request, i.task)
        for i in runner.book.own.values()
        if i.state == FINISHED
        and i.request not in runner.retired
        and (i.request, i.task) not in runner.outputs
    ]
    return np.array(rows, dtype=np.int64).reshape(-1, 2)


def adopt(runner: Runner, plan: dict[str, Any], epoch: int, todo: Any, settled: Any) -> None:
    """Go on with a new plan.

    Parameters
    ----------
    runner : Runner
        Between two tasks.
    plan : mapping
        `RunPlan.to_dict` of the new plan.
    epoch : int
    todo : (n, 2) int array
        (request, task) of work that must be done (again), wherever it was done.
    settled : (R,) bool array
        Requests that are over and of which nothing is kept.
    """
    old, before = runner.book, runner.plan
    again = {(int(r), int(t)) for r, t in todo}
    runner.plan = RunPlan.from_dict(plan)
    runner.plan.arrival[:] = np.where(old.arrived, before.arrival, runner.plan.arrival)
    runner.epoch, runner.told = epoch, False
    if runner.links is not None:
        runner.links.follow(runner.plan)
    runner.load()
    runner.warm(again=False)
    runner.retired |= set(np.flatnonzero(settled).tolist())
    runner.book = Book.after_failure(runner.plan, runner.me, old, again, runner.retired)
    for kind in (ARRIVAL, DEADLINE):  # an arrival sets its deadlines anew
        runner.agenda.forget(kind)
    runner.schedule(runner.zero)  # also for streams that had no task here before
    for request, task in sorted(again):
        _send_again(runner, request, task)
    runner.log.status[0] = time.monotonic()


def _send_again(runner: Runner, request: int, task: int) -> None:
    """Give a task that starts over the inputs that were made here."""
    plan = runner.plan
    for edge in np.flatnonzero(plan.edge_dst == task).tolist():
        source, producer = int(plan.edge_src[edge]), int(plan.producer[request, edge])
        made = runner.book.own.get((producer, source))
        if producer < 0 or made is None:
            continue
        untaken = made.state == FINISHED and not plan.taken[producer, edge]
        if made.state == SKIPPED or untaken:
            runner.book.pass_off(made, runner.now(), [edge])
        elif made.state == FINISHED and (producer, source) in runner.outputs:
            _hand_over(runner, producer, edge, runner.outputs[producer, source])


def _hand_over(runner: Runner, request: int, edge: int, bundle: Bundle) -> None:
    receiver, at = int(runner.plan.node[runner.plan.edge_dst[edge]]), runner.now()
    if receiver == runner.me:
        consumer = int(runner.plan.consumer[request, edge])
        runner.agenda.add(at, INPUT, (consumer, edge, bundle, None))
        return
    maker = runner.programs.get(int(runner.plan.edge_src[edge]))
    sent = runner.transport.put(receiver, along(maker, edge, bundle))
    stamp = runner.zero + at
    runner.transport.post(
        receiver,
        Notice(DATA, runner.epoch, runner.me, edge, request, sent.place, sent.size, stamp, stamp),
    )
