"""Kubernetes manifests: what a cluster would accept, what they say, and what they cannot."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios import load, names
from scenarios.export.deploy import deploy, read_back
from scenarios.export.deploy.kubernetes import cpus, mebibytes
from scenarios.export.deploy.names import dns_labels
from simulator.errors import AlloclabError, InvalidScenario, UnknownName, Unsupported
from tests.export.deployed import conforms, first_fit, vision
from tests.scenarios.test_cli import run  # noqa: F401  (a fixture)


def documents(scenario, allocation, **options):
    text, lost = deploy(scenario, allocation, "kubernetes", **options)
    found = list(yaml.safe_load_all(text))
    for document in found:
        conforms(document, "kubernetes")
    assert "&id" not in text and "*id" not in text
    return found, lost, text


def by_name(found, kind):
    return {d["metadata"]["name"]: d for d in found if d["kind"] == kind}


def test_a_deployment_for_each_node():
    found, _, _ = documents(*vision())
    made = by_name(found, "Deployment")
    assert list(made) == ["vision-united-gpu-0", "vision-united-cpu"]
    gpu, cpu = (d["spec"]["template"]["spec"] for d in made.values())
    container = gpu["containers"][0]
    assert container["resources"] == {"requests": {"cpu": "1"}, "limits": {"nvidia.com/gpu": "1"}}
    # 0.5 + 1 GiB of weights, and the two working sets, an eighth of them
    assert cpu["containers"][0]["resources"] == {
        "requests": {"cpu": "4", "memory": f"{int(1.5 * 1024 * 9 / 8)}Mi"}
    }
    where = gpu["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert where["nodeSelectorTerms"][0]["matchExpressions"] == [
        {"key": "alloclab/node", "operator": "In", "values": ["box-1"]}
    ]
    environment = {e["name"]: e["value"] for e in container["env"]}
    assert environment["ALLOCLAB_NODE"] == "GPU 0"
    assert json.loads(environment["ALLOCLAB_TASKS"]) == ["find objects", "Find_Objects"]  # by rank


def test_edges_become_services_and_wiring():
    found, _, _ = documents(*vision())
    services = by_name(found, "Service")
    assert list(services) == ["vision-united-gpu-0", "vision-united-cpu"]
    deployments = by_name(found, "Deployment")
    for name, service in services.items():
        pods = deployments[name]["spec"]["template"]["metadata"]["labels"]
        assert service["spec"]["selector"].items() <= pods.items()
    (config,) = by_name(found, "ConfigMap").values()
    wiring = json.loads(config["data"]["wiring.json"])["tasks"]
    assert [
        (s["to"], s["address"], s["bytes"], s["probability"]) for s in wiring["decode"]["sends"]
    ] == [
        ("Find_Objects", "vision-united-gpu-0:8000", 1000.0, None),
        ("find objects", "vision-united-gpu-0:8000", 1000.0, 0.5),
    ]
    assert wiring["report"]["receives"] == ["Find_Objects", "find objects"]
    assert wiring["find objects"]["sends"][0]["lag"] == 1
    volume = deployments["vision-united-cpu"]["spec"]["template"]["spec"]["volumes"][0]
    assert volume["configMap"]["name"] == config["metadata"]["name"]


def test_a_deployment_for_each_task():
    scenario, allocation = vision()
    apart = replace(
        allocation,
        placements=tuple(
            p._replace(node="GPU 1") if p.task == "find objects" else p
            for p in allocation.placements
        ),
    )
    found, _, _ = documents(scenario, apart, per="task")
    made = by_name(found, "Deployment")
    assert list(made) == [
        "vision-united-decode", "vision-united-find-objects",
        "vision-united-find-objects-2", "vision-united-report",
    ]  # fmt: skip
    limits = [d["spec"]["template"]["spec"]["containers"][0]["resources"] for d in made.values()]
    assert [r["requests"]["cpu"] for r in limits] == ["2", "1", "1", "2"]  # 4 slots, two tasks
    assert [r.get("limits") for r in limits] == [None, *[{"nvidia.com/gpu": "1"}] * 2, None]
    with pytest.raises(Unsupported, match="share the GPU 'GPU 0', but Kubernetes gives a GPU to"):
        documents(scenario, allocation, per="task")


def test_every_loss_is_named_where_it_is_one():
    _, lost, text = documents(*vision())
    heads = [sentence.partition(":")[0] for sentence in lost]
    assert heads == ["links", "priorities", "slots", "joins", "branches", "lags", "deadlines",
                     "load", "GPU memory"]  # fmt: skip
    assert "contend for them (fair)" in lost[0] and "'report'" in lost[3]
    for sentence in lost:
        assert f"#   {sentence}\n" in text and "\n" not in sentence
    assert "kubectl label node MACHINE alloclab/node=box-1" in text
    scenario, allocation = vision()
    spread = replace(
        allocation,
        placements=tuple(
            p._replace(node="GPU 1") if p.task == "find objects" else p
            for p in allocation.placements
        ),
    )
    assert any("which GPU of a machine" in x for x in documents(scenario, spread)[1])


@pytest.mark.parametrize("name", names())
def test_the_catalogue_deploys_and_comes_back(name, tmp_path):
    scenario = load(name)
    allocation = first_fit(scenario)
    _, _, text = documents(scenario, allocation)
    path = tmp_path / "m.yaml"
    path.write_text(text)
    assert set(read_back(path).placements) == set(allocation.placements)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(max_size=80), max_size=12), st.text(max_size=60))
def test_names_are_legal_and_distinct(texts, prefix):
    found = dns_labels(texts, prefix)
    assert list(found) == list(dict.fromkeys(texts))
    assert len(set(found.values())) == len(found)
    for name in found.values():
        conforms(
            {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
             "spec": {"selector": {"a": name}, "ports": [{"port": 1}]}},
            "kubernetes",
        )  # fmt: skip
        assert len(name) <= 50


def test_quantities():
    assert [mebibytes(x) for x in (1, 2**20, 2**20 + 1, 1.5e9)] == ["1Mi", "1Mi", "2Mi", "1431Mi"]
    assert [cpus(4, 1), cpus(1, 2), cpus(4, 3)] == ["4", "500m", "1333m"]


def test_the_schema_can_fail():
    import jsonschema

    found, _, _ = documents(*vision())
    bad = json.loads(json.dumps(found[-1]))
    bad["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["memory"] = "1 GiB"
    with pytest.raises(jsonschema.ValidationError):
        conforms(bad, "kubernetes")


def test_bad_options_are_refused():
    scenario, allocation = vision()
    for options, words in (
        ({"per": "pod"}, "unknown value of per 'pod'"),
        ({"image": ""}, "image must be the name"),
        ({"node_label": "a b"}, "no key of a Kubernetes label"),
    ):
        with pytest.raises(AlloclabError, match=words):
            deploy(scenario, allocation, "kubernetes", **options)
    with pytest.raises(UnknownName, match="deployment format 'kubernets'; did you mean"):
        deploy(scenario, allocation, "kubernets")


def test_the_verb(run, tmp_path):  # noqa: F811
    allocation = tmp_path / "a.json"
    first_fit(load("translation")).save(allocation)
    out = tmp_path / "k.yaml"
    code, said, _ = run("deploy", allocation, "translation", "-o", out, "--image", "me/worker:1")
    assert code == 0 and "Not expressed:" in said and f"wrote {out}" in said
    assert "image: me/worker:1" in out.read_text()
    code, said, _ = run("deploy", allocation, "translation")
    assert code == 0 and said.startswith("# Bind the machines once")
    code, _, err = run("deploy", allocation, "translation", "--import-path", "a:b")
    assert code == 2 and "--import-path has no meaning with --format kubernetes" in err
    code, _, err = run("deploy", allocation, "driving")
    assert code == 2 and "unknown task" in err
    (tmp_path / "x.yaml").write_text("a: 1")
    with pytest.raises(InvalidScenario, match="none of the files that deploy writes"):
        read_back(tmp_path / "x.yaml")
