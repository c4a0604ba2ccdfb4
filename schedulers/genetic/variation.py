"""Compiled crossover and mutation of whole generations.

Crossover of orders by a prefix keeps them topological: L. Wang, H. J. Siegel, V. P. Roychowdhury,
A. A. Maciejewski, "Task matching and scheduling in heterogeneous computing environments using a
genetic-algorithm-based approach", JPDC 47(1), 1997, doi:10.1006/jpdc.1997.1392.
"""

from __future__ import annotations

from schedulers.compiled import entry, helper
from schedulers.genetic.genome import Moves, Orders, Pins
from schedulers.local.chance import SeedArray, below, unit
from simulator.arrays import IntArray

COPY, UNIFORM, PREFIX = range(3)
"""How a child comes from its parents. COPY: it is the first one. UNIFORM: places by lot. PREFIX:
places of the first parent for a prefix of its order, of the second for the rest. The order is that
of the first parent for a prefix, then that of the second."""


@entry
def mate_orders(
    parents: Orders, pick: IntArray, kind: IntArray, seeds: SeedArray, child: Orders, mark: IntArray
) -> None:
    """Children c of the parents ``pick[c]``, (C, 2); `mark` is (T,) scratch."""
    n_tasks = mark.shape[0]
    for c in range(pick.shape[0]):
        a, b = pick[c, 0], pick[c, 1]
        seed = seeds[c : c + 1]
        cut = n_tasks if kind[c] == COPY else below(seed, n_tasks + 1)
        for t in range(n_tasks):
            mark[t] = 0
        for k in range(cut):
            t = parents.order[a, k]
            child.order[c, k] = t
            mark[t] = 1
        k = cut
        for i in range(n_tasks if cut < n_tasks else 0):
            t = parents.order[b, i]
            if mark[t] == 0:
                child.order[c, k] = t
                k += 1
        for t in range(n_tasks):
            first = unit(seed) <= 0.5 if kind[c] == UNIFORM else mark[t] == 1
            row = a if first else b
            child.node[c, t] = parents.node[row, t]
            child.variant[c, t] = parents.variant[row, t]


@entry
def mate_pins(parents: Pins, pick: IntArray, kind: IntArray, seeds: SeedArray, child: Pins) -> None:
    """The same for pins; a prefix is what has a higher priority than some task of the first."""
    n_tasks = parents.wish.shape[1]
    for c in range(pick.shape[0]):
        a, b = pick[c, 0], pick[c, 1]
        seed = seeds[c : c + 1]
        level = parents.priority[a, below(seed, n_tasks)]
        for t in range(n_tasks):
            first = True
            if kind[c] == UNIFORM:
                first = unit(seed) <= 0.5
            elif kind[c] == PREFIX:
                first = parents.priority[a, t] >= level
            row = a if first else b
            child.wish[c, t] = parents.wish[row, t]
            child.priority[c, t] = parents.priority[row, t]


@helper
def neighbour(moves: Moves, seed: SeedArray, t: int) -> int:
    """A producer or consumer of a task by lot, -1 if it has none."""
    above = moves.in_ptr[t + 1] - moves.in_ptr[t]
    count = above + moves.out_ptr[t + 1] - moves.out_ptr[t]
    if count == 0:
        return -1
    i = below(seed, count)
    if i < above:
        return moves.in_src[moves.in_ptr[t] + i]
    return moves.out_dst[moves.out_ptr[t] + i - above]


@helper
def move_place(moves: Moves, genes: Orders, c: int, t: int, seed: SeedArray) -> None:
    """Move a task to a neighbour's node, or to any place."""
    if unit(seed) <= 0.5:
        other = neighbour(moves, seed, t)
        if other >= 0:
            n = genes.node[c, other]
            v = genes.variant[c, t]
            if not moves.allowed[t, v, n]:
                v = moves.quickest[t, n]
            if v >= 0 and n != genes.node[c, t]:
                genes.node[c, t], genes.variant[c, t] = n, v
                return
    i = moves.ptr[t] + below(seed, moves.ptr[t + 1] - moves.ptr[t])
    genes.node[c, t], genes.variant[c, t] = moves.node[i], moves.variant[i]


@helper
def shift(moves: Moves, genes: Orders, c: int, t: int, seed: SeedArray, place: IntArray) -> None:
    """Move a task within the part of the order between its producers and its consumers."""
    n_tasks = place.shape[0]
    for k in range(n_tasks):
        place[genes.order[c, k]] = k
    low, high = 0, n_tasks - 1
    for i in range(moves.in_ptr[t], moves.in_ptr[t + 1]):
        low = max(low, place[moves.in_src[i]] + 1)
    for i in range(moves.out_ptr[t], moves.out_ptr[t + 1]):
        high = min(high, place[moves.out_dst[i]] - 1)
    k = place[t]
    to = low + below(seed, high - low + 1)
    while k < to:
        genes.order[c, k] = genes.order[c, k + 1]
        k += 1
    while k > to:
        genes.order[c, k] = genes.order[c, k - 1]
        k -= 1
    genes.order[c, to] = t


@entry
def mutate_orders(
    moves: Moves, genes: Orders, most: int, seeds: SeedArray, place: IntArray
) -> None:
    """Change one to `most` genes of every individual; `place` is (T,) scratch."""
    n_tasks = place.shape[0]
    for c in range(genes.node.shape[0]):
        seed = seeds[c : c + 1]
        for _ in range(1 + below(seed, most)):
            t = below(seed, n_tasks)
            if unit(seed) <= 0.5:
                move_place(moves, genes, c, t, seed)
            else:
                shift(moves, genes, c, t, seed, place)


@entry
def mutate_pins(moves: Moves, genes: Pins, most: int, reach: float, seeds: SeedArray) -> None:
    """Change one to `most` genes of every individual.

    A pin becomes greedy, a neighbour's node or any node; a priority moves by up to `reach`, mostly
    by less.
    """
    n_tasks = genes.wish.shape[1]
    for c in range(genes.wish.shape[0]):
        seed = seeds[c : c + 1]
        for _ in range(1 + below(seed, most)):
            t = below(seed, n_tasks)
            if unit(seed) <= 0.5:
                far = unit(seed)
                genes.priority[c, t] += reach * (2.0 * unit(seed) - 1.0) * far * far
                continue
            n = int(genes.wish[c, t])
            lot = unit(seed)
            if lot <= 0.4:
                n = -1
            elif lot <= 0.7:
                other = neighbour(moves, seed, t)
                n = -1 if other < 0 else genes.wish[c, other]
                if n >= 0 and moves.quickest[t, n] < 0:
                    n = -1
            else:
                n = moves.node[moves.ptr[t] + below(seed, moves.ptr[t + 1] - moves.ptr[t])]
            genes.wish[c, t] = n
