"""Where a compiled local search stands: a placement, an order, and the times they give."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from schedulers.local.chance import SeedArray
from schedulers.local.model import IndexArray, Model, indices
from simulator.arrays import FloatArray, IntArray

if TYPE_CHECKING:
    from simulator.problem import Problem

SPAN = 16
"""Positions between two snapshots of who was last, and is next, on every node."""

MOST_MOVED = 16
"""Tasks that one group move may take along; bundles of tasks that stay together come on top."""

FRESH, PATH, COUNT, TARGET_NODE, TARGET_POSITION, POSITION = range(6)
"""Indices into `State.memo`: times are not computed yet, length of the critical path (0: unknown),
tasks that a proposal moves, the node it moves them to, the position that the task at `POSITION`
moves to."""

CURRENT, BEST = range(2)
"""Indices into `State.value`: makespans, seconds."""


class State(NamedTuple):
    """Room of one search. T stands for "no task" where an index array may hold it.

    Parameters
    ----------
    order, pos : (T,) index arrays, a topological order of edges and node sequences; its inverse
    node, variant : (T + 1,) index arrays
    start : (T,) float array; finish, trial : (T + 1,) float arrays
        Seconds; `trial` equals `finish` except while a proposal is judged.
    rest : (T + 1,) float array
        Longest path from a task's start to the end, its own hold included; -inf for no task.
    before, after : (T + 1,) index arrays, neighbours in the sequence of the node
    last_of, next_of : (B, N) index arrays
        Last task on a node before position ``SPAN * b``, and first one from there on.
    free : (N,) float array, scratch
    path : (T,) index array, critical path of the current placement
    moved, old_node, old_variant, new_variant : (T,) index arrays, tasks of a proposal
    mark : (T,) index array, 1 while a task belongs to a proposal
    counted : (G,) float array, scratch for weights; top : (C,) float array, for working sets
    lanes : (B, N, C) float array, finishes on every slot at each snapshot; latest : (B, N)
    lane, recent : (N, C), (N,) float arrays, the same while judging
    best_order, best_node, best_variant : (T,) index arrays
    memo : (8,) int array; value : (2,) float array; seed : (1,) uint64 array
    """

    order: IndexArray
    pos: IndexArray
    node: IndexArray
    variant: IndexArray
    start: FloatArray
    finish: FloatArray
    trial: FloatArray
    rest: FloatArray
    before: IndexArray
    after: IndexArray
    last_of: IndexArray
    next_of: IndexArray
    free: FloatArray
    path: IndexArray
    moved: IndexArray
    old_node: IndexArray
    old_variant: IndexArray
    new_variant: IndexArray
    mark: IndexArray
    counted: FloatArray
    top: FloatArray
    lanes: FloatArray
    latest: FloatArray
    lane: FloatArray
    recent: FloatArray
    best_order: IndexArray
    best_node: IndexArray
    best_variant: IndexArray
    memo: IntArray
    value: FloatArray
    seed: SeedArray


def new_state(model: Model, groups: int) -> State:
    """Room for one search; `groups` is the number of sharing groups of weights."""
    t, n, c = model.n_tasks, model.n_nodes, model.most_slots
    blocks = -(-t // SPAN) + 1
    index = np.full((15, t + 1), t, dtype=np.uint32)
    index[:2] = 0
    floats = np.zeros((4, t + 1))
    floats[3, t] = -np.inf
    snapshots = np.full((2, blocks, n), t, dtype=np.uint32)
    wide = 0 if model.linear else blocks
    return State(
        node=index[0],
        variant=index[1],
        order=index[2, :t],
        pos=index[3, :t],
        before=index[4],
        after=index[5],
        path=index[6, :t],
        moved=index[7, :t],
        old_node=index[8, :t],
        old_variant=index[9, :t],
        new_variant=index[10, :t],
        mark=np.zeros(t, dtype=np.uint32),
        best_order=index[12, :t],
        best_node=index[13, :t],
        best_variant=index[14, :t],
        start=floats[0, :t],
        finish=floats[1],
        trial=floats[2],
        rest=floats[3],
        last_of=snapshots[0],
        next_of=snapshots[1],
        free=np.zeros(n),
        counted=np.zeros(max(groups, 1)),
        top=np.zeros(c),
        lanes=np.zeros((wide, n, c)),
        latest=np.zeros((wide, n)),
        lane=np.zeros((n, c)),
        recent=np.zeros(n),
        memo=np.zeros(8, dtype=np.int64),
        value=np.zeros(2),
        seed=np.zeros(1, dtype=np.uint64),
    )


def load(
    problem: Problem, state: State, node: IntArray, variant: IntArray, priority: IntArray, seed: int
) -> None:
    """Begin anew from a placement whose ranks may or may not respect the edges."""
    t = len(state.order)
    order = topological_order(problem, node, priority)
    state.order[:] = order
    state.pos[order] = np.arange(t)
    state.node[:t] = node
    state.variant[:t] = variant
    state.memo[:] = 0
    state.seed[0] = np.uint64(seed)


def topological_order(problem: Problem, node: IntArray, priority: IntArray) -> IntArray:
    """Tasks by rank; where the ranks contradict the edges, edges first and ranks between them."""
    import heapq

    order = np.lexsort((np.arange(len(priority)), priority))
    pos = np.empty_like(order)
    pos[order] = np.arange(len(order))
    arrays = problem.arrays
    now = arrays.edge_lag == 0
    src, dst = arrays.edge_src[now], arrays.edge_dst[now]
    if (pos[src] < pos[dst]).all():
        return np.asarray(indices(order), dtype=np.int64)
    waiting = np.bincount(dst, minlength=len(order))
    consumers: list[list[int]] = [[] for _ in order]
    for a, b in zip(src.tolist(), dst.tolist(), strict=True):
        consumers[a].append(b)
    heap = [(int(pos[t]), int(t)) for t in np.flatnonzero(waiting == 0)]
    heapq.heapify(heap)
    done = []
    while heap:
        _, t = heapq.heappop(heap)
        done.append(t)
        for s in consumers[t]:
            waiting[s] -= 1
            if waiting[s] == 0:
                heapq.heappush(heap, (int(pos[s]), s))
    return np.array(done, dtype=np.int64)
