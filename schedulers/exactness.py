"""When the makespan of a plan is the objective itself, so that nothing needs to be simulated."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulator.arrays import IDEAL, STRICT, IntArray
from simulator.dynamics import Dynamics

if TYPE_CHECKING:
    from simulator.problem import Problem


def plan_is_exact(problem: Problem) -> bool:
    """Whether the makespan of every `Plan` equals its objective, to the last bit.

    It does under `ideal` and `strict` for one request of one stream that arrives at 0 at nominal
    size, where every input of a task is awaited, nothing slows down and the makespan (or a latency)
    is all that is minimised. Elsewhere plans are estimates, and searches judge their candidates by
    `Budget.evaluate`: with several streams, for instance, strict nodes finish one request before
    they begin the next, and plans mix them.
    """
    arrays = problem.arrays
    terms = problem.objective.terms
    latencies = ("mean_latency", "p50_latency", "p95_latency", "p99_latency")
    timed = terms[0][0] == "makespan" or terms[0][0] in latencies
    awaited = (arrays.join_need == 0) | (arrays.join_need >= _inputs(problem))
    return bool(
        len(problem.streams) == 1
        and arrays.network == IDEAL
        and arrays.dispatch == STRICT
        and len(terms) == 1
        and terms[0][1] == 1.0
        and timed
        and not problem.has_luck
        and problem.dynamics == Dynamics()
        and awaited.all()
        and np.isinf(arrays.join_deadline).all()
        and not arrays.edge_conditional.any()
        and (arrays.corun == 1.0).all()
        and all((r.arrival == 0.0).all() for r in problem.plan)
    )


def _inputs(problem: Problem) -> IntArray:
    """(T,) number of edges entering each task."""
    return np.bincount(problem.arrays.edge_dst, minlength=problem.n_tasks).astype(np.int64)
