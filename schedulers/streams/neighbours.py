"""Allocations one step away: another place for a unit, two units together, other ranks."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from schedulers.streams.judge import Rows
from schedulers.streams.surrogate import Surrogate
from simulator.arrays import IntArray

if TYPE_CHECKING:
    from numpy.random import Generator

Places = Iterator[tuple[IntArray, IntArray]]

MOST, MOST_NUMBERS = 4_000, 400_000
"""Neighbours of one kind, and tasks in all of them, that are looked at; more are drawn by lot."""


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
    most = max(min(MOST, MOST_NUMBERS // len(node)), 1)
    places = [
        *islice(_single(model, node, variant, rng), most),
        *islice(_together(model, node, variant, rng), most),
        *islice(_swapped(model, node, variant, rng), most),
    ]
    ranks = _reranked(model, node, variant, rank, rng)
    nodes = np.stack([node] * len(ranks) + [p[0] for p in places])
    variants = np.stack([variant] * len(ranks) + [p[1] for p in places])
    values = model(nodes, variants).value
    values[: len(ranks)] = -np.inf
    priority = model.ranks(nodes, variants)
    priority[: len(ranks)] = ranks
    order = np.argsort(values, kind="stable")
    return nodes[order], variants[order], priority[order]


def _single(model: Surrogate, node: IntArray, variant: IntArray, rng: Generator) -> Places:
    """Every other place of every unit; of a group, one variant changed or all moved."""
    allowed, units = model.rules.allowed, model.units
    for u in rng.permutation(len(units.ptr) - 1):
        tasks = _members(model, u)
        for n in _open(model, u):
            for t in tasks:
                for v in np.flatnonzero(allowed[t, :, n]):
                    if n != node[t] or v != variant[t]:
                        changed = _moved(model, node, variant, tasks, n)
                        changed[1][t] = v
                        yield changed


def _members(model: Surrogate, u: int) -> IntArray:
    return model.units.tasks[model.units.ptr[u] : model.units.ptr[u + 1]]


def _open(model: Surrogate, u: int) -> IntArray:
    return model.units.open_node[model.units.open_ptr[u] : model.units.open_ptr[u + 1]]


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


def _together(model: Surrogate, node: IntArray, variant: IntArray, rng: Generator) -> Places:
    """Two units that talk to each other go to one node."""
    units = model.units
    for u in rng.permutation(len(units.ptr) - 1):
        for w in units.near[units.near_ptr[u] : units.near_ptr[u + 1]]:
            for n in np.intersect1d(_open(model, u), _open(model, w)) if w > u else ():
                changed = _moved(model, node, variant, _members(model, u), n)
                yield _moved(model, *changed, _members(model, w), n)


def _swapped(model: Surrogate, node: IntArray, variant: IntArray, rng: Generator) -> Places:
    """Two units swap their nodes."""
    order = rng.permutation(len(model.units.ptr) - 1)
    for i, u in enumerate(order):
        for w in order[:i]:
            mine, other = _members(model, u), _members(model, w)
            a, b = node[mine[0]], node[other[0]]
            if a != b and a in _open(model, w) and b in _open(model, u):
                yield _moved(model, *_moved(model, node, variant, mine, b), other, a)


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
