"""Rows of measurements, as a table for people and JSON for programs."""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

PACKAGES = ("numba", "llvmlite", "numpy", "simpy")


@dataclass(frozen=True)
class Row:
    """One measurement.

    Parameters
    ----------
    what, how : str
        What was measured, on which input.
    value : float
    unit : str
    target : float or None
    at_least : bool
        Whether more is better; else less is.
    """

    what: str
    how: str
    value: float
    unit: str
    target: float | None = None
    at_least: bool = False

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without one."""
        if self.target is None:
            return None
        return self.value >= self.target if self.at_least else self.value <= self.target


def machine() -> dict[str, Any]:
    """What the figures depend on besides the code."""
    return {
        "cpu": _cpu_name(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{package: version(package) for package in PACKAGES},
    }


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def table(rows: Sequence[Row]) -> Table:
    """Lay the rows out."""
    here = machine()
    title = f"{here['cpu']}, {here['system']}, Python {here['python']}, " + ", ".join(
        f"{package} {here[package]}" for package in PACKAGES
    )
    out = Table("what", "on", "measured", "target", "met", title=title)
    for column in out.columns[2:4]:
        column.justify = "right"
    for row in rows:
        bound = "" if row.target is None else f"{'>=' if row.at_least else '<='} {row.target:g}"
        met = {None: "", True: "[green]yes[/]", False: "[red]no[/]"}[row.met]
        out.add_row(row.what, row.how, f"{row.value:.3g} {row.unit}", bound, met)
    return out


def cli(about: str | None, measure: Callable[[bool], list[Row]]) -> int:
    """Measure, print the table and, if asked to, write JSON.

    Parameters
    ----------
    about : str
        What ``--help`` says.
    measure : function of ``quick``
        Returns the rows; quick measurements show that all works, not how fast.
    """
    parser = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    parser.add_argument("--quick", action="store_true", help="a small fraction of the work")
    options = parser.parse_args()
    rows = measure(options.quick)
    Console(width=None if sys.stdout.isatty() else 130).print(table(rows))
    if options.json:
        record = {
            "machine": machine(),
            "quick": options.quick,
            "rows": [asdict(row) | {"met": row.met} for row in rows],
        }
        options.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return 0
