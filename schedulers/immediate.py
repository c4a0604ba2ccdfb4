"""Immediate-mode heuristics: OLB, MET, MCT. Tasks come in topological order.

Papers: R. Armstrong, D. Hensgen, T. Kidd, "The relative performance of various mapping algorithms
is independent of sizable variances in run-time predictions", HCW 1998,
doi:10.1109/HCW.1998.666547 (OLB; MET there as limited best assignment, MCT as fast greedy);
M. Maheswaran et al., "Dynamic mapping of a class of independent tasks onto heterogeneous computing
systems", JPDC 59(2), 1999, doi:10.1006/jpdc.1999.1581.

What we changed, and why: the papers have independent tasks; here tasks come in topological order
(lowest index first among the ready) and wait for their inputs. Of several variants OLB takes the
one that finishes first on its node, MET the one with the least duration anywhere, MCT the one that
finishes first anywhere. Slots, memory limits and groups as in the other list schedulers.

Cost: O((E + T V) N + T log T) time, O(T N) memory.

Do badly: OLB on unequal nodes, since it does not look at durations; MET whenever one node is
fastest for most tasks, since it does not look at load; MCT on graphs whose topological order says
nothing about what is urgent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from schedulers.listing import AVAILABLE, FINISH, HOLD, list_plan
from schedulers.planner import Planner
from schedulers.timeline import Plan
from schedulers.view import view_of
from simulator.arrays import FloatArray

if TYPE_CHECKING:
    from simulator.problem import Problem


def topological_priority(problem: Problem) -> FloatArray:
    """(T,) priorities under which tasks are taken in topological order."""
    return -view_of(problem).position.astype(float)


@dataclass(frozen=True)
class Olb(Planner):
    """Opportunistic load balancing: each task on the node that is free first."""

    version: ClassVar[int] = 1

    def plan(self, problem: Problem) -> Plan:
        """Plan one average request."""
        return list_plan(problem, topological_priority(problem), AVAILABLE)


@dataclass(frozen=True)
class Met(Planner):
    """Minimum execution time: each task where it runs fastest."""

    version: ClassVar[int] = 1

    def plan(self, problem: Problem) -> Plan:
        """Plan one average request."""
        return list_plan(problem, topological_priority(problem), HOLD)


@dataclass(frozen=True)
class Mct(Planner):
    """Minimum completion time: each task where it finishes first."""

    version: ClassVar[int] = 1

    def plan(self, problem: Problem) -> Plan:
        """Plan one average request."""
        return list_plan(problem, topological_priority(problem), FINISH)
