"""Compiled annealing on the queueing model, and a list of the best distinct places it has seen."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schedulers.admissible import Room, Rules
from schedulers.compiled import entry, helper, routine
from schedulers.seats import kept_apart, recount, within
from schedulers.streams.demand import Demand
from schedulers.streams.model import Desk, estimate
from schedulers.view import View
from simulator.arrays import BoolArray, FloatArray, IntArray

STEP = np.uint64(0x9E3779B97F4A7C15)
MIX = np.uint64(0xBF58476D1CE4E5B9)
MIX2 = np.uint64(0x94D049BB133111EB)
S30, S27, S31, S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)


class Units(NamedTuple):
    """What moves as one: the tasks of a `place_with` group, or a single task.

    Parameters
    ----------
    ptr, tasks : tasks of each unit
    of : (T,) int array, the unit of a task
    open_ptr, open_node : nodes on which all tasks of a unit may run
    near_ptr, near : units that each unit exchanges messages with
    """

    ptr: IntArray
    tasks: IntArray
    of: IntArray
    open_ptr: IntArray
    open_node: IntArray
    near_ptr: IntArray
    near: IntArray


class Elite(NamedTuple):
    """The best distinct places seen, in no order.

    Parameters
    ----------
    value : (K,) float array, +inf where empty
    node, variant : (K, T) int arrays
    """

    value: FloatArray
    node: IntArray
    variant: IntArray


class Walk(NamedTuple):
    """Where the annealing stands.

    Parameters
    ----------
    node, variant : (T,) int arrays, current places
    next_node, next_variant : (T,) int arrays, the proposal
    value : (2,) float array, estimate of the current places and the start's
    chance : (1,) uint64 array
    """

    node: IntArray
    variant: IntArray
    next_node: IntArray
    next_variant: IntArray
    value: FloatArray
    chance: NDArray[np.uint64]


def units_of(rules: Rules, src: IntArray, dst: IntArray) -> Units:
    """Group the tasks and list where each group may go and which groups it talks to."""
    n_tasks = len(rules.bundle)
    known: dict[int, int] = {}
    of = np.empty(n_tasks, dtype=np.int64)
    for t in range(n_tasks):
        b = int(rules.bundle[t])
        of[t] = known.setdefault(b if b >= 0 else -1 - t, len(known))
    members = [np.flatnonzero(of == u) for u in range(len(known))]
    nodes: BoolArray = np.array(rules.allowed.any(axis=1), dtype=np.bool_)
    places = [np.flatnonzero(nodes[m].all(axis=0)) for m in members]
    talks: list[set[int]] = [set() for _ in members]
    for a, b in zip(of[src].tolist(), of[dst].tolist(), strict=True):
        if a != b:
            talks[a].add(b)
            talks[b].add(a)
    near = [np.array(sorted(x), dtype=np.int64) for x in talks]
    return Units(*_ragged(members), of, *_ragged(places), *_ragged(near))


def _ragged(rows: list[IntArray]) -> tuple[IntArray, IntArray]:
    ptr = np.cumsum([0] + [len(r) for r in rows])
    flat = np.concatenate(rows) if rows else np.empty(0)
    return ptr, flat.astype(np.int64)


@helper
def _uniform(walk: Walk) -> float:
    """Next number in [0, 1) of a splitmix64 sequence."""
    z = walk.chance[0] + STEP
    walk.chance[0] = z
    z = (z ^ (z >> S30)) * MIX
    z = (z ^ (z >> S27)) * MIX2
    z = z ^ (z >> S31)
    return float(z >> S11) * (1.0 / 9007199254740992.0)


@routine
def _send(rules: Rules, units: Units, walk: Walk, u: int, n: int) -> None:
    """Propose a node for a unit; variants stay where they may and half of the time."""
    for i in range(units.ptr[u], units.ptr[u + 1]):
        t = units.tasks[i]
        walk.next_node[t] = n
        if rules.allowed[t, walk.next_variant[t], n] and _uniform(walk) < 0.5:
            continue
        count = 0
        for v in range(rules.allowed.shape[1]):
            count += rules.allowed[t, v, n]
        pick = int(_uniform(walk) * count)
        for v in range(rules.allowed.shape[1]):
            if rules.allowed[t, v, n]:
                if pick == 0:
                    walk.next_variant[t] = v
                    break
                pick -= 1


@helper
def _may_go(units: Units, u: int, n: int) -> bool:
    found = False
    for i in range(units.open_ptr[u], units.open_ptr[u + 1]):
        found = found or units.open_node[i] == n
    return found


@routine
def _propose(rules: Rules, units: Units, walk: Walk) -> None:
    """Change the proposal: a unit moves, joins or swaps with another, or takes one along."""
    count = units.ptr.shape[0] - 1
    u = int(_uniform(walk) * count)
    kind = _uniform(walk)
    talks = units.near_ptr[u + 1] - units.near_ptr[u]
    other = u
    if talks > 0:
        other = units.near[units.near_ptr[u] + int(_uniform(walk) * talks)]
    here = walk.next_node[units.tasks[units.ptr[u]]]
    there = walk.next_node[units.tasks[units.ptr[other]]]
    places = units.open_ptr[u + 1] - units.open_ptr[u]
    n = units.open_node[units.open_ptr[u] + int(_uniform(walk) * places)]
    if kind < 0.15:
        n = here
    elif kind < 0.35 and _may_go(units, u, there):
        n = there
    elif kind < 0.5 and _may_go(units, other, n):
        _send(rules, units, walk, other, n)
    elif kind < 0.6:
        other = int(_uniform(walk) * count)
        there = walk.next_node[units.tasks[units.ptr[other]]]
        if _may_go(units, u, there) and _may_go(units, other, here):
            n = there
            _send(rules, units, walk, other, here)
    _send(rules, units, walk, u, n)


@routine
def _is_admissible(rules: Rules, room: Room, walk: Walk) -> bool:
    """Whether the proposal, which differs from the current places, keeps memory and groups."""
    n_tasks = walk.node.shape[0]
    for t in range(n_tasks):
        room.held[t] = walk.next_node[t]
        room.held_variant[t] = walk.next_variant[t]
    for t in range(n_tasks):
        n = walk.next_node[t]
        if n == walk.node[t] and walk.next_variant[t] == walk.variant[t]:
            continue
        if not kept_apart(rules, room, t, n):
            return False
        recount(rules, room, n)
        if not within(rules, room, n):
            return False
    return True


@routine
def _remember(elite: Elite, walk: Walk, value: float) -> None:
    """Put the current places among the best, unless they are there or not good enough."""
    worst = 0
    for k in range(elite.value.shape[0]):
        if elite.value[k] == value:
            same = True
            for t in range(walk.node.shape[0]):
                if elite.node[k, t] != walk.node[t] or elite.variant[k, t] != walk.variant[t]:
                    same = False
                    break
            if same:
                return
        if elite.value[k] > elite.value[worst]:
            worst = k
    if value < elite.value[worst]:
        elite.value[worst] = value
        for t in range(walk.node.shape[0]):
            elite.node[worst, t] = walk.node[t]
            elite.variant[worst, t] = walk.variant[t]


@entry
def anneal(
    view: View,
    demand: Demand,
    desk: Desk,
    rules: Rules,
    room: Room,
    units: Units,
    walk: Walk,
    elite: Elite,
    moves: int,
    hot: float,
    cold: float,
) -> None:
    """Make so many moves, at temperatures from `hot` to `cold` times the start's estimate.

    Temperatures fall geometrically. A NaN in `walk.value` asks for the estimate of the start.
    """
    n_tasks = walk.node.shape[0]
    if np.isnan(walk.value[0]):
        walk.value[0] = estimate(view, demand, desk, walk.node, walk.variant)
        walk.value[1] = walk.value[0]
        _remember(elite, walk, walk.value[0])
    scale = walk.value[1] if walk.value[1] < np.inf else 0.0
    heat = scale * hot
    fall = (cold / hot) ** (1.0 / max(moves, 1)) if hot > 0.0 else 1.0
    for t in range(n_tasks):
        walk.next_node[t] = walk.node[t]
        walk.next_variant[t] = walk.variant[t]
    for _ in range(moves):
        _propose(rules, units, walk)
        fine = not rules.constrained or _is_admissible(rules, room, walk)
        if fine:
            value = estimate(view, demand, desk, walk.next_node, walk.next_variant)
            fine = value <= walk.value[0] - heat * np.log(1.0 - _uniform(walk))
            if fine:
                for t in range(n_tasks):
                    walk.node[t] = walk.next_node[t]
                    walk.variant[t] = walk.next_variant[t]
                walk.value[0] = value
                _remember(elite, walk, value)
        if not fine:
            for t in range(n_tasks):
                walk.next_node[t] = walk.node[t]
                walk.next_variant[t] = walk.variant[t]
        heat *= fall
