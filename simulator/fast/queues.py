"""The tasks a node knows of, by the time at which they are ready and by the discipline's key.

Each node has an unsorted inbox for the tasks that became known last; few tasks wait at a time, and
looking through a few numbers is faster than keeping a heap. What overflows moves to two binary
heaps: tasks that are ready, by key, and tasks that will be, by time.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import FloatArray, IntArray
from simulator.fast.compiled import Index, helper, part, small
from simulator.fast.plan import StaticPlan
from simulator.threads import private_array

WideArray = NDArray[np.uint64]

ZERO, ONE, TWO = np.uint64(0), np.uint64(1), np.uint64(2)
INBOX = np.uint64(16)
BLOCK = np.uint64(8)
NO_KEY = np.iinfo(np.int64).max


class Queues(NamedTuple):
    """What waits at each node.

    Parameters
    ----------
    inbox_time, inbox_key : (N * INBOX,) arrays; n_inbox : (N,) wide array
    base : (N + 1,) wide array, where the heaps of a node begin
    keys : (units,) int array; n_keys : (N,) wide array
        Heap of ready tasks.
    later_time, later_key : (units,) arrays; n_later : (N,) wide array
        Heap of tasks that will be ready.
    """

    inbox_time: FloatArray
    inbox_key: IntArray
    n_inbox: WideArray
    base: WideArray
    keys: IntArray
    n_keys: WideArray
    later_time: FloatArray
    later_key: IntArray
    n_later: WideArray


def make_queues(plan: StaticPlan) -> Queues:
    """Allocate room for all tasks of all requests."""
    n_nodes = int(plan.n_nodes)
    per_stream = np.diff(plan.stream_ptr.astype(np.int64))
    units = int(per_stream[plan.task_stream].sum())
    return Queues(
        inbox_time=private_array(n_nodes * int(INBOX)),
        inbox_key=private_array(n_nodes * int(INBOX), np.int64),
        n_inbox=private_array(n_nodes, np.uint64),
        base=private_array(n_nodes + 1, np.uint64),
        keys=private_array(units, np.int64),
        n_keys=private_array(n_nodes, np.uint64),
        later_time=private_array(units),
        later_key=private_array(units, np.int64),
        n_later=private_array(n_nodes, np.uint64),
    )


@helper
def clear(plan: StaticPlan, q: Queues, node: NDArray[np.uint32]) -> None:
    """Empty all queues and give each node room for the tasks placed on it."""
    q.base[:] = ZERO
    for t in range(plan.n_tasks):
        s = plan.task_stream[t]
        q.base[node[t] + ONE] += plan.stream_ptr[s + ONE] - plan.stream_ptr[s]
    for n in range(plan.n_nodes):
        q.base[n + ONE] += q.base[n]
        q.n_inbox[n] = ZERO
        q.n_keys[n] = ZERO
        q.n_later[n] = ZERO


@small
def put(q: Queues, n: Index, now: float, time: float, key: Index) -> None:
    """Tell node `n` that a task will be ready at `time`."""
    if q.n_inbox[n] == INBOX:
        _empty_inbox(q, n, now)
    i = n * INBOX + q.n_inbox[n]
    q.inbox_time[i] = time
    q.inbox_key[i] = key
    q.n_inbox[n] += ONE


@part
def _empty_inbox(q: Queues, n: Index, now: float) -> None:
    for i in range(n * INBOX, n * INBOX + INBOX):
        if q.inbox_time[i] <= now:
            _push_key(q, n, q.inbox_key[i])
        else:
            _push_later(q, n, q.inbox_time[i], q.inbox_key[i])
    q.n_inbox[n] = ZERO


@small
def move_ready(q: Queues, n: Index, now: float) -> None:
    """Move what has become ready from one heap to the other."""
    while q.n_later[n] > ZERO and q.later_time[q.base[n]] <= now:
        _move_first(q, n)


@part
def _move_first(q: Queues, n: Index) -> None:
    key = q.later_key[q.base[n]]
    _drop_later(q, n)
    _push_key(q, n, key)


@small
def take(q: Queues, n: Index, now: float) -> tuple[Index, float]:
    """Take the ready task with the least key; `move_ready` was called for this time.

    Returns
    -------
    key : int, `NO_KEY` if none is ready
    wait : float
        When the next of the tasks that stay is ready, `now` if one is already; inf if none stays.
    """
    n_ready = q.n_keys[n]
    key: Any = q.keys[q.base[n]] if n_ready > ZERO else NO_KEY
    wait: Any = q.later_time[q.base[n]] if q.n_later[n] > ZERO else np.inf
    first = n * INBOX
    nowhere = first + INBOX
    where = nowhere
    for i in range(first, first + q.n_inbox[n]):
        late = q.inbox_time[i] > now
        wait = min(wait, q.inbox_time[i] if late else np.inf)
        n_ready += np.uint64(not late)
        better = (q.inbox_key[i] < key) & (not late)
        key = q.inbox_key[i] if better else key
        where = i if better else where
    if n_ready > ZERO:
        if where == nowhere:
            _pop_key(q, n)
        else:
            q.n_inbox[n] -= ONE
            q.inbox_time[where] = q.inbox_time[first + q.n_inbox[n]]
            q.inbox_key[where] = q.inbox_key[first + q.n_inbox[n]]
        if n_ready > ONE:
            wait = now
    return key, wait


@small
def _push_key(q: Queues, n: Index, key: Index) -> None:
    base = q.base[n]
    i = q.n_keys[n]
    while i > ZERO and q.keys[base + (i - ONE) // TWO] > key:
        q.keys[base + i] = q.keys[base + (i - ONE) // TWO]
        i = (i - ONE) // TWO
    q.keys[base + i] = key
    q.n_keys[n] += ONE


@part
def _pop_key(q: Queues, n: Index) -> None:
    base = q.base[n]
    end = q.n_keys[n] - ONE
    q.n_keys[n] = end
    key = q.keys[base + end]
    i, child = ZERO, ONE
    while child < end:
        if child + ONE < end and q.keys[base + child + ONE] < q.keys[base + child]:
            child += ONE
        if q.keys[base + child] >= key:
            break
        q.keys[base + i] = q.keys[base + child]
        i, child = child, TWO * child + ONE
    q.keys[base + i] = key


@small
def _push_later(q: Queues, n: Index, time: float, key: Index) -> None:
    base = q.base[n]
    i = q.n_later[n]
    while i > ZERO and q.later_time[base + (i - ONE) // TWO] > time:
        q.later_time[base + i] = q.later_time[base + (i - ONE) // TWO]
        q.later_key[base + i] = q.later_key[base + (i - ONE) // TWO]
        i = (i - ONE) // TWO
    q.later_time[base + i] = time
    q.later_key[base + i] = key
    q.n_later[n] += ONE


@small
def _drop_later(q: Queues, n: Index) -> None:
    base = q.base[n]
    end = q.n_later[n] - ONE
    q.n_later[n] = end
    time, key = q.later_time[base + end], q.later_key[base + end]
    i, child = ZERO, ONE
    while child < end:
        if child + ONE < end and q.later_time[base + child + ONE] < q.later_time[base + child]:
            child += ONE
        if q.later_time[base + child] >= time:
            break
        q.later_time[base + i] = q.later_time[base + child]
        q.later_key[base + i] = q.later_key[base + child]
        i, child = child, TWO * child + ONE
    q.later_time[base + i] = time
    q.later_key[base + i] = key


@small
def least_of(times: FloatArray, first: Index, last: Index) -> float:
    """Least of ``times[first:last]``."""
    least = np.inf
    for i in range(first, last):
        least = min(least, times[i])
    return least


@small
def least_of_eight(times: FloatArray, first: Index) -> float:
    """Least of the eight numbers from `first` on."""
    a = min(times[first], times[first + ONE])
    b = min(times[first + TWO], times[first + TWO + ONE])
    c = min(times[first + TWO + TWO], times[first + TWO + TWO + ONE])
    d = min(times[first + BLOCK - TWO], times[first + BLOCK - ONE])
    return min(min(a, b), min(c, d))
