"""Long runs: ``python -m benchmarks.speed.streams``.

10,000 requests of the 100-task graph in one run under `ideal`, as `simulate` makes it: with the
full record of all tasks and messages. Poisson arrivals at half of what the nodes could work off,
and all at once. CPU time, one thread, the best of several runs, each with another allocation.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from benchmarks.speed._instances import candidates, problem, stream
from benchmarks.speed._report import Row, cli
from simulator.engines import execute
from simulator.realisation import Realisation

TARGET = 3.0
RUNS = 5


def measure(quick: bool = False) -> list[Row]:
    """One row for each dispatch and load."""
    n_requests = 500 if quick else 10_000
    rows = []
    for dispatch in ("strict", "greedy"):
        case = problem("ideal", dispatch)
        batch = candidates(case, "HEFT", RUNS + 1)
        poisson = stream(case, n_requests, 0.5)
        burst = Realisation(arrival=np.zeros(n_requests), stream=poisson.stream)
        for load, luck in (("Poisson arrivals", poisson), ("all at once", burst)):
            best = float("inf")
            for b in range(RUNS + 1):
                begin = time.process_time()
                log = execute(case.arrays, *(x[b] for x in batch), luck)
                seconds = time.process_time() - begin
                assert np.isfinite(log.completed).all()
                best = min(best, seconds) if b > 0 else best
            value = n_requests * case.n_tasks / best / 1e6
            what = f"one run with record, ideal/{dispatch}"
            how = f"{n_requests:,} requests x {case.n_tasks} tasks, {load}"
            rows.append(Row(what, how, value, "M tasks/s", TARGET, at_least=True))
    return rows


if __name__ == "__main__":
    sys.exit(cli(__doc__, measure))
