"""WBA: workflow-based allocation, a greedy randomised search by the growth of the makespan.

Paper: J. Blythe, S. Jain, E. Deelman, Y. Gil, K. Vahi, A. Mandal, K. Kennedy, "Task scheduling
strategies for workflow-based applications in grids", IEEE CCGrid 2005.
doi:10.1109/CCGRID.2005.1558639.

One round builds one plan. All tasks that are ready form a batch; for every task of it and every
place, the growth is how much later than all tasks placed before it would finish (0 if it would
not). One of the pairs whose growth is at most ``least + alpha * (most - least)`` is drawn by lot
and booked; when the batch is empty, the next one is formed. The best plan of many rounds is kept:
the construction half of GRASP, without a local search.

What we changed, and why: plans are compared by the objective of the problem, simulated, and not by
their estimated makespans. Rounds go on until the budget is spent; without a budget there are
`rounds`. Node and variant are drawn together; slots, memory limits and groups as in the list
schedulers.

Cost: O(E N + T R N V) time for each round of at most R ready tasks, O(T N) memory.

Does badly: with a single round, which at alpha 0.5 is little better than chance; on graphs with
long paths, since the growth sees nothing behind the task at hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from schedulers.compiled import entry
from schedulers.planning import ASK, CHOICE_N, CHOICE_T, CHOICE_V, DONE, STUCK, State, run_planner
from schedulers.timeline import Lanes, Plan, append, append_start, new_lanes
from schedulers.view import View, inputs_ready, view_of
from simulator.arrays import FloatArray

if TYPE_CHECKING:
    from numpy.random import Generator

    from schedulers.budget import Budget
    from simulator.allocation import Allocation
    from simulator.problem import Problem

BATCH, PLACED, FRESH = range(3)
"""Indices into `State.memo`: tasks of the batch that are left, tasks placed, and tasks that have
become ready meanwhile. The queue holds the batch in front and the fresh ones from the back."""


@entry
def _randomised_schedule(
    view: View,
    lanes: Lanes,
    state: State,
    alpha: float,
    lots: FloatArray,
    ready: FloatArray,
    last: FloatArray,
) -> int:
    """Place tasks until all are (`DONE`), one fits nowhere (`STUCK`), or a choice is to be judged.

    `last` (1,) holds the makespan so far, `ready` (T, N) the arrival of the inputs.
    """
    n_tasks, n_variants, n_nodes = view.hold.shape
    memo, queue = state.memo, state.queue
    t, v, n = state.choice[CHOICE_T], state.choice[CHOICE_V], state.choice[CHOICE_N]
    while True:
        if n < 0:
            if memo[PLACED] == n_tasks:
                return DONE
            if memo[BATCH] == 0:
                for i in range(memo[FRESH]):  # from the back, so that both ends never cross
                    u = queue[n_tasks - 1 - i]
                    inputs_ready(view, u, state.node, state.variant, state.finish, ready[u])
                    last[1 + i] = u
                for i in range(memo[FRESH]):
                    queue[i] = int(last[1 + i])
                memo[BATCH], memo[FRESH] = memo[FRESH], 0
            least, most, limit, chosen = np.inf, 0.0, 0.0, 0
            # Pass 0: the range of the growth. Pass 1: count the candidates. Pass 2: take one.
            for step in range(3):
                count = 0
                for i in range(memo[BATCH]):
                    u = queue[i]
                    anywhere = False
                    for m in range(n_nodes):
                        for w in range(n_variants):
                            if not state.fit[u, w, m]:
                                continue
                            anywhere = True
                            start = append_start(lanes, view.slots, m, ready[u, m])
                            growth = max(start + view.hold[u, w, m] - last[0], 0.0)
                            if step == 0:
                                least, most = min(least, growth), max(most, growth)
                            elif growth <= limit:
                                if step == 2 and count == chosen:
                                    t, v, n = u, w, m
                                    state.begin[0] = start
                                count += 1
                    if not anywhere:
                        return STUCK
                if step == 0:
                    # Not below the least, whatever rounding does to the sum.
                    limit = max(least, least + alpha * (most - least))
                elif step == 1:
                    chosen = min(int(lots[memo[PLACED]] * count), count - 1)
            state.choice[CHOICE_T], state.choice[CHOICE_V], state.choice[CHOICE_N] = t, v, n
            if state.judged[0]:
                return ASK
        start = state.begin[0]
        finish = start + view.hold[t, v, n]
        append(lanes, view.slots, n, start, finish)
        state.node[t], state.variant[t], state.start[t], state.finish[t] = n, v, start, finish
        last[0] = max(last[0], finish)
        memo[PLACED] += 1
        for i in range(memo[BATCH]):
            if queue[i] == t:
                memo[BATCH] -= 1
                queue[i] = queue[memo[BATCH]]
                break
        for i in range(view.out_ptr[t], view.out_ptr[t + 1]):
            dst = view.out_dst[i]
            state.waiting[dst] -= 1
            if state.waiting[dst] == 0:
                queue[n_tasks - 1 - memo[FRESH]] = dst
                memo[FRESH] += 1
        n = -1
        state.choice[CHOICE_N] = -1


def randomised_plan(problem: Problem, alpha: float, lots: FloatArray) -> Plan:
    """One round.

    Parameters
    ----------
    alpha : float, from 0 (least growth only) to 1 (any place)
    lots : (T,) float array in [0, 1)

    Raises
    ------
    Infeasible
        No admissible allocation exists, or none was found.
    """
    view = view_of(problem)
    ready = np.empty((view.n_tasks, view.n_nodes))
    last = np.zeros(view.n_tasks + 1)

    def core(state: State, lanes: Lanes) -> int:
        code: int = _randomised_schedule(view, lanes, state, alpha, lots, ready, last)
        return code

    def begin(state: State) -> Lanes:
        entries = np.flatnonzero(state.waiting == 0)
        state.queue[view.n_tasks - len(entries) :] = entries[::-1]
        state.memo[FRESH] = len(entries)
        last[0] = 0.0
        return new_lanes(view, insertion=False)

    return run_planner(problem, begin, core)


@dataclass(frozen=True)
class Wba:
    """Ready tasks and places by lot among those that prolong the plan little; the best of many.

    Parameters
    ----------
    alpha : float
        Width of the choice: 0 takes the least growth, 1 any place.
    rounds : int
        Plans to build where neither seconds nor evaluations are limited.

    Raises
    ------
    InvalidSpec
        `alpha` is outside [0, 1] or `rounds` less than 1.
    """

    version: ClassVar[int] = 1
    alpha: float = 0.5
    rounds: int = 100

    def __post_init__(self) -> None:
        from schedulers.registry import InvalidSpec

        if not 0.0 <= self.alpha <= 1.0:
            raise InvalidSpec(f"wba: alpha must be from 0 to 1, got {self.alpha!r}")
        if self.rounds < 1:
            raise InvalidSpec(f"wba: rounds must be >= 1, got {self.rounds!r}")

    def schedule(self, problem: Problem, budget: Budget, rng: Generator) -> Allocation:
        """Build plans until the budget is spent."""
        best: Plan | None = None
        least, count = np.inf, 0
        while best is None or (budget.left() > 0 and (budget.limited or count < self.rounds)):
            plan = randomised_plan(problem, self.alpha, rng.random(problem.n_tasks))
            value = budget.evaluate((plan.node[None], plan.variant[None], plan.priority[None]))[0]
            if best is None or value < least:
                best, least = plan, value
            count += 1
        return best.allocation(problem)
