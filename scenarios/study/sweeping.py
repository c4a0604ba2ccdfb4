"""Runs what is missing of a study, and keeps what is done whatever happens."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scenarios.study.cells import plan as plan_of
from scenarios.study.folder import claim
from scenarios.study.loading import Study
from scenarios.study.lock import locked
from scenarios.study.pools import pool_maker
from scenarios.study.run import Progress, Run
from scenarios.study.store import Store


@dataclass(frozen=True)
class Swept:
    """What stands in the folder of a study after a sweep.

    Parameters
    ----------
    study : str
    folder : Path
    cells : int
        Of the study.
    done, failed, missing : int
        Cells with a good row, with an error, and without a row.
    ran : int
        Cells that this sweep has run.
    interrupted : bool
    kept, dropped : int
        Rows that stood there before and belong to the study, and rows that no longer do.
    reproducible : bool
        False with a budget in seconds.
    """

    study: str
    folder: Path
    cells: int
    done: int
    failed: int
    missing: int
    ran: int
    interrupted: bool
    kept: int
    dropped: int
    reproducible: bool

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {**self.__dict__, "folder": str(self.folder)}


def sweep(
    study: Study,
    folder: str | Path,
    workers: int | None = None,
    executor: str | Executor | None = None,
    retry_failed: bool = False,
    progress: Progress | None = None,
    notice: Callable[[str], None] | None = None,
) -> Swept:
    """Run all cells of a study that have no row yet.

    A kill at any moment loses what runs at that moment and nothing else; the same call goes on.
    Ctrl-C ends it in order: finished cells are kept.

    Parameters
    ----------
    study : Study
    folder : str or Path
        Made if need be. One that holds another study is refused.
    workers : int or None
        Processes of this machine; None: as many as this process may use cores. With an executor
        that was given: how many calls it runs at once.
    executor : None, "dask://host:port", or a concurrent.futures executor
        Where cells run instead.
    retry_failed : bool
        Run cells again whose row is an error.
    progress : callable taking cells run, cells to run and a word about failures
        Called whenever cells are done.
    notice : callable taking a sentence
        Told what the user should know before the first cell runs.

    Returns
    -------
    Swept

    Raises
    ------
    AlloclabError
        The study cannot be built, the folder cannot be used, or there are no workers.
    """
    folder = Path(folder)
    tell = notice or (lambda _: None)
    start = pool_maker(executor, workers)
    planned = plan_of(study)
    pool = None
    if isinstance(executor, str):  # nothing is written where no cluster answers
        tell(f"connecting to {executor}")
        pool = start()
    with locked(folder):
        store = Store(folder)
        before = claim(planned, store, folder, tell)
        store.open()
        todo = [c for c in planned.cells if not before.settled(c.key, retry_failed)]
        run = Run(planned, store, todo, progress or (lambda *_: None))
        interrupted = False
        if todo:
            pool = pool or start()
            try:
                run.work(pool)
            except KeyboardInterrupt:
                interrupted = True
            finally:
                pool.close(now=bool(run.under_way))
                store.merge()
        elif pool is not None:
            pool.close(now=False)
        states = store.states()
    mine = [states[cell.key] for cell in planned.cells if cell.key in states]
    return Swept(
        study=study.name,
        folder=folder,
        cells=len(planned.cells),
        done=sum(mine),
        failed=len(mine) - sum(mine),
        missing=len(planned.cells) - len(mine),
        ran=run.ran,
        interrupted=interrupted,
        kept=before.kept,
        dropped=before.dropped,
        reproducible=study.reproducible,
    )
