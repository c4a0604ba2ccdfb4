"""Binary heaps in plain arrays: events by time, and ready units by key.

Only the time orders events: the rules make the order of events of one instant and phase
immaterial, because every decision waits for the settle at its end.
"""

from __future__ import annotations

from simulator.arrays import EDF, FloatArray, IntArray
from simulator.kernel.compiled import helper, inlined
from simulator.kernel.layout import (
    EVENTS,
    KIND_BITS,
    KIND_MASK,
    ON_FINISH,
    ON_LINK,
    Luck,
    State,
    World,
)


@inlined
def sift_up(times: FloatArray, codes: IntArray, hole: int, time: float, code: int) -> None:
    """Put an entry where it belongs on the way from `hole` to the root."""
    while hole > 0:
        parent = (hole - 1) >> 1
        if times[parent] <= time:
            break
        times[hole] = times[parent]
        codes[hole] = codes[parent]
        hole = parent
    times[hole] = time
    codes[hole] = code


@inlined
def sift_down(
    times: FloatArray, codes: IntArray, hole: int, n: int, time: float, code: int
) -> None:
    """Put an entry where it belongs below `hole`, in a heap of n entries."""
    child = 2 * hole + 1
    while child < n:
        if child + 1 < n and times[child + 1] < times[child]:
            child += 1
        if times[child] >= time:
            break
        times[hole] = times[child]
        codes[hole] = codes[child]
        hole = child
        child = 2 * hole + 1
    times[hole] = time
    codes[hole] = code


@inlined
def push_event(x: State, time: float, code: int) -> None:
    """Add an event; there is always room (see `make_room`)."""
    n = x.count[EVENTS]
    x.count[EVENTS] = n + 1
    sift_up(x.event_time, x.event_code, n, time, code)


@inlined
def pop_event(x: State) -> int:
    """Remove the first event and return its code."""
    code = x.event_code[0]
    n = x.count[EVENTS] - 1
    x.count[EVENTS] = n
    if n > 0:
        sift_down(x.event_time, x.event_code, 0, n, x.event_time[n], x.event_code[n])
    return code


@helper
def make_room(x: State, reserve: int) -> None:
    """Throw out events that were re-timed since, when fewer than `reserve` places are free.

    Only finishes of slots and of links are ever re-timed; an old entry is known by its time.
    """
    n = x.count[EVENTS]
    if n + reserve <= x.event_room:
        return
    kept = 0
    for i in range(n):
        time = x.event_time[i]
        code = x.event_code[i]
        kind = code & KIND_MASK
        at = code >> KIND_BITS
        if kind == ON_FINISH and (x.slot_task[at] < 0 or x.slot_finish[at] != time):
            continue
        if kind == ON_LINK and (x.link_code[at] < 0 or x.link_finish[at] != time):
            continue
        sift_up(x.event_time, x.event_code, kept, time, code)
        kept += 1
    x.count[EVENTS] = kept


@inlined
def ready_before(w: World, z: Luck, x: State, a: int, b: int) -> bool:
    """Whether key `a` goes first; keys are unique."""
    if w.discipline != EDF or z.clients == 0:
        return a < b
    # In a closed loop deadlines are not known beforehand, so keys hold no rank of theirs.
    due_a = x.arrival[a >> w.task_bits] + w.stream_deadline[0]
    due_b = x.arrival[b >> w.task_bits] + w.stream_deadline[0]
    return due_a < due_b or (due_a == due_b and a < b)


@inlined
def push_ready(w: World, z: Luck, x: State, n: int, key: int) -> None:
    """Add a key to the ready heap of node n."""
    base = x.ready_ptr[n]
    hole = x.ready_count[n]
    x.ready_count[n] = hole + 1
    while hole > 0:
        parent = (hole - 1) >> 1
        if ready_before(w, z, x, x.ready_key[base + parent], key):
            break
        x.ready_key[base + hole] = x.ready_key[base + parent]
        hole = parent
    x.ready_key[base + hole] = key


@inlined
def pop_ready(w: World, z: Luck, x: State, n: int) -> int:
    """Remove the first key from the ready heap of node n, which is not empty."""
    base = x.ready_ptr[n]
    first = x.ready_key[base]
    size = x.ready_count[n] - 1
    x.ready_count[n] = size
    key = x.ready_key[base + size]
    hole = 0
    child = 1
    while child < size:
        if child + 1 < size and ready_before(
            w, z, x, x.ready_key[base + child + 1], x.ready_key[base + child]
        ):
            child += 1
        if ready_before(w, z, x, key, x.ready_key[base + child]):
            break
        x.ready_key[base + hole] = x.ready_key[base + child]
        hole = child
        child = 2 * hole + 1
    x.ready_key[base + hole] = key
    return first


@helper
def sort_codes(codes: IntArray, n: int) -> None:
    """Sort the first n codes; nearly always there are few, or they are in order."""
    at = 1
    while at < n and codes[at - 1] < codes[at]:
        at += 1
    if n > 64 and at < n:
        heap_sort(codes, n)
        return
    for i in range(at, n):
        code = codes[i]
        hole = i
        while hole > 0 and codes[hole - 1] > code:
            codes[hole] = codes[hole - 1]
            hole -= 1
        codes[hole] = code


@helper
def heap_sort(codes: IntArray, n: int) -> None:
    """Sort in place without allocating."""
    root = n // 2
    while n > 1:
        if root > 0:
            root -= 1
            code = codes[root]
        else:
            n -= 1
            code = codes[n]
            codes[n] = codes[0]
        hole = root
        child = 2 * hole + 1
        while child < n:
            if child + 1 < n and codes[child] < codes[child + 1]:
                child += 1
            if codes[child] <= code:
                break
            codes[hole] = codes[child]
            hole = child
            child = 2 * hole + 1
        codes[hole] = code
