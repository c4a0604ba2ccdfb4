"""What one average request of every stream asks of nodes and links, and what is to be minimised."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from schedulers.view import View
from simulator.arrays import FloatArray, IntArray

if TYPE_CHECKING:
    from simulator.problem import Problem
    from simulator.realisation import Realisation

TAIL_FROM = 0.9
"""Quantiles from here on are about the slowest stream, lower ones about all of them."""


class Demand(NamedTuple):
    """Load and objective of a stream problem. S streams, T tasks, E edges, N nodes, L links.

    Parameters
    ----------
    network : int
    requests : (S,) float array
    span : float, seconds from the first arrival to the last; 0 if all come at once
    arrival_scv : (S,) float array, squared coefficient of variation of the gaps between arrivals
    stream : (T,) int array
    runs : (T,) float array, share of the requests of its stream that run a task
    sent : (E,) float array, share of the requests that send a message
    cv : (T,) float array, coefficient of variation of a task's work
    task_tail, edge_tail : (T,), (E,) float arrays
        Factor on the work and the bytes of a request as large as the quantile in question.
    edge : int array, the edge of each entry of `View.in_src`
    is_exit : (T,) float array, 1 for tasks that complete a request
    link_latency : (L,) float array, seconds
    weight : (S,) float array, shares of the streams in a mean latency, summing to 1
    tail : bool, whether the slowest stream counts alone
    patience : float, waiting at the quantile over mean waiting
    per_latency, per_span, per_gap, per_neck, per_balance : float
        Weights in the objective: of the latency, the makespan, the reciprocal of the throughput,
        the busiest station's seconds, and the busiest node over the mean.
    per_busy : (N,) float array, weight of a slot-second of each node
    """

    network: int
    requests: FloatArray
    span: float
    arrival_scv: FloatArray
    stream: IntArray
    runs: FloatArray
    sent: FloatArray
    cv: FloatArray
    task_tail: FloatArray
    edge_tail: FloatArray
    edge: IntArray
    is_exit: FloatArray
    link_latency: FloatArray
    weight: FloatArray
    tail: bool
    patience: float
    per_latency: float
    per_span: float
    per_gap: float
    per_neck: float
    per_balance: float
    per_busy: FloatArray


def demand_of(problem: Problem, view: View) -> Demand:
    """Read the demand off a problem's nominal figures and its plan realisations."""
    arrays = problem.arrays
    luck = problem.plan[0]
    quantile = _quantile(problem)
    now = np.flatnonzero(arrays.edge_lag == 0)
    runs, sent = _visits(problem, luck)
    mean, cv, high = _moments(luck.task_factor, luck.stream, arrays.task_stream, quantile)
    size_mean, _, size_high = _moments(
        luck.edge_factor, luck.stream, arrays.task_stream[arrays.edge_src], quantile
    )
    requests = np.array([float(s.requests) for s in problem.streams])
    share = requests * problem.stream_weight
    terms = dict(problem.objective.terms)
    latency = sum(w for name, w in problem.objective.terms if name.endswith("_latency"))
    watts = (problem.busy_watts - problem.idle_watts) / arrays.slots
    per_busy = terms.get("energy", 0.0) * watts
    per_busy = per_busy + terms.get("cost_busy", 0.0) * problem.price_per_s / arrays.slots
    idle = terms.get("energy", 0.0) * float(problem.idle_watts.sum())
    reserved = terms.get("cost", 0.0) * float(problem.price_per_s.sum())
    return Demand(
        network=arrays.network,
        requests=requests,
        span=_span(problem, view, luck),
        arrival_scv=np.array([_gap_scv(luck, s) for s in range(len(requests))]),
        stream=np.array(arrays.task_stream),
        runs=runs,
        sent=sent,
        cv=cv,
        task_tail=high / mean,
        edge_tail=size_high / size_mean,
        edge=now[np.argsort(arrays.edge_dst[now], kind="stable")],
        is_exit=arrays.is_exit.astype(np.float64),
        link_latency=np.array(arrays.latency),
        weight=share / share.sum() if share.sum() > 0 else np.full(len(share), 1.0 / len(share)),
        tail=quantile >= TAIL_FROM,
        patience=float(-np.log1p(-quantile)) if quantile > 0 else 1.0,
        per_latency=float(latency),
        per_span=float(terms.get("makespan", 0.0) + idle + reserved),
        per_gap=float(terms.get("throughput", 0.0)),
        per_neck=0.0,
        per_balance=float(terms.get("balance", 0.0)),
        per_busy=np.asarray(per_busy, dtype=np.float64),
    )


def bottleneck_demand(problem: Problem, view: View) -> Demand:
    """The same where only the seconds of the busiest station count."""
    demand = demand_of(problem, view)
    return demand._replace(
        per_latency=0.0,
        per_span=0.0,
        per_gap=0.0,
        per_neck=1.0,
        per_balance=0.0,
        per_busy=np.zeros(len(demand.per_busy)),
    )


def _quantile(problem: Problem) -> float:
    """Highest quantile of the latency in the objective; 0 if there is only a mean, or none."""
    names = [name for name, _ in problem.objective.terms if name[0] == "p"]
    return max((float(name[1:3]) / 100.0 for name in names), default=0.0)


def _span(problem: Problem, view: View, luck: Realisation) -> float:
    """Open loops: from first to last arrival. Closed ones: as fast as the clients can come back."""
    arrays = problem.arrays
    if not arrays.clients.any():
        return float(luck.arrival.max() - luck.arrival.min())
    least = view.fastest.min(axis=1)
    longest = 0.0
    for s, stream in enumerate(problem.streams):
        clients = int(arrays.clients[s])
        think = stream.arrivals.think.mean if stream.arrivals.think is not None else 0.0
        alone = float(least[arrays.task_stream == s].max(initial=0.0)) + think
        longest = max(longest, alone * stream.requests / clients if clients else 0.0)
    return longest


def _gap_scv(luck: Realisation, stream: int) -> float:
    gaps = np.diff(luck.arrival[luck.stream == stream])
    if len(gaps) < 2 or not gaps.mean() > 0:
        return 0.0
    return float(gaps.var() / gaps.mean() ** 2)


def _visits(problem: Problem, luck: Realisation) -> tuple[FloatArray, FloatArray]:
    """Shares of the requests that run each task and send each message, branches considered."""
    arrays = problem.arrays
    requests, n_tasks = len(luck.stream), problem.n_tasks
    mine = luck.stream[:, None] == arrays.task_stream[None, :]
    alive = np.array(mine)
    taken = np.ones((requests, problem.n_edges), dtype=np.bool_)
    if luck.taken.size:
        taken = luck.taken | ~arrays.edge_conditional
        ptr, edges = arrays.in_csr
        for t in arrays.topological:
            into = [e for e in edges[ptr[t] : ptr[t + 1]] if arrays.edge_lag[e] == 0]
            if into:
                alive[:, t] &= (alive[:, arrays.edge_src[into]] & taken[:, into]).any(axis=1)
    count = np.maximum(mine.sum(axis=0), 1)
    runs = alive.sum(axis=0) / count
    sending = alive[:, arrays.edge_src] & taken if problem.n_edges else taken
    sent = sending.sum(axis=0) / count[arrays.edge_src] if problem.n_edges else np.empty(0)
    assert len(runs) == n_tasks
    return np.asarray(runs, dtype=np.float64), np.asarray(sent, dtype=np.float64)


def _moments(
    factor: FloatArray, stream: IntArray, of: IntArray, quantile: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Mean, coefficient of variation, and quantile (the mean for 0) of each column's factors."""
    ones = np.ones(len(of))
    if factor.size == 0:
        return ones, 0.0 * ones, ones
    mean, cv, high = ones.copy(), 0.0 * ones, ones.copy()
    for s in np.unique(of):
        columns = np.flatnonzero(of == s)
        rows = factor[np.ix_(stream == s, columns)]
        if len(rows) == 0:
            continue
        average = rows.mean(axis=0)
        usable = average > 0
        mean[columns] = np.where(usable, average, 1.0)
        cv[columns] = np.where(usable, rows.std(axis=0), 0.0) / mean[columns]
        top = np.quantile(rows, quantile, axis=0) if quantile > 0 else average
        high[columns] = np.where(usable, top, 1.0)
    return mean, cv, high
