"""The engines under test, by name, and one way to run each of them on plain arrays."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from simulator.arrays import Arrays, IntArray
from simulator.realisation import Realisation
from simulator.runlog import RunLog

MODULES = {
    "reference": ("simulator.reference", "ReferenceSimulation"),
    "kernel": ("simulator.kernel", "KernelSimulation"),
}


@dataclass(frozen=True)
class Engine:
    """An engine by name; calling it runs a case to its end.

    `start` returns the simulation itself, for tests that stop and resume.
    """

    name: str

    def start(self, *case: Any) -> Any:
        """Set up ``(arrays, node, variant, priority, realisation)``; the engine loads on use."""
        module, simulation = MODULES[self.name]
        return getattr(import_module(module), simulation)(*case)

    def __call__(
        self,
        arrays: Arrays,
        node: IntArray,
        variant: IntArray,
        priority: IntArray,
        realisation: Realisation,
    ) -> RunLog:
        """Run to the end and return the record.

        Static cases may take a shortcut of the compiled engine; it must not change a bit.
        """
        case = (arrays, node, variant, priority, realisation)
        simulation = self.start(*case)
        simulation.run()
        log: RunLog = simulation.log()
        if self.name == "kernel":
            shortcut = import_module("simulator.fast").run(*case)
            difference = shortcut and shortcut.first_difference(log)
            assert not difference, f"shortcut and kernel differ: {difference}"
        return log


def chosen(option: str) -> list[Engine]:
    """Engines named by ``--engine``: one of them, or all for ``both``."""
    return [Engine(name) for name in MODULES if option in (name, "both")]
