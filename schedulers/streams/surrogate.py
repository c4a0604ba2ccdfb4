"""The queueing model of one problem, for Python: estimates, ranks and annealing."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from schedulers.admissible import new_room, rules_of
from schedulers.streams.anneal import Elite, Units, Walk, anneal, units_of
from schedulers.streams.demand import Demand, demand_of
from schedulers.streams.model import estimate_many, new_desk
from schedulers.view import view_of
from simulator.arrays import FloatArray, IntArray

if TYPE_CHECKING:
    from simulator.problem import Problem


class Estimates(NamedTuple):
    """What the model says of B allocations.

    Parameters
    ----------
    value : (B,) float array, the objective; +inf where a message has no route
    neck : (B,) float array, seconds of the busiest station for all requests, by slot
    start, finish : (B, T) float arrays, seconds from the arrival of a lone request
    """

    value: FloatArray
    neck: FloatArray
    start: FloatArray
    finish: FloatArray


class Surrogate:
    """Estimates the objective of allocations without simulating them.

    Parameters
    ----------
    problem : Problem
    demand : Demand or None
        None: that of the problem and its objective.
    """

    def __init__(self, problem: Problem, demand: Demand | None = None) -> None:
        self.view = view_of(problem)
        self.rules = rules_of(problem)
        self.demand = demand_of(problem, self.view) if demand is None else demand
        self.units: Units = units_of(self.rules, problem.arrays.edge_src, problem.arrays.edge_dst)
        self._desk = new_desk(self.view, self.demand)
        self._room = new_room(self.rules)

    def __call__(self, node: IntArray, variant: IntArray) -> Estimates:
        """Estimate B allocations, given as (B, T) int arrays."""
        shape = node.shape
        out = Estimates(np.empty(shape[0]), np.empty(shape[0]), np.empty(shape), np.empty(shape))
        estimate_many(
            self.view,
            self.demand,
            self._desk,
            np.ascontiguousarray(node),
            np.ascontiguousarray(variant),
            *out,
        )
        return out

    def ranks(self, node: IntArray, variant: IntArray) -> IntArray:
        """(B, T) ranks of the tasks in (estimated start, estimated finish, topological index)."""
        found = self(node, variant)
        position = np.broadcast_to(self.view.position, node.shape)
        order = np.lexsort((position, found.finish, found.start), axis=1)
        rank = np.empty_like(order)
        np.put_along_axis(rank, order, np.arange(node.shape[1])[None, :], axis=1)
        return rank

    def new_elite(self, size: int) -> Elite:
        """An empty list of the best."""
        places = np.zeros((2, size, self.view.n_tasks), dtype=np.int64)
        return Elite(np.full(size, np.inf), places[0], places[1])

    def new_walk(self, node: IntArray, variant: IntArray, seed: int) -> Walk:
        """An annealing that starts at an admissible allocation, (T,) int arrays."""
        a, b, c, d = (np.array(x, dtype=np.int64) for x in (node, variant, node, variant))
        return Walk(a, b, c, d, np.full(2, np.nan), np.array([seed], dtype=np.uint64))

    def anneal(self, walk: Walk, elite: Elite, moves: int, hot: float, cold: float) -> None:
        """Go on with a walk, collecting the best places; see `schedulers.streams.anneal`."""
        anneal(
            self.view, self.demand, self._desk, self.rules, self._room, self.units, walk, elite,
            moves, hot, cold,
        )  # fmt: skip
