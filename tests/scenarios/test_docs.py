"""Every example of docs/scenario-format.md loads; every key of the format is explained there."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import scenarios
from scenarios.layers import merge
from scenarios.schema_json import json_schema
from scenarios.yamlsafe import parse_yaml

PAGE = Path(__file__).parents[2] / "docs" / "scenario-format.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```yaml ?(\w*)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
AROUND: dict[str, dict[str, Any]] = {
    "scenario": {
        "alloclab": 1,
        "cluster": "edge-cloud",
        "streams": {"s": {"arrivals": {"poisson": "1/s"}, "tasks": {"t": {"duration": "1 ms"}}}},
    },
    "stream": {"tasks": {"t": {"duration": "1 ms"}}},
}


def whole(kind: str, text: str) -> dict[str, Any]:
    """The example as a scenario: as it is, or put where it belongs in a small one."""
    data = parse_yaml(text)
    scenario = AROUND["scenario"]
    if kind == "stream":
        stream = {**AROUND["stream"], **data}
        return {**scenario, "streams": {"s": stream}}
    if kind == "cluster":
        return {**scenario, "cluster": data}
    if kind == "scenario":
        return merge(scenario, data)
    if "nodes" in data:  # a cluster file
        data.pop("alloclab")
        return {**scenario, "cluster": data}
    return data


def test_there_are_examples_of_every_kind() -> None:
    assert len(BLOCKS) > 20
    assert {kind for kind, _ in BLOCKS} == {"", "stream", "cluster", "scenario"}


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_example_loads(number: int, tmp_path: Path) -> None:
    kind, text = BLOCKS[number]
    (tmp_path / "times.csv").write_text("arrived,tokens\n0 ms,5\n20 ms,7\n1.5,9\n")
    path = tmp_path / "example.json"
    path.write_text(json.dumps(whole(kind, text)))
    problem = scenarios.load(path).problem()
    assert problem.n_tasks >= 1


def test_every_key_is_explained() -> None:
    missing = {
        f"{name}: {key}"
        for name, entry in json_schema()["$defs"].items()
        for key in entry.get("properties", {})
        if f"`{key}`" not in TEXT
    }
    nested = {"outages", "slowdowns", "degradations", "rate", "flops", "operators"}
    assert {m for m in missing if m.split(": ")[1] not in nested} == set()


def test_the_page_names_what_is_built_in() -> None:
    for name in scenarios.cluster_names():
        assert f"`{name}`" in TEXT
