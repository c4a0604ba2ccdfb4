"""The problem as schedulers are told it is: other durations and message sizes, all else true.

What decides whether an allocation is admissible is left alone: memory, weights, pins, forbidden
nodes, groups, variants, edges and the order's freedom from cycles depend on neither durations nor
bytes of messages. So what is admissible in the estimate is admissible in truth, and vice versa.

Estimates apply to the work of every (task, variant, node) and to the bytes of every message;
overheads of nodes, bandwidths, latencies, arrivals and the distributions of sizes and of noise stay
as they are. So does the `plan` luck: schedulers may look at it as before.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from scenarios.information.modes import Information, parse
from simulator.arrays import FloatArray
from simulator.errors import InvalidScenario
from simulator.luck import uniforms

if TYPE_CHECKING:
    from scenarios.scenario import Scenario
    from simulator.problem import Problem
    from simulator.taskgraph import Variant

FAMILY = "estimate"
"""Family of the draws: neither `plan` nor `test`, so estimates and luck are independent."""


def estimate(truth: Problem | Scenario, information: str | Information, seed: int = 0) -> Problem:
    """The problem that schedulers are given to plan with.

    Parameters
    ----------
    truth : Problem or Scenario
        A scenario is lowered with `seed`.
    information : str or Information
        Such as ``noisy[sigma=0.3]``; see `MODES`.
    seed : int
        Of the noise: the same for every scheduler, and for every sigma up to the scale.

    Returns
    -------
    Problem
        With `exact` the very problem that was given.

    Raises
    ------
    UnknownName, InvalidScenario
        The text does not parse, or a calibration does not fit.

    Notes
    -----
    Noise keeps the median: a factor is exp(sigma z) with z standard normal, independent for every
    (task, variant, node), for every output of a variant and for every edge that states its bytes,
    so that twice as long is as likely as half as long. (Keeping the mean instead would shrink most
    estimates, by exp(-sigma^2 / 2) in the median.) z depends on the seed and on names only, not on
    sigma: a sweep over sigma scales one and the same error.

    `mean` and `blind` follow the information modes of [1]_. There machines are alike; where they
    are not, `over` says what the mean is taken over.

    References
    ----------
    .. [1] J. Beránek, S. Böhm, V. Cima, "Analysis of workflow schedulers in simulated distributed
       environments", The Journal of Supercomputing 78, 2022. doi:10.1007/s11227-022-04438-y
    """
    from scenarios.scenario import Scenario

    problem = truth.problem(seed=seed) if isinstance(truth, Scenario) else truth
    told = parse(information)
    if told.mode == "exact":
        return problem
    if told.mode == "noisy":
        return _noisy(problem, told.sigma, seed)
    if told.mode == "calibrated":
        return rebuild(problem, _calibrated(problem, told.file))
    return _flat(problem, told)


def planning(scenario: Scenario, seed: int = 0, truth: Problem | None = None) -> Problem:
    """What the schedulers of a scenario plan with, by its field `information`.

    Parameters
    ----------
    truth : Problem or None
        The scenario lowered with this seed, if that has been done; the answer with `exact`.
    """
    problem = scenario.problem(seed=seed) if truth is None else truth
    return estimate(problem, scenario.information, seed)


# ----- the modes ---------------------------------------------------------------------------------
def factors(seed: int, sigma: float, stream: str, purpose: str, name: str, n: int) -> FloatArray:
    """(n,) log-normal factors of median 1; the same normal numbers whatever sigma is."""
    from scipy.special import ndtri

    u = uniforms(seed, FAMILY, stream, purpose, name, n)
    return np.asarray(np.exp(sigma * ndtri(np.clip(u, 2.0**-54, None))))


def _noisy(problem: Problem, sigma: float, seed: int) -> Problem:
    seconds = np.array(problem.arrays.seconds)
    outputs = np.ones(seconds.shape[:2])
    t = 0
    for stream in problem.streams:
        for task in stream.graph.tasks:
            for v, variant in enumerate(task.variants):
                key = f"{task.name}|{variant.name}"
                seconds[t, v] *= factors(seed, sigma, stream.name, "seconds", key, problem.n_nodes)
                outputs[t, v] = factors(seed, sigma, stream.name, "output", key, 1)[0]
            t += 1
    sizes = [
        np.nan if edge.bytes is None
        else edge.bytes * factors(seed, sigma, stream.name, "bytes", f"{i}|{edge.label}", 1)[0]
        for stream in problem.streams for i, edge in enumerate(stream.graph.edges)
    ]  # fmt: skip
    return rebuild(problem, seconds, outputs, np.array(sizes))


def _flat(problem: Problem, told: Information) -> Problem:
    """Equal durations where the mode cannot tell them apart, equal bytes for all messages.

    Equal are those of an average request, so what tasks scale with is divided out.
    """
    known = problem.seconds
    if told.mode == "blind":
        seconds, size = np.ones(known.shape), 1.0
    else:
        size = float(problem.bytes.mean()) if problem.n_edges else 0.0
        if told.over == "all":
            each = np.nanmean(known, axis=(1, 2))
            seconds = np.full(known.shape, each.mean())
        else:
            axes = (0, 1) if told.over == "tasks" else (1, 2)
            with np.errstate(invalid="ignore"):
                found = _mean(known, axes)
            seconds = np.broadcast_to(found, known.shape)
    task = np.where(problem.task_scale > 0, problem.task_scale, 1.0)
    edge = np.where(problem.edge_scale > 0, problem.edge_scale, 1.0)
    return rebuild(problem, seconds / task[:, None, None], None, size / edge)


def _mean(values: FloatArray, axes: tuple[int, int]) -> FloatArray:
    """Mean over some axes, kept as axes of length 1, of what is not NaN; 0 where nothing is."""
    there = ~np.isnan(values)
    count = there.sum(axis=axes, keepdims=True)
    total = np.where(there, values, 0.0).sum(axis=axes, keepdims=True)
    return np.asarray(total / np.maximum(count, 1))


def _calibrated(problem: Problem, file: str) -> FloatArray:
    """Seconds by the entries of a calibration; tasks without a model keep theirs.

    Raises
    ------
    InvalidScenario
        A node or model of the problem that the calibration does not have.
    """
    from realrun.calibrate import Calibration

    calibration = Calibration.load(file)
    workers = [worker.name for worker in calibration.workers]
    for name in problem.node_names:
        if name not in workers:
            raise InvalidScenario(
                f"information {file}: it is a calibration of {', '.join(workers)}, and the problem "
                f"has node {name!r}; only a calibration of the same nodes can be an estimate"
            )
    out = np.array(problem.arrays.seconds)
    t = 0
    for stream, measured in zip(problem.streams, calibration.streams(problem.streams), strict=True):
        for task, known in zip(stream.graph.tasks, measured.graph.tasks, strict=True):
            by_name = {variant.name: variant for variant in known.variants}
            for v, variant in enumerate(task.variants):
                for n in np.flatnonzero(problem.allowed[t, v]):
                    found = by_name.get(variant.name)
                    node = problem.cluster.nodes[int(n)]
                    value = np.nan if found is None else found.seconds_on(node, stream.batch)
                    if np.isnan(value):
                        raise InvalidScenario(
                            f"information {file}: model {variant.module or variant.name!r} of task "
                            f"{task.name!r} was not calibrated on {node.name!r}"
                        )
                    out[t, v, n] = value
            t += 1
    return out


# ----- building ----------------------------------------------------------------------------------
def rebuild(
    problem: Problem,
    seconds: FloatArray,
    outputs: FloatArray | None = None,
    sizes: FloatArray | None = None,
) -> Problem:
    """The same problem with other durations and bytes.

    Parameters
    ----------
    problem : Problem
    seconds : (T, V, N) float array
        As `Problem.arrays.seconds`; not read where a variant does not run on a node.
    outputs : (T, V) float array or None
        Factors on the output sizes of variants.
    sizes : (E,) float array or None
        Bytes of edges at nominal size; NaN keeps what the edge or its producer says.

    Raises
    ------
    InvalidScenario
        A node is called like the kind or device of another, so that seconds by name are ambiguous.
    """
    streams, t, e = [], 0, 0
    for stream in problem.streams:
        tasks, edges = [], []
        for task in stream.graph.tasks:
            variants = tuple(
                _retimed(problem, variant, stream.batch, seconds[t, v],
                         1.0 if outputs is None else float(outputs[t, v]))
                for v, variant in enumerate(task.variants)
            )  # fmt: skip
            tasks.append(replace(task, variants=variants))
            t += 1
        for edge in stream.graph.edges:
            size = np.nan if sizes is None else float(sizes[e])
            edges.append(edge if np.isnan(size) else replace(edge, bytes=size))
            e += 1
        graph = replace(stream.graph, tasks=tuple(tasks), edges=tuple(edges))
        streams.append(replace(stream, graph=graph))
    made = replace(problem, streams=tuple(streams))
    if not np.array_equal(made.allowed, problem.allowed):
        raise InvalidScenario(
            f"{problem.name}: estimates are given by the names of nodes, and one of them is called "
            "like the kind or device of another; rename it"
        )
    return made


def _retimed(
    problem: Problem, variant: Variant, batch: int, seconds: FloatArray, output: float
) -> Variant:
    """A variant with seconds (N,) by node name, which is what takes precedence over all else."""
    runs = [n for n, node in enumerate(problem.cluster.nodes)
            if not np.isnan(variant.seconds_on(node, batch))]  # fmt: skip
    table = {}
    for n in runs:
        # Where the task itself may not run the value is never read, but the node stays possible.
        value = float(seconds[n])
        table[problem.node_names[n]] = 0.0 if np.isnan(value) else value
    size = variant.output_bytes
    if output != 1.0:
        size = tuple(x * output for x in size) if isinstance(size, tuple) else size * output
    return replace(variant, seconds=table, work=None, output_bytes=size)
