"""A study whose parameter is `information`: cells, keys and rows."""

from __future__ import annotations

from concurrent.futures import Executor
from pathlib import Path

import pytest

from scenarios.generate import generate
from scenarios.information import measure
from scenarios.study import parse, plan, read, sweep
from simulator.errors import AlloclabError
from tests.study.conftest import here  # noqa: F401

TEXT = """
alloclab-study: 1
name: told
scenarios:
  - generate: {family: layered, tasks: 10, nodes: 3}
parameters:
  grid:
    information: [exact, "noisy[sigma=0.5]", blind]
schedulers: [heft, random]
seeds: 2
budget: {evaluations: 50}
"""


def test_rows_are_those_of_the_experiment(here: Executor, tmp_path: Path) -> None:  # noqa: F811
    sweep(parse(TEXT), tmp_path / "s", executor=here)
    frame = read(tmp_path / "s")
    found = measure(generate("layered", tasks=10, nodes=3), ["heft", "random"], (0.5,), ("blind",),
                    seeds=2, evaluations=50)  # fmt: skip
    mine = {(r["information"], r["scheduler"], r["seed"]): r["objective"] for r in found.rows}
    assert len(frame) == len(mine) == 12
    for row in frame.to_dict("records"):
        key = (row["param.information"], row["scheduler"], row["seed"])
        assert row["objective"] == mine[key]
        assert row["gap"] >= -1e-9


def test_exact_information_leaves_the_keys_alone() -> None:
    """The same cell as without the parameter, up to the parameter itself."""
    from scenarios.override import override
    from scenarios.study.content import digest, scenario_content

    plain = generate("layered", tasks=10, nodes=3)
    same, other = (override(plain, information=x) for x in ("exact", "blind"))
    key = digest(scenario_content(plain))
    assert digest(scenario_content(same)) == key
    assert digest(scenario_content(other)) != key


def test_a_misspelt_information_stops_the_study() -> None:
    with pytest.raises(AlloclabError, match="did you mean 'blind'"):
        plan(parse(TEXT.replace("blind", "blynd")))
