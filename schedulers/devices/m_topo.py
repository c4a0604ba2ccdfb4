"""m-TOPO: fill the nodes one after the other in topological order.

Paper: B. Jeon, L. Cai, P. Srivastava, J. Jiang, X. Ke, Y. Meng, C. Xie, I. Gupta, "Baechi: fast
device placement of machine learning graphs", ACM SoCC 2020. doi:10.1145/3419111.3421302.

Tasks come in topological order and fill a node up to a cap, then the next: the memory that all
tasks need over the number of nodes, plus that of the largest task.

What we changed, and why: a node is not filled beyond its own memory either, since nodes differ; a
node that does not admit a task is passed over for that task only; weights that tasks share count
once on a node. Where no task declares memory, mean durations take its place, as everything would
land on one node otherwise. A task for which no node is left goes where it finishes first. Each task
counts with its smallest variant; the one that runs is the one that finishes first on its node.

Cost: O(T (N + V) + E N + T log T) time, O(T N) memory.

Does badly: on graphs that are wide, since tasks next to each other in topological order share a
node; on unequal nodes. It is the baseline of its paper.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from schedulers.admissible import rules_of
from schedulers.immediate import topological_priority
from schedulers.listing import WISH, list_plan
from schedulers.planner import Planner
from schedulers.ranks import mean_costs
from schedulers.timeline import Plan
from schedulers.view import view_of
from simulator.arrays import IntArray

if TYPE_CHECKING:
    from simulator.problem import Problem


@dataclass(frozen=True)
class MTopo(Planner):
    """Tasks in topological order, node after node, each up to an equal share of the memory."""

    version: ClassVar[int] = 1

    def plan(self, problem: Problem) -> Plan:
        """Plan one average request."""
        order = topological_priority(problem)
        return list_plan(problem, order, WISH, wish=filled(problem))


def filled(problem: Problem) -> IntArray:
    """(T,) node of each task, -1 where the share of every node that admits it is used up."""
    rules, view = rules_of(problem), view_of(problem)
    there = rules.allowed.any(axis=2)
    need = np.where(there, rules.weights + rules.working, np.inf)
    variant = need.argmin(axis=1)
    row = np.arange(problem.n_tasks)
    weights, working = rules.weights[row, variant], rules.working[row, variant]
    group, memory = rules.group[row, variant], rules.memory
    if not (weights + working).any():
        weights, group, memory = mean_costs(view), row, np.full(problem.n_nodes, np.inf)
    unshared = np.unique(group, return_index=True)[1]
    total = float(weights[unshared].sum() + working.sum())
    cap = np.minimum(total / problem.n_nodes + float((weights + working).max()), memory)
    used, held = np.zeros(problem.n_nodes), [set[int]() for _ in range(problem.n_nodes)]
    wish = np.full(problem.n_tasks, -1, dtype=np.int64)
    current = 0
    for t in view.topological.tolist():
        for n in range(current, problem.n_nodes):
            if view.fastest[t, n] == np.inf:
                continue
            bytes_ = working[t] + (0.0 if int(group[t]) in held[n] else weights[t])
            if used[n] + bytes_ <= cap[n]:
                wish[t] = n
                used[n] += bytes_
                held[n].add(int(group[t]))
                break
            if n == current:
                current += 1
    return wish
