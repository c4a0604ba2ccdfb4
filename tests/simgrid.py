"""Compare with SimGrid: ``python -m tests.simgrid FOLDER [--engine E]``.

Each file holds a task graph on a star of hosts, an allocation, an order, and the start and finish
of every task and message that SimGrid 4.1 computed [1]_ for each of four pairs of dispatch and
network. SimGrid's floating point differs from ours in the last bits, so times may differ by
1e-9 of the makespan.

References
----------
.. [1] H. Casanova, A. Giersch, A. Legrand, M. Quinson, F. Suter, "Versatile, scalable, and accurate
   simulation of distributed applications and platforms", J. Parallel Distrib. Comput. 74(10), 2014.
   doi:10.1016/j.jpdc.2014.06.008
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from simulator.arrays import FAIR, FIFO, GREEDY, IDEAL, STRICT, Arrays, IntArray
from simulator.realisation import Realisation
from simulator.runlog import RunLog
from tests.engines import Engine
from tests.harness import main, read_case

Json = Any
TOLERANCE = 1e-9
MODES = {
    "no_contention": (STRICT, IDEAL),
    "maxmin": (STRICT, FAIR),
    "no_contention_greedy": (GREEDY, IDEAL),
    "maxmin_greedy": (GREEDY, FAIR),
}
EngineCase = tuple[Arrays, IntArray, IntArray, IntArray, Realisation]


def load(raw: Json, mode: str) -> EngineCase:
    """Turn a file into what engines take, for one of `MODES`."""
    dispatch, network = MODES[mode]
    hosts, edges = raw["platform"]["hosts"], raw["edges"]
    tasks = sorted(raw["tasks"], key=lambda task: task["id"])
    n_tasks, n_hosts = len(tasks), len(hosts)
    bandwidth, latency, routes = star(hosts, raw["platform"]["backbone"])
    zeros, ones = np.zeros(n_hosts), np.ones(n_hosts)
    flops, speed = _column(tasks, "flops"), _column(hosts, "speed")
    arrays = Arrays(
        network=network,
        dispatch=dispatch,
        discipline=FIFO,
        slots=np.ones(n_hosts, np.int64),
        dispatch_s=zeros,
        send_s=zeros,
        send_s_per_byte=zeros,
        wake_s=zeros,
        corun=ones.reshape(n_hosts, 1),
        bandwidth=bandwidth,
        latency=latency,
        route_ptr=np.cumsum([0] + [len(route) for route in routes]),
        route_links=np.array([link for route in routes for link in route], dtype=np.int64),
        stream_class=np.zeros(1, np.int64),
        stream_deadline=np.array([math.inf]),
        clients=np.zeros(1, np.int64),
        task_stream=np.zeros(n_tasks, np.int64),
        seconds=(flops[:, None] / speed[None, :]).reshape(n_tasks, 1, n_hosts),
        join_need=np.zeros(n_tasks, np.int64),
        join_deadline=np.full(n_tasks, math.inf),
        join_cancel=np.zeros(n_tasks, np.bool_),
        edge_src=_column(edges, "src").astype(np.int64),
        edge_dst=_column(edges, "dst").astype(np.int64),
        edge_lag=np.zeros(len(edges), np.int64),
        edge_conditional=np.zeros(len(edges), np.bool_),
        edge_bytes=_column(edges, "bytes").reshape(len(edges), 1),
    )
    node = np.array(raw["allocation"], dtype=np.int64)
    priority = np.empty(n_tasks, np.int64)
    priority[raw["order"]] = np.arange(n_tasks)
    luck = Realisation(arrival=np.zeros(1), stream=np.zeros(1, np.int64))
    return arrays, node, np.zeros(n_tasks, np.int64), priority, luck


def star(hosts: Json, backbone: Json) -> tuple[Any, Any, list[list[int]]]:
    """Links of a star and the route of every pair: up link, backbone if any, down link.

    Returns
    -------
    bandwidth, latency : float arrays; routes : list over the ordered pairs of hosts
    """
    bandwidth = [host[key] for host in hosts for key in ("up_bw", "down_bw")]
    latency = [host[key] for host in hosts for key in ("up_lat", "down_lat")]
    middle = []
    if backbone is not None:
        middle = [len(bandwidth)]
        bandwidth.append(backbone["bw"])
        latency.append(backbone["lat"])
    pairs = [(a, b) for a in range(len(hosts)) for b in range(len(hosts))]
    routes = [[] if a == b else [2 * a, *middle, 2 * b + 1] for a, b in pairs]
    return np.array(bandwidth, np.float64), np.array(latency, np.float64), routes


def deviations(expected: Json, log: RunLog) -> Iterator[tuple[float, str]]:
    """Yield, for every time, how far it is off as a share of the makespan, and its name."""
    makespan = float(expected["makespan"])

    def off(name: str, theirs: float, ours: float) -> tuple[float, str]:
        share = abs(theirs - ours) / makespan if makespan else abs(theirs - ours)
        share = math.inf if math.isnan(share) else share  # we have no such time
        return share, f"{name}: SimGrid {theirs!r}, got {ours!r}"

    for name, ours in (("start", log.start[0]), ("finish", log.finish[0])):
        for task, (a, b) in enumerate(zip(expected[name], ours.tolist(), strict=True)):
            yield off(f"{name}[{task}]", a, b)
    for edge, span in enumerate(expected["comm"]):
        if span is not None:  # a message between two hosts
            yield off(f"comm[{edge}][1]", span[1], float(log.delivered[0, edge]))
    yield off("makespan", makespan, log.makespan)


class Comparison:
    """Runs files and remembers the largest deviation of the current engine."""

    def __init__(self) -> None:
        self.worst = 0.0

    def run_file(self, path: Path, engine: Engine) -> str | None:
        """Return the first deviation that is too large, or None."""
        for mode in MODES:
            case, expected = read_case(path, lambda raw, m=mode: (load(raw, m), raw["results"][m]))
            log = engine(*case)
            for share, text in deviations(expected, log):
                self.worst = max(self.worst, share)
                if share > TOLERANCE:
                    return f"{mode} {text} ({share:.3g} of the makespan)"
        return None

    def summary(self) -> str:
        """Say how far off the worst time was, and forget it."""
        worst, self.worst = self.worst, 0.0
        return f"; largest deviation {worst:.3g} of the makespan, allowed {TOLERANCE:g}"


def _column(rows: Json, key: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array([row[key] for row in rows], dtype=np.float64)


def cli(arguments: Sequence[str] | None = None) -> int:
    """Run the command line."""
    comparison = Comparison()
    about = "Compare starts and finishes with SimGrid's, in all cases of a folder."
    return main(about, comparison.run_file, arguments, comparison.summary)


if __name__ == "__main__":
    sys.exit(cli())
