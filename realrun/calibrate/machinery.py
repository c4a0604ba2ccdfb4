"""The overheads of workers and the links between them, step by step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from realrun.calibrate import overheads as work
from realrun.calibrate.calibration import LinkTime, Overheads
from realrun.calibrate.journal import Journal

if TYPE_CHECKING:
    from realrun.pool import Workers

Step = Callable[[str], None]
MODELS_TOGETHER = 4
"""How many models are run beside copies of themselves."""


def slotted(workers: Workers) -> list[int]:
    """Workers that execute several tasks at once."""
    return [i for i, spec in enumerate(workers.specs) if spec.slots > 1]


def messages(
    workers: Workers, journal: Journal, step: Step
) -> tuple[list[Overheads], tuple[LinkTime, ...], float]:
    """Dispatch, send and wake overheads, and the links.

    Returns
    -------
    (overheads of each worker, links, seconds that the latest message came after its time)
    """
    names = [spec.name for spec in workers.specs]
    n = len(names)
    dispatch = []
    for i in range(n):
        step(f"overheads of {names[i]}")
        dispatch.append(
            journal.step(f"dispatch {names[i]}", partial(work.measure_dispatch, workers, i))
        )
    pairs = {}
    for a in range(n):
        for b in range(a + 1, n):
            step(f"messages between {names[a]} and {names[b]}")
            raw = journal.step(f"pair {names[a]} {names[b]}", partial(_pair, workers, a, b))
            pairs[a, b] = {k: np.asarray(v) for k, v in raw.items()}
    late = [float(v["late_s"].max()) for v in pairs.values() if "late_s" in v]
    times = work.links_of(names, pairs) if pairs else free_links(names)
    return work.overheads_of(dispatch, pairs, n), tuple(times), max(late, default=0.0)


def free_links(names: Sequence[str]) -> list[LinkTime]:
    """Links that cost less than a nanosecond: under `ideal` one must have some bandwidth."""
    return [LinkTime(a, b, 0.0, 1e15) for a in names for b in names if a != b]


def _pair(workers: Workers, a: int, b: int) -> dict[str, list[list[float]]]:
    found = work.measure_pair(workers, (a, b))
    return {key: values.tolist() for key, values in found.items()}


def together(
    workers: Workers, journal: Journal, step: Step, worker: int, cases: Sequence[tuple[str, int]]
) -> list[float]:
    """Slow-down with 1, 2, ... executions at once, the median over models.

    Parameters
    ----------
    worker : int
    cases : sequence of (model, batch)
    """
    spec = workers.specs[worker]
    step(f"{spec.slots} executions at once on {spec.name}")

    def table() -> list[float]:
        times = [
            [
                workers.call(
                    worker, "realrun.calibrate.probes:time_together",
                    model=model, batch=batch, copies=copies,
                )
                for copies in range(1, spec.slots + 1)
            ]
            for model, batch in cases[:MODELS_TOGETHER]
        ]  # fmt: skip
        ratios = np.asarray([np.asarray(row) / row[0] for row in times])
        return [float(x) for x in np.maximum(np.median(ratios, axis=0), 1.0)]

    return list(journal.step(f"corun {spec.name}", table)) if cases else [1.0]


def with_corun(
    workers: Workers,
    journal: Journal,
    step: Step,
    found: Sequence[Overheads],
    cases: Callable[[int], Sequence[tuple[str, int]]],
) -> dict[str, Overheads]:
    """Overheads by the worker's name, with the slow-down of those that have several slots."""
    out = list(found)
    for i in slotted(workers):
        table = together(workers, journal, step, i, cases(i))
        out[i] = replace(out[i], corun=tuple(table))
    return {spec.name: o for spec, o in zip(workers.specs, out, strict=True)}
