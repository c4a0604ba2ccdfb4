"""Hardware combinations validated so far, and whether given workers are among them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Protocol


class Worker(Protocol):
    """What is read of a worker; `realrun.devices.WorkerSpec` is one."""

    @property
    def device(self) -> str:
        """``cpu`` or ``cuda:0``."""

    @property
    def threads(self) -> int:
        """Threads of a CPU worker."""

    @property
    def dtype(self) -> str:
        """Type of numbers that fp32 models are computed in."""

    @property
    def slots(self) -> int:
        """Executions at once."""


def part(worker: Worker) -> str:
    """What a worker is, without its name: ``cpu fp32``, ``cpu bf16 threads``, ``cuda fp32 slots``.

    How many threads or slots makes no difference once there are several.
    """
    kind = worker.device.partition(":")[0]
    words = [kind, worker.dtype]
    if kind == "cpu" and worker.threads > 1:
        words.append("threads")
    if worker.slots > 1:
        words.append("slots")
    return " ".join(words)


def parts(workers: Sequence[Worker]) -> list[str]:
    """The distinct parts of a set of workers, sorted."""
    return sorted({part(w) for w in workers})


@cache
def combinations() -> tuple[dict[str, Any], ...]:
    """The entries of ``validated.yaml``."""
    import yaml

    text = files("realrun.validate").joinpath("validated.yaml").read_text(encoding="utf-8")
    return tuple(yaml.safe_load(text)["combinations"])


def outside(
    workers: Sequence[Worker], transport: str = "shared", devices: Sequence[str] = ()
) -> str | None:
    """One line where the combination has not been validated, None where it has.

    Parameters
    ----------
    workers : sequence of Worker
    transport : str
    devices : sequence of str
        Names of processors and GPUs; not compared where none are given.
    """
    mine = parts(workers)
    for entry in combinations():
        same = list(entry["parts"]) == mine and entry["transport"] == transport
        if same and set(devices) <= set(entry.get("devices", ())):
            return None
    how = "shared memory" if transport == "shared" else transport
    on = f" on {', '.join(sorted(set(devices)))}" if devices else ""
    return (
        f"note: {' + '.join(mine)} over {how}{on} is outside the hardware combinations validated "
        "so far; `alloclab validate` says how far predictions are off here"
    )


def identical(workers: Sequence[Worker]) -> list[list[int]]:
    """Groups of workers that the hardware does not tell apart: equal part, threads and slots."""
    groups: dict[tuple[str, int, str, int], list[int]] = {}
    for i, w in enumerate(workers):
        kind = w.device.partition(":")[0]
        groups.setdefault((kind, w.threads, w.dtype, w.slots), []).append(i)
    return list(groups.values())


def are_unlike(workers: Sequence[Worker]) -> bool:
    """Whether any two workers differ in more than their name."""
    return len(identical(workers)) > 1
