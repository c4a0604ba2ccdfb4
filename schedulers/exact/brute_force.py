"""Brute force: every placement with every order, judged by simulation. The oracle of tests.

No paper. All admissible (node, variant) of every task are combined with orders, and each candidate
is simulated by `Budget.evaluate`: it works for every network, dispatch, stream and objective.

Which orders: an allocation gives priorities, and only the relative order of tasks on one node
matters to any engine (strict nodes take their tasks in this order, greedy ones break ties by it).
So for each placement the orders of the nodes are enumerated independently, rather than all orders
of all tasks. Under strict dispatch an order against the edges never ends and is left out: those of
one node must be a topological order of its tasks, and together with the edges they must have no
cycle; with them every strict allocation is covered. Under greedy dispatch an order against the
edges has a meaning (it decides between tasks of different requests), so all permutations of each
node are taken. Nothing else is left out, so the best is optimal and is handed in as the bound.

Cost: product over the tasks of their places, times the orders. Does badly: always, beyond eight
tasks or so. More than `most` candidates, counted
before it starts, are refused in a sentence. With a budget that ends sooner nothing is proved.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from schedulers.effort import nominal_evaluations
from schedulers.exact import best_plan
from simulator.arrays import STRICT, IntArray
from simulator.errors import Infeasible, Unsupported
from simulator.rules import broken_constraint, strict_cycle

if TYPE_CHECKING:
    from numpy.random import Generator

    from schedulers.budget import Budget
    from simulator.allocation import Allocation
    from simulator.problem import Problem

PORTION = 512


@dataclass(frozen=True)
class BruteForce:
    """Every placement in every order.

    Parameters
    ----------
    most : int
        Candidates above which a problem is refused, unless a budget of seconds or evaluations
        limits the search anyway.
    """

    version: ClassVar[int] = 1
    most: int = 2_000_000

    def __post_init__(self) -> None:
        """Refuse values that make no sense."""
        if self.most < 1:
            raise ValueError(f"most must be >= 1, got {self.most}")

    def schedule(self, problem: Problem, budget: Budget, rng: Generator) -> Allocation:
        """Enumerate as far as the budget goes, from the best heuristic plan on."""
        if not budget.limited:
            self._refuse_large(problem)
        best_plan(problem, budget)
        rows: list[tuple[IntArray, IntArray, IntArray]] = []
        portion = min(PORTION, nominal_evaluations(problem, seconds=0.05))
        complete, any_found = True, False
        for candidate in candidates(problem):
            if candidate is None:  # nothing was admissible for a while
                complete = budget.left() > 0
                if complete:
                    continue
                break
            any_found = True
            rows.append(candidate)
            if len(rows) >= portion:
                complete &= _judge(rows, budget)
                rows = []
                if not complete:
                    break
        if rows and complete:
            complete &= _judge(rows, budget)
        if complete and any_found:
            budget.prove(budget.best_objective)
        if budget.best is None:
            raise Infeasible(f"no allocation of {problem.name!r} was found within the budget")
        return budget.best

    def _refuse_large(self, problem: Problem) -> None:
        places = math.prod(int(x) for x in problem.allowed.sum(axis=(1, 2)))
        count = places * math.factorial(min(problem.n_tasks, 20))
        if places > self.most or count > 100 * self.most:
            raise Unsupported(
                f"brute_force: {problem.name!r} has {places:,} placements of {problem.n_tasks} "
                f"tasks, each with up to {problem.n_tasks}! orders: too many to try them all"
            )


def _judge(rows: list[tuple[IntArray, IntArray, IntArray]], budget: Budget) -> bool:
    """Evaluate a portion; False if the budget did not suffice for all of it."""
    enough = budget.left() > 0 and budget.evaluations_left() >= len(rows)
    columns = [np.stack(c) for c in zip(*rows, strict=True)]
    budget.evaluate((columns[0], columns[1], columns[2]))
    return enough


def candidates(problem: Problem) -> Iterator[tuple[IntArray, IntArray, IntArray] | None]:
    """Every admissible (node, variant, priority) that may make a difference, each (T,) int64.

    None now and then among placements that are all refused, so that the caller may stop.
    """
    spots = [np.argwhere(problem.allowed[t]).tolist() for t in range(problem.n_tasks)]
    for i, choice in enumerate(itertools.product(*spots)):
        if i % PORTION == PORTION - 1:
            yield None
        variant, node = np.array(choice, dtype=np.int64).T.copy()
        if broken_constraint(problem, node, variant) is None:
            for priority in _orders(problem, node):
                yield node, variant, priority


def _orders(problem: Problem, node: IntArray) -> Iterator[IntArray]:
    """Ranks for every combination of orders of the nodes that can be run."""
    strict = problem.arrays.dispatch == STRICT
    reach = _reach(problem) if strict else np.zeros((len(node), len(node)), dtype=np.bool_)
    groups = [np.flatnonzero(node == n).tolist() for n in np.unique(node)]
    for orders in _combinations(groups, reach):
        priority = np.empty(len(node), dtype=np.int64)
        for order in orders:
            priority[list(order)] = np.arange(len(order))
        if not strict or strict_cycle(problem.arrays, node, priority) is None:
            yield priority


def _combinations(
    groups: list[list[int]], reach: np.ndarray
) -> Iterator[tuple[tuple[int, ...], ...]]:
    """An order of every group, one after the other: there may be too many to list them."""
    if not groups:
        yield ()
        return
    for order in _permutations(groups[0], reach):
        for rest in _combinations(groups[1:], reach):
            yield (order, *rest)


def _reach(problem: Problem) -> np.ndarray:
    """(T, T) bool, whether a path of edges of lag 0 leads from one task to another."""
    arrays = problem.arrays
    reach = np.zeros((arrays.n_tasks, arrays.n_tasks), dtype=np.bool_)
    for t in arrays.topological[::-1]:
        for e in np.flatnonzero((arrays.edge_src == t) & (arrays.edge_lag == 0)):
            reach[t] |= reach[arrays.edge_dst[e]]
            reach[t, arrays.edge_dst[e]] = True
    return reach


def _permutations(tasks: list[int], reach: np.ndarray) -> Iterator[tuple[int, ...]]:
    """Orders of some tasks in which nothing comes before what it depends on."""
    if not tasks:
        yield ()
    for t in tasks:
        if not any(reach[u, t] for u in tasks):
            for rest in _permutations([u for u in tasks if u != t], reach):
                yield (t, *rest)
