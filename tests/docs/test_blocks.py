"""Every code block of README and tutorial does what the page says, in the order of the page."""

from __future__ import annotations

import re
import shlex
import sys
import types
from pathlib import Path

import pytest

from scenarios.cli import main
from tests.docs.blocks import Block, blocks, commands

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "docs/tutorial.md")
REAL = {"calibrate", "run", "validate", "discover"}
"""Verbs that measure the machine: seconds to minutes, so in the slow tier."""


def _steps(real: bool) -> list[tuple[str, int]]:
    """(page, number of the block) of those that do, or do not, measure the machine."""
    return [
        (page, i)
        for page in PAGES
        for i, block in enumerate(blocks(ROOT / page))
        if _is_real(block) == real
    ]


def _is_real(block: Block) -> bool:
    if block.language != "sh":
        return False
    return any(len(c) > 1 and c[1] in REAL for c in commands(block))


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for a whole page: later blocks use what earlier ones wrote."""
    return tmp_path_factory.mktemp("desk")


@pytest.mark.parametrize("page", PAGES)
def test_every_block_has_a_language_or_is_output(page: str) -> None:
    known = {"sh", "python", "yaml", "text", ""}
    assert {b.language for b in blocks(ROOT / page)} <= known
    assert sum(b.language in ("sh", "python", "yaml") for b in blocks(ROOT / page)) > 3


@pytest.mark.parametrize("page", PAGES)
def test_the_page_works(page: str, desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(desk)
    for block in blocks(ROOT / page):
        if not _is_real(block):
            _do(block, page, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize(("page", "number"), _steps(real=True))
def test_what_measures_the_machine_works(
    page: str, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _do(blocks(ROOT / page)[number], page, monkeypatch)


def _do(block: Block, page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    where = f"{page}, line {block.line}"
    if block.language == "python":
        module = types.ModuleType("example")  # dataclasses look their module up
        monkeypatch.setitem(sys.modules, "example", module)
        exec(compile(block.text, where, "exec"), module.__dict__)
    elif block.language == "yaml":
        _keep(block, where)
    elif block.language == "sh":
        for command in commands(block):
            _run(command, where, monkeypatch)


def _keep(block: Block, where: str) -> None:
    """A YAML block names its file in a comment, or is a file of the catalogue, whole."""
    if found := re.match(r"# (\S+\.yaml)\n", block.text):
        Path(found.group(1)).write_text(block.text, encoding="utf-8")
        return
    catalogue = (ROOT / "scenarios/catalog").glob("*.yaml")
    texts = [path.read_text(encoding="utf-8") for path in catalogue]
    assert any(block.text.strip() in text for text in texts), where


def _run(command: list[str], where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = Path(command[0]).name
    if program == "make":
        targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert all(t in targets for t in command[1:] if "=" not in t), where
        if command[1:] == ["demo"]:  # what it runs once everything is installed
            _run(shlex.split("alloclab compare translation -o out/demo"), where, monkeypatch)
        return
    if program == "git":
        return
    assert program == "alloclab", f"{where}: {command}"
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code in (0, None), f"{where}: {' '.join(command)}"
