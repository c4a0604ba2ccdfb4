"""What pins, groups and memory cost: the best single move that each of them alone forbids."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from scenarios.explain.moves import bundles, change, chunks, judge
from simulator.arrays import BoolArray, IntArray
from simulator.evaluate import admissible
from simulator.lower import fits_alone

if TYPE_CHECKING:
    from simulator.problem import Problem
    from simulator.realisation import Realisation
    from simulator.taskgraph import Task
    from simulator.workload import Stream


@dataclass(frozen=True)
class Constraint:
    """A constraint and what lifting it alone would give, one task moving.

    Parameters
    ----------
    name : str
        Such as ``translate pinned to gpu-1`` or ``memory of edge-0``.
    tasks : tuple of str
        Tasks that it binds.
    moves : int
        Single moves that it alone forbids.
    task, node, variant : str
        The best of them; empty if there is none.
    objective : float
        Of that move; +inf if there is none.
    change : float
        objective / objective now - 1; below 0 is what the constraint costs.
    """

    name: str
    tasks: tuple[str, ...]
    moves: int
    task: str = ""
    node: str = ""
    variant: str = ""
    objective: float = np.inf
    change: float = float("nan")


@dataclass(frozen=True)
class Lifted:
    """A problem without one of its constraints: which tasks it binds, on which node if on one."""

    name: str
    tasks: tuple[int, ...]
    problem: Problem
    node: int | None = None


def constraints(
    problem: Problem,
    places: tuple[IntArray, IntArray, IntArray],
    now: float,
    luck: Realisation,
) -> tuple[Constraint, ...]:
    """Lift every constraint in turn and look at the single moves that this opens.

    Parameters
    ----------
    places : (node, variant, priority) of the allocation, each (T,)
    now : float, its objective

    Returns
    -------
    tuple of Constraint, dearest first.
    """
    found: list[Constraint] = []
    for lifted in lift(problem):
        wanted = _opened(problem, lifted, places)
        names = tuple(problem.task_names[t] for t in lifted.tasks)
        values = judge(lifted.problem, places, wanted, luck)[0]
        if not np.isfinite(values).any():
            found.append(Constraint(lifted.name, names, len(values)))
            continue
        i = int(np.argmin(values))
        t, v, n = wanted[i]
        found.append(
            Constraint(
                lifted.name, names, len(values), problem.task_names[t], problem.node_names[n],
                problem.variant_names[t][v], float(values[i]), change(float(values[i]), now),
            )
        )  # fmt: skip
    return tuple(sorted(found, key=lambda constraint: constraint.objective))


def _opened(
    problem: Problem, lifted: Lifted, places: tuple[IntArray, IntArray, IntArray]
) -> list[tuple[int, int, int]]:
    """Moves (task, variant, node) that are admissible only without the constraint."""
    free = lifted.problem
    wanted = [(t, int(v), int(n)) for t in lifted.tasks for v, n in np.argwhere(free.allowed[t])
              if lifted.node is None or n == lifted.node]  # fmt: skip
    now, then = _possible(free, places, wanted), _possible(problem, places, wanted)
    return [move for move, a, b in zip(wanted, now, then, strict=True) if a and not b]


def _possible(
    problem: Problem,
    places: tuple[IntArray, IntArray, IntArray],
    wanted: list[tuple[int, int, int]],
) -> BoolArray:
    """Which moves keep the constraints, groups moving as one."""
    fine = np.zeros(len(wanted), dtype=np.bool_)
    for low, rows in chunks(problem, places, wanted, bundles(problem)):
        fine[low + admissible(problem, rows.node, rows.variant)] = True
    return fine


# ----- the constraints of a problem --------------------------------------------------------------
def lift(problem: Problem) -> Iterator[Lifted]:
    """The problem without each of its constraints in turn."""
    yield from _lift_places(problem)
    yield from _lift_groups(problem)
    yield from _lift_memory(problem)


def _lift_places(problem: Problem) -> Iterator[Lifted]:
    for t, task in enumerate(problem.tasks):
        words = place_rule(task)
        if words:
            free = replace(task, pinned=None, allowed=None, forbidden=())
            s = int(problem.arrays.task_stream[t])
            graph = problem.streams[s].graph
            tasks = tuple(free if x.name == task.name else x for x in graph.tasks)
            streams = _with(problem, s, replace(problem.streams[s],
                                                graph=replace(graph, tasks=tasks)))  # fmt: skip
            name = f"{problem.task_names[t]} {words}"
            yield Lifted(name, (t,), replace(problem, streams=streams))


def place_rule(task: Task) -> str:
    """Pin, allowed and forbidden nodes of a task in words; empty without any."""
    words = []
    if task.pinned is not None:
        words.append(f"pinned to {task.pinned}")
    if task.allowed is not None:
        words.append(f"allowed on {', '.join(task.allowed)} only")
    if task.forbidden:
        words.append(f"forbidden on {', '.join(task.forbidden)}")
    return " and ".join(words)


def _lift_groups(problem: Problem) -> Iterator[Lifted]:
    first = 0
    for s, stream in enumerate(problem.streams):
        index = {task.name: first + i for i, task in enumerate(stream.graph.tasks)}
        for which, words in (("place_with", "together"), ("apart", "apart")):
            groups = getattr(stream.graph, which)
            for i, group in enumerate(groups):
                graph = replace(stream.graph, **{which: groups[:i] + groups[i + 1 :]})
                members = tuple(sorted({index[name] for name in group}))
                name = ", ".join(problem.task_names[t] for t in members)
                streams = _with(problem, s, replace(stream, graph=graph))
                yield Lifted(f"{name} {words}", members, replace(problem, streams=streams))
        first += len(stream.graph.tasks)


def _lift_memory(problem: Problem) -> Iterator[Lifted]:
    for n, node in enumerate(problem.cluster.nodes):
        if np.isfinite(node.memory_bytes):
            nodes = list(problem.cluster.nodes)
            nodes[n] = replace(node, memory_bytes=np.inf)
            cluster = replace(problem.cluster, nodes=tuple(nodes))
            everyone = tuple(range(problem.n_tasks))
            freed = replace(problem, cluster=cluster)
            yield Lifted(f"memory of {node.name}", everyone, freed, n)


def _with(problem: Problem, s: int, stream: Stream) -> tuple[Stream, ...]:
    return (*problem.streams[:s], stream, *problem.streams[s + 1 :])


def why_not(problem: Problem, t: int, n: int) -> str:
    """Why a task may not run on a node at all; empty where it may."""
    allowed: BoolArray = problem.allowed[t, :, n]
    if allowed.any():
        return ""
    task, node = problem.tasks[t], problem.cluster.nodes[n]
    if not task.may_run_on(node):
        return place_rule(task)
    batch = problem.streams[int(problem.arrays.task_stream[t])].batch
    timed = [v for v in task.variants if not np.isnan(v.seconds_on(node, batch))]
    if timed and not any(fits_alone(v, node, batch) for v in timed):
        return f"too large for the memory of {node.name}"
    return f"no duration on {node.name}"
