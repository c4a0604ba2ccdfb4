"""How far an adversary may go: sizes, weights, speeds and graphs of the instances it searches."""

# mypy: disable-error-code="valid-type, misc"
from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator, model_validator

from scenarios.fields import Strict
from scenarios.messages import sentence, show, within
from simulator.errors import InvalidScenario

MOST_TASKS, MOST_NODES = 200, 50
LARGEST = 1e9
"""Largest weight, speed, size or bandwidth, and its inverse the smallest."""


def _pair(value: object) -> tuple[float, float]:
    """(low, high) from a number, a text ``low:high`` or a list of two."""
    if isinstance(value, str):
        try:
            value = [float(text) for text in value.split(":")]
        except ValueError:
            raise ValueError(f"expected a number or low:high, got {show(value)}") from None
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = [value]
    if not isinstance(value, list | tuple) or len(value) not in (1, 2):
        raise ValueError(f"expected a number or two, low and high, got {show(value)}")
    for number in value:
        if isinstance(number, bool) or not isinstance(number, int | float) or number != number:
            raise ValueError(f"expected a number or two, low and high, got {show(value)}")
    low, high = float(value[0]), float(value[-1])
    if low > high:
        raise ValueError(f"low must not be above high, got {low:g} and {high:g}")
    return (low, high)


def _count(most: int, least: int) -> Any:
    def check(value: object) -> object:
        low, high = _pair(value)
        if low != int(low) or high != int(high) or not least <= low <= high <= most:
            raise ValueError(
                f"expected whole numbers from {least} to {most}, got {low:g} to {high:g}"
            )
        return (int(low), int(high))

    return Annotated[tuple[int, int], BeforeValidator(check)]


def _positive(value: object) -> object:
    low, high = _pair(value)
    if not 1 / LARGEST <= low <= high <= LARGEST:
        raise ValueError(
            f"expected numbers from {1 / LARGEST:g} to {LARGEST:g}, got {low:g} to {high:g}"
        )
    return (low, high)


def _ratio(value: object) -> object:
    low, high = _pair(value)
    if low < 0:
        raise ValueError(f"expected numbers of at least 0, got {low:g}")
    return (low, high)


Range = Annotated[tuple[float, float], BeforeValidator(_positive)]


class Limits(Strict):
    """What an instance may look like; every pair is the least and the greatest value.

    Attributes
    ----------
    tasks, nodes : (int, int)
    weights : (float, float), seconds of a task at speed 1
    speeds : (float, float), of nodes
    bytes : (float, float), of an edge
    bandwidths : (float, float), bytes/s between two nodes, the same in both directions
    unrelated : float, >= 1
        A duration is weight / speed x factor, with a factor of its own for every task and node
        between 1/unrelated and unrelated. 1: machines are related, as in the PISA paper.
    ccr : (float, float)
        Communication-to-computation ratio as `scenarios.generate.ccr_of` measures it.
    families : tuple of str
        Families of `scenarios.generate` whose graphs are taken as they are; none: any graph, and
        edges come and go.
    """

    tasks: _count(MOST_TASKS, 1) = (3, 8)
    nodes: _count(MOST_NODES, 1) = (2, 4)
    weights: Range = (1.0, 10.0)
    speeds: Range = (1.0, 5.0)
    bytes: Range = (1.0, 10.0)
    bandwidths: Range = (1.0, 10.0)
    unrelated: Annotated[float, Field(ge=1, le=LARGEST, allow_inf_nan=False)] = 1.0
    ccr: Annotated[tuple[float, float], BeforeValidator(_ratio)] = (0.0, 5.0)
    families: tuple[str, ...] = ()

    @field_validator("families", mode="before")
    @classmethod
    def _known_families(cls, value: Any) -> Any:
        from scenarios.generate.families import family_of
        from simulator.errors import AlloclabError

        if isinstance(value, str):
            value = [part.strip() for part in value.split(",") if part.strip()]
        if not isinstance(value, list | tuple):
            raise ValueError(f"expected names of graph families, got {show(value)}")
        try:
            return tuple(family_of(name).name for name in value)
        except AlloclabError as error:
            raise ValueError(str(error)) from None

    @model_validator(mode="after")
    def _some_ratio(self) -> Limits:
        if self.ccr[0] > 0 and self.nodes[1] < 2:
            raise ValueError("ccr: one node sends no messages, so nodes must reach 2")
        return self

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as a file of limits holds it."""
        data = {k: list(v) if isinstance(v, tuple) else v for k, v in self.model_dump().items()}
        if self.ccr[1] == math.inf:  # which JSON cannot hold
            data["ccr"] = f"{self.ccr[0]!r}:inf"
        return data


def limits_of(data: dict[str, Any], where: str = "limits") -> Limits:
    """Limits from plain data.

    Raises
    ------
    InvalidScenario
        One sentence that names the field, the value and what is allowed.
    """
    from pydantic import ValidationError

    with within(where):
        try:
            return Limits.model_validate(data)
        except ValidationError as error:
            raise InvalidScenario(sentence(error)) from None


def load_limits(path: str | Path) -> dict[str, Any]:
    """Plain data of a YAML or JSON file of limits; checked by `limits_of`.

    Raises
    ------
    InvalidScenario
    """
    from scenarios.reading import read_json
    from scenarios.yamlsafe import read_yaml

    path = Path(path)
    data = read_json(path) if path.suffix.lower() == ".json" else read_yaml(path)
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise InvalidScenario(f"{path}: expected a mapping with keys such as tasks, got a list")
    return data
