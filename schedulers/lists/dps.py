"""DPS: dynamic priority scheduling.

Paper: "DPS: dynamic priority scheduling heuristic for heterogeneous computing systems", IEE
Proceedings Computers and Digital Techniques 145(6), 1998 (IEEE Xplore 756453). Its abstract says
what the priority is: the difference between b-level and t-level, which change as tasks are placed.
The recurrences follow the implementation in SAGA (github.com/ANRGUSC/saga), as the text was not
at hand.

A level counts, for each task on a path, its duration where it is placed, else a summary of its
durations over the nodes; for each edge the transfer between the places of both ends, 0 on one
node, else a mean. A ready task has all predecessors placed and no successor, so its b-level is
that of HEFT and its t-level is known when it becomes ready. Then each task goes where it finishes
first, gaps included.

What we changed, and why: an edge whose ends are not both placed counts the mean transfer time, not
its bytes, which would be added to seconds; only ready tasks are queued, since a successor never has
a higher priority; ties go to the lowest task. Forbidden nodes are left out of the summaries;
variants, slots, memory limits and groups as in the other list schedulers.

Cost: O((E + T V) N + T log T) time and the search for gaps, O(T N) memory.

Does badly: where HEFT does, and on deep graphs with side branches: tasks early on a path go before
more urgent ones that come later.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from schedulers.compiled import entry
from schedulers.lists.greedy import greedy_plan
from schedulers.planner import Planner
from schedulers.ranks import mean_costs, median_costs, ranks_of
from schedulers.timeline import Plan
from schedulers.view import View, view_of
from simulator.arrays import FloatArray

if TYPE_CHECKING:
    from simulator.problem import Problem


@entry
def _fill_bottom(view: View, cost: FloatArray, edge: FloatArray, level: FloatArray) -> None:
    """Longest path of costs and transfers from every task to an exit, itself included."""
    for k in range(level.shape[0] - 1, -1, -1):
        t = view.topological[k]
        below = 0.0
        for i in range(view.out_ptr[t], view.out_ptr[t + 1]):
            below = max(below, edge[view.out_edge[i]] + level[view.out_dst[i]])
        level[t] = cost[t] + below


@dataclass(frozen=True)
class Dps(Planner):
    """Highest b-level minus t-level first, each task where it finishes first.

    Parameters
    ----------
    cost : {"mean", "median", "max", "min"}
        How the durations of a task on the nodes are summed up while it is not placed.
    insertion : bool
        Whether a task may fill a gap between tasks placed before.
    """

    version: ClassVar[int] = 1
    cost: Literal["mean", "median", "max", "min"] = "mean"
    insertion: bool = True

    def plan(self, problem: Problem) -> Plan:
        """Plan one average request."""
        view = view_of(problem)
        edge, level = ranks_of(view).edge, np.empty(view.n_tasks)
        _fill_bottom(view, self._costs(view), edge, level)
        return greedy_plan(problem, level, insertion=self.insertion, level=level, edge=edge)

    def _costs(self, view: View) -> FloatArray:
        if self.cost == "mean":
            return mean_costs(view)
        if self.cost == "median":
            return median_costs(view)
        if self.cost == "min":
            return np.asarray(view.fastest.min(axis=1))
        return np.asarray(np.where(view.fastest < np.inf, view.fastest, 0.0).max(axis=1))
