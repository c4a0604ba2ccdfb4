"""ETF: earliest task first.

Paper: J.-J. Hwang, Y.-C. Chow, F. D. Anger, C.-Y. Lee, "Scheduling precedence graphs in systems
with interprocessor communication times", SIAM J. Computing 18(2), 1989. doi:10.1137/0218016.

What we changed, and why: the paper has identical processors. On unequal ones, places with equal
start are told apart by their finish, and levels are taken from mean costs over the nodes that may
run a task. Variants, slots, memory limits and groups as in the other list schedulers.

Cost: O(E N + T (N V + R)) time for R ready tasks when placing one task disturbs few others,
O(T R N V) at worst; O(T N) memory.

Does badly: on very unequal nodes, since an early start on a slow node beats a late one on a fast
node; what it is good at is keeping everybody busy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from schedulers.pairs import LEAST, pair_plan
from schedulers.planner import Planner
from schedulers.ranks import mean_costs, static_levels
from schedulers.timeline import Plan
from schedulers.view import view_of

if TYPE_CHECKING:
    from simulator.problem import Problem


@dataclass(frozen=True)
class Etf(Planner):
    """The ready task that can start first, on that node; ties go to the highest static level."""

    version: ClassVar[int] = 1

    def plan(self, problem: Problem) -> Plan:
        """Plan one average request."""
        view = view_of(problem)
        level = static_levels(view, mean_costs(view))
        return pair_plan(problem, LEAST, early=True, level=level)
