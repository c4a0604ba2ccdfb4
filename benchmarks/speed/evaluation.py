"""CPU time of one evaluation: ``python -m benchmarks.speed.evaluation``.

Layered graph of 100 tasks and 300 edges, CCR 1, on 8 nodes of a star; one request; every candidate
another one, since repeating one lets the processor learn its branches. One thread, compilation
excluded; the best of several passes over all candidates, through `evaluate_batch`.
"""

from __future__ import annotations

import sys
import time

from benchmarks.speed._instances import KINDS, Candidates, candidates, problem
from benchmarks.speed._report import Row, cli
from simulator.batch import covers, evaluate_batch
from simulator.problem import Problem

TARGETS = {
    ("ideal", "strict"): 3.0,
    ("ideal", "greedy"): 15.0,
    ("fifo", "strict"): 50.0,
    ("fifo", "greedy"): 50.0,
    ("fair", "strict"): 200.0,
    ("fair", "greedy"): 200.0,
}
PASSES = 7


def microseconds(case: Problem, batch: Candidates, passes: int = PASSES) -> float:
    """CPU microseconds for one candidate, on this thread."""
    (luck,) = case.plan
    evaluate_batch(case.arrays, *(x[:2] for x in batch), luck)
    best = float("inf")
    for _ in range(passes):
        begin = time.process_time()
        result = evaluate_batch(case.arrays, *batch, luck)
        best = min(best, time.process_time() - begin)
        assert not result.lost.any()
    return best / len(batch[0]) * 1e6


def measure(quick: bool = False) -> list[Row]:
    """One row for each network, dispatch and kind of candidates."""
    n = 50 if quick else 1000
    base = problem()
    batches = {kind: candidates(base, kind, n) for kind in KINDS}
    rows = []
    for (network, dispatch), target in TARGETS.items():
        case = problem(network, dispatch)
        by = covers(case.arrays, case.plan[0])
        for kind, batch in batches.items():
            value = microseconds(case, batch, 2 if quick else PASSES)
            what = f"evaluation, {network}/{dispatch} ({by})"
            rows.append(Row(what, f"{kind} allocations", value, "us", target))
    return rows


if __name__ == "__main__":
    sys.exit(cli(__doc__, measure))
