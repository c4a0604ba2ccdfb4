"""The first complete placement of a tightly constrained problem, or a sentence why there is none.

Tried in this order: greedy completion, largest tasks first, restarted with whatever failed in
front (`guard.complete`); then exhaustive depth-first search, cut off after `STEPS` placements.
If that ends by itself, no admissible allocation exists; if it is cut off, none was found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from schedulers.admissible import Room, Rules, new_room
from schedulers.compiled import entry
from schedulers.guard import keep_books
from schedulers.seats import fits_memory, kept_apart, occupy, recount
from simulator.arrays import BoolArray, IntArray
from simulator.errors import Infeasible

if TYPE_CHECKING:
    from simulator.problem import Problem

ATTEMPTS = 60
STEPS = 300_000


@entry
def _exhaustive(
    rules: Rules, room: Room, order: IntArray, option: IntArray, deepest: IntArray, limit: int
) -> int:
    """Place the tasks in the given order, trying every (node, variant).

    1 if a placement was found, 0 if there is none, -1 if cut off. `deepest` (1,) receives
    the largest number of tasks that could be placed together.
    """
    n_tasks, n_variants, n_nodes = rules.allowed.shape
    depth, steps = 0, 0
    option[0] = -1
    while 0 <= depth < n_tasks:
        t = order[depth]
        home = -1
        b = rules.bundle[t]
        if b >= 0:
            for i in range(rules.bundle_ptr[b], rules.bundle_ptr[b + 1]):
                home = max(home, room.held[rules.bundle_tasks[i]])
        found = False
        code = option[depth]
        while not found and code + 1 < n_nodes * n_variants:
            code += 1
            n, v = code // n_variants, code % n_variants
            found = (
                rules.allowed[t, v, n]
                and (home < 0 or home == n)
                and kept_apart(rules, room, t, n)
                and fits_memory(rules, room, t, v, n)
            )
        if found:
            steps += 1
            if steps > limit:
                return -1
            occupy(rules, room, t, code % n_variants, code // n_variants)
            option[depth] = code
            depth += 1
            deepest[0] = max(deepest[0], depth)
            if depth < n_tasks:
                option[depth] = -1
        else:
            depth -= 1
            if depth >= 0:
                n = room.held[order[depth]]
                room.held[order[depth]] = -1
                recount(rules, room, n)
    return 1 if depth == n_tasks else 0


class Keeper:
    """Keeps the books of one run of a planner: which places are open, and who has taken one.

    Parameters
    ----------
    problem : Problem
    rules : Rules
    guarded : bool
        Admit only what some complete admissible placement contains.

    Attributes
    ----------
    fit : (T, V, N) bool array
        Open choices for tasks not yet placed.

    Raises
    ------
    Infeasible
        On guard: no admissible allocation exists, or none was found.
    """

    def __init__(self, problem: Problem, rules: Rules, guarded: bool = False) -> None:
        self.rules = rules
        self.fit: BoolArray = np.array(rules.allowed)
        if rules.constrained:
            self._backup = new_room(rules)
            self._room = _guarded_room(problem, rules) if guarded else new_room(rules)
            keep_books(rules, self._room, self._backup, self.fit, -1, -1, -1)

    def admit(self, t: int, v: int, n: int) -> bool:
        """Take an open place; False, and it is open no longer, if the guard objects."""
        return not self.rules.constrained or keep_books(
            self.rules, self._room, self._backup, self.fit, t, v, n
        )


def _guarded_room(problem: Problem, rules: Rules) -> Room:
    """An empty room on guard, with its first witness."""
    room = new_room(rules, guarded=True)
    unused = np.empty((0, 0, 0), dtype=np.bool_)
    if keep_books(rules, room, new_room(rules), unused, -2, ATTEMPTS, -1):
        return room
    _refuse_hopeless(problem, rules)
    trial = new_room(rules)
    order = _order(rules)
    deepest = np.zeros(1, dtype=np.int64)
    found = _exhaustive(rules, trial, order, np.empty(len(order), dtype=np.int64), deepest, STEPS)
    if found != 1:
        raise Infeasible(_sentence(problem, order, int(deepest[0]), proved=found == 0))
    room.witness[:] = trial.held
    room.witness_variant[:] = trial.held_variant
    return room


def _order(rules: Rules) -> IntArray:
    """Most difficult first, the members of a bundle one after the other."""
    difficulty = np.array(rules.difficulty)
    unit = np.arange(len(difficulty))
    for b in range(len(rules.bundle_ptr) - 1):
        members = rules.bundle_tasks[rules.bundle_ptr[b] : rules.bundle_ptr[b + 1]]
        unit[members] = members[0]
        difficulty[members] = difficulty[members].sum()
    choices = rules.allowed.any(axis=1).sum(axis=1)
    return np.lexsort((np.arange(len(unit)), unit, choices, -difficulty))


def _refuse_hopeless(problem: Problem, rules: Rules) -> None:
    """Name the simple reasons for which nothing can fit."""
    nodes: BoolArray = np.asarray(rules.allowed.any(axis=1))
    for b in range(len(rules.bundle_ptr) - 1):
        members = rules.bundle_tasks[rules.bundle_ptr[b] : rules.bundle_ptr[b + 1]]
        if not nodes[members].all(axis=0).any():
            raise Infeasible(
                f"{_names(problem, members)} must share one node, but no node admits all of them"
            )
    least = np.where(rules.allowed.any(axis=2), rules.weights, np.inf)
    alone = rules.group.max(axis=1) < 0
    for t in range(problem.n_tasks):
        shared = (rules.group == rules.group[t, 0]).any(axis=1).sum() > 1
        alone[t] = not shared
    need = float(least.min(axis=1)[alone].sum())
    if need > rules.memory.sum():
        raise Infeasible(
            f"the weights that no tasks share need {need:.4g} bytes of memory, and all nodes "
            f"together have {rules.memory.sum():.4g}"
        )


def _sentence(problem: Problem, order: IntArray, placed: int, proved: bool) -> str:
    kinds = [
        name
        for name, there in (
            ("memory limits", bool(np.isfinite(problem.memory_bytes).any())),
            ("place_with groups", len(problem.place_with) > 0),
            ("apart groups", len(problem.apart) > 0),
        )
        if there
    ]
    before, stuck = order[:placed], problem.task_names[int(order[placed])]
    rules = f"the {' and the '.join(kinds)} of {problem.name!r}"
    if not proved:
        return (
            f"no allocation was found, in {STEPS} steps of search, that keeps {rules}: "
            f"it came no further than to task {stuck!r}, the {placed + 1}. of {problem.n_tasks}"
        )
    if placed == 0:
        return f"no allocation keeps {rules}: task {stuck!r} fits on no node"
    return (
        f"no allocation keeps {rules}: however {_names(problem, before)} are placed, "
        f"task {stuck!r} fits on no node"
    )


def _names(problem: Problem, tasks: IntArray) -> str:
    shown = ", ".join(repr(problem.task_names[t]) for t in tasks[:8])
    return f"tasks {shown}" + (f" and {len(tasks) - 8} more" if len(tasks) > 8 else "")
