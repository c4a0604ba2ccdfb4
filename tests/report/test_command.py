"""The verb `report`: files, options, refusals."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scenarios.report import kind_of, write
from simulator.errors import AlloclabError, UnknownName
from tests.report.conftest import Made


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "scenarios.cli", "report", *arguments]
    return subprocess.run(line, capture_output=True, text=True, check=False, timeout=120)


def test_the_file_and_its_figures(simulation: Made, tmp_path: Path) -> None:
    file = tmp_path / "deep" / "mine.html"
    done = command(str(simulation.folder), "-o", str(file), "--figures", "svg", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    said = json.loads(done.stdout)
    assert said["kind"] == "simulation"
    assert said["bytes"] == file.stat().st_size
    there = {p.name for p in (tmp_path / "deep" / "mine-figures").iterdir()}
    assert {Path(f).name for f in said["figures"]} == there - {"manifest.json"}
    assert "gantt.svg" in {Path(f).name for f in said["figures"]}


@pytest.mark.slow
def test_figures_in_every_format(sweep: Made, tmp_path: Path) -> None:
    made = write(sweep.folder, tmp_path / "report.html")
    names = {path.relative_to(tmp_path).as_posix() for path in made.figures}
    assert {f"figures/heat-map.{kind}" for kind in ("png", "svg", "pdf")} <= names
    heads = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}
    for path in made.figures:
        assert path.read_bytes().startswith(heads[path.suffix[1:]])


def test_a_later_report_removes_figures_that_it_has_no_more(
    sweep: Made, simulation: Made, tmp_path: Path
) -> None:
    file = tmp_path / "report.html"
    write(sweep.folder, file, ["svg"])
    (tmp_path / "figures" / "mine.svg").touch()
    made = write(simulation.folder, file, ["svg"])
    left = {path.name for path in (tmp_path / "figures").iterdir()}
    assert left == {path.name for path in made.figures} | {"manifest.json", "mine.svg"}


def test_the_same_folder_gives_the_same_page(comparison: Made) -> None:
    assert Made.of(comparison.folder).html == comparison.html


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda f: shutil.rmtree(f), "there is no such folder"),
        (lambda f: (f / "summary.json").unlink(), "no results of alloclab; looked for sweep"),
        (lambda f: (f / "summary.json").write_text("{"), r"summary\.json: cannot be read"),
        (lambda f: (f / "rows.csv").write_text("a,b\n1,2\n"), "there is no column 'scheduler'"),
    ],
)
def test_what_cannot_be_reported_is_named(
    comparison: Made, tmp_path: Path, break_it, message
) -> None:  # type: ignore[no-untyped-def]
    folder = tmp_path / "copy"
    shutil.copytree(comparison.folder, folder)
    break_it(folder)
    with pytest.raises(AlloclabError, match=message):
        write(folder)
    assert not (folder / "report.html").exists()


def test_refusals_of_the_command(comparison: Made, tmp_path: Path) -> None:
    done = command(str(tmp_path))
    assert done.returncode == 2
    assert re.fullmatch(r"alloclab: .*: no results of alloclab; looked for [^\n]*\n", done.stderr)
    with pytest.raises(UnknownName, match="unknown figure format 'gif'"):
        write(comparison.folder, tmp_path / "x.html", ["gif"])
    assert not (tmp_path / "x.html").exists()


def test_the_last_command_decides_where_a_folder_holds_two_kinds(
    comparison: Made, simulation: Made, tmp_path: Path
) -> None:
    for made in (comparison, simulation):
        shutil.copytree(made.folder, tmp_path / "both", dirs_exist_ok=True)
    assert kind_of(tmp_path / "both") == "simulation"
    (tmp_path / "both" / "manifest.json").unlink()
    assert kind_of(tmp_path / "both") == "comparison"
