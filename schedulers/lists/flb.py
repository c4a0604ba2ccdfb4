"""FLB: fast load balancing, the choices of ETF at a fraction of its cost.

Papers: A. Radulescu, A. J. C. van Gemund, "FLB: fast load balancing for distributed-memory
machines", ICPP 1999. doi:10.1109/ICPP.1999.797442; and by the same authors "Fast and effective task
scheduling in heterogeneous systems", HCW 2000. doi:10.1109/HCW.2000.843747.

Always schedules the ready task that can start first. Where all transfers of a message take
equally long, two places suffice to find it: the node that its last message comes from and the node
that is idle first. Of tasks that start equally early one goes first that is not bound to the node
of its last message, then the one of highest upward rank.

What we changed, and why: the ready tasks are looked through in each step instead of being kept in
heaps by node, because constraints may close any node to any task; those that cannot win are passed
over without a look at nodes. On unequal nodes, places with equal start are told apart by their
finish; ``compare=finish`` compares finishes in the first place (which of several rules the paper of
2000 settles for could not be checked). On unequal links the node of the last message is the one on
which all inputs are there first. c slots are c processors; variants, memory limits and groups as in
the other list schedulers.

Cost: O(E N + T (N + R)) time for R ready tasks; O(T N) memory.

Does badly: on unequal nodes: a slow idle node starts tasks as early as a fast one.
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
class Flb(Planner):
    """The ready task that can start first, on the better of two nodes.

    Parameters
    ----------
    compare : {"start", "finish"}
        What is compared, between the two nodes and between tasks.
    """

    version: ClassVar[int] = 1
    compare: Literal["start", "finish"] = "start"

    def plan(self, problem: Problem) -> Plan:
        """Plan one average request."""
        view = view_of(problem)
        return two_node_plan(
            problem,
            ranks_of(view).up,
            fixed=False,
            by_finish=self.compare == "finish",
            width=view.n_tasks,
        )
