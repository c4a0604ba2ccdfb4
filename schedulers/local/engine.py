"""The compiled loop of the local search: propose, judge, accept or take back."""

from __future__ import annotations

import math
from typing import Any

from schedulers.admissible import Rules
from schedulers.compiled import entry, helper
from schedulers.local.chance import unit
from schedulers.local.linear import find_path, judge_one, judge_window, settle
from schedulers.local.model import Model
from schedulers.local.proposals import Mix, carry_out, keeps_rules, propose, undo, unmark
from schedulers.local.slotted import judge_slotted, reach_back, settle_slotted, trace_path
from schedulers.local.state import (
    BEST,
    COUNT,
    CURRENT,
    FRESH,
    PATH,
    POSITION,
    TARGET_POSITION,
    State,
)

COOLING = 64
"""Moves between two changes of the temperature."""

HAIR = 1e-12
"""Relative difference below which heads plus tails count as equal: they add up in another order."""


@helper
def keep_best(state: State) -> None:
    """Remember the current placement if it is the best so far."""
    if state.memo[FRESH] == 0 or state.value[CURRENT] < state.value[BEST]:
        state.value[BEST] = state.value[CURRENT]
        for t in range(state.order.shape[0]):
            state.best_order[t] = state.order[t]
            state.best_node[t] = state.node[t]
            state.best_variant[t] = state.variant[t]
    state.memo[FRESH] = 1


@helper
def first_changed(state: State) -> Any:
    """First position that a proposal changes."""
    i = min(state.memo[POSITION], state.memo[TARGET_POSITION])
    for k in range(state.memo[COUNT]):
        i = min(i, state.pos[state.moved[k]])
    return i


@helper
def last_changed(state: State) -> Any:
    """Last position that a proposal changes."""
    j = max(state.memo[POSITION], state.memo[TARGET_POSITION])
    for k in range(state.memo[COUNT]):
        j = max(j, state.pos[state.moved[k]])
    return j


@entry
def anneal_linear(
    model: Model, rules: Rules, state: State, mix: Mix, moves: int, hot: float, cold: float
) -> int:
    """Anneal on problems whose finishes are longest paths; see `schedulers.local.linear`.

    Parameters
    ----------
    moves : int
        Proposals; with 0 only the times of a fresh state are computed.
    hot, cold : float, seconds
        Temperature at the beginning and at the end, between them geometric; 0: descent.

    Returns
    -------
    int : proposals accepted.
    """
    n_tasks = state.order.shape[0]
    if state.memo[FRESH] == 0:
        settle(model, state, 0, n_tasks - 1)
        keep_best(state)
    accepted = 0
    temperature = 0.0
    for move in range(moves):
        if move % COOLING == 0 and hot > 0.0:
            temperature = hot * (cold / hot) ** (move / moves)
        if state.memo[PATH] == 0:
            find_path(model, state)
        if not propose(model, rules, state, mix):
            unmark(state)
            continue
        carry_out(state)
        if rules.constrained and state.memo[COUNT] > 0 and not keeps_rules(rules, state):
            undo(state)
            unmark(state)
            continue
        limit = state.value[CURRENT] * (1.0 + HAIR)
        if temperature > 0.0:
            limit -= temperature * math.log(unit(state.seed))
        i, j = first_changed(state), last_changed(state)
        if i == j:
            longest = judge_one(model, state, state.order[i], limit)
        else:
            longest = judge_window(model, state, i, j, limit)
        if longest > limit:
            undo(state)
            for k in range(i, j + 1):
                state.trial[state.order[k]] = state.finish[state.order[k]]
        else:
            accepted += 1
            settle(model, state, i, j)
            keep_best(state)
        unmark(state)
    return accepted


@entry
def anneal_slotted(
    model: Model, rules: Rules, state: State, mix: Mix, moves: int, hot: float, cold: float
) -> int:
    """Anneal on any problem; as `anneal_linear`, see `schedulers.local.slotted`."""
    if state.memo[FRESH] == 0:
        settle_slotted(model, state, 0)
        keep_best(state)
    accepted = 0
    temperature = 0.0
    for move in range(moves):
        if move % COOLING == 0 and hot > 0.0:
            temperature = hot * (cold / hot) ** (move / moves)
        if state.memo[PATH] == 0:
            trace_path(model, state)
        if not propose(model, rules, state, mix):
            unmark(state)
            continue
        carry_out(state)
        if rules.constrained and state.memo[COUNT] > 0 and not keeps_rules(rules, state):
            undo(state)
            unmark(state)
            continue
        limit = state.value[CURRENT] * (1.0 + HAIR)
        if temperature > 0.0:
            limit -= temperature * math.log(unit(state.seed))
        i = reach_back(model, state, first_changed(state))
        if judge_slotted(model, state, i, limit) > limit:
            undo(state)
            for t in range(state.order.shape[0]):
                state.trial[t] = state.finish[t]
        else:
            accepted += 1
            settle_slotted(model, state, i)
            keep_best(state)
        unmark(state)
    return accepted
