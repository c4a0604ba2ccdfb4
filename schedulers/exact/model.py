"""The average request of a problem in whole ticks, as exact solvers take it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from schedulers.bounding.headtail import Pairs, heads_and_tails, transfer_table
from schedulers.exact.ticks import Tick, tick_for
from schedulers.view import View, view_of
from simulator.arrays import IntArray
from simulator.errors import Unsupported

if TYPE_CHECKING:
    from simulator.problem import Problem

MOST_CONSTRAINTS = 300_000
"""Larger models are refused: building one takes seconds, and nothing that size is ever proved."""


@dataclass(frozen=True, eq=False)
class Model:
    """Durations in ticks; index letters as in `simulator.arrays`, K edges of lag 0.

    Parameters
    ----------
    tick : Tick
    horizon : int
        Ticks that an optimal schedule does not exceed.
    hold : (T, V, N) int array, without sending; -1 where the variant may not run
    send : (K, V, N) int array, what a remote message adds to its producer's hold
    src, dst : (K,) int arrays
    delay : (K, V, N, N) int array, transfer by variant of the producer; -1 where there is no route
    uniform : (K,) bool array, whether every remote pair of nodes has the same delay
    head, tail : (T,) int arrays, ticks before the start and after the finish of each task
    order : (T,) int array, topological
    twins : (N,) int array
        The node before it that is interchangeable with a node, -1 if there is none.
    """

    problem: Problem
    tick: Tick
    horizon: int
    hold: IntArray
    send: IntArray
    src: IntArray
    dst: IntArray
    delay: IntArray
    uniform: IntArray
    head: IntArray
    tail: IntArray
    order: IntArray
    twins: IntArray

    @property
    def view(self) -> View:
        """Of the problem."""
        return view_of(self.problem)

    @property
    def least(self) -> int:
        """Ticks that no schedule falls below, by heads and tails."""
        short = np.where(self.hold < 0, np.iinfo(np.int64).max // 4, self.hold).min(axis=(1, 2))
        return int((self.head + short + self.tail).max())


def model_of(problem: Problem, makespan: float) -> Model:
    """Lower the average request to ticks.

    Parameters
    ----------
    makespan : float
        Of a known plan, seconds: better ones are looked for.

    Raises
    ------
    Unsupported
        More than `MOST_CONSTRAINTS` constraints would be needed.
    """
    view = view_of(problem)
    dst = np.repeat(np.arange(view.n_tasks), np.diff(view.in_ptr))
    _refuse_large(problem, view, len(dst))
    hold = view.bare / view.rate
    sizes = view.in_size
    transfer = np.stack([transfer_table(problem, x) for x in sizes.T], axis=1)
    send = view.send_s + view.send_s_per_byte * sizes[:, :, None]
    used = [x[x <= makespan] for x in (hold, transfer, send / view.rate)]
    tick = tick_for(np.concatenate(used), makespan, view.n_tasks)
    most = 2.0 * makespan  # whatever takes longer is no part of a better schedule
    ticks = np.where(np.isinf(hold), -1, tick.floor(hold, most))
    delay = np.where(np.isinf(transfer), -1, tick.floor(transfer, most))
    head, tail = _heads_and_tails(view, ticks, dst, delay)
    remote = delay[:, :, ~np.eye(view.n_nodes, dtype=np.bool_)]
    uniform = (remote == remote[:, :, :1]).all(axis=(1, 2)) if view.n_nodes > 1 else dst >= 0
    return Model(
        problem=problem,
        tick=tick,
        horizon=round(makespan / tick.seconds) if tick.whole else int(makespan / tick.seconds),
        hold=ticks,
        send=tick.floor(send / view.rate, most),
        src=np.array(view.in_src),
        dst=dst,
        delay=delay,
        uniform=np.asarray(uniform),
        head=head,
        tail=tail,
        order=np.array(view.topological),
        twins=_twins(problem, ticks, delay),
    )


def _refuse_large(problem: Problem, view: View, edges: int) -> None:
    n = view.n_nodes
    count = view.hold.size * 2 + edges * (view.hold.shape[1] * n * (n - 1) + 3 * n)
    if count > MOST_CONSTRAINTS:
        raise Unsupported(
            f"exact: {problem.name!r} needs about {count:,} constraints, more than "
            f"{MOST_CONSTRAINTS:,}: {view.n_tasks} tasks and {edges} edges on {n} nodes are too "
            "many for an exact search"
        )


def _heads_and_tails(
    view: View, hold: IntArray, dst: IntArray, delay: IntArray
) -> tuple[IntArray, IntArray]:
    """(T,) ticks before the start and after the finish of each task, wherever it runs."""
    shortest = np.where(hold < 0, np.inf, hold).min(axis=1)
    exists = np.asarray((hold >= 0).any(axis=2))[view.in_src][:, :, None, None]
    least = np.where(exists & (delay >= 0), delay, np.inf).min(axis=1)
    pairs = Pairs(view.in_src, dst, np.ascontiguousarray(least))
    key, first = np.unique(pairs.src * view.n_tasks + pairs.dst, return_index=True)
    if len(key) < len(dst):  # of parallel edges one is enough for a bound
        pairs = Pairs(pairs.src[first], pairs.dst[first], np.ascontiguousarray(least[first]))
    zero = np.zeros(view.n_tasks)
    head, tail = heads_and_tails(shortest, view.slots, view.topological, pairs, zero)
    there = np.isfinite(shortest)
    head, tail = (np.where(there, x, np.inf).min(axis=1) for x in (head, tail))
    return head.astype(np.int64), tail.astype(np.int64)


def _twins(problem: Problem, hold: IntArray, delay: IntArray) -> IntArray:
    """For each node the last one before it that it could swap names with."""
    view, n = view_of(problem), hold.shape[2]
    out = np.full(n, -1, dtype=np.int64)
    own = np.stack([view.slots, problem.memory_bytes, view.send_s, view.send_s_per_byte])
    for b in range(n):
        for a in range(b):
            swap = np.arange(n)
            swap[[a, b]] = b, a
            same = bool((hold[:, :, a] == hold[:, :, b]).all() and (own[:, a] == own[:, b]).all())
            if same and (delay == delay[:, :, swap][:, :, :, swap]).all():
                out[b] = a
    return out
