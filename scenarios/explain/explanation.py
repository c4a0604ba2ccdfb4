"""An allocation explained: roles, moves, time, load and constraints, in numbers and in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scenarios.explain.constraints import Constraint
from scenarios.explain.moves import Move, bundles, candidates
from scenarios.explain.resources import Resource
from scenarios.explain.samples import Sample
from scenarios.explain.totals import by_node, by_task

if TYPE_CHECKING:
    import pandas as pd

    from simulator.allocation import Allocation
    from simulator.critical import Segment
    from simulator.problem import Problem
    from simulator.trace import Trace

BETTER = 1e-9
"""Relative changes of the objective below this are rounding, not a gain."""


@dataclass(frozen=True)
class TaskFacts:
    """Where a task sits and what role it plays.

    Parameters
    ----------
    task, node, variant : str
    seconds : float
        Of the explained requests' mean latency: on the chain because of this task, its waits for
        slots and joins included.
    share : float
        The same over the latency.
    critical : bool
        On the critical path (one request), or on a chain of the explained ones (many).
    bottleneck : str
        The resource that saturates first, if this task loads it; empty if not, or for one request.
    best : Move or None
        The best move to another node.
    variant_move : Move or None
        The best change of variant where it is.
    why : str
        Why the best move costs or gains what it does; empty where that was not looked at.
    why_not : mapping of node to str
        Why it cannot run there.
    """

    task: str
    node: str
    variant: str
    seconds: float
    share: float
    critical: bool
    bottleneck: str = ""
    best: Move | None = None
    variant_move: Move | None = None
    why: str = ""
    why_not: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, repr=False)
class Explanation:
    """Why an allocation is as good as it is.

    Parameters
    ----------
    trace : Trace
        The run that is explained.
    objective : float
    tasks : tuple of TaskFacts, in the order of the problem
    moves : tuple of Move
        All of every explained task, the present place included.
    samples : tuple of Sample
        Where the latency goes: of the critical path, or of sets of requests.
    resources : tuple of Resource, most loaded first
    constraints : tuple of Constraint, dearest first
    """

    trace: Trace
    objective: float
    tasks: tuple[TaskFacts, ...]
    moves: tuple[Move, ...]
    samples: tuple[Sample, ...]
    resources: tuple[Resource, ...]
    constraints: tuple[Constraint, ...]

    @property
    def problem(self) -> Problem:
        """What was to be allocated."""
        return self.trace.problem

    @property
    def single(self) -> bool:
        """Whether there is one request only, so that it has one critical path."""
        return self.trace.record.n_requests == 1

    @property
    def path(self) -> tuple[Segment, ...]:
        """The critical path of the only request; empty where there are several."""
        return self.trace.critical_path() if self.single else ()

    @property
    def bottleneck(self) -> Resource | None:
        """The node or link that saturates first; None for one request."""
        return None if self.single or not self.resources else self.resources[0]

    @cached_property
    def best_move(self) -> Move | None:
        """The single move that lowers the objective most; None if none does."""
        moves = [m for m in self.moves if not m.now and np.isfinite(m.objective)]
        best = min(moves, key=lambda m: m.objective, default=None)
        if best is None or not best.objective < self.objective * (1 - BETTER):
            return None
        return best

    def apply(self, move: Move) -> Allocation:
        """The allocation with a move made."""
        task = self.problem.task_index[move.task]
        places = self.trace.allocation.arrays(self.problem)
        v = self.problem.variant_names[task].index(move.variant)
        wanted = [(task, v, self.problem.node_index[move.node])]
        return candidates(self.problem, places, wanted, bundles(self.problem)).allocation(
            self.problem, 0
        )

    # ----- tables ------------------------------------------------------------------------------
    @cached_property
    def frame(self) -> pd.DataFrame:
        """All moves, one row each."""
        import pandas as pd

        rows = [{**asdict(m), "along": ", ".join(m.along)} for m in self.moves]
        return pd.DataFrame(rows)

    @cached_property
    def table(self) -> pd.DataFrame:
        """Tasks x nodes: the least objective over the variants; NaN where none is possible."""
        import pandas as pd

        nodes, rows = self.problem.node_names, [f.task for f in self.tasks]
        data = [[self.cell(task, node) for node in nodes] for task in rows]
        return pd.DataFrame(data, index=pd.Index(rows), columns=pd.Index(nodes))

    def cell(self, task: str, node: str) -> float:
        """Least objective with a task on a node, over the variants; NaN where none is possible."""
        return self._cells.get((task, node), float("nan"))

    @cached_property
    def _cells(self) -> dict[tuple[str, str], float]:
        found: dict[tuple[str, str], float] = {}
        for move in self.moves:
            if np.isfinite(move.objective):
                key = (move.task, move.node)
                found[key] = min(found.get(key, np.inf), move.objective)
        return found

    @property
    def by_task(self) -> list[dict[str, Any]]:
        """Seconds of the whole run by task; see `scenarios.explain.totals`."""
        return by_task(self.trace)

    @property
    def by_node(self) -> list[dict[str, Any]]:
        """Seconds of the whole run by node."""
        return by_node(self.trace)

    # ----- words, files, looks -----------------------------------------------------------------
    def sentence(self, task: str) -> str:
        """One task in plain words.

        Raises
        ------
        UnknownName
        """
        from scenarios.explain.words import sentence

        return sentence(self, task)

    def summary(self) -> list[str]:
        """The whole in plain words: the answer, then a sentence or two for each task."""
        from scenarios.explain.words import summary

        return summary(self)

    def heat_map(self, path: str | Path, **options: Any) -> None:
        """Draw tasks x nodes into a PNG, SVG or PDF; see `scenarios.explain.chart.heat_map`."""
        from scenarios.explain.chart import heat_map

        heat_map(self, path, **options)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        from scenarios.explain.plain import to_dict

        return to_dict(self)

    def __repr__(self) -> str:
        return "\n".join(self.summary())

    def _repr_html_(self) -> str:
        from scenarios.explain.plain import page

        return page(self)
