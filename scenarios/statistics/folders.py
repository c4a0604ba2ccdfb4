"""Rows of sweeps, comparisons and tables in files, put under each other."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator.errors import AlloclabError, InvalidScenario

if TYPE_CHECKING:
    import pandas as pd


def read(places: Sequence[str | Path]) -> pd.DataFrame:
    """Rows of several places in one table.

    Parameters
    ----------
    places : sequence of paths
        Folders of sweeps (``rows/*.parquet``), folders of comparisons (``rows.csv``), or tables
        (``.csv``, ``.parquet``). Every comparison is an instance of its own.

    Raises
    ------
    AlloclabError
        A place that is none of these.
    """
    import pandas as pd

    if not places:
        raise InvalidScenario("statistics: name at least one folder")
    paths = [Path(place) for place in places]
    taken: set[str] = set()
    frames = [_one(path, taken) for path in paths]
    return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)


def unfinished(places: Sequence[str | Path]) -> list[str]:
    """One sentence for every sweep that has cells without a row: `analyse` cannot know of them."""
    out = []
    for place in map(Path, places):
        if (place / "cells.parquet").is_file():
            import pyarrow.parquet as pq

            from scenarios import study

            cells = pq.read_metadata(place / "cells.parquet").num_rows
            missing = cells - len(study.read(place))
            if missing > 0:
                out.append(
                    f"{place}: {missing:,} of {cells:,} cells have not run yet; whole instances "
                    "may be absent from what is said here"
                )
    return out


def _one(path: Path, taken: set[str]) -> pd.DataFrame:
    if not path.exists():
        raise AlloclabError(f"{path}: there is no such file or folder")
    if path.is_file():
        return _table(path)
    if (path / "rows").is_dir() or (path / "study.yaml").is_file():
        from scenarios import study

        return study.read(path)
    if (path / "rows.csv").is_file():
        return _comparison(path, taken)
    raise AlloclabError(
        f"{path}: neither the folder of a sweep (study.yaml, rows/) nor of a comparison (rows.csv)"
    )


def _table(path: Path) -> pd.DataFrame:
    import pandas as pd

    readers: dict[str, Any] = {".csv": pd.read_csv, ".parquet": pd.read_parquet}
    if path.suffix.lower() not in readers:
        raise AlloclabError(f"{path}: expected a folder, .csv or .parquet")
    try:
        frame: pd.DataFrame = readers[path.suffix.lower()](path)
        return frame
    except Exception as error:  # whatever the parser of a broken file raises
        text = " ".join(str(error).split())[:200]
        raise AlloclabError(f"{path}: cannot be read as a table: {text}") from None


def _comparison(path: Path, taken: set[str]) -> pd.DataFrame:
    """Rows of a comparison, with the instance that it is: scenario, cluster, and folder if need be.

    Two comparisons may differ in network, objective or budget, so they are never merged into one
    instance.
    """
    frame = _table(path / "rows.csv")
    if "instance" in frame:
        return frame
    scenario = str(frame["scenario"].iloc[0]) if len(frame) and "scenario" in frame else path.name
    try:
        facts = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
        label = f"{scenario} on {facts['cluster']}"
    except (OSError, ValueError, LookupError, TypeError):
        label = scenario
    name = label if label not in taken else f"{label} ({path})"
    taken.add(name)
    frame["instance"] = name
    return frame
