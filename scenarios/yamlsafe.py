"""Reads YAML that may be anything: plain data comes out, or one clear sentence.

YAML is read as its 1.2 core schema has it (``yes`` and ``1:30`` are texts, dates too), because a
scenario should not change its meaning with the reader. The tree is built from the parser's events
rather than by PyYAML's constructors, so that depth, tags, duplicate keys and aliases are judged
before anything is built.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any, NoReturn

from scenarios.reading import read_text
from simulator.errors import InvalidScenario

LARGEST = 16 * 2**20
DEPTH = 40
VALUES = 2_000_000
"""Limits: characters of a file, nesting, and values after aliases are expanded."""

_INT = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, Any] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
    ".inf": math.inf, "+.inf": math.inf, "-.inf": -math.inf, ".nan": math.nan, ".NaN": math.nan,
}  # fmt: skip


def read_yaml(path: str | Path) -> Any:
    """Plain data of a YAML file; see `parse_yaml` for what is refused.

    Raises
    ------
    InvalidScenario
        Also when the file cannot be read or is longer than `LARGEST`.
    """
    text = read_text(path)
    if len(text) > LARGEST:
        raise InvalidScenario(
            f"{path}: {len(text) / 2**20:.1f} MiB is too large, at most {LARGEST // 2**20} MiB of "
            f"YAML are read"
        )
    return parse_yaml(text, str(path))


def parse_yaml(text: str, where: str = "text") -> Any:
    """Plain data of a YAML text: dict with str keys, list, str, int, float, bool, None.

    Raises
    ------
    InvalidScenario
        Not YAML, several documents, a tag, a duplicate key, a merge key, nesting beyond `DEPTH`,
        an alias inside its own anchor, or more than `VALUES` values.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the same events, ten times faster
    tree = _Tree(where)
    try:
        for event in yaml.parse(text, Loader=loader):
            tree.take(event)
    except yaml.MarkedYAMLError as error:
        problem = error.problem or error.context or "it breaks off"
        raise InvalidScenario(f"{where}: this is not YAML: {_at(error)}{problem}") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        if isinstance(error, InvalidScenario):
            raise
        reason = getattr(error, "reason", None) or type(error).__name__
        raise InvalidScenario(f"{where}: this is not YAML: {reason}") from None
    return tree.result()


def _at(error: Any) -> str:
    mark = error.problem_mark or error.context_mark
    return f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


class _Tree:
    """Builds plain data from parser events, without recursion."""

    def __init__(self, where: str):
        self.where = where
        self.documents: list[Any] = []
        self.open: list[_Level] = []
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.count = 0

    def result(self) -> Any:
        if not self.documents:
            raise InvalidScenario(f"{self.where}: the file is empty")
        return self.documents[0]

    def refuse(self, event: Any, why: str) -> NoReturn:
        line = event.start_mark.line + 1
        raise InvalidScenario(f"{self.where}: line {line}: {why}")

    def take(self, event: Any) -> None:
        """One event of the parser."""
        kind = type(event).__name__
        if getattr(event, "tag", None) is not None:
            self.refuse(event, f"tags such as {_short(str(event.tag))} are not allowed")
        if kind == "ScalarEvent":
            self.add(event, self.scalar(event), 1, event.anchor)
        elif kind in ("MappingStartEvent", "SequenceStartEvent"):
            if len(self.open) >= DEPTH:
                self.refuse(event, f"values are nested more than {DEPTH} levels deep")
            self.tally(event, 1)
            value: Any = {} if kind == "MappingStartEvent" else []
            self.open.append(_Level(value, event.anchor, self.count))
        elif kind in ("MappingEndEvent", "SequenceEndEvent"):
            level = self.open.pop()
            self.add(event, level.value, self.count - level.before + 1, level.anchor, counted=True)
        elif kind == "AliasEvent":
            self.alias(event)
        elif kind == "DocumentStartEvent" and self.documents:
            self.refuse(event, "a second document begins here; one file holds one")

    def alias(self, event: Any) -> None:
        name = event.anchor
        if any(level.anchor == name for level in self.open):
            self.refuse(event, f"the alias *{name} stands inside its own anchor")
        if name not in self.anchors:
            self.refuse(event, f"the alias *{name} has no anchor")
        value, size = self.anchors[name]
        self.add(event, value, size, None)

    def tally(self, event: Any, size: int) -> None:
        self.count += size
        if self.count > VALUES:
            self.refuse(event, f"there are more than {VALUES:,} values, aliases expanded")

    def add(
        self, event: Any, value: Any, size: int, anchor: str | None, counted: bool = False
    ) -> None:
        """Put a finished value where it belongs."""
        if not counted:
            self.tally(event, size)
        if anchor is not None:
            self.anchors[anchor] = (value, size)
        if not self.open:
            self.documents.append(value)
            return
        level = self.open[-1]
        if isinstance(level.value, list):
            level.value.append(value)
        elif not level.has_key:
            level.key, level.has_key = self.key(event, level.value, value), True
        else:
            level.value[level.key] = value
            level.has_key = False

    def key(self, event: Any, mapping: dict[str, Any], value: Any) -> str:
        if isinstance(value, dict | list):
            self.refuse(event, "a key must be a name, not a list or a mapping")
        text = event.value if hasattr(event, "value") else str(value)
        if text == "<<" and event.implicit[0]:
            self.refuse(event, "merge keys (<<) are not read; use extends or models")
        if text in mapping:
            self.refuse(event, f"the key {_short(text)} stands twice in one mapping")
        return str(text)

    def scalar(self, event: Any) -> Any:
        text = event.value
        if not event.implicit[0]:  # quoted, or a block of text
            return text
        if text in _WORDS:
            return _WORDS[text]
        if _INT.fullmatch(text):
            return int(text)
        if len(text) <= 60 and _FLOAT.fullmatch(text):
            return float(text)
        return text


class _Level:
    """A mapping or list that is still open."""

    def __init__(self, value: Any, anchor: str | None, before: int):
        self.value, self.anchor, self.before = value, anchor, before
        self.key, self.has_key = "", False
