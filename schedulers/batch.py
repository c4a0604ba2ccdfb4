"""Batch-mode heuristics: min-min, max-min, duplex, sufferage.

Papers: O. H. Ibarra, C. E. Kim, "Heuristic algorithms for scheduling independent tasks on
nonidentical processors", J. ACM 24(2), 1977, doi:10.1145/322003.322011 (min-min, max-min);
M. Maheswaran, S. Ali, H. J. Siegel, D. Hensgen, R. F. Freund, "Dynamic mapping of a class of
independent tasks onto heterogeneous computing systems", J. Parallel and Distributed Computing
59(2), 1999, doi:10.1006/jpdc.1999.1581 (sufferage); T. D. Braun et al., "A comparison of eleven
static heuristics for mapping a class of independent tasks onto heterogeneous distributed computing
systems", JPDC 61(6), 2001, doi:10.1006/jpdc.2000.1714 (duplex).

What we changed, and why: the papers have independent tasks; here the batch is the set of ready
tasks, and a finish includes the arrival of the inputs. One task is placed at a time, also by
sufferage, whose paper places one for each machine before it looks again. Sufferage compares with
the best place on another node, and a task with one node left goes first. Variants, slots, memory
limits and groups as in the other list schedulers.

Cost: O(E N + T (N V + R)) time for R ready tasks when placing one task disturbs few others,
O(T R N V) at worst; O(T N) memory.

Do badly: on graphs with long paths, which they do not see. Min-min leaves the long tasks to the
end, where they run alone; max-min delays everything that many others wait for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from schedulers.pairs import LEAST, MOST, SUFFERAGE, pair_plan
from schedulers.planner import Planner
from schedulers.timeline import Plan

if TYPE_CHECKING:
    from simulator.problem import Problem


@dataclass(frozen=True)
class MinMin(Planner):
    """The ready task that can finish first, where it does."""

    version: ClassVar[int] = 1

    def plan(self, problem: Problem) -> Plan:
        """Plan one average request."""
        return pair_plan(problem, LEAST)


@dataclass(frozen=True)
class MaxMin(Planner):
    """The ready task whose earliest finish is latest, where it finishes first."""

    version: ClassVar[int] = 1

    def plan(self, problem: Problem) -> Plan:
        """Plan one average request."""
        return pair_plan(problem, MOST)


@dataclass(frozen=True)
class Duplex(Planner):
    """The plan of min-min or of max-min, whichever is shorter (min-min if equal)."""

    version: ClassVar[int] = 1

    def plan(self, problem: Problem) -> Plan:
        """Plan one average request."""
        plans = MinMin().plan(problem), MaxMin().plan(problem)
        return min(plans, key=lambda plan: plan.makespan)


@dataclass(frozen=True)
class Sufferage(Planner):
    """The ready task that loses most if it does not get its best node, there."""

    version: ClassVar[int] = 1

    def plan(self, problem: Problem) -> Plan:
        """Plan one average request."""
        return pair_plan(problem, SUFFERAGE)
