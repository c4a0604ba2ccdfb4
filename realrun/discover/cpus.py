"""Reads what lscpu and /proc/cpuinfo say about processors: pure functions on text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from realrun.host import cpu_list
from simulator.errors import Unsupported

_CLOCK = re.compile(r"@\s*([0-9]+(?:\.[0-9]+)?)\s*GHz", re.IGNORECASE)
_NUMA = re.compile(r"NUMA node([0-9]+) CPU\(s\)")


@dataclass(frozen=True)
class Processor:
    """The processors of a host; what was not said is empty, None or 1.

    Parameters
    ----------
    model, architecture : str
    flags : frozenset of str
    sockets, threads_per_core : int
    numa : mapping of NUMA node to its logical CPUs
    ghz : float or None
    clock_source : str
    """

    model: str = ""
    architecture: str = ""
    flags: frozenset[str] = frozenset()
    sockets: int = 1
    threads_per_core: int = 1
    numa: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    ghz: float | None = None
    clock_source: str = ""


def parse_lscpu(text: str) -> Processor:
    """Read the output of ``lscpu -J``, flat (before util-linux 2.38) or nested.

    Raises
    ------
    Unsupported
        One sentence.
    """
    try:
        rows = json.loads(text)["lscpu"]
        fields = dict(_flat(rows))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Unsupported(
            f"lscpu -J: expected a JSON list 'lscpu' of fields and data, got {text[:60]!r}"
        ) from None
    numa = {}
    for name, data in fields.items():
        match = _NUMA.fullmatch(name)
        if match is not None:
            numa[int(match[1])] = tuple(cpu_list(data))
    ghz, source = base_clock(fields.get("Model name", ""), fields)
    return Processor(
        model=fields.get("Model name", ""),
        architecture=fields.get("Architecture", ""),
        flags=frozenset(fields.get("Flags", "").split()),
        sockets=_count(fields, "Socket(s)"),
        threads_per_core=_count(fields, "Thread(s) per core"),
        numa={k: v for k, v in sorted(numa.items()) if v},
        ghz=ghz,
        clock_source=source,
    )


def _flat(rows: Any) -> list[tuple[str, str]]:
    """(field, data) of every row; the first of a name stands."""
    found: dict[str, str] = {}
    for row in rows:
        name = str(row["field"]).strip().removesuffix(":")
        found.setdefault(name, str(row.get("data") or "").strip())
        for key, value in _flat(row.get("children") or []):
            found.setdefault(key, value)
    return list(found.items())


def _count(fields: Mapping[str, str], name: str) -> int:
    """A count of 1 or more; 1 where a virtual machine or Arm does not say ('-')."""
    text = fields.get(name, "")
    return int(text) if re.fullmatch(r"[1-9][0-9]{0,5}", text) else 1


def parse_cpuinfo(text: str, architecture: str = "") -> Processor:
    """Read /proc/cpuinfo, where there is no lscpu: of its first processor, and no NUMA nodes."""
    fields: dict[str, str] = {}
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        if colon:
            fields.setdefault(key.strip(), value.strip())
    model = fields.get("model name") or fields.get("Model") or fields.get("Hardware") or ""
    ghz, source = base_clock(model, {"BogoMIPS": fields.get("bogomips", "")} | _x86(architecture))
    flags = fields.get("flags") or fields.get("Features") or ""
    return Processor(model, architecture, frozenset(flags.split()), ghz=ghz, clock_source=source)


def _x86(architecture: str) -> dict[str, str]:
    return {"Architecture": architecture}


def base_clock(model: str, fields: Mapping[str, str]) -> tuple[float | None, str]:
    """Base clock in GHz and where it comes from; None where nothing tells.

    x86 kernels state BogoMIPS as twice the rate of the time-stamp counter, which is the base
    clock; Arm kernels state something else under that name.

    Examples
    --------
    >>> base_clock("Intel(R) Xeon(R) Platinum 8380 CPU @ 2.30GHz", {})
    (2.3, 'model name')
    >>> base_clock("", {"Architecture": "x86_64", "BogoMIPS": "5200.00"})
    (2.6, 'half of BogoMIPS')
    """
    match = _CLOCK.search(model)
    if match is not None:
        return float(match[1]), "model name"
    if fields.get("Architecture", "").startswith(("x86", "i686")):
        bogomips = _mhz(fields.get("BogoMIPS", ""))
        if bogomips is not None:
            return round(bogomips / 2e3, 2), "half of BogoMIPS"
    most = _mhz(fields.get("CPU max MHz", ""))
    return (None, "") if most is None else (round(most / 1e3, 2), "highest clock")


def _mhz(text: str) -> float | None:
    if re.fullmatch(r"[0-9]{1,6}([.,][0-9]*)?", text) is None:
        return None
    value = float(text.replace(",", "."))
    return value if value >= 100 else None
