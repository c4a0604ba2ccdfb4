"""What would happen: nodes, links, tasks, and the rules of simulated time."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator.compilecache import provide

if TYPE_CHECKING:
    from simulator.allocation import Allocation, Placement
    from simulator.cluster import Cluster, Connection, Link, Node
    from simulator.dynamics import Degradation, Dynamics, Outage, Slowdown
    from simulator.engines import ENGINES, SEMANTICS, simulate
    from simulator.errors import AlloclabError
    from simulator.luck import draw, nominal
    from simulator.objective import Objective
    from simulator.problem import Problem
    from simulator.realisation import Realisation
    from simulator.taskgraph import Edge, Join, Task, TaskGraph, Variant, Work
    from simulator.trace import Trace
    from simulator.workload import Arrivals, Distribution, Size, Stream

# Before numba is imported and looks.
provide(Path(__file__).parent, Path(os.environ.get("HOME") or "/"))

_HOME = {
    "allocation": ("Allocation", "Placement"),
    "cluster": ("Cluster", "Connection", "Link", "Node"),
    "dynamics": ("Degradation", "Dynamics", "Outage", "Slowdown"),
    "engines": ("ENGINES", "SEMANTICS", "simulate"),
    "errors": ("AlloclabError",),
    "luck": ("draw", "nominal"),
    "objective": ("Objective",),
    "problem": ("Problem",),
    "realisation": ("Realisation",),
    "taskgraph": ("Edge", "Join", "Task", "TaskGraph", "Variant", "Work"),
    "trace": ("Trace",),
    "workload": ("Arrivals", "Distribution", "Size", "Stream"),
}
_WHERE = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "ENGINES",
    "SEMANTICS",
    "Allocation",
    "AlloclabError",
    "Arrivals",
    "Cluster",
    "Connection",
    "Degradation",
    "Distribution",
    "Dynamics",
    "Edge",
    "Join",
    "Link",
    "Node",
    "Objective",
    "Outage",
    "Placement",
    "Problem",
    "Realisation",
    "Size",
    "Slowdown",
    "Stream",
    "Task",
    "TaskGraph",
    "Trace",
    "Variant",
    "Work",
    "draw",
    "nominal",
    "simulate",
]


def __getattr__(name: str) -> Any:
    """Load a public name from its module on first use, so that importing costs nothing."""
    if name not in _WHERE:
        raise AttributeError(f"module 'simulator' has no attribute {name!r}")
    value = getattr(import_module(f"simulator.{_WHERE[name]}"), name)
    globals()[name] = value
    return value
