"""Fenced code blocks of a Markdown page, and commands in them."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One fenced block.

    Parameters
    ----------
    language : str
        Empty where the fence names none.
    text : str
    line : int
        Of the fence in its page.
    """

    language: str
    text: str
    line: int


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(m.group(1), m.group(2), text.count("\n", 0, m.start()) + 1)
        for m in FENCE.finditer(text)
    ]


def commands(block: Block) -> list[list[str]]:
    """The commands of a shell block as argument lists, comments left out, lines joined.

    Examples
    --------
    >>> commands(Block("sh", "alloclab list  # all\\nmake demo \\\\\\n  OUT=x\\n", 1))
    [['alloclab', 'list'], ['make', 'demo', 'OUT=x']]
    """
    joined = re.sub(r"\\\n\s*", " ", block.text)
    return [found for line in joined.splitlines() if (found := shlex.split(line, comments=True))]
