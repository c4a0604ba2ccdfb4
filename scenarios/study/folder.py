"""The folder of a study: whose it is, what stands in it, how far it has come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenarios.study.frame import CELLS, listed_name, write_cells
from scenarios.study.lock import holder
from scenarios.study.store import Store
from simulator.errors import AlloclabError

if TYPE_CHECKING:
    import pandas as pd

    from scenarios.study.cells import Plan

STUDY = "study.yaml"


@dataclass(frozen=True)
class Before:
    """What earlier sweeps have left.

    Parameters
    ----------
    states : dict of cell to bool
        Whether its row is good.
    kept, dropped : int
        Where the study file has changed: rows that it still has, and rows that it has no more.
    """

    states: dict[str, bool]
    kept: int = 0
    dropped: int = 0

    def settled(self, cell: str, retry_failed: bool = False) -> bool:
        """Whether a cell need not run."""
        good = self.states.get(cell)
        return good is not None and (good or not retry_failed)


def claim(plan: Plan, store: Store, folder: Path, notice: Callable[[str], None]) -> Before:
    """Make a folder that of a study, if it is new, or is the same study's, perhaps extended.

    Raises
    ------
    AlloclabError
        It holds another study, or one of the same name that has no cell in common.
    """
    states = store.states() if store.rows.is_dir() else {}
    name = listed_name(folder)
    if name is None and states:
        raise AlloclabError(
            f"{folder}: it has rows of a study but no readable {CELLS}; give another folder"
        )
    if name is not None and name != plan.study.name:
        raise AlloclabError(
            f"{folder} holds the study {name!r}, not {plan.study.name!r}; give another folder"
        )
    keys = {cell.key for cell in plan.cells}
    kept = sum(key in keys for key in states)
    dropped = len(states) - kept
    if states and not kept:
        raise AlloclabError(
            f"{folder}: none of its {dropped:,} rows belongs to {plan.study.name!r} as it is now: "
            f"its scenarios, parameters, schedulers (or their versions), seeds, budget or engine "
            f"are others; give another folder"
        )
    if dropped:
        notice(
            f"the study has changed: {kept:,} rows are kept, {dropped:,} are of cells that it has "
            f"no more (they stay in the files but are not read), "
            f"{len(keys) - kept:,} cells are still to run"
        )
    _describe(plan, folder)
    return Before(states, kept, dropped)


def _describe(plan: Plan, folder: Path) -> None:
    """Study file, manifest and the list of cells, all or none of them."""
    from scenarios import results

    study = plan.study
    with results.folder(folder) as work:
        (work / STUDY).write_text(study.text, encoding="utf-8")
        write_cells(plan, work / CELLS)
        record = results.manifest(
            "sweep",
            study=study.name,
            source=study.source,
            instances=len(plan.instances),
            cells=len(plan.cells),
            schedulers=list(study.schedulers),
            seeds=list(study.seeds),
            budget={"seconds": study.seconds, "evaluations": study.evaluations},
            engine=study.engine,
            reproducible=study.reproducible,
        )
        (work / results.MANIFEST).write_text(results.to_json(record) + "\n", encoding="utf-8")


@dataclass(frozen=True)
class Status:
    """How far a study has come.

    Parameters
    ----------
    study : str
    cells, done, failed, missing : int
        Cells in all, with a good row, with an error, and without a row.
    dropped : int
        Rows of cells that the study has no more.
    reproducible : bool
    running : dict or None
        Who sweeps at this moment: process, host, since.
    seconds_left : float or None
        Until the sweep that is running will be done, at its pace so far.
    core_seconds : float or None
        What the missing cells will take on one core, judged by those of their schedulers that
        have run; None where none has.
    """

    study: str
    cells: int
    done: int
    failed: int
    missing: int
    dropped: int
    reproducible: bool
    running: dict[str, Any] | None
    seconds_left: float | None
    core_seconds: float | None

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return dict(self.__dict__)


def status(plan: Plan, folder: Path) -> Status:
    """How far a study has come in a folder; nothing is run or written.

    Raises
    ------
    AlloclabError
        The folder holds another study.
    """
    name = listed_name(folder)
    if name is not None and name != plan.study.name:
        raise AlloclabError(f"{folder} holds the study {name!r}, not {plan.study.name!r}")
    columns = ["cell", "status", "scheduler", "cell_seconds", "started"]
    frame = Store(folder).frame(columns)
    keys = {cell.key: cell.scheduler for cell in plan.cells}
    mine = frame[frame["cell"].isin(keys)]
    have = set(mine["cell"])
    means = mine.groupby("scheduler")["cell_seconds"].mean().to_dict()
    overall = mine["cell_seconds"].mean()
    missing = [scheduler for key, scheduler in keys.items() if key not in have]
    expected = [means.get(scheduler, overall) for scheduler in missing]
    failed = int((mine["status"] == "failed").sum())
    running = holder(folder)
    return Status(
        study=plan.study.name,
        cells=len(keys),
        done=len(mine) - failed,
        failed=failed,
        missing=len(missing),
        dropped=len(frame) - len(mine),
        reproducible=plan.study.reproducible,
        running=running,
        seconds_left=_seconds_left(mine["started"], len(missing), running),
        core_seconds=float(sum(expected)) if len(mine) else None,
    )


def _seconds_left(started: pd.Series, missing: int, running: dict[str, Any] | None) -> float | None:
    """Seconds until a running sweep will be done at its pace so far."""
    from datetime import UTC, datetime

    try:
        since = datetime.fromisoformat(str((running or {})["since"]))
    except (LookupError, ValueError):
        return None
    ran = int((started >= since).sum())
    passed = (datetime.now(UTC) - since).total_seconds()
    return missing * passed / ran if ran and passed > 0 else None
