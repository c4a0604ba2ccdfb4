"""MST: minimum start time.

Source: the scheduler of this name in J. Coleman et al., SAGA (anrg-saga), which gives no paper; it
is minimum completion time (`schedulers.immediate`) with starts in place of finishes, and ETF
(`schedulers.etf`) with the order of the tasks given beforehand.

What we changed, and why: among nodes on which a task starts equally early, the one where it
finishes first is taken, not the first of the list: on unequal nodes an idle slow one would win
otherwise. Variants, slots, memory limits and groups as in the other list schedulers.

Cost: O((E + T V) N + T log T) time, O(T N) memory.

Does badly: on unequal nodes, since it does not look at durations; with little communication, where
the idle node is taken whatever its speed. It is here as a yardstick for what that costs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from schedulers.immediate import topological_priority
from schedulers.lists.greedy import EST, greedy_plan
from schedulers.planner import Planner
from schedulers.timeline import Plan

if TYPE_CHECKING:
    from simulator.problem import Problem


@dataclass(frozen=True)
class Mst(Planner):
    """Tasks in topological order, each where it can start first.

    Parameters
    ----------
    insertion : bool
        Whether a task may fill a gap between tasks placed before.
    """

    version: ClassVar[int] = 1
    insertion: bool = False

    def plan(self, problem: Problem) -> Plan:
        """Plan one average request."""
        order = topological_priority(problem)
        return greedy_plan(problem, order, compare=EST, insertion=self.insertion)
