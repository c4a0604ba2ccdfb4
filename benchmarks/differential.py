"""Compare the two engines on random cases: ``python -m benchmarks.differential --cases 10000``.

Each case runs through both engines at once, and again with stops at random instants, where the
records so far have to agree as well. Every field must be equal to the last bit.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat

import numpy as np
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from simulator.kernel import KernelSimulation
from simulator.reference import ReferenceSimulation
from simulator.runlog import RunLog
from tests.cases import Case, draw_case

BLOCK = 50


def difference(case: Case, stops: int = 2, seed: int = 0) -> str | None:
    """First difference between the engines on a case, None if there is none.

    Parameters
    ----------
    case : Case
    stops : int
        Number of instants at which both runs are stopped, compared and resumed.
    seed : int
        Of the choice of these instants.
    """
    reference, kernel = ReferenceSimulation(*case), KernelSimulation(*case)
    reference.run()
    kernel.run()
    whole = reference.log()
    if found := whole.first_difference(kernel.log()):
        return found
    times = stopping_times(whole, stops, seed)
    reference, kernel = ReferenceSimulation(*case), KernelSimulation(*case)
    for until in times:
        reference.run(until)
        kernel.run(until)
        if found := reference.log().first_difference(kernel.log()):
            return f"after run(until={until!r}): {found}"
    reference.run()
    kernel.run()
    for name, simulation in (("reference", reference), ("kernel", kernel)):
        if found := whole.first_difference(simulation.log()):
            return f"{name} stopped at {times} and resumed: {found}"
    return None


def stopping_times(log: RunLog, n: int, seed: int) -> list[float]:
    """Instants of a run, or times near them, ascending."""
    rng = np.random.default_rng(seed)
    times = np.concatenate([log.start.ravel(), log.finish.ravel(), log.delivered.ravel()])
    times = times[np.isfinite(times)]
    if n == 0 or len(times) == 0:
        return []
    return sorted(float(t) for t in rng.choice(times, n) + rng.choice([0.0, 0.0, -0.25, 0.3], n))


def compare_block(first: int, number: int, stops: int) -> list[tuple[int, str]]:
    """Compare the cases of consecutive seeds; return (seed, difference) for those that differ."""
    found = []
    for seed in range(first, first + number):
        try:
            text = difference(draw_case(seed), stops, seed)
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
        if text is not None:
            found.append((seed, text))
    return found


def run_blocks(options: argparse.Namespace) -> Iterator[tuple[int, list[tuple[int, str]]]]:
    """Yield (number of cases, what differs) block by block."""
    last = options.seed + options.cases
    firsts = list(range(options.seed, last, BLOCK))
    sizes = [min(BLOCK, last - first) for first in firsts]
    if options.processes == 1:
        yield from zip(sizes, map(compare_block, firsts, sizes, repeat(options.stops)), strict=True)
        return
    compare_block(options.seed, 1, 0)  # compile once, before the processes start
    with ProcessPoolExecutor(options.processes) as pool:
        results = pool.map(compare_block, firsts, sizes, repeat(options.stops))
        yield from zip(sizes, results, strict=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 1 if any case differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0, help="seed of the first case")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--stops", type=int, default=2, help="times each run is stopped")
    parser.add_argument("--show", type=int, default=10, help="differences to print")
    options = parser.parse_args(arguments)
    started = time.perf_counter()
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    differing: list[tuple[int, str]] = []
    with Progress(*columns, transient=True) as progress:
        bar = progress.add_task("cases", total=options.cases)
        for number, found in run_blocks(options):
            for seed, text in found[: max(options.show - len(differing), 0)]:
                progress.console.print(f"seed {seed}: {text}", markup=False)
            differing.extend(found)
            progress.advance(bar, number)
    seconds = time.perf_counter() - started
    seeds = ", ".join(str(seed) for seed, _ in differing[:20])
    print(
        f"{options.cases - len(differing)} of {options.cases} cases agree, {seconds:.1f} s"
        + (f"; differing seeds: {seeds}" if differing else "")
    )
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
