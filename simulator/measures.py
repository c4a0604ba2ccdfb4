"""How the metrics of a run are computed; ``docs/metrics.md`` says what each of them means."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulator.arrays import BoolArray, FloatArray, IntArray
from simulator.critical import PARTS, critical_path, latency_parts
from simulator.memory import peak_bytes, weights_on
from simulator.metrics import NODE_UNITS, RUN_UNITS, Metrics
from simulator.objective import energy_joules
from simulator.record import Record
from simulator.runlog import FINISHED

if TYPE_CHECKING:
    from simulator.problem import Problem
    from simulator.trace import Trace


def measure(trace: Trace) -> Metrics:
    """Compute every metric that has a meaning in a run."""
    problem, record = trace.problem, trace.record
    parts = latency_parts(record)
    accuracy = _accuracy(problem, record)
    everyone = np.ones(record.n_requests, dtype=np.bool_)
    values = _of_requests(problem, record, everyone, parts, accuracy)
    if record.n_requests and np.isfinite(record.log.idle_at):
        values["idle_at"] = record.log.idle_at
    values |= _objective(problem, record)
    by_node, by_link = _nodes(trace), _links(problem, record)
    values |= _of_nodes(problem, record, by_node) | _of_links(record, by_link)
    values |= _times(record)
    path = critical_path(trace)
    if record.n_requests == 1 and path:
        values |= _single(problem, record, values["makespan"])
        length = sum(s.seconds for s in path)
        if length > 0 and problem.n_nodes > 1:
            moved = sum(s.seconds for s in path if s.kind == "transfer")
            values["critical_communication_share"] = moved / length
    stream = record.realisation.stream
    by_stream = {s.name: _of_requests(problem, record, stream == i, parts, accuracy)
                 for i, s in enumerate(problem.streams)}  # fmt: skip
    classes = problem.arrays.stream_class[stream]
    by_class = {str(c): _of_requests(problem, record, classes == c, parts, accuracy)
                for c in np.unique(problem.arrays.stream_class)}  # fmt: skip
    return Metrics(
        {name: float(values[name]) for name in RUN_UNITS if name in values},
        by_node,
        by_link,
        by_stream if len(by_stream) > 1 else {},
        by_class if len(by_class) > 1 else {},
        path,
    )


def _of_requests(
    problem: Problem, record: Record, who: BoolArray, parts: FloatArray, accuracy: FloatArray
) -> dict[str, float]:
    """Latency and everything else that is a statement about a set of requests."""
    log = record.log
    stream = record.realisation.stream[who]
    arrival, completed = log.arrival[who], log.completed[who]
    done = np.isfinite(completed)
    n, k = len(completed), int(done.sum())
    out: dict[str, float] = {"requests": n, "completed": k, "lost": n - k}
    if k == 0:
        return out
    latency = (completed - arrival)[done]
    out["makespan"] = makespan = float(completed[done].max() - np.nanmin(arrival))
    weight = problem.stream_weight[stream][done]
    if weight.sum() > 0:
        out["mean_latency"] = float((latency * weight).sum() / weight.sum())
    if k > 1:
        for q in (50, 95, 99):
            out[f"p{q}_latency"] = float(np.quantile(latency, q / 100.0))
        out["max_latency"] = float(latency.max())
    for i, part in enumerate(PARTS):
        out[f"latency_{part}"] = float(parts[who][done, i].mean())
    if n > 1 and makespan > 0:
        out["throughput"] = k / makespan
    limit = problem.arrays.stream_deadline[stream]
    bound = np.isfinite(limit)
    if bound.any():
        with np.errstate(invalid="ignore"):
            good = int((bound & (completed - arrival <= limit)).sum())
        out["slo_attainment"] = good / int(bound.sum())
        if n > 1 and makespan > 0:
            out["goodput"] = good / makespan
    values = accuracy[who][done]
    if len(np.unique(stream)) == 1 and len(values) and np.isfinite(values).all():
        out["accuracy"] = float(values.mean())
    return out


def _objective(problem: Problem, record: Record) -> dict[str, float]:
    log = record.log
    if not np.isfinite(log.completed).any():
        return {}
    value = problem.objective.values(
        problem, record.realisation.stream, log.arrival, log.completed[None], record.busy_s[None]
    )
    return {"objective": float(value[0])} if np.isfinite(value[0]) else {}


def _accuracy(problem: Problem, record: Record) -> FloatArray:
    """(R,) accuracies of the tasks that ran, composed by the graph's rule; NaN where undeclared."""
    out = np.full(record.n_requests, np.nan)
    declared = problem.accuracy[np.arange(problem.n_tasks), record.variant]
    counts = (record.log.state == FINISHED) & ~np.isnan(declared)[None, :]
    stated = counts.any(axis=1)
    for s, spec in enumerate(problem.streams):
        rows = np.flatnonzero(stated & (record.realisation.stream == s))
        rule = spec.graph.accuracy_rule
        if rule is None or len(rows) == 0:
            continue
        part, mask = np.broadcast_to(declared, counts.shape)[rows], counts[rows]
        if rule == "product":
            out[rows] = np.where(mask, part, 1.0).prod(axis=1)
        elif rule == "min":
            out[rows] = np.where(mask, part, np.inf).min(axis=1)
        else:
            out[rows] = np.where(mask, part, 0.0).sum(axis=1) / mask.sum(axis=1)
    return out


def _window(record: Record) -> float:
    """Seconds from the first arrival until the system fell idle; 0 if nothing ran."""
    if not np.isfinite(record.log.arrival).any() or not np.isfinite(record.log.idle_at):
        return 0.0
    return float(record.log.idle_at - np.nanmin(record.log.arrival))


def _nodes(trace: Trace) -> dict[str, dict[str, float]]:
    problem, record = trace.problem, trace.record
    busy, slots, window = record.busy_s, problem.arrays.slots, _window(record)
    count = np.bincount(record.executions.node, minlength=problem.n_nodes)
    columns: dict[str, FloatArray | IntArray] = {"busy_time": busy, "executions": count}
    if window > 0:
        columns["utilisation"] = busy / (slots * window)
    if np.isfinite(makespan := trace.makespan):
        if _has_watts(problem):
            share = busy / slots
            rest = np.maximum(makespan - share, 0.0)
            columns["energy"] = share * problem.busy_watts + rest * problem.idle_watts
        if problem.price_per_s.any():
            columns["cost"] = problem.price_per_s * makespan
    if problem.price_per_s.any():
        columns["cost_busy"] = busy / slots * problem.price_per_s
    if _has_bytes(problem, record):
        columns["weights"] = weights_on(problem, record.node, record.variant)
        columns["peak_memory"] = peak_bytes(trace)
    return {
        name: {key: float(columns[key][n]) for key in NODE_UNITS if key in columns}
        for n, name in enumerate(problem.node_names)
    }


def _has_watts(problem: Problem) -> bool:
    return any(n.idle_watts is not None or n.busy_watts is not None for n in problem.cluster.nodes)


def _has_bytes(problem: Problem, record: Record) -> bool:
    return bool(
        problem.weights_bytes.any() or problem.working_bytes.any() or record.size_bytes.any()
    )


def _of_nodes(
    problem: Problem, record: Record, by_node: dict[str, dict[str, float]]
) -> dict[str, float]:
    out: dict[str, float] = {}
    compute, slots = problem.is_compute, problem.arrays.slots
    if (window := _window(record)) > 0:
        out["utilisation"] = float(record.busy_s[compute].sum() / (slots[compute].sum() * window))
    load = (record.busy_s / slots)[compute]
    if len(load) > 1 and load.any():
        out["jain_index"] = float(load.sum() ** 2 / (len(load) * (load**2).sum()))
        out["balance"] = float(load.max() / load.mean())
    rows = list(by_node.values())
    if "cost" in rows[0]:
        out["cost"] = float(problem.price_per_s.sum() * record.log.makespan)
    if "cost_busy" in rows[0]:
        out["cost_busy"] = float((record.busy_s / slots) @ problem.price_per_s)
    if "energy" in rows[0]:
        span = np.array([record.log.makespan])
        out["energy"] = float(energy_joules(problem, record.busy_s[None], span)[0])
        if record.n_requests > 1:
            out["energy_per_request"] = out["energy"] / np.isfinite(record.log.completed).sum()
    if "peak_memory" in rows[0]:
        out["peak_memory"] = max(row["peak_memory"] for row in rows)
    return out


def _links(problem: Problem, record: Record) -> dict[str, dict[str, float]]:
    """Bytes and messages delivered over every link."""
    arrays, log = record.arrays, record.log
    there = record.sent & ~np.isnan(log.delivered) & record.remote[None, :]
    size = np.where(there, record.size_bytes, 0.0).sum(axis=0)
    number = there.sum(axis=0)
    carried, count = np.zeros(arrays.n_links), np.zeros(arrays.n_links)
    for e in np.flatnonzero(record.remote):
        ends = record.node[arrays.edge_src[e]], record.node[arrays.edge_dst[e]]
        route = arrays.route(int(ends[0]), int(ends[1]))
        carried[route] += size[e]
        count[route] += number[e]
    window = _window(record)
    out: dict[str, dict[str, float]] = {}
    for i, name in enumerate(problem.link_names):
        out[name] = {"bytes": float(carried[i]), "messages": float(count[i])}
        if window > 0:
            out[name]["utilisation"] = float(carried[i] / (arrays.bandwidth[i] * window))
    return out


def _of_links(record: Record, by_link: dict[str, dict[str, float]]) -> dict[str, float]:
    if record.arrays.n_nodes < 2:
        return {}
    moved = record.sent & record.remote[None, :]
    out = {"bytes_moved": float(record.size_bytes[moved].sum())}
    if used := [row["utilisation"] for row in by_link.values() if "utilisation" in row]:
        out["max_link_utilisation"] = max(used)
    return out


def _times(record: Record) -> dict[str, float]:
    """Seconds summed over all executions, messages and waits."""
    log, x = record.log, record.executions
    done = log.state == FINISHED
    out = {"compute_time": float(record.busy_s.sum())}
    redone = ~x.finished & done[x.request, x.task]
    waited = float((log.start - log.ready)[done].sum())
    out["slot_wait_time"] = waited - float((x.end - x.start)[redone].sum())
    out["join_wait_time"] = _join_wait(record)
    if len(record.realisation.outage_node):
        out["interrupted_time"] = float((x.end - x.start)[~x.finished].sum())
    if record.arrays.n_nodes > 1:
        there = record.sent & ~np.isnan(log.delivered) & record.remote[None, :]
        out["transfer_time"] = moving = float((log.delivered - record.sent_at)[there].sum())
        if moving + out["compute_time"] > 0:
            out["communication_share"] = moving / (moving + out["compute_time"])
    joins = (record.arrays.join_need > 0) | np.isfinite(record.arrays.join_deadline)
    if joins.any():
        unused = record.sent & (log.used != 1)
        out["discarded_bytes"] = float(record.size_bytes[unused].sum())
        out["discarded_time"] = _discarded(record)
    return out


def _join_wait(record: Record) -> float:
    """Seconds between the first used input and readiness, over tasks with several used inputs."""
    log, shape = record.log, record.log.state.shape
    used = np.asarray(record.at_consumer(log.used, -1)) == 1
    first, number = np.full(shape, np.inf), np.zeros(shape, dtype=np.int64)
    for e, dst in enumerate(record.arrays.edge_dst):
        came = np.where(used[:, e], record.arrived_at[:, e], np.inf)
        first[:, dst] = np.minimum(first[:, dst], came)
        number[:, dst] += used[:, e]
    waited = (number > 1) & ~np.isnan(log.ready)
    return float((log.ready - np.where(waited, first, 0.0))[waited].sum())


def _discarded(record: Record) -> float:
    """Seconds of finished tasks, exit tasks apart, none of whose messages was used."""
    useful = np.zeros(record.log.state.shape, dtype=np.bool_)
    for e, src in enumerate(record.arrays.edge_src):
        useful[:, src] |= record.log.used[:, e] == 1
    done = record.log.state == FINISHED
    waste = done & ~useful & ~record.arrays.is_exit[None, :]
    return float((record.log.finish - record.log.start)[waste].sum())


def _single(problem: Problem, record: Record, makespan: float) -> dict[str, float]:
    """Schedule length ratio, speed-up and efficiency of a single request (Topcuoglu 2002)."""
    out: dict[str, float] = {}
    if makespan <= 0:
        return out
    ran = record.log.state[0] == FINISHED
    factor = record.realisation.task_factor[0] if record.realisation.task_factor.size else 1.0
    seconds = problem.arrays.seconds * np.broadcast_to(factor, problem.n_tasks)[:, None, None]
    fastest = np.where(problem.allowed, seconds, np.inf).min(axis=1)  # (T, N) over variants
    if (bound := _longest_chain(record, np.where(ran, fastest.min(axis=1), 0.0))) > 0:
        out["slr"] = makespan / bound
    alone = fastest[ran][:, problem.is_compute].sum(axis=0)
    if np.isfinite(best := alone.min()) and best > 0:
        out["speedup"] = float(best / makespan)
        out["efficiency"] = out["speedup"] / int(problem.is_compute.sum())
    return out


def _longest_chain(record: Record, seconds: FloatArray) -> float:
    """Longest path of the request's own edges by the tasks' seconds, messages left out."""
    arrays = record.arrays
    end = seconds.copy()
    ptr, edges = arrays.in_csr
    for t in arrays.topological:
        for e in edges[ptr[t] : ptr[t + 1]]:
            if arrays.edge_lag[e] == 0:
                end[t] = max(end[t], end[arrays.edge_src[e]] + seconds[t])
    return float(end.max())
