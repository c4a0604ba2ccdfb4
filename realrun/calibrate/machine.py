"""The machine that is measured: what tells it from others, and what is worth noting beside."""

from __future__ import annotations

import hashlib
import os
import platform
import socket
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from simulator.engines import SEMANTICS

COMPARED = ("processor", "cores", "gpus")
"""What must agree for a file to be of this machine."""


def fingerprint() -> dict[str, Any]:
    """Processor, cores, GPUs, and a hash of the host's name (never the name itself)."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "gpus": _gpus(),
        "host": hashlib.sha256(socket.gethostname().encode()).hexdigest()[:12],
        "system": f"{platform.system()} {platform.release()}",
    }


def facts() -> dict[str, Any]:
    """Versions and date."""
    names = ("numpy", "torch", "scipy")
    versions = {name: _version(name) for name in ("alloclab", *names)}
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "versions": versions,
        "semantics": SEMANTICS,
        "clock": "CLOCK_MONOTONIC",
        "clocks_mhz": _clocks(),
    }


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "unknown"


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.machine()
    fields = dict(
        (key.strip(), value.strip())
        for key, _, value in (line.partition(":") for line in text.splitlines())
    )
    name = fields.get("model name", platform.machine())
    number = " ".join(
        f"{key} {fields[key]}" for key in ("cpu family", "model", "stepping") if key in fields
    )
    return f"{name} ({number})" if number else name


def _clocks() -> list[float]:
    """Clock of every core at this moment, where it can be read."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return []
    return [
        round(float(line.partition(":")[2]))
        for line in text.splitlines()
        if line.startswith("cpu MHz")
    ]


def _gpus() -> list[str]:
    import shutil
    import subprocess

    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    try:
        done = subprocess.run(
            [tool, "--query-gpu=name", "--format=csv,noheader"],
            capture_output=True, text=True, timeout=20, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in done.stdout.splitlines() if line.strip()]
