"""Names that Kubernetes and Ray accept, found for those of a scenario."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

LONGEST = 50
"""Characters of a name: a Pod adds up to 13 to it and may have 63 in all."""


def dns_label(text: str, most: int = LONGEST) -> str:
    """A DNS-1035 label that reads like a text: small letters, digits and hyphens.

    It is a DNS-1123 label as well, and begins with a letter, as names of Services must.

    Examples
    --------
    >>> dns_label("GPU_0 (Übung)"), dns_label("7"), dns_label("--")
    ('gpu-0-ubung', 'x-7', 'x')
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    if not name or not name[0].isalpha():
        name = f"x-{name}" if name else "x"
    return name[:most].strip("-")


def dns_labels(texts: Iterable[str], prefix: str = "", most: int = LONGEST) -> dict[str, str]:
    """A label of its own for each text; those that would be equal get a number.

    Parameters
    ----------
    texts : iterable of str
    prefix : str
        Put before each, such as the name of the scenario.
    most : int
        Longest label.

    Examples
    --------
    >>> dns_labels(["a b", "a-b", "c"], "s")
    {'a b': 's-a-b', 'a-b': 's-a-b-2', 'c': 's-c'}
    """
    out: dict[str, str] = {}
    taken: set[str] = set()
    for text in dict.fromkeys(texts):
        base = dns_label(f"{prefix} {text}" if prefix else text, most)
        name, i = base, 2
        while name in taken:
            tail = f"-{i}"
            name, i = base[: most - len(tail)].strip("-") + tail, i + 1
        taken.add(name)
        out[text] = name
    return out
