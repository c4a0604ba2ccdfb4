"""Compiled decoding where memory limits or groups are in force: each choice must be admitted.

First without looking ahead; a candidate that gets stuck is decoded again on guard, where a complete
admissible placement is known at all times (`schedulers.admissible`): that repairs it.
"""

from __future__ import annotations

from schedulers.admissible import Room, Rules
from schedulers.compiled import entry, routine
from schedulers.decode.desk import Books, Desk
from schedulers.decode.kernel import (
    clear_desk,
    fill_heap,
    pop_task,
    soonest_place,
    take_place,
    wished_place,
    write_out,
)
from schedulers.guard import keep_books
from schedulers.view import View, inputs_ready
from simulator.arrays import BoolArray, FloatArray, IntArray

EDGE = 1e-9
"""Share of a node's memory within which sums of fractional bytes might round the other way."""


@routine
def copy_room(room: Room, to: Room) -> None:
    """Copy the books of a run, all that they hold."""
    for t in range(room.node.shape[0]):
        to.node[t], to.variant[t] = room.node[t], room.variant[t]
        to.held[t], to.held_variant[t] = room.held[t], room.held_variant[t]
        to.witness[t], to.witness_variant[t] = room.witness[t], room.witness_variant[t]
        to.order[t], to.trouble[t] = room.order[t], room.trouble[t]
    for n in range(room.total.shape[0]):
        to.total[n] = room.total[n]
        for g in range(room.counted.shape[1]):
            to.counted[n, g] = room.counted[n, g]
        for k in range(room.top.shape[1]):
            to.top[n, k] = room.top[n, k]


@routine
def copy_flags(flags: BoolArray, to: BoolArray) -> None:
    """Copy a (T, V, N) array; nothing if it is empty."""
    for t in range(flags.shape[0]):
        for v in range(flags.shape[1]):
            for n in range(flags.shape[2]):
                to[t, v, n] = flags[t, v, n]


@routine
def is_brimful(rules: Rules, room: Room) -> bool:
    """Whether some node is so full that rounding decides whether it is overfull."""
    for n in range(room.total.shape[0]):
        need = room.total[n]
        for k in range(rules.slots[n]):
            need += room.top[n, k]
        if need > rules.memory[n] * (1.0 - EDGE):
            return True
    return False


@entry
def decode_judged(
    view: View,
    rules: Rules,
    desk: Desk,
    books: Books,
    insertion: bool,
    ranked: bool,
    low: int,
    high: int,
    priority: FloatArray,
    bias: FloatArray,
    wish: IntArray,
    node: IntArray,
    variant: IntArray,
    rank: IntArray,
    makespan: FloatArray,
    brimful: BoolArray,
) -> None:
    """Decode the candidates [low, high); `brimful` tells which must be checked exactly."""
    fit = books.fit
    for b in range(low, high):
        key = priority[b]
        guard = False
        while True:
            room = books.room
            if guard:
                room = books.guarded
                copy_room(books.empty_guarded, room)
                copy_flags(books.empty_guarded.banned, room.banned)
                copy_flags(books.open_guarded, fit)
            else:
                copy_room(books.empty, room)
                copy_flags(books.open, fit)
            clear_desk(view, desk)
            size = fill_heap(desk, key)
            stuck = False
            while size > 0 and not stuck:
                t = pop_task(desk.heap, size, key)
                size -= 1
                ready = False
                while True:
                    v, n = -1, -1
                    if wish.shape[0] > 0 and wish[b, t] >= 0:
                        n = wish[b, t] % view.hold.shape[2]
                        v = wished_place(view, desk, insertion, True, fit, t, wish[b, t])
                    if v < 0:
                        if not ready:
                            inputs_ready(view, t, desk.node, desk.variant, desk.finish, desk.ready)
                            ready = True
                        v, n = soonest_place(view, desk, insertion, True, fit, t, b, bias)
                    stuck = n < 0
                    if stuck or keep_books(rules, room, books.backup, fit, t, v, n):
                        break
                if not stuck:
                    size = take_place(view, desk, insertion, key, t, v, n, size)
            if not stuck or guard:
                break
            guard = True
        brimful[b] = stuck or is_brimful(rules, room)
        if not stuck:
            write_out(view, desk, ranked, b, node, variant, rank, makespan)
