"""Loading scenarios and clusters: names, files, layers of `extends`, and what each key means."""

from __future__ import annotations

import copy
import math
from pathlib import Path

import pytest

import scenarios
from scenarios.init import TEMPLATE
from scenarios.loader import parse_scenario
from scenarios.model_build import catalogue
from scenarios.yamlsafe import parse_yaml
from simulator.errors import UnknownName
from simulator.problem import Problem

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


# ----- what the keys mean ------------------------------------------------------------------------
PAIR = "cluster: {nodes: {a: {}, b: {speed: 2}}, mesh: {bandwidth: 1 MB/s, latency: 5 ms}}"
LAB = "cluster: {nodes: {cpu: {device: i7-1185g7}, gpu: {device: l4}}, mesh: {bandwidth: 1 GB/s}}"


def problem(tmp_path: Path, stream: str, rest: str = PAIR) -> Problem:
    """A problem of one stream."""
    body = "".join(f"    {line}\n" for line in stream.strip().splitlines())
    return load(tmp_path, f"alloclab: 1\n{rest}\nstreams:\n  s:\n{body}").problem()


def test_batch_tables_meet_on_one_axis(tmp_path: Path) -> None:
    p = problem(
        tmp_path,
        """
batch: 4
tasks:
  t:
    duration: {a: {1: 3 ms, 8: 10 ms}, any: {2: 4 ms}}
    output: {1: 100, 4: 250}
    activation: {8: 80}
    weights: 7
  u: {duration: 0}
edges: [t -> u]
""",
    )
    assert p.seconds[0, 0].tolist() == [pytest.approx(0.006), 0.004]  # on b: 8 ms at speed 2
    assert p.bytes[0, 0] == 250.0
    assert (p.working_bytes[0, 0], p.weights_bytes[0, 0]) == (40.0, 7.0)
    assert p.tasks[0].variants[0].batch == (1, 2, 4, 8)


def test_models_of_the_catalogue_and_changes_of_them(tmp_path: Path) -> None:
    p = problem(
        tmp_path,
        """
batch: 2
tasks:
  t: {variants: [encoder-small, encoder-small@fp16, mine]}
  u:
    variants:
      changed: {model: encoder-small, output: 1 kB, sharing_group: g, accuracy: 90 %}
      timed: {model: mine, duration: {gpu: 3 ms}}
      flops: {work: {flops: 2 GFLOP, bytes: 3 GB, operators: 5, dtype: fp16}}
edges: [t -> u]
""",
        LAB + "\nmodels: {mine: {model: encoder-small, weights: 5 MB, module: my:Module}}",
    )
    cost = catalogue()["encoder-small"]
    names = [[v.name for v in task.variants] for task in p.tasks]
    assert names == [["encoder-small", "encoder-small@fp16", "mine"], ["changed", "timed", "flops"]]
    z1 = cost.output_bytes["z1"][1]
    assert p.bytes[0].tolist() == [z1, z1 / 2, z1]
    assert p.weights_bytes[0].tolist() == [cost.weights_bytes, cost.weights_bytes / 2, 5e6]
    assert [v.module for v in p.tasks[0].variants] == [
        "encoder-small", "encoder-small@fp16", "my:Module",
    ]  # fmt: skip
    changed, timed, flops = p.tasks[1].variants
    assert (changed.sharing_group, changed.accuracy) == ("g", 0.9)
    assert changed.work == p.tasks[0].variants[0].work
    assert (timed.seconds, timed.work, timed.weights_bytes) == ({"gpu": 0.003}, None, 5e6)
    assert flops.work is not None and flops.work.dtype == "fp16"
    assert p.seconds[1, 2, 1] == pytest.approx(5 * 6e-6 + 3e9 / 300e9)  # L4: 6 us, 300 GB/s


def test_durations_of_the_catalogue_follow_the_roofline(tmp_path: Path) -> None:
    """By hand on an i7-1185G7: 384 GFLOP/s, 68.3 GB/s, 3 us an operator; decoder: bytes rule."""
    p = problem(tmp_path, "tasks: {t: {variants: [decoder-large]}}", LAB)
    cost = catalogue()["decoder-large"]
    by_hand = cost.operators * 3e-6 + cost.bytes_touched[0] / 68.3e9
    assert p.seconds[0, 0, 0] == pytest.approx(by_hand, rel=1e-12)


def test_edges_scale_with_what_they_carry(tmp_path: Path) -> None:
    p = problem(
        tmp_path,
        """
sizes: {tokens: {uniform: {low: 10, high: 30}, nominal: 10}, pages: 3}
tasks:
  t: {duration: 1, output: 100, scale_with: tokens}
  u: {duration: 1, scale_with: pages}
edges:
  - t -> u
  - {from: t, to: u, bytes: 100}
  - {from: t, to: u, bytes: 100, scale_with: tokens, name: x}
  - {from: t, to: u, scale_with: none}
""",
    )
    assert p.bytes[:, 0].tolist() == [200.0, 100.0, 200.0, 100.0]
    assert p.seconds[:, 0, 0].tolist() == [2.0, 1.0]  # without nominal: the mean is nominal
    assert p.edge_names == ("t -> u", "t -> u", "x", "t -> u")


def test_the_nominal_size_is_the_models(tmp_path: Path) -> None:
    p = problem(
        tmp_path,
        "sizes: {tokens: 48}\ntasks: {t: {variants: [encoder-small], scale_with: tokens}}",
        LAB,
    )
    assert p.streams[0].sizes["tokens"].nominal == 24
    assert p.task_scale.tolist() == [2.0]


ARRIVALS: dict[str, tuple[str, float, int, float]] = {
    "once": ("once", 0.0, 1, 0.0),
    "{requests: 16, start: 2 s}": ("once", 0.0, 16, 2.0),
    "30 Hz": ("constant", 30.0, 1000, 0.0),
    "{constant: {rate: 30 Hz}, requests: 7}": ("constant", 30.0, 7, 0.0),
    "{constant: 30 Hz, duration: 0.1 s}": ("constant", 30.0, 3, 0.0),
    "{poisson: {rate: 20/s}, requests: 2000}": ("poisson", 20.0, 2000, 0.0),
    "{poisson: 20/s, duration: 10 s, start: 1}": ("poisson", 20.0, 200, 1.0),
    "{trace: [0, 10 ms, 1 s]}": ("trace", 0.0, 3, 0.0),
    "{trace: [0, 10 ms, 1 s], duration: 1 s}": ("trace", 0.0, 2, 0.0),
    "{trace: [0, 10 ms, 1 s], requests: 1}": ("trace", 0.0, 1, 0.0),
    "{clients: 4, think: {exponential: {mean: 1 s}}}": ("closed", 0.0, 1000, 0.0),
}


@pytest.mark.parametrize("text", ARRIVALS)
def test_arrivals(text: str, tmp_path: Path) -> None:
    (stream,) = problem(tmp_path, f"arrivals: {text}\ntasks: {{t: {{duration: 1}}}}").streams
    a = stream.arrivals
    assert (a.kind, a.rate, stream.requests, a.start) == ARRIVALS[text]


def test_trace_files_of_dates(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(
        "TIMESTAMP,Tokens\n2023-11-16 18:17:03.9799600,48\n2023-11-16 18:17:04.2319600,31\n"
    )
    (stream,) = problem(
        tmp_path,
        "arrivals: {trace: t.csv, column: TIMESTAMP}\ntasks: {t: {duration: 1}}",
    ).streams
    assert stream.arrivals.times == (0.0, pytest.approx(0.252))


def test_noise_as_a_percentage(tmp_path: Path) -> None:
    (stream,) = problem(tmp_path, "noise: 10 %\ntasks: {t: {duration: 1}}").streams
    assert stream.noise is not None
    assert (stream.noise.kind, stream.noise.parameters) == ("gamma", {"mean": 1.0, "cv": 0.1})


def test_joins_branches_lags_and_groups(tmp_path: Path) -> None:
    p = problem(
        tmp_path,
        """
arrivals: 5 Hz
deadline: 2 s
class: 3
weight: 2.5
tasks:
  t: {duration: 1, near: a}
  u: {duration: 1, forbidden: [a]}
  v: {duration: 1, allowed: [a, b], fusion: vote, join: {need: 1, deadline: 80 ms, late: cancel}}
edges:
  - {from: t, to: u, probability: 30 %, branch: x}
  - {from: t, to: v, probability: 0.7, branch: x}
  - u -> v
  - {from: v, to: t, lag: 2}
place_with: [[u, v]]
apart: [[t, u]]
accuracy: min
""",
    )
    (stream,) = p.streams
    t, u, v = stream.graph.tasks
    assert (t.pinned, u.forbidden, v.allowed, v.fusion) == ("a", ("a",), ("a", "b"), "vote")
    assert (v.join.need, v.join.deadline_s, v.join.late) == (1, 0.08, "cancel")
    assert [(e.probability, e.branch, e.lag) for e in stream.graph.edges] == [
        (0.3, "x", 0), (0.7, "x", 0), (None, None, 0), (None, None, 2)]  # fmt: skip
    assert (p.place_with, p.apart, stream.graph.accuracy_rule) == (((1, 2),), ((0, 1),), "min")
    assert (stream.deadline_s, stream.class_, stream.weight) == (2.0, 3, 2.5)
    assert p.allowed[:, 0].tolist() == [[True, False], [False, True], [True, True]]


def test_rules_objective_and_dynamics(tmp_path: Path) -> None:
    scenario = load(
        tmp_path,
        SMALL + "network: fifo\ndispatch: greedy\ndiscipline: priority\nplan_draws: 4\n"
        "objective: {makespan: 1, balance: 0.5, lost_penalty: 9}\nfacts: {origin: me}\n"
        "dynamics:\n  outages: [{node: a, from: 1 s, to: 2 s}]\n"
        "  slowdowns: [{node: b, from: 0, factor: 2}]\n"
        "  degradations: [{link: a -> b, from: 1 s, to: 3 s, factor: 50 %}]\n",
    )
    p = scenario.problem()
    assert (p.network, p.dispatch, p.discipline, p.plan_draws) == ("fifo", "greedy", "priority", 4)
    assert p.objective.terms == (("makespan", 1.0), ("balance", 0.5))
    assert p.objective.lost_penalty == 9.0
    d = scenario.dynamics
    assert (d.outages[0].target, d.outages[0].start, d.outages[0].end) == ("a", 1.0, 2.0)
    assert (d.slowdowns[0].node, d.slowdowns[0].end) == ("b", math.inf)
    assert (d.degradations[0].link, d.degradations[0].factor) == ("a->b", 0.5)
    assert scenario.facts == {"origin": "me"}


def test_generated_graphs_bring_their_cluster_or_take_one(tmp_path: Path) -> None:
    stream = "{arrivals: {requests: 3}, generate: {family: layered, tasks: 9}}"
    head = f"alloclab: 1\nstreams: {{s: {stream}}}\n"
    alone = load(tmp_path, head)
    assert len(alone.cluster.nodes) == 8 and alone.problem().n_requests == 3
    assert alone.fixed_cluster
    placed = load(tmp_path, head + "cluster: hetero-lab\n")
    assert placed.cluster.name == "hetero-lab" and placed.problem().n_tasks == 9
    assert not placed.fixed_cluster


def test_the_template_of_init_loads_as_it_is(tmp_path: Path) -> None:
    scenario = load(tmp_path, TEMPLATE)
    assert scenario.name == "my-scenario"
    assert scenario.problem().n_tasks == 5
    assert max(map(len, TEMPLATE.splitlines())) <= 100


def test_loading_leaves_the_data_as_it_was(tmp_path: Path) -> None:
    data = parse_yaml(SMALL)
    before = copy.deepcopy(data)
    assert parse_scenario(data, "here").problem().n_tasks == 2
    assert data == before
