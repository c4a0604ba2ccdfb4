"""What a worker does: the cells of one batch, which share an instance, one row each."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from simulator.engines import SEMANTICS
from simulator.errors import AlloclabError

if TYPE_CHECKING:
    from scenarios.scenario import Scenario
    from scenarios.study.cells import Cell
    from simulator.problem import Problem

Row = dict[str, Any]


class OtherCode(AlloclabError):
    """A worker runs another version of schedulers or rules than the sweep was planned with."""


@dataclass(frozen=True)
class Piece:
    """Cells of one instance.

    Parameters
    ----------
    cells : tuple of Cell
        Those of one seed stand together, so that the problem is lowered once for them.
    scenario : Scenario
    shared : dict
        Columns that are the same in all their rows.
    """

    cells: tuple[Cell, ...]
    scenario: Scenario = field(repr=False)
    shared: Row = field(repr=False)


@dataclass(frozen=True)
class Batch:
    """Cells that go to a worker together, with all that a worker anywhere needs to run them.

    Parameters
    ----------
    pieces : tuple of Piece
    seconds, evaluations : budget of each search, or None
    engine : str
    semantics : int
        Of the process that planned.
    """

    pieces: tuple[Piece, ...]
    seconds: float | None
    evaluations: int | None
    engine: str
    semantics: int = SEMANTICS

    @property
    def cells(self) -> tuple[Cell, ...]:
        """Those of all pieces."""
        return tuple(cell for piece in self.pieces for cell in piece.cells)


def run_batch(batch: Batch) -> list[Row]:
    """Run every cell; whatever goes wrong in one is the error in its row.

    Raises
    ------
    OtherCode
        This process has other rules or another version of a scheduler.
    """
    _single_thread()
    _check_code(batch)
    return [row for piece in batch.pieces for row in _rows(batch, piece)]


def failed_rows(batch: Batch, error: str) -> list[Row]:
    """The rows of a batch that gave no result."""
    return [_failed(batch, piece, cell, error) for piece in batch.pieces for cell in piece.cells]


def _failed(batch: Batch, piece: Piece, cell: Cell, error: str) -> Row:
    text = " ".join(error.split()) or "failed without a word"
    return {
        **piece.shared,
        "cell": cell.key,
        "scheduler": cell.scheduler,
        "scheduler_version": cell.version,
        "seed": cell.seed,
        "semantics": batch.semantics,
        "status": "failed",
        "error": text if len(text) <= 1000 else text[:997] + "...",
        "reproducible": batch.seconds is None,
    }


def _rows(batch: Batch, piece: Piece) -> Iterator[Row]:
    from scenarios.information.estimate import planning

    seed: int | None = None
    problem: Problem | None = None
    given: Problem | None = None
    trouble = ""
    for cell in piece.cells:
        if cell.seed != seed:
            seed, trouble = cell.seed, ""
            try:
                problem = piece.scenario.problem(seed=cell.seed)
                given = planning(piece.scenario, cell.seed, problem)
            except Exception as error:  # its cells fail, the others go on
                problem, trouble = None, _said(error)
        start, clock = datetime.now(UTC), time.perf_counter()
        if problem is None:
            row = _failed(batch, piece, cell, trouble)
        else:
            row = _row(batch, piece, cell, problem, given)
        row |= {
            "cell_seconds": time.perf_counter() - clock,
            "started": start,
            "host": platform.node(),
            "worker": str(os.getpid()),
        }
        yield row


def _row(batch: Batch, piece: Piece, cell: Cell, problem: Problem, given: Problem | None) -> Row:
    from scenarios.rows import run_one

    limits = (batch.seconds, batch.evaluations)
    try:
        run = run_one(problem, cell.scheduler, cell.seed, limits, batch.engine, planning=given)
    except Exception as error:
        return _failed(batch, piece, cell, _said(error))
    if run.outcome is None:
        return _failed(batch, piece, cell, str(run.row["error"]))
    if run.outcome.status == "interrupted":
        raise KeyboardInterrupt
    found = {**run.row, "search_status": run.row["status"]}
    return {
        **piece.shared,
        **found,
        "cell": cell.key,
        "scheduler_version": cell.version,
        "status": "ok",
        "error": None,
        "reproducible": batch.seconds is None,
        "wall_seconds": run.outcome.wall_seconds,
    }


def _said(error: Exception) -> str:
    if isinstance(error, AlloclabError):
        return str(error)
    return f"{type(error).__name__}: {error}"


def _check_code(batch: Batch) -> None:
    """Rows must come from the code that their keys name."""
    from schedulers import make

    if batch.semantics != SEMANTICS:
        raise OtherCode(
            f"worker on {platform.node()}: it has semantics {SEMANTICS}, the sweep "
            f"{batch.semantics}; "
            f"install the same alloclab everywhere"
        )
    for spec, version in {cell.scheduler: cell.version for cell in batch.cells}.items():
        here = int(make(spec).version)
        if here != version:
            raise OtherCode(
                f"worker on {platform.node()}: its scheduler {spec} has version {here}, the "
                f"sweep's {version}; install the same alloclab everywhere"
            )


def _single_thread() -> None:
    """One thread a worker: the budget of a search is the CPU time of its whole process."""
    import numba

    if numba.get_num_threads() != 1:
        numba.set_num_threads(1)
