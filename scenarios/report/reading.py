"""Which kind of results a folder holds, and what is read from it."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenarios.report.page import Page, Section, Text
from simulator.errors import AlloclabError, InvalidScenario

if TYPE_CHECKING:
    import pandas as pd

    from simulator.trace import Trace

FILES = {
    "sweep": ("study.yaml", "cells.parquet"),
    "validation": ("report.json", "runs.csv"),
    "run": ("run.json",),
    "comparison": ("rows.csv", "summary.json"),
    "simulation": ("metrics.json", "allocation.json"),
}
"""Files by which a folder is told."""

COMMANDS = {
    "compare": "comparison", "simulate": "simulation", "run": "run", "sweep": "sweep",
    "validate": "validation",
}  # fmt: skip

LONGEST = 400_000
"""Characters of a file that the page shows."""


def kind_of(folder: Path) -> str:
    """Kind of the results in a folder; where there are several, that of its last command.

    Raises
    ------
    AlloclabError
        There is no such folder, or nothing in it that a report can be made of.
    """
    if not folder.is_dir():
        raise AlloclabError(f"{folder}: there is no such folder")
    found = [kind for kind, names in FILES.items() if all((folder / n).is_file() for n in names)]
    if not found:
        wanted = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in FILES.items())
        raise AlloclabError(
            f"{folder}: no results of alloclab; looked for {wanted} (the folder given with -o to "
            f"compare, simulate, sweep, run or validate)"
        )
    last = COMMANDS.get(str(manifest(folder).get("command")), "")
    return last if last in found else found[0]


def build(folder: str | Path, progress: Callable[[str], None] | None = None) -> Page:
    """Read a folder of results.

    Parameters
    ----------
    folder : str or Path
        What ``alloclab compare``, ``simulate``, ``sweep``, ``run`` or ``validate`` wrote.
    progress : callable taking what is being read

    Raises
    ------
    AlloclabError
        There is nothing to report, or a file cannot be read; names it.
    """
    folder = Path(folder)
    kind = kind_of(folder)
    if progress is not None:
        progress(f"reading a {kind}")
    page: Page = importlib.import_module(f"scenarios.report.of_{kind}").page(folder)
    return page


def manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a folder; empty where there is none."""
    if not (folder / "manifest.json").is_file():
        return {}
    data = read_json(folder / "manifest.json")
    return data if isinstance(data, dict) else {}


def read_json(path: Path) -> Any:
    """Content of a JSON file.

    Raises
    ------
    AlloclabError
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise AlloclabError(f"{path}: cannot be read: {' '.join(str(error).split())}") from None


def read_csv(path: Path, needed: tuple[str, ...] = ()) -> pd.DataFrame:
    """Content of a CSV file that has certain columns.

    Raises
    ------
    AlloclabError
    """
    import pandas as pd

    try:
        frame = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise AlloclabError(f"{path}: cannot be read: {' '.join(str(error).split())}") from None
    for name in needed:
        if name not in frame:
            raise AlloclabError(f"{path}: there is no column {name!r}")
    return frame


def read_trace(folder: Path) -> Trace | None:
    """A saved trace, or None where there is none.

    Raises
    ------
    InvalidScenario
        There is one that cannot be read.
    """
    from simulator.trace import Trace

    return Trace.load(folder) if (folder / "trace.json").is_file() else None


def read_text(path: Path) -> str | None:
    """A text file, cut where it is very long; None where there is none."""
    if not path.is_file():
        return None
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise AlloclabError(f"{path}: cannot be read: {error.strerror}") from None
    if len(text) > LONGEST:
        text = text[:LONGEST] + f"\n... cut: {path.name} has {len(text):,} characters\n"
    return text


def provenance(folder: Path, *files: str) -> Section:
    """The files that say where results come from, as they stand."""
    titles = {"study.yaml": "Study", "scenario.yaml": "Scenario", "manifest.json": "Manifest"}
    blocks = []
    for name in (*files, "manifest.json"):
        text = read_text(folder / name)
        if text is not None:
            blocks.append(Text(f"{titles.get(name, 'File')}: {name}", text))
    words = "" if blocks else "The folder holds no manifest."
    return Section("Where it comes from", blocks, words)


def missing_trace(command: str) -> str:
    """What a page says where the folder was written without a trace."""
    return (
        f"The folder holds no saved trace, so there is no Gantt chart here; results of "
        f"`alloclab {command}` that are written now have one."
    )


def trace_or_none(folder: Path) -> tuple[Trace | None, str]:
    """A saved trace if it can be read, or why not."""
    try:
        return read_trace(folder), ""
    except InvalidScenario as error:
        return None, str(error)
