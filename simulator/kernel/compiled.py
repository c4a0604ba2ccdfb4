"""Compilation options of the kernel, and a disk cache that notices every change of the sources.

The names under which entry points are cached carry a digest of their sources: `simulator.sources`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba

from simulator.sources import sources_digest

F = TypeVar("F", bound=Callable[..., Any])
njit: Any = numba.njit

# No fused multiply-add and no reordering: LLVM contracts only under fastmath, which stays off.
OPTIONS: dict[str, Any] = {"error_model": "numpy", "fastmath": False}


def entry(function: F) -> F:
    """Compile a function that Python or another package calls: cached on disk, without the GIL."""
    function.__qualname__ = f"{function.__qualname__}_{sources_digest(function.__module__)}"
    compiled: F = njit(cache=True, nogil=True, **OPTIONS)(function)
    return compiled


def helper(function: F) -> F:
    """Compile a part of an entry point. Calling it from Python crashes: it has no way in."""
    compiled: F = njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **OPTIONS)(function)
    return compiled


def inlined(function: F) -> F:
    """Compile a part of an entry point that runs for every event: it vanishes into its callers."""
    compiled: F = njit(forceinline=True, no_cpython_wrapper=True, no_cfunc_wrapper=True, **OPTIONS)(
        function
    )
    return compiled
