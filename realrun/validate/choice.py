"""Which allocations are run: what schedulers chose, deliberately bad ones, and random ones.

Two allocations are the same if they agree in placement and variants up to the symmetry of
identical workers; the order on a node is no difference.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from simulator.allocation import Allocation
from simulator.arrays import IntArray
from simulator.errors import Infeasible
from simulator.evaluate import admissible
from simulator.problem import Problem

MOST = 30
"""Allocations of one pipeline that are run; all where fewer exist."""

ENUMERABLE = 200_000
"""Up to so many combinations of variant and node are counted one by one."""

MOST_PERMUTATIONS = 720
DRAWS = 4000
"""Random allocations drawn at most in search of new ones."""

Key = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Candidate:
    """One allocation to be run.

    Parameters
    ----------
    name : str
        Short, for files: ``a00``, ``a01``, ...
    allocation : Allocation
    made_by : tuple of str
        Specs of the schedulers that chose it, else ``slowest``, ``ping-pong``, ``random``.
    harvested : bool
        Its durations were seen by the calibration, so that it says less about unseen ones.
    """

    name: str
    allocation: Allocation
    made_by: tuple[str, ...]
    harvested: bool = False


@dataclass(frozen=True)
class Choice:
    """The allocations of one pipeline.

    Parameters
    ----------
    candidates : tuple of Candidate
    existing : int
        Distinct allocations that exist: exactly, or the product over tasks as an upper bound.
    exact : bool
    """

    candidates: tuple[Candidate, ...]
    existing: int
    exact: bool

    @property
    def held_out(self) -> tuple[Candidate, ...]:
        """Those that no calibration has seen."""
        return tuple(c for c in self.candidates if not c.harvested)

    def __str__(self) -> str:
        total = f"{self.existing}" if self.exact else f"at most {self.existing:,}"
        seen = len(self.candidates) - len(self.held_out)
        text = f"{len(self.candidates)} of {total} distinct allocations"
        return text + (f", {seen} of them seen in harvesting" if seen else "")


def choose(
    problem: Problem,
    chosen: Mapping[str, Allocation],
    harvested: Sequence[Allocation] = (),
    identical: Sequence[Sequence[int]] = (),
    seed: int = 0,
    most: int = MOST,
    least_held_out: int = 6,
) -> Choice:
    """Choose what to run.

    Parameters
    ----------
    problem : Problem
    chosen : mapping of scheduler spec to its allocation
    harvested : sequence of Allocation
        Left out, unless fewer than `least_held_out` others exist: then they are marked.
    identical : groups of node indices that the hardware does not tell apart
        Only those count that the problem does not tell apart either.
    seed : int
    most : int

    Raises
    ------
    Infeasible
        No allocation is admissible.
    """
    symmetry = Symmetry(problem, identical)
    every = _every(problem)
    keys = None if every is None else {symmetry.key(n, v): (n, v) for n, v in every}
    if keys is not None and not keys:
        raise Infeasible(f"{problem.name}: no allocation is admissible on these workers")
    found = _Found(problem, symmetry)
    for spec, allocation in chosen.items():
        found.add_allocation(allocation, spec)
    found.seen = {symmetry.key(*a.arrays(problem)[:2]) for a in harvested}
    for label, node in _bad(problem):
        found.add(node, fastest(problem, node), label)
    _fill(found, problem, keys, most, np.random.default_rng([seed, 1]))
    existing = len(keys) if keys is not None else _product(problem)
    return Choice(found.candidates(most, least_held_out), existing, keys is not None)


class Symmetry:
    """Permutations of identical workers, and the form of an allocation that they do not change.

    Parameters
    ----------
    problem : Problem
    identical : groups of node indices
    """

    def __init__(self, problem: Problem, identical: Sequence[Sequence[int]]) -> None:
        groups = [group for wide in identical for group in _alike(problem, wide)]
        per_group = [list(itertools.permutations(group)) for group in groups if len(group) > 1]
        total = int(np.prod([len(p) for p in per_group], initial=1.0))
        if total > MOST_PERMUTATIONS:  # a count up to part of the symmetry is an upper bound
            per_group = [p[:2] for p in per_group]
        self.maps: list[IntArray] = []
        for images in itertools.product(*per_group):
            image = np.arange(problem.n_nodes)
            for one in images:
                image[sorted(one)] = one
            self.maps.append(image)

    def key(self, node: IntArray, variant: IntArray) -> Key:
        """What all symmetric allocations have in common: their least form."""
        rows = variant.tolist()
        return min(tuple(zip(image[node].tolist(), rows, strict=True)) for image in self.maps)


def _alike(problem: Problem, group: Sequence[int]) -> list[list[int]]:
    """Split a group into nodes with the same admissible (task, variant) pairs and slots."""
    parts: dict[bytes, list[int]] = {}
    for n in group:
        slots = int(problem.arrays.slots[n])
        parts.setdefault(problem.allowed[:, :, n].tobytes() + bytes([slots % 256]), []).append(n)
    return list(parts.values())


class _Found:
    """Collects distinct allocations in the order of their coming."""

    def __init__(self, problem: Problem, symmetry: Symmetry) -> None:
        self.problem, self.symmetry = problem, symmetry
        self.items: dict[Key, tuple[Allocation, list[str]]] = {}
        self.seen: set[Key] = set()

    def add_allocation(self, allocation: Allocation, label: str) -> bool:
        """Add one, or its label to an equal one; whether it is new."""
        node, variant, _ = allocation.arrays(self.problem)
        key = self.symmetry.key(node, variant)
        if key in self.items:
            labels = self.items[key][1]
            if label != "random" and label not in labels:
                labels.append(label)
            return False
        self.items[key] = (allocation, [label])
        return True

    def add(self, node: IntArray, variant: IntArray, label: str) -> bool:
        """As `add_allocation`; what is not admissible is not added."""
        if (node < 0).any() or len(admissible(self.problem, node[None], variant[None])) == 0:
            return False
        return self.add_allocation(Allocation.of(self.problem, node, variant), label)

    def new(self) -> int:
        """How many have not been seen in harvesting."""
        return sum(key not in self.seen for key in self.items)

    def candidates(self, most: int, least_held_out: int) -> tuple[Candidate, ...]:
        """Held-out ones first; harvested ones only where there are too few others."""
        fresh = [key for key in self.items if key not in self.seen]
        known = [key for key in self.items if key in self.seen]
        keys = (fresh + (known if len(fresh) < least_held_out else []))[:most]
        return tuple(
            Candidate(f"a{i:02d}", self.items[key][0], tuple(self.items[key][1]), key in self.seen)
            for i, key in enumerate(keys)
        )


def fastest(problem: Problem, node: IntArray) -> IntArray:
    """(T,) the fastest admissible variant of each task on its node; 0 where there is none."""
    table = np.where(problem.allowed, problem.seconds, np.inf)
    return np.argmin(table[np.arange(problem.n_tasks), :, node], axis=1)


def _bad(problem: Problem) -> Iterator[tuple[str, IntArray]]:
    """Everything on the slowest node that may take it; a change of node at every edge."""
    best = np.where(problem.allowed, problem.seconds, np.inf).min(axis=1)  # (T, N)
    total = np.where(np.isfinite(best), best, 0.0).sum(axis=0)
    slow_first = np.argsort(-total, kind="stable")
    node = np.full(problem.n_tasks, -1, dtype=np.int64)
    for t in range(problem.n_tasks):
        fits = [int(n) for n in slow_first if np.isfinite(best[t, n])]
        node[t] = fits[0] if fits else -1
    yield "slowest", node
    for first in range(problem.n_nodes):
        yield "ping-pong", _ping_pong(problem, best, first)


def _ping_pong(problem: Problem, best: np.ndarray, first: int) -> IntArray:
    """Each task on the node after that of its first producer."""
    arrays, nodes = problem.arrays, problem.n_nodes
    node = np.full(problem.n_tasks, -1, dtype=np.int64)
    ptr, edges = arrays.in_csr
    for t in arrays.topological:
        before = [int(node[arrays.edge_src[e]]) for e in edges[ptr[t] : ptr[t + 1]]]
        want = (before[0] + 1) % nodes if before else first
        fits = [
            (want + i) % nodes for i in range(nodes) if np.isfinite(best[t, (want + i) % nodes])
        ]
        node[t] = fits[0] if fits else -1
    return node


def _pairs(problem: Problem) -> list[list[tuple[int, int]]]:
    """For each task its admissible (variant, node) pairs."""
    return [[(int(v), int(n)) for v, n in np.argwhere(problem.allowed[t])]
            for t in range(problem.n_tasks)]  # fmt: skip


def _product(problem: Problem) -> int:
    total = 1
    for pairs in _pairs(problem):
        total *= len(pairs)
    return total


def _every(problem: Problem) -> list[tuple[IntArray, IntArray]] | None:
    """All admissible (node, variant) vectors, or None where there are too many to list."""
    if _product(problem) > ENUMERABLE:
        return None
    table = np.array(list(itertools.product(*_pairs(problem))), dtype=np.int64)
    table = table.reshape(-1, problem.n_tasks, 2)
    rows = admissible(problem, table[:, :, 1], table[:, :, 0])
    return [(table[i, :, 1], table[i, :, 0]) for i in rows]


def _fill(
    found: _Found,
    problem: Problem,
    keys: Mapping[Key, tuple[IntArray, IntArray]] | None,
    most: int,
    rng: np.random.Generator,
) -> None:
    """Add random ones until there are enough that no calibration has seen."""
    if keys is not None:
        rows = list(keys.values())
        for i in rng.permutation(len(rows)):
            if found.new() >= most:
                return
            node, variant = rows[i]
            found.add(node, variant, "random")
        return
    pairs = _pairs(problem)
    for _ in range(DRAWS):
        if found.new() >= most:
            return
        drawn = np.array([p[rng.integers(len(p))] for p in pairs], dtype=np.int64)
        found.add(drawn[:, 1], drawn[:, 0], "random")
