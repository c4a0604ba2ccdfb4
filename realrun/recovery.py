"""After a worker failed: who takes over its tasks, and what of its work must be done again.

Outputs are kept on the worker that made them until their request is over. What the failed worker
made is gone, except for messages that were delivered; what was delivered then is gone with the
next worker that fails. By lineage: an output is made again if an
open task of a survivor, an unanswered exit task, or another output that must be made again needs
it; its own inputs are sent once more by survivors, or made again in turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np

from realrun.pool import WorkerFailed
from simulator.allocation import Allocation
from simulator.arrays import IntArray
from simulator.errors import InvalidAllocation
from simulator.rules import broken_constraint, check_allocation

if TYPE_CHECKING:
    from realrun.plan import RunPlan
    from simulator.problem import Problem


def lost_work(
    plan: RunPlan,
    failed: set[int],
    missing: Iterable[tuple[int, int]] | IntArray,
    answered: set[tuple[int, int]],
    absent: Iterable[tuple[int, int]] | IntArray = (),
) -> IntArray:
    """Work that must be done (again) because workers failed.

    Parameters
    ----------
    plan : RunPlan
        By which the workers worked.
    failed : set of int
    missing : (n, 2) ints
        (consumer's request, edge) of inputs that open tasks of survivors still wait for.
    answered : set of (request, task)
        Exit tasks whose answers are there.
    absent : (n, 2) ints
        (request, task) of survivors' work that is done, but whose output is on no worker any more:
        it was made by a worker that failed before.

    Returns
    -------
    (m, 2) int array of (request, task), ascending.
    """
    gone = {t for t in range(plan.n_tasks) if int(plan.node[t]) in failed}
    without = {(int(r), int(t)) for r, t in absent}
    inputs = [np.flatnonzero(plan.edge_dst == t).tolist() for t in range(plan.n_tasks)]
    todo: set[tuple[int, int]] = set()
    stack: list[tuple[int, int]] = []

    def need_input(request: int, edge: int) -> None:
        producer, task = int(plan.producer[request, edge]), int(plan.edge_src[edge])
        lost = task in gone or (producer, task) in without
        if producer >= 0 and lost and (producer, task) not in todo:
            todo.add((producer, task))
            stack.append((producer, task))

    for request, edge in missing:
        need_input(int(request), int(edge))
    for task in gone:
        if plan.is_exit[task]:
            for request in np.flatnonzero(plan.stream == plan.task_stream[task]).tolist():
                if (request, task) not in answered and (request, task) not in todo:
                    todo.add((request, task))
                    stack.append((request, task))
    while stack:
        request, task = stack.pop()
        for edge in inputs[task]:
            need_input(request, edge)
    return np.array(sorted(todo), dtype=np.int64).reshape(-1, 2)


def replanned(
    problem: Problem,
    allocation: Allocation,
    failed: set[int],
    alive: list[int],
    replan: Callable[[Problem, Allocation, int], Allocation] | None,
) -> Allocation:
    """An allocation that uses survivors only.

    Raises
    ------
    WorkerFailed
        The remaining tasks do not fit the survivors.
    """
    if replan is not None:
        found = allocation
        for worker in sorted(failed):
            found = replan(problem, found, worker)
        node, _, _ = check_allocation(problem, found)
        before, _, _ = allocation.arrays(problem)
        for t in range(problem.n_tasks):
            kept = int(before[t]) in failed or node[t] == before[t]
            if int(node[t]) not in alive or not kept:
                raise InvalidAllocation(
                    f"the new allocation puts task {problem.task_names[t]!r} onto "
                    f"{problem.node_names[node[t]]!r}; only tasks of workers that failed may move, "
                    "and only to those that are left"
                )
        return found
    return _moved(problem, allocation, failed, alive)


def _moved(
    problem: Problem, allocation: Allocation, failed: set[int], alive: list[int]
) -> Allocation:
    """Move each task of a failed worker where the work then ends earliest, heaviest task first."""
    node, variant, priority = (np.array(a) for a in allocation.arrays(problem))
    tasks = np.arange(problem.n_tasks)
    load = np.zeros(problem.n_nodes)
    homeless = [t for t in tasks if int(node[t]) in failed]
    for t in tasks:
        if int(node[t]) not in failed:
            load[node[t]] += problem.seconds[t, variant[t], node[t]]
    homeless.sort(key=lambda t: (-float(np.nanmin(problem.seconds[t])), int(t)))
    for t in homeless:
        options = [
            (load[n] + problem.seconds[t, v, n], n, v)
            for n in alive
            for v in range(problem.arrays.n_variants)
            if problem.allowed[t, v, n]
        ]
        for ends, n, v in sorted(options):
            node[t], variant[t] = n, v
            if not _breaks(problem, node, variant, failed):
                load[n] = ends
                break
        else:
            raise WorkerFailed(
                f"task {problem.task_names[t]!r} fits no worker that is left "
                f"({', '.join(problem.node_names[n] for n in alive)})"
            )
    moved = Allocation.of(problem, node, variant, priority)
    try:
        check_allocation(problem, moved)
    except InvalidAllocation:  # strict orders of different nodes need not fit together
        moved = Allocation.of(problem, node, variant)
        check_allocation(problem, moved)
    return moved


def _breaks(problem: Problem, node: IntArray, variant: IntArray, failed: set[int]) -> bool:
    """Whether what is placed on survivors so far breaks a constraint; the rest does not count."""
    found = broken_constraint(problem, node, variant)
    if found is None:
        return False
    names = [problem.node_names[n] for n in failed]
    return not any(repr(name) in found for name in names)


__all__ = ["lost_work", "replanned"]
