"""Many candidates at once through the earliest-finish list decoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from schedulers.admissible import new_room, rules_of
from schedulers.decode.desk import Books, Desk, new_books, new_desk
from schedulers.decode.judged import decode_judged
from schedulers.decode.kernel import decode_free
from schedulers.feasible import Keeper
from schedulers.view import view_of
from simulator.arrays import FloatArray, IntArray
from simulator.errors import InvalidAllocation
from simulator.rules import resident_bytes
from simulator.threads import run_chunks

if TYPE_CHECKING:
    from simulator.problem import Problem

CHUNK_SECONDS = 4e-3
LEAST_SECONDS = 2e-4
SECONDS_PER_PLACE = 3e-8
"""Rough time of one task on one node, only to cut batches into chunks."""


class Decoded(NamedTuple):
    """Candidates that a `Decoder` has made; B of them.

    Parameters
    ----------
    node, variant : (B, T) int arrays
    priority : (B, T) int array
        Rank of every task in (planned start, planned finish, topological index).
    makespan : (B,) float array, seconds
        Of a strict run of these ranks under `ideal`; +inf where no admissible places were found;
        among whole numbers of bytes there always are some, since their sums do not round.
    """

    node: IntArray
    variant: IntArray
    priority: IntArray
    makespan: FloatArray


class Decoder:
    """Turns priorities into plans: the ready task of highest priority goes where it finishes first.

    With the upward rank as priority this is HEFT, bit for bit. Ties go to the lowest task; between
    places to the earlier finish, then the lower node, then the lower variant. Forbidden nodes are
    never taken. Under memory limits and groups a candidate that runs into a dead end is repaired:
    it is decoded once more, taking only places that some complete admissible placement contains.

    O(E N + T N V + T log T) time for each candidate and the search for gaps; memory O(T N) for each
    thread. With constraints O(T^2 V) in addition.

    Parameters
    ----------
    problem : Problem
    insertion : bool
        Whether a task may fill a gap between tasks placed before.

    Attributes
    ----------
    seconds : float
        Rough time of one candidate, estimated without a clock.

    Raises
    ------
    Infeasible
        No admissible allocation exists, or none was found.

    Examples
    --------
    ``Decoder(problem)(ranks_of(view_of(problem)).up[None]).makespan[0]`` is that of HEFT.
    """

    def __init__(self, problem: Problem, insertion: bool = True) -> None:
        self.problem = problem
        self.insertion = insertion
        self._view = view_of(problem)
        self._rules = rules_of(problem)
        self._idle: list[tuple[Desk, Books | None]] = []
        if self._rules.constrained:
            keeper, guarded = Keeper(problem, self._rules), Keeper(problem, self._rules, True)
            self._templates = (new_room(self._rules), keeper.fit, guarded._room, guarded.fit)
        places = self._view.n_tasks * (self._view.n_nodes + 2)
        self.seconds = places * SECONDS_PER_PLACE * (10 if self._rules.constrained else 1)

    def __call__(
        self,
        priority: FloatArray,
        bias: FloatArray | None = None,
        wish: IntArray | None = None,
        threads: int = 1,
        *,
        ranked: bool = True,
    ) -> Decoded:
        """Decode B candidates; the result does not depend on `threads`.

        Parameters
        ----------
        priority : (B, T) float array
            Among ready tasks the highest goes first.
        bias : (B, T, N) float array, seconds added to the finish on a node when choosing, or None
        wish : (B, T) int array, or None
            Node that a task takes if it is open to it, with the variant that finishes first there;
            -1: it is free to choose. ``node + N * (1 + variant)`` wishes for a variant, too.
        threads : int, >= 1
        ranked : bool
            Without, the array `priority` of the result is empty, which saves sorting.

        Raises
        ------
        InvalidAllocation
            An array of a wrong shape, or a wish for a node that does not exist.
        """
        priority, bias, wish = self._checked(priority, bias, wish)
        size, n_tasks = priority.shape
        node = np.full((size, n_tasks), -1, dtype=np.int64)
        variant = np.full((size, n_tasks), -1, dtype=np.int64)
        rank = np.zeros((size if ranked else 0, n_tasks), dtype=np.int64)
        makespan = np.full(size, np.inf)
        columns: tuple[Any, ...] = (priority, bias, wish, node, variant, rank, makespan)
        brimful = np.zeros(size if self._rules.constrained else 0, dtype=np.bool_)
        judged: tuple[Any, ...] = (*columns, brimful)

        def work(low: int, high: int) -> None:
            desk, books = self._take()
            how = (self.insertion, ranked, low, high)
            if books is None:
                decode_free(self._view, desk, *how, *columns)
            else:
                decode_judged(self._view, self._rules, desk, books, *how, *judged)
            self._idle.append((desk, books))

        chunk = max(int(CHUNK_SECONDS / self.seconds), 1)
        run_chunks(work, size, chunk, threads, max(int(LEAST_SECONDS / self.seconds), 1))
        for b in np.flatnonzero(brimful & np.isfinite(makespan)) if len(brimful) else ():
            need = resident_bytes(self.problem, node[b], variant[b])
            if (need > self.problem.memory_bytes).any():
                makespan[b] = np.inf
        return Decoded(node, variant, rank, makespan)

    def _take(self) -> tuple[Desk, Books | None]:
        """Scratch that no other thread is using."""
        try:
            return self._idle.pop()
        except IndexError:
            desk = new_desk(self._view, self.insertion)
            rules = self._rules
            return desk, new_books(rules, *self._templates) if rules.constrained else None

    def _checked(
        self, priority: FloatArray, bias: FloatArray | None, wish: IntArray | None
    ) -> tuple[FloatArray, FloatArray, IntArray]:
        """The arrays as compiled code takes them."""
        t, n = self._view.n_tasks, self._view.n_nodes
        priority = np.require(priority, np.float64, ["C", "W"])
        size = len(priority)
        empty: Any = np.empty((0, 0, 0))
        bias = empty if bias is None else np.require(bias, np.float64, ["C", "W"])
        wish = np.empty((0, 0), dtype=np.int64) if wish is None else wish
        wish = np.require(wish, np.int64, ["C", "W"])
        for name, x, shape in (
            ("priority", priority, (size, t)),
            ("bias", bias, (size, t, n) if bias is not empty else empty.shape),
            ("wish", wish, (size, t) if wish.size else (0, 0)),
        ):
            if x.shape != shape:
                raise InvalidAllocation(f"{name} must have shape {shape}, got {x.shape}")
        most = n * (1 + self._view.hold.shape[1])
        if wish.size and wish.max() >= most:
            raise InvalidAllocation(f"a wish must be below N * (1 + V) = {most}, got {wish.max()}")
        return priority, bias, wish
