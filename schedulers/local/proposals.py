"""Proposals of the local search: which tasks move where, and whether constraints let them.

* Reassign: a task goes to another node, often to that of a producer or consumer, or takes another
  variant; sometimes it also gets another position in the order.
* Shift: a task passes others of its node, within the positions that its edges leave open.
* Group: a task takes producers and consumers along, and theirs, to one node.

Tasks are mostly taken from a critical path. Bundles of tasks that must share a node always move
together. A proposal is written to `State.moved` and carried out in place; `undo` takes it back.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from schedulers.admissible import Rules
from schedulers.compiled import helper, routine
from schedulers.local.chance import below, unit
from schedulers.local.model import Model
from schedulers.local.state import (
    COUNT,
    MOST_MOVED,
    PATH,
    POSITION,
    TARGET_NODE,
    TARGET_POSITION,
    State,
)


class Mix(NamedTuple):
    """How often what is proposed, each in [0, 1].

    Parameters
    ----------
    critical : float, tasks taken from the critical path instead of from all
    group, shift : float, shares of these moves; the rest reassigns
    neighbour : float, targets that are a neighbour's node instead of any
    relocate : float, reassigned tasks that also change their position
    """

    critical: float = 0.85
    group: float = 0.1
    shift: float = 0.3
    neighbour: float = 0.5
    relocate: float = 0.5


@helper
def neighbour_of(model: Model, state: State, t: int) -> Any:
    """A random producer or consumer of a task; -1 if it has none."""
    inputs = model.in_ptr[t + 1] - model.in_ptr[t]
    total = inputs + model.out_ptr[t + 1] - model.out_ptr[t]
    if total == 0:
        return -1
    k = below(state.seed, total)
    if k < inputs:
        return model.in_src[model.in_ptr[t] + k]
    return model.out_dst[model.out_ptr[t] + k - inputs]


@helper
def variant_on(model: Model, state: State, t: int, n: int) -> Any:
    """The variant a task keeps on a node, or the first one it may have there; -1 if none."""
    v = state.variant[t]
    if model.hold[(t * model.n_variants + v) * model.n_nodes + n] < float("inf"):
        return v
    for k in range(model.option_ptr[t], model.option_ptr[t + 1]):
        if model.option_node[k] == n:
            return model.option_variant[k]
    return -1


@helper
def take(state: State, t: int, v: int) -> None:
    """Add a task to the proposal."""
    k = state.memo[COUNT]
    state.moved[k] = t
    state.new_variant[k] = v
    state.mark[t] = 1
    state.memo[COUNT] = k + 1


@helper
def choose_place(model: Model, state: State, t: int, neighbour: float) -> bool:
    """Draw another place for a task and begin a proposal with it; False if it has no other."""
    first = model.option_ptr[t]
    count = model.option_ptr[t + 1] - first
    if count < 2:
        return False
    if unit(state.seed) <= neighbour:
        other = neighbour_of(model, state, t)
        if other >= 0 and state.node[other] != state.node[t]:
            n = state.node[other]
            v = variant_on(model, state, t, n)
            if v >= 0:
                state.memo[TARGET_NODE] = n
                take(state, t, v)
                return True
    k = below(state.seed, count)
    if (
        model.option_node[first + k] == state.node[t]
        and model.option_variant[first + k] == state.variant[t]
    ):
        k = (k + 1 + below(state.seed, count - 1)) % count
    state.memo[TARGET_NODE] = model.option_node[first + k]
    take(state, t, model.option_variant[first + k])
    return True


@helper
def grow(model: Model, state: State) -> None:
    """Take neighbours of the tasks of the proposal along: two tasks, often more."""
    n = state.memo[TARGET_NODE]
    while True:
        t = state.moved[below(state.seed, state.memo[COUNT])]
        other = neighbour_of(model, state, t)
        if other >= 0 and state.mark[other] == 0 and state.node[other] != n:
            v = variant_on(model, state, other, n)
            if v >= 0:
                take(state, other, v)
        if state.memo[COUNT] >= MOST_MOVED or unit(state.seed) < 0.3:
            return


@routine
def complete_bundles(model: Model, rules: Rules, state: State) -> bool:
    """Take along all tasks that must share the node; False if one of them may not go there."""
    k = 0
    n = state.memo[TARGET_NODE]
    while k < state.memo[COUNT]:
        b = rules.bundle[state.moved[k]]
        k += 1
        if b < 0:
            continue
        for i in range(rules.bundle_ptr[b], rules.bundle_ptr[b + 1]):
            t = rules.bundle_tasks[i]
            if state.mark[t] == 0:
                v = variant_on(model, state, t, n)
                if v < 0:
                    return False
                take(state, t, v)
    return True


@routine
def keeps_rules(rules: Rules, state: State) -> Any:
    """Whether the node to which a carried-out proposal moved tasks keeps apart and memory."""
    n, n_tasks = state.memo[TARGET_NODE], state.order.shape[0]
    for k in range(state.memo[COUNT]):
        t = state.moved[k]
        for i in range(rules.apart_ptr[t], rules.apart_ptr[t + 1]):
            if state.node[rules.apart_tasks[i]] == n:
                return False
    for t in range(n_tasks):
        if state.node[t] == n:
            state.counted[rules.group[t, state.variant[t]]] = -1.0
    for c in range(rules.slots[n]):
        state.top[c] = 0.0
    need = 0.0
    for t in range(n_tasks):
        if state.node[t] == n:
            v = state.variant[t]
            g = rules.group[t, v]
            there = max(state.counted[g], 0.0)
            need += max(rules.weights[t, v] - there, 0.0)
            state.counted[g] = max(there, rules.weights[t, v])
            size = rules.working[t, v]
            for c in range(rules.slots[n]):
                if size > state.top[c]:
                    state.top[c], size = size, state.top[c]
    for c in range(rules.slots[n]):
        need += state.top[c]
    return need <= rules.memory[n]


@helper
def window_low(model: Model, state: State, t: int) -> int:
    """First position that the producers of a task leave open."""
    low = 0
    for i in range(model.in_ptr[t], model.in_ptr[t + 1]):
        low = max(low, state.pos[model.in_src[i]] + 1)
    return low


@helper
def window_high(model: Model, state: State, t: int) -> Any:
    """Last position that the consumers of a task leave open."""
    high = state.order.shape[0] - 1
    for i in range(model.out_ptr[t], model.out_ptr[t + 1]):
        high = min(high, state.pos[model.out_dst[i]] - 1)
    return high


@helper
def choose_position(model: Model, state: State, t: int) -> bool:
    """Draw a position at which a task has passed at least one other of its node."""
    p, n = state.pos[t], state.node[t]
    later = unit(state.seed) <= 0.5
    for _ in range(2):
        step = 1 if later else -1
        end = window_high(model, state, t) if later else window_low(model, state, t)
        reach = (end - p) * step
        if reach > 0:
            far = below(state.seed, reach) + 1
            q = -1
            k = 0
            while k < reach and (q < 0 or k < far):
                k += 1
                if state.node[state.order[p + k * step]] == n:
                    q = p + k * step
            if q >= 0:
                state.memo[POSITION] = p
                state.memo[TARGET_POSITION] = q
                return True
        later = not later
    return False


@helper
def propose(model: Model, rules: Rules, state: State, mix: Mix) -> bool:
    """Draw a proposal; False if nothing came of it. Tasks in it are marked."""
    n_tasks = state.order.shape[0]
    state.memo[COUNT] = 0
    if unit(state.seed) <= mix.critical:
        t = state.path[below(state.seed, state.memo[PATH])]
    else:
        t = below(state.seed, n_tasks)
    state.memo[POSITION] = state.pos[t]
    state.memo[TARGET_POSITION] = state.pos[t]
    kind = unit(state.seed)
    if kind <= mix.shift or not choose_place(model, state, t, mix.neighbour):
        return choose_position(model, state, t)
    if kind <= mix.shift + mix.group:
        grow(model, state)
    elif unit(state.seed) <= mix.relocate:
        low = window_low(model, state, t)
        state.memo[TARGET_POSITION] = low + below(
            state.seed, window_high(model, state, t) - low + 1
        )
    return not rules.constrained or complete_bundles(model, rules, state)


@helper
def rotate(state: State, p: int, q: int) -> None:
    """Move the task at position p to position q of the order; positions are not updated."""
    t = state.order[p]
    if p < q:
        for k in range(p, q):
            state.order[k] = state.order[k + 1]
    else:
        for k in range(p, q, -1):
            state.order[k] = state.order[k - 1]
    state.order[q] = t


@helper
def carry_out(state: State) -> None:
    """Change nodes, variants and order as proposed."""
    for k in range(state.memo[COUNT]):
        t = state.moved[k]
        state.old_node[k], state.old_variant[k] = state.node[t], state.variant[t]
        state.node[t], state.variant[t] = state.memo[TARGET_NODE], state.new_variant[k]
    if state.memo[POSITION] != state.memo[TARGET_POSITION]:
        rotate(state, state.memo[POSITION], state.memo[TARGET_POSITION])


@helper
def undo(state: State) -> None:
    """Take a proposal back that was carried out."""
    for k in range(state.memo[COUNT]):
        t = state.moved[k]
        state.node[t], state.variant[t] = state.old_node[k], state.old_variant[k]
    if state.memo[POSITION] != state.memo[TARGET_POSITION]:
        rotate(state, state.memo[TARGET_POSITION], state.memo[POSITION])


@helper
def unmark(state: State) -> None:
    """Forget which tasks belong to the proposal."""
    for k in range(state.memo[COUNT]):
        state.mark[state.moved[k]] = 0
