"""Which rules each engine covers: the table behind `auto` and docs/engines.md.

A compiled pass takes a run only if it covers every rule that the run uses; else the general kernel
does, which today covers all that the reference engine does.
"""

from __future__ import annotations

from typing import NamedTuple


class Cover(NamedTuple):
    """Who covers a rule: the reference engine, the general kernel, the compiled passes."""

    reference: bool
    kernel: bool
    passes: bool


RULES: dict[str, Cover] = {
    "ideal network": Cover(True, True, True),
    "fifo network": Cover(True, True, False),
    "fair network": Cover(True, True, False),
    "strict dispatch": Cover(True, True, True),
    "greedy dispatch": Cover(True, True, True),
    "disciplines": Cover(True, True, True),
    "streams": Cover(True, True, True),
    "requests": Cover(True, True, True),
    "closed": Cover(True, True, False),
    "variants": Cover(True, True, True),
    "factors": Cover(True, True, True),
    "slots": Cover(True, True, True),
    "overheads": Cover(True, True, True),
    "corun": Cover(True, True, False),
    "tables": Cover(True, True, True),
    "joins": Cover(True, True, False),
    "branches": Cover(True, True, False),
    "lag": Cover(True, True, True),
    "outages": Cover(True, True, False),
    "slowdowns": Cover(True, True, False),
    "degradations": Cover(True, True, False),
    "run(until)": Cover(True, True, False),
}
"""Rule -> engines that cover it."""
