"""PEFT: predict earliest finish time, a list scheduler that looks ahead through a table.

Paper: H. Arabnejad, J. G. Barbosa, "List scheduling algorithm for heterogeneous systems by an
optimistic cost table", IEEE TPDS 25(3), 2014. doi:10.1109/TPDS.2013.57.

What we changed, and why: means and minima leave out forbidden nodes; of several variants the table
takes the fastest on each node, while the choice is made over nodes and variants together; c slots
are c processors; memory limits and groups are respected. The table is filled in O(E N) instead of
O(E N^2) time, with equal values.

Cost: O((E + T V) N + T log T) time and the search for gaps, O(T N) memory.

Does badly: at low communication-to-computation ratios, where it is no better than HEFT; on wide
graphs, since the table knows nothing of waiting.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from schedulers.listing import list_plan
from schedulers.planner import Planner
from schedulers.ranks import optimistic_cost_table, ranks_of
from schedulers.timeline import Plan
from schedulers.view import view_of

if TYPE_CHECKING:
    from simulator.problem import Problem


@dataclass(frozen=True)
class Peft(Planner):
    """Highest mean of the optimistic cost table first, each task where finish plus table is least.

    Parameters
    ----------
    insertion : bool
        Whether a task may fill a gap between tasks placed before.
    """

    version: ClassVar[int] = 1
    insertion: bool = True

    def plan(self, problem: Problem) -> Plan:
        """Plan one average request."""
        view = view_of(problem)
        table = optimistic_cost_table(view, ranks_of(view))
        there = view.fastest < np.inf
        rank = np.where(there, table, 0.0).sum(axis=1) / there.sum(axis=1)
        return list_plan(problem, rank, insertion=self.insertion, bias=table)
