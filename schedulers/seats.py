"""Compiled book-keeping of memory and groups: what fits where, and the guard against dead ends.

See `schedulers.admissible` for the rules.
"""

from __future__ import annotations

import numpy as np

from schedulers.admissible import Room, Rules
from schedulers.compiled import entry, helper, routine
from simulator.arrays import BoolArray, IntArray

GUARD_ATTEMPTS = 6


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


# ----- the guard ---------------------------------------------------------------------------------
@routine
def copy_places(node: IntArray, variant: IntArray, to: IntArray, to_variant: IntArray) -> None:
    """Copy nodes and variants."""
    for t in range(node.shape[0]):
        to[t] = node[t]
        to_variant[t] = variant[t]


@routine
def save(room: Room, copy: Room) -> None:
    """Copy all that `hold_place` changes."""
    copy_places(room.held, room.held_variant, copy.held, copy.held_variant)
    for n in range(room.total.shape[0]):
        copy.total[n] = room.total[n]
        for g in range(room.counted.shape[1]):
            copy.counted[n, g] = room.counted[n, g]
        for k in range(room.top.shape[1]):
            copy.top[n, k] = room.top[n, k]


@routine
def settle_in(rules: Rules, room: Room, t: int, strategy: int) -> bool:
    """Hold a place for a task by a simple strategy; False if it fits nowhere.

    0: the node on which it adds least and that is then fullest, 1: that has most memory left,
    2: the first node.
    """
    nowhere = int(np.int64(-1))  # to numba a plain -1 has a type of its own
    best_v, best_n = nowhere, nowhere
    best, second = 0.0, 0.0
    for n in range(rules.allowed.shape[2]):
        for v in range(rules.allowed.shape[1]):
            if not fits(rules, room, t, v, n):
                continue
            weights = added_weights(rules, room, t, v, n)
            left = rules.memory[n] - room.total[n] - weights
            key, tie = weights + rules.working[t, v], left
            if strategy == 1:
                key, tie = -left, weights
            elif strategy == 2:
                key, tie = 0.0, 0.0
            if best_n < 0 or key < best or (key == best and tie < second):
                best_v, best_n, best, second = v, n, key, tie
    if best_n < 0:
        return False
    hold_place(rules, room, t, best_v, best_n)
    return True


@routine
def by_trouble(room: Room) -> None:
    """Sort the order of placing; it is nearly sorted from the second time on."""
    for k in range(1, room.order.shape[0]):
        t = room.order[k]
        i = k
        while i > 0 and room.trouble[room.order[i - 1]] < room.trouble[t]:
            room.order[i] = room.order[i - 1]
            i -= 1
        room.order[i] = t


@routine
def complete(rules: Rules, room: Room, backup: Room, attempts: int) -> bool:
    """Find places for all tasks that hold none, largest first; `room` is left as it was.

    Whenever a task fits nowhere it moves to the front and another attempt begins, with the next
    of three strategies. On success the places stand in the witness of `room`.
    """
    n_tasks = room.held.shape[0]
    guarded = room.guarded[0]
    room.guarded[0] = False
    save(room, backup)
    done = False
    for attempt in range(attempts):
        by_trouble(room)
        done = True
        for i in range(n_tasks):
            t = room.order[i]
            if room.held[t] < 0 and not settle_in(rules, room, t, attempt % 3):
                room.trouble[t] = room.trouble[room.order[0]] + 1.0
                done = False
                break
        if done:
            copy_places(room.held, room.held_variant, room.witness, room.witness_variant)
        save(backup, room)
        if done:
            break
    room.guarded[0] = guarded
    return done


@routine
def moved_witness(rules: Rules, room: Room, backup: Room, t: int, v: int, n: int) -> bool:
    """Whether the witness stays admissible with one task moved; if so it is moved there."""
    if room.held[t] < 0 and rules.bundle[t] >= 0:
        return False
    for i in range(rules.apart_ptr[t], rules.apart_ptr[t + 1]):
        if room.witness[rules.apart_tasks[i]] == n:
            return False
    copy_places(room.witness, room.witness_variant, backup.held, backup.held_variant)
    backup.held[t] = n
    backup.held_variant[t] = v
    recount(rules, backup, n)
    if not within(rules, backup, n):
        return False
    room.witness[t] = n
    room.witness_variant[t] = v
    return True


@routine
def revoke(rules: Rules, room: Room, t: int, reserved: int, n: int) -> None:
    """Undo `hold_place`; `reserved` is the variant that was reserved for the task, -1 if none."""
    if reserved >= 0:
        exchange(rules, room, t, reserved, n)
    elif rules.bundle[t] >= 0:
        unseat_bundle(rules, room, rules.bundle[t], n)
    else:
        room.held[t] = -1
        room.held_variant[t] = -1
        recount(rules, room, n)


@entry
def keep_books(
    rules: Rules, room: Room, backup: Room, fit: BoolArray, t: int, v: int, n: int
) -> bool:
    """Take a place for which `fit` holds and bring `fit` up to date; False if the guard objects.

    With t = -1 nothing is taken and all of `fit` is filled in; with t = -2 the first witness is
    looked for, v being the number of attempts. (One entry point, so that it is compiled once.)

    Parameters
    ----------
    backup : Room
        Scratch.
    fit : (T, V, N) bool array
        Which choices for tasks not yet placed are open.
    """
    n_tasks, n_variants, n_nodes = fit.shape
    sure, reserved = t == -1, int(np.int64(-1))
    if t >= 0:
        reserved = room.held_variant[t]
        sure = not room.guarded[0] or is_witnessed(room, t, v, n)
        sure = sure or moved_witness(rules, room, backup, t, v, n)
        hold_place(rules, room, t, v, n)
    if not sure and not complete(rules, room, backup, v if t == -2 else GUARD_ATTEMPTS):
        if t >= 0:
            revoke(rules, room, t, reserved, n)
            room.banned[t, v, n] = True
            fit[t, v, n] = False
        return False
    if t == -2:
        return True
    if t >= 0:
        room.node[t] = n
        room.variant[t] = v
    for other in range(n_tasks):
        if room.node[other] >= 0:
            continue
        everywhere = t < 0 or (rules.bundle[t] >= 0 and rules.bundle[other] == rules.bundle[t])
        for m in range(n_nodes):
            if everywhere or m == n:
                for u in range(n_variants):
                    fit[other, u, m] = fits(rules, room, other, u, m)
        if room.guarded[0]:  # the witness may have changed; it stays open, come what may
            fit[other, room.witness_variant[other], room.witness[other]] = True
    return True
