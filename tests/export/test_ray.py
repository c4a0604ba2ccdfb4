"""A Ray Serve configuration: its schema, resources that fit, and the allocation that it carries."""

from __future__ import annotations

import json

import pytest
import yaml

from scenarios import load, names
from scenarios.export.deploy import deploy, read_back
from simulator.errors import AlloclabError
from tests.export.deployed import conforms, first_fit, vision
from tests.scenarios.test_cli import run  # noqa: F401  (a fixture)


def config(scenario, allocation, **options):
    text, lost = deploy(scenario, allocation, "ray", **options)
    found = yaml.safe_load(text)
    conforms(found, "ray_serve")
    return found, lost, text


def test_an_application_for_each_stream_and_a_deployment_for_each_task():
    found, lost, text = config(*vision(), import_path="mine.app:build")
    (application,) = found["applications"]
    assert (application["name"], application["route_prefix"]) == ("cam-1", "/cam-1")
    assert application["import_path"] == "mine.app:build"
    options = {d["name"]: d["ray_actor_options"] for d in application["deployments"]}
    cpu, gpu = {"alloclab:cpu": 0.001}, {"alloclab:GPU 0": 0.001}
    half = {"num_cpus": 0.5, "num_gpus": 0.5, "resources": gpu}
    assert options == {
        "decode": {"num_cpus": 2, "memory": int(0.5 * 2**30 * 9 / 8), "resources": cpu},
        "find-objects": half,
        "find-objects-2": half,
        "report": {"num_cpus": 2, "memory": int(2**30 * 9 / 8), "resources": cpu},
    }
    tasks = application["args"]["tasks"]
    assert tasks["decode"]["sends"][1]["address"] == "find-objects-2"
    assert tasks["find-objects-2"]["task"] == "find objects"
    assert any(x.startswith("links: Ray Serve reserves no bandwidth") for x in lost)
    assert "ray start --resources='{\"alloclab:GPU 0\": 1}'  (machine 'Box.1')" in text


@pytest.mark.parametrize("name", names())
def test_the_catalogue_fits_its_nodes_and_comes_back(name, tmp_path):
    scenario = load(name)
    allocation = first_fit(scenario)
    found, _, text = config(scenario, allocation)
    assert len(found["applications"]) == len(scenario.streams)
    asked: dict[str, list[float]] = {}
    for application in found["applications"]:
        for d in application["deployments"]:
            options = d["ray_actor_options"]
            (where,) = options["resources"]
            sums = asked.setdefault(where, [0.0, 0.0, 0.0])
            for i, amount in enumerate(
                (options["num_cpus"], options.get("num_gpus", 0), options["resources"][where])
            ):
                sums[i] += amount
    for node in scenario.cluster.nodes:
        cpu, gpu, share = asked.get(f"alloclab:{node.name}", (0, 0, 0))
        assert cpu <= node.slots + 1e-9 and gpu <= (node.kind == "gpu") + 1e-9 and share <= 1
    path = tmp_path / "r.yaml"
    path.write_text(text)
    assert set(read_back(path).placements) == set(allocation.placements)


def test_the_verb(run, tmp_path):  # noqa: F811
    allocation = tmp_path / "a.json"
    first_fit(load("translation")).save(allocation)
    out = tmp_path / "r.yaml"
    code, said, _ = run("deploy", allocation, "translation", "-f", "ray", "-o", out, "--json")
    assert code == 0 and json.loads(said)["file"] == str(out)
    assert "proxy_location: EveryNode" in out.read_text()
    code, _, err = run("deploy", allocation, "translation", "-f", "ray", "--image", "x")
    assert code == 2 and "--image has no meaning with --format ray" in err
    with pytest.raises(AlloclabError, match="import path must read 'module:function'"):
        deploy(*vision(), "ray", import_path="a b")
