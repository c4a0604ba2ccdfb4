"""Reading files that others wrote: size, encoding and JSON traps, each refused in one sentence."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any, NoReturn

from simulator.errors import InvalidScenario

MAX_BYTES = 64 * 2**20
"""Largest file that is read."""

MAX_DEPTH = 100
"""Deepest nesting of lists and mappings that is read."""

_LONGEST_INTEGER = 309
"""Digits; longer integers have no float."""


def read_text(path: str | Path) -> str:
    """Read a whole UTF-8 file; a byte order mark is dropped.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    str

    Raises
    ------
    InvalidScenario
        There is no such file, it is no regular file, it is larger than `MAX_BYTES`, or it is not
        UTF-8.
    """
    path = Path(path)
    try:
        info = path.stat()
        if not stat.S_ISREG(info.st_mode):
            what = "a folder" if stat.S_ISDIR(info.st_mode) else "not a regular file"
            raise InvalidScenario(f"{path}: cannot be read, it is {what}")
        if info.st_size > MAX_BYTES:
            raise InvalidScenario(
                f"{path}: {info.st_size / 2**20:.0f} MiB is too large, "
                f"at most {MAX_BYTES // 2**20} MiB are read"
            )
        raw = path.read_bytes()
    except (OSError, ValueError) as error:
        if isinstance(error, InvalidScenario):
            raise
        why = getattr(error, "strerror", None) or str(error)
        raise InvalidScenario(f"{_shown(path)}: cannot be read: {why}") from None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidScenario(
            f"{path}: is not UTF-8 text: byte 0x{raw[error.start]:02x} at offset {error.start}"
        ) from None


def read_json(path: str | Path) -> Any:
    """Read a JSON file strictly.

    Returns
    -------
    Lists, dicts with unique keys, texts, finite floats, integers, booleans and None.

    Raises
    ------
    InvalidScenario
        As `read_text` and `parse_json`.
    """
    return parse_json(read_text(path), str(path))


def parse_json(text: str, where: str) -> Any:
    """Parse JSON strictly: no NaN or Infinity, no repeated keys, no bottomless nesting.

    Parameters
    ----------
    text : str
    where : str
        File name for messages.

    Raises
    ------
    InvalidScenario

    Examples
    --------
    >>> parse_json('{"a": [1, 2.5]}', "x.json")
    {'a': [1, 2.5]}
    >>> parse_json('{"a": 1, "a": 2}', "x.json")
    Traceback (most recent call last):
    ...
    simulator.errors.InvalidScenario: x.json: the key 'a' occurs twice in one object
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        out = dict(pairs)
        if len(out) < len(pairs):
            seen: set[str] = set()
            twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
            raise InvalidScenario(f"{where}: the key {twice[:80]!r} occurs twice in one object")
        return out

    def constant(name: str) -> NoReturn:
        raise InvalidScenario(f"{where}: {name} is not a JSON number; give a finite number")

    def integer(digits: str) -> int:
        if len(digits) > _LONGEST_INTEGER:
            raise InvalidScenario(f"{where}: an integer of {len(digits)} digits is too large")
        return int(digits)

    def real(digits: str) -> float:
        value = float(digits)
        if value in (float("inf"), float("-inf")):
            raise InvalidScenario(f"{where}: the number {digits[:40]} is too large")
        return value

    try:
        data = json.loads(text, object_pairs_hook=unique, parse_constant=constant,
                          parse_int=integer, parse_float=real)  # fmt: skip
    except json.JSONDecodeError as error:
        raise InvalidScenario(
            f"{where}: is not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        ) from None
    except RecursionError:
        raise InvalidScenario(f"{where}: the nesting is too deep, at most {MAX_DEPTH}") from None
    check_depth(data, where)
    if "\\u" in text:
        refuse_surrogates(data, where)
    return data


def refuse_surrogates(data: Any, where: str) -> None:
    """Refuse texts with half of a surrogate pair: they can be neither printed nor saved.

    Raises
    ------
    InvalidScenario
    """
    try:
        json.dumps(data, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        half = error.object[error.start]
        raise InvalidScenario(f"{where}: \\u{ord(half):04x} is half of a character") from None


def check_depth(data: Any, where: str) -> None:
    """Refuse nesting beyond `MAX_DEPTH`, without recursion.

    Raises
    ------
    InvalidScenario
    """
    level, depth = [data], 0
    while level:
        if depth > MAX_DEPTH:
            raise InvalidScenario(f"{where}: the nesting is too deep, at most {MAX_DEPTH}")
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                below.extend(v for v in item.values() if isinstance(v, dict | list))
            elif isinstance(item, list):
                below.extend(v for v in item if isinstance(v, dict | list))
        level, depth = below, depth + 1


def _shown(path: Path) -> str:
    text = str(path).replace("\0", "\\0").encode("utf-8", "replace").decode()
    return text if len(text) <= 200 else text[:197] + "..."
