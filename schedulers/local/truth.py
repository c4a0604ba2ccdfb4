"""Annealing on the truth: batches of neighbours, each judged by simulation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from schedulers.admissible import Rules, rules_of
from schedulers.local.model import Model, model_of
from simulator.arrays import IntArray

if TYPE_CHECKING:
    from numpy.random import Generator

    from schedulers.budget import Budget
    from simulator.problem import Problem

BATCH = 8
"""Neighbours that are judged together; the best of them is taken or refused."""

HOT, COLD = 0.02, 0.0005
"""Temperatures at the beginning and the end, as shares of the objective of the start."""

Rows = tuple[IntArray, IntArray, IntArray]


def anneal_truth(
    problem: Problem, budget: Budget, rng: Generator, start: Rows, objective: float
) -> None:
    """Anneal from an allocation until the budget is spent; the budget keeps the best.

    Parameters
    ----------
    start : (node, variant, priority), each (T,) int64
    objective : float, that of the start
    """
    model, rules = model_of(problem), rules_of(problem)
    current, value = start, objective
    scale = abs(objective) if math.isfinite(objective) else 0.0
    while (left := budget.left()) > 0:
        temperature = scale * HOT * (COLD / HOT) ** (1.0 - left)
        batch = _neighbours(model, rules, current, rng, BATCH)
        values = budget.evaluate(batch)
        b = int(np.argmin(values))
        worse = float(values[b]) - value
        if worse <= 0 or rng.random() < math.exp(
            -worse / temperature if temperature else -math.inf
        ):
            current, value = (batch[0][b], batch[1][b], batch[2][b]), float(values[b])
            scale = abs(value)


def _neighbours(model: Model, rules: Rules, current: Rows, rng: Generator, count: int) -> Rows:
    """(node, variant, priority), each (count, T): one or a few tasks changed in every row."""
    node, variant, priority = (np.repeat(x[None], count, axis=0) for x in current)
    for b in range(count):
        t = int(rng.integers(model.n_tasks))
        kind = rng.random()
        if kind < 0.3 or not _move(model, rules, node[b], variant[b], t, rng, kind > 0.8):
            _shift(priority[b], t, rng)
    return node, variant, priority


def _move(
    model: Model,
    rules: Rules,
    node: IntArray,
    variant: IntArray,
    t: int,
    rng: Generator,
    along: bool,
) -> bool:
    """Give a task another place, with `along` its neighbours too; False if it has one only."""
    first, last = int(model.option_ptr[t]), int(model.option_ptr[t + 1])
    around = [*model.in_src[model.in_ptr[t] : model.in_ptr[t + 1]].tolist(),
              *model.out_dst[model.out_ptr[t] : model.out_ptr[t + 1]].tolist()]  # fmt: skip
    if last - first < 2:
        return False
    k = first + int(rng.integers(last - first))
    n, v = int(model.option_node[k]), int(model.option_variant[k])
    if around and rng.random() < 0.5:
        n = int(node[around[int(rng.integers(len(around)))]])
        v = _variant(model, t, n, int(variant[t]))
    if v < 0 or (n == node[t] and v == variant[t]):
        return False
    node[t], variant[t] = n, v
    others = around[: int(rng.integers(1, 4))] if along else []
    if rules.bundle[t] >= 0:
        b = rules.bundle[t]
        others += rules.bundle_tasks[rules.bundle_ptr[b] : rules.bundle_ptr[b + 1]].tolist()
    for other in others:
        v = _variant(model, other, n, int(variant[other]))
        if v >= 0:
            node[other], variant[other] = n, v
    return True


def _variant(model: Model, t: int, n: int, v: int) -> int:
    """The variant kept on a node, else the first one open there, else -1."""
    low, high = int(model.option_ptr[t]), int(model.option_ptr[t + 1])
    open_there = model.option_variant[low:high][model.option_node[low:high] == n]
    if v in open_there:
        return v
    return int(open_there[0]) if len(open_there) else -1


def _shift(priority: IntArray, t: int, rng: Generator) -> None:
    """Move a task to another rank; those between move by one."""
    p, q = int(priority[t]), int(rng.integers(len(priority)))
    if q > p:
        priority[(priority > p) & (priority <= q)] -= 1
    else:
        priority[(priority >= q) & (priority < p)] += 1
    priority[t] = q
