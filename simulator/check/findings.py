"""What a certificate reports, and how."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Violation:
    """One broken rule.

    Parameters
    ----------
    rule : str
        One of those that `simulator.check` lists.
    message : str
        What is wrong, with names and times.
    request : int or None
    """

    rule: str
    message: str
    request: int | None = None

    def __str__(self) -> str:
        where = "" if self.request is None else f"request {self.request}: "
        return f"[{self.rule}] {where}{self.message}"


@dataclass(frozen=True)
class Names:
    """Names for messages; an index stands for itself where there is none."""

    tasks: Sequence[str] = ()
    edges: Sequence[str] = ()
    nodes: Sequence[str] = ()
    links: Sequence[str] = ()

    def task(self, i: int) -> str:
        """Name of a task."""
        return repr(self.tasks[i]) if self.tasks else f"task {i}"

    def edge(self, i: int) -> str:
        """Name of a message's edge."""
        return repr(self.edges[i]) if self.edges else f"edge {i}"

    def node(self, i: int) -> str:
        """Name of a node."""
        return repr(self.nodes[i]) if self.nodes else f"node {i}"

    def link(self, i: int) -> str:
        """Name of a link."""
        return repr(self.links[i]) if self.links else f"link {i}"


@dataclass
class Findings:
    """Collects violations, at most so many of each rule.

    Parameters
    ----------
    names : Names
    most : int
    epsilon_s : float
        Rounding allowed in integrals over time.
    slack_s : float
        Allowed in every comparison.
    """

    names: Names
    most: int
    epsilon_s: float
    slack_s: float
    violations: list[Violation] = field(default_factory=list)
    _count: dict[str, int] = field(default_factory=dict)

    def add(self, rule: str, message: str, request: int | None = None) -> None:
        """Report one violation, unless there are enough of its rule."""
        self._count[rule] = self._count.get(rule, 0) + 1
        if self._count[rule] <= self.most:
            self.violations.append(
                Violation(rule, message, None if request is None else int(request))
            )

    def first(self, cells: Iterable[Sequence[int]]) -> list[tuple[int, ...]]:
        """The first cells of an index array, as plain integers: no more than are reported."""
        out: list[tuple[int, ...]] = []
        for cell in cells:
            if len(out) > self.most:
                break
            out.append(tuple(int(i) for i in cell))
        return out
