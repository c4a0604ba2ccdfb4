"""The verb: what it prints, writes and refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scenarios.cli import main


def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *args: str):  # type: ignore[no-untyped-def]
    monkeypatch.setattr("sys.argv", ["alloclab", "adversarial", *args])
    with pytest.raises(SystemExit) as stop:
        main()
    said = capsys.readouterr()
    return stop.value.code or 0, said.out, said.err


def test_a_square(tmp_path: Path, monkeypatch, capsys) -> None:  # type: ignore[no-untyped-def]
    target = tmp_path / "square"
    code, out, _ = run(
        monkeypatch, capsys, "--schedulers", "met,duplex,min_min", "--evaluations", "80",
        "--workers", "1", "-o", str(target),
    )  # fmt: skip
    assert code == 0
    assert "left out: duplex is never worse than min_min" in out
    assert "Next: alloclab compare" in out
    lines = (target / "ratios.csv").read_text().splitlines()
    assert len(lines) == 1 + 6
    monkeypatch.setattr("sys.argv", ["alloclab", "compare", *out.split("Next: alloclab compare ")
                                     [1].split()])  # fmt: skip
    with pytest.raises(SystemExit) as stop:
        main()
    assert not stop.value.code


def test_one_pair_as_json_with_a_file_of_limits(tmp_path: Path, monkeypatch, capsys) -> None:  # type: ignore[no-untyped-def]
    limits = tmp_path / "limits.yaml"
    limits.write_text("tasks: [2, 3]\nnodes: 2\n")
    code, out, _ = run(
        monkeypatch, capsys, "--pair", "met,heft", "--evaluations", "60", "--limits", str(limits),
        "--tasks", "4", "--json",
    )  # fmt: skip
    assert code == 0
    (row,) = json.loads(out)["rows"]
    assert (row["a"], row["b"], row["tasks"], row["nodes"]) == ("met", "heft", 4, 2)
    assert row["evaluations"] == 60


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--pair", "heft"], "expected two schedulers A,B"),
        (["--pair", "heft,heftt"], "unknown scheduler 'heftt'; did you mean 'heft'"),
        (["--pair", "heft,cpop", "--schedulers", "met"], "give either --pair or --schedulers"),
        (["--pair", "heft,cpop", "--tasks", "9:3"], "tasks: low must not be above high"),
        (["--pair", "heft,cpop", "--seconds", "0"], "must be > 0"),
        (["--pair", "heft,cpop", "--workers", "0"], "workers must be >= 1"),
        (["--pair", "heft,cpop", "--limits", "none.yaml"], "none.yaml"),
    ],
)
def test_refusals(args, message, monkeypatch, capsys) -> None:  # type: ignore[no-untyped-def]
    code, out, err = run(monkeypatch, capsys, *args)
    assert code == 2
    assert message in err
    assert err.count("\n") == 1
    assert not out


@pytest.mark.parametrize("text", ["- 3\n", "tasks: {a: 1}\n", "nodes: many\n"])
def test_bad_files_name_the_file(tmp_path: Path, text: str, monkeypatch, capsys) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "limits.yaml"
    file.write_text(text)
    code, _, err = run(monkeypatch, capsys, "--pair", "heft,cpop", "--limits", str(file))
    assert code == 2
    assert "limits.yaml" in err
