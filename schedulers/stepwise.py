"""Planning one choice at a time, by somebody else: a learning agent, a person, a test.

No paper. What list schedulers do in one compiled loop is cut here into its two halves: what every
ready task could have on every node (`Steps.offers`), and taking one of these offers
(`Steps.take`). Taking the least finish of the task of highest upward rank each time is HEFT.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from schedulers.admissible import rules_of
from schedulers.compiled import entry
from schedulers.feasible import Keeper
from schedulers.timeline import Lanes, Plan, book, earliest, new_lanes, replayed
from schedulers.view import View, inputs_ready, view_of
from simulator.arrays import BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    from simulator.problem import Problem


class Offers(NamedTuple):
    """What each task could have on each node now.

    Parameters
    ----------
    open : (T, N) bool array
        The task is ready and the node admits it.
    start, finish : (T, N) float arrays, seconds; 0 where not open
    variant : (T, N) int array, the variant that finishes first there; -1 where not open
    """

    open: BoolArray
    start: FloatArray
    finish: FloatArray
    variant: IntArray


@entry
def _offer(
    view: View,
    lanes: Lanes,
    insertion: bool,
    fit: BoolArray,
    waiting: IntArray,
    node: IntArray,
    placed_variant: IntArray,
    placed_finish: FloatArray,
    ready: FloatArray,
    offers: Offers,
) -> None:
    """Fill `offers` for every task that is ready and not placed."""
    n_tasks, n_variants, n_nodes = fit.shape
    for t in range(n_tasks):
        free = node[t] < 0 and waiting[t] == 0
        if free:
            inputs_ready(view, t, node, placed_variant, placed_finish, ready)
        for n in range(n_nodes):
            offers.open[t, n] = False
            offers.start[t, n], offers.finish[t, n], offers.variant[t, n] = 0.0, 0.0, -1
            if not free:
                continue
            for v in range(n_variants):
                if not fit[t, v, n]:
                    continue
                hold = view.hold[t, v, n]
                start = earliest(lanes, view.slots, insertion, n, ready[n], hold)
                if not offers.open[t, n] or start + hold < offers.finish[t, n]:
                    offers.open[t, n] = True
                    offers.start[t, n], offers.finish[t, n] = start, start + hold
                    offers.variant[t, n] = v


@entry
def _take(
    view: View, lanes: Lanes, insertion: bool, waiting: IntArray, t: int, n: int, start: float,
    finish: float,
) -> None:  # fmt: skip
    """Book a place, and count it as an input of the consumers."""
    book(lanes, view.slots, insertion, n, start, finish)
    for i in range(view.out_ptr[t], view.out_ptr[t + 1]):
        waiting[view.out_dst[i]] -= 1


class Steps:
    """A plan of one average request in the making.

    Parameters
    ----------
    problem : Problem
    insertion : bool
        Whether tasks may fill gaps between tasks placed before.

    Attributes
    ----------
    node, variant : (T,) int arrays, -1 while not placed
    start, finish : (T,) float arrays, seconds, 0 while not placed
    waiting : (T,) int array, inputs whose producers are not placed yet

    Raises
    ------
    Infeasible
        No allocation keeps the constraints, or none was found.
    """

    def __init__(self, problem: Problem, insertion: bool = False) -> None:
        self.problem, self.view, self.insertion = problem, view_of(problem), insertion
        n_tasks, n_nodes = self.view.n_tasks, self.view.n_nodes
        self._keeper = Keeper(problem, rules_of(problem), guarded=True)
        self._lanes = new_lanes(self.view, insertion)
        self._ready = np.empty(n_nodes)
        self.node = np.full(n_tasks, -1, dtype=np.int64)
        self.variant = np.full(n_tasks, -1, dtype=np.int64)
        self.start, self.finish = np.zeros(n_tasks), np.zeros(n_tasks)
        self.waiting = np.array(self.view.inputs, dtype=np.int64)
        self.placed = 0
        self.offers = Offers(
            np.zeros((n_tasks, n_nodes), dtype=np.bool_),
            np.zeros((n_tasks, n_nodes)),
            np.zeros((n_tasks, n_nodes)),
            np.full((n_tasks, n_nodes), -1, dtype=np.int64),
        )
        self._renew()

    def _renew(self) -> None:
        _offer(
            self.view, self._lanes, self.insertion, self._keeper.fit, self.waiting, self.node,
            self.variant, self.finish, self._ready, self.offers,
        )  # fmt: skip

    @property
    def done(self) -> bool:
        """Whether every task has its place."""
        return self.placed == len(self.node)

    @property
    def makespan(self) -> float:
        """Last planned finish so far, seconds."""
        return float(self.finish.max())

    @property
    def free(self) -> FloatArray:
        """(N,) when the last task placed on each node finishes, seconds."""
        out = np.zeros(self.view.n_nodes)
        there = self.node >= 0
        np.maximum.at(out, self.node[there], self.finish[there])
        return out

    def take(self, task: int, node: int) -> bool:
        """Place a task on a node, as offered.

        Returns
        -------
        bool
            False where the place is not open, or where memory or groups turn out to leave no room
            for the others then; such a place is open no longer, and nothing else has changed.
        """
        if not self.offers.open[task, node]:
            return False
        variant = int(self.offers.variant[task, node])
        if not self._keeper.admit(task, variant, node):
            self._renew()
            return False
        start, finish = float(self.offers.start[task, node]), float(self.offers.finish[task, node])
        _take(self.view, self._lanes, self.insertion, self.waiting, task, node, start, finish)
        self.node[task], self.variant[task] = node, variant
        self.start[task], self.finish[task] = start, finish
        self.placed += 1
        self._renew()
        return True

    def plan(self) -> Plan:
        """The finished plan.

        Raises
        ------
        ValueError
            Some tasks have no place yet.
        """
        if not self.done:
            raise ValueError(f"{len(self.node) - self.placed} tasks have no place yet")
        return replayed(self.view, self.node, self.variant, self.start, self.finish)
