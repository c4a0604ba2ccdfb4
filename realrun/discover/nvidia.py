"""Reads what nvidia-smi says: pure functions on text."""

from __future__ import annotations

import re
from collections.abc import Sequence

from realrun.discover.machine import Gpu, Slice, Topology
from simulator.errors import Unsupported, unknown

QUERY = (
    "index", "name", "memory.total", "power.limit", "pcie.link.gen.max", "pcie.link.width.max",
    "mig.mode.current",
)  # fmt: skip
"""What is asked of ``nvidia-smi --query-gpu=... --format=csv``; old drivers know no MIG."""

CLASSES = ("PIX", "PXB", "PHB", "NODE", "SYS")
"""Ways between two devices, nearest first: one PCIe bridge, several, a host bridge, several host
bridges of a NUMA node, the link between NUMA nodes."""

_UNKNOWN = re.compile(r"\[?(N/A|Not Supported|Unknown Error|Requested functionality.*)\]?")
_GPU_LINE = re.compile(r"GPU\s+([0-9]{1,4}):\s*(.*?)\s*(\(UUID:.*)?")
_MIG_LINE = re.compile(r"MIG\s+(\S+)\s+Device\s+([0-9]{1,4}):.*")
_PROFILE = re.compile(r"(?:([0-9]{1,2})c\.)?([0-9]{1,2})g\.([0-9]{1,4})gb(?:\+\S*)?")
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_MIB = 2.0**20


# ----- nvidia-smi --query-gpu=... --format=csv ---------------------------------------------------
def parse_query(text: str) -> tuple[Gpu, ...]:
    """Read the answer to `QUERY` or to part of it, with its line of headers.

    Raises
    ------
    Unsupported
        One sentence that names the line.
    """
    # No name of a card holds a comma, so that cells need no quotes.
    rows = [[cell.strip() for cell in line.split(",")] for line in text.splitlines() if line]
    keys = [re.sub(r"\s*\[.*\]$", "", cell) for cell in rows[0]] if rows else []
    if "index" not in keys or "name" not in keys:
        raise Unsupported(
            f"nvidia-smi --query-gpu: expected a first line 'index, name, ...', got {text[:60]!r}"
        )
    gpus = []
    for number, row in enumerate(rows[1:], start=2):
        where = f"nvidia-smi --query-gpu: line {number}"
        if len(row) != len(keys):
            raise Unsupported(f"{where}: {len(row)} values, but line 1 names {len(keys)}")
        fields = {k: None if _UNKNOWN.fullmatch(v) else v for k, v in zip(keys, row, strict=True)}
        gpus.append(_gpu(fields, where))
    numbers = [gpu.index for gpu in gpus]
    if len(set(numbers)) < len(numbers):
        raise Unsupported("nvidia-smi --query-gpu: two GPUs have one index")
    return tuple(sorted(gpus, key=lambda gpu: gpu.index))


def _gpu(fields: dict[str, str | None], where: str) -> Gpu:
    index = _amount(fields, "index", where)
    if index is None or not fields["name"]:
        raise Unsupported(f"{where}: a GPU without an index or a name")
    memory = _amount(fields, "memory.total", where, "MiB")
    generation = _amount(fields, "pcie.link.gen.max", where)
    width = _amount(fields, "pcie.link.width.max", where)
    return Gpu(
        index=int(index),
        name=fields["name"],
        memory_bytes=None if memory is None else memory * _MIB,
        power_watts=_amount(fields, "power.limit", where, "W"),
        pcie_generation=None if generation is None else int(generation),
        pcie_width=None if width is None else int(width),
        partitioned=fields.get("mig.mode.current") == "Enabled",
    )


def _amount(fields: dict[str, str | None], key: str, where: str, unit: str = "") -> float | None:
    """A number with its unit; None where nvidia-smi does not know it."""
    text = fields.get(key)
    if text is None:
        return None
    match = re.fullmatch(rf"([0-9]{{1,9}}(?:\.[0-9]+)?)(?:\s*{unit})?", text)
    if match is None:
        wanted = f"a number of {unit}" if unit else "a number"
        raise Unsupported(f"{where}: {key}: expected {wanted}, got {text[:40]!r}")
    return float(match[1])


# ----- nvidia-smi -L -----------------------------------------------------------------------------
def parse_list(text: str) -> dict[int, tuple[Slice, ...]]:
    """Read ``nvidia-smi -L``: the MIG slices of every GPU, by its index.

    Raises
    ------
    Unsupported
        One sentence that names the line.
    """
    found: dict[int, tuple[Slice, ...]] = {}
    current: int | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        where = f"nvidia-smi -L: line {number}"
        stripped = line.strip()
        if not stripped or stripped == "No devices found.":
            continue
        card = _GPU_LINE.fullmatch(stripped)
        if card is not None:
            current = int(card[1])
            found[current] = ()
            continue
        mig = _MIG_LINE.fullmatch(stripped)
        if mig is None:
            raise Unsupported(f"{where}: expected 'GPU 0: ...' or 'MIG ...', got {line[:60]!r}")
        if current is None:
            raise Unsupported(f"{where}: a MIG device stands before any GPU")
        found[current] += (_slice(mig[1], int(mig[2]), where),)
    return found


def _slice(profile: str, index: int, where: str) -> Slice:
    match = _PROFILE.fullmatch(profile)
    if match is None:
        raise Unsupported(
            f"{where}: expected a MIG profile such as '3g.20gb', got {profile[:40]!r}"
        )
    return Slice(index, profile, int(match[1] or match[2]), float(match[3]) * 1e9)


# ----- nvidia-smi topo -m ------------------------------------------------------------------------
def parse_topology(text: str) -> Topology:
    """Read the matrix of ``nvidia-smi topo -m``.

    Raises
    ------
    Unsupported, UnknownName
        One sentence that names the row.
    """
    lines = [_ANSI.sub("", line).rstrip() for line in text.splitlines()]
    start = next((i for i, line in enumerate(lines) if _is_header(_cells(line))), None)
    if start is None:
        raise Unsupported(
            f"nvidia-smi topo -m: expected a line of headers GPU0, GPU1, ..., got {text[:60]!r}"
        )
    header = _cells(lines[start])
    devices = [cell for cell in header if not cell.endswith(("Affinity", "NUMA ID"))]
    rows: dict[str, list[str]] = {}
    for line in lines[start + 1 :]:
        cells = _cells(line)
        if not cells or cells[0] not in devices:
            break  # an empty line and the legend
        rows[cells[0]] = cells[1:]
    classes: dict[tuple[str, str], str] = {}
    numa: dict[str, int] = {}
    for device in devices:
        _row(device, rows.get(device), devices, classes)
        rest = rows[device][len(devices) :]
        extra = dict(zip(header[len(devices) :], rest, strict=False))
        first = re.match(r"[0-9]{1,4}", extra.get("NUMA Affinity", ""))
        if first is not None:
            numa[device] = int(first[0])
    return Topology(tuple(devices), classes, numa)


def _is_header(cells: Sequence[str]) -> bool:
    return cells[:1] == ["GPU0"] and "X" not in cells


def _cells(line: str) -> list[str]:
    """Cells of a row: between tabs, or between runs of blanks where tabs were lost."""
    parts = line.split("\t") if "\t" in line else re.split(r"\s{2,}", line)
    return [part.strip() for part in parts if part.strip()]


def _row(
    device: str,
    cells: Sequence[str] | None,
    devices: Sequence[str],
    classes: dict[tuple[str, str], str],
) -> None:
    """Add one row of the matrix to `classes`."""
    if cells is None:
        raise Unsupported(f"nvidia-smi topo -m: there is no row of {device}")
    if len(cells) < len(devices):
        raise Unsupported(
            f"nvidia-smi topo -m: row {device} has {len(cells)} cells, expected {len(devices)}"
        )
    for other, cell in zip(devices, cells, strict=False):
        if (cell == "X") != (other == device):
            raise Unsupported(f"nvidia-smi topo -m: row {device}: X must stand under {device} only")
        if other == device:
            continue
        cell = {"SOC": "SYS"}.get(cell, cell)  # its name until 2017
        if cell not in CLASSES and re.fullmatch(r"NV[1-9][0-9]?", cell) is None:
            where = f"nvidia-smi topo -m: {device} to {other}"
            raise unknown("connection", cell, [*CLASSES, "NV1", "NV12"], where)
        classes[device, other] = cell
