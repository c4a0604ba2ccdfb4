"""Names that a scenario file may hold, found for those that it may not."""

from __future__ import annotations

import re
from collections.abc import Iterable

from scenarios.fields import NAME_LENGTH

_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f]|->|--")


def legal(name: str, reserved: frozenset[str] = frozenset()) -> bool:
    """Whether the format takes a name as it is."""
    return (
        bool(name.strip())
        and name == name.strip()
        and len(name) <= NAME_LENGTH
        and not _FORBIDDEN.search(name)
        and name not in reserved
    )


def rename(
    names: Iterable[str], reserved: frozenset[str] = frozenset(), digits: bool = True
) -> dict[str, str]:
    """A legal and unique name for each name; legal ones keep theirs.

    Parameters
    ----------
    names : iterable of str
    reserved : frozenset of str
        Names that mean something else at this place.
    digits : bool
        Whether a name may consist of digits alone.
    """

    def fits(name: str) -> bool:
        return legal(name, reserved) and (digits or not name.isdigit())

    wanted = list(dict.fromkeys(names))
    taken = {name for name in wanted if fits(name)}
    out = {}
    for name in wanted:
        new = name
        if not fits(name):
            base = re.sub(r"[\x00-\x1f\x7f]", " ", name).strip()
            while _FORBIDDEN.search(base):  # each round leaves fewer characters
                base = re.sub("->|--", "-", base)
            base = base[: NAME_LENGTH - 10].strip() or "unnamed"
            if not digits and base.isdigit():
                base = f"node-{base}"
            new, i = base, 2
            while new in taken or not fits(new):
                new, i = f"{base}~{i}", i + 1
            taken.add(new)
        out[name] = new
    return out
