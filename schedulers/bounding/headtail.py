"""Heads and tails that know about co-location: what a task must wait for, and what must follow it.

Let p be a producer of task t, and t run on node n. Unless p also runs on n, its message is on n no
earlier than the *remote arrival* ``rem(p) = min over a != n of head[p, a] + hold[p, a] + delay``.
So if the inputs of t are complete at a time R, every producer with ``rem(p) > R`` runs on n, and on
one slot they run there one after the other: R is no less than the completion of these tasks on one
machine with release dates ``head[p, n]``, which is least when they start in order of release. (On c
slots: no less than any of their finishes, nor than the first release plus their total over c.) The
fewer tasks are forced onto n, the larger R must be to allow it; the smallest R that is consistent
with itself is ``head[t, n]``. With producers by descending remote arrival, the first k forced, it
is ``min over k of max(completion of the first k, remote arrival of the next)``.

Tails are heads of the graph with all edges turned round: consumers that could not be reached in
time from n must all run on n after t. A schedule in which t runs on n takes at least
``head[t, n] + hold[t, n] + tail[t, n]``, hence for every t the least of these over the nodes is a
bound.

The idea of forcing predecessors together is that of the grain-packing bounds for clustering with
communication delays; E. B. Fernandez, B. Bussell, "Bounds on the number of processors and time for
multiprocessor optimal schedules", IEEE Trans. Computers C-22(8), 1973, doi:10.1109/TC.1973.5009153,
has the classical head + tail argument without communication.

Cost: O(N^2 E + N sum of d log d), about as much as two HEFT plans.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from schedulers.compiled import entry, helper
from simulator.arrays import FloatArray, IntArray

if TYPE_CHECKING:
    from simulator.problem import Problem


class Pairs(NamedTuple):
    """Edges between tasks that await each other, parallel edges merged.

    Parameters
    ----------
    src, dst : (K,) int arrays
    delay : (K, N, N) float array
        Least seconds of the message, by node of the producer and of the consumer; 0 on the
        diagonal, +inf where there is no route.
    """

    src: IntArray
    dst: IntArray
    delay: FloatArray

    def reversed(self) -> Pairs:
        """The same with time running backwards."""
        return Pairs(self.dst, self.src, np.ascontiguousarray(self.delay.transpose(0, 2, 1)))


@helper
def _forced_completion(
    head: FloatArray, hold: FloatArray, n: int, slots: int, tasks: IntArray, count: int
) -> float:
    """Least completion of tasks that must all run on node n; they come in order of release."""
    if slots == 1:
        end = 0.0
        for i in range(count):
            end = max(end, head[tasks[i], n]) + hold[tasks[i], n]
        return end
    total, latest = 0.0, 0.0
    for i in range(count):
        total += hold[tasks[i], n]
        latest = max(latest, head[tasks[i], n] + hold[tasks[i], n])
    return max(latest, head[tasks[0], n] + total / slots)


@helper
def _consistent(
    head: FloatArray,
    hold: FloatArray,
    n: int,
    slots: int,
    src: IntArray,
    remote: FloatArray,
    count: int,
    forced: IntArray,
) -> float:
    """Smallest consistent time at which all inputs are there; sorts its producers."""
    for i in range(1, count):
        p, x = src[i], remote[i]
        j = i
        while j > 0 and remote[j - 1] < x:
            src[j], remote[j] = src[j - 1], remote[j - 1]
            j -= 1
        src[j], remote[j] = p, x
    best = remote[0]
    for k in range(count):
        p = src[k]
        j = k
        while j > 0 and head[forced[j - 1], n] > head[p, n]:
            forced[j] = forced[j - 1]
            j -= 1
        forced[j] = p
        end = _forced_completion(head, hold, n, slots, forced, k + 1)
        after = remote[k + 1] if k + 1 < count else 0.0
        best = min(best, max(end, after))
        if end >= after:
            break
    return best


@entry
def _fill_heads(
    hold: FloatArray,
    slots: IntArray,
    order: IntArray,
    ptr: IntArray,
    edge: IntArray,
    pair_src: IntArray,
    delay: FloatArray,
    release: FloatArray,
    head: FloatArray,
    src: IntArray,
    remote: FloatArray,
    forced: IntArray,
) -> None:
    """``head[t, n]``: seconds before which task t cannot start on node n."""
    n_nodes = hold.shape[1]
    for k in range(order.shape[0]):
        t = order[k]
        count = ptr[t + 1] - ptr[t]
        for n in range(n_nodes):
            head[t, n] = release[t]
            if count == 0 or hold[t, n] == np.inf:
                continue
            for i in range(count):
                e = edge[ptr[t] + i]
                p = pair_src[e]
                least = np.inf
                for a in range(n_nodes):
                    if a != n:
                        least = min(least, head[p, a] + hold[p, a] + delay[e, a, n])
                src[i], remote[i] = p, least
            there = _consistent(head, hold, n, slots[n], src, remote, count, forced)
            head[t, n] = max(release[t], there)


def heads(
    hold: FloatArray, slots: IntArray, order: IntArray, pairs: Pairs, release: FloatArray
) -> FloatArray:
    """(T, N) seconds before which no task can start on each node.

    Parameters
    ----------
    hold : (T, N) float array, least seconds, +inf where the task may not run
    slots : (N,) int array
    order : (T,) int array, topological
    pairs : Pairs
    release : (T,) float array, seconds before which a task starts nowhere
    """
    n_tasks = len(hold)
    ptr = np.zeros(n_tasks + 1, dtype=np.int64)
    np.add.at(ptr, pairs.dst + 1, 1)
    widest = int(ptr.max(initial=0)) + 1
    edge = np.argsort(pairs.dst, kind="stable")
    head = np.empty(hold.shape)
    _fill_heads(
        np.ascontiguousarray(hold), np.array(slots), np.array(order), np.cumsum(ptr), edge,
        np.array(pairs.src), pairs.delay, np.array(release), head,
        np.empty(widest, dtype=np.int64), np.empty(widest), np.empty(widest, dtype=np.int64),
    )  # fmt: skip
    return head


def heads_and_tails(
    hold: FloatArray, slots: IntArray, order: IntArray, pairs: Pairs, release: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Heads, and as tails (T, N) the seconds that must pass after a task has finished there."""
    back = heads(hold, slots, np.array(order)[::-1], pairs.reversed(), np.zeros(len(hold)))
    return heads(hold, slots, order, pairs, release), back


def least_delays(problem: Problem, edges: IntArray, factor: FloatArray | None = None) -> Pairs:
    """Pairs of some edges, each with its least transfer over the producer's variants.

    Parameters
    ----------
    edges : (K,) int array
    factor : (E,) float array or None
        Multiplies the bytes of the problem's own edges; None takes those of an average request.
    """
    arrays = problem.arrays
    exists = np.asarray(arrays.allowed.any(axis=2))[arrays.edge_src[edges]]
    sizes = (problem.bytes if factor is None else arrays.edge_bytes * factor[:, None])[edges]
    delay = np.full((len(edges), arrays.n_nodes, arrays.n_nodes), np.inf)
    for v in range(arrays.n_variants):  # the smallest message need not be the fastest in a table
        table = transfer_table(problem, sizes[:, v])
        delay = np.where(exists[:, v, None, None], np.minimum(delay, table), delay)
    key = arrays.edge_src[edges] * arrays.n_tasks + arrays.edge_dst[edges]
    unique, where = np.unique(key, return_inverse=True)
    if len(unique) == len(key):
        return Pairs(np.array(arrays.edge_src[edges]), np.array(arrays.edge_dst[edges]), delay)
    merged = np.zeros((len(unique), *delay.shape[1:]))
    np.maximum.at(merged, where, delay)
    return Pairs(unique // arrays.n_tasks, unique % arrays.n_tasks, merged)


def transfer_table(problem: Problem, size: FloatArray) -> FloatArray:
    """(K, N, N) seconds of messages of given bytes between all nodes under `ideal`, wake included.

    Parameters
    ----------
    size : (K,) float array, bytes
    """
    from schedulers.view import view_of

    view = view_of(problem)
    n = view.n_nodes
    with np.errstate(invalid="ignore"):
        delay = view.latency[None] + size[:, None, None] / view.bandwidth[None]
    if view.has_tables:
        _tabulate(problem, size, delay)
    delay += view.wake[None, None, :]
    delay[np.isnan(delay)] = np.inf
    delay[:, np.arange(n), np.arange(n)] = 0.0
    return delay


def _tabulate(problem: Problem, size: FloatArray, delay: FloatArray) -> None:
    """Overwrite transfers over links with size tables."""
    from simulator.costs import table_seconds

    arrays = problem.arrays
    n = arrays.n_nodes
    for a in range(n):
        for b in range(n):
            for k, x in enumerate(size if a != b else ()):
                longest = 0.0
                for link in arrays.route(a, b) if x > 0 else ():
                    lo, hi = arrays.table_ptr[link], arrays.table_ptr[link + 1]
                    longest = max(
                        longest,
                        table_seconds(arrays.table_bytes, arrays.table_s, lo, hi, x)
                        if hi > lo
                        else x / arrays.bandwidth[link],
                    )
                delay[k, a, b] = arrays.route_latency[a, b] + longest
