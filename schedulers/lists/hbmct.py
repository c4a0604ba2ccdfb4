"""HBMCT: hybrid of a list scheduler and a heuristic for independent tasks.

Paper: R. Sakellariou, H. Zhao, "A hybrid heuristic for DAG scheduling on heterogeneous systems",
IPDPS 2004. doi:10.1109/IPDPS.2004.1303065.

Tasks in order of upward rank are cut into groups: a task that depends on one of the current group
opens the next. The tasks of a group are independent, and balanced minimum completion time places
them together. First each task goes to its fastest node, where tasks run in the order of their
inputs' arrival. Then tasks of that node of the group which finishes last, in order of their mean
earliest start, are tried on all other nodes; the first one that can leave without another node
finishing as late moves to where the finish is earliest; until none can.

What we changed, and why: a move must make the last node finish earlier, or moving could go round
in circles. Tasks of a group are appended to the sequences of the nodes. Of several variants the
fastest on each node counts. If constraints object to a place when a group is placed, that task goes
where it then finishes first. c slots are c processors; memory limits and groups as in the other
list schedulers.

Cost: O(E N + T log T) time for the ranks; for a group of g tasks each move takes O(g) time if the
first try succeeds, as it mostly does, and O(g^2) at worst; O(T N) memory.

Does badly: where communication dominates: balancing knows the inputs of a group but not its
consumers, and fills all nodes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from schedulers.lists.balance import Desk, balanced_schedule
from schedulers.planner import Planner
from schedulers.planning import State, run_planner
from schedulers.ranks import ranks_of
from schedulers.timeline import Lanes, Plan, new_lanes
from schedulers.view import View, view_of
from simulator.arrays import FloatArray, IntArray

if TYPE_CHECKING:
    from simulator.problem import Problem


def rank_groups(view: View, rank: FloatArray) -> tuple[IntArray, IntArray]:
    """Cut the tasks, highest rank first, into groups of independent ones.

    Ties of rank go by topological order. It is enough to look at direct inputs: whatever lies
    between two tasks comes between them in the order.

    Returns
    -------
    (order, group_ptr) : (T,) and (G + 1,) int arrays
    """
    order = np.lexsort((view.position, -rank))
    group = np.full(view.n_tasks, -1, dtype=np.int64)
    ptr, current = [0], 0
    src, bounds = view.in_src.tolist(), view.in_ptr.tolist()
    for k, t in enumerate(order.tolist()):
        if any(group[p] == current for p in src[bounds[t] : bounds[t + 1]]):
            ptr.append(k)
            current += 1
        group[t] = current
    return order, np.array([*ptr, view.n_tasks])


@dataclass(frozen=True)
class Hbmct(Planner):
    """Groups of independent tasks by upward rank, each balanced over the nodes."""

    version: ClassVar[int] = 1

    def plan(self, problem: Problem) -> Plan:
        """Plan one average request."""
        view = view_of(problem)
        sorted_tasks, group_ptr = rank_groups(view, ranks_of(view).up)
        n_tasks, n_nodes = view.n_tasks, view.n_nodes
        desk = Desk(
            order=np.empty_like(sorted_tasks),
            group_ptr=group_ptr,
            ready=np.empty((n_tasks, n_nodes)),
            quick=np.empty((n_tasks, n_nodes), dtype=np.int64),
            mean=np.empty(n_tasks),
            sequence=np.empty((n_nodes, n_tasks), dtype=np.int64),
            members=np.empty(n_nodes, dtype=np.int64),
            last=np.empty(n_nodes),
            slot=np.empty(view.most_slots),
            home=np.empty(n_tasks, dtype=np.int64),
        )

        def core(state: State, lanes: Lanes) -> int:
            code: int = balanced_schedule(view, lanes, state, desk)
            return code

        def begin(state: State) -> Lanes:
            desk.order[:] = sorted_tasks
            return new_lanes(view, insertion=False)

        return run_planner(problem, begin, core)
