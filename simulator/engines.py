"""Two engines, one meaning: picks one, runs it, and says which one it was."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

from simulator.allocation import Allocation
from simulator.arrays import Arrays, IntArray
from simulator.errors import unknown
from simulator.realisation import Realisation
from simulator.rules import check_allocation
from simulator.runlog import RunLog

if TYPE_CHECKING:
    from simulator.problem import Problem
    from simulator.trace import Trace

SEMANTICS = 1
"""Version of the rules of simulated time; stored in every result."""

ENGINES = ("auto", "reference", "kernel")


class Simulation(Protocol):
    """A run that can be stopped and resumed; both engines offer it."""

    def run(self, until: float = math.inf) -> None:
        """Process every event up to and including `until`."""

    def log(self) -> RunLog:
        """The record so far."""


def start(
    arrays: Arrays,
    node: IntArray,
    variant: IntArray,
    priority: IntArray,
    realisation: Realisation,
    engine: str = "auto",
) -> Simulation:
    """Set up a run without starting it.

    Parameters
    ----------
    node, variant, priority : (T,) int64 arrays
    engine : {"auto", "reference", "kernel"}

    Raises
    ------
    UnknownName
        Another engine.
    """
    if engine not in ENGINES:
        raise unknown("engine", engine, ENGINES)
    if engine == "reference":
        from simulator.reference import ReferenceSimulation

        return ReferenceSimulation(arrays, node, variant, priority, realisation)
    from simulator.kernel import KernelSimulation

    return KernelSimulation(arrays, node, variant, priority, realisation)


def execute(
    arrays: Arrays,
    node: IntArray,
    variant: IntArray,
    priority: IntArray,
    realisation: Realisation,
    engine: str = "auto",
) -> RunLog:
    """Run to the end and return the record.

    The kernel takes one of its fast paths where the case is static; results are the same bits.
    """
    if engine in ("auto", "kernel"):
        from simulator import fast

        log = fast.run(arrays, node, variant, priority, realisation)
        if log is not None:
            return log
    simulation = start(arrays, node, variant, priority, realisation, engine)
    simulation.run()
    return simulation.log()


def simulate(
    problem: Problem,
    allocation: Allocation,
    engine: str = "auto",
    seed: int = 0,
    realisation: Realisation | None = None,
) -> Trace:
    """Simulate one run of an allocation under the luck of a test seed.

    Parameters
    ----------
    problem : Problem
    allocation : Allocation
    engine : {"auto", "reference", "kernel"}
        ``auto`` takes the kernel; the trace says which engine ran.
    seed : int
        Seed of the `test` family of luck; schedulers never see it.
    realisation : Realisation or None
        Use this luck instead of drawing.

    Returns
    -------
    Trace

    Raises
    ------
    InvalidAllocation, UnknownName
        The allocation does not fit the problem, or there is no such engine.
    """
    from simulator.luck import draw
    from simulator.trace import Trace

    if engine not in ENGINES:
        raise unknown("engine", engine, ENGINES)
    node, variant, priority = check_allocation(problem, allocation)
    if realisation is None:
        realisation = draw(problem, seed)
    log = execute(problem.arrays, node, variant, priority, realisation, engine)
    name = "reference" if engine == "reference" else "kernel"
    return Trace(problem, allocation, realisation, log, engine=name)
