"""HEFT: heterogeneous earliest finish time, the list scheduler everything is measured against.

Paper: H. Topcuoglu, S. Hariri, M.-Y. Wu, "Performance-effective and low-complexity task scheduling
for heterogeneous computing", IEEE TPDS 13(3), 2002. doi:10.1109/71.993206.
The bias by the optimistic cost table is that of PEFT: H. Arabnejad, J. G. Barbosa, "List
scheduling algorithm for heterogeneous systems by an optimistic cost table", IEEE TPDS 25(3), 2014.
doi:10.1109/TPDS.2013.57.

What we changed, and why: mean costs leave out forbidden nodes; node and variant are chosen
together; c slots are c processors; memory limits and groups are respected. With ``lookahead=oct``
the order is HEFT's and the choice of the node PEFT's, which costs the same and at high
communication-to-computation ratios gives much shorter schedules.

Cost: O((E + T V) N + T log T) time and the search for gaps, O(T N) memory.

Does badly: where communication dominates, because it scatters tasks whose consumers then wait; on
joins fed by many, because it looks no further than the task at hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from schedulers.listing import list_plan
from schedulers.planner import Planner
from schedulers.ranks import optimistic_cost_table, ranks_of
from schedulers.timeline import Plan
from schedulers.view import view_of

if TYPE_CHECKING:
    from simulator.problem import Problem


@dataclass(frozen=True)
class Heft(Planner):
    """Highest upward rank first, each task where it finishes first.

    Parameters
    ----------
    insertion : bool
        Whether a task may fill a gap between tasks placed before.
    lookahead : {"none", "oct"}
        Whether the time that must still pass after the task counts in the choice of the node.
    """

    version: ClassVar[int] = 1
    insertion: bool = True
    lookahead: Literal["none", "oct"] = "none"

    def plan(self, problem: Problem) -> Plan:
        """Plan one average request."""
        view = view_of(problem)
        ranks = ranks_of(view)
        bias = optimistic_cost_table(view, ranks) if self.lookahead == "oct" else None
        return list_plan(problem, ranks.up, insertion=self.insertion, bias=bias)
