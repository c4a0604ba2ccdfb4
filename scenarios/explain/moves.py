"""What the objective becomes if one task moves: every admissible node and variant, simulated.

Moves are judged under the luck of the run that is explained, by the compiled batch simulation;
every figure equals what `simulate` says of the changed allocation under the same seed. A moved task
keeps its place in the order; what must share its node (`place_with`) moves with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from simulator.allocation import Allocation
from simulator.arrays import STRICT, BoolArray, FloatArray, IntArray
from simulator.batch import evaluate_batch
from simulator.evaluate import admissible
from simulator.rules import broken_constraint, strict_cycle

if TYPE_CHECKING:
    from simulator.problem import Problem
    from simulator.realisation import Realisation

CELLS = 2_000_000
"""Placements that are evaluated at a time."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Move:
    """One task on another node or in another variant.

    Parameters
    ----------
    task, node, variant : str
    objective : float
        Of the changed allocation; +inf where it is not admissible or loses requests.
    change : float
        objective / objective now - 1; NaN where either is infinite or both are 0.
    here : bool
        The task is on this node already.
    now : bool
        And in this variant: no change at all.
    along : tuple of str
        Tasks that move with it because they must share its node.
    why : str
        Why it is not possible; empty where it is.
    """

    task: str
    node: str
    variant: str
    objective: float
    change: float
    here: bool = False
    now: bool = False
    along: tuple[str, ...] = ()
    why: str = ""


@dataclass(frozen=True, eq=False)
class Candidates:
    """Changed allocations as arrays.

    Parameters
    ----------
    task, to_variant, to_node : (B,) int arrays
    node, variant : (B, T) int arrays
    priority : (T,) int array, of all of them
    along : tuple of B tuples of task indices
    """

    task: IntArray
    to_variant: IntArray
    to_node: IntArray
    node: IntArray
    variant: IntArray
    priority: IntArray
    along: tuple[tuple[int, ...], ...]

    def allocation(self, problem: Problem, i: int) -> Allocation:
        """The i-th as plain data."""
        return Allocation.of(problem, self.node[i], self.variant[i], self.priority)


def bundles(problem: Problem) -> list[tuple[int, ...]]:
    """For each task all that must share its node, itself included."""
    root = list(range(problem.n_tasks))
    for group in problem.place_with:
        joined = {root[t] for t in group}
        low = min(joined)
        root = [low if r in joined else r for r in root]
    return [tuple(i for i, r in enumerate(root) if r == mine) for mine in root]


def candidates(
    problem: Problem,
    places: tuple[IntArray, IntArray, IntArray],
    wanted: Sequence[tuple[int, int, int]],
    together: Sequence[tuple[int, ...]],
) -> Candidates:
    """Build the changed allocations of some (task, variant, node).

    Tasks that move along keep their variant where it may run on the new node and take the
    fastest one there where not.
    """
    node, variant, priority = places
    moved = np.array(wanted, dtype=np.int64).reshape(-1, 3)
    nodes, variants = np.tile(node, (len(moved), 1)), np.tile(variant, (len(moved), 1))
    along = []
    for i, (t, v, n) in enumerate(wanted):
        nodes[i, t], variants[i, t] = n, v
        others = tuple(x for x in together[t] if x != t)
        along.append(others if n != node[t] else ())
        for x in along[-1]:
            nodes[i, x] = n
            if not problem.allowed[x, variant[x], n]:
                seconds = np.where(problem.allowed[x, :, n], problem.seconds[x, :, n], np.inf)
                variants[i, x] = int(np.argmin(seconds))
    return Candidates(moved[:, 0], moved[:, 1], moved[:, 2], nodes, variants, priority,
                      tuple(along))  # fmt: skip


def chunks(
    problem: Problem,
    places: tuple[IntArray, IntArray, IntArray],
    wanted: Sequence[tuple[int, int, int]],
    together: Sequence[tuple[int, ...]],
) -> Iterator[tuple[int, Candidates]]:
    """The changed allocations in portions that fit in memory, each with its first index."""
    step = max(CELLS // max(problem.n_tasks, 1), 1)
    for low in range(0, len(wanted), step):
        yield low, candidates(problem, places, wanted[low : low + step], together)


def judge(
    problem: Problem,
    places: tuple[IntArray, IntArray, IntArray],
    wanted: Sequence[tuple[int, int, int]],
    luck: Realisation,
    progress: Progress | None = None,
) -> tuple[FloatArray, list[str], list[tuple[int, ...]]]:
    """Objective of each move, why it is infinite where it is, and which tasks move along.

    Parameters
    ----------
    places : (node, variant, priority) of the allocation, each (T,)
    wanted : sequence of B (task, variant, node)
    progress : callable taking (judged, of all)

    Returns
    -------
    (B,) float array, list of B str, list of B tuples of task indices
    """
    values = np.full(len(wanted), np.inf)
    why: list[str] = []
    along: list[tuple[int, ...]] = []
    for low, rows in chunks(problem, places, wanted, bundles(problem)):
        found, reasons = _judge(problem, rows, luck)
        values[low : low + len(found)] = found
        why += reasons
        along += rows.along
        if progress is not None:
            progress(low + len(found), len(wanted))
    return values, why, along


def _judge(problem: Problem, rows: Candidates, luck: Realisation) -> tuple[FloatArray, list[str]]:
    count = len(rows.task)
    values, why = np.full(count, np.inf), [""] * count
    ok = np.zeros(count, dtype=np.bool_)
    ok[admissible(problem, rows.node, rows.variant)] = True
    for i in np.flatnonzero(~ok).tolist():
        why[i] = broken_constraint(problem, rows.node[i], rows.variant[i]) or "not admissible"
    for i in _cyclic(problem, rows, ok):
        ok[i], why[i] = False, "its place in the order contradicts the edges"
    left = np.flatnonzero(ok)
    order = np.tile(rows.priority, (len(left), 1))
    run = evaluate_batch(problem.arrays, rows.node[left], rows.variant[left], order, luck)
    values[left] = problem.objective.values(
        problem, luck.stream, run.arrival, run.completed, run.busy
    )
    for i in np.flatnonzero(ok & ~np.isfinite(values)).tolist():
        why[i] = "requests are lost"
    return values, why


def _cyclic(problem: Problem, rows: Candidates, ok: BoolArray) -> Iterator[int]:
    """Candidates whose strict orders contradict the edges; none if the ranks follow the edges."""
    arrays = problem.arrays
    if arrays.dispatch != STRICT:
        return
    now = arrays.edge_lag == 0
    src, dst, rank = arrays.edge_src[now], arrays.edge_dst[now], rows.priority
    follows = (rank[src] < rank[dst]) | ((rank[src] == rank[dst]) & (src < dst))
    if follows.all():
        return
    for i in np.flatnonzero(ok).tolist():
        if strict_cycle(arrays, rows.node[i], rows.priority) is not None:
            yield i


def change(value: float, now: float) -> float:
    """Relative change; NaN where it has no meaning."""
    if not (np.isfinite(value) and np.isfinite(now)) or now == 0:
        return 0.0 if value == now else float("nan")
    return value / now - 1.0
