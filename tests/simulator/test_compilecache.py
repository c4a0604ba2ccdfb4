"""Compiled code finds a place where source and home are read-only."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from simulator import compilecache


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(compilecache.VARIABLE, "")
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))


def read_only(monkeypatch: pytest.MonkeyPatch, *folders: Path) -> None:
    """Root may write anywhere, so the question itself is answered."""
    monkeypatch.setattr(
        os, "access", lambda path, mode: not any(Path(path).is_relative_to(f) for f in folders)
    )


def test_nothing_is_done_where_one_usual_place_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_only(monkeypatch, tmp_path / "source")
    assert compilecache.provide(tmp_path / "source", tmp_path / "home") is None
    assert not os.environ[compilecache.VARIABLE]


def test_what_the_user_says_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read_only(monkeypatch, tmp_path)
    monkeypatch.setenv(compilecache.VARIABLE, "/mine")
    assert compilecache.provide(tmp_path / "source", tmp_path / "home") is None
    assert os.environ[compilecache.VARIABLE] == "/mine"


def test_a_folder_of_the_users_own_is_made_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("source", "home"):
        (tmp_path / name).mkdir()
    read_only(monkeypatch, tmp_path / "source", tmp_path / "home")
    first = compilecache.provide(tmp_path / "source", tmp_path / "home")
    assert first is not None and os.environ[compilecache.VARIABLE] == first
    assert Path(first).stat().st_mode & 0o777 == 0o700
    monkeypatch.setenv(compilecache.VARIABLE, "")
    assert compilecache.provide(tmp_path / "source", tmp_path / "home") == first
