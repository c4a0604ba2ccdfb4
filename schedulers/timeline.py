"""Plans, and the compiled lanes on which planners book tasks.

Two ways to find a place on a node, both by exact comparison and without any epsilon:

* append: not before the last start on that node, and when a slot is free. This is the order in
  which a strict node starts its tasks, so c slots need no more than their c release times.
* insertion: the earliest gap that holds the task. One slot keeps its bookings sorted and looks for
  the first gap from the end backwards; c slots keep a profile of how many are in use, since a
  place on a node of interchangeable slots is a time at which fewer than c are, whichever slot that
  will be.

Either way the task starts at its inputs' arrival or at the finish of another one. Therefore a
strict replay of the ranks by (start, finish, topological index) gives the planned times bit for
bit, save in two cases: tasks that start and finish together, on several slots or because they take
no time, may be ranked otherwise than they were placed; and sends are known only afterwards.
`replayed` covers both.
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from schedulers.compiled import entry, helper, routine
from schedulers.view import View, inputs_there
from simulator import costs
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
    priority : (T,) int array
        Rank of every task in (planned start, planned finish, topological index).
    start, finish : (T,) float arrays, seconds
        When a strict run of these ranks under `ideal` starts and finishes every task.
    """

    node: IntArray
    variant: IntArray
    priority: IntArray
    start: FloatArray
    finish: FloatArray

    @property
    def makespan(self) -> float:
        """Last finish, seconds."""
        return float(self.finish.max())

    def allocation(self, problem: Problem) -> Allocation:
        """The plan as plain data: nodes, variants and ranks, never times."""
        of, nodes = problem.variant_names, problem.node_names
        rows = zip(
            problem.task_names,
            [nodes[n] for n in self.node.tolist()],
            [of[t][v] for t, v in enumerate(self.variant.tolist())],
            self.priority.tolist(),
            itertools.repeat(1.0, len(of)),
            strict=True,
        )
        # Placement._make without a Python call for each task, which would cost as much as planning.
        place = functools.partial(tuple.__new__, Placement)
        return Allocation(tuple(map(place, rows)))


class Lanes(NamedTuple):
    """Bookings on all nodes; C is the largest number of slots.

    Parameters
    ----------
    last : (N,) float array, latest start on a node
    free : (N, C) float array, append: when each slot becomes free
    booked : (N,) int array, bookings (insertion, one slot) or steps of the profile (many slots)
    dense : (N,) float array, insertion on one slot: until when bookings follow each other from 0 on
        without a gap
    start, finish : (N, T) float arrays, insertion on one slot: bookings in order of start
    step, used : (N, 2 T + 1) arrays, insertion on many slots: ``used[n, i]`` slots are taken on
        ``[step[n, i], step[n, i + 1])``, the last step without end
    """

    last: FloatArray
    free: FloatArray
    booked: IntArray
    dense: FloatArray
    start: FloatArray
    finish: FloatArray
    step: FloatArray
    used: IntArray


def new_lanes(view: View, insertion: bool) -> Lanes:
    """Empty lanes."""
    t, n, c = view.n_tasks, view.n_nodes, view.most_slots
    single = t if insertion else 0
    many = 2 * t + 1 if insertion and c > 1 else 1
    floats = np.zeros((2, n))
    bookings = np.empty((2, n, single))
    return Lanes(
        last=floats[0],
        free=np.zeros((n, c)),
        booked=np.zeros(n, dtype=np.int64) if c == 1 else (view.slots > 1).astype(np.int64),
        dense=floats[1],
        start=bookings[0],
        finish=bookings[1],
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
    if hold > 0.0:
        ready = max(ready, lanes.dense[n])
    soonest = ready + hold
    i = lanes.booked[n]
    best = ready if i == 0 else max(ready, lanes.finish[n, i - 1])
    # Backwards, since most tasks are ready late: no gap before the first booking that starts in
    # time for a task that starts when ready can hold it.
    while i > 0 and lanes.start[n, i - 1] >= soonest:
        i -= 1
        begin = ready if i == 0 else max(ready, lanes.finish[n, i - 1])
        if begin + hold <= lanes.start[n, i]:
            best = begin
    return best


@helper
def fill_gap(lanes: Lanes, n: int, begin: float, end: float) -> None:
    """Book a place that `gap_start` found."""
    i = lanes.booked[n]
    while i > 0 and lanes.start[n, i - 1] >= end and lanes.finish[n, i - 1] > begin:
        lanes.start[n, i] = lanes.start[n, i - 1]
        lanes.finish[n, i] = lanes.finish[n, i - 1]
        i -= 1
    lanes.start[n, i] = begin
    lanes.finish[n, i] = end
    lanes.booked[n] += 1
    if begin == lanes.dense[n]:
        lanes.dense[n] = end
        while i + 1 < lanes.booked[n] and lanes.start[n, i + 1] == lanes.dense[n]:
            i += 1
            lanes.dense[n] = lanes.finish[n, i]


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


send_seconds = routine(costs.send_seconds)
hold_seconds = routine(costs.hold_seconds)


@helper
def exact_hold(view: View, t: int, node: IntArray, variant: int) -> float:
    """Seconds for which a task holds its slot when the nodes of its consumers are known."""
    n = node[t]
    sending = 0.0
    if view.sends:
        for i in range(view.out_ptr[t], view.out_ptr[t + 1]):
            if node[view.out_dst[i]] != n:
                size = view.size[view.out_edge[i], variant]
                sending += send_seconds(view.send_s[n], view.send_s_per_byte[n], size)
    return hold_seconds(0.0, view.bare[t, variant, n], sending) / view.rate[n]


@entry
def _replay(
    view: View,
    lanes: Lanes,
    order: IntArray,
    node: IntArray,
    variant: IntArray,
    start: FloatArray,
    finish: FloatArray,
) -> None:
    """Starts and finishes of a strict run, every node taking its tasks in the given order."""
    for k in range(order.shape[0]):
        t = order[k]
        ready = inputs_there(view, t, node, variant, finish)
        start[t] = append_start(lanes, view.slots, node[t], ready)
        finish[t] = start[t] + exact_hold(view, t, node, variant[t])
        append(lanes, view.slots, node[t], start[t], finish[t])


def replayed(
    view: View, node: IntArray, variant: IntArray, start: FloatArray, finish: FloatArray
) -> Plan:
    """Rank the tasks by their planned times, and take the times of a strict run of these ranks.

    Parameters
    ----------
    node, variant : (T,) int arrays
    start, finish : (T,) float arrays, planned seconds; no task starts before its inputs' producers
        have finished
    """
    order = np.lexsort((view.position, finish, start))
    priority = np.empty_like(order)
    priority[order] = np.arange(len(order))
    if view.most_slots == 1 and not view.sends and (start < finish).all():
        return Plan(node, variant, priority, start, finish)
    times = np.empty((2, len(order)))
    lanes = new_lanes(view, insertion=False)
    _replay(view, lanes, order, node, variant, times[0], times[1])
    return Plan(node, variant, priority, times[0], times[1])
