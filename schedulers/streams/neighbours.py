"""Allocations one step away: another place for a unit, two units together, other ranks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from schedulers.streams.judge import Rows
from schedulers.streams.surrogate import Surrogate
from simulator.arrays import IntArray

if TYPE_CHECKING:
    from numpy.random import Generator

MOST = 4_000
"""Neighbours looked at; where there are more, that many are drawn."""


def neighbours(model: Surrogate, centre: Rows, rng: Generator) -> Rows:
    """Neighbours of one allocation, the most promising by the model first, no two alike.

    Parameters
    ----------
    centre : Rows of one allocation

    Returns
    -------
    Rows
        Their ranks follow the model's planned starts; those with the centre's places and other
        ranks come first. Constraints are not looked at: whoever simulates refuses.
    """
    node, variant, rank = (x[0] for x in centre)
    places = [*_single(model, node, variant), *_joint(model, node, variant, rng)]
    if len(places) > MOST:
        places = [places[i] for i in np.sort(rng.permutation(len(places))[:MOST])]
    ranks = _reranked(model, node, variant, rank, rng)
    nodes = np.stack([node] * len(ranks) + [p[0] for p in places])
    variants = np.stack([variant] * len(ranks) + [p[1] for p in places])
    values = model(nodes, variants).value
    values[: len(ranks)] = -np.inf
    priority = model.ranks(nodes, variants)
    priority[: len(ranks)] = ranks
    order = np.argsort(values, kind="stable")
    return nodes[order], variants[order], priority[order]


def _single(model: Surrogate, node: IntArray, variant: IntArray) -> list[tuple[IntArray, IntArray]]:
    """Every other place of every unit; of a group, one variant changed or all moved."""
    allowed, units = model.rules.allowed, model.units
    out = []
    for u in range(len(units.ptr) - 1):
        tasks = units.tasks[units.ptr[u] : units.ptr[u + 1]]
        for n in units.open_node[units.open_ptr[u] : units.open_ptr[u + 1]]:
            for t in tasks:
                for v in np.flatnonzero(allowed[t, :, n]):
                    if n == node[t] and v == variant[t]:
                        continue
                    changed = _moved(model, node, variant, tasks, n)
                    changed[1][t] = v
                    out.append(changed)
    return out


def _moved(
    model: Surrogate, node: IntArray, variant: IntArray, tasks: IntArray, n: int
) -> tuple[IntArray, IntArray]:
    """A unit on another node, with the same variants where they may run there."""
    new_node, new_variant = node.copy(), variant.copy()
    new_node[tasks] = n
    for t in tasks:
        if not model.rules.allowed[t, new_variant[t], n]:
            new_variant[t] = np.flatnonzero(model.rules.allowed[t, :, n])[0]
    return new_node, new_variant


def _joint(
    model: Surrogate, node: IntArray, variant: IntArray, rng: Generator
) -> list[tuple[IntArray, IntArray]]:
    """Two units that talk to each other go to one node, or any two swap theirs."""
    units, out = model.units, []
    count = len(units.ptr) - 1
    members = [units.tasks[units.ptr[u] : units.ptr[u + 1]] for u in range(count)]
    places = [units.open_node[units.open_ptr[u] : units.open_ptr[u + 1]] for u in range(count)]
    for u in range(count):
        for w in units.near[units.near_ptr[u] : units.near_ptr[u + 1]]:
            for n in np.intersect1d(places[u], places[w]) if w > u else ():
                changed = _moved(model, node, variant, members[u], n)
                out.append(_moved(model, *changed, members[w], n))
    pairs = [(u, w) for u in range(count) for w in range(u + 1, count)]
    if len(pairs) > MOST:
        pairs = [pairs[i] for i in np.sort(rng.permutation(len(pairs))[:MOST])]
    for u, w in pairs:
        a, b = node[members[u][0]], node[members[w][0]]
        if a != b and a in places[w] and b in places[u]:
            changed = _moved(model, node, variant, members[u], b)
            out.append(_moved(model, *changed, members[w], a))
    return out


def _reranked(
    model: Surrogate, node: IntArray, variant: IntArray, rank: IntArray, rng: Generator
) -> list[IntArray]:
    """The model's ranks, and the given ones with a task moved ahead of as many as edges allow."""
    out = [model.ranks(node[None], variant[None])[0]]
    view = model.view
    order = np.argsort(rank, kind="stable")
    at = int(rng.integers(len(order)))
    t = order[at]
    inputs = set(view.in_src[view.in_ptr[t] : view.in_ptr[t + 1]].tolist())
    first = at
    while first > 0 and int(order[first - 1]) not in inputs:
        first -= 1
    if first < at:
        moved = np.concatenate([order[:first], [t], order[first:at], order[at + 1 :]])
        new = np.empty_like(rank)
        new[moved] = np.arange(len(moved))
        out.append(new)
    return out
