"""Runs a compiled planner to its end, judging its choices where constraints are in force.

A planner is a compiled loop over a `State`. Without constraints it runs through in one call. With
them it returns at each choice, the `Keeper` admits or refuses it, and the planner goes on: so the
loops need not know about memory and groups, and are compiled without them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from schedulers.admissible import Rules, rules_of
from schedulers.feasible import Keeper
from schedulers.timeline import Lanes, Plan, replayed
from schedulers.view import view_of
from simulator.arrays import BoolArray, FloatArray, IntArray
from simulator.rules import resident_bytes

if TYPE_CHECKING:
    from simulator.problem import Problem

DONE, ASK, STUCK = range(3)
"""What a planner returns: finished, a choice waits for its verdict, a task fits nowhere."""

CHOICE_T, CHOICE_V, CHOICE_N = range(3)
"""Indices into `State.choice`."""


class State(NamedTuple):
    """Where a planner stands.

    Parameters
    ----------
    node, variant : (T,) int arrays
    start, finish : (T,) float arrays, seconds
    fit : (T, V, N) bool array, open choices
    judged : (1,) bool array, whether choices must be admitted
    choice : (3,) int array
        Task, variant and node that wait for admission; a refused choice has node -1.
    waiting : (T,) int array, inputs that are still missing
    queue : (T,) int array
        Ready tasks, in the order that suits the planner.
    ready : (N,) float array, when the inputs of the task at hand can be used on each node
    begin : (1,) float array, start of the task at hand at the place chosen for it
    memo : (4,) int array, whatever else the planner must remember
    """

    node: IntArray
    variant: IntArray
    start: FloatArray
    finish: FloatArray
    fit: BoolArray
    judged: BoolArray
    choice: IntArray
    waiting: IntArray
    queue: IntArray
    ready: FloatArray
    begin: FloatArray
    memo: IntArray


def run_planner(
    problem: Problem,
    begin: Callable[[State], Lanes],
    core: Callable[[State, Lanes], int],
) -> Plan:
    """Run a planner without looking ahead, and on guard if it gets stuck.

    Parameters
    ----------
    begin : callable
        Readies a fresh state (its queue) and returns empty lanes.
    core : callable
        The compiled loop; returns `DONE`, `ASK` or `STUCK`.

    Raises
    ------
    Infeasible
        No admissible allocation exists, or none was found.
    """
    rules = rules_of(problem)
    state = _attempt(problem, rules, False, begin, core)
    if state is None:
        state = _attempt(problem, rules, True, begin, core)
    if state is not None and rules.constrained and _overfull(problem, state):
        # Sums of fractional bytes rounded the other way: plan again with a hair less memory.
        tight = rules._replace(memory=rules.memory * (1.0 - 1e-12))
        state = _attempt(problem, tight, True, begin, core)
    assert state is not None, "a guarded planner found no place although a witness was known"
    return replayed(view_of(problem), state.node, state.variant, state.start, state.finish)


def _attempt(
    problem: Problem,
    rules: Rules,
    guarded: bool,
    begin: Callable[[State], Lanes],
    core: Callable[[State, Lanes], int],
) -> State | None:
    keeper = Keeper(problem, rules, guarded)
    state = _new_state(problem, keeper)
    lanes = begin(state)
    while (code := core(state, lanes)) == ASK:
        t, v, n = (int(i) for i in state.choice)
        if not keeper.admit(t, v, n):
            state.choice[CHOICE_N] = -1
    return state if code == DONE else None


def _new_state(problem: Problem, keeper: Keeper) -> State:
    view = view_of(problem)
    places = np.full((2, view.n_tasks), -1, dtype=np.int64)
    times = np.empty((2, view.n_tasks))
    small = np.zeros(7, dtype=np.int64)
    small[:3] = -1
    return State(
        node=places[0],
        variant=places[1],
        start=times[0],
        finish=times[1],
        fit=keeper.fit,
        judged=np.array([keeper.rules.constrained]),
        choice=small[:3],
        waiting=view.inputs.copy(),
        queue=np.empty(view.n_tasks, dtype=np.int64),
        ready=np.empty(view.n_nodes),
        begin=np.empty(1),
        memo=small[3:],
    )


def _overfull(problem: Problem, state: State) -> bool:
    need = resident_bytes(problem, state.node, state.variant)
    return bool((need > problem.memory_bytes).any())
