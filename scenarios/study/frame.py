"""Rows of a study as a table, in an order that does not depend on how it was run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenarios.rows import METRIC_COLUMNS
from scenarios.study.store import Store
from simulator.errors import AlloclabError

if TYPE_CHECKING:
    import pandas as pd

    from scenarios.study.cells import Plan

CELLS = "cells.parquet"

CLOCK_COLUMNS = ("cpu_seconds", "wall_seconds", "cell_seconds", "started", "host", "worker")
"""What differs between two runs of one study; everything else is equal."""

_FIRST = ("cell", "scenario", "family", "instance", "scheduler", "seed")
_THEN = (
    "status", "error", "reproducible", "objective", "planned_objective", "bound", "gap",
    "evaluations", "engine", *METRIC_COLUMNS, "search_status", "scheduler_version", "semantics",
)  # fmt: skip


def read(folder: str | Path) -> pd.DataFrame:
    """The rows of a study.

    Parameters
    ----------
    folder : str or Path
        Where `alloclab sweep` wrote; it may still be running.

    Returns
    -------
    pandas.DataFrame
        One row for every cell of the study that has run, in the order of the study: scenario,
        parameters, seed, scheduler. Columns: ``cell`` (its key), ``scenario``, ``family``,
        ``instance`` (equal for all that differs in scheduler and seed only), ``scheduler``,
        ``seed``, ``param.<name>`` for every parameter, ``status`` (ok or failed), ``error``,
        ``reproducible``, ``objective``, ``planned_objective``, ``bound``, ``gap``,
        ``evaluations``, ``engine``, the metrics (NaN where they have no meaning),
        ``search_status``, ``scheduler_version``, ``semantics``, and last `CLOCK_COLUMNS`.

    Raises
    ------
    AlloclabError
        The folder holds no study, or a file in it cannot be read.
    """
    folder = Path(folder)
    cells, names = _listed(folder)
    frame = Store(folder).frame()
    position = {cell: i for i, cell in enumerate(cells)}
    frame["position"] = frame["cell"].map(position)  # NaN: of an earlier version of the study
    frame = frame[frame["position"].notna()].sort_values("position").reset_index(drop=True)
    return _in_shape(frame, names)


def _in_shape(frame: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    import pandas as pd

    points = [json.loads(text) for text in frame["parameters"]]
    columns: dict[str, Any] = {name: frame[name] for name in _FIRST}
    for name in names:
        values = pd.Series([point.get(name) for point in points], index=frame.index)
        columns[f"param.{name}"] = values
    columns |= {name: frame[name] for name in (*_THEN, *CLOCK_COLUMNS)}
    columns["evaluations"] = frame["evaluations"].astype("Int64")
    return pd.DataFrame(columns)


def write_cells(plan: Plan, path: Path) -> None:
    """Put down which cells a study has, in its order."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    facts = {"study": plan.study.name, "parameters": list(plan.study.parameters)}
    table = pa.table({"cell": [cell.key for cell in plan.cells]})
    pq.write_table(table.replace_schema_metadata({"alloclab": json.dumps(facts)}), path)


def listed_name(folder: Path) -> str | None:
    """Name of the study a folder holds, or None."""
    try:
        return str(_facts(folder)["study"])
    except AlloclabError:
        return None


def _listed(folder: Path) -> tuple[list[str], list[str]]:
    """Keys of all cells, and names of the parameters."""
    import pyarrow.parquet as pq

    facts = _facts(folder)
    cells = pq.read_table(folder / CELLS, columns=["cell"], partitioning=None)
    return cells["cell"].to_pylist(), list(facts["parameters"])


def _facts(folder: Path) -> dict[str, Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_schema(folder / CELLS).metadata
        return dict(json.loads(metadata[b"alloclab"]))
    except FileNotFoundError:
        why = f"there is no {CELLS}"
    except (OSError, pa.ArrowException, ValueError, LookupError, TypeError) as error:
        why = " ".join(f"{CELLS}: {error}".split())[:120]
    raise AlloclabError(f"{folder}: no study that `alloclab sweep` wrote: {why}")
