"""Result folders: what a second run into the same folder replaces, removes and leaves alone."""

import json

import pytest

from scenarios.results import folder


def fill(target, command, *names):
    with folder(target) as work:
        for name in names:
            (work / name).parent.mkdir(parents=True, exist_ok=True)
            (work / name).write_text(command)
        (work / "manifest.json").write_text(json.dumps({"command": command}))


def found(target):
    return {p.relative_to(target).as_posix() for p in target.rglob("*") if p.is_file()}


def test_a_second_run_leaves_nothing_of_the_first(tmp_path):
    fill(tmp_path / "out", "compare", "rows.csv", "allocations/heft.json", "old/deep.json")
    (tmp_path / "out" / "allocations" / "mine.json").write_text("")
    (tmp_path / "out" / "notes.txt").write_text("")
    fill(tmp_path / "out", "compare", "rows.csv", "allocations/met.json")
    assert found(tmp_path / "out") == {
        "rows.csv", "manifest.json", "allocations/met.json", "allocations/mine.json", "notes.txt",
    }  # fmt: skip
    assert not (tmp_path / "out" / "old").exists()
    record = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert record["files"] == {"compare": ["allocations/met.json", "manifest.json", "rows.csv"]}


def test_files_of_another_command_stay_and_stay_known(tmp_path):
    fill(tmp_path, "compare", "rows.csv", "both.png")
    fill(tmp_path, "simulate", "trace.csv", "both.png")
    assert found(tmp_path) == {"rows.csv", "both.png", "trace.csv", "manifest.json"}
    fill(tmp_path, "compare", "summary.json")
    assert found(tmp_path) == {"summary.json", "both.png", "trace.csv", "manifest.json"}


@pytest.mark.parametrize(
    "manifest",
    ["", "[]", "{}", '{"files": 3}', '{"files": {"compare": null}}', '{"files": ["notes.txt"]}'],
)
def test_a_manifest_of_another_program_removes_nothing(tmp_path, manifest):
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "manifest.json").write_text(manifest)
    fill(tmp_path, "compare", "rows.csv")
    assert found(tmp_path) == {"notes.txt", "rows.csv", "manifest.json"}


def test_nothing_outside_the_folder_is_removed(tmp_path):
    outside, target = tmp_path / "outside.txt", tmp_path / "out"
    outside.write_text("")
    fill(target, "compare", "rows.csv")
    (target / "link").symlink_to(outside)
    record = {"files": {"compare": ["../outside.txt", str(outside), "link"]}}
    (target / "manifest.json").write_text(json.dumps(record))
    fill(target, "compare", "rows.csv")
    assert outside.exists()
    assert (target / "link").is_symlink()


def test_a_failed_run_changes_nothing(tmp_path):
    fill(tmp_path / "out", "compare", "rows.csv")
    with pytest.raises(KeyError), folder(tmp_path / "out") as work:
        (work / "manifest.json").write_text('{"command": "compare"}')
        raise KeyError
    assert found(tmp_path / "out") == {"rows.csv", "manifest.json"}
    assert not list(tmp_path.glob(".*partial*"))
