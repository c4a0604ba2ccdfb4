"""Pairs of which one can never do worse than the other, known from how they are made."""

from __future__ import annotations

from schedulers.batch import Duplex, MaxMin, MinMin
from schedulers.lists.hybrid import Hybrid, parts
from schedulers.registry import make, spec_of


def members(spec: str) -> frozenset[str]:
    """The algorithms of which a scheduler takes the best plan; itself if it is one.

    Examples
    --------
    >>> sorted(members("duplex")), sorted(members("heft"))
    (['max_min', 'min_min'], ['heft'])
    """
    scheduler = make(spec)
    if isinstance(scheduler, Duplex):
        return frozenset(spec_of(s) for s in (MinMin(), MaxMin()))
    if isinstance(scheduler, Hybrid):
        return frozenset().union(*(members(part) for part in parts(scheduler.of)))
    return frozenset((spec_of(scheduler),))


def dominated(a: str, b: str) -> str | None:
    """Why scheduler a can never do worse than b, in words; None if that is not known.

    The best of a set of plans is no worse than the best of a part of them.

    Examples
    --------
    >>> dominated("duplex", "min_min")
    'duplex takes the best plan of max_min, min_min'
    >>> dominated("min_min", "duplex") is None
    True
    """
    mine, others = members(a), members(b)
    if not others <= mine:
        return None
    if mine == others:
        return "they are the same algorithm"
    return f"{a} takes the best plan of {', '.join(sorted(mine))}"
