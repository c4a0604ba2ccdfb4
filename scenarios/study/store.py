"""Rows on disk: small Parquet files that appear whole or not at all, merged now and then.

Only the sweep that holds the folder's lock writes. A file is written under a temporary name,
flushed to the disk and renamed, so that a kill at any moment leaves whole files. Merging writes
the new file before it removes the old ones; what then stands in two files counts once, by its cell.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenarios.rows import METRIC_COLUMNS
from simulator.errors import AlloclabError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

Row = dict[str, Any]

TEXTS = (
    "cell", "scenario", "family", "instance", "parameters", "scheduler", "status", "error",
    "search_status", "engine", "host", "worker",
)  # fmt: skip
INTEGERS = ("seed", "evaluations", "scheduler_version", "semantics")
FLOATS = ("objective", "planned_objective", "bound", "gap", *METRIC_COLUMNS)
CLOCKS = ("cpu_seconds", "wall_seconds", "cell_seconds")

SMALL = 20_000
"""Rows below which a file takes part in merging."""

MANY = 64
"""Small files that may stand before they are merged."""


def schema() -> pa.Schema:
    """Columns of the files; ``parameters`` is JSON, so that all studies have the same."""
    import pyarrow as pa

    return pa.schema(
        [
            *((name, pa.string()) for name in TEXTS),
            *((name, pa.int64()) for name in INTEGERS),
            *((name, pa.float64()) for name in (*FLOATS, *CLOCKS)),
            ("reproducible", pa.bool_()),
            ("started", pa.timestamp("us", tz="UTC")),
        ]
    )


class Store:
    """The rows of one study.

    Parameters
    ----------
    folder : Path
        Of the study; the files are in its ``rows``.
    """

    def __init__(self, folder: Path) -> None:
        self.rows = folder / "rows"
        self._small: dict[Path, pa.Table] = {}
        self._next = 0

    # ----- reading -----------------------------------------------------------------------------
    def files(self) -> list[Path]:
        """The files, oldest first."""
        return sorted(p for p in self.rows.glob("*.parquet") if not p.name.startswith("."))

    def states(self) -> dict[str, bool]:
        """Cell -> whether it is done (True) or failed."""
        frame = self.frame(["cell", "status"])
        return dict(zip(frame["cell"], frame["status"] == "ok", strict=True))

    def frame(self, columns: list[str] | None = None) -> pd.DataFrame:
        """All rows, every cell once: its last good row, or the last if none is good.

        Parameters
        ----------
        columns : list of str or None
            Must contain ``cell`` and ``status``; None for all.
        """
        import pyarrow as pa

        tables = self._read(columns)
        if not tables:
            whole = schema()
            names = columns or whole.names
            return pa.table({n: pa.array([], whole.field(n).type) for n in names}).to_pandas()
        return _once(pa.concat_tables(tables)).to_pandas()

    def _read(self, columns: list[str] | None) -> list[pa.Table]:
        """Tables of all files; a reader who is no writer may meet a merge and starts again."""
        for _ in range(20):
            try:
                return [_table(path, columns) for path in self.files()]
            except FileNotFoundError:
                continue
        raise AlloclabError(f"{self.rows}: its files keep changing; try again")

    # ----- writing -----------------------------------------------------------------------------
    def open(self) -> None:
        """Get ready to write: drop what a killed sweep left half written, merge what is small."""
        self.rows.mkdir(parents=True, exist_ok=True)
        for path in self.rows.glob(".*.partial"):
            path.unlink(missing_ok=True)
        files = self.files()
        self._next = 1 + max((_number(path) for path in files), default=0)
        self._small = {}
        for path in files:
            if _length(path) < SMALL:
                self._small[path] = _table(path, None)
        if len(self._small) > 1:
            self.merge()

    def append(self, rows: list[Row]) -> None:
        """Add rows; when this returns they are on the disk.

        Raises
        ------
        AlloclabError
            The folder cannot be written.
        """
        import pyarrow as pa

        if not rows:
            return
        table = pa.Table.from_pylist(rows, schema=schema())
        self._small[self._write(table)] = table
        if len(self._small) >= MANY:
            self.merge()

    def merge(self) -> None:
        """Put all small files into one."""
        import pyarrow as pa

        if len(self._small) < 2:
            return
        old = list(self._small)
        merged = _once(pa.concat_tables([self._small[path] for path in sorted(old)]))
        path = self._write(merged)
        for each in old:
            each.unlink(missing_ok=True)
        self._small = {path: merged} if merged.num_rows < SMALL else {}

    def _write(self, table: pa.Table) -> Path:
        import pyarrow.parquet as pq

        path = self.rows / f"{self._next:08d}.parquet"
        self._next += 1
        temporary = path.with_name(f".{path.name}.partial")
        try:
            with temporary.open("wb") as file:
                pq.write_table(table, file)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
            _flush_folder(self.rows)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise AlloclabError(f"cannot write {path}: {error.strerror or error}") from None
        return path


def _once(table: pa.Table) -> pa.Table:
    """Every cell once; later rows come later in the table."""
    frame = table.select(["cell", "status"]).to_pandas()
    if not frame["cell"].duplicated().any():
        return table
    good = (frame["status"] == "ok").to_numpy()
    order = good.argsort(kind="stable")  # failed ones first, each in the order of writing
    chosen = frame["cell"].iloc[order].drop_duplicates(keep="last")
    return table.take(sorted(chosen.index))


def _table(path: Path, columns: list[str] | None) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path, columns=columns, partitioning=None)
        missing = [n for n in columns or schema().names if n not in table.column_names]
        if missing:
            raise AlloclabError(f"{path}: the column {missing[0]!r} is missing")
        return table if columns else table.select(schema().names).cast(schema())
    except (pa.ArrowException, ValueError) as error:
        said = " ".join(str(error).split())[:120]
        raise AlloclabError(
            f"{path}: no rows of a study can be read from it ({said}); remove it, and the next "
            f"sweep runs its cells again"
        ) from None


def _number(path: Path) -> int:
    return int(path.stem) if path.stem.isdigit() else 0


def _flush_folder(folder: Path) -> None:
    """Make a rename last through a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _length(path: Path) -> int:
    """Rows of a file, from its footer."""
    import pyarrow.parquet as pq

    return int(pq.read_metadata(path).num_rows)
