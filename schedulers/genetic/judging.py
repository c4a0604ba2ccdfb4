"""Compiled makespans of many individuals: every node takes its tasks in the order of the genes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from schedulers.compiled import entry
from schedulers.genetic.genome import Orders
from schedulers.timeline import Lanes, append, append_start, exact_hold, new_lanes
from schedulers.view import View, inputs_there, view_of
from simulator.arrays import FloatArray
from simulator.threads import private_array, run_chunks

if TYPE_CHECKING:
    from simulator.problem import Problem

CHUNK_SECONDS, LEAST_SECONDS = 2e-3, 1e-4
SECONDS_PER_TASK = 2e-8
"""Rough, only to cut batches into chunks."""


@entry
def judge_rows(
    view: View,
    lanes: Lanes,
    finish: FloatArray,
    genes: Orders,
    low: int,
    high: int,
    makespan: FloatArray,
) -> None:
    """Makespans of the individuals [low, high): strict runs of their orders under `ideal`."""
    n_tasks = finish.shape[0]
    for b in range(low, high):
        node, variant = genes.node[b], genes.variant[b]
        for n in range(lanes.last.shape[0]):
            lanes.last[n] = 0.0
            for k in range(lanes.free.shape[1]):
                lanes.free[n, k] = 0.0
        longest = 0.0
        for k in range(n_tasks):
            t = genes.order[b, k]
            n, v = node[t], variant[t]
            ready = inputs_there(view, t, node, variant, finish)
            start = append_start(lanes, view.slots, n, ready)
            if view.sends:
                done = start + exact_hold(view, t, node, v)
            else:
                done = start + view.hold[t, v, n]
            append(lanes, view.slots, n, start, done)
            finish[t] = done
            longest = max(longest, done)
        makespan[b] = longest


class OrderJudge:
    """Makespans of direct genes; equal to the objective where plans are exact.

    O(E + T) time an individual.
    """

    def __init__(self, problem: Problem) -> None:
        self._view = view_of(problem)
        self._idle: list[tuple[Lanes, FloatArray]] = []
        self._seconds = self._view.n_tasks * SECONDS_PER_TASK

    def __call__(self, genes: Orders, threads: int = 1) -> FloatArray:
        """(B,) makespans in seconds; they do not depend on `threads`."""
        size = len(genes.order)
        makespan = np.empty(size)

        def work(low: int, high: int) -> None:
            lanes, finish = self._take()
            judge_rows(self._view, lanes, finish, genes, low, high, makespan)
            self._idle.append((lanes, finish))

        chunk = max(int(CHUNK_SECONDS / self._seconds), 1)
        run_chunks(work, size, chunk, threads, max(int(LEAST_SECONDS / self._seconds), 1))
        return makespan

    def _take(self) -> tuple[Lanes, FloatArray]:
        """Scratch that no other thread is using."""
        try:
            return self._idle.pop()
        except IndexError:
            view = self._view
            n, c = view.n_nodes, view.most_slots
            block = private_array(n * (c + 1), np.float64)
            lanes = new_lanes(view, insertion=False)._replace(
                last=block[:n], free=block[n:].reshape(n, c)
            )
            return lanes, private_array(view.n_tasks, np.float64)
