"""The controller's part in a run: who is done, which requests are over, what is released next.

Workers do not wait for it, with one exception: in a closed loop a request comes when another one
is over, and it is the clerk who sees that.
"""

from __future__ import annotations

import heapq
import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from realrun.transport.base import ARRIVE, DONE, END, FINISH, RETIRE, Notice, Transport
from simulator.arrays import BoolArray

if TYPE_CHECKING:
    from realrun.plan import RunPlan

Outputs = dict[tuple[int, str], dict[str, Any]]


class Clerk:
    """Keeps count of a run.

    Parameters
    ----------
    plan : RunPlan
    transport : Transport
        The controller's end.
    keep : bool
        Collect the outputs of exit tasks.
    progress : function of (requests over, requests) or None
    """

    def __init__(
        self,
        plan: RunPlan,
        transport: Transport,
        keep: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ):
        self.plan, self.transport, self.keep = plan, transport, keep
        self.outputs: Outputs = {}
        self.done: set[tuple[int, int]] = set()
        self.ended: set[int] = set()
        self.epoch = 0
        self.twice = 0
        self.zero = 0.0
        self._progress = progress
        exits = [int(plan.is_exit[plan.task_stream == s].sum()) for s in range(len(plan.clients))]
        self._left = np.array([exits[s] for s in plan.stream], dtype=np.int64)
        # With lags a later request may still need what an earlier one put out.
        own = np.arange(plan.n_requests)[:, None]
        self._lagged = bool(((plan.consumer >= 0) & (plan.consumer != own)).any())
        self._closed = bool((plan.clients > 0).any())
        self._released = int(plan.clients.max(initial=0))
        self._completed = 0
        self._waiting: list[tuple[float, int]] = []
        self.workers = set(range(len(plan.node_names)))

    @property
    def over(self) -> BoolArray:
        """(R,) which requests have all their answers."""
        return np.asarray(self._left <= 0)

    @property
    def settled(self) -> BoolArray:
        """(R,) requests that are over and of which workers keep nothing any more."""
        return self.over & (self.plan.retain and not self._lagged)

    @property
    def complete(self) -> bool:
        """Whether every worker has nothing left to do, and every request is over."""
        return bool(self.over.all()) and self.ended >= self.workers

    @property
    def next_release(self) -> float:
        """When the next request of a closed loop comes, on CLOCK_MONOTONIC; inf if none waits."""
        return self.zero + self._waiting[0][0] if self._waiting else math.inf

    def hear(self) -> None:
        """Take in what workers tell."""
        for notice in self.transport.poll():
            if notice.kind == END and notice.epoch == self.epoch:
                self.ended.add(notice.sender)
            elif notice.kind == DONE:
                self._take(notice)
        self.release_due()
        self.transport.flush()

    def _take(self, notice: Notice) -> None:
        key = (notice.request, notice.item)
        new = key not in self.done
        if new and self.keep and notice.size:
            from realrun.composing import as_arrays

            name = self.plan.task_names[notice.item]
            self.outputs[notice.request, name] = as_arrays(self.transport.take(notice))
        self.transport.release(notice)
        if not new:
            self.twice += 1
            return
        self.done.add(key)
        self._left[notice.request] -= 1
        if self._left[notice.request] == 0:
            self._complete(notice.request, notice.sent - self.zero)

    def _complete(self, request: int, at: float) -> None:
        if self.plan.retain and not self._lagged:
            self._tell_all(RETIRE, request, 0.0)
        if self._closed:
            following = int(self.plan.clients.max()) + self._completed
            if following < self.plan.n_requests:
                think = float(self.plan.think[following]) if len(self.plan.think) else 0.0
                heapq.heappush(self._waiting, (at + think, following))
        self._completed += 1
        if self._progress is not None:
            self._progress(self._completed, self.plan.n_requests)

    def release_due(self) -> None:
        """Let the requests of a closed loop come whose time it is."""
        while self._waiting and self.zero + self._waiting[0][0] <= time.monotonic():
            at, _ = heapq.heappop(self._waiting)
            request, self._released = self._released, self._released + 1
            self.plan.arrival[request] = at
            self._tell_all(ARRIVE, request, self.zero + at)

    def finish(self) -> None:
        """Tell all workers that the run is over."""
        self._tell_all(FINISH, 0, 0.0)

    def _tell_all(self, kind: int, request: int, at: float) -> None:
        controller = len(self.plan.node_names)
        for worker in self.workers:
            self.transport.post(
                worker, Notice(kind, self.epoch, controller, 0, request, sent=at, usable=at)
            )
