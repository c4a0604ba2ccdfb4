"""Nodes: slots, the order in which ready instances take them, and the pace of their holds."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from typing import Protocol

from simulator.reference.clock import Clock, Progress
from simulator.reference.entities import Instance
from simulator.reference.plan import Key, Plan
from simulator.runlog import FINISHED

Attempt = tuple[int, int, int, float, float]  # request, task, slot, start, end


class ReadyQueue(Protocol):
    """Where ready instances wait for a slot of their node."""

    def push(self, instance: Instance) -> None:
        """Take in an instance that is ready, for the first time or after an interruption."""

    def pop(self) -> Instance | None:
        """Hand out the instance that runs next; None if nothing may run now."""


class GreedyQueue:
    """Work-conserving: the ready instance with the least key."""

    def __init__(self, key: Callable[[Instance], Key]) -> None:
        self._key = key
        self._heap: list[tuple[Key, Instance]] = []

    def push(self, instance: Instance) -> None:
        """Take in a ready instance."""
        heapq.heappush(self._heap, (self._key(instance), instance))

    def pop(self) -> Instance | None:
        """Hand out the first one that was not cancelled meanwhile."""
        while self._heap:
            _, instance = heapq.heappop(self._heap)
            if instance.is_pending:
                return instance
        return None


class StrictQueue:
    """A fixed sequence: whoever is first and has not had its turn blocks those behind it."""

    def __init__(self, sequence: list[Instance]) -> None:
        self._sequence = sequence
        self._place = {instance: i for i, instance in enumerate(sequence)}
        self._head = 0

    def push(self, instance: Instance) -> None:
        """Take in a ready instance; an interrupted one is again before later ones."""
        self._head = min(self._head, self._place[instance])

    def pop(self) -> Instance | None:
        """Hand out the head of the sequence if it is ready."""
        while self._head < len(self._sequence):
            instance = self._sequence[self._head]
            if instance.is_pending:
                break
            self._head += 1  # running, or it ended in one way or another
        else:
            return None
        if not instance.is_ready:
            return None
        self._head += 1
        return instance


class Node:
    """One machine: runs instances in its slots without preemption.

    Parameters
    ----------
    clock : Clock
    node : int
    plan : Plan
    queue : ReadyQueue
    on_finish : callable(Instance), called when a slot is released
    on_interrupt : callable(Instance), called when an outage takes the slot away
    """

    def __init__(
        self,
        clock: Clock,
        node: int,
        plan: Plan,
        queue: ReadyQueue,
        on_finish: Callable[[Instance], None],
        on_interrupt: Callable[[Instance], None],
    ) -> None:
        self.queue = queue
        self._clock = clock
        self._plan = plan
        self._on_finish = on_finish
        self._on_interrupt = on_interrupt
        self._free = list(range(int(plan.arrays.slots[node])))  # a heap: the lowest slot first
        self._running: list[Instance] = []
        self._corun: list[float] = [1.0, *plan.arrays.corun[node].tolist()]  # by tasks running
        self._outages = 0  # in force now; they may overlap
        self._slowdowns: dict[int, float] = {}  # in force now, by their place in the list
        self.attempts: list[Attempt] = []  # those that an outage ended

    def settle(self) -> None:
        """Start what may start, then let everything run at the pace that results."""
        while self._outages == 0 and self._free and (instance := self.queue.pop()):
            self._start(instance)
        k = len(self._running)
        slow = 1.0
        for i in sorted(self._slowdowns):
            slow *= self._slowdowns[i]
        pace = slow * (self._corun[k] if k < len(self._corun) else 1.0)
        for instance in self._running:
            if instance.hold is not None:
                instance.hold.set_rate(1.0 / pace, pace)

    def _start(self, instance: Instance) -> None:
        instance.slot = heapq.heappop(self._free)
        instance.start = self._clock.now
        instance.hold = Progress(self._clock, self._plan.hold_seconds(instance))
        instance.hold.done.callbacks.append(lambda _: self._finish(instance))
        self._running.append(instance)

    def _finish(self, instance: Instance) -> None:
        self._release(instance)
        instance.finish = self._clock.now
        instance.state = FINISHED
        self._on_finish(instance)

    def _release(self, instance: Instance) -> None:
        self._running.remove(instance)
        heapq.heappush(self._free, instance.slot)
        instance.hold = None

    def fail(self) -> None:
        """Start an outage: what runs loses its work and is ready again."""
        self._outages += 1
        for instance in list(self._running):
            if instance.hold is not None:
                instance.hold.stop()
            self._release(instance)
            span = (instance.start, self._clock.now)
            self.attempts.append((instance.request.id, instance.task, instance.slot, *span))
            instance.start = math.nan
            self.queue.push(instance)
            self._on_interrupt(instance)

    def repair(self) -> None:
        """End an outage; the node is up when it was the last one."""
        self._outages -= 1

    def slow_down(self, index: int, factor: float) -> None:
        """Entry `index` of the list of slow-downs comes into force."""
        self._slowdowns[index] = factor

    def recover(self, index: int) -> None:
        """Entry `index` of the list of slow-downs ends."""
        del self._slowdowns[index]
