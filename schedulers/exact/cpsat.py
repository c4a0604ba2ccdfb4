"""The model as a constraint program for CP-SAT, and the search for its optimum."""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from schedulers.exact.memory import limit_memory
from schedulers.exact.model import Model
from simulator.arrays import IntArray

if TYPE_CHECKING:
    from collections.abc import Callable

    from schedulers.timeline import Plan

LOOK_EVERY = 0.005
"""Seconds of wall clock between two looks at the budget while the solver runs."""


class Answer(NamedTuple):
    """What one solution says; times in ticks."""

    node: IntArray
    variant: IntArray
    start: IntArray
    finish: IntArray


@dataclass
class Program:
    """Variables of the constraint program.

    Parameters
    ----------
    solver : the CP-SAT model
    start, finish : list of T expressions
    place : (t, v, n) -> literal, admissible ones only
    at : (t, n) -> literal
    makespan : variable
    """

    solver: Any
    start: list[Any]
    finish: list[Any]
    place: dict[tuple[int, int, int], Any]
    at: dict[tuple[int, int], Any]
    makespan: Any


def program_of(model: Model) -> Program:
    """Build the constraint program."""
    from ortools.sat.python import cp_model

    cp = cp_model.CpModel()
    places = [tuple(int(i) for i in p) for p in np.argwhere(model.hold >= 0)]
    short, long = _shortest(model), model.horizon
    makespan = cp.new_int_var(min(model.least, long), long, "makespan")
    place = {p: cp.new_bool_var("") for p in places}
    start, finish = [], []
    for t in range(len(model.hold)):
        first, last = int(model.head[t]), long - int(model.tail[t])
        start.append(cp.new_int_var(min(first, long), max(last - short[t], 0), ""))
        finish.append(cp.new_int_var(min(first + short[t], long), max(last, 0), ""))
        cp.add(finish[t] + int(model.tail[t]) <= makespan)
    program = Program(cp, start, finish, place, {}, makespan)  # type: ignore[arg-type]
    _places(model, program)
    same = _edges(model, program)
    _durations(model, program, same)
    _twins(model, program)
    _groups(model, program)
    limit_memory(model, program)
    cp.minimize(makespan)
    return program


def _shortest(model: Model) -> list[int]:
    held = np.where(model.hold < 0, np.iinfo(np.int64).max, model.hold)
    return [int(x) for x in held.min(axis=(1, 2))]


def _places(model: Model, program: Program) -> None:
    """Every task at exactly one place; `at` says on which node, whatever the variant."""
    cp, place = program.solver, program.place
    for t in range(len(model.hold)):
        cp.add_exactly_one(x for (u, _, _), x in place.items() if u == t)
        for n in range(model.hold.shape[2]):
            here = [place[t, v, n] for v in range(model.hold.shape[1]) if (t, v, n) in place]
            if len(here) == 1:
                program.at[t, n] = here[0]
            elif here:
                program.at[t, n] = cp.new_bool_var("")
                cp.add(sum(here) == program.at[t, n])


def _edges(model: Model, program: Program) -> list[Any]:
    """Precedence with delays; for every edge a literal that says that both ends share a node."""
    cp, at, same = program.solver, program.at, []
    known: dict[tuple[int, int], Any] = {}
    n_nodes = model.hold.shape[2]
    for k, (p, t) in enumerate(zip(model.src.tolist(), model.dst.tolist(), strict=True)):
        if (p, t) not in known:
            known[p, t] = _same_node(program, p, t, n_nodes)
        z = known[p, t]
        same.append(z)
        slack, delays = program.start[t] - program.finish[p], model.delay[k]
        variants = [v for v in range(len(delays)) if (model.hold[p, v] >= 0).any()]
        remote = delays[variants][:, ~np.eye(n_nodes, dtype=np.bool_)]
        remote = remote[remote >= 0]
        least = int(remote.min()) if remote.size else 0
        cp.add(slack >= least - least * z)
        if model.uniform[k] and len(variants) == 1 and remote.size:
            continue
        for v in variants:
            for a in range(n_nodes):
                for b in range(n_nodes):
                    if a == b or (p, v, a) not in program.place or (t, b) not in at:
                        continue
                    given = [program.place[p, v, a], at[t, b]]
                    if delays[v, a, b] < 0:
                        cp.add_bool_or([x.negated() for x in given])
                    elif delays[v, a, b] > least:
                        cp.add(slack >= int(delays[v, a, b])).only_enforce_if(given)
    return same


def _same_node(program: Program, p: int, t: int, n_nodes: int) -> Any:
    """A literal that is true exactly if two tasks share a node."""
    cp, at = program.solver, program.at
    z = cp.new_bool_var("")
    for n in range(n_nodes):
        a, b = at.get((p, n)), at.get((t, n))
        if a is not None and b is not None:
            cp.add_bool_or([z.negated(), a.negated(), b])
            cp.add_bool_or([z.negated(), b.negated(), a])
            cp.add_bool_or([z, a.negated(), b.negated()])
        elif a is not None or b is not None:
            only: Any = b if a is None else a
            cp.add_bool_or([z.negated(), only.negated()])
    return z


def _durations(model: Model, program: Program, same: list[Any]) -> None:
    """Intervals on every node, its slots, and the loads that they may not exceed."""
    cp, slots = program.solver, model.view.slots
    outgoing: list[list[int]] = [[] for _ in program.start]
    for k, p in enumerate(model.src):
        outgoing[p].append(k)
    intervals: list[list[Any]] = [[] for _ in slots]
    load: list[list[Any]] = [[] for _ in slots]
    for (t, v, n), x in program.place.items():
        hold = int(model.hold[t, v, n])
        costs = [(int(model.send[k, v, n]), same[k]) for k in outgoing[t] if model.send[k, v, n]]
        begin, end = program.start[t], program.finish[t]
        if costs:
            # An end of its own for every place: OR-Tools 9.15 cuts off valid solutions when several
            # optional intervals of different sizes share the variable of their ends.
            most = hold + sum(c for c, _ in costs)
            size = cp.new_int_var(hold, most, "")
            own = cp.new_int_var(0, model.horizon + most, "")
            cp.add(size == most - sum(c * z for c, z in costs))
            cp.add(own == end).only_enforce_if(x)
            intervals[n].append(cp.new_optional_interval_var(begin, size, own, x, ""))
        else:
            cp.add(end == begin + hold).only_enforce_if(x)
            intervals[n].append(cp.new_optional_fixed_size_interval_var(begin, hold, x, ""))
        load[n].append(hold * x)
    for n, here in enumerate(intervals):
        if slots[n] == 1:
            cp.add_no_overlap(here)
        else:
            cp.add_cumulative(here, [1] * len(here), int(slots[n]))
        if here:
            cp.add(sum(load[n]) <= int(slots[n]) * program.makespan)


def _twins(model: Model, program: Program) -> None:
    """Of interchangeable nodes, one that comes later is used only after those before it."""
    for n, before in enumerate(model.twins):
        earlier: list[Any] = []
        for t in model.order if before >= 0 else ():
            if (t, n) in program.at:
                program.solver.add_bool_or([program.at[t, n].negated(), *earlier])
            if (t, before) in program.at:
                earlier.append(program.at[t, int(before)])


def _groups(model: Model, program: Program) -> None:
    cp, at = program.solver, program.at
    for group in model.problem.place_with:
        for t in group[1:]:
            for n in range(model.hold.shape[2]):
                a, b = at.get((group[0], n)), at.get((t, n))
                if a is not None and b is not None:
                    cp.add(a == b)
                elif a is not None or b is not None:
                    cp.add((b if a is None else a) == 0)
    for group in model.problem.apart:
        for n in range(model.hold.shape[2]):
            cp.add_at_most_one(at[t, n] for t in group if (t, n) in at)


def hint(model: Model, program: Program, plan: Plan) -> None:
    """Let the search begin at a plan, with its twin nodes named in the order of first use."""
    node = canonical(model, plan.node)
    for (t, v, n), x in program.place.items():
        program.solver.add_hint(x, bool(node[t] == n and plan.variant[t] == v))
    for t, start in enumerate(model.tick.floor(plan.start, np.inf)):
        program.solver.add_hint(program.start[t], int(start))


def canonical(model: Model, node: IntArray) -> IntArray:
    """The same placement with the nodes of each class of twins in the order of first use."""
    root = np.arange(len(model.twins))
    for n, before in enumerate(model.twins):
        root[n] = n if before < 0 else root[before]
    name: dict[int, int] = {}
    free = {int(r): [int(n) for n in np.flatnonzero(root == r)] for r in np.unique(root)}
    for t in model.order:
        n = int(node[t])
        if n not in name:
            name[n] = free[int(root[n])].pop(0)
    return np.array([name[int(n)] for n in node], dtype=np.int64)


class Search:
    """One run of the solver in a thread of its own, so that the budget is looked at meanwhile.

    Seconds are counted by the budget alone: the solver would take them by the wall clock.

    Parameters
    ----------
    effort : float
        Limit in CP-SAT's deterministic seconds; inf for none.
    workers : int
        Threads.
    seed : int
    """

    def __init__(self, program: Program, effort: float, workers: int, seed: int) -> None:
        from ortools.sat.python import cp_model

        self.solver = cp_model.CpSolver()
        parameters = self.solver.parameters
        parameters.num_workers = workers
        parameters.random_seed = seed
        parameters.catch_sigint_signal = False
        # Linear relaxations are weak here, and without them proofs are several times faster.
        parameters.linearization_level = 0
        if workers > 1:
            parameters.subsolvers.extend(["no_lp", "quick_restart_no_lp"])
        if np.isfinite(effort):
            parameters.max_deterministic_time = effort
        self._program = program
        self._found: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self._status = cp_model.UNKNOWN
        self._failure: BaseException | None = None
        self._done = threading.Event()

    def run(self, take: Callable[[Answer], None], go_on: Callable[[], bool]) -> None:
        """Search; every solution goes to `take`, in this thread.

        Parameters
        ----------
        go_on : callable
            Asked every `LOOK_EVERY` seconds; False ends the search.
        """
        threading.Thread(target=self._solve, daemon=True).start()
        try:
            while not self._done.wait(LOOK_EVERY):
                self._drain(take)
                if not go_on():
                    self.solver.stop_search()
        finally:
            self.solver.stop_search()
            self._done.wait()
            self._drain(take)
        if self._failure is not None:
            raise self._failure

    @property
    def bound(self) -> float:
        """Ticks that the solver has proved no schedule falls below."""
        from ortools.sat.python import cp_model

        known = self._status in (cp_model.OPTIMAL, cp_model.FEASIBLE, cp_model.UNKNOWN)
        return max(float(self.solver.best_objective_bound), 0.0) if known else 0.0

    @property
    def effort(self) -> float:
        """Deterministic seconds spent."""
        return float(self.solver.response_proto.deterministic_time)

    def _drain(self, take: Callable[[Answer], None]) -> None:
        while not self._found.empty():
            take(self._found.get())

    def _solve(self) -> None:
        from ortools.sat.python import cp_model

        program, found = self._program, self._found

        class Collect(cp_model.CpSolverSolutionCallback):
            def on_solution_callback(self) -> None:
                found.put(_answer(program, self))

        try:
            self._status = self.solver.solve(program.solver, Collect())
        except BaseException as error:
            self._failure = error
        finally:
            self._done.set()


def _answer(program: Program, values: Any) -> Answer:
    chosen = sorted(p for p, x in program.place.items() if values.boolean_value(x))
    times = [[int(values.value(x)) for x in xs] for xs in (program.start, program.finish)]
    _, variant, node = (np.array(c, dtype=np.int64) for c in zip(*chosen, strict=True))
    return Answer(node, variant, np.array(times[0]), np.array(times[1]))
