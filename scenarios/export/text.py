"""Plain data as YAML that reads well: one line for each node, link, task and edge."""

from __future__ import annotations

import re
from typing import Any

import yaml

from scenarios.yamlsafe import LARGEST, VALUES
from simulator.errors import Unsupported

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./@+-]*( [A-Za-z0-9_./@+<>-]+)*")
_WORDS = frozenset(
    ("null", "true", "false", "yes", "no", "on", "off", "y", "n", "none", "inf", "nan")
)
"""What some reader or other does not take as a text."""


class Line(dict):
    """A mapping that stands on one line."""


class Row(list):
    """A list that stands on one line."""


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    plain = _PLAIN.fullmatch(value) and value.lower() not in _WORDS
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=None if plain else '"')


def _line(dumper: yaml.SafeDumper, value: Line) -> yaml.Node:
    return dumper.represent_mapping("tag:yaml.org,2002:map", value.items(), flow_style=True)


def _row(dumper: yaml.SafeDumper, value: Row) -> yaml.Node:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=True)


def _number(dumper: yaml.SafeDumper, value: float) -> yaml.Node:
    """Whole numbers without a point, others with all digits that they need."""
    if value.is_integer() and abs(value) < 1e15:
        return dumper.represent_int(int(value))
    return dumper.represent_float(value)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(float, _number)
_Dumper.add_representer(Line, _line)
_Dumper.add_representer(Row, _row)


def dump(sections: list[dict[str, Any]]) -> str:
    """The sections of a file, an empty line between them; no value is ever an alias.

    Raises
    ------
    Unsupported
        The file would be larger than what `scenarios.yamlsafe` reads.
    """
    text = "\n".join(
        yaml.dump(
            section,
            Dumper=_Dumper,
            sort_keys=False,
            allow_unicode=True,
            width=10**9,
            default_flow_style=False,
        )
        for section in sections
        if section
    )
    values = 1 + sum(_values(section) - 1 for section in sections)
    if len(text) > LARGEST or values > VALUES:
        raise Unsupported(
            f"this scenario takes {len(text) / 2**20:.1f} MiB of YAML with {values:,} values, but "
            f"files of at most {LARGEST // 2**20} MiB and {VALUES:,} values are read; a .json file "
            f"can be larger"
        )
    return text


def _values(data: Any) -> int:
    """Keys, values and collections, as the reader counts them."""
    if isinstance(data, dict):
        return 1 + sum(1 + _values(value) for value in data.values())
    return 1 + sum(map(_values, data)) if isinstance(data, list) else 1
