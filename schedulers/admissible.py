"""Which (task, variant, node) still fit, given what is placed: memory, groups, forbidden nodes.

Every planner chooses among the places that a `Keeper` leaves open and has its choice admitted.

* Forbidden nodes, pins and variants that exceed a node on their own are never open.
* `apart`: no two tasks of a group share a node.
* `place_with`: overlapping groups are merged into bundles. The first task of a bundle is let in
  only where all of them may run and fit; the memory of the others, each with its smallest variant,
  is reserved at once.
* Memory is counted as `simulator.rules.resident_bytes` does: the weights of a sharing group once,
  plus the c largest working sets. (Where variants of one group declare different weights, the
  largest counts.)

A greedy choice can lead into a dead end. Planners first run without looking ahead; if they get
stuck they run again on guard: a complete admissible placement, the witness, is known at all times,
and a choice is admitted only if a witness that contains it can be found (the old one with this
task moved, or a new one by greedy completion). As the witness's own choice is always admitted, a
guarded run cannot get stuck. `schedulers.feasible` finds the first witness.

O(T V) time for each placement while constraints are in force, O(1) without any.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from simulator.arrays import BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    from simulator.problem import Problem


class Rules(NamedTuple):
    """Constraints of a problem, as compiled planners take them.

    Parameters
    ----------
    constrained : bool, False if only forbidden nodes matter
    allowed : (T, V, N) bool array
    weights, working : (T, V) float arrays, bytes
    group : (T, V) int array, sharing group, -1 where there is no such variant
    memory : (N,) float array, bytes
    slots : (N,) int array
    bundle : (T,) int array, -1 for tasks of no `place_with` group
    bundle_ptr, bundle_tasks : tasks of each bundle, ascending
    apart_ptr, apart_tasks : for each task those it must not share a node with, ascending
    difficulty : (T,) float array, share of the mean memory that a task needs; large goes first
    """

    constrained: bool
    allowed: BoolArray
    weights: FloatArray
    working: FloatArray
    group: IntArray
    memory: FloatArray
    slots: IntArray
    bundle: IntArray
    bundle_ptr: IntArray
    bundle_tasks: IntArray
    apart_ptr: IntArray
    apart_tasks: IntArray
    difficulty: FloatArray


class Room(NamedTuple):
    """What is taken on the nodes. C is the largest number of slots, G of sharing groups.

    Parameters
    ----------
    node, variant : (T,) int arrays, -1 while not placed
    held, held_variant : (T,) int arrays
        As `node` and `variant`, but also set for tasks whose place is reserved by their bundle.
    counted : (N, G) float array, weights of each group counted on a node, -1 if not there
    total : (N,) float array, sum of these
    top : (N, C) float array, largest working sets, descending
    guarded : (1,) bool array
    banned : (T, V, N) bool array, choices that the guard refused
    witness, witness_variant : (T,) int arrays
    order : (T,) int array; trouble : (T,) float array
        In which order `complete` places tasks: most trouble first.
    """

    node: IntArray
    variant: IntArray
    held: IntArray
    held_variant: IntArray
    counted: FloatArray
    total: FloatArray
    top: FloatArray
    guarded: BoolArray
    banned: BoolArray
    witness: IntArray
    witness_variant: IntArray
    order: IntArray
    trouble: FloatArray


_RULES: weakref.WeakKeyDictionary[Problem, Rules] = weakref.WeakKeyDictionary()


def rules_of(problem: Problem) -> Rules:
    """The constraints of a problem; made once and kept while the problem lives."""
    rules = _RULES.get(problem)
    if rules is None:
        rules = _RULES[problem] = _build(problem)
    return rules


def _build(problem: Problem) -> Rules:
    bundle, bundle_ptr, bundle_tasks = _bundles(problem)
    mates: list[set[int]] = [set() for _ in range(problem.n_tasks)]
    for group in problem.apart:
        for t in group:
            mates[t] |= set(group) - {t}
    limited = bool(np.isfinite(problem.memory_bytes).any())
    need = np.where(
        problem.allowed.any(axis=2), problem.weights_bytes + problem.working_bytes, np.inf
    )
    finite = problem.memory_bytes[np.isfinite(problem.memory_bytes)]
    scale = float(finite.mean()) if len(finite) and finite.mean() > 0 else 1.0
    return Rules(
        constrained=limited or len(problem.place_with) + len(problem.apart) > 0,
        allowed=np.array(problem.allowed),
        weights=np.array(problem.weights_bytes),
        working=np.array(problem.working_bytes),
        group=np.array(problem.weights_group),
        memory=np.array(problem.memory_bytes),
        slots=np.array(problem.arrays.slots),
        bundle=bundle,
        bundle_ptr=bundle_ptr,
        bundle_tasks=bundle_tasks,
        apart_ptr=np.cumsum([0] + [len(m) for m in mates]),
        apart_tasks=np.array([x for m in mates for x in sorted(m)], dtype=np.int64),
        difficulty=need.min(axis=1) / scale if limited else np.zeros(problem.n_tasks),
    )


def _bundles(problem: Problem) -> tuple[IntArray, IntArray, IntArray]:
    """Merge overlapping `place_with` groups; number them by their lowest task."""
    root = list(range(problem.n_tasks))

    def find(t: int) -> int:
        while root[t] != t:
            t = root[t]
        return t

    for group in problem.place_with:
        for t in group[1:]:
            low, high = sorted((find(group[0]), find(t)))
            root[high] = low
    members: dict[int, list[int]] = {}
    for t in range(problem.n_tasks):
        members.setdefault(find(t), []).append(t)
    bundles = [tasks for tasks in members.values() if len(tasks) > 1]
    bundle = np.full(problem.n_tasks, -1, dtype=np.int64)
    for b, tasks in enumerate(bundles):
        bundle[tasks] = b
    ptr = np.cumsum([0] + [len(tasks) for tasks in bundles])
    return bundle, ptr, np.array([t for tasks in bundles for t in tasks], dtype=np.int64)


def new_room(rules: Rules, guarded: bool = False) -> Room:
    """Nothing placed yet."""
    t, v, n = rules.allowed.shape
    groups = int(rules.group.max()) + 1 if rules.constrained else 0
    grouped = (rules.bundle >= 0) | (np.diff(rules.apart_ptr) > 0)
    trouble = rules.difficulty + grouped
    return Room(
        node=np.full(t, -1, dtype=np.int64),
        variant=np.full(t, -1, dtype=np.int64),
        held=np.full(t, -1, dtype=np.int64),
        held_variant=np.full(t, -1, dtype=np.int64),
        counted=np.full((n, groups), -1.0),
        total=np.zeros(n),
        top=np.zeros((n, int(rules.slots.max()))),
        guarded=np.array([guarded]),
        banned=np.zeros((t, v, n) if guarded else (0, 0, 0), dtype=np.bool_),
        witness=np.full(t, -1, dtype=np.int64),
        witness_variant=np.full(t, -1, dtype=np.int64),
        order=np.argsort(-trouble, kind="stable"),
        trouble=trouble,
    )
