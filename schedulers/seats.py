"""Compiled book-keeping of memory and groups: what fits where, and who holds a place.

See `schedulers.admissible` for the rules.
"""

from __future__ import annotations

from schedulers.admissible import Room, Rules
from schedulers.compiled import helper, routine


# ----- memory ------------------------------------------------------------------------------------
@helper
def added_weights(rules: Rules, room: Room, t: int, v: int, n: int) -> float:
    """Bytes of weights that a variant would add to a node."""
    there = room.counted[n, rules.group[t, v]]
    return max(rules.weights[t, v] - max(there, 0.0), 0.0)


@helper
def occupy(rules: Rules, room: Room, t: int, v: int, n: int) -> None:
    """Count a variant on a node."""
    g = rules.group[t, v]
    room.total[n] += added_weights(rules, room, t, v, n)
    room.counted[n, g] = max(room.counted[n, g], rules.weights[t, v])
    size = rules.working[t, v]
    for k in range(rules.slots[n]):
        if size > room.top[n, k]:
            room.top[n, k], size = size, room.top[n, k]
    room.held[t] = n
    room.held_variant[t] = v


@routine
def recount(rules: Rules, room: Room, n: int) -> None:
    """Count a node again from the tasks held there."""
    room.total[n] = 0.0
    for g in range(room.counted.shape[1]):
        room.counted[n, g] = -1.0
    for k in range(room.top.shape[1]):
        room.top[n, k] = 0.0
    for t in range(room.held.shape[0]):
        if room.held[t] == n:
            occupy(rules, room, t, room.held_variant[t], n)


@helper
def within(rules: Rules, room: Room, n: int) -> bool:
    """Whether what is counted on a node fits in its memory."""
    need = room.total[n]
    for k in range(rules.slots[n]):
        need += room.top[n, k]
    return need <= rules.memory[n]


@helper
def fits_memory(rules: Rules, room: Room, t: int, v: int, n: int) -> bool:
    """Whether one more variant fits in the memory of a node."""
    need = room.total[n] + added_weights(rules, room, t, v, n)
    size = rules.working[t, v]
    pending = True
    for k in range(rules.slots[n]):
        if pending and size > room.top[n, k]:
            need += size
            pending = False
        else:
            need += room.top[n, k - (0 if pending else 1)]
    return need <= rules.memory[n]


@helper
def smallest_variant(rules: Rules, room: Room, t: int, n: int) -> int:
    """Variant that adds the fewest bytes to a node, lowest among equals; -1 if none may run."""
    best, least = -1, 0.0
    for v in range(rules.allowed.shape[1]):
        if rules.allowed[t, v, n]:
            need = added_weights(rules, room, t, v, n) + rules.working[t, v]
            if best < 0 or need < least:
                best, least = v, need
    return best


# ----- groups ------------------------------------------------------------------------------------
@helper
def kept_apart(rules: Rules, room: Room, t: int, n: int) -> bool:
    """Whether no task that must sit apart from t holds a place on n."""
    for i in range(rules.apart_ptr[t], rules.apart_ptr[t + 1]):
        if room.held[rules.apart_tasks[i]] == n:
            return False
    return True


@helper
def is_witnessed(room: Room, t: int, v: int, n: int) -> bool:
    """Whether a choice is the one of the witness."""
    return room.guarded[0] and room.witness[t] == n and room.witness_variant[t] == v


@routine
def seat_bundle(rules: Rules, room: Room, t: int, v: int, n: int) -> bool:
    """Count a task and, with their smallest variants, the others of its bundle on a node.

    A choice of the witness takes the witness's variants. False leaves the node in a state that
    `unseat_bundle` clears.
    """
    known = is_witnessed(room, t, v, n)
    occupy(rules, room, t, v, n)
    b = rules.bundle[t]
    for i in range(rules.bundle_ptr[b], rules.bundle_ptr[b + 1]):
        other = rules.bundle_tasks[i]
        if not kept_apart(rules, room, other, n):
            return False
        if other != t:
            chosen = room.witness_variant[other]
            if not known:
                chosen = smallest_variant(rules, room, other, n)
            if chosen < 0:
                return False
            occupy(rules, room, other, chosen, n)
    return within(rules, room, n)


@routine
def unseat_bundle(rules: Rules, room: Room, b: int, n: int) -> None:
    """Undo `seat_bundle`."""
    for i in range(rules.bundle_ptr[b], rules.bundle_ptr[b + 1]):
        room.held[rules.bundle_tasks[i]] = -1
        room.held_variant[rules.bundle_tasks[i]] = -1
    recount(rules, room, n)


@routine
def exchange(rules: Rules, room: Room, t: int, v: int, n: int) -> bool:
    """Give a task another variant than was reserved for it; whether that fits."""
    room.held_variant[t] = v
    recount(rules, room, n)
    return within(rules, room, n)


@routine
def fits(rules: Rules, room: Room, t: int, v: int, n: int) -> bool:
    """Whether a variant of a task that is not yet placed may go on a node."""
    if not rules.allowed[t, v, n]:
        return False
    if is_witnessed(room, t, v, n):
        return True
    if room.guarded[0] and room.banned[t, v, n]:
        return False
    if room.held[t] >= 0:
        if room.held[t] != n:
            return False
        reserved = room.held_variant[t]
        if reserved == v:
            return True
        fine = exchange(rules, room, t, v, n)
        exchange(rules, room, t, reserved, n)
        return fine
    if not kept_apart(rules, room, t, n) or not fits_memory(rules, room, t, v, n):
        return False
    if rules.bundle[t] < 0:
        return True
    fine = seat_bundle(rules, room, t, v, n)
    unseat_bundle(rules, room, rules.bundle[t], n)
    return fine


@routine
def hold_place(rules: Rules, room: Room, t: int, v: int, n: int) -> None:
    """Count a task, for which `fits` holds, on its node; its bundle with it."""
    if room.held[t] >= 0:
        if room.held_variant[t] != v:
            exchange(rules, room, t, v, n)
    elif rules.bundle[t] >= 0:
        seat_bundle(rules, room, t, v, n)
    else:
        occupy(rules, room, t, v, n)
