"""Hybrid: the best answer of several schedulers that plan once.

No paper: the scheduler of this name in J. Coleman et al., SAGA (anrg-saga). (The hybrid heuristic
of R. Sakellariou and H. Zhao, which balances groups of independent tasks, is another algorithm:
`hbmct`.)

What we changed, and why: what is compared is the objective of the problem, simulated, not the
planned makespan; where a plan is exact the two are the same. The default set holds one planner for
each kind of strength; which ones is a parameter. A planner that finds no place for a task is passed
over as long as another one does.

Cost: the sum of the planners and one evaluation for each. With fewer evaluations than planners the
shortest plans are evaluated.

Does badly: never worse than the best of its parts; it inherits what they have in common, such as
planning with the nominal times of one request.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from schedulers.planner import Planner
from schedulers.timeline import Plan
from simulator.errors import Infeasible

if TYPE_CHECKING:
    from numpy.random import Generator

    from schedulers.budget import Budget
    from simulator.allocation import Allocation
    from simulator.problem import Problem

DEFAULT = "heft+heft[lookahead=oct]+peft+cpop+dls+etf+min_min+max_min+sufferage"


def parts(text: str) -> list[str]:
    """Split specs at every plus sign outside brackets.

    Examples
    --------
    >>> parts("heft[insertion=false]+cpop")
    ['heft[insertion=false]', 'cpop']
    """
    found, depth = [""], 0
    for character in text:
        depth += (character == "[") - (character == "]")
        if character == "+" and depth == 0:
            found.append("")
        else:
            found[-1] += character
    return [part.strip() for part in found]


@dataclass(frozen=True)
class Hybrid:
    """The best of several planners by the objective of the problem; ties go to the first.

    Parameters
    ----------
    of : str
        Specs of schedulers that plan once, joined by plus signs.

    Raises
    ------
    UnknownName, InvalidSpec
        A part is no scheduler, or is one that searches or draws by lot.
    """

    version: ClassVar[int] = 1
    of: str = DEFAULT

    def __post_init__(self) -> None:
        self.planners()

    def planners(self) -> list[Planner]:
        """The schedulers behind `of`."""
        from schedulers.registry import InvalidSpec, make

        made: list[Planner] = []
        for spec in parts(self.of):
            planner = make(spec)
            if not isinstance(planner, Planner):
                raise InvalidSpec(
                    f"hybrid: of must name schedulers that plan once, such as heft; {spec!r} "
                    "searches or draws by lot"
                )
            made.append(planner)
        return made

    def plans(self, problem: Problem) -> list[Plan]:
        """One plan of each part that finds one, shortest first.

        Raises
        ------
        Infeasible
            None of the parts finds one.
        """
        found: list[Plan] = []
        refusal: Infeasible | None = None
        for planner in self.planners():
            try:
                found.append(planner.plan(problem))
            except Infeasible as error:
                refusal = refusal or error
        if not found and refusal is not None:
            raise refusal
        return sorted(found, key=lambda plan: plan.makespan)

    def schedule(self, problem: Problem, budget: Budget, rng: Generator) -> Allocation:
        """Evaluate every plan."""
        plans = self.plans(problem)
        node, variant, priority = (
            np.array([getattr(plan, name) for plan in plans])
            for name in ("node", "variant", "priority")
        )
        values = budget.evaluate((node, variant, priority))
        return plans[int(np.argmin(values))].allocation(problem)
