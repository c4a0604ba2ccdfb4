"""Baselines: random, round robin, and everything on the best single node.

No papers: these are what a user would do without a scheduler, and what every scheduler must beat.
Random allocations are drawn over admissible places only, so that memory limits and forbidden nodes
do not decide the comparison.

Cost: `random` and `round_robin` O((E + T V) N + T log T) time; `single_node` N times that and N
simulations; O(T N) memory.

Do badly: `random` and `round_robin` by design, most of all where communication is dear;
`single_node` as soon as tasks could run side by side. At high communication-to-computation ratios
it is hard to beat.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from schedulers.immediate import topological_priority
from schedulers.listing import DRAW, TURN, WISH, list_plan
from schedulers.planner import Planner
from schedulers.timeline import Plan
from schedulers.view import view_of

if TYPE_CHECKING:
    from numpy.random import Generator

    from schedulers.budget import Budget
    from simulator.allocation import Allocation
    from simulator.problem import Problem


@dataclass(frozen=True)
class Random:
    """One allocation by lot: a random topological order, random admissible nodes and variants."""

    version: ClassVar[int] = 1

    def plan(self, problem: Problem, rng: Generator) -> Plan:
        """Plan one average request."""
        lots = rng.random((problem.n_tasks, 3))
        return list_plan(problem, lots[:, 2].copy(), DRAW, lots=lots[:, :2].copy())

    def schedule(self, problem: Problem, budget: Budget, rng: Generator) -> Allocation:
        """Draw once; the budget is not used."""
        return self.plan(problem, rng).allocation(problem)


@dataclass(frozen=True)
class RoundRobin(Planner):
    """Tasks in topological order, nodes in turn; nodes that do not admit a task are passed over."""

    version: ClassVar[int] = 1

    def plan(self, problem: Problem) -> Plan:
        """Plan one average request."""
        return list_plan(problem, topological_priority(problem), TURN)


@dataclass(frozen=True)
class SingleNode:
    """Everything on one node, the one for which the objective of the problem is best.

    A task that the node does not admit goes where it finishes first. Ties go to the shorter plan,
    then to the lower node. With a budget of fewer evaluations than nodes, only the nodes with the
    shortest plans are evaluated; with none, the shortest plan is taken.
    """

    version: ClassVar[int] = 1

    def plans(self, problem: Problem) -> list[Plan]:
        """One plan for each node that may run anything, shortest first."""
        view = view_of(problem)
        priority = topological_priority(problem)
        plans = [
            list_plan(problem, priority, WISH, wish=np.full(view.n_tasks, n, dtype=np.int64))
            for n in range(view.n_nodes)
            if (view.fastest[:, n] < np.inf).any()
        ]
        return sorted(plans, key=lambda plan: plan.makespan)

    def schedule(self, problem: Problem, budget: Budget, rng: Generator) -> Allocation:
        """Evaluate every node."""
        allocations = [plan.allocation(problem) for plan in self.plans(problem)]
        return allocations[int(np.argmin(budget.evaluate(allocations)))]
