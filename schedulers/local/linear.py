"""Judging a proposal where starts are longest paths: one slot on every node, sending is free.

With heads (finishes) and tails (`State.rest`) of the current schedule, a proposal needs no full
evaluation. It changes nodes and order only on a window of positions [i, j]. Behind the window the
graph is what it was, hence so are the tails there; so after the window has been run through
again, the longest changed path is the greatest of arrival + tail over what leaves the window.
If this exceeds the current makespan it is the new one, since unchanged paths are no longer than
the current makespan; if not, the proposal makes nothing worse. Only accepted proposals
cost a pass over the tasks before and behind. (Heads and tails add up in different orders, so
that decisions may differ from exact ones in the last bit; times kept are always computed forwards.)
"""

from __future__ import annotations

from typing import Any

from schedulers.compiled import helper
from schedulers.local.model import Model
from schedulers.local.state import CURRENT, PATH, SPAN, State


@helper
def carry(model: Model, slot: int, v: int, a: int, b: int) -> Any:
    """Transfer seconds of a message from node a to node b; 0 within a node."""
    pair = a * model.n_nodes + b
    cell = slot * model.n_variants + v
    if model.tabulated:
        return model.transfer[cell * model.n_classes + model.pair_class[pair]]
    return model.latency[pair] + model.size[cell] / model.bandwidth[pair]


@helper
def arrival(model: Model, done: float, slot: int, v: int, a: int, b: int) -> Any:
    """When a message sent at `done` can be used."""
    there = done + carry(model, slot, v, a, b)
    if model.wakes:
        there += model.wake[a * model.n_nodes + b]
    return there


@helper
def hold(model: Model, t: int, v: int, n: int) -> Any:
    """Seconds for which a task holds its slot."""
    return model.hold[(t * model.n_variants + v) * model.n_nodes + n]


@helper
def ready_at(model: Model, state: State, t: int, n: int) -> float:
    """When the inputs of a task can be used on a node, by the times on trial."""
    ready = 0.0
    for i in range(model.in_ptr[t], model.in_ptr[t + 1]):
        p = model.in_src[i]
        there = arrival(model, state.trial[p], i, state.variant[p], state.node[p], n)
        ready = max(ready, there)
    return ready


@helper
def last_before(state: State, position: int, n: int) -> Any:
    """Last task on a node before a position of the current order."""
    k = position
    block = position // SPAN
    while k > block * SPAN:
        k -= 1
        if state.node[state.order[k]] == n:
            return state.order[k]
    return state.last_of[block, n]


@helper
def first_from(state: State, position: int, n: int) -> Any:
    """First task on a node from a position on that no proposal touches."""
    n_tasks = state.order.shape[0]
    block = (position + SPAN - 1) // SPAN
    for k in range(position, min(block * SPAN, n_tasks)):
        if state.node[state.order[k]] == n:
            return state.order[k]
    return state.next_of[block, n]


@helper
def leaving(model: Model, state: State, t: int, j: int) -> Any:
    """Longest path over the edges that lead from a task out of the window, by times on trial."""
    done = state.trial[t]
    longest = done
    for i in range(model.out_ptr[t], model.out_ptr[t + 1]):
        s = model.out_dst[i]
        if state.pos[s] > j:
            v, n = state.variant[t], state.node[t]
            there = arrival(model, done, model.out_slot[i], v, n, state.node[s])
            longest = max(longest, there + state.rest[s])
    return longest


@helper
def judge_one(model: Model, state: State, t: int, limit: float) -> Any:
    """Longest changed path after a task has changed nodes but kept its position."""
    n, p = state.node[t], state.pos[t]
    before = last_before(state, p, n)
    done = max(ready_at(model, state, t, n), state.trial[before])
    done += hold(model, t, state.variant[t], n)
    state.trial[t] = done
    longest = done + state.rest[first_from(state, p + 1, n)]
    if longest > limit:
        return longest
    return max(longest, leaving(model, state, t, p))


@helper
def judge_window(model: Model, state: State, i: int, j: int, limit: float) -> Any:
    """Longest changed path after positions i to j have changed; at least what exceeds `limit`.

    Times on trial of the window are written, at most as far as the limit is kept.
    """
    block = i // SPAN
    for n in range(model.n_nodes):
        state.free[n] = state.finish[state.last_of[block, n]]
    for k in range(block * SPAN, i):
        t = state.order[k]
        state.free[state.node[t]] = state.finish[t]
    for k in range(i, j + 1):
        t = state.order[k]
        n = state.node[t]
        done = max(ready_at(model, state, t, n), state.free[n])
        done += hold(model, t, state.variant[t], n)
        state.trial[t] = done
        state.free[n] = done
        if done + model.floor[t] > limit:
            return done + model.floor[t]
    longest = 0.0
    for k in range(i, j + 1):
        t = state.order[k]
        done = state.trial[t]
        if done > state.finish[t] or state.mark[t] == 1:
            longest = max(longest, leaving(model, state, t, j))
        n = state.node[t]
        if done == state.free[n]:
            longest = max(longest, done + state.rest[first_from(state, j + 1, n)])
            if longest > limit:
                return longest
    return longest


@helper
def forwards(model: Model, state: State, block: int) -> None:
    """Times, sequences and snapshots from the beginning of a block of positions on."""
    n_tasks = state.order.shape[0]
    blocks = state.last_of.shape[0]
    for b in range(block, blocks - 1):
        high = min((b + 1) * SPAN, n_tasks)
        for n in range(model.n_nodes):
            state.last_of[b + 1, n] = state.last_of[b, n]
        for k in range(b * SPAN, high):
            t = state.order[k]
            n = state.node[t]
            last = state.last_of[b + 1, n]
            state.before[t] = last
            begin = max(ready_at(model, state, t, n), state.finish[last])
            done = begin + hold(model, t, state.variant[t], n)
            state.start[t] = begin
            state.finish[t] = done
            state.trial[t] = done
            state.pos[t] = k
            state.last_of[b + 1, n] = t


@helper
def backwards(model: Model, state: State, j: int) -> None:
    """Tails and sequences up to a position."""
    for b in range(j // SPAN, -1, -1):
        for n in range(model.n_nodes):
            state.next_of[b, n] = state.next_of[b + 1, n]
        for k in range(min((b + 1) * SPAN, state.order.shape[0]) - 1, b * SPAN - 1, -1):
            t = state.order[k]
            n, v = state.node[t], state.variant[t]
            after = state.next_of[b, n]
            state.after[t] = after
            longest = max(0.0, state.rest[after])
            for i in range(model.out_ptr[t], model.out_ptr[t + 1]):
                s = model.out_dst[i]
                there = arrival(model, 0.0, model.out_slot[i], v, n, state.node[s])
                longest = max(longest, there + state.rest[s])
            state.rest[t] = longest + hold(model, t, v, n)
            state.next_of[b, n] = t


@helper
def settle(model: Model, state: State, i: int, j: int) -> None:
    """Compute the times of the current placement, of which positions i to j have changed."""
    forwards(model, state, i // SPAN)
    backwards(model, state, j)
    longest = 0.0
    for k in range(model.exits.shape[0]):
        longest = max(longest, state.finish[model.exits[k]])
    state.value[CURRENT] = longest
    state.memo[PATH] = 0


@helper
def find_path(model: Model, state: State) -> None:
    """Trace one critical path back from its exit."""
    t, longest = 0, -1.0
    for k in range(model.exits.shape[0]):
        if state.finish[model.exits[k]] > longest:
            t, longest = model.exits[k], state.finish[model.exits[k]]
    count = 0
    n_tasks = state.order.shape[0]
    while True:
        state.path[count] = t
        count += 1
        begin = state.start[t]
        last = state.before[t]
        if last < n_tasks and state.finish[last] == begin:
            t = last
            continue
        found = -1
        for i in range(model.in_ptr[t], model.in_ptr[t + 1]):
            p = model.in_src[i]
            if arrival(model, state.finish[p], i, state.variant[p], state.node[p],
                       state.node[t]) == begin:  # fmt: skip
                found = p
                break
        if found < 0:
            break
        t = found
    state.memo[PATH] = count
