"""Objective values of many allocations at once, by compiled simulation of the plan realisations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from simulator.arrays import STRICT, BoolArray, FloatArray, IntArray
from simulator.errors import InvalidAllocation
from simulator.rules import strict_cycle

if TYPE_CHECKING:
    from simulator.allocation import Allocation
    from simulator.problem import Problem


def stack(
    problem: Problem, batch: Sequence[Allocation] | tuple[IntArray, IntArray, IntArray]
) -> tuple[IntArray, IntArray, IntArray]:
    """(node, variant, priority), each (B, T) int64, from allocations or from such arrays."""
    if isinstance(batch, tuple) and len(batch) == 3 and isinstance(batch[0], np.ndarray):
        node, variant, priority = (np.ascontiguousarray(x, dtype=np.int64) for x in batch)
        shape = (len(node), problem.n_tasks)
        for name, x in (("node", node), ("variant", variant), ("priority", priority)):
            if x.shape != shape:
                raise InvalidAllocation(f"{name} must have shape {shape}, got {x.shape}")
        return node, variant, priority
    rows = [allocation.arrays(problem) for allocation in batch]
    if not rows:
        empty = np.empty((0, problem.n_tasks), dtype=np.int64)
        return empty, empty, empty
    columns = tuple(np.stack(column) for column in zip(*rows, strict=True))
    return columns[0], columns[1], columns[2]


def admissible(problem: Problem, node: IntArray, variant: IntArray) -> IntArray:
    """Indices of the rows that break no constraint; the cheap checks are vectorised.

    Parameters
    ----------
    node, variant : (B, T) int arrays
    """
    arrays = problem.arrays
    inside = (node >= 0) & (node < arrays.n_nodes) & (variant >= 0) & (variant < arrays.n_variants)
    ok: BoolArray = np.asarray(inside.all(axis=1))
    tasks = np.arange(problem.n_tasks)
    ok[ok] = problem.allowed[tasks, variant[ok], node[ok]].all(axis=1)
    for group in problem.place_with:
        columns = node[:, list(group)]
        ok &= (columns == columns[:, :1]).all(axis=1)
    for group in problem.apart:
        columns = np.sort(node[:, list(group)], axis=1)
        ok &= (np.diff(columns, axis=1) != 0).all(axis=1)
    rows = np.flatnonzero(ok)
    if np.isinf(problem.memory_bytes).all():
        return rows
    from simulator.rules import resident_bytes

    fits = [(resident_bytes(problem, node[b], variant[b]) <= problem.memory_bytes).all()
            for b in rows]  # fmt: skip
    return rows[np.array(fits, dtype=np.bool_)]


def evaluate(
    problem: Problem,
    batch: Sequence[Allocation] | tuple[IntArray, IntArray, IntArray],
    threads: int = 1,
) -> FloatArray:
    """Objective over the plan realisations; see `Problem.evaluate`."""
    from simulator.batch import evaluate_batch

    node, variant, priority = stack(problem, batch)
    out = np.full(len(node), np.inf)
    rows = admissible(problem, node, variant)
    if len(rows) == 0:
        return out
    chosen = (node, variant, priority) if len(rows) == len(node) else (
        node[rows], variant[rows], priority[rows])  # fmt: skip
    values = np.empty((len(problem.plan), len(rows)))
    for d, luck in enumerate(problem.plan):
        result = evaluate_batch(problem.arrays, *chosen, luck, threads=threads)
        values[d] = problem.objective.values(
            problem, luck.stream, result.arrival, result.completed, result.busy
        )
    out[rows] = problem.plan_risk.over(values)
    if _may_hide_cycles(problem):
        for b in np.flatnonzero(np.isfinite(out)):
            if strict_cycle(problem.arrays, node[b], priority[b]) is not None:
                out[b] = np.inf
    return out


def _may_hide_cycles(problem: Problem) -> bool:
    """Whether a run can end well although strict orders contradict the edges.

    A quorum, a deadline or a branch not taken may do without the task that can never start, and
    with a penalty lost requests count. Such an order is invalid all the same.
    """
    arrays = problem.arrays
    if arrays.dispatch != STRICT:
        return False
    partial = (arrays.join_need > 0) | np.isfinite(arrays.join_deadline)
    penalty = problem.objective.lost_penalty is not None
    return bool(partial.any() or arrays.edge_conditional.any() or penalty)
