"""Every study in the docs can be planned; every key and column is explained."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scenarios import study as studies
from scenarios.rows import METRIC_COLUMNS
from scenarios.study import CLOCK_COLUMNS, parse, plan
from scenarios.study.resolve import OVERRIDES, TOP_LEVEL
from scenarios.study.schema import BudgetSpec, Generated, ParametersSpec, RangeSpec, StudyFile

DOCS = Path(__file__).parents[2] / "docs"
FORMAT = (DOCS / "study-format.md").read_text(encoding="utf-8")
GUIDE = (DOCS / "guides" / "sweep.md").read_text(encoding="utf-8")
BLOCKS = [
    block
    for text in (FORMAT, GUIDE)
    for block in re.findall(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
]
CELLS = {"everything": 2 * 2 * 2 * 4 * 2 * 3, "generated": 4, "sampled": 100, "my-study": 108}
"""Of the examples, counted by hand."""


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_example_can_be_planned(number: int) -> None:
    study = parse(BLOCKS[number])
    planned = plan(study)
    asked = len(study.scenarios) * len(study.points) * len(study.schedulers) * len(study.seeds)
    assert asked == CELLS[study.name]
    assert len(planned.cells) == asked


def test_there_is_an_example_of_each() -> None:
    assert {parse(block).name for block in BLOCKS} == set(CELLS)


def test_every_key_is_explained() -> None:
    for model in (StudyFile, ParametersSpec, BudgetSpec, RangeSpec, Generated):
        for name, field in model.model_fields.items():
            assert f"`{field.alias or name}" in FORMAT
    for name in (*OVERRIDES, *TOP_LEVEL, "instance_seed", "cluster"):
        assert f"`{name}`" in FORMAT


def test_every_column_is_explained() -> None:
    named = set(re.findall(r"`(\w+)`", GUIDE))
    assert set(CLOCK_COLUMNS) <= named
    assert {
        "cell",
        "scenario",
        "family",
        "instance",
        "scheduler",
        "seed",
        "status",
        "error",
    } <= named
    assert {"reproducible", "search_status", "scheduler_version", "semantics"} <= named
    assert METRIC_COLUMNS[-1] in named


def test_the_guide_names_a_study_that_comes_along() -> None:
    used = re.findall(r"alloclab sweep (\w+) -o", GUIDE) + re.findall(r'load\("(\w+)"\)', GUIDE)
    assert used
    assert set(used) <= set(studies.names())
