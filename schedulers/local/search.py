"""`LocalSearch`: compiled annealing from given placements, for searches that need one."""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from schedulers.admissible import rules_of
from schedulers.local.engine import anneal_linear, anneal_slotted
from schedulers.local.model import model_of
from schedulers.local.proposals import Mix
from schedulers.local.state import BEST, CURRENT, State, load, new_state
from schedulers.timeline import Plan, new_lanes
from schedulers.timeline import _replay as replay
from schedulers.view import view_of
from simulator.arrays import FloatArray, IntArray
from simulator.rules import resident_bytes
from simulator.threads import run_chunks

if TYPE_CHECKING:
    from simulator.problem import Problem


HAIR = 1e-12
"""Share of the memory left free where sums of fractional bytes were rounded the wrong way."""


class Found(NamedTuple):
    """What a local search found, from one start or from B.

    Parameters
    ----------
    node, variant, priority : (T,) or (B, T) int64 arrays; ranks by planned start
    makespan : float or (B,) float array, seconds, of one average request under `ideal`
    moves : int or (B,) int array, proposals made
    """

    node: IntArray
    variant: IntArray
    priority: IntArray
    makespan: float | FloatArray
    moves: int | IntArray


class LocalSearch:
    """Annealing over nodes, variants and order of one problem, by compiled code.

    The constraints that a start keeps are kept. Objects may be shared between threads for
    `run_many` only.

    Parameters
    ----------
    problem : Problem
    mix : Mix, how often what is proposed

    Examples
    --------
    ``LocalSearch(problem).run(node, variant, priority, moves=5000, hot=0.02, cold=0.002, seed=1)``
    """

    def __init__(self, problem: Problem, mix: Mix | None = None) -> None:
        self.problem = problem
        self.mix = Mix() if mix is None else mix
        self._model = model_of(problem)
        self._rules = rules_of(problem)
        if np.isfinite(problem.memory_bytes).any():
            self._tight = self._rules._replace(memory=self._rules.memory * (1.0 - HAIR))
        else:
            self._tight = self._rules
        self._core = anneal_linear if self._model.linear else anneal_slotted
        self._states: dict[int, State] = {}

    def state(self, key: int = 0) -> State:
        """Room of one search, made when first asked for."""
        if key not in self._states:
            groups = int(self._rules.group.max()) + 1 if self._rules.constrained else 0
            self._states[key] = new_state(self._model, groups)
        return self._states[key]

    def begin(
        self, node: IntArray, variant: IntArray, priority: IntArray, seed: int, key: int = 0
    ) -> State:
        """Load a placement, compute its times, and return the state that holds it."""
        state = self.state(key)
        load(self.problem, state, node, variant, priority, seed)
        self.go(state, 0, 0.0, 0.0)
        return state

    def go(self, state: State, moves: int, hot: float, cold: float, tight: bool = False) -> None:
        """Go on from where a state stands; temperatures in seconds."""
        rules = self._tight if tight else self._rules
        self._core(self._model, rules, state, self.mix, moves, float(hot), float(cold))

    def plan(self, state: State) -> Plan:
        """The best placement of a state since `begin`, as a plan."""
        node, variant = (np.array(x, np.int64) for x in (state.best_node, state.best_variant))
        return timed(self.problem, node, variant, np.array(state.best_order, dtype=np.int64))

    def keeps_memory(self, plan: Plan) -> bool:
        """Whether no node is overfull; sums of fractional bytes may round either way."""
        problem = self.problem
        if self._tight is self._rules:
            return True
        need = resident_bytes(problem, plan.node, plan.variant)
        return bool((need <= problem.memory_bytes).all())

    def run(
        self,
        node: IntArray,
        variant: IntArray,
        priority: IntArray,
        *,
        moves: int,
        hot: float,
        cold: float,
        seed: int,
        key: int = 0,
    ) -> Found:
        """Anneal from an admissible placement.

        Parameters
        ----------
        node, variant, priority : (T,) int arrays
        moves : int, proposals
        hot, cold : float
            Temperature at the beginning and the end, as a share of the makespan of the start;
            0: descent.
        seed : int in [0, 2**64)
        key : int, which room to use; different threads need different ones

        Returns
        -------
        Found : the best placement visited, the start at worst
        """
        for tight in (False, True):
            state = self.begin(node, variant, priority, seed, key)
            scale = float(state.value[CURRENT])
            self.go(state, moves, hot * scale, max(cold, 1e-9 * hot) * scale, tight)
            plan = self.plan(state)
            if self.keeps_memory(plan):
                break
        return Found(plan.node, plan.variant, plan.priority, float(state.value[BEST]), moves)

    def run_many(
        self,
        node: IntArray,
        variant: IntArray,
        priority: IntArray,
        *,
        moves: int,
        hot: float,
        cold: float,
        seeds: IntArray,
        threads: int = 1,
    ) -> Found:
        """Anneal from each of B placements, (B, T) arrays; otherwise as `run`.

        The answer does not depend on the number of threads.
        """
        found: list[Found | None] = [None] * len(node)
        rooms: queue.SimpleQueue[int] = queue.SimpleQueue()
        for key in range(threads):
            self.state(key)
            rooms.put(key)

        def work(low: int, high: int) -> None:
            key = rooms.get()
            try:
                for b in range(low, high):
                    found[b] = self.run(
                        node[b], variant[b], priority[b],
                        moves=moves, hot=hot, cold=cold, seed=int(seeds[b]), key=key,
                    )  # fmt: skip
            finally:
                rooms.put(key)

        run_chunks(work, len(node), 1, threads)
        done = [f for f in found if f is not None]
        shape = (len(node), self.problem.n_tasks)
        columns = [np.array([f[i] for f in done], dtype=np.int64).reshape(shape) for i in range(3)]
        makespan = np.array([f.makespan for f in done], dtype=np.float64)
        counts = np.array([f.moves for f in done], dtype=np.int64)
        return Found(columns[0], columns[1], columns[2], makespan, counts)


def timed(problem: Problem, node: IntArray, variant: IntArray, order: IntArray) -> Plan:
    """The plan in which every node takes its tasks in the given order, (T,) tasks.

    Ranks go by (start, finish, place in the order). Where a task takes no time or a node has
    several slots, tasks that start together may change places, which changes no time.
    """
    view = view_of(problem)
    times = np.empty((2, len(order)))
    replay(view, new_lanes(view, insertion=False), order, node, variant, times[0], times[1])
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    priority = np.empty_like(order)
    priority[np.lexsort((place, times[1], times[0]))] = np.arange(len(order))
    return Plan(node, variant, priority, times[0], times[1])
