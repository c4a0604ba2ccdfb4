"""Turns whatever went wrong into one sentence: the file, the field, what was allowed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from simulator.errors import AlloclabError, InvalidScenario, nearest

if TYPE_CHECKING:
    from pydantic import ValidationError

LONGEST = 300
"""Characters of a message."""

_SPECIAL = re.compile(r"<(text|number|list|mapping)>|\[key\]")


def show(value: object, most: int = 60) -> str:
    """A value as it stands in messages: short, on one line."""
    text = repr(value)
    return text if len(text) <= most else text[: most - 3] + "..."


def path_of(location: Sequence[str | int]) -> str:
    """A location as people write it: ``streams.camera.tasks.lanes.variants[0]``."""
    out = ""
    for part in location:
        if isinstance(part, int):
            out += f"[{part}]"
        elif not _SPECIAL.fullmatch(part):
            shown = part if len(part) <= 40 else part[:37] + "..."
            out += f".{shown}" if out else shown
    return out


def sentence(error: ValidationError) -> str:
    """The first thing that pydantic found wrong, in our words."""
    first = error.errors(include_url=False)[0]
    kind, location, value = first["type"], list(first["loc"]), first["input"]
    context = first.get("ctx", {})
    if kind == "missing":
        key = location.pop()
        return _join(location, f"the key {key!r} is missing")
    return _join(location, _what(kind, first["msg"], value, context))


def _join(location: Sequence[str | int], text: str) -> str:
    path = path_of(location)
    return f"{path}: {text}" if path else text


def _what(kind: str, message: str, value: Any, context: dict[str, Any]) -> str:
    if kind == "value_error":
        return str(context.get("error", message))
    if kind == "literal_error":
        allowed = re.findall(r"'([^']*)'|(\d+)", str(context.get("expected", "")))
        names = [a or b for a, b in allowed]
        return (
            f"unknown value {show(value)}{nearest(str(value), names)} (known: {', '.join(names)})"
        )
    expected = {
        "shape": message.removeprefix("expected "),
        "int_type": "a whole number",
        "int_from_float": "a whole number",
        "int_parsing": "a whole number",
        "float_type": "a number",
        "float_parsing": "a number",
        "string_type": "a text",
        "list_type": "a list",
        "dict_type": "a mapping",
        "greater_than_equal": f"a value of at least {context.get('ge')}",
        "less_than_equal": f"a value of at most {context.get('le')}",
        "string_too_long": f"at most {context.get('max_length')} characters",
        "too_short": "at least one entry",
    }.get(kind)
    if expected is None:
        return f"{message[:1].lower()}{message[1:]}, got {show(value)}"
    return f"expected {expected}, got {show(value)}"


def one_line(text: str) -> str:
    """Printable, without line breaks, and at most `LONGEST` characters."""
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def in_file(error: AlloclabError, name: str) -> AlloclabError:
    """The same error with the name of a file in front, if it does not stand there yet."""
    text = str(error)
    return type(error)(one_line(text if text.startswith(name) else f"{name}: {text}"))


@contextmanager
def within(name: str) -> Iterator[None]:
    """Put the name of a file in front of every error from within."""
    try:
        yield
    except AlloclabError as error:
        raise in_file(error, name) from None


def _without_echo(field: str, said: str) -> str:
    """A message without the name that the field already says: ``streams.s: stream 's': ...``."""
    key = re.escape(field.rsplit(".", 1)[-1])
    return re.sub(rf"^({key}: |[a-z][a-z-]* '{key}': |{key} (?=\w+: ))", "", said)


@contextmanager
def at(field: str) -> Iterator[None]:
    """Put a field in front of every error from within; inner fields follow after a dot."""
    try:
        yield
    except AlloclabError as error:
        inner, said = getattr(error, "_said_at", None) or ("", _without_echo(field, str(error)))
        dot = "." if inner and not inner.startswith("[") else ""
        path = f"{field}{dot}{inner}"
        outer = type(error)(f"{path}: {said}")
        outer._said_at = (path, said)  # type: ignore[attr-defined]
        raise outer from None


def refuse(wrong: bool, message: str) -> None:
    """Raise `InvalidScenario` when something that must not be is."""
    if wrong:
        raise InvalidScenario(message)
