"""What the benchmarks of sweeps share: the study, the command, and when two tables are equal."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from scenarios.results import manifest, to_json, write_text
from scenarios.study import CLOCK_COLUMNS

STUDY = Path(__file__).with_name("study.yaml")
ROOT = Path(__file__).parents[2]


def command(folder: Path, *options: str) -> list[str]:
    """The command line of a sweep of the study into a folder."""
    return [sys.executable, "-m", "scenarios.cli", "sweep", str(STUDY), "-o", str(folder), *options]


def start(folder: Path, *options: str) -> subprocess.Popen[bytes]:
    """Begin a sweep in a process of its own."""
    return subprocess.Popen(
        command(folder, *options), cwd=ROOT, stdout=subprocess.DEVNULL, start_new_session=True
    )


def differences(a: pd.DataFrame, b: pd.DataFrame) -> list[str]:
    """Columns in which two tables of a study differ, clocks and host left out."""
    a, b = (frame.drop(columns=list(CLOCK_COLUMNS)) for frame in (a, b))
    if list(a.columns) != list(b.columns) or len(a) != len(b):
        return [f"shape {a.shape} against {b.shape}"]
    return [name for name in a.columns if not a[name].equals(b[name])]


def save(path: Path | None, name: str, **facts: Any) -> None:
    """Write figures with the machine and the versions."""
    if path is not None:
        write_text(path, to_json(manifest(name, **facts)) + "\n")
        print(f"wrote {path}")
