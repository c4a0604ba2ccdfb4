"""Both engines give the answers that other programs gave, and the comparison can fail."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simulator.runlog import RunLog
from tests import conformance, simgrid
from tests.engines import Engine

DATA = Path(__file__).parent.parent / "data"
CONFORMANCE = sorted((DATA / "conformance").glob("*.json"))
SIMGRID = sorted((DATA / "simgrid").glob("*.json"))


def test_all_cases_are_there() -> None:
    assert (len(CONFORMANCE), len(SIMGRID)) == (304, 20)


@pytest.mark.parametrize("path", CONFORMANCE, ids=lambda path: path.stem)
def test_conformance(engine: Engine, path: Path) -> None:
    """Every field of every case, bit for bit."""
    assert conformance.run_file(path, engine) is None


@pytest.mark.parametrize("path", SIMGRID, ids=lambda path: path.stem)
def test_simgrid(engine: Engine, path: Path) -> None:
    """Every start, finish and delivery, strict and greedy, ideal and fair."""
    assert simgrid.Comparison().run_file(path, engine) is None


def _log(path: Path, engine: Engine) -> RunLog:
    case = json.loads(path.read_text())["case"]
    return engine(*conformance.load(case))


def _flip_lowest_bit(values: np.ndarray[Any, Any], index: tuple[int, ...]) -> np.ndarray[Any, Any]:
    copy = np.array(values)
    copy.view(f"i{copy.itemsize}")[index] ^= 1
    return copy


def test_comparer_sees_one_bit_anywhere(engine: Engine) -> None:
    """Flip the lowest bit of the first usable entry of every field: each is found by name."""
    path = DATA / "conformance" / "all-00.json"
    log = _log(path, engine)
    assert log.first_difference(_log(path, engine)) is None
    flipped = 0
    for field in dataclasses.fields(log):
        value = getattr(log, field.name)
        parts = list(value) if isinstance(value, tuple) else [value]
        for i, part in enumerate(parts):
            usable = np.argwhere(np.isfinite(part))
            if len(usable) == 0:
                continue
            changed = _flip_lowest_bit(part, tuple(usable[0]))
            edited = (*parts[:i], changed, *parts[i + 1 :]) if len(parts) > 1 else changed
            difference = log.first_difference(dataclasses.replace(log, **{field.name: edited}))
            assert difference is not None
            assert difference.startswith(field.name)
            flipped += 1
    assert flipped >= 15


def test_comparer_sees_a_missing_time(engine: Engine) -> None:
    log = _log(CONFORMANCE[0], engine)
    finish = np.array(log.finish)
    finish[np.isfinite(finish)] = np.nan
    difference = log.first_difference(dataclasses.replace(log, finish=finish))
    assert difference is not None
    assert difference.startswith("finish")


def _edited(path: Path, folder: Path, edit: Any) -> Path:
    """Copy a case into `folder`, changed by `edit`."""
    raw = json.loads(path.read_text())
    edit(raw)
    folder.mkdir(exist_ok=True)
    (folder / path.name).write_text(json.dumps(raw))
    return folder


def test_conformance_command(
    engine: Engine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """0 when all agree; 1 and the first difference after a change of one bit in one time."""
    same = _edited(CONFORMANCE[0], tmp_path / "same", lambda raw: None)
    assert conformance.cli([str(same), "--engine", engine.name]) == 0
    assert f"{engine.name}: 1 of 1 cases agree" in capsys.readouterr().out

    def nudge(raw: Any) -> None:
        raw["result"]["makespan"] = float(np.nextafter(raw["result"]["makespan"], 0.0))

    other = _edited(CONFORMANCE[0], tmp_path / "other", nudge)
    assert conformance.cli([str(other), "--engine", engine.name]) == 1
    assert f"{CONFORMANCE[0].name} [{engine.name}] makespan: expected" in capsys.readouterr().out


def test_simgrid_command(
    engine: Engine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """0 when all agree; 1 when a start differs by more than 1e-9 of the makespan."""

    def later(raw: Any) -> None:
        result = raw["results"]["maxmin_greedy"]
        result["start"][2] += 2e-9 * result["makespan"]

    same = _edited(SIMGRID[0], tmp_path / "same", lambda raw: None)
    assert simgrid.cli([str(same), "--engine", engine.name]) == 0
    assert "largest deviation" in capsys.readouterr().out
    other = _edited(SIMGRID[0], tmp_path / "other", later)
    assert simgrid.cli([str(other), "--engine", engine.name]) == 1
    assert "maxmin_greedy start[2]" in capsys.readouterr().out


def _drop(name: str) -> Any:
    return lambda raw: raw["case"].pop(name)


def _set(name: str, value: Any) -> Any:
    return lambda raw: raw["case"].__setitem__(name, value)


@pytest.mark.parametrize(
    "edit",
    [
        _drop("edges"),
        _set("network", "token ring"),
        _set("nodes", 3),
        _set("nodes", []),
        _set("edges", [{"src": 0, "dst": 999, "bytes": 1, "lag": 0, "conditional": False}]),
        _set("allocation", {"node": [0], "priority": [0]}),
        _set("task_factor", [[1.0]]),
        _set("outages", [[0, 1.0]]),
        lambda raw: raw.pop("result"),
        lambda raw: raw["result"].pop("used"),
    ],
)
def test_a_broken_case_is_one_sentence(
    edit: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = _edited(CONFORMANCE[0], tmp_path / "broken", edit)
    assert conformance.cli([str(folder), "--engine", "reference"]) == 2
    complaint = capsys.readouterr().err
    assert complaint.startswith("error: ")
    assert CONFORMANCE[0].name in complaint
    assert complaint.count("\n") == 1


@pytest.mark.parametrize("command", [conformance.cli, simgrid.cli])
@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe", b"[1, 2]", b'{"case": {"nodes"', b"[" * 9999]
)
def test_an_unreadable_file_is_one_sentence(
    command: Any, content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.json").write_bytes(content)
    assert command([str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("command", [conformance.cli, simgrid.cli])
def test_an_unusable_folder_is_one_sentence(
    command: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        assert command([str(folder)]) == 2
        assert capsys.readouterr().err.startswith("error: ")
