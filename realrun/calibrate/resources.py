"""What the machine has beside speed: memory and watts of workers, and the reference product."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from realrun.calibrate import energy, memory
from realrun.calibrate.calibration import Overheads
from realrun.calibrate.journal import Journal

if TYPE_CHECKING:
    from realrun.pool import Workers

REFERENCES = 5
_BEFORE, _AFTER = "host", "loaded"


def reference(workers: Workers, journal: Journal) -> dict[str, float]:
    """Median seconds of the reference product on every worker, all at the same time.

    Asked first, when no model is loaded yet; so it also notes what workers occupy without any.
    """
    _hosts(workers, journal, _BEFORE)
    return reference_seconds(workers, journal)


def reference_seconds(workers: Workers, journal: Journal) -> dict[str, float]:
    """Median seconds of the reference product by worker, all at the same time."""

    def measure() -> list[float]:
        nothing: list[dict[str, Any]] = [{} for _ in workers.specs]
        probe = "realrun.validate.probes:matmul"
        rows = [workers.call_all(probe, nothing) for _ in range(REFERENCES)]
        columns = zip(*rows, strict=True)
        return [float(np.median([x["seconds"] for x in column])) for column in columns]

    seconds = journal.step("reference", measure)
    return dict(zip((s.name for s in workers.specs), seconds, strict=True))


def devices(workers: Workers, journal: Journal) -> dict[str, str]:
    """Name of every worker's device."""
    answers = _hosts(workers, journal, _BEFORE)
    return {s.name: str(a["device"]) for s, a in zip(workers.specs, answers, strict=True)}


def measure(
    workers: Workers, journal: Journal, overheads: Mapping[str, Overheads]
) -> tuple[dict[str, Overheads], dict[str, dict[str, float]], str | None]:
    """Memory and watts, when all models are loaded.

    Returns
    -------
    (overheads with both, what of the memory is used by node, what could not be read)
    """
    specs = workers.specs
    before, after = (_hosts(workers, journal, label) for label in (_BEFORE, _AFTER))
    watts = journal.step("watts", partial(energy.measure, workers))
    rows = zip(specs, memory.capacity(specs, before), watts["idle"], watts["busy"], strict=True)
    found = {
        spec.name: replace(
            overheads[spec.name], memory_bytes=most, idle_watts=idle, busy_watts=busy
        )
        for spec, most, idle, busy in rows
    }
    used = {s.name: memory.used(a, b) for s, a, b in zip(specs, before, after, strict=True)}
    return found, used, energy.missing(specs, watts)


def _hosts(workers: Workers, journal: Journal, label: str) -> list[dict[str, Any]]:
    """What every worker says of its process, device and host."""
    return [
        journal.step(
            f"{label} {spec.name}", partial(workers.call, i, "realrun.calibrate.probes:host")
        )
        for i, spec in enumerate(workers.specs)
    ]
