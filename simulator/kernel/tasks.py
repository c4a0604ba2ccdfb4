"""Tasks on nodes: what a slot takes next, how fast it goes, and what its end sets free."""

from __future__ import annotations

from simulator.arrays import EDF, PRIORITY, STRICT
from simulator.kernel.compiled import helper, inlined
from simulator.kernel.heap import pop_ready, push_event
from simulator.kernel.joins import enqueue, exit_done, mark_node
from simulator.kernel.layout import (
    ATTEMPTS,
    DIRTY_NODES,
    FINISHED,
    INTERRUPTED,
    KIND_BITS,
    ON_FINISH,
    READY,
    RECORD,
    RUNNING,
    Luck,
    State,
    World,
)
from simulator.kernel.messages import hold_of, send_outputs


@inlined
def next_greedy(w: World, z: Luck, x: State, n: int) -> int:
    """Take the first ready unit of a node as a code, -1 if none."""
    task_mask = (1 << w.task_bits) - 1
    while x.ready_count[n] > 0:
        key = pop_ready(w, z, x, n)
        r = key >> w.task_bits
        t = key & task_mask
        if w.discipline == EDF:
            t = x.by_rank[t]
            if z.clients == 0:
                r = z.edf_order[r]
        else:
            r &= (1 << z.request_bits) - 1
            if w.discipline != PRIORITY:
                t = x.by_rank[t]
        if x.state[r * w.n_tasks + t] == READY:  # else it was removed while it waited
            return (r << w.task_bits) | t
    return -1


@inlined
def next_strict(w: World, z: Luck, x: State, n: int) -> int:
    """Code of the unit at the head of a node's sequence if it is ready, else -1."""
    r, i = x.head_request[n], x.head_index[n]
    lo, hi = x.sequence_ptr[n], x.sequence_ptr[n + 1]
    found = -1
    if lo < hi:
        while r < z.n_requests:
            u = r * w.n_tasks + x.sequence[i]
            if x.state[u] < RUNNING:
                if x.state[u] == READY:
                    found = (r << w.task_bits) | x.sequence[i]
                break
            i += 1
            if i == hi:
                i = lo
                r += 1
    x.head_request[n], x.head_index[n] = r, i
    return found


@inlined
def start_units(w: World, z: Luck, x: State, n: int, now: float) -> int:
    """Let each free slot, lowest first, take a unit; return how many started."""
    slot = w.slot_ptr[n]
    started = 0
    for _ in range(w.slots[n] - x.running[n]):
        code = next_strict(w, z, x, n) if w.dispatch == STRICT else next_greedy(w, z, x, n)
        if code < 0:
            break
        r = code >> w.task_bits
        t = code & ((1 << w.task_bits) - 1)
        while x.slot_task[slot] >= 0:
            slot += 1
        u = r * w.n_tasks + t
        x.state[u] = RUNNING
        x.start[u] = now
        if x.count[RECORD]:
            x.slot[u] = slot - w.slot_ptr[n]
        x.slot_request[slot] = r
        x.slot_task[slot] = t
        x.slot_start[slot] = now
        x.slot_left[slot] = hold_of(w, z, x, r, t, n)
        x.slot_finish[slot] = -1.0  # not timed yet
        started += 1
    x.running[n] += started
    return started


@inlined
def finish_time(now: float, left: float, rate: float) -> float:
    """When what is left is done; at rate 0 only nothing is done."""
    if rate == 0.0:
        return now if left == 0.0 else float("inf")
    return now + left / rate


@inlined
def time_slot(x: State, slot: int, now: float, rate: float) -> None:
    """Store and announce the finish of what runs in a slot."""
    finish = finish_time(now, x.slot_left[slot], rate)
    x.slot_since[slot] = now
    x.slot_finish[slot] = finish
    if finish < float("inf"):
        push_event(x, finish, (slot << KIND_BITS) | ON_FINISH)


@inlined
def settle_node(w: World, z: Luck, x: State, n: int, now: float) -> None:
    """Start what can start, then time what started and, if the rate changed, what runs."""
    if x.down[n] > 0:
        return
    started = start_units(w, z, x, n, now)
    running = x.running[n]
    if running == 0:
        return
    product = x.product[n]
    if w.coruns[n] or z.slow_ptr[n] < z.slow_ptr[n + 1]:
        corun = w.corun[n * w.corun_width + running - 1] if running <= w.corun_width else 1.0
        product = x.slow[n] * corun
    elif started == 0:
        return
    old_rate = 1.0 / x.product[n]
    rate = 1.0 / product
    for slot in range(w.slot_ptr[n], w.slot_ptr[n + 1]):
        if x.slot_task[slot] < 0:
            continue
        if x.slot_finish[slot] < 0.0:
            time_slot(x, slot, now, rate)
        elif product != x.product[n]:
            done = old_rate * (now - x.slot_since[slot])
            x.slot_left[slot] = max(x.slot_left[slot] - done, 0.0)
            time_slot(x, slot, now, rate)
    x.product[n] = product


@inlined
def settle_nodes(w: World, z: Luck, x: State, now: float) -> None:
    """Settle every node on which something changed; nodes do not influence each other here."""
    for i in range(x.count[DIRTY_NODES]):
        n = x.dirty_nodes[i]
        x.node_dirty[n] = 0
        settle_node(w, z, x, n, now)
    x.count[DIRTY_NODES] = 0


@inlined
def free_slot(w: World, x: State, slot: int, n: int, now: float) -> None:
    """Take what runs in a slot out of it."""
    x.busy[n] += now - x.slot_start[slot]
    x.slot_task[slot] = -1
    x.running[n] -= 1


@inlined
def finish_unit(w: World, z: Luck, x: State, slot: int, now: float) -> None:
    """End the unit in a slot if this is the time stored for it."""
    t = x.slot_task[slot]
    if t < 0 or x.slot_finish[slot] != now:
        return
    r = x.slot_request[slot]
    n = x.node[t]
    u = r * w.n_tasks + t
    x.state[u] = FINISHED
    x.finish[u] = now
    free_slot(w, x, slot, n, now)
    mark_node(x, n)
    if w.is_exit[t]:
        exit_done(x, r, now)
    send_outputs(w, z, x, r, t, now)


@helper
def interrupt_node(w: World, z: Luck, x: State, n: int, now: float) -> None:
    """Send what runs on a node back to where it waited, without its work."""
    for slot in range(w.slot_ptr[n], w.slot_ptr[n + 1]):
        t = x.slot_task[slot]
        if t < 0:
            continue
        r = x.slot_request[slot]
        if x.count[RECORD]:
            i = x.count[ATTEMPTS]
            x.attempt_request[i] = r
            x.attempt_task[i] = t
            x.attempt_slot[i] = slot - w.slot_ptr[n]
            x.attempt_start[i] = x.slot_start[slot]
            x.attempt_end[i] = now
            x.count[ATTEMPTS] = i + 1
        free_slot(w, x, slot, n, now)
        enqueue(w, z, x, r, t)
        at = x.sequence_at[t]
        if r < x.head_request[n] or (r == x.head_request[n] and at < x.head_index[n]):
            x.head_request[n], x.head_index[n] = r, at
        x.interrupted[x.count[INTERRUPTED]] = (r << w.task_bits) | t
        x.count[INTERRUPTED] += 1
