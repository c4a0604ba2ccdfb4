"""What a scenario is made of, as text that is the same wherever it was built: for its hash."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from realrun.partition.reference import without_origin
from scenarios.scenario import Scenario

LEFT_OUT = ("description", "source", "facts", "adapt", "fixed_cluster")
"""Fields of a scenario that do not change what is simulated."""

_EXACT = 2.0**53


def scenario_content(scenario: Scenario) -> Any:
    """Plain data of all that is simulated; names included, remarks and file names not."""
    return _fields(scenario, LEFT_OUT)


def digest(value: Any) -> str:
    """SHA-256 of plain data, in hexadecimal digits.

    Examples
    --------
    >>> digest({"a": 1}) == digest({"a": 1.0}) != digest({"a": "1"})
    True
    """
    return digest_of_plain(canonical(value))


def digest_of_plain(plain: Any) -> str:
    """The same of what is in canonical form already."""
    text = json.dumps(plain, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def canonical(value: Any) -> Any:
    """Lists, texts, numbers, booleans and None that stand for a value.

    A dataclass is its name and those fields that differ from their defaults, so that a field that
    is added later leaves the hash of what does not use it alone. A mapping is a list of pairs in
    its order, which may matter. Numbers without fraction are integers: 1 and 1.0 are the same.

    Raises
    ------
    TypeError
        Anything else, such as a function.
    """
    if isinstance(value, str):
        return without_origin(value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < _EXACT else value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [type(value).__name__, *_fields(value)]
    if isinstance(value, Mapping):
        return ["mapping", *([canonical(k), canonical(v)] for k, v in value.items())]
    if isinstance(value, tuple | list):
        return [canonical(v) for v in value]
    if hasattr(value, "tolist"):
        return canonical(value.tolist())
    raise TypeError(f"{type(value).__name__} has no canonical form")


def _fields(value: Any, leave_out: tuple[str, ...] = ()) -> list[Any]:
    out = []
    for field in dataclasses.fields(value):
        if not field.init or field.name in leave_out:
            continue
        held = getattr(value, field.name)
        if field.default is not dataclasses.MISSING and _same(held, field.default):
            continue
        if field.default_factory is not dataclasses.MISSING and _same(
            held, field.default_factory()
        ):
            continue
        out.append([field.name, canonical(held)])
    return out


def _same(a: Any, b: Any) -> bool:
    return type(a) is type(b) and a == b
