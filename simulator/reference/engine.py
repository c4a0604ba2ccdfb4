"""The engine itself: rounds of one instant after the other."""

from __future__ import annotations

import math
from functools import partial

from simulator.arrays import STRICT, Arrays, IntArray
from simulator.realisation import Realisation
from simulator.reference.clock import CHANGE, HAPPENING, TIMER, Clock
from simulator.reference.entities import Instance, Message, Request
from simulator.reference.joins import Joins
from simulator.reference.networks import MODELS, Journey
from simulator.reference.nodes import GreedyQueue, Node, ReadyQueue, StrictQueue
from simulator.reference.plan import Plan
from simulator.reference.record import make_log
from simulator.runlog import RunLog


class ReferenceSimulation:
    """One run of a problem under one allocation and one realisation.

    Parameters
    ----------
    arrays : Arrays
        The problem, already validated.
    node, variant, priority : (T,) int arrays
        The allocation: where each task runs, as which variant, and its rank.
    realisation : Realisation
        All the luck of the run.
    """

    def __init__(
        self,
        arrays: Arrays,
        node: IntArray,
        variant: IntArray,
        priority: IntArray,
        realisation: Realisation,
    ) -> None:
        self._clock = Clock()
        self._plan = Plan(arrays, node, variant, priority, realisation)
        self._joins = Joins(self._clock, self._plan, self._become_ready, self._exit_done)
        self._network = MODELS[arrays.network](self._clock, arrays)
        self._nodes = [self._make_node(n, queue) for n, queue in enumerate(self._queues())]
        self._wake_s: list[float] = arrays.wake_s.tolist()
        self._messages: list[Message] = []
        self._just_completed: list[int] = []
        self._schedule_changes(realisation)
        self._schedule_arrivals(arrays, realisation)

    def run(self, until: float = math.inf) -> None:
        """Go on up to and including the instant `until`; stopping anywhere changes nothing.

        Parameters
        ----------
        until : float, seconds
        """
        clock = self._clock
        while (head := clock.head()) <= (until, TIMER) and head[0] < math.inf:
            now, phase = head
            # Timers are last in the queue: at its head, nothing else is left at this instant.
            clock.drain(now, TIMER if phase == TIMER else HAPPENING)
            self._joins.decide()
            clock.drain(now, CHANGE)
            self._joins.cancel()
            self._network.settle()
            for node in self._nodes:
                node.settle()
            self._release_requests()

    def log(self) -> RunLog:
        """Record of what has happened so far."""
        attempts = [attempt for node in self._nodes for attempt in node.attempts]
        return make_log(self._plan, self._messages, attempts, self._network.hops)

    def _queues(self) -> list[ReadyQueue]:
        """Return the ready queue of each node."""
        plan, n_nodes = self._plan, self._plan.arrays.n_nodes
        if plan.arrays.dispatch != STRICT:
            return [GreedyQueue(plan.key) for _ in range(n_nodes)]
        here: list[list[Instance]] = [[] for _ in range(n_nodes)]
        for request in plan.requests:
            for instance in request.instances.values():
                here[instance.node].append(instance)
        return [StrictQueue(sorted(instances, key=plan.key)) for instances in here]

    def _make_node(self, node: int, queue: ReadyQueue) -> Node:
        return Node(self._clock, node, self._plan, queue, self._finish, self._joins.interrupted)

    def _schedule_changes(self, luck: Realisation) -> None:
        """Put the starts and ends of outages, slow-downs and degradations into the queue."""
        change = partial(self._clock.call, phase=CHANGE)
        outages = zip(luck.outage_node, luck.outage_start, luck.outage_end, strict=True)
        for n, start, end in outages:
            change(float(start), self._nodes[n].fail)
            change(float(end), self._nodes[n].repair)
        slowdowns = zip(luck.slow_node, luck.slow_start, luck.slow_end, strict=True)
        for i, (n, start, end) in enumerate(slowdowns):
            factor = float(luck.slow_factor[i])
            change(float(start), partial(self._nodes[n].slow_down, i, factor))
            change(float(end), partial(self._nodes[n].recover, i))
        degraded = zip(luck.degraded_link, luck.degraded_start, luck.degraded_end, strict=True)
        for i, (link, start, end) in enumerate(degraded):
            factor = float(luck.degraded_factor[i])
            change(float(start), partial(self._network.degrade, int(link), i, factor))
            change(float(end), partial(self._network.restore, int(link), i))

    def _schedule_arrivals(self, arrays: Arrays, luck: Realisation) -> None:
        """Let requests come at their times; of a closed loop only the first W, at 0."""
        requests = self._plan.requests
        if self._plan.is_closed_loop:
            first = int(arrays.clients.max())
            times = [0.0] * min(first, len(requests))
        else:
            times = luck.arrival.tolist()
        for request, time in zip(requests, times, strict=False):
            self._clock.call(time, partial(self._arrive, request))
        self._unreleased = requests[len(times) :][::-1]

    def _arrive(self, request: Request) -> None:
        request.arrived = self._clock.now
        for instance in request.instances.values():
            self._joins.arrive(instance)
        self._complete_if_done(request)

    def _become_ready(self, instance: Instance) -> None:
        instance.ready = self._clock.now
        self._nodes[instance.node].queue.push(instance)

    def _finish(self, instance: Instance) -> None:
        """Send what a finished instance produced, to whoever is there to take it."""
        request = instance.request.id
        for edge in self._plan.out_edges[instance.task]:
            consumer = self._plan.consumer(request, edge)
            if consumer is None:
                continue
            if not self._plan.is_taken(request, edge):
                self._joins.miss(consumer)
                continue
            message = self._plan.message(request, edge, consumer)
            self._messages.append(message)
            if consumer.node == instance.node:
                self._joins.deliver(message)
            else:
                self._clock.process(self._carry(message))
        if self._plan.is_exit[instance.task]:
            self._exit_done(instance)

    def _carry(self, message: Message) -> Journey:
        """Take a message from node to node: the life of one SimPy process."""
        clock, network = self._clock, self._network
        if message.size_bytes == 0.0:  # a signal passes queues and links that are down
            yield clock.at(clock.now + network.latency(message))
        else:
            yield from network.transfer(message)
        yield clock.at(clock.now + self._wake_s[message.consumer.node])
        self._joins.deliver(message)

    def _exit_done(self, instance: Instance) -> None:
        instance.request.exits_left -= 1
        self._complete_if_done(instance.request)

    def _complete_if_done(self, request: Request) -> None:
        if request.exits_left == 0 and request.has_arrived:
            request.completed = self._clock.now
            self._just_completed.append(request.id)

    def _release_requests(self) -> None:
        """Release the next request of a closed loop for each completion of this round.

        This comes after the settle, because an arrival at this instant belongs to the next round.
        """
        if self._plan.is_closed_loop:
            think = self._plan.luck.think
            for _ in range(min(len(self._just_completed), len(self._unreleased))):
                request = self._unreleased.pop()
                pause = float(think[request.id]) if think.size else 0.0
                self._clock.call(self._clock.now + pause, partial(self._arrive, request))
        self._just_completed.clear()
