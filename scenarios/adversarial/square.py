"""All ordered pairs of some schedulers: which of them is how bad against which, and where."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Executor, Future, as_completed
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scenarios.adversarial import store
from scenarios.adversarial.anneal import Found, search
from scenarios.adversarial.dominance import dominated
from scenarios.adversarial.moves import draw
from scenarios.adversarial.settings import Settings
from simulator.errors import AlloclabError, InvalidScenario

if TYPE_CHECKING:
    import pandas as pd

WORSE = 1 + 1e-9
"""Ratio from which a scheduler counts as worse at all."""

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Square:
    """What was found.

    Parameters
    ----------
    settings : Settings
    found : mapping of (a, b) to Found
    dominated : mapping of (a, b) to the reason why a is never worse than b
    failed : mapping of (a, b) to an error
    resumed : int, pairs taken from an earlier search
    interrupted : bool
    """

    settings: Settings
    found: dict[tuple[str, str], Found] = field(default_factory=dict)
    dominated: dict[tuple[str, str], str] = field(default_factory=dict)
    failed: dict[tuple[str, str], str] = field(default_factory=dict)
    resumed: int = 0
    interrupted: bool = False

    def sides(self) -> tuple[list[str], list[str]]:
        """Schedulers that stand in rows, and those that stand in columns."""
        specs, pairs = self.settings.schedulers, self.settings.pairs
        first, second = {a for a, _ in pairs}, {b for _, b in pairs}
        return [s for s in specs if s in first], [s for s in specs if s in second]

    def rows(self) -> list[dict[str, Any]]:
        """One row a pair, in the order asked for."""
        out = []
        for pair in self.settings.pairs:
            row: dict[str, Any] = {"a": pair[0], "b": pair[1]}
            if pair in self.dominated:
                row |= {"status": "dominated", "reason": self.dominated[pair]}
            elif pair in self.failed:
                row |= {"status": "failed", "reason": self.failed[pair]}
            elif pair in self.found:
                row |= _row(self.found[pair])
            else:
                row |= {"status": "missing", "reason": "interrupted"}
            out.append(row)
        return out

    @property
    def frame(self) -> pd.DataFrame:
        """The rows as a table."""
        import pandas as pd

        table = pd.DataFrame(self.rows())
        whole = [c for c in ("tasks", "edges", "nodes", "evaluations") if c in table]
        return table.astype(dict.fromkeys(whole, "Int64"))  # whole also where some are missing

    def summary(self) -> dict[str, Any]:
        """Counts and shares over the pairs that are not dominated."""
        ratios = [found.ratio for found in self.found.values()]
        return {
            "pairs": len(self.settings.pairs),
            "dominated": len(self.dominated),
            "searched": len(ratios),
            "failed": len(self.failed),
            "no_worse_found": sum(r <= WORSE for r in ratios),
            "at_least_1.5": sum(r >= 1.5 for r in ratios),
            "at_least_2": sum(r >= 2 for r in ratios),
            "median_ratio": float(np.median(ratios)) if ratios else None,
            "largest_ratio": max(ratios, default=None),
            "evaluations": sum(found.evaluations for found in self.found.values()),
            "cpu_seconds": sum(found.cpu_seconds for found in self.found.values()),
            "interrupted": self.interrupted,
        }


def _row(found: Found) -> dict[str, Any]:
    worse = found.ratio > WORSE
    return {
        "status": "found" if worse else "none",
        "reason": None if worse else "no instance with a ratio above 1 was found",
        "ratio": found.ratio,
        "makespan_a": found.makespan_a,
        "makespan_b": found.makespan_b,
        "tasks": found.instance.graph.tasks,
        "edges": len(found.instance.graph.edges),
        "nodes": len(found.instance.speed),
        "ccr": found.instance.ccr,
        "scenario": f"scenarios/{store.stem(found.a, found.b)}.yaml" if worse else None,
        "evaluations": found.evaluations,
        "cpu_seconds": found.cpu_seconds,
    }


def search_pairs(
    settings: Settings,
    folder: Path | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Square:
    """Search every pair that is not dominated.

    Ctrl-C ends it with the pairs that are finished. With a folder these are kept there, and the
    same call goes on with the others.

    Parameters
    ----------
    settings : Settings
    folder : Path or None
    workers : int or None
        Processes; None: as many as there are cores. With 1 it runs in this one.
    progress : callable taking (pairs done, pairs in all, the last one)

    Returns
    -------
    Square

    Raises
    ------
    InvalidScenario
        No instance keeps the limits.
    KeyboardInterrupt
        Before any pair was finished.
    """
    if workers is not None and workers < 1:
        raise InvalidScenario(f"workers must be >= 1, got {workers}")
    draw(settings.limits, np.random.default_rng(0))  # limits that contradict each other end here
    square = Square(settings)
    todo: list[tuple[str, str]] = []
    for pair in settings.pairs:
        reason = dominated(*pair)
        if reason is not None:
            square.dominated[pair] = reason
            continue
        before = None if folder is None else store.load(folder, _key(settings, pair), *pair)
        if before is None:
            todo.append(pair)
        else:
            square.found[pair] = before
    square = replace(square, resumed=len(square.found))
    run = _Run(square, folder, progress or (lambda *_: None), len(todo))
    try:
        _work(run, todo, min(workers or len(os.sched_getaffinity(0)), len(todo)))
    except KeyboardInterrupt:
        if not square.found:
            raise
        square = replace(square, interrupted=True)
    return square


def _key(settings: Settings, pair: tuple[str, str]) -> str:
    return store.pair_key(
        *pair, settings.limits, settings.seconds, settings.evaluations, settings.seed
    )


@dataclass
class _Run:
    """Pairs under way."""

    square: Square
    folder: Path | None
    progress: Progress
    total: int
    done: int = 0

    def take(self, pair: tuple[str, str], answer: Found | str) -> None:
        """Keep what came out of a pair: an instance, or why there is none."""
        if isinstance(answer, str):
            self.square.failed[pair] = answer
        else:
            self.square.found[pair] = answer
            if self.folder is not None:
                store.save(self.folder, _key(self.square.settings, pair), answer)
        self.done += 1
        self.progress(self.done, self.total, f"{pair[0]} against {pair[1]}")


def _work(run: _Run, todo: list[tuple[str, str]], workers: int) -> None:
    settings = run.square.settings
    if workers <= 1:
        for pair in todo:
            run.progress(run.done, run.total, f"{pair[0]} against {pair[1]}")
            run.take(pair, search_one(settings, pair))
        return
    run.progress(0, run.total, f"{workers} workers")
    pool = _pool(workers)
    now = True
    try:
        waiting: dict[Future[Found | str], tuple[str, str]] = {
            pool.submit(search_one, settings, pair): pair for pair in todo
        }
        for future in as_completed(waiting):
            run.take(waiting[future], future.result())
        now = False
    finally:
        pool.shutdown(wait=True, kill_workers=now)  # type: ignore[call-arg]


def _pool(workers: int) -> Executor:
    """Processes with one thread each, since the budget is the CPU time of a process."""
    from loky import ProcessPoolExecutor

    names = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return ProcessPoolExecutor(workers, initializer=_ignore_interrupts,
                               env=dict.fromkeys(names, "1"))  # fmt: skip


def _ignore_interrupts() -> None:
    """Ctrl-C is the parent's business."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)


def search_one(settings: Settings, pair: tuple[str, str]) -> Found | str:
    """One pair; whatever goes wrong in it is a sentence, and the other pairs go on."""
    try:
        return search(*pair, settings.limits, settings.seconds, settings.evaluations, settings.seed)
    except AlloclabError as error:
        return str(error)
    except Exception as error:  # a defect of one scheduler, perhaps somebody's own
        return " ".join(f"{type(error).__name__}: {error}".split())
