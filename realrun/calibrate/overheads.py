"""What a run costs beside computing: measured by real runs of tasks that do nothing.

Chains of such tasks on one node give the time between two tasks (`dispatch_s`); chains that change
node at every step give the time until an idle receiver starts (`wake_s`) and what copying and
telling cost the sender (`send_s`, `send_s_per_byte`). With the transport through shared memory a
message is there when the sender has told; over TCP it takes time on the way, which becomes the
link's latency and bandwidth.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from realrun.calibrate.calibration import LinkTime, Overheads
from realrun.devices import workers_cluster
from realrun.execute import execute
from simulator.allocation import Allocation
from simulator.arrays import FloatArray
from simulator.problem import Problem
from simulator.taskgraph import Edge, Task, TaskGraph, Variant
from simulator.workload import Arrivals, Stream

if TYPE_CHECKING:
    from realrun.execute import RealRun
    from realrun.pool import Workers

SIZES = (0, 4_096, 65_536, 1_048_576, 4_194_304)
STEPS, REQUESTS = 12, 6
IDLE_S = 0.02
"""What a node idles before it is woken: a sleeping processor wakes more slowly than a busy one."""
HARDLY_ANY = 0.99
OFF, FLOOR_S = 0.1, 2e-5
"""A line that is off by more than this share of a time, at least of the floor, is none."""


def chain(workers: Workers, size: int, seconds: float = 0.0) -> Problem:
    """A chain of tasks that sleep so long, and whose messages have a size."""
    nothing = Variant("nothing", seconds={"*": seconds}, output_bytes=float(size))
    tasks = tuple(Task(f"step-{i}", (nothing,)) for i in range(STEPS))
    edges = tuple(Edge(f"step-{i}", f"step-{i + 1}") for i in range(STEPS - 1))
    arrivals = Arrivals("constant", rate=1.0 / (0.05 + 1.5 * STEPS * seconds))
    stream = Stream("chain", TaskGraph(tasks, edges), arrivals, requests=REQUESTS)
    return Problem(
        cluster=workers_cluster(workers.specs), streams=(stream,), network="ideal",
        dispatch="greedy", name="overheads",
    )  # fmt: skip


def gaps(run: RealRun) -> FloatArray:
    """(R, steps - 1) seconds between the end of a task and the start of the next."""
    log = run.trace.log
    return np.asarray((log.start[:, 1:] - log.finish[:, :-1])[1:])


def measure_dispatch(workers: Workers, node: int) -> float:
    """Seconds between two tasks of one node."""
    problem = chain(workers, 0)
    run = execute(problem, Allocation.of(problem, [node] * STEPS), workers)
    return float(np.median(gaps(run)))


def measure_pair(
    workers: Workers, pair: tuple[int, int], sizes: Sequence[int] = SIZES
) -> dict[str, FloatArray]:
    """Messages to and fro between two nodes.

    Returns
    -------
    dict of (len(sizes), 2) float arrays, for the directions there and back: ``send_s`` (of the
    producer), ``travel_s`` (until the message is usable), ``wake_s`` (until the consumer starts).
    And (1, 2) ones: ``idle_wake_s``, the same after the consumer was idle for as long as models
    take, which is longer; ``late_s``, what hardly any start exceeds, arrivals included.
    """
    found = {key: np.zeros((len(sizes), 2)) for key in ("send_s", "travel_s", "wake_s")}
    where = [pair[i % 2] for i in range(STEPS)]
    for row, size in enumerate(sizes):
        problem = chain(workers, size)
        run = execute(problem, Allocation.of(problem, where), workers)
        log, observed = run.trace.log, run.trace.observed or {}
        send = (observed["cpu_s"] - observed["compute_s"])[1:, :-1]
        travel = (log.delivered - log.finish[:, :-1])[1:]
        wake = (log.start[:, 1:] - log.delivered)[1:]
        for direction in (0, 1):
            for key, values in (("send_s", send), ("travel_s", travel), ("wake_s", wake)):
                found[key][row, direction] = float(np.median(values[:, direction::2]))
    return found | _after_idling(workers, where)


def _after_idling(workers: Workers, where: Sequence[int]) -> dict[str, FloatArray]:
    """How long idle nodes need to start a task whose input or request has come."""
    problem = chain(workers, 0, IDLE_S)
    log = execute(problem, Allocation.of(problem, where), workers).trace.log
    wake = log.start[:, 1:] - log.delivered
    first = log.start[:, 0] - log.arrival
    found = {"idle_wake_s": np.zeros((1, 2)), "late_s": np.zeros((1, 2))}
    for direction in (0, 1):
        mine = wake[:, direction::2].ravel()
        found["idle_wake_s"][0, direction] = float(np.median(mine))
        every = np.concatenate([mine, first])
        found["late_s"][0, direction] = float(np.quantile(every, HARDLY_ANY))
    return found


def line(sizes: Sequence[int], seconds: FloatArray) -> tuple[float, float]:
    """(offset, seconds per byte) of non-negative least relative squares.

    Examples
    --------
    >>> offset, slope = line([0, 1000, 2000], np.array([1e-5, 2e-5, 3e-5]))
    >>> round(offset * 1e6, 3), round(slope * 1e9, 3)
    (10.0, 10.0)
    """
    from scipy.optimize import nnls

    x = np.column_stack([np.ones(len(sizes)), np.asarray(sizes, dtype=float)])
    weight = 1.0 / np.maximum(seconds, 1e-7)
    scale = np.array([1.0, 1e-6])
    solution, _ = nnls(x * scale * weight[:, None], seconds * weight)
    return float(solution[0] * scale[0]), float(solution[1] * scale[1])


def overheads_of(
    dispatch: Sequence[float], pairs: dict[tuple[int, int], dict[str, FloatArray]], n: int
) -> list[Overheads]:
    """Overheads of every node: what it spends as a sender, what it needs as a receiver.

    Parameters
    ----------
    dispatch : sequence of n floats
    pairs : mapping of (a, b), a < b, to what `measure_pair` returned
    """
    send: list[list[FloatArray]] = [[] for _ in range(n)]
    wake: list[list[float]] = [[] for _ in range(n)]
    for (a, b), found in pairs.items():
        for sender, receiver, direction in ((a, b, 0), (b, a, 1)):
            send[sender].append(found["send_s"][:, direction])
            seen = found.get("idle_wake_s", found["wake_s"])
            wake[receiver].append(float(np.median(seen[:, direction])))
    out = []
    for i in range(n):
        offset, slope = line(SIZES, np.median(send[i], axis=0)) if send[i] else (0.0, 0.0)
        # The start of a task is what was seen; the rules count its dispatch from then on.
        woken = max(float(np.median(wake[i])) - dispatch[i], 0.0) if wake[i] else 0.0
        out.append(
            Overheads(dispatch_s=dispatch[i], send_s=offset, send_s_per_byte=slope, wake_s=woken)
        )
    return out


def links_of(
    names: Sequence[str], pairs: dict[tuple[int, int], dict[str, FloatArray]]
) -> list[LinkTime]:
    """Latency and bandwidth of every ordered pair of nodes, from the time messages travel.

    Where no line fits, the measured sizes are kept as a table.
    """
    out = []
    for (a, b), found in pairs.items():
        for sender, receiver, direction in ((a, b, 0), (b, a, 1)):
            seconds = np.maximum(found["travel_s"][:, direction], 0.0)
            latency, slope = line(SIZES, seconds)
            rate = 1.0 / slope if slope > 1e-13 else 1e13
            table: tuple[tuple[float, float], ...] = ()
            if not fits(SIZES, seconds, latency, slope):
                latency, table = size_table(SIZES, seconds)
            out.append(LinkTime(names[sender], names[receiver], latency, rate, table))
    return out


def fits(sizes: Sequence[int], seconds: FloatArray, offset: float, slope: float) -> bool:
    """Whether a line is right within 10 % at every size."""
    off = np.abs(offset + slope * np.asarray(sizes, dtype=float) - seconds)
    return bool((off <= OFF * np.maximum(seconds, FLOOR_S)).all())


def size_table(
    sizes: Sequence[int], seconds: FloatArray
) -> tuple[float, tuple[tuple[float, float], ...]]:
    """(latency, (size, seconds beyond it)) of measured times, for ascending sizes.

    Examples
    --------
    >>> size_table([0, 1000, 2000], np.array([1.0, 3.0, 2.5]))
    (1.0, ((0.0, 0.0), (1000.0, 2.0), (2000.0, 2.0)))
    """
    rising = np.maximum.accumulate(seconds)
    latency = float(rising[0])
    beyond = (float(x) - latency for x in rising)
    return latency, tuple(zip(map(float, sizes), beyond, strict=True))
