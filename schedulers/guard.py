"""Compiled books of one planner's run, and the guard that keeps it out of dead ends.

See `schedulers.admissible` for the idea; `schedulers.feasible.Keeper` is what planners see.
"""

from __future__ import annotations

import numpy as np

from schedulers.admissible import Room, Rules
from schedulers.compiled import entry, routine
from schedulers.seats import (
    added_weights,
    exchange,
    fits,
    fits_memory,
    hold_place,
    is_witnessed,
    recount,
    unseat_bundle,
    within,
)
from simulator.arrays import BoolArray, IntArray

GUARD_ATTEMPTS = 6
"""How often greedy completion may start again before a choice is refused."""


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
        ungrouped = rules.bundle[other] < 0 and rules.apart_ptr[other] == rules.apart_ptr[other + 1]
        for m in range(n_nodes):
            if everywhere or m == n:
                for u in range(n_variants):
                    if ungrouped and not room.guarded[0]:  # as `fits`, without the call
                        fit[other, u, m] = rules.allowed[other, u, m] and fits_memory(
                            rules, room, other, u, m
                        )
                    else:
                        fit[other, u, m] = fits(rules, room, other, u, m)
        if room.guarded[0]:  # the witness may have changed; it stays open, come what may
            fit[other, room.witness_variant[other], room.witness[other]] = True
    return True
