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
class Batch:
    """Cells of one instance, with all that a worker anywhere needs to run them.

    Parameters
    ----------
    cells : tuple of Cell
        Those of one seed stand together, so that the problem is lowered once for them.
    scenario : Scenario
    shared : dict
        Columns that are the same in all rows.
    seconds, evaluations : budget of each search, or None
    engine : str
    semantics : int
        Of the process that planned.
    """

    cells: tuple[Cell, ...]
    scenario: Scenario = field(repr=False)
    shared: Row = field(repr=False)
    seconds: float | None
    evaluations: int | None
    engine: str
    semantics: int = SEMANTICS


def run_batch(batch: Batch) -> list[Row]:
    """Run every cell; whatever goes wrong in one is the error in its row.

    Raises
    ------
    OtherCode
        This process has other rules or another version of a scheduler.
    """
    _single_thread()
    _check_code(batch)
    return list(_rows(batch))


def failed_row(batch: Batch, cell: Cell, error: str) -> Row:
    """The row of a cell that gave no result."""
    text = " ".join(error.split()) or "failed without a word"
    return {
        **batch.shared,
        "cell": cell.key,
        "scheduler": cell.scheduler,
        "scheduler_version": cell.version,
        "seed": cell.seed,
        "semantics": batch.semantics,
        "status": "failed",
        "error": text if len(text) <= 1000 else text[:997] + "...",
        "reproducible": batch.seconds is None,
    }


def _rows(batch: Batch) -> Iterator[Row]:
    from scenarios.information.estimate import planning

    seed: int | None = None
    problem: Problem | None = None
    given: Problem | None = None
    trouble = ""
    for cell in batch.cells:
        if problem is None or cell.seed != seed:
            seed, trouble = cell.seed, ""
            try:
                problem = batch.scenario.problem(seed=cell.seed)
                given = planning(batch.scenario, cell.seed, problem)
            except Exception as error:  # its cells fail, the others go on
                problem, trouble = None, _said(error)
        start, clock = datetime.now(UTC), time.perf_counter()
        row = _row(batch, cell, problem, given, trouble)
        row |= {
            "cell_seconds": time.perf_counter() - clock,
            "started": start,
            "host": platform.node(),
            "worker": str(os.getpid()),
        }
        yield row


def _row(
    batch: Batch, cell: Cell, problem: Problem | None, given: Problem | None, trouble: str
) -> Row:
    from scenarios.rows import run_one

    if problem is None:
        return failed_row(batch, cell, trouble)
    limits = (batch.seconds, batch.evaluations)
    try:
        run = run_one(problem, cell.scheduler, cell.seed, limits, batch.engine, planning=given)
    except Exception as error:
        return failed_row(batch, cell, _said(error))
    if run.outcome is None:
        return failed_row(batch, cell, str(run.row["error"]))
    if run.outcome.status == "interrupted":
        raise KeyboardInterrupt
    found = {**run.row, "search_status": run.row["status"]}
    return {
        **batch.shared,
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
