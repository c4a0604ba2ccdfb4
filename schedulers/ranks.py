"""Priorities that list schedulers order tasks by, all from averages over the nodes.

The mean cost of a task is its seconds averaged over the nodes that may run it (of several variants
the fastest one on each node); the mean cost of an edge is its transfer averaged over ordered pairs
of different nodes, bytes averaged over the producer's variants. O(E + T N) time, no O(E N^2) step
unless a link has a size table.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from schedulers.compiled import entry
from schedulers.view import View, transfer_seconds
from simulator.arrays import FloatArray


class Ranks(NamedTuple):
    """Mean costs and ranks of the tasks, seconds.

    Parameters
    ----------
    task : (T,) float array, mean hold
    edge : (E,) float array, mean transfer
    up : (T,) float array
        Upward rank: longest path of mean costs from the task to an exit, the task included.
    down : (T,) float array
        Downward rank: longest path from an entry to the task, the task not included.
    """

    task: FloatArray
    edge: FloatArray
    up: FloatArray
    down: FloatArray


@entry
def _fill_ranks(view: View, ranks: Ranks) -> None:
    """Compute every array of `ranks`, in this order."""
    n_tasks, n_nodes = view.fastest.shape
    for t in range(n_tasks):
        total, count = 0.0, 0
        for n in range(n_nodes):
            if view.fastest[t, n] < np.inf:
                total += view.fastest[t, n]
                count += 1
        ranks.task[t] = total / count
        ranks.down[t] = 0.0
    pairs = n_nodes * (n_nodes - 1)
    for e in range(view.mean_size.shape[0]):
        size = view.mean_size[e]
        if view.has_tables and pairs > 0:
            total = 0.0
            for a in range(n_nodes):
                for b in range(n_nodes):
                    if a != b:
                        total += transfer_seconds(view, a, b, size) + view.wake[b]
            ranks.edge[e] = total / pairs
        else:
            ranks.edge[e] = view.mean_latency + size * view.mean_inverse
    for k in range(n_tasks - 1, -1, -1):
        t = view.topological[k]
        above = 0.0
        for i in range(view.out_ptr[t], view.out_ptr[t + 1]):
            dst = view.out_dst[i]
            above = max(above, ranks.edge[view.out_edge[i]] + ranks.up[dst])
        ranks.up[t] = ranks.task[t] + above
    for k in range(n_tasks):
        t = view.topological[k]
        below = ranks.down[t] + ranks.task[t]
        for i in range(view.out_ptr[t], view.out_ptr[t + 1]):
            dst = view.out_dst[i]
            ranks.down[dst] = max(ranks.down[dst], below + ranks.edge[view.out_edge[i]])


def ranks_of(view: View) -> Ranks:
    """Mean costs, upward and downward ranks of a problem."""
    n = view.n_tasks
    ranks = Ranks(np.empty(n), np.empty(len(view.mean_size)), np.empty(n), np.empty(n))
    _fill_ranks(view, ranks)
    return ranks


@entry
def _fill_levels(view: View, cost: FloatArray, level: FloatArray) -> None:
    """Longest path of costs from every task to an exit, without transfers."""
    for k in range(level.shape[0] - 1, -1, -1):
        t = view.topological[k]
        below = 0.0
        for i in range(view.out_ptr[t], view.out_ptr[t + 1]):
            below = max(below, level[view.out_dst[i]])
        level[t] = cost[t] + below


def static_levels(view: View, cost: FloatArray) -> FloatArray:
    """Static level: longest path of costs from each task to an exit, itself included.

    Parameters
    ----------
    cost : (T,) float array, seconds

    Returns
    -------
    (T,) float array, seconds.
    """
    level = np.empty(view.n_tasks)
    _fill_levels(view, cost, level)
    return level


def mean_costs(view: View) -> FloatArray:
    """(T,) seconds on the fastest variant, averaged over the nodes that may run the task."""
    there = view.fastest < np.inf
    return np.asarray(np.where(there, view.fastest, 0.0).sum(axis=1) / there.sum(axis=1))


def median_costs(view: View) -> FloatArray:
    """(T,) median of the same."""
    return np.asarray(np.nanmedian(np.where(view.fastest < np.inf, view.fastest, np.nan), axis=1))


@entry
def _fill_optimistic(view: View, edge: FloatArray, table: FloatArray, least: FloatArray) -> None:
    """Fill `table` (T, N) from the exits; `least` (T,) holds min over nodes of table + hold."""
    n_tasks, n_nodes = table.shape
    for k in range(n_tasks - 1, -1, -1):
        t = view.topological[k]
        for n in range(n_nodes):
            table[t, n] = 0.0
        for i in range(view.out_ptr[t], view.out_ptr[t + 1]):
            dst = view.out_dst[i]
            moved = least[dst] + edge[view.out_edge[i]]
            for n in range(n_nodes):
                stay = table[dst, n] + view.fastest[dst, n]
                table[t, n] = max(table[t, n], min(stay, moved))
        best = np.inf
        for n in range(n_nodes):
            best = min(best, table[t, n] + view.fastest[t, n])
        least[t] = best


def optimistic_cost_table(view: View, ranks: Ranks) -> FloatArray:
    """Seconds that must still pass after a task on a node, at best (Arabnejad, Barbosa 2014).

    ``OCT(t, n) = max over successors s of min over nodes m of
    OCT(s, m) + hold(s, m) + (mean transfer if m != n)``, 0 for exits. Since a transfer is never
    negative, the inner minimum is the lesser of staying on n and of the best node anywhere plus
    the transfer: O(E N) instead of O(E N^2).

    Returns
    -------
    (T, N) float array, seconds.
    """
    table = np.empty(view.fastest.shape)
    _fill_optimistic(view, ranks.edge, table, np.empty(view.n_tasks))
    return table
