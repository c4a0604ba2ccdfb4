"""Simulated annealing over nodes, variants and order; proposals are judged by heads and tails.

Papers: S. Kirkpatrick, C. D. Gelatt, M. P. Vecchi, "Optimization by simulated annealing", Science
220(4598), 1983, doi:10.1126/science.220.4598.671; heads, tails and moves on the critical path are
those of job-shop scheduling: P. J. M. van Laarhoven, E. H. L. Aarts, J. K. Lenstra, "Job shop
scheduling by simulated annealing", Operations Research 40(1), 1992, doi:10.1287/opre.40.1.113;
E. D. Taillard, "Parallel taboo search techniques for the job shop scheduling problem", ORSA J. on
Computing 6(2), 1994, doi:10.1287/ijoc.6.2.108.

What we changed, and why: the state is a placement and a topological order of the tasks, so that
every proposal is feasible; communication is part of heads and tails; groups of connected tasks
move together, without which a high price of communication freezes the placement. A proposal is
judged on the window of positions that it changes; only accepted ones cost a pass over all tasks.
Temperatures are shares of the makespan, and the search begins anew from its best at each of several
stages, of which small graphs get more. Under `ideal` and `strict` this is the objective itself.
Elsewhere plans are estimates: good plans are judged by the simulation of the `plan` realisations,
and the rest of the budget goes into annealing on the truth, in batches of neighbours of the best.

Cost: a rejected proposal O(degree + N + window), an accepted one O(E + T); memory O(T N / 16 + E).

Does badly: where the makespan of one request says little about the objective (throughput of
streams), since only the second half of the search then sees the truth; on thousands of tasks
within a second, where it hardly leaves its start.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from schedulers.effort import nominal_evaluations
from schedulers.exactness import plan_is_exact
from schedulers.local.search import LocalSearch, timed
from schedulers.local.state import BEST, CURRENT
from schedulers.local.truth import anneal_truth
from schedulers.starts import planned, rows
from schedulers.timeline import Plan

if TYPE_CHECKING:
    from numpy.random import Generator

    from schedulers.budget import Budget
    from simulator.allocation import Allocation
    from simulator.problem import Problem

STARTS = (
    "heft", "heft[lookahead=oct]", "peft", "min_min", "sufferage", "cpop", "single_node",
)  # fmt: skip

COOLED = 0.1
"""Temperature at the end of a stage over that at its beginning."""

CLOSING, CLOSING_HOT, CLOSING_COOLED = 0.15, 0.003, 0.01
"""Time of the last stage over that of the others, and its temperatures: it ends as a descent."""

OFFERED_EVERY = 0.03
"""Share of a stage between two offers of its best."""

WORK = 400_000
"""Tasks times proposals between two looks at the budget: some milliseconds."""

SAMPLES = 24
"""Plans of the model that are simulated, where plans are estimates."""


@dataclass(frozen=True)
class Annealing:
    """Anneals at several temperatures, again and again while the budget lasts.

    Parameters
    ----------
    moves : int
        Proposals without a limit; 0: 200 million over the number of tasks, at most 3 million.
    hot : float
        Highest temperature at the beginning of a stage, as a share of the makespan; 0: by size.
    truth : float
        Share of the budget for annealing on simulated runs where plans are estimates, in [0, 1].
    """

    version: ClassVar[int] = 1
    moves: int = 0
    hot: float = 0.0
    truth: float = 0.7

    def __post_init__(self) -> None:
        """Refuse values that make no sense."""
        if self.moves < 0:
            raise ValueError(f"moves must be >= 0, got {self.moves}")
        if not 0 <= self.hot < 1:
            raise ValueError(f"hot must be in [0, 1), got {self.hot}")
        if not 0 <= self.truth <= 1:
            raise ValueError(f"truth must be in [0, 1], got {self.truth}")

    def schedule(self, problem: Problem, budget: Budget, rng: Generator) -> Allocation:
        """Anneal from the best heuristics' plans."""
        plans = sorted(planned(problem, STARTS), key=lambda plan: plan.makespan)
        if budget.best is not None:  # another search has been here before
            node, variant, priority = budget.best.arrays(problem)
            plans.append(timed(problem, node, variant, np.argsort(priority, kind="stable")))
            plans.sort(key=lambda plan: plan.makespan)
        fallback = plans[0].allocation(problem)
        values = budget.evaluate(rows(plans))
        if budget.left() == 0:
            return fallback if budget.best is None else budget.best
        total = self.moves or int(min(200_000_000 // problem.n_tasks, 3_000_000))
        if plan_is_exact(problem):
            limit = None if budget.limited else total
            self._anneal(problem, budget, budget.portion(1.0, limit), rng, plans[0], True)
        else:
            share = max(1.0 - self.truth, 1e-3)
            limit = None if budget.limited else total // 4
            stage = budget.portion(share, limit)
            found = self._anneal(problem, budget, stage, rng, plans[0], False)[:SAMPLES]
            values = np.concatenate([values, budget.evaluate(rows(found))])
            b = int(np.argmin(values))
            best = (plans + found)[b]
            limit = None if budget.limited else nominal_evaluations(problem, seconds=0.7)
            start = (best.node, best.variant, best.priority)
            anneal_truth(problem, budget.portion(1.0, limit), rng, start, float(values[b]))
        return fallback if budget.best is None else budget.best

    def _anneal(
        self,
        problem: Problem,
        budget: Budget,
        portion: Budget,
        rng: Generator,
        first: Plan,
        exact: bool,
    ) -> list[Plan]:
        """Stages on the model until the portion is spent; their best plans, best first."""
        search = LocalSearch(problem)
        stages = self._stages(problem.n_tasks)
        found, best = [first], first
        shares = [1.0] * len(stages) + [CLOSING * len(stages)]
        for k, hot in enumerate([*stages, CLOSING_HOT]):
            if portion.left() <= 0:
                break
            part = portion.portion(shares[k] / sum(shares[k:]))
            seed = int(rng.integers(2**63))
            cooled = COOLED if k < len(stages) else CLOSING_COOLED
            plan = _stage(search, best, part, seed, (hot, cooled), budget if exact else None)
            if not search.keeps_memory(plan):
                continue
            found.append(plan)
            if plan.makespan < best.makespan:
                best = plan
                if exact:
                    budget.offer(plan.allocation(problem), plan.makespan)
        return sorted(found, key=lambda plan: plan.makespan)

    def _stages(self, n_tasks: int) -> list[float]:
        """Temperatures at the beginning of the stages; fewer and colder for more tasks."""
        if n_tasks <= 40:
            hots = [0.05, 0.1, 0.03] * 4
        elif n_tasks <= 150:
            hots = [0.03, 0.05]
        else:
            hots = [0.03 * min(1.0, 200 / n_tasks) ** 1.5]
        top = max(hots)
        return [h * self.hot / top if self.hot else h for h in hots]


def _stage(
    search: LocalSearch,
    start: Plan,
    budget: Budget,
    seed: int,
    heat: tuple[float, float],
    whole: Budget | None,
) -> Plan:
    """Cool down from a plan as the budget is spent; the best plan visited.

    `heat` is the first temperature as a share of the makespan, and the last over the first. What
    is better than the best of the `whole` budget is offered to it now and then, so that an
    interrupt finds it there.
    """
    state = search.begin(start.node, start.variant, start.priority, seed)
    hot, cooled = heat
    scale = float(state.value[CURRENT]) * hot
    chunk = max(WORK // len(state.order), 256)
    done, pace, offered = 0.0, 0.0, 0.0
    while (left := budget.left()) > 0:
        moves = int(min(chunk, budget.evaluations_left()))
        pace = max(1.0 - left - done, 0.0)
        done = 1.0 - left
        ahead = min(done + pace, 1.0)
        search.go(state, moves, scale * cooled**done, scale * cooled**ahead)
        budget.charge(moves)
        if whole is not None and done > offered + OFFERED_EVERY:
            offered = done
            if state.value[BEST] < whole.best_objective:
                plan = search.plan(state)
                if search.keeps_memory(plan):
                    whole.offer(plan.allocation(search.problem), plan.makespan)
    return search.plan(state)
