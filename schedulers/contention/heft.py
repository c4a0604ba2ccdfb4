"""Contention-aware HEFT: messages are booked on the links of their route while tasks are placed.

Paper: O. Sinnen, L. Sousa, "Communication contention in task scheduling", IEEE TPDS 16(6), 2005.
doi:10.1109/TPDS.2005.64.

What we changed, and why: the rules of the booking are those of the network at hand. Under `fifo`
messages are stored and forwarded, whole, in the order in which they were sent; under `fair` each
link of the route is booked for bytes over its own bandwidth and the slowest decides (the paper has
cut-through routing only). Priorities are HEFT's upward ranks; node and variant are chosen
together; c slots are c processors; signals without bytes pass everything; memory limits and groups
are respected. Under `ideal` it is HEFT.

Cost: for each task and node the inputs are booked and taken back, O(E N H W) for routes of H links
and W bookings passed in the search for a gap (few: it starts at the end), plus HEFT's own;
O(T N + E H) memory.

Does badly: on streams, whose requests share links with each other, because it plans one request;
where a consumer is planned long after the producer, since later choices may fill the link before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from schedulers.contention.planner import contention_plan
from schedulers.listing import list_plan
from schedulers.planner import Planner
from schedulers.ranks import optimistic_cost_table, ranks_of
from schedulers.timeline import Plan
from schedulers.view import view_of
from simulator.arrays import IDEAL

if TYPE_CHECKING:
    from simulator.problem import Problem


@dataclass(frozen=True)
class ContentionHeft(Planner):
    """Highest upward rank first, each task where it finishes first once its messages are booked.

    Parameters
    ----------
    insertion : bool
        Whether a task may fill a gap between tasks placed before.
    link_insertion : bool
        Whether a message may fill a gap between messages booked before.
    lookahead : {"none", "oct"}
        As in `schedulers.heft`.
    """

    version: ClassVar[int] = 1
    insertion: bool = True
    link_insertion: bool = True
    lookahead: Literal["none", "oct"] = "none"

    def plan(self, problem: Problem) -> Plan:
        """Plan one average request; starts and finishes are those planned with the messages."""
        view = view_of(problem)
        ranks = ranks_of(view)
        bias = optimistic_cost_table(view, ranks) if self.lookahead == "oct" else None
        if problem.arrays.network == IDEAL:
            return list_plan(problem, ranks.up, insertion=self.insertion, bias=bias)
        return contention_plan(problem, ranks.up, self.insertion, self.link_insertion, bias)[0]
