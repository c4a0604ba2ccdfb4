"""Calibration of this machine for scenarios of the catalogue or files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenarios.running import default_workers
from scenarios.scenario import Scenario
from simulator.errors import AlloclabError

if TYPE_CHECKING:
    from realrun.calibrate import Calibration


@dataclass(frozen=True)
class Settings:
    """What is asked of a calibration; see `realrun.calibrate.calibrate`."""

    workers: str | None = None
    batches: Sequence[int] = ()
    rounds: int = 3
    harvesting: bool = True
    leave_out: Sequence[str] = ()
    predict: Sequence[str] = ()
    transport: str = "shared"
    seed: int = 0


def calibrate(
    scenarios: Sequence[Scenario],
    settings: Settings,
    path: Path,
    watch: Callable[[int, int, str], None],
) -> Calibration:
    """Start workers, measure, write the file.

    Raises
    ------
    AlloclabError
    """
    from realrun.calibrate import calibrate as measure
    from realrun.devices import parse_workers
    from realrun.pool import Workers

    if path.exists() and not path.is_file():
        what = "a folder" if path.is_dir() else "not a file"
        raise AlloclabError(f"cannot write {path}: it is {what}, give the name of a file")
    specs = parse_workers(settings.workers or default_workers())
    with Workers(specs, settings.transport) as workers:
        return measure(
            workers, {s.name: s.streams for s in scenarios},
            batches=settings.batches, rounds=settings.rounds, harvesting=settings.harvesting,
            leave_out=settings.leave_out, predict=settings.predict,
            seed=settings.seed, path=path, watch=watch,
        )  # fmt: skip


def rows(calibration: Calibration) -> list[dict[str, Any]]:
    """One row for each model and node."""
    return [
        {
            "model": e.model,
            "node": e.node,
            "batch": e.batch,
            "duration_s": e.seconds,
            "spread": f"{100 * e.spread:.1f} %",
            "executions": e.n,
            "source": e.source,
            "in pipeline / in a loop": None if not e.looped else f"{e.seconds / e.looped:.2f}x",
        }
        for e in calibration.entries
    ]


def overhead_rows(calibration: Calibration) -> list[dict[str, Any]]:
    """One row for each node."""
    return [
        {
            "node": name,
            "dispatch_s": o.dispatch_s,
            "wake_s": o.wake_s,
            "send_s": o.send_s,
            "send of 1 MB": f"{1e6 * (o.send_s + 1e6 * o.send_s_per_byte):.0f} µs",
            "slow-down by co-running": ", ".join(f"{x:.2f}" for x in o.corun) or None,
        }
        for name, o in calibration.overheads.items()
    ]
