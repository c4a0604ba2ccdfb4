"""Graph families with a random structure."""

from __future__ import annotations

import math

import numpy as np

from scenarios.generate.luck import Luck
from scenarios.generate.structure import Structure, fraction, numbered, whole
from simulator.errors import InvalidScenario

MOST_EDGES = 5_000_000


def layered(
    tasks: int,
    luck: Luck,
    layers: int | None = None,
    edges: int | None = None,
    jump: int | None = None,
) -> Structure:
    """Random layers and random edges; every later task has a parent in the layer before.

    After the random graphs of HEFT's paper [1]_: `layers` (sqrt(tasks)) of random width, and
    edges drawn without replacement from all pairs at most `jump` (1) layers apart until there
    are exactly `edges` (3 for each task, or all pairs if there are fewer).

    References
    ----------
    .. [1] H. Topcuoglu, S. Hariri, M.-Y. Wu, IEEE TPDS 13(3), 2002, section 6.1.
       doi:10.1109/71.993206
    """
    depth = max(1, math.isqrt(tasks)) if layers is None else whole(layers, "layers", 1, tasks)
    reach = 1 if jump is None else whole(jump, "jump", 1)
    cuts = np.sort(luck.distinct(depth - 1, tasks - 1)) + 1
    first = np.concatenate(([0], cuts, [tasks])).astype(np.int64)  # of every layer, and the end
    layer = np.repeat(np.arange(depth), np.diff(first))
    # The candidates of a task are consecutive numbers: the layers before its own.
    low, high = first[np.maximum(layer - reach, 0)], first[layer]
    start = np.concatenate(([0], np.cumsum(high - low)))
    possible, needed = int(start[-1]), tasks - int(first[1])
    wanted = min(3 * tasks, possible) if edges is None else whole(edges, "edges", 0, MOST_EDGES)
    if not needed <= wanted <= possible:
        raise InvalidScenario(
            f"edges must be from {needed} to {possible} with {tasks} tasks in {depth} layers and "
            f"jump {reach} under this seed, got {wanted}"
        )
    near = first[np.maximum(layer - 1, 0)]  # first candidate in the layer before
    parents = near + np.floor(luck.uniform(tasks) * (high - near)).astype(np.int64)
    sure = (start[:-1] + (parents - low))[layer > 0]
    pairs = _more_pairs(sure, wanted, possible, luck)
    dst = np.searchsorted(start, pairs, side="right") - 1
    src = low[dst] + (pairs - start[dst])
    return numbered(tasks, list(zip(src.tolist(), dst.tolist(), strict=True)))


def _more_pairs(sure: np.ndarray, wanted: int, possible: int, luck: Luck) -> np.ndarray:
    """The sure pairs and random others, `wanted` in all; a pair is its rank among the possible."""
    sure = np.sort(sure)
    ranks = luck.distinct(wanted - len(sure), possible - len(sure))  # among the others
    # The r-th number that is not in a sorted list: skip as many as stand before it.
    skipped = np.searchsorted(sure - np.arange(len(sure)), ranks, side="right")
    return np.concatenate((sure, ranks + skipped))


def series_parallel(tasks: int, luck: Luck, parallel: float | None = None) -> Structure:
    """A random two-terminal series-parallel graph.

    From one edge between source and sink, every further task is put on a random edge u -> v as
    u -> x -> v, and with probability `parallel` (0.5) the edge u -> v stays as well: series or
    parallel composition [1]_.

    References
    ----------
    .. [1] J. Valdes, R. Tarjan, E. Lawler, "The recognition of series parallel digraphs", SIAM J.
       Computing 11(2), 1982. doi:10.1137/0211023
    """
    if tasks < 2:
        raise InvalidScenario(f"series-parallel needs at least 2 tasks, got {tasks}")
    chance = 0.5 if parallel is None else fraction(parallel, "parallel")
    edges = [(0, 1)]
    for x in range(2, tasks):
        at = luck.below(len(edges))
        u, v = edges[at]
        if luck.uniform(1)[0] < chance:
            edges.append((u, x))
        else:
            edges[at] = (u, x)
        edges.append((x, v))
    return numbered(tasks, _renumbered(tasks, edges))


def _renumbered(tasks: int, edges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Topological numbers, smallest old number first among the free."""
    import heapq

    after: list[list[int]] = [[] for _ in range(tasks)]
    waiting = [0] * tasks
    for a, b in edges:
        after[a].append(b)
        waiting[b] += 1
    free = [t for t in range(tasks) if waiting[t] == 0]
    heapq.heapify(free)
    number = [0] * tasks
    for new in range(tasks):
        t = heapq.heappop(free)
        number[t] = new
        for b in after[t]:
            waiting[b] -= 1
            if waiting[b] == 0:
                heapq.heappush(free, b)
    return [(number[a], number[b]) for a, b in edges]
