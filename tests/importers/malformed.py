"""Seeded ways to break a file: the same broken files in every run, for every importer."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from simulator.errors import AlloclabError
from tests.scenarios.foreign import break_text, break_tree

ATTRIBUTES = ("", "0", "-1", "1e400", "nan", "x" * 300, "a\nb", "0-99999999", "NO", "\u00e9", "<")


def broken_text(text: str, count: int, seed: int = 0) -> Iterator[bytes]:
    """Cut, overwritten, repeated and inserted pieces of a file."""
    luck = random.Random(seed)
    for _ in range(count):
        yield break_text(text, luck)


def broken_json(data: Any, count: int, seed: int = 0) -> Iterator[bytes]:
    """Half of them valid JSON with places changed, half of them with bytes changed."""
    luck = random.Random(seed)
    text = json.dumps(data)
    for i in range(count):
        yield json.dumps(break_tree(data, luck)).encode() if i % 2 else break_text(text, luck)


def broken_xml(text: str, count: int, seed: int = 0) -> Iterator[bytes]:
    """Half of them valid XML with elements and attributes changed, half with bytes changed."""
    from xml.etree.ElementTree import fromstring, tostring

    luck = random.Random(seed)
    for i in range(count):
        if i % 2:
            yield break_text(text, luck)
            continue
        root = fromstring(text)
        for _ in range(luck.randint(1, 3)):
            _break_element(root, luck)
        yield tostring(root)


def _break_element(root: Any, luck: random.Random) -> None:
    every = [(parent, child) for parent in root.iter() for child in parent]
    if not every:
        return
    parent, child = luck.choice(every)
    key = luck.choice(sorted(child.attrib)) if child.attrib else None
    match luck.randrange(6):
        case 0:
            parent.remove(child)
        case 1:
            parent.insert(luck.randrange(len(parent) + 1), child)  # it stands there twice
        case 2 if key is not None:
            del child.attrib[key]
        case 3:
            child.tag = luck.choice(["zz", luck.choice(every)[1].tag])
        case 4 if key is not None:
            other = luck.choice(every)[1].attrib
            child.attrib[key] = luck.choice(list(other.values()) or [""])
        case _ if key is not None:
            child.attrib[key] = luck.choice(ATTRIBUTES)


def one_sentence(path: Path, read: Any) -> bool:
    """Whether a reader refuses a file; if so, in one sentence that begins with the file's name."""
    try:
        read(path)
    except AlloclabError as error:
        text = str(error)
        assert text.startswith(str(path)) and "\n" not in text and len(text) < 1500, text
        return True
    return False
