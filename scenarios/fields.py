"""Building blocks of the format: strict mappings, quantities with units, and either-or fields."""

# mypy: disable-error-code="valid-type, misc"
from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    WithJsonSchema,
    model_validator,
)

from scenarios.messages import show
from simulator.errors import AlloclabError, nearest
from simulator.units import QUANTITIES, parse

NAME_LENGTH = 120
_NUMBER = r"\s*\+?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*"
UNITS = "quantity:"
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f]|->|--")


class Strict(BaseModel):
    """A mapping that refuses keys it does not know and names the nearest one."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _known(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            raise ValueError(
                f"expected a mapping with keys such as {cls._keys()[0]}, got {show(data)}"
            )
        known = cls._keys()
        for key in data:
            if key not in known:
                hint = nearest(str(key), known)
                listed = ", ".join(known) if len(known) <= 14 else ", ".join(known[:14]) + ", ..."
                raise ValueError(f"unknown key {show(key)}{hint} (known: {listed})")
        return data

    @classmethod
    def _keys(cls) -> list[str]:
        return [field.alias or name for name, field in cls.model_fields.items()]


def checked_by(check: Any) -> BeforeValidator:
    """Validate with a function that raises the project's own errors."""

    def run(value: Any) -> Any:
        try:
            return check(value)
        except AlloclabError as error:  # pydantic would let those that are no ValueError through
            raise ValueError(str(error).removeprefix("\0: ")) from None

    return BeforeValidator(run)


def unit_schema(quantity: str) -> dict[str, Any]:
    """JSON schema of a quantity: a number in the base unit, or a text with one of its units."""
    units, example = QUANTITIES[quantity]
    listed = "|".join(sorted(map(re.escape, (u for u in units if u)), key=lambda u: (-len(u), u)))
    what = quantity.replace("_", " ")
    suffix = f"({listed})?\\s*" if listed else ""
    return {
        "description": f"a {what} such as {example}",
        "anyOf": [
            {"type": "number", "minimum": 0},
            {"type": "string", "pattern": rf"^{_NUMBER}{suffix}$|^\s*\+?inf(inity)?.*$"},
        ],
    }


def _parser(quantity: str) -> Any:
    return lambda value: parse(value, quantity, "\0")


def _quantity(quantity: str) -> Any:
    schema = {"$comment": f"{UNITS}{quantity}"}
    return Annotated[float, checked_by(_parser(quantity)), WithJsonSchema(schema)]


Time = _quantity("time")
Bytes = _quantity("bytes")
Bandwidth = _quantity("bandwidth")
Flops = _quantity("flops")
FlopRate = _quantity("flop_rate")
Rate = _quantity("rate")
Power = _quantity("power")
Price = _quantity("price")
Number = _quantity("number")
Share = Annotated[
    float,
    checked_by(_parser("number")),
    Field(le=1),
    WithJsonSchema({"$comment": f"{UNITS}share"}),
]
"""A number from 0 to 1, or a percentage."""


def _table(quantity: str) -> Any:
    """One quantity, or one for each batch size: ``{1: 3 ms, 8: 12 ms}``."""

    def check(value: object) -> object:
        if not isinstance(value, dict):
            return parse(value, quantity, "\0")
        if not value:
            raise ValueError("a batch table needs at least one entry such as 1: ...")
        out = {}
        for size, entry in value.items():
            if not re.fullmatch(r"[1-9][0-9]{0,8}", str(size)):
                raise ValueError(
                    f"a batch table has batch sizes 1, 2, ... as keys, got {show(size)}"
                )
            try:
                out[int(size)] = parse(entry, quantity, "\0")
            except AlloclabError as error:
                raise ValueError(
                    f"batch {size}: {str(error).removeprefix(chr(0) + ': ')}"
                ) from None
        return dict(sorted(out.items()))

    schema = {"$comment": f"{UNITS}{quantity}"}
    batches = {
        "type": "object",
        "minProperties": 1,
        "patternProperties": {"^[1-9][0-9]{0,8}$": schema},
        "additionalProperties": False,
    }
    return Annotated[
        float | dict[int, float], checked_by(check), WithJsonSchema({"anyOf": [schema, batches]})
    ]


TimeTable = _table("time")
BytesTable = _table("bytes")
FlopsTable = _table("flops")


def _check_name(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)  # a node may be called 1
    if not isinstance(value, str):
        raise ValueError(f"expected a name, got {show(value)}")
    if not value.strip() or len(value) > NAME_LENGTH or _FORBIDDEN.search(value):
        raise ValueError(
            f"a name has 1 to {NAME_LENGTH} characters, no line break and no '->' or '--', "
            f"got {show(value)}"
        )
    return value.strip()


Name = Annotated[
    str,
    BeforeValidator(_check_name),
    WithJsonSchema({"type": ["string", "integer"], "description": "a name"}),
]
"""Name of a node, task, stream or variant."""

Text = Annotated[str, StringConstraints(strict=True, max_length=4000)]


def either(**kinds: Any) -> Any:
    """A field that is one of several shapes, told apart by the type of the value alone.

    Keywords are ``text``, ``number``, ``list`` and ``mapping``; the tag ``<text>`` that pydantic
    puts into the location of an error is taken out again by `scenarios.messages`.
    """
    types = {"text": str, "number": (int, float), "list": list, "mapping": dict}

    def tell(value: Any) -> str | None:
        for kind in kinds:
            if isinstance(value, types[kind]) and not isinstance(value, bool):  # type: ignore[arg-type]
                return f"<{kind}>"
        if isinstance(value, BaseModel):
            return "<mapping>"
        return None

    union: Any = None
    for kind, shape in kinds.items():
        member = Annotated[shape, Tag(f"<{kind}>")]
        union = member if union is None else union | member
    expected = " or ".join(f"a {kind}" for kind in kinds)
    return Annotated[
        union,
        Discriminator(tell, custom_error_type="shape", custom_error_message=f"expected {expected}"),
    ]
