"""SDBATS: standard deviation based algorithm for task scheduling.

Paper: E. U. Munir, S. Mohsin, A. Hussain, M. W. Nisar, S. Ali, "SDBATS: a novel algorithm for task
scheduling in heterogeneous computing systems", IEEE IPDPS Workshops, 2013.

HEFT with another order: the weight of a task in its upward rank is the standard deviation of its
durations over the nodes instead of their mean. Tasks for which the choice of the node matters
choose early.

What we changed, and why: entry tasks are not duplicated, since an allocation has one place for each
task (`docs/decisions/0006-task-duplication.md`). Forbidden nodes are left out of the deviations,
which are those of the population. Where a task runs equally fast everywhere its weight is 0; a
successor without transfer would then rank level with it, which the order of readiness decides.
Variants, slots, memory limits and groups as in the other list schedulers.

Cost: O((E + T V) N + T log T) time and the search for gaps, O(T N) memory.

Does badly: on nodes that are equal or nearly so, where the ranks are made of transfers alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from schedulers.compiled import entry
from schedulers.listing import list_plan
from schedulers.planner import Planner
from schedulers.ranks import mean_costs, ranks_of
from schedulers.timeline import Plan
from schedulers.view import View, view_of
from simulator.arrays import FloatArray

if TYPE_CHECKING:
    from simulator.problem import Problem


@entry
def _fill_ranks(view: View, weight: FloatArray, edge: FloatArray, rank: FloatArray) -> None:
    """Longest path of weights and transfers from each task to an exit."""
    for k in range(rank.shape[0] - 1, -1, -1):
        t = view.topological[k]
        above = 0.0
        for i in range(view.out_ptr[t], view.out_ptr[t + 1]):
            above = max(above, edge[view.out_edge[i]] + rank[view.out_dst[i]])
        rank[t] = weight[t] + above


def deviation_ranks(view: View) -> FloatArray:
    """(T,) upward ranks with the standard deviation of the durations as the weight, seconds."""
    there = view.fastest < np.inf
    apart = np.where(there, view.fastest - mean_costs(view)[:, None], 0.0)
    # Scaled, so that squares of durations near the ends of the range of floats stay in it.
    scale = np.maximum(np.abs(apart).max(axis=1), np.finfo(float).tiny)
    spread = np.sqrt(((apart / scale[:, None]) ** 2).sum(axis=1) / there.sum(axis=1))
    rank = np.empty(view.n_tasks)
    _fill_ranks(view, scale * spread, ranks_of(view).edge, rank)
    return rank


@dataclass(frozen=True)
class Sdbats(Planner):
    """Highest rank by standard deviations first, each task where it finishes first.

    Parameters
    ----------
    insertion : bool
        Whether a task may fill a gap between tasks placed before.
    """

    version: ClassVar[int] = 1
    insertion: bool = True

    def plan(self, problem: Problem) -> Plan:
        """Plan one average request."""
        return list_plan(problem, deviation_ranks(view_of(problem)), insertion=self.insertion)
