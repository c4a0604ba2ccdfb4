"""FCP: fast critical path, list scheduling at almost linear cost.

Papers: A. Radulescu, A. J. C. van Gemund, "On the complexity of list scheduling algorithms for
distributed-memory systems", ICS 1999. doi:10.1145/305138.305162; and by the same authors "Fast and
effective task scheduling in heterogeneous systems", HCW 2000. doi:10.1109/HCW.2000.843747.

The order is by critical path (upward rank), but only as many ready tasks as there are processors
are kept sorted; the others wait first come, first served. A task goes to the better of two nodes:
the one that its last message comes from and the one that is idle first. Where all transfers of a
message take equally long, no other node would let it start earlier.

What we changed, and why: on unequal nodes, tasks that start equally early are told apart by their
finish; ``compare=finish`` compares finishes in the first place, which is what unequal nodes ask
for (which of several rules the paper of 2000 settles for could not be checked). The node of the
last message is the one on which all inputs are there first, which also means something on unequal
links. c slots are c processors; variants, memory limits and groups as in the other list schedulers.

Cost: O(E N + T (N + W)) time for a window of W tasks (arrival times are kept for all nodes, for
constraints may close any of them); O(T N) memory.

Does badly: on unequal nodes, since neither candidate need be a fast one; on irregular graphs at
high communication-to-computation ratios.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from schedulers.lists.two_nodes import two_node_plan
from schedulers.planner import Planner
from schedulers.ranks import ranks_of
from schedulers.timeline import Plan
from schedulers.view import view_of

if TYPE_CHECKING:
    from simulator.problem import Problem


@dataclass(frozen=True)
class Fcp(Planner):
    """Highest upward rank of a short queue first, on the better of two nodes.

    Parameters
    ----------
    compare : {"start", "finish"}
        Which of the two nodes is better.
    queue : int
        How many ready tasks are kept sorted; 0 for as many as there are slots.
    """

    version: ClassVar[int] = 1
    compare: Literal["start", "finish"] = "start"
    queue: int = 0

    def __post_init__(self) -> None:
        """Refuse a queue of negative length."""
        if self.queue < 0:
            raise ValueError(f"queue must be >= 0, got {self.queue}")

    def plan(self, problem: Problem) -> Plan:
        """Plan one average request."""
        view = view_of(problem)
        width = self.queue or int(view.slots.sum())
        finish = self.compare == "finish"
        return two_node_plan(problem, ranks_of(view).up, fixed=True, by_finish=finish, width=width)
