"""A small study, and sweeps that run in this process."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

import pytest

from scenarios.study import Study, parse

TEXT = """\
alloclab-study: 1
name: small
scenarios:
  - generate: {tasks: 8, nodes: 3}
parameters:
  grid:
    family: [layered, out-tree]
    ccr: [0.5, 5]
schedulers: [heft, random]
seeds: 2
budget: {evaluations: 50}
metrics: [slr]
"""
"""2 families x 2 ratios x 2 schedulers x 2 seeds: 16 cells on 4 instances."""


def small(**changes: str) -> Study:
    """The small study with some lines replaced: ``seeds="3"``; an empty text drops the line."""
    lines = []
    for line in TEXT.splitlines():
        key = line.split(":")[0]
        if key in changes:
            line = f"{key}: {changes.pop(key)}"
        lines.append(line)
    assert not changes, f"no such line: {changes}"
    return parse("\n".join(lines), "small.yaml")


@pytest.fixture
def study() -> Study:
    return small()


@pytest.fixture
def here() -> Iterator[Executor]:
    """An executor of one thread: cells run in this process."""
    with ThreadPoolExecutor(1) as executor:
        yield executor


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(TEXT, encoding="utf-8")
    return path
