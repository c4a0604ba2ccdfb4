"""CPOP: critical path on a processor.

Paper: H. Topcuoglu, S. Hariri, M.-Y. Wu, "Performance-effective and low-complexity task scheduling
for heterogeneous computing", IEEE TPDS 13(3), 2002. doi:10.1109/71.993206.

What we changed, and why: the critical path is followed from its entry to the successor of highest
rank instead of by comparing sums for equality, which rounding spoils; the critical-path node is the
one that may run most of its tasks and, among those, takes least time, because with forbidden nodes
no node may admit all; tasks it does not admit go where they finish first. Means leave out forbidden
nodes; variants, slots, memory limits and groups as in the other list schedulers.

Cost: O((E + T V) N + T log T) time and the search for gaps, O(T N) memory.

Does badly: on graphs with several paths of nearly equal length, of which it favours one; where the
fastest node for the path as a whole is slow for some of its tasks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from schedulers.listing import WISH, list_plan
from schedulers.planner import Planner
from schedulers.ranks import ranks_of
from schedulers.timeline import Plan
from schedulers.view import View, view_of
from simulator.arrays import FloatArray

if TYPE_CHECKING:
    from simulator.problem import Problem


def critical_path(view: View, rank: FloatArray) -> list[int]:
    """Tasks from the entry of highest rank on, always to the successor of highest rank.

    Ties go to the lowest task.
    """
    entries = np.flatnonzero(np.diff(view.in_ptr) == 0)
    path = [int(entries[np.argmax(rank[entries])])]
    while True:
        t = path[-1]
        nexts = np.unique(view.out_dst[view.out_ptr[t] : view.out_ptr[t + 1]])
        if len(nexts) == 0:
            return path
        path.append(int(nexts[np.argmax(rank[nexts])]))


@dataclass(frozen=True)
class Cpop(Planner):
    """The critical path on one node, all others where they finish first.

    Parameters
    ----------
    insertion : bool
        Whether a task may fill a gap between tasks placed before.
    """

    version: ClassVar[int] = 1
    insertion: bool = True

    def plan(self, problem: Problem) -> Plan:
        """Plan one average request."""
        view = view_of(problem)
        ranks = ranks_of(view)
        rank = ranks.up + ranks.down
        path = critical_path(view, rank)
        hold = view.fastest[path]
        there = hold < np.inf
        load = np.where(there, hold, 0.0).sum(axis=0)
        home = int(np.lexsort((load, -there.sum(axis=0)))[0])
        wish = np.full(view.n_tasks, -1, dtype=np.int64)
        wish[path] = home
        return list_plan(problem, rank, choice=WISH, insertion=self.insertion, wish=wish)
