"""Every example runs as its page says, in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
SLOW = {"validate.py", "failures.py", "own_torch_module.py", "policy_gradient.py"}
"""Longer than some seconds: workers, or training."""


def run(name: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name)], cwd=folder, capture_output=True, text=True,
        check=False, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=500,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def names(slow: bool) -> list[str]:
    return sorted(p.name for p in EXAMPLES.glob("*.py") if (p.name in SLOW) == slow)


@pytest.mark.parametrize("name", names(slow=False))
def test_an_example_runs(name: str, tmp_path: Path) -> None:
    assert run(name, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", names(slow=True))
def test_a_long_example_runs(name: str, tmp_path: Path) -> None:
    assert run(name, tmp_path)


@pytest.mark.slow
def test_a_killed_worker_loses_nothing(tmp_path: Path) -> None:
    assert "40 of 40 requests answered, 0 twice" in run("failures.py", tmp_path)


def test_every_example_is_listed() -> None:
    page = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    for path in EXAMPLES.glob("*.py"):
        assert f"`{path.name}`" in page
