"""Where NSGA-II starts: quick plans, cheapest places by each cost, variants at their extremes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from schedulers.pareto.breeding import Breeder, Genes
from schedulers.pareto.terms import accuracy_loss
from schedulers.starts import QUICK, plans_of
from simulator.arrays import FloatArray
from simulator.errors import Infeasible
from simulator.evaluate import admissible

if TYPE_CHECKING:
    from schedulers.budget import Budget
    from schedulers.timeline import Plan
    from simulator.problem import Problem


def planned(problem: Problem, budget: Budget, most: int) -> list[Plan]:
    """Plans of quick schedulers, at most so many, while half of the budget is left.

    Raises
    ------
    Infeasible
        The first one finds no admissible allocation.
    """
    plans: list[Plan] = []
    for i, spec in enumerate(QUICK):
        if plans and (len(plans) >= most or budget.left() <= 0.5):
            break
        try:
            plans += plans_of(problem, spec)[:2]
        except Infeasible:
            if i == 0:
                raise
    return plans[:most]


def genes_of(problem: Problem, plans: list[Plan]) -> Genes:
    """Plans as genes."""
    columns = [np.stack([getattr(p, x) for p in plans]) for x in ("node", "variant", "priority")]
    return Genes(columns[0], columns[1], columns[2] / problem.n_tasks)


def extremes(problem: Problem, breeder: Breeder, first: Genes) -> Genes:
    """Admissible candidates at the ends of the front.

    For what is a sum over tasks (work, price and joules of work, accuracy) each block goes where
    its share is least, which is the least possible where no constraint forbids it. The first plans
    come with their most accurate and with their quickest variants as well.

    Parameters
    ----------
    first : Genes
        Plans, best first; the order of tasks is the first one's.
    """
    seconds = np.where(problem.allowed, problem.seconds, np.inf)
    watts = np.maximum(problem.busy_watts - problem.idle_watts, 0.0)
    loss = accuracy_loss(problem)
    tables = [seconds, _times(seconds, problem.price_per_s), _times(seconds, watts)]
    if loss is not None:
        best = np.where(problem.allowed.any(axis=2), loss, np.inf).min(axis=1)
        tables.append(np.where((loss == best[:, None])[:, :, None], seconds, np.inf))
    found = [(*_cheapest(problem, breeder, cost, seconds), first.key[0]) for cost in tables]
    for b in range(min(len(first.node), 4)):
        t, node = np.arange(problem.n_tasks), first.node[b]
        here = seconds[t, :, node]
        found.append((node, here.argmin(axis=1), first.key[b]))
        if loss is not None:
            worst = np.where(np.isfinite(here), loss, np.inf)
            ties = np.where(worst == worst.min(axis=1)[:, None], here, np.inf)
            found.append((node, ties.argmin(axis=1), first.key[b]))
    columns = [np.stack(column) for column in zip(*found, strict=True)]
    genes = Genes(columns[0].astype(np.int64), columns[1].astype(np.int64), columns[2])
    return genes.take(admissible(problem, genes.node, genes.variant))


def _times(seconds: FloatArray, rate: FloatArray) -> FloatArray:
    """Seconds times a rate by node; what may not run stays infinite where the rate is 0."""
    return np.where(
        np.isfinite(seconds), np.where(np.isfinite(seconds), seconds, 0.0) * rate, np.inf
    )


def _cheapest(
    problem: Problem, breeder: Breeder, cost: FloatArray, seconds: FloatArray
) -> tuple[list[int], list[int]]:
    """Node and variant of every task for which the cost of its block is least, then the work."""
    node, variant = [0] * problem.n_tasks, [0] * problem.n_tasks
    for lead in breeder.blocks:
        block = breeder.tasks[lead]
        price = cost[block].min(axis=1).sum(axis=0)
        work = seconds[block].min(axis=1).sum(axis=0)
        price = np.where(breeder.open[lead], price, np.inf)
        n = int(np.lexsort((work, price))[0])
        if not np.isfinite(price[n]):  # the only variants of this kind run nowhere together
            n = int(breeder.nodes[lead][0])
        for t in block:
            order = np.lexsort((seconds[t, :, n], cost[t, :, n]))
            node[t], variant[t] = n, int(order[0])
    return node, variant
