"""What to run: scenario files, generators, importers, comparison and the command line."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scenarios.loader import cluster_names, load, load_cluster, names
    from scenarios.scenario import Scenario

_WHERE = {
    "Scenario": "scenario",
    "cluster_names": "loader",
    "load": "loader",
    "load_cluster": "loader",
    "names": "loader",
}

__all__ = ["Scenario", "cluster_names", "load", "load_cluster", "names"]


def __getattr__(name: str) -> Any:
    """Load a public name from its module on first use, so that importing costs nothing."""
    if name not in _WHERE:
        raise AttributeError(f"module 'scenarios' has no attribute {name!r}")
    value = getattr(import_module(f"scenarios.{_WHERE[name]}"), name)
    globals()[name] = value
    return value
