"""Judging a proposal where nodes have several slots, or sending takes time.

A start is then no longest path (it waits for the first of several slots), so tails are not exact.
The tasks are run through again from the last snapshot before the first change, until the end or
until a finish plus the least that must follow it (`Model.floor`) exceeds the limit.
"""

from __future__ import annotations

from typing import Any

from schedulers.compiled import helper
from schedulers.local.linear import arrival, ready_at
from schedulers.local.model import Model
from schedulers.local.state import COUNT, CURRENT, PATH, SPAN, State


@helper
def slot_hold(model: Model, state: State, t: int) -> Any:
    """Seconds for which a task holds its slot, the messages it sends to other nodes included."""
    n, v = state.node[t], state.variant[t]
    cell = (t * model.n_variants + v) * model.n_nodes + n
    if not model.sends:
        return model.hold[cell]
    sending = 0.0
    for i in range(model.out_ptr[t], model.out_ptr[t + 1]):
        if state.node[model.out_dst[i]] != n:
            size = model.size[model.out_slot[i] * model.n_variants + v]
            sending += model.send_s[n] + model.send_s_per_byte[n] * size
    return (model.bare[cell] + sending) / model.rate[n]


@helper
def run_on(model: Model, state: State, t: int) -> Any:
    """Book a task behind those booked before; its start. `trial` receives its finish."""
    n = state.node[t]
    slot = 0
    for c in range(1, model.slots[n]):
        if state.lane[n, c] < state.lane[n, slot]:
            slot = c
    begin = max(ready_at(model, state, t, n), state.lane[n, slot])
    begin = max(begin, state.recent[n])
    done = begin + slot_hold(model, state, t)
    state.trial[t] = done
    state.lane[n, slot] = done
    state.recent[n] = begin
    return begin


@helper
def fetch(model: Model, state: State, block: int) -> None:
    """Begin at a snapshot."""
    for n in range(model.n_nodes):
        state.recent[n] = state.latest[block, n]
        for c in range(model.slots[n]):
            state.lane[n, c] = state.lanes[block, n, c]


@helper
def reach_back(model: Model, state: State, i: int) -> int:
    """First position whose times a proposal may change: producers send to other nodes now."""
    if model.sends:
        for k in range(state.memo[COUNT]):
            t = state.moved[k]
            for e in range(model.in_ptr[t], model.in_ptr[t + 1]):
                i = min(i, state.pos[model.in_src[e]])
    return i


@helper
def judge_slotted(model: Model, state: State, i: int, limit: float) -> Any:
    """Makespan with the proposal carried out, or something that exceeds the limit."""
    block = i // SPAN
    fetch(model, state, block)
    for k in range(block * SPAN, state.order.shape[0]):
        t = state.order[k]
        run_on(model, state, t)
        if state.trial[t] + model.floor[t] > limit:
            return state.trial[t] + model.floor[t]
    longest = 0.0
    for k in range(model.exits.shape[0]):
        longest = max(longest, state.trial[model.exits[k]])
    return longest


@helper
def settle_slotted(model: Model, state: State, i: int) -> None:
    """Compute times and snapshots of the current placement from the first changed position on."""
    n_tasks = state.order.shape[0]
    block = i // SPAN
    if block == 0:
        for n in range(model.n_nodes):
            state.latest[0, n] = 0.0
            for c in range(model.slots[n]):
                state.lanes[0, n, c] = 0.0
    fetch(model, state, block)
    for k in range(block * SPAN, n_tasks):
        if k % SPAN == 0:
            for n in range(model.n_nodes):
                state.latest[k // SPAN, n] = state.recent[n]
                for c in range(model.slots[n]):
                    state.lanes[k // SPAN, n, c] = state.lane[n, c]
        t = state.order[k]
        state.start[t] = run_on(model, state, t)
        state.finish[t] = state.trial[t]
        state.pos[t] = k
    longest = 0.0
    for k in range(model.exits.shape[0]):
        longest = max(longest, state.finish[model.exits[k]])
    state.value[CURRENT] = longest
    state.memo[PATH] = 0


@helper
def trace_path(model: Model, state: State) -> None:
    """Trace one critical path back from its exit: inputs first, then whoever freed the slot."""
    t, longest = 0, -1.0
    for k in range(model.exits.shape[0]):
        if state.finish[model.exits[k]] > longest:
            t, longest = model.exits[k], state.finish[model.exits[k]]
    count = 0
    while True:
        state.path[count] = t
        count += 1
        begin = state.start[t]
        found = -1
        for i in range(model.in_ptr[t], model.in_ptr[t + 1]):
            p = model.in_src[i]
            if arrival(model, state.finish[p], i, state.variant[p], state.node[p],
                       state.node[t]) == begin:  # fmt: skip
                found = p
                break
        k = state.pos[t]
        while found < 0 and k > 0:
            k -= 1
            p = state.order[k]
            same = state.node[p] == state.node[t]
            if same and (state.finish[p] == begin or state.start[p] == begin):
                found = p
        if found < 0:
            break
        t = found
    state.memo[PATH] = count
