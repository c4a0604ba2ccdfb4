"""The controller of one real run: loading, the common start, watching, the end."""

from __future__ import annotations

import contextlib
import math
import os
import select
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from realrun.clerk import Clerk
from realrun.pool import WorkerFailed

if TYPE_CHECKING:
    from realrun.plan import RunPlan
    from realrun.pool import Workers

HEAD_START_S = 0.03
"""Between the last worker's word that it is ready and the common start."""
SILENT_S = 3.0
"""An idle worker that gives no sign for so long hangs."""
BUSY_S, BUSY_FACTOR = 20.0, 50.0
"""A task hangs after this, and after so many times its planned duration."""
LOOK_S = 0.2
"""How often the controller looks whether workers are alive."""
BREAK_OFF_S = 5.0
"""Time that workers have to become idle when a run is broken off."""
RELOAD_S = 60.0
"""Time that workers may take to load what they take over from a failed one."""


def readable(sources: Sequence[Any], seconds: float) -> list[Any]:
    """Which of sockets and the like can be read from, after so many seconds at most."""
    poll = select.poll()  # `select.select` refuses descriptors above 1023
    by_fd = {s.fileno(): s for s in sources}
    for fd in by_fd:
        poll.register(fd, select.POLLIN)
    found = poll.poll(1e3 * max(seconds, 0.0))
    return [by_fd[fd] for fd, _ in found]


class Controller:
    """One run of one plan on some workers; the process that starts it is not in the timing path.

    Parameters
    ----------
    plan : RunPlan
    workers : Workers
    progress : function of (requests over, requests), or None
    watch : function of the clerk, called now and then, or None
    on_failure : function of the error of a worker
        Makes up for it, or raises.

    Attributes
    ----------
    clerk : Clerk
    plan : RunPlan
        Replaced after a failure that others make up for.
    answers : dict of worker to what it handed over at the end
    ended_at : float
        When the workers were told that everything is answered; infinite before.
    """

    def __init__(
        self,
        plan: RunPlan,
        workers: Workers,
        progress: Callable[[int, int], None] | None,
        watch: Callable[[Clerk], None] | None,
        on_failure: Callable[[WorkerFailed], None],
    ):
        assert workers.transport is not None
        self.plan, self.workers, self.watch = plan, workers, watch
        self.clerk = Clerk(plan, workers.transport, plan.keep_outputs, progress)
        self.on_failure = on_failure
        self.grace_until = 0.0
        self.running = False
        self.failed: set[int] = set()
        self.ended_at = math.inf
        self.load_s = 0.0
        self.answers: dict[int, dict[str, Any]] = {}

    def go(self) -> None:
        """All phases; whatever goes wrong, the workers are left idle or stopped."""
        try:
            self._load()
            self._start()
            self._follow()
        except WorkerFailed:
            self._break_off()
            raise
        except BaseException:
            self.workers.close(at_once=True)
            raise

    def _break_off(self) -> None:
        """Make the other workers idle again, so that they need not be started anew."""
        if self.workers.dead():
            self.workers.close()
            return
        if not self.running:
            return
        self.clerk.finish()
        left = self.clerk.workers - set(self.answers) - self.failed
        until = time.monotonic() + BREAK_OFF_S
        for i in left:
            if not readable([self.workers.channel(i)], until - time.monotonic()):
                self.workers.close()
                return
            with contextlib.suppress(WorkerFailed):
                self.workers.answer(i)

    # ----- phases ------------------------------------------------------------------------------
    def _load(self) -> None:
        began = time.monotonic()
        everyone = range(len(self.workers.specs))
        assert self.workers.transport is not None
        self.workers.transport.begin()
        if self.plan.delay:
            self._clear_links()
        data = self.plan.to_dict()
        for i in everyone:
            self.workers.ask(i, "load", plan=data)
        rooms = [answer["room"] for answer in self.workers.answers(everyone)]
        for i in everyone:
            mine = [[s, p, n] for s, room in enumerate(rooms) for r, p, n in room if r == i]
            self.workers.ask(i, "touch", room=mine)
        self.workers.answers(everyone)
        self.load_s = time.monotonic() - began

    def _clear_links(self) -> None:
        os.pwrite(self.workers.links, bytes(8 * max(len(self.plan.link_latency), 1)), 0)

    def _start(self) -> None:
        self.workers.before_run()
        self.clerk.zero = time.monotonic() + HEAD_START_S
        self.running = True
        for i in range(len(self.workers.specs)):
            self.workers.ask(i, "run", zero=self.clerk.zero)

    def _follow(self) -> None:
        """Wait for the end, and for whatever goes wrong before."""
        transport = self.workers.transport
        assert transport is not None
        while len(self.answers) < len(self.clerk.workers):
            waiting: dict[Any, int] = {
                self.workers.channel(i): i for i in self.clerk.workers - set(self.answers)
            }
            left = min(self.clerk.next_release - time.monotonic(), LOOK_S)
            ready = readable([transport, *waiting], left)
            self.clerk.hear()
            if self.watch is not None:
                self.watch(self.clerk)
            for source in ready:
                if source is not transport:
                    self._answer(waiting[source])
            for i in sorted(self.clerk.workers - set(self.answers)):
                if i in self.clerk.workers and (hung := self.silence(i)):
                    self._lose(hung)
            if self.clerk.complete and self.ended_at == math.inf:
                self.clerk.finish()
                self.ended_at = time.monotonic()

    def _answer(self, worker: int) -> None:
        """A worker says that it is done, or that something is wrong, or nothing any more."""
        if worker not in self.clerk.workers:
            return  # it failed since
        try:
            self.answers[worker] = self.workers.answer(worker)
        except WorkerFailed as error:
            self._lose(error)

    def _lose(self, error: WorkerFailed) -> None:
        self.failed.add(error.worker)
        if error.kind == "hung":
            self.workers.kill(error.worker)
        self.on_failure(error)

    def silence(self, worker: int) -> WorkerFailed | None:
        """The error of a worker that gives no sign of life."""
        now = time.monotonic()
        beat, busy, task, _ = self.workers.logs[worker].status
        if self.ended_at < math.inf:  # it only has to hand over what it noted
            if now - self.ended_at < RELOAD_S:
                return None
            text = f"did not end its run within {RELOAD_S:g} s"
        elif now < max(self.clerk.zero + SILENT_S, self.grace_until):
            return None
        elif busy > 0:
            planned = self.plan.hold_s[:, int(task)]
            limit = max(BUSY_S, BUSY_FACTOR * float(np.nanmax(planned, initial=0.0)))
            if now - busy < limit:
                return None
            text = f"hangs in task {self.plan.task_names[int(task)]!r} for {now - busy:.1f} s"
        elif now - max(beat, self.clerk.zero) < SILENT_S:
            return None
        else:
            text = f"gave no sign of life for {SILENT_S:g} s"
        return WorkerFailed(f"worker {self.workers.specs[worker].name} {text}", worker, "hung")
