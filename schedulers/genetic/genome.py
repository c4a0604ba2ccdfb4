"""Genes of placements, and what compiled operators need to know of a problem."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from schedulers.view import view_of
from simulator.arrays import BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    from simulator.problem import Problem


class Orders(NamedTuple):
    """Direct genes of B individuals: every task's node and variant, and one order of all tasks.

    Parameters
    ----------
    node, variant : (B, T) int arrays
    order : (B, T) int array
        Tasks in a topological order; each node takes its tasks in this order.
    """

    node: IntArray
    variant: IntArray
    order: IntArray


class Pins(NamedTuple):
    """Pin-or-greedy genes of B individuals.

    Parameters
    ----------
    wish : (B, T) int array
        Node to which a task is pinned, -1 where it goes to the place of its earliest finish.
    priority : (B, T) float array
        Among ready tasks the highest goes first.
    """

    wish: IntArray
    priority: FloatArray


class Moves(NamedTuple):
    """What a mutation may do to a task.

    Parameters
    ----------
    ptr : (T + 1,) int array; variant, node : int arrays
        Places that the task may take, by node and then by variant.
    quickest : (T, N) int array, variant of least hold on a node, -1 where the task may not run
    allowed : (T, V, N) bool array
    in_ptr, in_src, out_ptr, out_dst : int arrays, edges as in `schedulers.view.View`
    """

    ptr: IntArray
    variant: IntArray
    node: IntArray
    quickest: IntArray
    allowed: BoolArray
    in_ptr: IntArray
    in_src: IntArray
    out_ptr: IntArray
    out_dst: IntArray


def moves_of(problem: Problem) -> Moves:
    """The moves of a problem."""
    view = view_of(problem)
    allowed = np.array(problem.allowed)
    task, node, variant = np.nonzero(allowed.transpose(0, 2, 1))
    ptr = np.searchsorted(task, np.arange(problem.n_tasks + 1))
    quickest = np.where(allowed.any(axis=1), view.hold.argmin(axis=1), -1)
    return Moves(
        ptr=ptr.astype(np.int64),
        variant=np.ascontiguousarray(variant, dtype=np.int64),
        node=np.ascontiguousarray(node, dtype=np.int64),
        quickest=np.ascontiguousarray(quickest, dtype=np.int64),
        allowed=allowed,
        in_ptr=view.in_ptr,
        in_src=view.in_src,
        out_ptr=view.out_ptr,
        out_dst=view.out_dst,
    )
