"""Files that build on others: what `extends` merges, replaces and removes."""

from __future__ import annotations

from pathlib import Path

import pytest

import scenarios

CLUSTER = """\
cluster:
  nodes: {a: {}, b: {speed: 2}}
  mesh: {bandwidth: 1 MB/s, latency: 5 ms}
"""
STREAMS = """\
streams:
  s:
    tasks:
      first: {duration: 40 ms, output: 2 kB, near: a}
      then: {duration: {a: 10 ms, any: 30 ms}}
    edges: [first -> then]
"""
BASE = "alloclab: 1\n" + CLUSTER + STREAMS


def load(folder: Path, text: str) -> scenarios.Scenario:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return scenarios.load(path)


def test_extends_merges_replaces_and_removes(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(BASE)
    scenario = load(
        tmp_path,
        """\
alloclab: 1
extends: base.yaml
network: fair
cluster: {nodes: {c: {}}, star: {bandwidth: 2 MB/s}}    # a star instead of the mesh
streams:
  s:
    arrivals: {poisson: 3/s}
    tasks: {first: {near: ~}, then: {variants: {x: {duration: 7 ms}}}}
""",
    )
    assert [n.name for n in scenario.cluster.nodes] == ["a", "b", "c"]
    assert [x.name for x in scenario.cluster.links][:2] == ["a->switch", "switch->a"]
    (stream,) = scenario.streams
    assert (stream.arrivals.kind, stream.arrivals.rate, stream.requests) == ("poisson", 3.0, 1000)
    first, then = stream.graph.tasks
    assert first.pinned is None and first.variants[0].output_bytes == 2000
    assert [(v.name, v.seconds) for v in then.variants] == [("x", {"*": 0.007})]
    assert scenario.name == "mine" and scenario.network == "fair"


def test_a_later_kind_drops_the_earlier_one(tmp_path: Path) -> None:
    noisy = BASE.replace("    tasks:", "    noise: {gamma: {mean: 1, cv: 2}}\n    tasks:")
    (tmp_path / "one.yaml").write_text(noisy)
    (tmp_path / "two.yaml").write_text(
        "alloclab: 1\nextends: one.yaml\n"
        "streams: {s: {arrivals: {trace: [0, 1]}, noise: {uniform: {low: 1, high: 2}}}}\n"
    )
    scenario = load(
        tmp_path,
        "alloclab: 1\nextends: two.yaml\nstreams: {s: {arrivals: {clients: 3, requests: 9}}}\n",
    )
    (stream,) = scenario.streams
    assert (stream.arrivals.kind, stream.arrivals.clients, stream.requests) == ("closed", 3, 9)
    assert stream.noise is not None and stream.noise.kind == "uniform"


def test_files_are_found_from_the_file_that_names_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = tmp_path / "in"
    inner.mkdir()
    (inner / "pair.yaml").write_text(
        "alloclab: 1\nnodes: {p: {}, q: {}}\nstar: {bandwidth: 1 MB/s}\n"
    )
    (inner / "times").write_text("0\n0.5 s\n900 ms\n")
    streams = STREAMS.replace("a: 10", "p: 10").replace("near: a", "near: p")
    streams = streams.replace("    tasks:", "    arrivals: {trace: times}\n    tasks:")
    (inner / "base.yaml").write_text("alloclab: 1\ncluster: ./pair.yaml\n" + streams)
    monkeypatch.chdir(tmp_path)
    scenario = load(tmp_path, "alloclab: 1\nextends: in/base.yaml\n")
    assert [n.name for n in scenario.cluster.nodes] == ["p", "q"]
    assert scenario.streams[0].arrivals.times == (0.0, 0.5, 0.9)
    assert scenarios.load("in/base.yaml").cluster == scenario.cluster


def test_a_cluster_may_extend_a_built_in_one(tmp_path: Path) -> None:
    changed = "{extends: edge-cloud, nodes: {edge: {count: 3}, cloud-cpu: {slots: 4}}}"
    streams = STREAMS.replace("a: 10 ms, ", "").replace(", near: a", "")
    scenario = load(tmp_path, f"alloclab: 1\ncluster: {changed}\n{streams}")
    assert [n.name for n in scenario.cluster.nodes][1:4] == ["edge-1", "edge-2", "edge-3"]
    assert scenario.cluster.nodes[-1].slots == 4
    assert len(scenario.cluster.links) == 14
    (tmp_path / "c.yaml").write_text("alloclab: 1\n" + changed[1:-1].replace(", nodes", "\nnodes"))
    assert scenarios.load_cluster(tmp_path / "c.yaml").nodes == scenario.cluster.nodes


def test_a_catalogue_scenario_on_a_changed_load(tmp_path: Path) -> None:
    scenario = load(
        tmp_path, "alloclab: 1\nextends: translation\nstreams: {sentences: {arrivals: 5 Hz}}\n"
    )
    original = scenarios.load("translation")
    assert scenario.streams[0].graph == original.streams[0].graph
    assert scenario.cluster == original.cluster
    assert (scenario.streams[0].arrivals.kind, scenario.streams[0].requests) == ("constant", 1000)
