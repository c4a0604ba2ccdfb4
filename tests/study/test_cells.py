"""Keys of cells: what changes them, what does not, and that they are the same everywhere."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios import load, study
from scenarios.study import Study, cells, parse, plan
from scenarios.study.content import canonical, digest, scenario_content
from simulator.taskgraph import Join
from tests.study.conftest import TEXT, small

ROOT = Path(__file__).parents[2]


def keys(study: Study) -> set[str]:
    return {cell.key for cell in plan(study).cells}


def test_canonical_forms_by_hand() -> None:
    assert canonical({"b": 1.0, "a": (True, None, "x", 0.5)}) == [
        "mapping", ["b", 1], ["a", [True, None, "x", 0.5]],
    ]  # fmt: skip
    assert canonical(np.array([1.0, 2.5])) == [1, 2.5]
    assert canonical(Join()) == ["Join"]
    assert canonical(Join(need=2)) == ["Join", ["need", 2]]
    with pytest.raises(TypeError, match="has no canonical form"):
        canonical(len)


def test_a_digest_is_the_sha_256_of_its_json() -> None:
    text = '["mapping",["a",[1,"\\u00b5"]]]'
    assert digest({"a": [1.0, "µ"]}) == hashlib.sha256(text.encode()).hexdigest()


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)  # fmt: skip


@given(PLAIN, PLAIN)
def test_equal_digests_mean_equal_forms(a: object, b: object) -> None:
    assert (digest(a) == digest(b)) == (json.dumps(canonical(a)) == json.dumps(canonical(b)))


def test_all_cells_in_order_and_distinct(study: Study) -> None:
    planned = plan(study)
    assert len(planned.instances) == 4
    assert len(planned.cells) == len({c.key for c in planned.cells}) == 16
    assert [(c.instance, c.seed, c.scheduler) for c in planned.cells[:5]] == [
        (0, 0, "heft"), (0, 0, "random"), (0, 1, "heft"), (0, 1, "random"), (1, 0, "heft"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "common"),
    [
        ({"seeds": "3"}, 16),
        ({"seeds": "[1]"}, 8),
        ({"schedulers": "[random, heft, cpop]"}, 16),
        ({"schedulers": '["heft[insertion=false]", random]'}, 8),
        ({"metrics": "[makespan]"}, 16),
        ({"name": "other"}, 16),
        ({"budget": "{evaluations: 51}"}, 0),
        ({"budget": "{seconds: 50}"}, 0),
    ],
)
def test_what_a_change_of_the_file_leaves(changes: dict[str, str], common: int) -> None:
    assert len(keys(small()) & keys(small(**changes))) == common


@pytest.mark.parametrize(
    ("old", "new", "common"),
    [
        ("ccr: [0.5, 5]", "ccr: [5.0, 1]", 8),
        ("nodes: 3", "nodes: 4", 0),
        ("metrics: [slr]", "engine: reference", 0),
        ("name: small", "name: small\ndescription: Words.", 16),
    ],
)
def test_what_a_change_of_the_instances_leaves(old: str, new: str, common: int) -> None:
    assert len(keys(small()) & keys(parse(TEXT.replace(old, new)))) == common


def test_versions_of_schedulers_and_rules_are_in_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = keys(small())
    monkeypatch.setattr("schedulers.heft.Heft.version", 99)
    assert len(before & keys(small())) == 8
    monkeypatch.setattr(cells, "SEMANTICS", 99)
    assert not before & keys(small())


def test_content_ignores_remarks_and_file_names_and_nothing_else(tmp_path: Path) -> None:
    scenario = load("translation")
    whole = digest(scenario_content(scenario))
    copy = tmp_path / "copy.yaml"
    source = ROOT / "scenarios" / "catalog" / "translation.yaml"
    copy.write_text(source.read_text() + "\nfacts: {origin: a copy}\n")
    assert digest(scenario_content(load(copy))) == whole
    assert digest(scenario_content(replace(scenario, network="ideal"))) != whole
    stream = replace(scenario.streams[0], deadline_s=1.0)
    assert digest(scenario_content(replace(scenario, streams=(stream,)))) != whole


def test_the_same_instance_twice_is_one() -> None:
    text = TEXT.replace("  - generate", "  - generate: {tasks: 8, nodes: 3}\n  - generate")
    assert len(keys(parse(text))) == 16


def test_keys_are_the_same_in_another_process(file: Path) -> None:
    script = (
        "import sys; from scenarios import study; "
        "print(study.plan(study.load(sys.argv[1])).cells[-1].key)"
    )
    run = subprocess.run(
        [sys.executable, "-c", script, str(file)], cwd=ROOT, capture_output=True, text=True,
        env={**os.environ, "PYTHONHASHSEED": "7"}, check=True,
    )  # fmt: skip
    assert run.stdout.strip() == plan(study.load(file)).cells[-1].key


def test_the_key_of_an_instance_is_the_digest_of_what_it_is_made_of(study: Study) -> None:
    planned = plan(study)
    instance, content = planned.instances[1], scenario_content(planned.scenario(1))
    whole = {"label": instance.label, "parameters": {"family": "layered", "ccr": 5}}
    assert instance.key == digest({**whole, "content": content})
