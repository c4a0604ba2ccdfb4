"""Taking fields out of parsed JSON, with errors that name the file and the field."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from simulator.errors import AlloclabError, InvalidScenario, nearest

LONGEST_NAME = 1000
"""Characters of an id or name."""


def describe(value: object) -> str:
    """A value for a message: short, on one line."""
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def as_mapping(value: object, where: str) -> Mapping[str, Any]:
    """A JSON object.

    Raises
    ------
    InvalidScenario
    """
    if not isinstance(value, Mapping):
        raise InvalidScenario(f"{where} must be a mapping, got {describe(value)}")
    return value


def as_list(value: object, where: str, length: int | None = None) -> Sequence[Any]:
    """A JSON list, of one length if given.

    Raises
    ------
    InvalidScenario
    """
    if not isinstance(value, list) or (length is not None and len(value) != length):
        wanted = "a list" if length is None else f"a list of {length}"
        raise InvalidScenario(f"{where} must be {wanted}, got {describe(value)}")
    return value


def as_text(value: object, where: str) -> str:
    """A name or id: a non-empty printable text; an integer is taken as its digits.

    Raises
    ------
    InvalidScenario
    """
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value:
        raise InvalidScenario(f"{where} must be a text that is not empty, got {describe(value)}")
    if len(value) > LONGEST_NAME:
        raise InvalidScenario(f"{where} is longer than {LONGEST_NAME} characters")
    if any(c < " " or c == "\x7f" for c in value):
        raise InvalidScenario(f"{where} must not contain control characters: {describe(value)}")
    return value


def as_number(value: object, where: str, above_zero: bool = False) -> float:
    """A finite number >= 0 (or > 0).

    Raises
    ------
    InvalidScenario
    """
    wanted = "a finite number > 0" if above_zero else "a finite number >= 0"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidScenario(f"{where} must be {wanted}, got {describe(value)}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not 0 <= number < math.inf or (above_zero and number == 0):
        raise InvalidScenario(f"{where} must be {wanted}, got {describe(value)}")
    return number


def need(data: Mapping[str, Any], key: str, where: str) -> Any:
    """A field that must be there.

    Parameters
    ----------
    data : mapping
    key : str
    where : str
        The file, or the file and the field that `data` is.

    Raises
    ------
    InvalidScenario
        It is missing; suggests a misspelt one.
    """
    if key not in data:
        hint = nearest(key, [k for k in data if len(k) <= 80])
        raise InvalidScenario(f"{where}: the field {key!r} is missing{hint}")
    return data[key]


def optional_text(data: Mapping[str, Any], key: str) -> str:
    """A remark that only a reader sees: its text on one line, shortened, or an empty text."""
    value = data.get(key)
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        return ""
    text = "".join(c for c in " ".join(str(value).split()) if c.isprintable())
    return text if len(text) <= 500 else text[:497] + "..."


@contextmanager
def naming(source: str) -> Iterator[None]:
    """Put the file's name before errors of the model, which cannot know it."""
    try:
        yield
    except AlloclabError as error:
        text = str(error)
        if text.startswith(source):
            raise
        raise type(error)(f"{source}: {text}") from None
