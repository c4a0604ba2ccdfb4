"""The loop of a worker during a run: hear, start, compute, send.

With one slot everything happens in one thread: what comes in while a task computes waits in the
pipe and is read before the next task is chosen. With several, each slot is a thread that computes
and copies; choosing and telling stay in the main thread. The controller is not in the way of any
of it.
"""

from __future__ import annotations

import heapq
import itertools
import math
import resource
import select
import socket
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from realrun import wire
from realrun.programs import Bundle, Program, build_program, sleep_until
from realrun.transport.base import (
    ARRIVE,
    CLOSED,
    DATA,
    DONE,
    END,
    FINISH,
    OFF,
    RETIRE,
    Notice,
    Transport,
)  # fmt: skip
from realrun.worker.book import Book, Instance
from realrun.worker.room import Room
from realrun.worker.slots import Slots

if TYPE_CHECKING:
    from realrun.plan import RunPlan
    from realrun.worker.context import Context
    from realrun.worker.links import EmulatedLinks
    from realrun.worker.log import Log

HEARTBEAT_S = 0.2
SPIN_S = 0.0002
"""How long before an emulated instant a worker stops sleeping."""


class Runner:
    """One plan on one worker.

    Parameters
    ----------
    context : Context
    plan : RunPlan
    transport : Transport
    channel : socket
        To the controller: commands in, errors out.
    log : Log
    links : EmulatedLinks or None
    """

    def __init__(
        self,
        context: Context,
        plan: RunPlan,
        transport: Transport,
        channel: socket.socket,
        log: Log,
        links: EmulatedLinks | None,
    ):
        self.context, self.plan, self.transport = context, plan, transport
        self.channel, self.log, self.links = channel, log, links
        self.me = context.index
        self.controller = len(plan.node_names)
        self.epoch = 0
        self.book = Book(plan, self.me)
        self.programs: dict[int, Program] = {}
        self.inputs: dict[tuple[int, int], tuple[Bundle, Notice | None]] = {}
        self.outputs: dict[tuple[int, int], Bundle] = {}
        self.timers: list[tuple[float, int, int, Any]] = []
        self._count = itertools.count()
        self.zero = math.inf
        self.finished = self.told = False
        self.command: dict[str, Any] | None = None
        self.free_at = [0.0] * int(plan.slots[self.me])
        self.room = Room(plan, self.me, transport)
        self.slots = Slots(int(plan.slots[self.me]), self._work, context)

    # ----- before ------------------------------------------------------------------------------
    def load(self) -> None:
        """Build or find the modules of all own tasks, and run each once or twice."""
        for task in np.flatnonzero(self.plan.node == self.me).tolist():
            if task not in self.programs:
                self.programs[task] = build_program(self.plan, task, self.context)
        self.context.settle()

    def warm(self) -> None:
        """Run every module on example inputs, so that nothing happens for the first time later."""
        for task, program in self.programs.items():
            requests = np.flatnonzero(self.plan.stream == self.plan.task_stream[task])
            key = (self.plan.module[task], self.plan.batch[task])
            if self.plan.module[task] is None or self.context.is_warm(key) or not len(requests):
                continue
            if ":" in str(self.plan.module[task]) and (self.plan.edge_dst == task).any():
                continue  # what it takes comes from modules that are not here
            self.slots.warm(lambda: [program(int(r), {}) for r in requests[:2]])  # noqa: B023
            self.context.note_warm(key)

    def schedule(self, zero: float) -> None:
        """Set the timers of everything that is known beforehand."""
        self.zero = zero
        streams = {int(self.plan.task_stream[t]) for t in self.programs}
        for request in range(self.plan.n_requests):
            at = float(self.plan.arrival[request])
            if int(self.plan.stream[request]) in streams and not math.isnan(at):
                self._at(at, ARRIVE, request)

    def _at(self, instant: float, kind: int, what: Any) -> None:
        heapq.heappush(self.timers, (instant, kind, next(self._count), what))

    # ----- the loop ----------------------------------------------------------------------------
    def now(self) -> float:
        """Seconds since the common start."""
        return time.monotonic() - self.zero

    def run(self) -> dict[str, Any] | None:
        """Work until the controller ends the run, or gives a command, which is returned."""
        if self.epoch == 0:
            sleep_until(self.zero)
            self.log.status[3] = self.now()
        while not self.finished:
            self.hear()
            self._ring()
            for ended, result in self.slots.done():
                self._after(ended, result)
            while self.slots.free and not self.finished and self.command is None:
                instance = self.book.next()
                if instance is None:
                    break
                self._begin(instance)
                if self.slots.inline:
                    self.hear()
                    self._ring()
                self._listen(0.0)
            self._tell()
            if self.command is not None and self.slots.idle:
                command, self.command = self.command, None
                return command
            if not self.finished:
                self._wait()
        return None

    def _wait(self) -> None:
        """Sleep until something comes in or a timer is due."""
        self.log.status[0] = time.monotonic()
        left = min(self.timers[0][0] - self.now() if self.timers else HEARTBEAT_S, HEARTBEAT_S)
        if not self.transport.flush():
            left = min(left, 0.001)
        if left > SPIN_S:
            self._listen(left - (SPIN_S if self.plan.delay else 0.0))

    def _listen(self, seconds: float) -> None:
        """Wait so long for notices, ended tasks or a command; a command is kept for later."""
        sources = [self.channel.fileno()]
        if seconds > 0:
            sources += [self.transport.fileno(), self.slots.fileno()]
        ready, _, _ = select.select(sources, [], [], seconds)
        if self.channel.fileno() in ready:
            self.command = wire.receive(self.channel)

    def _ring(self) -> None:
        """Do what timers say is due."""
        while self.timers and self.timers[0][0] <= self.now():
            instant, kind, _, what = heapq.heappop(self.timers)
            if kind == ARRIVE:
                self._arrive(what, instant)
            elif kind == DATA:
                self._deliver(what, instant)
            else:
                request, task = what
                self.book.overdue(request, task, instant)

    def _arrive(self, request: int, at: float) -> None:
        self.plan.arrival[request] = at
        self.book.arrive(request, at)
        for task in self.programs:
            limit = float(self.plan.join_deadline[task])
            if (request, task) in self.book.own and limit < math.inf:
                self._at(at + limit, OFF, (request, task))

    def hear(self) -> None:
        """Take in all notices that have come."""
        for notice in self.transport.poll():
            if notice.kind == DATA:
                usable = notice.usable - self.zero
                if self.plan.delay and usable > self.now():
                    self._at(usable, DATA, notice)
                else:
                    self._deliver(notice, usable)
            elif notice.kind == OFF:
                consumer = int(self.plan.consumer[notice.request, notice.item])
                self.book.turn_off(consumer, notice.item, notice.sent - self.zero)
            elif notice.kind == CLOSED:
                self.book.unwanted(notice.request, notice.item)
            elif notice.kind == ARRIVE:
                self._arrive(notice.request, notice.sent - self.zero)
            elif notice.kind == RETIRE:
                self._retire(notice.request)
            elif notice.kind == FINISH:
                self.finished = True

    def _deliver(self, notice: Notice, usable: float) -> None:
        consumer = int(self.plan.consumer[notice.request, notice.item])
        bundle = self.transport.take(notice) if notice.size else {}
        self.receive(consumer, notice.item, bundle, notice, usable)

    def receive(
        self, consumer: int, edge: int, bundle: Bundle, notice: Notice | None, at: float
    ) -> None:
        """Take in the input of a consumer here; what nobody will read is released at once."""
        instance = self.book.own.get((consumer, int(self.plan.edge_dst[edge])))
        if instance is None or not self.book.deliver(consumer, edge, at):
            if notice is not None:
                self.transport.release(notice)
            return
        unused = not math.isnan(instance.closed_at) and edge not in instance.used
        if instance.over or unused:
            if notice is not None:
                self.transport.release(notice)
            return
        self.inputs[consumer, edge] = (bundle, notice)

    # ----- one task ----------------------------------------------------------------------------
    def _begin(self, instance: Instance) -> None:
        self.log.status[:3] = (time.monotonic(), time.monotonic(), instance.task)
        given = {e: self.inputs[instance.request, e][0] for e in instance.used}
        result = self.slots.start(instance, given)
        if result is not None:
            self._after(instance, result)

    def _work(self, instance: Instance, given: dict[int, Bundle], slot: int) -> dict[str, Any]:
        """Compute, copy and pad; runs in a slot's thread."""
        start = self.now()
        cpu, usage = time.thread_time(), resource.getrusage(resource.RUSAGE_THREAD)
        bundle = self.programs[instance.task](instance.request, given)
        self.context.synchronise()
        took = self.now() - start
        compute = time.thread_time() - cpu if self.context.has_cpu_clock else took
        if any(self.transport.holds(t) for t in bundle.values()):
            bundle = {name: tensor.clone() for name, tensor in bundle.items()}
        sent = [
            (edge, receiver, self.transport.put(receiver, bundle))
            for edge, receiver in self._receivers(instance)
        ]
        if self.plan.pad:
            self._pad(instance, slot, start)
        after = resource.getrusage(resource.RUSAGE_THREAD)
        finish = self.now()
        busy = time.thread_time() - cpu if self.context.has_cpu_clock else finish - start
        row = (
            instance.request, instance.task, slot, instance.ready_at, start, finish,
            busy, compute, after.ru_minflt - usage.ru_minflt,
            after.ru_nivcsw - usage.ru_nivcsw, self.epoch, sum(s.size for _, _, s in sent), took,
        )  # fmt: skip
        return {"bundle": bundle, "sent": sent, "finish": finish, "row": row}

    def _pad(self, instance: Instance, slot: int, start: float) -> None:
        """Hold the slot as long as planned, counted from when the planned node would have begun.

        The emulated node needs no time to notice that a task is ready; what this process needed
        for it is part of what is padded, so that it does not add up along a path.
        """
        begun = min(start, max(instance.ready_at, self.free_at[slot]))
        hold = float(self.plan.hold_s[instance.request, instance.task])
        sleep_until(self.zero + begun + hold)
        self.free_at[slot] = begun + hold

    def _receivers(self, instance: Instance) -> list[tuple[int, int]]:
        """(edge, worker) of the messages that leave this worker; the controller as edge -1."""
        plan, request, task = self.plan, instance.request, instance.task
        found = [
            (int(e), int(plan.node[plan.edge_dst[e]]))
            for e in np.flatnonzero(plan.edge_src == task)
            if plan.taken[request, e] and plan.consumer[request, e] >= 0
        ]
        found = [(e, n) for e, n in found if n != self.me]
        if plan.is_exit[task] and plan.keep_outputs:
            found.append((-1, self.controller))
        return found

    def _after(self, instance: Instance, result: dict[str, Any]) -> None:
        """Tell everybody, and note what follows here."""
        plan, request, task, finish = self.plan, instance.request, instance.task, result["finish"]
        at = self.zero + finish
        for edge, receiver, sent in result["sent"]:
            usable = at
            if edge >= 0 and self.links is not None:
                usable = self.links.arrival(request, edge, at)
            kind, item = (DATA, edge) if edge >= 0 else (DONE, task)
            self.transport.post(
                receiver,
                Notice(kind, self.epoch, self.me, item, request, sent.place, sent.size, at, usable),
            )
        if plan.is_exit[task] and not plan.keep_outputs:
            self.transport.post(
                self.controller,
                Notice(DONE, self.epoch, self.me, task, request, sent=at, usable=at),
            )
        self.log.append(result["row"])
        self.log.status[1] = 0.0
        self.book.finish(instance)
        if plan.retain:
            self.outputs[request, task] = result["bundle"]
        untaken = []
        for e in np.flatnonzero(plan.edge_src == task).tolist():
            consumer = int(plan.consumer[request, e])
            if not plan.taken[request, e]:
                untaken.append(e)
            elif consumer >= 0 and plan.node[plan.edge_dst[e]] == self.me:
                self.receive(consumer, e, result["bundle"], None, finish)
        if untaken:
            self.book.pass_off(instance, finish, untaken)
        for edge in [e for e in instance.got if (request, e) in self.inputs]:
            _, notice = self.inputs.pop((request, edge))
            if notice is not None:
                self.transport.release(notice)

    def _tell(self) -> None:
        """Post what the book wants others to know, and that nothing is left to do."""
        for kind, item, request, at in self.book.outbox:
            if kind == DONE:
                receiver = self.controller
            else:
                end = self.plan.edge_dst if kind == OFF else self.plan.edge_src
                receiver = int(self.plan.node[end[item]])
            stamp = self.zero + at
            self.transport.post(
                receiver, Notice(kind, self.epoch, self.me, item, request, sent=stamp, usable=stamp)
            )
        self.book.outbox.clear()
        if self.book.open == 0 and not self.told and self.slots.idle:
            self.told = True
            self.transport.post(self.controller, Notice(END, self.epoch, self.me, 0, 0))

    def _retire(self, request: int) -> None:
        for task in self.programs:
            self.outputs.pop((request, task), None)

    # ----- after -------------------------------------------------------------------------------
    def messages(self) -> dict[str, Any]:
        """Inputs that came: the producer's request, edge, usable time, whether used."""
        rows = [
            (int(self.plan.producer[i.request, e]), e, at, e in i.used)
            for i in self.book.own.values()
            for e, at in i.got.items()
        ]
        table = np.array(rows, dtype=np.float64).reshape(-1, 4)
        return {"messages": table, "states": self.states()}

    def states(self) -> Any:
        """(n, 3) request, task, state of all own instances."""
        rows = [(i.request, i.task, i.state) for i in self.book.own.values()]
        return np.array(rows, dtype=np.int64).reshape(-1, 3)

    def close(self) -> None:
        """Release what is still held, and end the slots' threads."""
        for _, notice in self.inputs.values():
            if notice is not None:
                self.transport.release(notice)
        self.inputs.clear()
        self.outputs.clear()
        for _, kind, _, what in self.timers:
            if kind == DATA:
                self.transport.release(what)
        self.timers.clear()
        self.slots.close()
        if self.links is not None:
            self.links.close()
