"""Compilation options of the kernel, and a disk cache that notices every change of the sources.

numba's cache looks at the file of the compiled function only: a change in a helper of another file
would leave the old machine code in use. The names under which entry points are cached therefore
carry a digest of all sources of this package and of the shared formulas.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numba

F = TypeVar("F", bound=Callable[..., Any])
njit: Any = numba.njit

# No fused multiply-add and no reordering: LLVM contracts only under fastmath, which stays off.
OPTIONS: dict[str, Any] = {"error_model": "numpy", "fastmath": False}


@cache
def sources_digest() -> str:
    """Short digest of the sources that the machine code is made from."""
    digest = hashlib.sha256()
    here = Path(__file__).parent
    shared = [here.parent / name for name in ("arrays.py", "costs.py")]
    for path in [*sorted(here.glob("*.py")), *shared]:
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def entry(function: F) -> F:
    """Compile a function that Python or another package calls: cached on disk, without the GIL."""
    function.__qualname__ = f"{function.__qualname__}_{sources_digest()}"
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
