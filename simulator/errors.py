"""The exceptions that users see: each says what was wrong, what was allowed, and where."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class AlloclabError(Exception):
    """Base of every error a user can cause; the command line prints it and exits with 2."""

    exit_code = 2


class InvalidScenario(AlloclabError, ValueError):
    """A scenario, cluster, graph or workload breaks a rule of the format or of the model."""


class InvalidAllocation(AlloclabError, ValueError):
    """An allocation does not fit its problem (unknown node, memory, order, missing task)."""


class Infeasible(AlloclabError):
    """No allocation can satisfy the constraints of the problem."""


class Unsupported(AlloclabError):
    """A legal request that this engine, scheduler or version cannot carry out."""


class UnknownName(AlloclabError, LookupError):
    """A name that is not in the list it should come from."""


def nearest(name: str, choices: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the closest choice, or an empty string."""
    known = [str(c) for c in choices]
    hits = difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
    if not hits and len(name) >= 2:  # "p99" is far from "p99_latency", letter by letter
        hits = [c for c in known if name.lower() in c.lower()][:1]
    return f"; did you mean {hits[0]!r}?" if hits else ""


def unknown(kind: str, name: str, choices: Iterable[str], where: str = "") -> UnknownName:
    """Build the error for a name that is not among `choices`.

    Examples
    --------
    >>> str(unknown("node", "gpu1", ["gpu-1", "cpu"]))
    "unknown node 'gpu1'; did you mean 'gpu-1'? (known: gpu-1, cpu)"
    """
    known = [str(c) for c in choices]
    hint = nearest(name, known)
    shown = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
    prefix = f"{where}: " if where else ""
    return UnknownName(f"{prefix}unknown {kind} {str(name)[:80]!r}{hint} (known: {shown})")
