"""The example of policy gradients runs, starts at HEFT, and says how it compares."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

pytest.importorskip("gymnasium")

EXAMPLE = Path(__file__).parents[2] / "examples" / "policy_gradient.py"


def test_a_tiny_training(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    arguments = "--episodes 16 --tasks 8 --nodes 3 --cases 6 --batch 8"
    monkeypatch.setattr("sys.argv", ["policy_gradient.py", *arguments.split()])
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found["untrained"] == pytest.approx(1.0, rel=1e-6)  # HEFT's choice before any learning
    assert set(found) == {"untrained", "policy", "peft", "lookahead", "random"}
    assert found["random"] > found["policy"] > 0.5
