"""The graph families and their parameters."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from scenarios.generate import random_graphs, regular
from scenarios.generate.luck import STRUCTURE, Luck
from scenarios.generate.structure import Structure, whole
from simulator.errors import unknown

DEFAULT_TASKS = 100


@dataclass(frozen=True)
class Family:
    """A family of graphs.

    Parameters
    ----------
    name : str
    make : callable
        (tasks, luck, own parameters) -> Structure
    exact : bool
        True if every number of tasks can be had; otherwise `tasks` is an upper limit, and the
        size may be given by the family's own parameters instead.
    """

    name: str
    make: Callable[..., Structure]
    exact: bool = True

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of its own parameters."""
        return tuple(inspect.signature(self.make).parameters)[2:]

    @property
    def summary(self) -> str:
        """One sentence."""
        return " ".join((self.make.__doc__ or "").split("\n\n")[0].split()).replace("`", "")


FAMILIES: Mapping[str, Family] = {
    f.name: f
    for f in (
        Family("layered", random_graphs.layered),
        Family("fork-join", regular.fork_join),
        Family("chains", regular.chains),
        Family("in-tree", regular.in_tree),
        Family("out-tree", regular.out_tree),
        Family("series-parallel", random_graphs.series_parallel),
        Family("stencil", regular.stencil, exact=False),
        Family("fft", regular.fft, exact=False),
        Family("gauss", regular.gauss, exact=False),
    )
}


def family_of(name: object) -> Family:
    """A family by name; underscores count as hyphens.

    Raises
    ------
    UnknownName
    """
    key = str(name).replace("_", "-")
    if key not in FAMILIES:
        raise unknown("graph family", str(name), FAMILIES)
    return FAMILIES[key]


def structure(
    family: Family, tasks: int | None, seed: int, parameters: Mapping[str, Any]
) -> Structure:
    """The graph of a family.

    Raises
    ------
    UnknownName, InvalidScenario
        A parameter the family does not have, or one out of range.
    """
    for key in parameters:
        if key not in family.parameters:
            raise unknown(f"parameter of {family.name}", str(key), family.parameters)
    if tasks is None and family.exact:
        tasks = DEFAULT_TASKS
    if tasks is not None:
        whole(tasks, "tasks", 1)
    return family.make(tasks, Luck(seed, STRUCTURE), **parameters)
