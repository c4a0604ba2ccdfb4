"""Memory of every worker: of its process and its device, before and after loading models."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from realrun.devices import WorkerSpec

Answer = Mapping[str, Any]
"""What `realrun.calibrate.probes.host` returns."""


def capacity(specs: Sequence[WorkerSpec], answers: Sequence[Answer]) -> list[float | None]:
    """Bytes that every worker may use, None where nobody could say.

    The memory of a device is divided by the workers on it, that of a host by its CPU workers.

    Examples
    --------
    >>> from realrun.devices import parse_workers
    >>> capacity(parse_workers("a=cpu:1,b=cpu:2"), [{"host_bytes": 8e9}, {"host_bytes": 8e9}])
    [4000000000.0, 4000000000.0]
    """
    found: list[float | None] = []
    for spec, answer in zip(specs, answers, strict=True):
        total = answer.get("memory_bytes" if spec.kind == "cuda" else "host_bytes")
        sharing = sum(_place(s, a) == _place(spec, answer)
                      for s, a in zip(specs, answers, strict=True))  # fmt: skip
        known = total is not None and 0 < total < math.inf
        found.append(float(total) / sharing if known and total is not None else None)
    return found


def _place(spec: WorkerSpec, answer: Answer) -> tuple[str, str]:
    return (str(answer.get("host", "")), "cpu" if spec.kind == "cpu" else spec.device)


def used(before: Answer, after: Answer) -> dict[str, float]:
    """What one worker occupies; keys are left out where nothing was measured.

    Returns
    -------
    dict with ``resident_before_bytes`` and ``resident_bytes`` of the process; on CUDA also
    ``context_bytes`` (of the device, beside what torch reserved; other processes included),
    ``allocated_bytes``, ``reserved_bytes`` and ``total_bytes``.
    """
    out = {}
    for name, answer in (("resident_before_bytes", before), ("resident_bytes", after)):
        if "resident_bytes" in answer:
            out[name] = float(answer["resident_bytes"])
    if "memory_bytes" in after:
        total, free = float(after["memory_bytes"]), float(after["free_bytes"])
        reserved = float(after["reserved_bytes"])
        out |= {
            "context_bytes": max(total - free - reserved, 0.0),
            "allocated_bytes": float(after["allocated_bytes"]),
            "reserved_bytes": reserved,
            "total_bytes": total,
        }
    return out
