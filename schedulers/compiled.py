"""Compilation options of the planners, and a disk cache that notices every change of the sources.

numba's cache looks at the file of the compiled function only: a change in a helper of another file
would leave the old machine code in use. The names under which entry points are cached therefore
carry a digest of the sources that compiled planners are made of.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from numba import njit

from simulator import costs

F = TypeVar("F", bound=Callable[..., Any])

# No fused multiply-add and no reordering (fastmath stays off): planned times must be the engines'
# to the last bit. `_nrt=False` leaves out reference counting, which would cost more than the work
# in loops over tuples of arrays; in return compiled planners allocate nothing, callers do.
OPTIONS: dict[str, Any] = {"error_model": "numpy", "fastmath": False, "_nrt": False}

# Parts are called by compiled code only. Unpacking tuples of arrays for Python would take most of
# their compilation time.
INTERNAL: dict[str, Any] = {**OPTIONS, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}


@cache
def sources_digest() -> str:
    """Short digest of the sources of this package and of the shared formulas."""
    digest = hashlib.sha256()
    for path in (*sorted(Path(__file__).parent.glob("*.py")), Path(costs.__file__)):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def entry(function: F) -> F:
    """Compile a function that Python calls: cached on disk, without the GIL."""
    function.__qualname__ = f"{function.__qualname__}_{sources_digest()}"
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
