"""What a worker knows of its tasks: inputs that came, joins that closed, what may start.

No clock and no input or output is in here: times come in with what is told, in their order; what
others must hear goes into `outbox`, and whose inputs nobody will read into `removed`. The rules are
those of simulated time (joins, quorums, deadlines, branches, cancellation), applied to whatever
order reality brings.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from realrun.transport.base import CLOSED, DONE, OFF

if TYPE_CHECKING:
    from realrun.plan import RunPlan

WAITING, READY, RUNNING, FINISHED, SKIPPED, CANCELLED = range(6)


@dataclass(slots=True)
class Instance:
    """One task of one request on this worker."""

    request: int
    task: int
    inputs: int
    state: int = WAITING
    got: dict[int, float] = field(default_factory=dict)
    off: tuple[int, ...] = ()
    used: tuple[int, ...] = ()
    closed_at: float = math.nan
    need: int = 0
    dead: tuple[int, ...] = ()
    ready_at: float = math.nan

    @property
    def over(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state >= FINISHED


class Book:
    """All instances of one worker's tasks.

    Parameters
    ----------
    plan : RunPlan
    me : int
        The worker.
    """

    def __init__(self, plan: RunPlan, me: int):
        self.plan, self.me = plan, me
        self.outbox: list[tuple[int, int, int, float]] = []
        self.removed: list[Instance] = []
        self.arrived = np.zeros(plan.n_requests, dtype=np.bool_)
        self.own: dict[tuple[int, int], Instance] = {}
        self.open = 0
        self._in = [np.flatnonzero(plan.edge_dst == t).tolist() for t in range(plan.n_tasks)]
        self._out = [np.flatnonzero(plan.edge_src == t).tolist() for t in range(plan.n_tasks)]
        self._cancels: list[bool] = plan.join_cancel.tolist()
        self._here: list[bool] = (plan.node == me).tolist()
        self._ends: list[int] = plan.edge_dst.tolist()
        self._begins: list[int] = plan.edge_src.tolist()
        self._ready: list[tuple[tuple[float, ...], int, int]] = []
        self._tasks: dict[int, list[int]] = {}
        for task in np.flatnonzero(plan.node == me).tolist():
            self._tasks.setdefault(int(plan.task_stream[task]), []).append(task)
            for request in np.flatnonzero(plan.stream == plan.task_stream[task]).tolist():
                self._add(request, task)
        self._line = self._sequence() if plan.dispatch == "strict" else []
        self._head = 0

    @staticmethod
    def after_failure(
        plan: RunPlan,
        me: int,
        old: Book,
        again: set[tuple[int, int]],
        settled: Collection[int] = (),
    ) -> Book:
        """The book under a new plan: what was here goes on, what must be done again begins anew.

        Parameters
        ----------
        plan : RunPlan
            Of the workers that are left.
        old : Book
        again : set of (request, task)
            Of all workers, this one included; other work that came here by the new plan is done.
        settled : collection of int
            Requests that are over and whose outputs are gone: what is left of them is dropped.
        """
        book = Book(plan, me)
        for key, fresh in list(book.own.items()):
            if key in old.own and key not in again:
                book.own[key] = old.own[key]
            elif key not in again:
                fresh.state = FINISHED
        book.outbox, book.removed = old.outbox, old.removed
        for instance in book.own.values():
            if instance.request in settled and not instance.over:
                instance.state = CANCELLED
                book.removed.append(instance)
        book.open = sum(not i.over for i in book.own.values())
        for instance in book.own.values():
            if instance.state == READY and not book._line:
                heapq.heappush(book._ready, (book._key(instance), instance.request, instance.task))
        return book

    def inputs_of(self, task: int) -> list[int]:
        """In-edges of a task."""
        return self._in[task]

    def _add(self, request: int, task: int) -> None:
        inputs = sum(bool(self.plan.producer[request, e] >= 0) for e in self._in[task])
        instance = Instance(request, task, inputs)
        instance.need = int(self.plan.join_need[task]) or inputs
        self.own[request, task] = instance
        self.open += 1

    def _sequence(self) -> list[tuple[int, int]]:
        key = self.plan.priority
        return sorted(self.own, key=lambda k: (k[0], int(key[k[1]]), k[1]))

    # ----- what others tell --------------------------------------------------------------------
    def arrive(self, request: int, at: float) -> None:
        """The request is there; tasks without inputs and those whose joins closed may start."""
        if self.arrived[request]:
            return
        self.arrived[request] = True
        for task in self._tasks.get(int(self.plan.stream[request]), ()):
            instance = self.own[request, task]
            if instance.over:
                continue
            if instance.inputs == 0:
                instance.closed_at = -math.inf
            if not math.isnan(instance.closed_at):
                self._make_ready(instance, max(at, instance.closed_at))

    def deliver(self, request: int, edge: int, at: float) -> Instance | None:
        """An input came, for the consumer's request; None if it is there already or unwanted."""
        instance = self.own.get((request, self._ends[edge]))
        if instance is None or edge in instance.got:
            return None
        instance.got[edge] = at
        self._consider(instance)
        return instance

    def turn_off(self, request: int, edge: int, at: float) -> None:
        """An input will never come."""
        instance = self.own.get((request, self._ends[edge]))
        if instance is not None and edge not in instance.off:
            instance.off += (edge,)
            self._consider(instance, at)

    def overdue(self, request: int, task: int, at: float) -> None:
        """The deadline of a join has passed: one input is enough from now on."""
        instance = self.own[request, task]
        if math.isnan(instance.closed_at) and not instance.over:
            instance.need = max(1, len(instance.got))
            self._consider(instance, at if instance.got else -math.inf)

    def unwanted(self, request: int, edge: int, at: float) -> None:
        """A join that cancels late work has closed: this edge of the producer leads nowhere."""
        task = self._begins[edge]
        instance = self.own.get((request, task))
        if instance is None or edge in instance.dead:
            return
        instance.dead += (edge,)
        if instance.state in (WAITING, READY) and not self.plan.is_exit[task]:
            leading = [e for e in self._out[task] if self.plan.consumer[request, e] >= 0]
            if all(e in instance.dead for e in leading):
                self._remove(instance, at)

    # ----- what follows ------------------------------------------------------------------------
    def _consider(self, instance: Instance, at: float = -math.inf) -> None:
        """Close the join, or skip the task, if that is due."""
        if not math.isnan(instance.closed_at) or instance.over:
            return
        possible = instance.inputs - len(instance.off)
        if possible == 0:
            self._skip(instance, at)
            return
        need = min(instance.need, possible)
        if len(instance.got) < need or (need == 0):
            return
        if len(instance.got) == need:
            instance.used, last = tuple(sorted(instance.got)), max(instance.got.values())
        else:
            first = sorted(instance.got.items(), key=lambda item: (item[1], item[0]))[:need]
            instance.used, last = tuple(sorted(edge for edge, _ in first)), first[-1][1]
        instance.closed_at = max(last, at)
        if self._cancels[instance.task]:
            for edge in self._in[instance.task]:
                self._tell_producer(instance.request, edge, instance.closed_at)
        if self.arrived[instance.request]:
            arrival = float(self.plan.arrival[instance.request])
            self._make_ready(instance, max(instance.closed_at, arrival))

    def _make_ready(self, instance: Instance, at: float) -> None:
        if instance.state != WAITING:
            return
        instance.state, instance.ready_at = READY, at
        if not self._line:
            heapq.heappush(
                self._ready,
                (self._key(instance), instance.request, instance.task),
            )

    def _key(self, instance: Instance) -> tuple[float, ...]:
        """Order among waiting tasks; smaller goes first."""
        plan, request, task = self.plan, instance.request, instance.task
        urgency = int(plan.stream_class[plan.stream[request]])
        priority = int(plan.priority[task])
        if plan.discipline == "priority":
            return (urgency, priority, request, task)
        if plan.discipline == "edf":
            return (urgency, float(plan.deadline[request]), request, priority, task)
        return (urgency, request, priority, task)

    def _skip(self, instance: Instance, at: float) -> None:
        instance.state = SKIPPED
        self.open -= 1
        if self.plan.is_exit[instance.task]:
            self.outbox.append((DONE, instance.task, instance.request, at))
        self.pass_off(instance, at)

    def pass_off(self, instance: Instance, at: float, edges: Iterable[int] | None = None) -> None:
        """Tell consumers that edges (all, if not given) bring nothing."""
        for edge in self._out[instance.task] if edges is None else edges:
            consumer = int(self.plan.consumer[instance.request, edge])
            if consumer < 0:
                continue
            if self._here[self._ends[edge]]:
                self.turn_off(consumer, edge, at)
            else:
                self.outbox.append((OFF, edge, instance.request, at))

    def _remove(self, instance: Instance, at: float) -> None:
        instance.state = CANCELLED
        self.open -= 1
        self.removed.append(instance)
        for edge in self._in[instance.task]:
            self._tell_producer(instance.request, edge, at)

    def _tell_producer(self, request: int, edge: int, at: float) -> None:
        producer = int(self.plan.producer[request, edge])
        if producer < 0:
            return
        if self._here[self._begins[edge]]:
            self.unwanted(producer, edge, at)
        else:
            self.outbox.append((CLOSED, edge, producer, at))

    # ----- what runs ---------------------------------------------------------------------------
    def next(self) -> Instance | None:
        """The task that a free slot takes now, taken out of the queue; None if it must wait."""
        if self._line:
            return self._next_in_line()
        while self._ready:
            _, request, task = heapq.heappop(self._ready)
            instance = self.own.get((request, task))
            if instance is not None and instance.state == READY:
                instance.state = RUNNING
                return instance
        return None

    def _next_in_line(self) -> Instance | None:
        while self._head < len(self._line):
            instance = self.own[self._line[self._head]]
            if instance.over or instance.state == RUNNING:
                self._head += 1
            elif instance.state == READY:
                self._head += 1
                instance.state = RUNNING
                return instance
            else:
                return None
        return None

    def finish(self, instance: Instance) -> None:
        """A running task is done."""
        instance.state = FINISHED
        self.open -= 1
