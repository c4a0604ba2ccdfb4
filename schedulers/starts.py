"""Where searches start: the plans of quick list schedulers, judged by the simulator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from schedulers.registry import make
from simulator.arrays import FloatArray, IntArray
from simulator.errors import Infeasible

if TYPE_CHECKING:
    from schedulers.budget import Budget
    from schedulers.timeline import Plan
    from simulator.problem import Problem

QUICK = (
    "lookahead[children=mean]", "heft[lookahead=oct]", "single_node", "heft", "peft", "min_min",
    "cpop", "etf", "sufferage", "dls", "dps", "hbmct", "bil", "max_min", "mct", "contention_heft",
    "sdbats", "fcp[compare=finish]", "flb[compare=finish]", "met", "olb", "m_topo", "m_etf",
    "chain_partition",
)  # fmt: skip
"""Most useful first, because a small budget ends the list early."""


def plans_of(problem: Problem, spec: str) -> list[Plan]:
    """The plan of a scheduler that plans; of one with `plans` all of them, shortest first.

    Raises
    ------
    Infeasible
    """
    scheduler = make(spec)
    if hasattr(scheduler, "plans"):
        several: list[Plan] = scheduler.plans(problem)
        return several
    plan: Plan = scheduler.plan(problem)  # type: ignore[attr-defined]
    return [plan]


def planned(problem: Problem, specs: Sequence[str]) -> list[Plan]:
    """One plan of each scheduler that finds one, in the order of the specs.

    Raises
    ------
    Infeasible
        None of them does.
    """
    plans: list[Plan] = []
    refused: Infeasible | None = None
    for spec in specs:
        try:
            plans.append(plans_of(problem, spec)[0])
        except Infeasible as error:
            refused = refused or error
            if not plans:
                break  # planners on guard find a place whenever one is known
    if not plans and refused is not None:
        raise refused
    return plans


def judged_starts(
    problem: Problem, budget: Budget, specs: Sequence[str] = QUICK, least_left: float = 0.0
) -> tuple[list[Plan], FloatArray]:
    """Plan with several schedulers and judge the plans, within the budget.

    Parameters
    ----------
    problem : Problem
    budget : Budget
        Each plan costs one evaluation.
    specs : sequence of str
        Schedulers that plan.
    least_left : float in [0, 1]
        Stop when no more than this share of the budget is left.

    Returns
    -------
    plans : list of Plan
        Best first, no two alike.
    objectives : (B,) float array
        By the simulator; +inf for those that lose requests or came after the budget was spent.

    Raises
    ------
    Infeasible
        The first scheduler finds no admissible allocation.
    """
    plans: list[Plan] = []
    seen: set[bytes] = set()
    for i, spec in enumerate(specs):
        if plans and (budget.left() <= least_left or len(plans) >= budget.evaluations_left()):
            break
        try:
            found = plans_of(problem, spec)[:2]
        except Infeasible:
            if i == 0:
                raise
            continue
        for plan in found:
            key = b"".join(x.tobytes() for x in (plan.node, plan.variant, plan.priority))
            if key not in seen:
                seen.add(key)
                plans.append(plan)
    values = budget.evaluate(rows(plans))
    order = np.argsort(values, kind="stable")
    return [plans[i] for i in order], values[order]


def rows(plans: Sequence[Plan]) -> tuple[IntArray, IntArray, IntArray]:
    """(B, T) arrays of nodes, variants and ranks."""
    columns = [np.stack([getattr(p, x) for p in plans]) for x in ("node", "variant", "priority")]
    return columns[0], columns[1], columns[2]
