"""The study in docs/study: its file is valid and large enough, its tables say what the rows say."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from scenarios import study
from tests.statistics.published import rows

FOLDER = Path(__file__).parents[2] / "docs" / "study"


def test_the_file_describes_a_reproducible_study_of_enough_cells() -> None:
    ours = study.load(FOLDER / "study.yaml")
    cells = len(ours.scenarios) * len(ours.points) * len(ours.schedulers) * len(ours.seeds)
    assert cells >= 1000
    assert ours.evaluations and ours.seconds is None
    assert set(ours.parameters) == {"family", "ccr", "heterogeneity", "network", "instance_seed"}


@pytest.fixture(scope="module")
def tables():
    spec = importlib.util.spec_from_file_location("study_tables", FOLDER / "tables.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_tables_by_hand(tables, capsys, monkeypatch) -> None:
    names = ["heft", "peft", "single_node", "portfolio"]
    frame = rows([[2.0, 1.0, 4.0, 1.0], [1.0, 2.0, 8.0, 1.0]])
    frame["scheduler"] = frame["scheduler"].map(dict(zip("abcd", names, strict=True)))
    first = frame["instance"] == "i0"
    frame = frame.assign(**{
        "cpu_seconds": 0.002, "param.ccr": np.where(first, 0.1, 10.0),
        "param.heterogeneity": "identical", "param.network": "ideal",
        "family": np.where(first, "fft", "gauss"),
    })  # fmt: skip
    monkeypatch.setattr(tables.study, "read", lambda _: frame)
    tables.main(Path("x"))
    out = capsys.readouterr().out
    assert "| `portfolio` | 0.707 |" in out  # 1 / sqrt(2): heft is 2 and 1 times the best
    assert "| ideal | 0.1 | identical | peft 1.000, heft 2.000 | 2.000 | 4.000 | 1.000 |" in out
    assert "| ideal | gauss | heft 1.000, peft 2.000 | 1.000 | 8.000 | 1.000 |" in out
    assert "| portfolio | 100 % | 100 % |" in out
