"""The end of phase 0: which instances are skipped, which joins close, which are cancelled."""

from __future__ import annotations

from collections.abc import Callable

from simulator.reference.clock import TIMER, Clock
from simulator.reference.entities import Instance, Message
from simulator.reference.plan import Plan
from simulator.runlog import CANCELLED, SKIPPED


class Joins:
    """Inputs of all instances: noted as they come, judged once the whole instant is known.

    Judging at the end of the phase is what makes ties fair: of two inputs delivered at one instant
    a 1-of-2 join uses the one with the lower edge id, whichever the event queue held first.

    Parameters
    ----------
    clock : Clock
    plan : Plan
    become_ready : callable(Instance), its inputs are there and its request has arrived
    exit_done : callable(Instance), an exit task is skipped
    """

    def __init__(
        self,
        clock: Clock,
        plan: Plan,
        become_ready: Callable[[Instance], None],
        exit_done: Callable[[Instance], None],
    ) -> None:
        self._clock = clock
        self._plan = plan
        self._become_ready = become_ready
        self._exit_done = exit_done
        # Dictionaries without values serve as sets that keep their order.
        self._touched: dict[Instance, None] = {}
        self._suspects: dict[Instance, None] = {}

    def deliver(self, message: Message) -> None:
        """Note an input that is usable from now on."""
        message.delivered = self._clock.now
        message.consumer.delivered.append(message)
        self._touched[message.consumer] = None

    def miss(self, consumer: Instance) -> None:
        """Note that an input will never come: its edge is not taken, or its producer skipped."""
        consumer.missing += 1
        self._touched[consumer] = None

    def arrive(self, instance: Instance) -> None:
        """Note the arrival of an instance's request: it may run, or its deadline begins."""
        if instance.closed:
            if instance.is_pending:
                self._become_ready(instance)
        else:
            deadline = self._clock.now + self._plan.join_deadline[instance.task]
            self._clock.call(deadline, lambda: self._overdue(instance), TIMER)

    def _overdue(self, instance: Instance) -> None:
        """From its deadline on a join needs no more inputs than it has, but at least one."""
        if not instance.closed:
            instance.need = max(len(instance.delivered), 1)
            self._touched[instance] = None

    def interrupted(self, instance: Instance) -> None:
        """Take an instance that lost its slot as not started: it may be cancelled after all."""
        self._suspects[instance] = None

    def decide(self) -> None:
        """Skip, close and cancel, each to a fixed point."""
        if self._touched:
            self._skip()
            self._close()
            self._touched.clear()
        self.cancel()

    def _skip(self) -> None:
        """Skip every instance all of whose inputs are missing; skips pass on along its edges."""
        pending = list(self._touched)
        while pending:
            instance = pending.pop()
            if not _is_open(instance) or instance.missing < instance.n_inputs:
                continue
            instance.state = SKIPPED
            if self._plan.is_exit[instance.task]:
                self._exit_done(instance)
            for consumer in self._plan.consumers(instance):
                self.miss(consumer)
                pending.append(consumer)

    def _close(self) -> None:
        """Close every join that has what it needs, and fix the inputs it uses."""
        for instance in self._touched:
            possible = instance.n_inputs - instance.missing
            if not _is_open(instance) or len(instance.delivered) < min(instance.need, possible):
                continue
            instance.closed = True
            instance.delivered.sort(key=lambda message: (message.delivered, message.edge))
            for message in instance.delivered[: instance.need]:
                message.used = True
            if instance.request.has_arrived:
                self._become_ready(instance)
            if self._plan.join_cancel[instance.task]:
                self._suspects.update(dict.fromkeys(self._plan.producers(instance)))

    def cancel(self) -> None:
        """Remove the instances, not started, whose outputs nobody can use any more."""
        while self._suspects:
            instance, _ = self._suspects.popitem()
            if self._is_useless(instance):
                instance.state = CANCELLED
                self._suspects.update(dict.fromkeys(self._plan.producers(instance)))

    def _is_useless(self, instance: Instance) -> bool:
        return (
            instance.is_pending
            and not self._plan.is_exit[instance.task]
            and all(
                consumer.state == CANCELLED
                or (consumer.closed and self._plan.join_cancel[consumer.task])
                for consumer in self._plan.consumers(instance)
            )
        )


def _is_open(instance: Instance) -> bool:
    """Whether an instance still waits for inputs."""
    return not instance.closed and instance.is_pending
