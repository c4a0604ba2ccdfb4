"""Parametric list scheduling: 96 list schedulers from five exchangeable parts.

Paper: J. Coleman, R. V. Agrawal, E. Hirani, B. Krishnamachari, "Parameterized task graph scheduling
algorithm for comparing algorithmic components", 2024. arXiv:2403.07112.

What we changed, and why: a fourth order, by static level, so that the part which communication
plays in the order can be told apart; critical path and its node as in `cpop`, since comparing sums
of ranks for equality is spoiled by rounding; the second-best place for sufferage is the best one on
any other node, and +inf where no other node is considered. Variants, slots, memory limits and
groups as in the other list schedulers. The defaults are HEFT, to the last bit.

Cost: O(E N + T N V log T) time and the search for gaps, twice that with sufferage; O(T N) memory.

Does badly: as the parts it is made of. ``compare=est`` and ``compare=quickest`` ignore what
unequal nodes and queues cost; a reserved critical path pays only where one path dominates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from schedulers.cpop import critical_path
from schedulers.lists.greedy import EFT, EST, QUICKEST, greedy_plan
from schedulers.planner import Planner
from schedulers.ranks import Ranks, ranks_of, static_levels
from schedulers.timeline import Plan
from schedulers.view import View, view_of
from simulator.arrays import FloatArray, IntArray

if TYPE_CHECKING:
    from simulator.problem import Problem

COMPARE = {"eft": EFT, "est": EST, "quickest": QUICKEST}


@dataclass(frozen=True)
class Parametric(Planner):
    """List scheduling by parts.

    Parameters
    ----------
    priority : {"upward", "cpop", "topological", "static"}
        Order of ready tasks: upward rank, upward plus downward rank, topological order, or static
        level (upward rank without transfers).
    compare : {"eft", "est", "quickest"}
        What decides between places: earliest finish, earliest start or least duration.
    insertion : bool
        Whether a task may fill a gap between tasks placed before.
    sufferage : bool
        Of the two first ready tasks take the one that loses more without its best node.
    critical_path : bool
        Tasks of the critical path go to the node that runs the path fastest.
    """

    version: ClassVar[int] = 1
    priority: Literal["upward", "cpop", "topological", "static"] = "upward"
    compare: Literal["eft", "est", "quickest"] = "eft"
    insertion: bool = True
    sufferage: bool = False
    critical_path: bool = False

    def plan(self, problem: Problem) -> Plan:
        """Plan one average request."""
        view = view_of(problem)
        ranks = ranks_of(view)
        return greedy_plan(
            problem,
            self._order(view, ranks),
            compare=COMPARE[self.compare],
            insertion=self.insertion,
            sufferage=self.sufferage,
            wish=reserved(view, ranks) if self.critical_path else None,
        )

    def _order(self, view: View, ranks: Ranks) -> FloatArray:
        if self.priority == "upward":
            return ranks.up
        if self.priority == "cpop":
            return ranks.up + ranks.down
        if self.priority == "static":
            return static_levels(view, ranks.task)
        return -view.position.astype(float)


def reserved(view: View, ranks: Ranks) -> IntArray:
    """(T,) node reserved for each task of the critical path, -1 for the others; as in CPOP."""
    path = critical_path(view, ranks.up + ranks.down)
    hold = view.fastest[path]
    there = hold < np.inf
    load = np.where(there, hold, 0.0).sum(axis=0)
    wish = np.full(view.n_tasks, -1, dtype=np.int64)
    wish[path] = int(np.lexsort((load, -there.sum(axis=0)))[0])
    return wish
