"""Two threads against two processes: ``python -m benchmarks.speed.threads``.

The same batches, round after round: two processes evaluate them on one thread each, then this
process on two threads. Throughput in candidates a second of wall clock. Of the ratios of the two
sides of a round the median counts, for other programs on the machine may slow either side down.
"""

from __future__ import annotations

import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

from benchmarks.speed._instances import candidates, problem
from benchmarks.speed._report import Row, cli
from simulator.batch import evaluate_batch

TARGET = 90.0
SIZES = {("ideal", "strict"): 16384, ("ideal", "greedy"): 8192, ("fifo", "strict"): 1024,
         ("fair", "strict"): 512}  # fmt: skip


def _prepared(network: str, dispatch: str) -> Callable[[int], None]:
    """A function of the number of threads that evaluates one batch, compiled already."""
    case = problem(network, dispatch)
    n = SIZES[network, dispatch]
    batch = candidates(case, "round robin", n)
    (luck,) = case.plan

    def evaluate(threads: int) -> None:
        evaluate_batch(case.arrays, *batch, luck, threads=threads)

    evaluate(2)
    return evaluate


def _rate(evaluate: Callable[[int], None], size: int, threads: int, seconds: float) -> float:
    """Candidates a second, over about so many seconds."""
    begin = time.perf_counter()
    done = 0
    while (elapsed := time.perf_counter() - begin) < seconds:
        evaluate(threads)
        done += size
    return done / elapsed


def _serve(connection: Connection, network: str, dispatch: str) -> None:
    """Measure whenever told to, until told to end."""
    evaluate = _prepared(network, dispatch)
    connection.send(None)
    while (seconds := connection.recv()) is not None:
        connection.send(_rate(evaluate, SIZES[network, dispatch], 1, seconds))


def compare(
    network: str, dispatch: str, rounds: int, seconds: float
) -> tuple[list[float], list[float]]:
    """Throughput of two processes together, and of two threads, in each round."""
    context = multiprocessing.get_context("spawn")
    pipes, workers = [], []
    for _ in range(2):
        ours, theirs = context.Pipe()
        worker = context.Process(target=_serve, args=(theirs, network, dispatch), daemon=True)
        worker.start()
        pipes.append(ours)
        workers.append(worker)
    evaluate = _prepared(network, dispatch)
    for pipe in pipes:
        pipe.recv()
    processes, threads = [], []
    for _ in range(rounds):
        for pipe in pipes:
            pipe.send(seconds)
        processes.append(sum(pipe.recv() for pipe in pipes))
        threads.append(_rate(evaluate, SIZES[network, dispatch], 2, seconds))
    for pipe, worker in zip(pipes, workers, strict=True):
        pipe.send(None)
        worker.join()
    return processes, threads


def measure(quick: bool = False) -> list[Row]:
    """One row for each kind of run."""
    rows = []
    for network, dispatch in SIZES:
        processes, threads = compare(network, dispatch, *((2, 0.1) if quick else (40, 0.2)))
        ratio = statistics.median(t / p for t, p in zip(threads, processes, strict=True))
        how = f"at best {max(threads):,.0f} candidates/s against {max(processes):,.0f}"
        what = f"2 threads / 2 processes, {network}/{dispatch}"
        rows.append(Row(what, how, 100 * ratio, "%", TARGET, at_least=True))
    return rows


if __name__ == "__main__":
    sys.exit(cli(__doc__, measure))
