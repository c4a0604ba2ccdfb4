"""The answer to "which model runs where": a list of placements, as plain data with a version."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from simulator.arrays import IntArray
from simulator.errors import InvalidAllocation, Unsupported, unknown
from simulator.shown import Shown, some

if TYPE_CHECKING:
    from simulator.problem import Problem

FORMAT = "alloclab-allocation/1"


class Placement(NamedTuple):
    """One task on one node.

    Parameters
    ----------
    task, node, variant : str
    priority : int
        Rank among the tasks of its node; smaller goes first.
    share : float
        Fraction of the requests that this placement serves; several placements are replicas.
    """

    task: str
    node: str
    variant: str
    priority: int = 0
    share: float = 1.0


@dataclass(frozen=True, repr=False)
class Allocation(Shown):
    """Placements of every task of a problem.

    Parameters
    ----------
    placements : tuple of Placement
        Several for one task are replicas; their shares sum to 1.
    note : mapping
        Free remarks of whoever made it (scheduler, seed); no effect.
    """

    placements: tuple[Placement, ...]
    note: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @staticmethod
    def of(
        problem: Problem,
        node: Iterable[int],
        variant: Iterable[int] | None = None,
        priority: Iterable[int] | None = None,
    ) -> Allocation:
        """Build from index arrays of length T.

        Parameters
        ----------
        node : (T,) node index of each task
        variant : (T,) variant index; default the fastest admissible one on its node
        priority : (T,) rank; default topological order

        Raises
        ------
        InvalidAllocation
            An array of another length, or an index that the problem does not have.
        """
        nodes = _indices(problem, "node", node, [problem.n_nodes] * problem.n_tasks)
        if variant is None:
            table = np.where(problem.allowed, problem.seconds, np.inf)
            variant = [int(np.argmin(table[t, :, n])) for t, n in enumerate(nodes)]
        variants = _indices(problem, "variant", variant, [len(v) for v in problem.variant_names])
        if priority is None:
            rank = np.empty(problem.n_tasks, dtype=np.int64)
            rank[problem.topological] = np.arange(problem.n_tasks)
            priority = rank.tolist()
        priorities = _indices(problem, "priority", priority, None)
        return Allocation(
            tuple(
                Placement(
                    problem.task_names[t],
                    problem.node_names[n],
                    problem.variant_names[t][v],
                    p,
                )
                for t, (n, v, p) in enumerate(zip(nodes, variants, priorities, strict=True))
            )
        )

    def arrays(self, problem: Problem) -> tuple[IntArray, IntArray, IntArray]:
        """(node, variant, priority), each (T,) int64, in the task order of the problem.

        Raises
        ------
        UnknownName
            A task, node or variant that the problem does not have.
        InvalidAllocation
            A task without placement, or a priority that is no integer.
        Unsupported
            Several placements of one task (replicas).
        """
        node, variant, priority = (np.full(problem.n_tasks, -1, dtype=np.int64) for _ in range(3))
        for p in self.placements:
            if p.task not in problem.task_index:
                raise unknown("task", p.task, problem.task_names, "allocation")
            if p.node not in problem.node_index:
                raise unknown("node", p.node, problem.node_names, f"allocation of {p.task!r}")
            t = problem.task_index[p.task]
            if p.variant not in problem.variant_names[t]:
                raise unknown(
                    "variant", p.variant, problem.variant_names[t], f"allocation of {p.task!r}"
                )
            if node[t] >= 0:
                raise Unsupported(
                    f"task {p.task!r} has several placements; replicas are not implemented yet"
                )
            node[t] = problem.node_index[p.node]
            variant[t] = problem.variant_names[t].index(p.variant)
            priority[t] = p.priority
        if (node < 0).any():
            missing = problem.task_names[int(np.argmax(node < 0))]
            raise InvalidAllocation(f"task {missing!r} has no placement")
        return node, variant, priority

    def node_of(self, task: str) -> str:
        """Node name of a task.

        Raises
        ------
        UnknownName
        """
        for p in self.placements:
            if p.task == task:
                return p.node
        raise unknown("task", task, [p.task for p in self.placements], "allocation")

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "format": FORMAT,
            "placements": [p._asdict() for p in self.placements],
            "note": dict(self.note),
        }

    @staticmethod
    def from_dict(data: object, where: str = "allocation") -> Allocation:
        """Read `to_dict` back.

        Raises
        ------
        InvalidAllocation
            Another format, a missing or ill-typed field.
        """
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            got = data.get("format") if isinstance(data, dict) else type(data).__name__
            raise InvalidAllocation(f"{where}: format must be {FORMAT!r}, got {str(got)[:60]!r}")
        rows = data.get("placements")
        if not isinstance(rows, list):
            raise InvalidAllocation(f"{where}: placements must be a list")
        note = data.get("note")
        return Allocation(
            tuple(_placement(row, i, where) for i, row in enumerate(rows)),
            note if isinstance(note, dict) else {},
        )

    def save(self, path: str | Path) -> None:
        """Write as JSON."""
        Path(path).write_text(json.dumps(self.to_dict(), indent=1) + "\n", encoding="utf-8")

    @staticmethod
    def load(path: str | Path) -> Allocation:
        """Read what `save` wrote.

        Raises
        ------
        InvalidAllocation
            Unreadable file or wrong content; names the file.
        """
        try:
            data = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise InvalidAllocation(f"{path}: cannot be read as an allocation: {error}") from None
        return Allocation.from_dict(data, str(path))

    def _summary(self) -> dict[str, str]:
        by = self.note.get("scheduler")
        nodes = len({p.node for p in self.placements})
        out = {"placements": f"{len(self.placements)} on {nodes} nodes"}
        return out if by is None else out | {"by": str(by)}

    def _details(self) -> tuple[list[str], list[list[str]]]:
        rows = sorted(self.placements, key=lambda p: (p.node, p.priority, p.task))
        nodes = dict.fromkeys(p.node for p in rows)
        tasks = [[f"{p.task} [{p.variant}]" for p in rows if p.node == node] for node in nodes]
        return ["node", "tasks in order"], [
            [node, some(mine, 12)] for node, mine in zip(nodes, tasks, strict=True)
        ]

    def __str__(self) -> str:
        rows = sorted(self.placements, key=lambda p: (p.node, p.priority, p.task))
        return "\n".join(f"{p.node}: {p.task} [{p.variant}] #{p.priority}" for p in rows)


def _indices(
    problem: Problem, what: str, values: Iterable[int], limits: Sequence[int] | None
) -> list[int]:
    """The values as integers, one for each task and below its limit."""
    found = [int(x) for x in values]
    if len(found) != problem.n_tasks:
        raise InvalidAllocation(
            f"an allocation of {problem.name!r} needs one {what} for each of its "
            f"{problem.n_tasks} tasks, got {len(found)}"
        )
    for t, (x, limit) in enumerate(zip(found, limits or (), strict=False)):
        if not 0 <= x < limit:
            raise InvalidAllocation(
                f"task {problem.task_names[t]!r}: {what} must be an index from 0 to {limit - 1}, "
                f"got {x}"
            )
    return found


def _placement(row: object, i: int, where: str) -> Placement:
    label = f"{where}: placement {i}"
    if not isinstance(row, dict):
        raise InvalidAllocation(f"{label} must be a mapping")
    known = ("task", "node", "variant", "priority", "share")
    for key in row:
        if key not in known:
            raise unknown("field", str(key), known, label)
    for key in ("task", "node", "variant"):
        if not isinstance(row.get(key), str):
            raise InvalidAllocation(f"{label}: {key} must be a text, got {row.get(key)!r}")
    priority, share = row.get("priority", 0), row.get("share", 1.0)
    if isinstance(priority, bool) or not isinstance(priority, int) or abs(priority) >= 2**62:
        raise InvalidAllocation(f"{label}: priority must be an integer, got {priority!r}")
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 1:
        raise InvalidAllocation(f"{label}: share must be in (0, 1], got {share!r}")
    if not math.isclose(share, 1.0):
        raise Unsupported(f"{label}: shares below 1 (replicas) are not implemented yet")
    return Placement(row["task"], row["node"], row["variant"], priority, float(share))
