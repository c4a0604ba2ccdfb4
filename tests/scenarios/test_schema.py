"""The JSON schema for editors: up to date, and of one mind with what loads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import scenarios
from scenarios import schema_json
from scenarios.init import TEMPLATE
from scenarios.layers import FOLDERS
from scenarios.yamlsafe import parse_yaml, read_yaml
from tests.scenarios.test_bad_input import CASES, GOOD

SCHEMA = json.loads(schema_json.PATH.read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
ALL = [FOLDERS["scenario"] / f"{n}.yaml" for n in scenarios.names()] + [
    FOLDERS["cluster"] / f"{n}.yaml" for n in scenarios.cluster_names()
]


def complaints(data: Any) -> list[str]:
    return [error.message[:200] for error in VALIDATOR.iter_errors(data)]


def test_the_stored_schema_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert schema_json.main([]) == 0, "run python -m scenarios.schema_json --update"
    assert "agrees" in capsys.readouterr().out
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_an_old_schema_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema_json, "PATH", tmp_path / "schema.json")
    assert schema_json.main([]) == 1
    assert schema_json.main(["--update"]) == 0
    assert schema_json.main([]) == 0


@pytest.mark.parametrize("path", ALL, ids=lambda p: p.stem)
def test_what_is_built_in_satisfies_it(path: Path) -> None:
    assert complaints(read_yaml(path)) == []


def test_the_template_satisfies_it() -> None:
    assert complaints(parse_yaml(TEMPLATE)) == []
    assert complaints(parse_yaml(GOOD)) == []


def test_a_file_that_extends_may_leave_out_the_rest() -> None:
    assert complaints({"alloclab": 1, "extends": "translation"}) == []
    assert complaints({"alloclab": 1, "extends": "edge-cloud", "nodes": {}}) != []
    assert complaints({"alloclab": 1}) != []
    assert complaints({"extends": "translation"}) != []


@pytest.mark.parametrize(
    "name",
    ["unknown key", "unknown key at the top", "unknown unit", "wrong quantity", "negative time",
     "truth for a number", "list for a number", "missing bandwidth", "node of a text",
     "half a slot", "no slot", "efficiency above one", "no requests", "half a distribution",
     "unknown distribution", "half an edge", "negative lag", "unknown late",
     "unknown network", "no version"],
)  # fmt: skip
def test_it_marks_what_is_refused(name: str) -> None:
    old, new, _ = CASES[name]
    assert complaints(parse_yaml(GOOD.replace(old, new, 1)))


def test_every_field_of_the_format_says_what_it_is() -> None:
    silent = [
        f"{name}.{key}"
        for name, entry in SCHEMA["$defs"].items()
        for key, field in entry.get("properties", {}).items()
        if "description" not in field and "$ref" not in field
    ]
    plain = {"name", "description", "network", "dispatch", "discipline", "dynamics", "join", "node",
             "domain", "link", "dtype", "from", "to", "weights", "values", "outages", "slowdowns",
             "degradations", "uniform", "exponential", "lognormal", "gamma", "choice"}  # fmt: skip
    assert {s for s in silent if s.split(".")[1] not in plain} == set()
