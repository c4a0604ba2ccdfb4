"""Files of rows: whole or not at all, every cell once, and a lock that dies with its holder."""

from __future__ import annotations

import json
import multiprocessing
import os
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios.study import store as module
from scenarios.study.lock import holder, locked
from scenarios.study.store import Store
from simulator.errors import AlloclabError


def row(cell: str, good: bool = True, objective: float = 1.0) -> dict[str, object]:
    return {
        "cell": cell, "status": "ok" if good else "failed", "parameters": "{}", "seed": 0,
        "objective": objective, "error": None if good else "why",
    }  # fmt: skip


def opened(folder: Path) -> Store:
    store = Store(folder)
    store.open()
    return store


def test_rows_come_back(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.append([row("a", objective=float("inf")), row("b", good=False)])
    store.append([])
    store.append([row("c")])
    assert [p.name for p in store.files()] == ["00000001.parquet", "00000002.parquet"]
    assert Store(tmp_path).states() == {"a": True, "b": False, "c": True}
    frame = Store(tmp_path).frame()
    assert frame["objective"].tolist() == [float("inf"), 1.0, 1.0]
    assert frame["gap"].isna().all()


CELL = st.tuples(st.sampled_from("abcdef"), st.booleans())
STEP = st.one_of(
    st.tuples(st.just("append"), st.lists(CELL, min_size=1, max_size=4)),
    st.tuples(st.just("merge"), st.none()),
    st.tuples(st.just("reopen"), st.none()),
)  # fmt: skip


@given(steps=st.lists(STEP, max_size=12))
@settings(max_examples=30, deadline=None)
def test_every_cell_once_and_a_good_row_wins(
    steps: list[tuple[str, list[tuple[str, bool]] | None]],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("store")
    store = opened(folder)
    expected: dict[str, bool] = {}
    for what, cells in steps:
        if what == "append":
            store.append([row(cell, good) for cell, good in cells or []])
            for cell, good in cells or []:
                expected[cell] = expected.get(cell, False) or good
        elif what == "merge":
            store.merge()
        else:
            store = opened(folder)
    assert Store(folder).states() == expected
    assert len(Store(folder).frame()) == len(expected)


def test_many_files_become_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MANY", 5)
    store = opened(tmp_path)
    for i in range(13):
        store.append([row(f"c{i}")])
    assert len(store.files()) < 5
    assert len(Store(tmp_path).states()) == 13


def test_large_files_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SMALL", 3)
    store = opened(tmp_path)
    for i in range(3):
        store.append([row(f"{i}{x}") for x in "abc"[: i + 1]])
    store.merge()
    store.append([row("x")])
    store.append([row("y")])
    store.merge()
    sizes = sorted(pq.read_metadata(p).num_rows for p in store.files())
    assert sizes == [2, 6]
    assert len(opened(tmp_path).files()) == 2


def test_a_kill_between_writing_and_removing_leaves_every_row_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened(tmp_path)
    store.append([row("a")])
    store.append([row("b")])
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)  # killed before the old ones go
    store.merge()
    assert len(store.files()) == 3
    assert Store(tmp_path).states() == {"a": True, "b": True}


def test_what_was_half_written_is_dropped(tmp_path: Path) -> None:
    opened(tmp_path).append([row("a")])
    half = tmp_path / "rows" / ".00000002.parquet.partial"
    half.write_bytes(b"PAR1 and no more")
    assert Store(tmp_path).states() == {"a": True}
    opened(tmp_path)
    assert not half.exists()


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    opened(tmp_path).append([row("a")])
    (tmp_path / "rows" / "00000009.parquet").write_bytes(b"nonsense")
    with pytest.raises(AlloclabError, match=r"00000009.parquet: no rows of a study can be read"):
        Store(tmp_path).states()


def test_only_one_may_write(tmp_path: Path) -> None:
    assert holder(tmp_path) is None
    with locked(tmp_path):
        who = holder(tmp_path)
        assert who is not None
        assert who["process"] == os.getpid()
        words = f"process {os.getpid()} on .* is writing there"
        with pytest.raises(AlloclabError, match=words), locked(tmp_path):
            pass
    assert holder(tmp_path) is None
    with locked(tmp_path):
        pass


def _hold_and_die(folder: Path) -> None:
    with locked(folder):
        os._exit(9)


def test_the_lock_of_a_dead_process_is_taken_over(tmp_path: Path) -> None:
    process = multiprocessing.get_context("fork").Process(target=_hold_and_die, args=(tmp_path,))
    process.start()
    process.join()
    assert json.loads((tmp_path / ".lock").read_text())["process"] == process.pid
    assert holder(tmp_path) is None
    with locked(tmp_path):
        assert holder(tmp_path) is not None
