"""Many candidates under one realisation, evaluated by the fastest means that covers the run."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import numpy as np

from simulator.arrays import Arrays, BoolArray, FloatArray, IntArray
from simulator.errors import InvalidAllocation
from simulator.fast import covers
from simulator.fast.passes import PASSES
from simulator.fast.plan import static_plan
from simulator.realisation import Realisation
from simulator.threads import run_chunks

__all__ = ["BatchResult", "covers", "evaluate_batch", "nanoseconds"]

# Nanoseconds for one task of one request, roughly: they only decide how large chunks are.
_NANOSECONDS = {"strict": 15.0, "greedy": 70.0, "kernel": 700.0}
_LONGEST_CHUNK = 4e6
_SHORTEST_CHUNK = 2e5
_KEPT_UNITS = 100_000


@dataclass(frozen=True, eq=False)
class BatchResult:
    """What objectives need to know of B runs of R requests on N nodes.

    Parameters
    ----------
    completed : (B, R) float array, seconds
        Completion of each request, NaN where it was lost. Candidates that cannot run (a task where
        it may not run, no route for a message, strict orders that contradict the edges) lose all.
    arrival : (R,) float array; (B, R) in a closed loop, NaN where a request was never released
    busy : (B, N) float array
        Slot-seconds for which tasks held each node, interrupted attempts included.
    """

    completed: FloatArray
    arrival: FloatArray
    busy: FloatArray

    @cached_property
    def lost(self) -> IntArray:
        """(B,) number of requests that did not complete."""
        return np.isnan(self.completed).sum(axis=1)

    @cached_property
    def makespan(self) -> FloatArray:
        """(B,) seconds from the first arrival to the last completion; inf where none completes."""
        if self.completed.shape[1] == 0:
            return np.full(len(self.completed), np.inf)
        last = np.fmax.reduce(self.completed, axis=1)
        span = last - np.fmin.reduce(self.arrival, axis=-1)
        return np.where(np.isnan(span), np.inf, span)


class _Runner(Protocol):
    """Evaluates ranges of candidates; keeps what all batches of one run share."""

    kind: str

    def run(self, candidates: _Candidates, out: BatchResult, low: int, high: int) -> None:
        """Write the results of the candidates [low, high)."""


_Candidates = tuple[IntArray, IntArray, IntArray]
_runners: WeakKeyDictionary[Arrays, WeakKeyDictionary[Realisation, _Runner]] = WeakKeyDictionary()


def nanoseconds(arrays: Arrays, realisation: Realisation) -> float:
    """Rough time of one evaluation on a common core: it decides how large portions of work are."""
    units = realisation.n_requests * arrays.n_tasks
    return units * _NANOSECONDS[_runner(arrays, realisation).kind]


def evaluate_batch(
    arrays: Arrays,
    node: IntArray,
    variant: IntArray,
    priority: IntArray,
    realisation: Realisation,
    threads: int = 1,
) -> BatchResult:
    """Simulate many candidates.

    The results do not depend on `threads`, to the last bit. Room is needed for the results and,
    for each thread, for one run.

    Parameters
    ----------
    arrays : Arrays
    node, variant, priority : (B, T) int64 arrays
    realisation : Realisation
    threads : int, >= 1

    Returns
    -------
    BatchResult

    Raises
    ------
    InvalidAllocation
        A wrong shape, or a node or variant that does not exist.
    """
    candidates = _checked(arrays, node, variant, priority)
    runner = _runner(arrays, realisation)
    n_candidates, n_requests = len(node), realisation.n_requests
    closed = bool(arrays.clients.any())
    result = BatchResult(
        completed=np.empty((n_candidates, n_requests)),
        arrival=np.empty((n_candidates, n_requests)) if closed else realisation.arrival,
        busy=np.zeros((n_candidates, arrays.n_nodes)),
    )
    if n_requests > 0 and n_candidates > 0:
        per_candidate = nanoseconds(arrays, realisation)
        run_chunks(
            lambda low, high: runner.run(candidates, result, low, high),
            n_candidates,
            max(int(_LONGEST_CHUNK / per_candidate), 1),
            threads,
            max(int(_SHORTEST_CHUNK / per_candidate), 1),
        )
    return result


def _checked(
    arrays: Arrays, node: IntArray, variant: IntArray, priority: IntArray
) -> tuple[IntArray, IntArray, IntArray]:
    """Candidates as writeable C arrays of int64."""
    for name, values in (("node", node), ("variant", variant), ("priority", priority)):
        if values.shape != (len(node), arrays.n_tasks):
            raise InvalidAllocation(
                f"{name} must have shape ({len(node)}, {arrays.n_tasks}), got {values.shape}"
            )
    rows = [np.require(x, np.int64, ["C", "W"]) for x in (node, variant, priority)]
    return rows[0], rows[1], rows[2]


def _refuse_outside(arrays: Arrays, node: IntArray, variant: IntArray) -> None:
    """Compiled code uses nodes and variants as indices, unchecked."""
    for name, values, n in (
        ("node", node, arrays.n_nodes),
        ("variant", variant, arrays.n_variants),
    ):
        if values.min() < 0 or values.max() >= n:
            wrong = values[(values < 0) | (values >= n)][0]
            raise InvalidAllocation(f"a {name} must be one of 0..{n - 1}, got {wrong}")


def _runner(arrays: Arrays, realisation: Realisation) -> _Runner:
    """The runner of a problem and its luck, remembered while both live."""
    known = _runners.setdefault(arrays, WeakKeyDictionary())
    runner = known.get(realisation)
    if runner is None:
        kind = covers(arrays, realisation)
        make = _KernelRunner if kind == "kernel" else _FastRunner
        runner = known[realisation] = make(kind, arrays, realisation)
    return runner


class _Rooms:
    """Rooms for runs, one for each thread at work; small ones are kept for the next batch."""

    def __init__(self, make: Any, units: int) -> None:
        self.make = make
        self.keep = units <= _KEPT_UNITS
        self.idle: list[Any] = []

    def take(self) -> Any:
        try:
            return self.idle.pop()
        except IndexError:
            return self.make()

    def give_back(self, room: Any) -> None:
        if self.keep:
            self.idle.append(room)


class _FastRunner:
    """Static runs under `ideal`: the strict or the greedy pass."""

    def __init__(self, kind: str, arrays: Arrays, realisation: Realisation) -> None:
        self.kind = kind
        self.arrays = arrays
        self.batch, make_work = PASSES[kind]
        self.plan = static_plan(arrays, realisation)
        units = realisation.n_requests * arrays.n_tasks
        self.rooms = _Rooms(lambda: make_work(self.plan, False), units)

    def run(self, candidates: _Candidates, out: BatchResult, low: int, high: int) -> None:
        node, variant, priority = (x[low:high] for x in candidates)
        room = self.rooms.take()
        completed, busy = out.completed[low:high], out.busy[low:high]
        done = self.batch(self.plan, room, node, variant, priority, completed, busy)
        self.rooms.give_back(room)
        if done < high - low:
            _refuse_outside(self.arrays, node[done:], variant[done:])


class _KernelRunner:
    """Everything else: the general kernel without its record."""

    def __init__(self, kind: str, arrays: Arrays, realisation: Realisation) -> None:
        from simulator.batch_kernel import kernel_batch
        from simulator.kernel import make_luck, make_state, world_of

        self.kind = kind
        self.arrays = arrays
        self.batch = kernel_batch
        self.legal = _Legality(arrays)
        self.world = world_of(arrays)
        self.luck = make_luck(arrays, realisation)
        self.closed = bool(arrays.clients.any())
        units = realisation.n_requests * arrays.n_tasks
        self.rooms = _Rooms(lambda: make_state(self.world, self.luck, record=False), units)

    def run(self, candidates: _Candidates, out: BatchResult, low: int, high: int) -> None:
        node, variant, priority = (x[low:high] for x in candidates)
        _refuse_outside(self.arrays, node, variant)
        legal = self.legal(node, variant)
        arrival = out.arrival[low:high] if self.closed else np.empty((0, 0))
        completed, busy = out.completed[low:high], out.busy[low:high]
        room = self.rooms.take()
        self.batch(self.world, self.luck, room, node, variant, priority, legal, completed, arrival,
                   busy)  # fmt: skip
        self.rooms.give_back(room)


class _Legality:
    """Which candidates put every task where it may run and every message on a route."""

    def __init__(self, arrays: Arrays) -> None:
        self.allowed = arrays.allowed
        self.connected = ~np.isnan(arrays.route_bandwidth)
        self.src, self.dst = arrays.edge_src, arrays.edge_dst
        self.always = bool(self.allowed.all() and self.connected.all())

    def __call__(self, node: IntArray, variant: IntArray) -> BoolArray:
        if self.always:
            return np.ones(len(node), dtype=np.bool_)
        tasks = np.arange(node.shape[1])
        allowed = self.allowed[tasks, variant, node].all(axis=1)
        connected = self.connected[node[:, self.src], node[:, self.dst]].all(axis=1)
        return np.asarray(allowed & connected)
