"""How many requests a second a cluster can take: the best bottleneck, and a bound on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from schedulers.starts import plans_of
from schedulers.streams.demand import bottleneck_demand
from schedulers.streams.surrogate import Surrogate
from schedulers.view import view_of
from simulator.arrays import FloatArray, IntArray
from simulator.errors import Infeasible

if TYPE_CHECKING:
    from simulator.problem import Problem

STARTS = ("single_node", "heft", "met", "min_min", "contention_heft")
MOVES_PER_TASK = 4_000
MOST_MOVES = 200_000
SLACK = 1e-9
"""The solver of the bound works to a tolerance; the bound is raised by this share."""


def bottleneck_throughput(problem: Problem, node: IntArray, variant: IntArray) -> FloatArray:
    """Requests a second at which the first node or link is busy all the time.

    All streams together, in the proportions in which the problem has them; mean sizes.

    Parameters
    ----------
    node, variant : (B, T) int arrays

    Returns
    -------
    (B,) float array, +inf where nothing takes any time
    """
    model = Surrogate(problem, bottleneck_demand(problem, view_of(problem)))
    with np.errstate(divide="ignore"):
        return np.asarray(problem.n_requests / model(node, variant).neck)


def best_bottleneck(problem: Problem) -> tuple[float, IntArray, IntArray]:
    """The admissible allocation of highest bottleneck throughput that annealing finds.

    Returns
    -------
    requests_per_second : float
    node, variant : (T,) int arrays

    Raises
    ------
    Infeasible
    """
    model = Surrogate(problem, bottleneck_demand(problem, view_of(problem)))
    elite = model.new_elite(1)
    moves = min(MOVES_PER_TASK * problem.n_tasks, MOST_MOVES)
    for i, name in enumerate(STARTS):
        try:
            plan = plans_of(problem, name)[0]
        except Infeasible:
            if i == len(STARTS) - 1 and not np.isfinite(elite.value[0]):
                raise
            continue
        walk = model.new_walk(plan.node, plan.variant, seed=i)
        model.anneal(walk, elite, moves, 0.1, 0.001)
        walk.node[:], walk.variant[:] = elite.node[0], elite.variant[0]
        walk.value[:] = np.nan
        model.anneal(walk, elite, moves // 4, 0.0, 0.0)
    with np.errstate(divide="ignore"):
        throughput = float(problem.n_requests / elite.value[0])
    return throughput, elite.node[0], elite.variant[0]


def max_throughput(problem: Problem) -> float:
    """Requests a second of the best bottleneck: what loads are usually given in per cent of.

    Raises
    ------
    Infeasible
    """
    return best_bottleneck(problem)[0]


def throughput_bound(problem: Problem) -> float:
    """Requests a second that no allocation exceeds, by the load of the nodes alone.

    A linear program: every task is spread over its (variant, node) choices so that the busiest
    node, by slot, is as little busy as possible. Integral choices are among these, links only add
    load, and a node does no more work in a second than its slots and co-run factors allow. Where
    late inputs are cancelled, only tasks that complete a request count. Slow-downs by factors
    below 1, which speed a node up, are not considered.

    Returns
    -------
    float, +inf where nothing takes any time
    """
    from scipy.optimize import linprog
    from scipy.sparse import coo_array

    view = view_of(problem)
    demand = bottleneck_demand(problem, view)
    choice = np.argwhere(np.isfinite(view.hold))
    task, variant, node = choice.T
    runs = demand.runs * demand.requests[demand.stream]
    if problem.arrays.join_cancel.any():
        runs = runs * problem.arrays.is_exit
    load = view.bare[task, variant, node] * runs[task] / _capacity(problem)[node]
    scale = float(load.max(initial=0.0))
    if scale == 0.0:
        return np.inf
    columns = np.arange(len(choice))
    busy = coo_array((load / scale, (node, columns)), shape=(view.n_nodes, len(choice) + 1))
    neck = coo_array(
        (-np.ones(view.n_nodes), (np.arange(view.n_nodes), np.full(view.n_nodes, len(choice)))),
        shape=busy.shape,
    )
    once = coo_array((np.ones(len(choice)), (task, columns)), shape=(view.n_tasks, len(choice) + 1))
    cost = np.zeros(len(choice) + 1)
    cost[-1] = 1.0
    found = linprog(
        cost,
        A_ub=cast(Any, (busy + neck).tocsr()),
        b_ub=np.zeros(view.n_nodes),
        A_eq=cast(Any, once.tocsr()),
        b_eq=np.ones(view.n_tasks),
    )
    least = float(found.fun or 0.0) * scale if found.status == 0 else 0.0
    return problem.n_requests / least * (1.0 + SLACK) if least > 0 else np.inf


def _capacity(problem: Problem) -> FloatArray:
    """(N,) seconds of work that a node does in a second at best."""
    corun, slots = problem.arrays.corun, problem.arrays.slots
    best = np.empty(len(slots))
    for n, c in enumerate(slots):
        factor = np.ones(c)
        factor[: min(c, corun.shape[1])] = corun[n, :c]
        best[n] = (np.arange(1, c + 1) / factor).max()
    return best
