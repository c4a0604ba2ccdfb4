"""Watts of idle and of computing workers, where the hardware tells: RAPL and NVML.

RAPL counts the energy of whole processor packages. CPU workers share it by their threads over the
threads of all CPU workers, so that the workers together draw what the packages draw; what other
programs use in the meantime is in it. A GPU's draw is divided by the workers on that GPU.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from realrun import host

if TYPE_CHECKING:
    from realrun.devices import WorkerSpec
    from realrun.pool import Workers

IDLE_S = BUSY_S = 1.0
POWERCAP = "class/powercap"
_QUERY = ["--query-gpu=index,uuid,power.draw", "--format=csv,noheader,nounits"]


@dataclass(frozen=True)
class Draw:
    """Watts of a machine over some time.

    Parameters
    ----------
    packages : float or None
        Of all processor packages together.
    gpus : mapping of CUDA index to watts
    """

    packages: float | None = None
    gpus: Mapping[int, float] = field(default_factory=dict)


# ----- pure functions on text and numbers --------------------------------------------------------
def spent(before: int, after: int, most: int) -> int:
    """Microjoules between two readings of a counter that begins anew after `most`.

    Examples
    --------
    >>> spent(900, 100, 1000), spent(100, 900, 1000)
    (200, 800)
    """
    return after - before if after >= before else after - before + most


def package_watts(
    before: Mapping[str, tuple[int, int]], after: Mapping[str, tuple[int, int]], seconds: float
) -> float | None:
    """Watts of all packages, of (microjoules, where the counter begins anew) by package."""
    if not before or before.keys() != after.keys() or seconds <= 0:
        return None
    joules = sum(spent(before[k][0], after[k][0], after[k][1]) for k in before) * 1e-6
    return joules / seconds


def gpu_watts(text: str, visible: str | None = None) -> dict[int, float]:
    """Watts by CUDA index, of lines ``index, uuid, watts``; GPUs that do not tell are absent.

    Parameters
    ----------
    visible : str or None
        CUDA_VISIBLE_DEVICES, which says what CUDA's indices mean.

    Examples
    --------
    >>> gpu_watts("0, GPU-a, 71.50\\n1, GPU-b, [N/A]\\n2, GPU-c, 90.00\\n")
    {0: 71.5, 2: 90.0}
    """
    by_name: dict[str, float] = {}
    order = []
    for line in text.splitlines():
        parts = [part.strip() for part in line.split(",")]
        if len(parts) != 3:
            continue
        order.append(parts[0])
        try:
            by_name[parts[0]] = by_name[parts[1]] = float(parts[2])
        except ValueError:
            continue
    if visible is not None:
        order = [name.strip() for name in visible.split(",")]
    return {i: by_name[name] for i, name in enumerate(order) if name in by_name}


def shares(specs: Sequence[WorkerSpec], draw: Draw) -> list[float | None]:
    """Watts of every worker."""
    threads = sum(s.threads for s in specs if s.kind == "cpu")
    on = Counter(s.device for s in specs)
    out: list[float | None] = []
    for spec in specs:
        if spec.kind == "cpu":
            whole = draw.packages
            out.append(None if whole is None else whole * spec.threads / threads)
        else:
            watts = draw.gpus.get(int(spec.device.partition(":")[2] or 0))
            out.append(None if watts is None else watts / on[spec.device])
    return out


# ----- reading -----------------------------------------------------------------------------------
def packages() -> dict[str, tuple[int, int]]:
    """(microjoules, where the counter begins anew) of every package whose counter can be read."""
    found = {}
    for folder in sorted((host.SYSTEM / POWERCAP).glob("intel-rapl*")):
        # Parts of a package (core, dram) and the whole platform (psys) would count twice.
        if (host.read(folder / "name") or "").startswith("package"):
            now, most = (_number(folder / n) for n in ("energy_uj", "max_energy_range_uj"))
            if now is not None and most is not None:
                found[folder.name] = (now, most)
    return found


def _number(path: Path) -> int | None:
    text = host.read(path) or ""
    return int(text) if text.isdecimal() else None


def gpus() -> dict[int, float]:
    """Watts of every GPU at this moment."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return {}
    try:
        done = subprocess.run(
            [tool, *_QUERY], capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return {}
    return gpu_watts(done.stdout, os.environ.get("CUDA_VISIBLE_DEVICES"))


def watch(seconds: float, with_gpus: bool) -> Draw:
    """Wait so long and say what was drawn; of GPUs the reading in the middle."""
    before, began = packages(), time.monotonic()
    time.sleep(seconds / 2)
    drawn = gpus() if with_gpus else {}
    time.sleep(max(began + seconds - time.monotonic(), 0.0))
    return Draw(package_watts(before, packages(), time.monotonic() - began), drawn)


def measure(workers: Workers) -> dict[str, list[float | None]]:
    """Watts of every worker: ``idle``, and ``busy`` while all compute the reference matmul.

    Nothing is computed where nothing can be read.
    """
    specs = workers.specs
    with_gpus = any(s.kind == "cuda" for s in specs)
    # Counters of this host say nothing of workers elsewhere.
    readable = getattr(workers, "is_local", True)
    if not readable or (not packages() and not (with_gpus and gpus())):
        return {"idle": [None] * len(specs), "busy": [None] * len(specs)}
    idle = watch(IDLE_S, with_gpus)
    seen: list[Draw] = []
    watcher = threading.Thread(target=lambda: seen.append(watch(BUSY_S, with_gpus)))
    watcher.start()
    given = [{"seconds": BUSY_S + 0.2} for _ in specs]
    # On while the watcher looks: asking the driver may take longer than the watching.
    while True:
        workers.call_all("realrun.calibrate.probes:burn", given)
        if not watcher.is_alive():
            break
    watcher.join()
    return {"idle": shares(specs, idle), "busy": shares(specs, (seen or [Draw()])[0])}


def missing(specs: Sequence[WorkerSpec], found: Mapping[str, Sequence[Any]]) -> str | None:
    """One sentence about the workers whose watts are not known."""
    names = [s.name for s, watts in zip(specs, found["busy"], strict=True) if watts is None]
    if not names:
        return None
    return f"watts of {', '.join(names)}: neither RAPL nor NVML can be read for them"
