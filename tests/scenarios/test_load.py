"""Loading scenarios and clusters: names, files, layers of `extends`, and what each key means."""

from __future__ import annotations

from pathlib import Path

import pytest

import scenarios
from simulator.errors import UnknownName

SMALL = """\
alloclab: 1
cluster:
  nodes: {a: {}, b: {speed: 2}}
  mesh: {bandwidth: 1 MB/s, latency: 5 ms}
streams:
  s:
    tasks:
      first: {duration: 40 ms, output: 2 kB}
      then: {duration: {a: 10 ms, any: 30 ms}}
    edges: [first -> then]
"""


def load(tmp_path: Path, text: str) -> scenarios.Scenario:
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return scenarios.load(path)


def test_a_file_means_what_it_says(tmp_path: Path) -> None:
    scenario = load(tmp_path, SMALL)
    problem = scenario.problem()
    assert scenario.name == "mine"
    assert problem.seconds[0, 0].tolist() == [0.04, 0.02]  # a duration anywhere: by speed
    assert problem.seconds[1, 0].tolist() == [0.01, 0.015]  # on a: as given; else by speed
    assert problem.bytes.tolist() == [[2000.0]]
    assert problem.arrays.bandwidth.tolist() == [1e6, 1e6]
    assert problem.dispatch == "strict"


def test_names_of_the_catalogue_are_listed_sorted() -> None:
    assert "translation" in scenarios.names()
    assert scenarios.names() == sorted(scenarios.names())
    assert "edge-cloud" in scenarios.cluster_names()
    assert not {"models", "devices"} & {*scenarios.names(), *scenarios.cluster_names()}


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(UnknownName, match="did you mean 'translation'"):
        scenarios.load("translatoin")
    with pytest.raises(UnknownName, match="did you mean 'edge-cloud'"):
        scenarios.load_cluster("edgecloud")


def test_translation_is_the_pipeline_of_three() -> None:
    (stream,) = scenarios.load("translation").streams
    assert [task.name for task in stream.graph.tasks] == ["understand", "extract", "translate"]
    assert [(e.name, e.src, e.dst) for e in stream.graph.edges] == [
        ("z1", "understand", "extract"),
        ("z2", "extract", "translate"),
    ]
    assert all(edge.scale_with == "tokens" for edge in stream.graph.edges)
