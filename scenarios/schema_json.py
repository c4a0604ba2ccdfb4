"""The JSON schema of scenario and cluster files, for editors that complete and check while typing.

``scenarios/schema.json`` is made from the format's classes, never by hand::

    python -m scenarios.schema_json            # compare the file with the format
    python -m scenarios.schema_json --update   # write it

In an editor with a YAML language server, the first line of a file then says
``# yaml-language-server: $schema=PATH/schema.json``.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

PATH = Path(__file__).parent / "schema.json"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """Schema of both kinds of files: with ``nodes`` it is a cluster, else a scenario."""
    from pydantic.json_schema import models_json_schema

    from scenarios.cluster_schema import ClusterFile
    from scenarios.schema import ScenarioFile

    models = [(ScenarioFile, "validation"), (ClusterFile, "validation")]
    _, made = models_json_schema(models, ref_template="#/$defs/{model}")  # type: ignore[arg-type]
    definitions = {name: _clean(entry) for name, entry in made["$defs"].items()}
    _layers_may_be_incomplete(definitions)
    return {
        "$schema": DIALECT,
        "title": "alloclab scenario or cluster",
        "type": "object",
        "if": {"required": ["nodes"]},
        "then": {"$ref": "#/$defs/ClusterFile"},
        "else": {"$ref": "#/$defs/ScenarioFile"},
        "$defs": dict(sorted((definitions | _units()).items())),
    }


def _units() -> dict[str, Any]:
    from scenarios.fields import unit_schema
    from simulator.units import QUANTITIES

    units = {quantity: unit_schema(quantity) for quantity in QUANTITIES}
    number, text = units["number"]["anyOf"]
    share = {"description": "a share such as 30 %", "anyOf": [{**number, "maximum": 1}, text]}
    return {**units, "share": share}


def _clean(entry: Any) -> Any:
    """Drop generated titles and null branches, point at quantities, let shapes overlap."""
    from scenarios.fields import UNITS

    if isinstance(entry, list):
        return [_clean(item) for item in entry]
    if not isinstance(entry, dict):
        return entry
    out: dict[str, Any] = {}
    for key, value in entry.items():
        if key in ("title", "default") and not isinstance(value, dict):
            continue  # YAML shows no defaults of units that are parsed already
        if key == "$comment" and str(value).startswith(UNITS):
            out["$ref"] = f"#/$defs/{str(value).removeprefix(UNITS)}"
        elif key in ("properties", "patternProperties", "$defs"):
            out[key] = {name: _clean(item) for name, item in value.items()}
        elif key == "additionalProperties" and isinstance(value, dict):
            out[key] = _flat({"anyOf": [_clean(value), {"type": "null"}]})  # null removes it
        else:
            out[key] = _clean(value)
    return _flat(out)


def _flat(out: dict[str, Any]) -> dict[str, Any]:
    """One list of alternatives instead of nested ones, each standing once."""
    options = out.pop("oneOf", None) or out.pop("anyOf", None)
    if options is None:
        return out
    unique: list[Any] = []
    for option in options:
        for item in option["anyOf"] if set(option) == {"anyOf"} else [option]:
            if item not in unique:
                unique.append(item)
    if len(unique) == 1 and not set(unique[0]) & set(out):
        return {**unique[0], **out}
    return {**out, "anyOf": unique}


def _layers_may_be_incomplete(definitions: dict[str, Any]) -> None:
    """A file that extends another need not repeat what stands there."""
    for name in ("ScenarioFile", "ClusterFile", "ClusterSpec"):
        entry = definitions[name]
        required = [key for key in entry.pop("required", []) if key != "alloclab"]
        head = ["alloclab"] if "alloclab" in entry["properties"] else []
        entry["required"] = head
        entry["anyOf"] = [{"required": required}, {"required": ["extends"]}]


def render() -> str:
    """Text of the file."""
    return json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n"


def main(argv: list[str] | None = None) -> int:
    """Compare the stored schema with the format, or write it."""
    parser = argparse.ArgumentParser(
        prog="python -m scenarios.schema_json", description=main.__doc__
    )
    parser.add_argument("--update", action="store_true", help="write schema.json")
    update = parser.parse_args(argv).update
    text = render()
    if update:
        PATH.write_text(text, encoding="utf-8")
        print(f"wrote {PATH}")
        return 0
    if PATH.exists() and PATH.read_text(encoding="utf-8") == text:
        print(f"{PATH} agrees with the format")
        return 0
    print(f"{PATH} is out of date; run python -m scenarios.schema_json --update", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
