"""The loop of a worker during a run: hear, start, compute, send.

With one slot everything happens in one thread: what comes in while a task computes waits in the
pipe and is dealt with, in order of time, before the next task is chosen. With several, each slot is
a thread that computes and copies; choosing and telling stay in the main thread. The controller is
not in the way of any of it.
"""

from __future__ import annotations

import math
import resource
import select
import socket
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from realrun import wire
from realrun.partition.reference import is_stage
from realrun.programs import Bundle, Program, along, build_program, sleep_until
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
from realrun.worker.agenda import ARRIVAL, DEADLINE, INPUT, NEVER, UNWANTED, Agenda
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
CACHE_SHOWS_S = 0.25
"""Planned seconds of a task below which a cold cache shows in how long it takes."""
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
        self.retired: set[int] = set()
        self.agenda = Agenda()
        self.out: dict[int, list[tuple[int, int]]] = {}
        self.limits: dict[int, float] = {}
        self._busy: dict[int, tuple[float, int]] = {}
        self._commands = select.poll()
        self._commands.register(channel, select.POLLIN)
        self.zero = math.inf
        self.finished = self.told = False
        self.command: dict[str, Any] | None = None
        self.room = Room(plan, self.me, transport)
        self.slots = Slots(int(plan.slots[self.me]), self._work, context)

    # ----- before ------------------------------------------------------------------------------
    def load(self) -> None:
        """Build or find the modules of all own tasks, and run each once or twice."""
        for task in np.flatnonzero(self.plan.node == self.me).tolist():
            if task not in self.programs:
                self.programs[task] = build_program(self.plan, task, self.context)
        ends = self.plan.node[self.plan.edge_dst].tolist()
        for task in self.programs:
            leaving = np.flatnonzero(self.plan.edge_src == task).tolist()
            self.out[task] = [(e, ends[e]) for e in leaving]
            limit = float(self.plan.join_deadline[task])
            if limit < math.inf:
                self.limits[task] = limit
        self.context.settle()

    def warm(self, again: bool = True) -> None:
        """Run every module on example inputs, so that nothing happens for the first time later.

        A module that ran in an earlier plan runs `again`, once: what happened in between has taken
        its weights out of the caches, and the first request would be 8 % slower than those after.
        """
        for task, program in self.programs.items():
            requests = np.flatnonzero(self.plan.stream == self.plan.task_stream[task])
            key = (self.plan.module[task], self.plan.batch[task])
            if self.plan.module[task] is None or not len(requests):
                continue
            if self.context.is_warm(key):
                requests = requests[:1] if again and self._is_short(task) else requests[:0]
            own = ":" in str(key[0]) and not is_stage(key[0])
            if own and (self.plan.edge_dst == task).any():
                continue  # what it takes comes from modules that are not here
            self.slots.warm(lambda: [program(int(r), {}) for r in requests[:2]])  # noqa: B023
            self.context.note_warm(key)

    def _is_short(self, task: int) -> bool:
        """Whether a cold cache would show in the duration of a task."""
        planned = self.plan.hold_s[:, task]
        return float(np.nanmax(planned, initial=0.0)) < CACHE_SHOWS_S

    def schedule(self, zero: float) -> None:
        """Set the timers of everything that is known beforehand."""
        self.zero = zero
        streams = {int(self.plan.task_stream[t]) for t in self.programs}
        for request in range(self.plan.n_requests):
            at = float(self.plan.arrival[request])
            if int(self.plan.stream[request]) in streams and not math.isnan(at):
                self.agenda.add(at, ARRIVAL, request)

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
            for ended, result in self.slots.done():
                self._after(ended, result)
            self.hear()
            self.catch_up()
            while self.slots.free and not self.finished and self.command is None:
                instance = self.book.next()
                if instance is None:
                    break
                self._begin(instance)
                if self.slots.inline:
                    self.hear()
                    self.catch_up()
                if self._commands.poll(0):
                    self.command = wire.receive(self.channel)
            self._tell()
            if self.command is not None and self.slots.idle:
                command, self.command = self.command, None
                self.log.status[0] = time.monotonic()
                return command
            if not self.finished:
                self._wait()
        return None

    def _wait(self) -> None:
        """Sleep until something comes in or is due."""
        self.log.status[0] = time.monotonic()
        left = min(self.agenda.next - self.now(), HEARTBEAT_S)
        if not self.transport.flush():
            left = min(left, 0.001)
        if left > SPIN_S:
            self._listen(left - (SPIN_S if self.plan.delay else 0.0))

    def _listen(self, seconds: float) -> None:
        """Wait so long for notices, ended tasks or a command; a command is kept for later."""
        sources = [self.channel.fileno(), self.transport.fileno(), self.slots.fileno()]
        ready, _, _ = select.select(sources, [], [], seconds)
        if sources[0] in ready:
            self.command = wire.receive(self.channel)

    def hear(self) -> None:
        """Take in all notices that have come; what has a time is only noted."""
        notices = self.transport.poll()
        now = self.now() if notices else 0.0
        for notice in notices:
            if notice.kind == DATA:
                usable = notice.usable - self.zero
                # Clocks of hosts differ a little: what is here is usable, unless links are emulated
                at = usable if self.plan.delay else min(usable, now)
                consumer = int(self.plan.consumer[notice.request, notice.item])
                self.agenda.add(at, INPUT, (consumer, notice.item, None, notice))
            elif notice.kind == OFF:
                consumer = int(self.plan.consumer[notice.request, notice.item])
                at = min(notice.sent - self.zero, now)
                self.agenda.add(at, NEVER, (consumer, notice.item))
            elif notice.kind == CLOSED:
                at = min(notice.sent - self.zero, now)
                self.agenda.add(at, UNWANTED, (notice.request, notice.item))
            elif notice.kind == ARRIVE:
                self.agenda.add(min(notice.sent - self.zero, now), ARRIVAL, notice.request)
            elif notice.kind == RETIRE:
                self._retire(notice.request)
            elif notice.kind == FINISH:
                self.finished = True

    def catch_up(self) -> None:
        """Deal with everything up to now, in order of time."""
        for at, kind, what in self.agenda.due(self.now()):
            if kind == INPUT:
                self._receive(at, *what)
            elif kind == ARRIVAL:
                self._arrive(what, at)
            else:
                request, item = what
                change = {
                    NEVER: self.book.turn_off,
                    UNWANTED: self.book.unwanted,
                    DEADLINE: self.book.overdue,
                }[kind]
                change(request, item, at)

    def _arrive(self, request: int, at: float) -> None:
        self.plan.arrival[request] = at
        self.book.arrive(request, at)
        for task, limit in self.limits.items():
            if (request, task) in self.book.own:
                self.agenda.add(at + limit, DEADLINE, (request, task))

    def _receive(
        self, at: float, consumer: int, edge: int, bundle: Bundle | None, notice: Notice | None
    ) -> None:
        """Take in the input of a consumer here; what nobody will read is released at once."""
        instance = self.book.deliver(consumer, edge, at)
        unused = instance is None or instance.over
        if instance is not None and not math.isnan(instance.closed_at):
            unused = unused or edge not in instance.used
        if unused:
            if notice is not None:
                self.transport.release(notice)
            return
        if bundle is None:
            assert notice is not None
            bundle = self.transport.take(notice) if notice.size else {}
        self.inputs[consumer, edge] = (bundle, notice)

    def _release_inputs(self, instance: Instance) -> None:
        """Nobody will read them again."""
        for edge in instance.got:
            _, notice = self.inputs.pop((instance.request, edge), (None, None))
            if notice is not None:
                self.transport.release(notice)

    # ----- one task ----------------------------------------------------------------------------
    def _begin(self, instance: Instance) -> None:
        self._note_busy(id(instance), instance.task)
        given = {e: self.inputs[instance.request, e][0] for e in instance.used}
        result = self.slots.start(instance, given)
        if result is not None:
            self._after(instance, result)

    def _note_busy(self, key: int, task: int | None) -> None:
        """Write down since when the longest running execution runs, so that a hang is seen."""
        status, now = self.log.status, time.monotonic()
        if task is None:
            self._busy.pop(key, None)
        else:
            self._busy[key] = (now, task)
        status[0] = now
        status[1], status[2] = next(iter(self._busy.values()), (0.0, 0))

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
        program = self.programs[instance.task]
        sent = [
            (edge, receiver, self.transport.put(receiver, along(program, edge, bundle)))
            for edge, receiver in self._receivers(instance)
        ]
        if self.plan.pad:
            hold = float(self.plan.hold_s[instance.request, instance.task])
            sleep_until(self.zero + start + hold)
        after = resource.getrusage(resource.RUSAGE_THREAD)
        finish = self.now()
        busy = time.thread_time() - cpu if self.context.has_cpu_clock else finish - start
        row = (
            instance.request, instance.task, slot, instance.ready_at, start, finish,
            busy, compute, after.ru_minflt - usage.ru_minflt,
            after.ru_nivcsw - usage.ru_nivcsw, self.epoch, sum(s.size for _, _, s in sent), took,
        )  # fmt: skip
        return {"bundle": bundle, "sent": sent, "finish": finish, "row": row}

    def _receivers(self, instance: Instance) -> list[tuple[int, int]]:
        """(edge, worker) of the messages that leave this worker; the controller as edge -1."""
        plan, request, task = self.plan, instance.request, instance.task
        found = [
            (e, n)
            for e, n in self.out[task]
            if n != self.me and plan.taken[request, e] and plan.consumer[request, e] >= 0
        ]
        if plan.is_exit[task] and plan.keep_outputs:
            found.append((-1, self.controller))
        return found

    def _after(self, instance: Instance, result: dict[str, Any]) -> None:
        """Tell everybody, and note what follows here, in its place among what came meanwhile."""
        plan, request, task, finish = self.plan, instance.request, instance.task, result["finish"]
        at = self.zero + finish
        self.log.append(result["row"])  # first: what others know of must not be missing from it
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
        self._note_busy(id(instance), None)
        self.book.finish(instance)
        if plan.retain and request not in self.retired:
            self.outputs[request, task] = result["bundle"]
        for e, node in self.out[task]:
            consumer = int(plan.consumer[request, e])
            if consumer < 0:
                continue
            if not plan.taken[request, e]:
                if node == self.me:
                    self.agenda.add(finish, NEVER, (consumer, e))
                else:
                    self.book.pass_off(instance, finish, [e])
            elif node == self.me:
                self.agenda.add(finish, INPUT, (consumer, e, result["bundle"], None))
        self._release_inputs(instance)

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
        while self.book.removed:
            self._release_inputs(self.book.removed.pop())
        if self.book.open == 0 and not self.told and self.slots.idle:
            self.told = True
            self.transport.post(self.controller, Notice(END, self.epoch, self.me, 0, 0))

    def _retire(self, request: int) -> None:
        self.retired.add(request)
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
        for *_, notice in self.agenda.forget(INPUT):
            if notice is not None:
                self.transport.release(notice)
        self.slots.close()
        if self.links is not None:
            self.links.close()
