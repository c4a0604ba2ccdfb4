"""Places where results cannot go are refused before anything is measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from scenarios import load
from scenarios.calibrating import Settings as Calibrating
from scenarios.calibrating import calibrate
from scenarios.study.lock import locked
from scenarios.validation import Settings as Validating
from scenarios.validation import validate
from simulator.errors import AlloclabError


@pytest.fixture(autouse=True)
def no_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(*_: object, **__: object) -> None:
        raise AssertionError("a worker was started")

    monkeypatch.setattr("realrun.pool.Workers.start", start)


def test_a_calibration_replaces_no_folder_and_no_device(tmp_path: Path) -> None:
    for place, words in ((tmp_path, "it is a folder"), (Path("/dev/null"), "it is not a file")):
        settings = Calibrating(workers="cpu:1")
        with pytest.raises(AlloclabError, match=words):
            calibrate([load("translation")], settings, place, lambda *_: None)
    assert Path("/dev/null").is_char_device()


def test_a_second_validation_of_a_folder_is_refused(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(AlloclabError, match=r"another run .* is writing there"):
        validate([load("translation")], Validating(workers="cpu:1,cpu:1"), tmp_path)
