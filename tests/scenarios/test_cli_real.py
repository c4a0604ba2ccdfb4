"""The verbs that touch the machine: what they print, write and refuse."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BASE = [sys.executable, "-m", "scenarios.cli"]


def alloclab(*words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*BASE, *words], capture_output=True, text=True, timeout=240, cwd=cwd, check=False
    )


SCENARIO = """\
alloclab: 1
name: tiny
cluster:
  nodes: {left: {kind: cpu}, right: {kind: cpu}}
  links: {left <-> right: {bandwidth: 1 GB/s, latency: 1 ms}}
streams:
  s:
    arrivals: {constant: 20 Hz, requests: 4}
    tasks:
      a: {duration: 20 ms, output: 1 kB}
      b: {duration: 10 ms}
    edges: {m: a -> b}
network: ideal
objective: makespan
"""


def test_emulate_runs_the_clusters_own_nodes_and_writes_everything(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(SCENARIO)
    done = alloclab("run", str(tmp_path / "tiny.yaml"), "--emulate", "-s", "round_robin",
                    "-o", str(tmp_path / "out"), "--json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["facts"]["emulated"] and said["engine"] == "realrun/shared/emulated"
    assert said["real"]["completed"] == 4
    names = {p.name for p in (tmp_path / "out").iterdir()}
    assert {"run.json", "manifest.json", "allocation.json", "gantt-real.png", "real",
            "gantt-predicted.png", "real.perfetto.json"} <= names  # fmt: skip
    again = alloclab("run", str(tmp_path / "tiny.yaml"), "--emulate",
                     "-a", str(tmp_path / "out" / "allocation.json"), "--json")  # fmt: skip
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["allocation"]["placements"] == said["allocation"]["placements"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["run", "translation", "-w", "cpu:1,cuda:0"], "cuda:0"),
        (["run", "translation", "-w", "cpu:1x0"], "slots"),
        (["run", "translation", "-w", "tpu:1"], "tpu"),
        (["run", "translation", "--calibration", "nowhere.yaml"], "nowhere.yaml"),
        (["run", "translation", "--emulate"], "fair network cannot be emulated"),
        (["run", "translation", "--emulate", "-w", "cpu:1"], "leave out --workers"),
        (["run", "translation", "-s", "heft", "-a", "x.json"], "not both"),
        (["run", "translation", "-w", "cpu:1", "--transport", "shred"], "did you mean 'shared'"),
        (["validate", "transltion"], "did you mean 'translation'"),
        (["calibrate", "translation", "-w", "cpu:4096"], "4096 threads"),
        (["compare", "translation", "--calibration", "x.yaml", "-c", "cpu-pair"], "give either"),
    ],
)
def test_bad_input_is_one_sentence(words: list[str], expected: str, tmp_path: Path) -> None:
    done = alloclab(*words, cwd=tmp_path)
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert expected in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1 and done.stderr.startswith("alloclab: ")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_calibrate_run_and_validate_the_translation(tmp_path: Path) -> None:
    file = str(tmp_path / "mine.yaml")
    done = alloclab("calibrate", "translation", "-w", "cpu:1,cpu:1", "--rounds", "1", "-o", file)
    assert done.returncode == 0, done.stderr
    assert "harvested" in done.stdout
    done = alloclab("run", "translation", "--calibration", file, "--requests", "2", "--check")
    assert done.returncode == 0, done.stderr
    assert "bit for bit" in done.stdout
    done = alloclab("validate", "translation", "--calibration", file, "--minutes", "0.3",
                    "-o", str(tmp_path / "out"), "--json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["pipelines"][0]["runs"] >= 20
    assert (tmp_path / "out" / "scatter.png").exists()
