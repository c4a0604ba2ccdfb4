"""Study files: what they mean, and one sentence for whatever is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from scenarios import study as studies
from scenarios.study import Study, parse, plan
from simulator.errors import AlloclabError
from tests.study.conftest import TEXT, small

SCENARIO = """\
alloclab: 1
cluster: edge-cloud
streams:
  calls:
    arrivals: {poisson: 5/s, requests: 10}
    deadline: 1 s
    tasks:
      hear: {duration: 10 ms}
      act: {duration: 20 ms}
    edges: {z: hear -> act}
"""


def on_file(tmp_path: Path, parameters: str) -> Study:
    (tmp_path / "mine.yaml").write_text(SCENARIO)
    text = f"alloclab-study: 1\nname: x\nscenarios: [mine.yaml]\nschedulers: [heft]\n{parameters}"
    return parse(text, "x.yaml", tmp_path)


def test_the_small_study(study: Study) -> None:
    assert study.parameters == ("family", "ccr")
    assert study.points[1] == {"family": "layered", "ccr": 5}
    assert study.schedulers == ("heft", "random")
    assert study.seeds == (0, 1)
    assert study.evaluations == 50
    assert study.reproducible
    assert not small(budget="{seconds: 0.1}").reproducible


def test_specs_are_brought_into_their_shortest_form_each_once() -> None:
    study = small(schedulers='["heft[insertion=true]", heft, "heft[ insertion = false ]"]')
    assert study.schedulers == ("heft", "heft[insertion=false]")


def test_overrides_reach_the_scenario(tmp_path: Path) -> None:
    study = on_file(
        tmp_path,
        "parameters: {zip: {cluster: [gpu-server], network: [fair], dispatch: [strict],"
        " discipline: [edf], objective: [p95_latency], requests: [7], rate: [3/s]}}",
    )
    scenario = plan(study).scenario(0)
    assert scenario.cluster.name == "gpu-server"
    assert (scenario.network, scenario.dispatch, scenario.discipline) == ("fair", "strict", "edf")
    assert str(scenario.objective) == "p95_latency"
    assert scenario.streams[0].requests == 7
    assert scenario.streams[0].arrivals.rate == 3.0


def test_dotted_parameters_set_fields_of_the_file(tmp_path: Path) -> None:
    study = on_file(
        tmp_path,
        "parameters: {grid: {streams.calls.deadline: [100 ms, 2 s],"
        " streams.calls.tasks.act.duration: [30 ms]}}",
    )
    planned = plan(study)
    first, second = planned.scenario(0), planned.scenario(1)
    assert first.streams[0].deadline_s == 0.1
    assert second.streams[0].deadline_s == 2.0
    assert first.problem().seconds[1].max() == pytest.approx(0.03)
    assert first.streams[0].graph.tasks[0].variants[0].seconds == {"*": 0.01}


def test_generated_instances_take_settings_and_rules() -> None:
    text = TEXT.replace("ccr: [0.5, 5]", "ccr: [2]\n    instance_seed: [3]\n    network: [fair]")
    planned = plan(parse(text))
    scenario = planned.scenario(0)
    assert scenario.network == "fair"
    assert scenario.facts["generator"] == "layered: tasks=8, ccr=2, seed=3"
    assert planned.instances[0].family == "layered"
    assert planned.instances[1].family == "out-tree"


def test_labels_stand_for_the_names_of_instances() -> None:
    text = TEXT.replace("nodes: 3}", "nodes: 3}\n    label: tiny")
    assert {i.label for i in plan(parse(text)).instances} == {"tiny"}


@pytest.mark.parametrize("name", studies.names())
def test_studies_that_come_along_can_be_planned(name: str) -> None:
    planned = plan(studies.load(name))
    assert planned.study.name == name
    assert planned.study.description
    assert len(planned.cells) >= 100


def replaced(old: str, new: str) -> str:
    assert old in TEXT
    return TEXT.replace(old, new)


def sampled(kind: str) -> str:
    return replaced("  grid:", "  random: {n: 2, over: {x: " + kind + "}}\n  grid:")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "s.yaml: the file is empty"),
        ("[]", "s.yaml: expected a study that begins with 'alloclab-study: 1', got []"),
        ("name: x", "the key 'alloclab-study' is missing"),
        ("alloclab_study: 1", "did you mean it by 'alloclab_study'?"),
        (SCENARIO, "this is a scenario file"),
        (replaced("study: 1", "study: 2"), "alloclab-study: format version 2 is not known"),
        (replaced("schedulers:", "schedulrs:"), "did you mean 'schedulers'?"),
        (replaced("[heft, random]", "[heft, ranom]"), "schedulers: unknown scheduler 'ranom'; did"),
        (replaced("[heft, random]", "[]"), "schedulers: expected at least one entry"),
        (replaced("seeds: 2", "seeds: 0"), "seeds: expected a value of at least 1, got 0"),
        (replaced("seeds: 2", "seeds: [1, 1]"), "seeds: one of them stands twice"),
        (replaced("seeds: 2", "seeds: many"), "seeds: expected a number or a list"),
        (replaced("{evaluations: 50}", "{}"), "budget: give either evaluations or seconds"),
        (replaced("{evaluations: 50}", "{evaluations: 0}"), "budget.evaluations: expected a value"),
        (replaced("{evaluations: 50}", "{second: 1}"), "did you mean 'seconds'?"),
        (replaced("[slr]", "[slrs]"), "metrics: unknown metric 'slrs'; did you mean 'slr'?"),
        (TEXT + "engine: kernl", "engine: unknown engine 'kernl'; did you mean 'kernel'?"),
        (replaced("grid:", "gird:"), "parameters: unknown key 'gird'; did you mean 'grid'?"),
        (replaced("ccr: [0.5, 5]", "ccr: 5"), "parameters.grid.ccr: expected a list, got 5"),
        (replaced("ccr: [0.5, 5]", "ccr: []"), "parameters.grid.ccr: expected at least one entry"),
        (
            sampled("{log: {low: 0, high: 1}}"),
            "parameters.random.over.x.log: low must be above 0",
        ),
        (
            sampled("{uniform: {low: 1, high: 1}}"),
            "parameters.random.over.x.uniform: low must be below high",
        ),
    ],
)
def test_a_wrong_file_is_named_with_its_field(text: str, words: str) -> None:
    with pytest.raises(AlloclabError) as error:
        parse(text, "s.yaml")
    assert str(error.value).startswith("s.yaml: ")
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (replaced("tasks: 8", "task: 8"), "scenarios[0]: unknown key 'task'; did you mean 'tasks'"),
        (
            replaced("ccr: [0.5, 5]", "cr: [5]"),
            "scenarios[0]: unknown parameter 'cr'; did you mean 'ccr'",
        ),
        (
            replaced("[layered, out-tree]", "[layerd]"),
            "unknown graph family 'layerd'; did you mean",
        ),
        (replaced("ccr: [0.5, 5]", "ccr: [-1]"), "ccr must be a number from 0"),
        (replaced("ccr: [0.5, 5]", "seed: [1]"), "unknown parameter 'seed'"),
        (
            replaced("ccr: [0.5, 5]", "network: [fare]"),
            "unknown network 'fare'; did you mean 'fair'?",
        ),
        (replaced("ccr: [0.5, 5]", "requests: [many]"), "requests: expected a whole number"),
        (replaced("ccr: [0.5, 5]", "points: [4]"), "(at family=layered, points=4)"),
    ],
)
def test_a_point_that_cannot_be_built_is_named(text: str, words: str) -> None:
    with pytest.raises(AlloclabError) as error:
        plan(parse(text, "s.yaml"))
    assert str(error.value).startswith("s.yaml: ")
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ("parameters: {grid: {ccr: [1]}}", "unknown parameter 'ccr'"),
        ("parameters: {grid: {ccr: [1]}}", "written with its path"),
        (
            "parameters: {grid: {streams.call.deadline: [1 s]}}",
            "unknown name 'call'; did you mean 'calls'?",
        ),
        ("parameters: {grid: {streams.calls.deadlin: [1 s]}}", "did you mean 'deadline'?"),
        ("parameters: {grid: {streams.calls.deadline: [1 kg]}}", "streams.calls.deadline: "),
        ("parameters: {grid: {cluster: [edge-clod]}}", "unknown cluster 'edge-clod'; did you mean"),
        ("parameters: {grid: {cluster: [3]}}", "cluster: expected a name or a file, got 3"),
        ("parameters: {grid: {rate: [1 kg]}}", "rate"),
        ("parameters: {grid: {cuts: [2]}}", "cuts"),
        (
            "parameters: {grid: {information: [blnd]}}",
            "unknown information 'blnd'; did you mean 'blind'?",
        ),
        (
            "parameters: {grid: {information: ['calibrated[file=x]']}}",
            "which a study cannot vouch for",
        ),
    ],
)
def test_a_parameter_that_does_not_apply_is_named(
    tmp_path: Path, parameters: str, words: str
) -> None:
    with pytest.raises(AlloclabError) as error:
        plan(on_file(tmp_path, parameters))
    assert str(error.value).startswith("x.yaml: scenarios[0]")
    assert words in str(error.value)


def test_a_scenario_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(AlloclabError, match=r"unknown scenario 'translaton'; did you mean"):
        plan(_named("translaton"))
    with pytest.raises(AlloclabError, match="cannot be read"):
        plan(_named("nowhere.yaml"))
    with pytest.raises(AlloclabError, match="unknown study 'cr'; did you mean 'ccr'"):
        studies.load("cr")


def _named(scenario: str) -> Study:
    return parse(f"alloclab-study: 1\nname: x\nscenarios: [{scenario}]\nschedulers: [heft]\n")
