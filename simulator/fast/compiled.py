"""How the passes are compiled, and a disk cache that notices every change of their sources."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

import numba

from simulator.sources import sources_digest

F = TypeVar("F", bound=Callable[..., Any])
njit: Any = numba.njit

Index: TypeAlias = Any
"""An index or a count inside compiled code: an unsigned integer of any width, typed by numba."""

# No fused multiply-add, no reordering: LLVM does either only under fastmath, which stays off.
# Without reference counting (`_nrt`) nothing can be allocated, and tuples of arrays cost nothing to
# pass around; counting them would take longer than the simulation.
OPTIONS: dict[str, Any] = {
    "error_model": "numpy",
    "fastmath": False,
    "nogil": True,
    "_nrt": False,
}


def entry(function: F) -> F:
    """Compile a function that Python calls: cached on disk, without the GIL."""
    function.__qualname__ = f"{function.__qualname__}_{sources_digest(function.__module__)}"
    compiled: F = njit(cache=True, **OPTIONS)(function)
    return compiled


def helper(function: F) -> F:
    """Compile a function that compiled code calls; its source is put into its callers' source.

    For functions of the large tuples, which are slow to compile as arguments of a call.
    """
    compiled: F = njit(inline="always", **OPTIONS)(function)
    return compiled


def small(function: F) -> F:
    """Compile a function of a few arrays and numbers; its machine code is put into its callers'."""
    compiled: F = njit(forceinline=True, no_cpython_wrapper=True, no_cfunc_wrapper=True, **OPTIONS)(
        function
    )
    return compiled


def part(function: F) -> F:
    """Compile a function that compiled code calls now and then; it stays a function.

    Inlining what is rarely needed would only make compilation longer.
    """
    compiled: F = njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **OPTIONS)(function)
    return compiled
