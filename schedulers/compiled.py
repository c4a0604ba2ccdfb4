"""Compilation options of the planners, and a disk cache that notices every change of the sources.

The names under which entry points are cached carry a digest of their sources: `simulator.sources`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from numba import njit

from simulator.sources import sources_digest

F = TypeVar("F", bound=Callable[..., Any])

# No fused multiply-add and no reordering (fastmath stays off): planned times must be the engines'
# to the last bit. `_nrt=False` leaves out reference counting, which would cost more than the work
# in loops over tuples of arrays; in return compiled planners allocate nothing, callers do.
OPTIONS: dict[str, Any] = {"error_model": "numpy", "fastmath": False, "_nrt": False}

# Parts are called by compiled code only. Unpacking tuples of arrays for Python would take most of
# their compilation time.
INTERNAL: dict[str, Any] = {**OPTIONS, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def entry(function: F) -> F:
    """Compile a function that Python calls: cached on disk, without the GIL."""
    function.__qualname__ = f"{function.__qualname__}_{sources_digest(function.__module__)}"
    compiled: F = njit(cache=True, nogil=True, **OPTIONS)(function)
    return compiled


def helper(function: F) -> F:
    """Compile a part of an entry point that disappears into its callers."""
    compiled: F = njit(forceinline=True, **INTERNAL)(function)
    return compiled


def routine(function: F) -> F:
    """Compile a part of an entry point that stays a call of its own: large, or rarely needed."""
    compiled: F = njit(**INTERNAL)(function)
    return compiled
