"""What an engine hands back: the raw, array-shaped record of one run.

`simulator.trace.Trace` turns it into rows with names; the two engines are compared on this type.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import FloatArray, IntArray

STATES = ("absent", "lost", "finished", "skipped", "cancelled")
ABSENT, LOST, FINISHED, SKIPPED, CANCELLED = range(5)


@dataclass(frozen=True, eq=False)
class RunLog:
    """Times and states of one run; NaN where a time does not exist.

    Parameters
    ----------
    ready, start, finish : (R, T) float arrays, seconds
        `ready`: inputs there and request arrived (first time). `start` of the last, successful
        attempt; `finish`: the slot is released. NaN where the task did not finish, except `ready`.
    slot : (R, T) int array
        Slot of the last attempt, -1 if none.
    state : (R, T) int8 array, indices into `STATES`
        "absent": the request belongs to another stream. "lost": not finished by the end of the
        run (of a run stopped early: not finished so far).
    delivered : (R, E) float array
        Usable time of the message that the producer's request r sent along e.
    used : (R, E) int8 array
        1 if the consumer used this input, 0 if not, -1 where nothing was sent.
    arrival, completed : (R,) float arrays
        Arrival (closed loop: as it happened, NaN if never released); completion, NaN if none.
    attempts : tuple of arrays (request, task, slot, start, end)
        Executions interrupted by an outage, in order of interruption.
    hops : tuple of arrays (request, edge, link, start, end)
        Occupancy of links by messages, sorted by (request, edge, position in the route): `fifo`:
        service on the link; `fair`: from the end of the latency to the end of the flow; `ideal`:
        empty. Zero-byte messages occupy nothing.
    """

    ready: FloatArray
    start: FloatArray
    finish: FloatArray
    slot: IntArray
    state: NDArray[np.int8]
    delivered: FloatArray
    used: NDArray[np.int8]
    arrival: FloatArray
    completed: FloatArray
    attempts: tuple[IntArray, IntArray, IntArray, FloatArray, FloatArray]
    hops: tuple[IntArray, IntArray, IntArray, FloatArray, FloatArray]

    @property
    def idle_at(self) -> float:
        """When the system fell idle: last finish, interruption or delivery (NaN if nothing ran)."""
        times = np.concatenate(
            [self.finish.ravel(), self.delivered.ravel(), self.attempts[4], self.completed]
        )
        times = times[np.isfinite(times)]
        return float(times.max()) if len(times) else float("nan")

    @property
    def makespan(self) -> float:
        """Last completion of a completed request minus the first arrival of all; NaN if none."""
        if not np.isfinite(self.completed).any():
            return float("nan")
        return float(np.nanmax(self.completed) - np.nanmin(self.arrival))

    def first_difference(self, other: RunLog) -> str | None:
        """Name the first field and index in which two runs differ by even one bit.

        Returns
        -------
        str or None
            For example ``"start[0, 7]: 41.0 != 42.0"``; None when the runs are equal.
        """
        for spec in fields(self):
            mine, theirs = getattr(self, spec.name), getattr(other, spec.name)
            pairs = zip(mine, theirs, strict=True) if isinstance(mine, tuple) else [(mine, theirs)]
            for part, (a, b) in enumerate(pairs):
                label = f"{spec.name}[{part}]" if isinstance(mine, tuple) else spec.name
                if found := _difference(label, np.asarray(a), np.asarray(b)):
                    return found
        return None


def _difference(label: str, a: NDArray[np.generic], b: NDArray[np.generic]) -> str | None:
    if a.shape != b.shape:
        return f"{label}: shape {a.shape} != {b.shape}"
    nan = np.issubdtype(a.dtype, np.floating)
    same = (a == b) | (np.isnan(a) & np.isnan(b)) if nan else a == b
    if np.all(same):
        return None
    index = tuple(int(i) for i in np.argwhere(~same)[0]) if a.ndim else ()
    return f"{label}{list(index) if index else ''}: {a[index]} != {b[index]}"
