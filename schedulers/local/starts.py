"""Plans that local searches begin from: those of the best list schedulers."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from schedulers.baselines import SingleNode
from schedulers.batch import MinMin, Sufferage
from schedulers.cpop import Cpop
from schedulers.heft import Heft
from schedulers.peft import Peft
from schedulers.planner import Planner
from schedulers.timeline import Plan
from simulator.errors import Infeasible

if TYPE_CHECKING:
    from simulator.problem import Problem

HEURISTICS: tuple[Planner, ...] = (
    Heft(),
    Heft(lookahead="oct"),
    Peft(),
    MinMin(),
    Sufferage(),
    Cpop(),
)


def starts(problem: Problem) -> list[Plan]:
    """Plans of several heuristics and that on the best single node, shortest makespan first.

    Raises
    ------
    Infeasible
        No heuristic found an admissible allocation.
    """
    plans: list[Plan] = []
    refused: Infeasible | None = None
    for planner in HEURISTICS:
        try:
            plans.append(planner.plan(problem))
        except Infeasible as error:
            refused = refused or error
            if not plans:
                break  # planners on guard find a place whenever one is known
    if not plans and refused is not None:
        raise refused
    with contextlib.suppress(Infeasible):
        plans.append(SingleNode().plans(problem)[0])
    return sorted(plans, key=lambda plan: plan.makespan)
