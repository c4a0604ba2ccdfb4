"""Simulated time: SimPy's event queue with absolute times and the phases of one instant.

SimPy schedules an event some delay after now, and ``now + (t - now)`` need not be `t` in floating
point. The rules speak of absolute times, so `Clock` puts events into SimPy's queue at their times.
The queue is sorted by (time, phase): what happens by itself, then what changes the world, then
timers, so that the engine can take one phase of an instant out of it after the other.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from heapq import heappush

import simpy
from simpy.events import Event, EventPriority

# Phases of an instant in the order of the queue. SimPy itself uses 0 (starts of processes) and 1.
HAPPENING = 1  # arrivals, completions, deliveries, starts and ends of flows
CHANGE = 2  # starts and ends of outages, slow-downs and degradations
TIMER = 3  # deadlines of joins: only when nothing else is left at their time


class Clock(simpy.Environment):
    """A SimPy environment whose events have absolute times and a phase."""

    def at(self, time: float, phase: int = HAPPENING) -> Event:
        """Return an event that fires in `phase` of the instant `time`; at inf it never fires."""
        event = Event(self)
        event._ok, event._value = True, None
        if time < math.inf:
            heappush(self._queue, (time, EventPriority(phase), next(self._eid), event))
        return event

    def call(self, time: float, action: Callable[[], None], phase: int = HAPPENING) -> Event:
        """Call `action` in `phase` of the instant `time`."""
        event = self.at(time, phase)
        event.callbacks.append(lambda _: action())
        return event

    def head(self) -> tuple[float, int]:
        """(time, phase) of the next event; (inf, HAPPENING) when there is none."""
        return self._queue[0][:2] if self._queue else (math.inf, HAPPENING)

    def drain(self, time: float, phase: int) -> None:
        """Process all that is due at the instant `time` in `phase` or an earlier one.

        Events that this causes at the same instant, in the same phases, are processed too.
        """
        self._now = time
        while self.head() <= (time, phase):
            self.step()


class Progress:
    """An amount (seconds of a hold, bytes of a message) that shrinks at a rate until it is done.

    The finish time is computed when the rate changes and kept otherwise: re-deriving it at other
    instants would change its last bits. `done` fires when the clock equals the stored finish, never
    because little seems to be left.
    """

    def __init__(self, clock: Clock, amount: float) -> None:
        self.done = Event(clock)
        self._clock = clock
        self._left = amount
        self._pace = math.nan
        self._rate = 0.0
        self._since = clock.now
        self._alarm: Event | None = None

    def set_rate(self, rate: float, pace: float | None = None) -> None:
        """Go on at `rate` from now, unless `pace` (default: the rate) is the old one."""
        pace = rate if pace is None else pace
        if pace == self._pace:
            return
        now = self._clock.now
        self._left = max(self._left - self._rate * (now - self._since), 0.0)
        self._pace, self._rate, self._since = pace, rate, now
        waiting = math.inf if self._left > 0.0 else now
        finish = now + self._left / rate if rate > 0.0 else waiting
        self.stop()
        self._alarm = self._clock.call(finish, self._finish)

    def stop(self) -> None:
        """Forget the finish; an interrupted hold never gets there."""
        if self._alarm is not None:
            self._alarm.callbacks.clear()  # SimPy cannot take an event out of its queue

    def _finish(self) -> None:
        self._alarm = None
        self.done.succeed()
