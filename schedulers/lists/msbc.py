"""MSBC: multiple strict bounds constraints.

Source: the algorithm of doi:10.1109/PACRIM.2005.1517309 (IEEE Pacific Rim Conference on
Communications, Computers and Signal Processing, 2005) as the program SAGA (anrg-saga) cites and
describes it; the paper itself was not at hand, so this follows that description.

The priority of a task is the sum of three bounds that hold however many tasks compete:

* strict bound completion time: the earliest finish, every task on the node that is best for it
  alone (its favourite node), its predecessors on theirs;
* static level: the longest path of mean durations, without transfers;
* start time on the favourite node, all other tasks on theirs.

The ready task of highest priority goes where it can start first, gaps included.

What we changed, and why: the static level is the b-level, from the task to an exit, so that all
three grow with what hangs on a task; SAGA calls it so but sums from the entries, which puts late
tasks before critical ones. ``level=top`` gives that variant. Among nodes with equal start the one
with the earliest finish is taken. Means leave out forbidden nodes; of several variants the fastest
on each node counts in the bounds. Slots, memory limits and groups as in the other list schedulers.

Cost: O(E N^2 + T N V log T) time at worst for the bounds, and the search for gaps; O(T N) memory.

Does badly: on unequal nodes, since an early start on a slow node beats a late one on a fast node.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from schedulers.compiled import entry
from schedulers.lists.greedy import EST, greedy_plan
from schedulers.planner import Planner
from schedulers.ranks import mean_costs, static_levels
from schedulers.timeline import Plan
from schedulers.view import View, transfer_seconds, view_of
from simulator.arrays import FloatArray, IntArray

if TYPE_CHECKING:
    from simulator.problem import Problem


@entry
def _fill_bounds(
    view: View, cost: FloatArray, top: FloatArray, bound: FloatArray, start: FloatArray,
    favourite: IntArray,
) -> None:  # fmt: skip
    """Static top level, strict bound completion time, start on the favourite node; all (T,)."""
    n_nodes = view.fastest.shape[1]
    for k in range(bound.shape[0]):
        t = view.topological[k]
        top[t], bound[t], favourite[t] = 0.0, np.inf, -1
        for i in range(view.in_ptr[t], view.in_ptr[t + 1]):
            top[t] = max(top[t], top[view.in_src[i]] + cost[view.in_src[i]])
        for n in range(n_nodes):
            if view.fastest[t, n] == np.inf:
                continue
            ready = 0.0
            for i in range(view.in_ptr[t], view.in_ptr[t + 1]):
                p = view.in_src[i]
                there, m = bound[p], favourite[p]
                if m != n:
                    v = 0
                    for u in range(view.hold.shape[1]):
                        if view.hold[p, u, m] < view.hold[p, v, m]:
                            v = u
                    size = view.in_size[i, v]
                    there = (there + transfer_seconds(view, m, n, size)) + view.wake[n]
                ready = max(ready, there)
            finish = ready + view.fastest[t, n]
            if finish < bound[t]:
                bound[t], start[t], favourite[t] = finish, ready, n


def strict_bounds(view: View) -> tuple[FloatArray, FloatArray, FloatArray, IntArray]:
    """Static top level, strict bound completion time and start (seconds), favourite node; (T,)."""
    times = np.empty((3, view.n_tasks))
    favourite = np.empty(view.n_tasks, dtype=np.int64)
    _fill_bounds(view, mean_costs(view), times[0], times[1], times[2], favourite)
    return times[0], times[1], times[2], favourite


@dataclass(frozen=True)
class Msbc(Planner):
    """Highest sum of strict bounds first, each task where it can start first.

    Parameters
    ----------
    level : {"bottom", "top"}
        Whether the static level is measured to the exits or from the entries.
    insertion : bool
        Whether a task may fill a gap between tasks placed before.
    """

    version: ClassVar[int] = 1
    level: Literal["bottom", "top"] = "bottom"
    insertion: bool = True

    def plan(self, problem: Problem) -> Plan:
        """Plan one average request."""
        view = view_of(problem)
        top, bound, start, _ = strict_bounds(view)
        level = top if self.level == "top" else static_levels(view, mean_costs(view))
        priority = (bound + level) + start
        return greedy_plan(problem, priority, compare=EST, insertion=self.insertion)
