"""Who decides: allocation algorithms over one problem type."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from schedulers.base import Scheduler, solve
    from schedulers.bounds import lower_bound
    from schedulers.budget import Budget
    from schedulers.outcome import Outcome
    from schedulers.registry import make, names, spec_of

_WHERE = {
    "Budget": "budget",
    "Outcome": "outcome",
    "Scheduler": "base",
    "lower_bound": "bounds",
    "make": "registry",
    "names": "registry",
    "solve": "base",
    "spec_of": "registry",
}

__all__ = [
    "Budget",
    "Outcome",
    "Scheduler",
    "lower_bound",
    "make",
    "names",
    "solve",
    "spec_of",
]


def __getattr__(name: str) -> Any:
    """Load a public name from its module on first use, so that importing costs nothing."""
    if name not in _WHERE:
        raise AttributeError(f"module 'schedulers' has no attribute {name!r}")
    value = getattr(import_module(f"schedulers.{_WHERE[name]}"), name)
    globals()[name] = value
    return value
