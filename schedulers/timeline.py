"""Plans, and the compiled lanes on which planners book tasks.

Two ways to find a place on a node, both by exact comparison and without any epsilon:

* append: not before the last start on that node, and when a slot is free. This is the order in
  which a strict node starts its tasks, so c slots need no more than their c release times.
* insertion: the earliest gap that holds the task. One slot keeps its bookings sorted and looks for
  the first gap by bisection; c slots keep a profile of how many are in use, since a place on a node
  of interchangeable slots is a time at which fewer than c are, whichever slot that will be.

Either way the task starts at its inputs' arrival or at the finish of another one, which is what
makes a strict replay of (start, finish, topological index) give the planned times bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from schedulers.compiled import helper
from schedulers.view import View
from simulator.allocation import Allocation, Placement
from simulator.arrays import FloatArray, IntArray

if TYPE_CHECKING:
    from simulator.problem import Problem


@dataclass(frozen=True, eq=False)
class Plan:
    """Where and when every task of one average request is meant to run.

    Parameters
    ----------
    node, variant : (T,) int arrays
    start, finish : (T,) float arrays, seconds
    note : mapping
        Free remarks that go into the allocation.
    """

    node: IntArray
    variant: IntArray
    start: FloatArray
    finish: FloatArray
    note: Mapping[str, Any] = field(default_factory=dict)

    @property
    def makespan(self) -> float:
        """Last finish, seconds."""
        return float(self.finish.max())

    def priority(self, problem: Problem) -> IntArray:
        """(T,) rank of every task in (planned start, planned finish, topological index)."""
        position = np.empty(len(self.node), dtype=np.int64)
        position[problem.topological] = np.arange(len(self.node))
        rank = np.empty(len(self.node), dtype=np.int64)
        rank[np.lexsort((position, self.finish, self.start))] = np.arange(len(self.node))
        return rank

    def allocation(self, problem: Problem) -> Allocation:
        """The plan as plain data: nodes, variants and ranks, never times."""
        names, rows = problem.variant_names, []
        nodes, fill = problem.node_names, Placement.__new__
        columns = (self.node.tolist(), self.variant.tolist(), self.priority(problem).tolist())
        for t, (n, v, rank) in enumerate(zip(*columns, strict=True)):
            # Writing the fields of thousands of frozen records one by one costs more than planning.
            row = fill(Placement)
            row.__dict__.update(
                task=problem.task_names[t], node=nodes[n], variant=names[t][v], priority=rank,
                share=1.0,
            )  # fmt: skip
            rows.append(row)
        return Allocation(tuple(rows), dict(self.note))


class Lanes(NamedTuple):
    """Bookings on all nodes; C is the largest number of slots.

    Parameters
    ----------
    last : (N,) float array, latest start on a node
    free : (N, C) float array, append: when each slot becomes free
    booked : (N,) int array, bookings (insertion, one slot) or steps of the profile (many slots)
    start, finish : (N, T) float arrays, insertion on one slot: bookings in order of start
    step, used : (N, 2 T + 1) arrays, insertion on many slots: ``used[n, i]`` slots are taken on
        ``[step[n, i], step[n, i + 1])``, the last step without end
    """

    last: FloatArray
    free: FloatArray
    booked: IntArray
    start: FloatArray
    finish: FloatArray
    step: FloatArray
    used: IntArray


def new_lanes(view: View, insertion: bool) -> Lanes:
    """Empty lanes."""
    t, n, c = view.n_tasks, view.n_nodes, int(view.slots.max())
    single = t if insertion and (view.slots == 1).any() else 0
    many = 2 * t + 1 if insertion and c > 1 else 1
    return Lanes(
        last=np.zeros(n),
        free=np.zeros((n, c)),
        booked=(view.slots > 1).astype(np.int64),
        start=np.empty((n, single)),
        finish=np.empty((n, single)),
        step=np.zeros((n, many)),
        used=np.zeros((n, many), dtype=np.int64),
    )


@helper
def free_slot(lanes: Lanes, slots: IntArray, n: int) -> int:
    """Slot of a node that is free first, lowest among equals."""
    best = 0
    for k in range(1, slots[n]):
        if lanes.free[n, k] < lanes.free[n, best]:
            best = k
    return best


@helper
def append_start(lanes: Lanes, slots: IntArray, n: int, ready: float) -> float:
    """Start of the next task in the sequence of a node."""
    start = max(ready, lanes.free[n, free_slot(lanes, slots, n)])
    return max(start, lanes.last[n])


@helper
def append(lanes: Lanes, slots: IntArray, n: int, start: float, finish: float) -> None:
    """Book the next task in the sequence of a node."""
    lanes.free[n, free_slot(lanes, slots, n)] = finish
    lanes.last[n] = start


@helper
def gap_start(lanes: Lanes, n: int, ready: float, hold: float) -> float:
    """Earliest start in a gap of the only slot of a node."""
    low, high = 0, lanes.booked[n]
    earliest = ready + hold
    while low < high:  # first booking whose start leaves room for a task that starts when ready
        middle = (low + high) >> 1
        if lanes.start[n, middle] < earliest:
            low = middle + 1
        else:
            high = middle
    while True:
        start = ready
        if low > 0:
            start = max(ready, lanes.finish[n, low - 1])
        if low == lanes.booked[n] or start + hold <= lanes.start[n, low]:
            return start
        low += 1


@helper
def fill_gap(lanes: Lanes, n: int, start: float, finish: float) -> None:
    """Book a place that `gap_start` found."""
    i = lanes.booked[n]
    while i > 0 and lanes.start[n, i - 1] >= finish and lanes.finish[n, i - 1] > start:
        lanes.start[n, i] = lanes.start[n, i - 1]
        lanes.finish[n, i] = lanes.finish[n, i - 1]
        i -= 1
    lanes.start[n, i] = start
    lanes.finish[n, i] = finish
    lanes.booked[n] += 1


@helper
def profile_start(lanes: Lanes, slots: IntArray, n: int, ready: float, hold: float) -> float:
    """Earliest time from which fewer than c slots of a node are in use for as long as needed."""
    low, high = 0, lanes.booked[n]
    while low < high:  # the step that holds the time `ready`
        middle = (low + high) >> 1
        if lanes.step[n, middle] <= ready:
            low = middle + 1
        else:
            high = middle
    i = low - 1
    start = ready
    while True:
        while lanes.used[n, i] >= slots[n]:  # the last step is never full: it has no end
            i += 1
            start = lanes.step[n, i]
        j = i + 1
        while j < lanes.booked[n] and lanes.step[n, j] < start + hold:
            if lanes.used[n, j] >= slots[n]:
                break
            j += 1
        if j == lanes.booked[n] or lanes.step[n, j] >= start + hold:
            return start
        i = j


@helper
def cut_profile(lanes: Lanes, n: int, time: float) -> int:
    """Make a step begin at `time`; its index."""
    i = lanes.booked[n]
    while i > 0 and lanes.step[n, i - 1] > time:
        i -= 1
    if lanes.step[n, i - 1] == time:
        return i - 1
    for j in range(lanes.booked[n], i, -1):
        lanes.step[n, j] = lanes.step[n, j - 1]
        lanes.used[n, j] = lanes.used[n, j - 1]
    lanes.step[n, i] = time
    lanes.used[n, i] = lanes.used[n, i - 1]
    lanes.booked[n] += 1
    return i


@helper
def fill_profile(lanes: Lanes, n: int, start: float, finish: float) -> None:
    """Book a place that `profile_start` found; a task without length takes no slot."""
    if start < finish:
        first = cut_profile(lanes, n, start)
        last = cut_profile(lanes, n, finish)
        for i in range(first, last):
            lanes.used[n, i] += 1


@helper
def earliest(
    lanes: Lanes, slots: IntArray, insertion: bool, n: int, ready: float, hold: float
) -> float:
    """Earliest start of a task on a node."""
    if not insertion:
        return append_start(lanes, slots, n, ready)
    if slots[n] == 1:
        return gap_start(lanes, n, ready, hold)
    return profile_start(lanes, slots, n, ready, hold)


@helper
def book(
    lanes: Lanes, slots: IntArray, insertion: bool, n: int, start: float, finish: float
) -> None:
    """Book what `earliest` found."""
    append(lanes, slots, n, start, finish)
    if insertion:
        if slots[n] == 1:
            fill_gap(lanes, n, start, finish)
        else:
            fill_profile(lanes, n, start, finish)
