"""What happened: the one result type of simulated and of real runs.

A trace keeps the raw log of the run beside the problem, the allocation and the luck, and shows it
as tables (`tasks`, `messages`, `hops`), numbers (`metrics`), pictures (`gantt`, `to_perfetto`) and
files. Tables are made on first use; a million rows take about a second.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from simulator.allocation import Allocation
from simulator.arrays import FloatArray
from simulator.engines import SEMANTICS
from simulator.realisation import Realisation
from simulator.record import Record
from simulator.runlog import FINISHED, RunLog
from simulator.shown import Shown
from simulator.units import format_si

if TYPE_CHECKING:
    import pandas as pd

    from simulator.critical import Segment
    from simulator.metrics import Metrics
    from simulator.problem import Problem


def _versions() -> dict[str, str]:
    try:
        own = version("alloclab")
    except PackageNotFoundError:
        own = "unknown"
    return {"alloclab": own, "python": platform.python_version(), "numpy": np.__version__}


@dataclass(frozen=True, eq=False, repr=False)
class Trace(Shown):
    """One run of an allocation.

    Parameters
    ----------
    problem : Problem
    allocation : Allocation
    realisation : Realisation
        The luck of the run; of a measured run, what was planned (arrivals, branches, sizes).
    log : RunLog
    engine : str
        Who ran it: ``reference``, ``kernel``, or the name of a real runtime.
    observed : mapping of str to (R, T) float array, or None
        None for a simulated run. For a measured one further columns of `tasks`, such as CPU
        seconds or page faults; may be empty.
    semantics : int
        Version of the rules of simulated time.
    versions : mapping of str to str
        Software that made the run.

    See Also
    --------
    simulator.engines.simulate : makes one by simulation.
    Trace.measured : makes one from rows that a real run wrote down.
    """

    problem: Problem
    allocation: Allocation
    realisation: Realisation
    log: RunLog
    engine: str
    observed: Mapping[str, FloatArray] | None = None
    semantics: int = SEMANTICS
    versions: Mapping[str, str] = field(default_factory=_versions)

    @staticmethod
    def measured(
        problem: Problem,
        allocation: Allocation,
        realisation: Realisation,
        tasks: pd.DataFrame | Mapping[str, Any],
        messages: pd.DataFrame | Mapping[str, Any],
        engine: str = "realrun",
    ) -> Trace:
        """Build a trace from the rows that a real run wrote down; see `simulator.measured`."""
        from simulator.measured import measured

        return measured(problem, allocation, realisation, tasks, messages, engine)

    # ----- rows --------------------------------------------------------------------------------
    @cached_property
    def record(self) -> Record:
        """The run as index arrays, with what follows from it."""
        node, variant, priority = self.allocation.arrays(self.problem)
        return Record(self.problem.arrays, node, variant, priority, self.realisation, self.log)

    @cached_property
    def edge_names(self) -> tuple[str, ...]:
        """(E,) distinct labels of the edges, as in the column `edge`."""
        from simulator.frames import unique_edge_names

        return unique_edge_names(self.problem)

    @cached_property
    def tasks(self) -> pd.DataFrame:
        """One row for each execution of a task; see `simulator.frames.tasks_frame`."""
        from simulator.frames import tasks_frame

        return tasks_frame(self)

    @cached_property
    def messages(self) -> pd.DataFrame:
        """One row for each message sent; see `simulator.frames.messages_frame`."""
        from simulator.frames import messages_frame

        return messages_frame(self)

    @cached_property
    def hops(self) -> pd.DataFrame:
        """One row for each link that a message occupied; see `simulator.frames.hops_frame`."""
        from simulator.frames import hops_frame

        return hops_frame(self)

    # ----- numbers -----------------------------------------------------------------------------
    @property
    def is_measured(self) -> bool:
        """Whether this comes from a real run."""
        return self.observed is not None

    @property
    def seed(self) -> int:
        """Seed of the luck."""
        return self.realisation.seed

    @property
    def scheduler(self) -> str | None:
        """Who made the allocation, where its note says so."""
        name = self.allocation.note.get("scheduler")
        return None if name is None else str(name)

    @property
    def makespan(self) -> float:
        """Seconds from the first arrival to the last completion; NaN if no request completed."""
        return self.log.makespan

    def metrics(self) -> Metrics:
        """All numbers that have a meaning in this run; see ``docs/metrics.md``."""
        return self._metrics

    @cached_property
    def _metrics(self) -> Metrics:
        from simulator.measures import measure

        return measure(self)

    def critical_path(self, request: int | None = None) -> tuple[Segment, ...]:
        """What one request was doing at every instant between arrival and completion.

        Parameters
        ----------
        request : int or None
            None takes the completed request with the longest latency.

        Returns
        -------
        tuple of Segment
            Gapless, from the arrival on; see `simulator.critical.critical_path`. Empty when the
            request (or, without one given, every request) was lost.
        """
        from simulator.critical import critical_path

        return critical_path(self, request)

    # ----- files -------------------------------------------------------------------------------
    def to_csv(self, folder: str | Path) -> None:
        """Write ``tasks.csv``, ``messages.csv`` and ``hops.csv`` into a folder."""
        folder = _made(folder)
        for name, frame in self._tables().items():
            frame.to_csv(folder / f"{name}.csv", index=False)

    def to_parquet(self, folder: str | Path) -> None:
        """Write ``tasks.parquet``, ``messages.parquet`` and ``hops.parquet`` into a folder."""
        folder = _made(folder)
        for name, frame in self._tables().items():
            frame.to_parquet(folder / f"{name}.parquet", engine="pyarrow", index=False)

    def _tables(self) -> dict[str, pd.DataFrame]:
        return {"tasks": self.tasks, "messages": self.messages, "hops": self.hops}

    def to_perfetto(self, path: str | Path) -> None:
        """Write a Chrome trace that https://ui.perfetto.dev opens."""
        from simulator.perfetto import write

        write(self, path)

    def gantt(self, path: str | Path, **options: Any) -> None:
        """Draw nodes and links over time into a PNG, SVG or PDF; see `simulator.gantt.draw`."""
        from simulator.gantt import draw

        draw(self, path, **options)

    def save(self, folder: str | Path) -> None:
        """Keep the whole trace, problem included; `load` returns it bit for bit."""
        from simulator.archive import save

        save(self, folder)

    @staticmethod
    def load(folder: str | Path) -> Trace:
        """Read what `save` wrote.

        Raises
        ------
        InvalidScenario
            The folder holds no trace that can be read.
        """
        from simulator.archive import load

        return load(folder)

    # ----- looking at it -----------------------------------------------------------------------
    def _title(self) -> str:
        return self.problem.name

    def _summary(self) -> dict[str, str]:
        log = self.log
        done, total = int(np.isfinite(log.completed).sum()), len(log.completed)
        rows = {"scheduler": self.scheduler} if self.scheduler else {}
        rows |= {
            "engine": f"{self.engine}, SEMANTICS {self.semantics}",
            "rules": f"{self.problem.network}/{self.problem.dispatch}/{self.problem.discipline}",
            "luck": f"{self.realisation.family}, seed {self.seed}",
            "requests": f"{done} of {total} completed",
            "tasks": f"{int((log.state == FINISHED).sum())} finished",
            "messages": f"{int(self.record.sent.sum())} sent",
        }
        if done:
            rows["makespan"] = format_si(self.makespan, "s")
        return rows


def _made(folder: str | Path) -> Path:
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
