"""What schedulers that plan once, without chance, have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schedulers.timeline import Plan

if TYPE_CHECKING:
    from numpy.random import Generator

    from schedulers.budget import Budget
    from simulator.allocation import Allocation
    from simulator.problem import Problem


class Planner:
    """A scheduler that plans one average request, once; neither budget nor chance is used."""

    def plan(self, problem: Problem) -> Plan:
        """Planned nodes, variants, starts and finishes of one average request.

        Raises
        ------
        Infeasible
            No admissible allocation exists, or none was found.
        """
        raise NotImplementedError

    def schedule(self, problem: Problem, budget: Budget, rng: Generator) -> Allocation:
        """The plan as an allocation."""
        return self.plan(problem).allocation(problem)
