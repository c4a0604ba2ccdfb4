"""The built-in clusters: connected, with an entry, and with the routes that their cables make."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

import scenarios
from scenarios.cluster_build import ENTRY, devices
from simulator.cluster import Cluster


def route(cluster: Cluster, a: str, b: str) -> list[str]:
    return [cluster.links[i].name for i in cluster.routes[cluster.index(a), cluster.index(b)]]


@pytest.mark.parametrize("name", scenarios.cluster_names())
def test_built_in_clusters_are_whole(name: str) -> None:
    cluster = scenarios.load_cluster(name)
    assert cluster.name == name
    n = len(cluster.nodes)
    assert len(cluster.routes) == n * (n - 1)
    assert sum(ENTRY in node.labels for node in cluster.nodes) == 1
    for node in cluster.nodes:
        assert node.device in devices()
        assert node.idle_watts and node.busy_watts and math.isfinite(node.memory_bytes)
        assert {"fp32", "fp16", "bf16"} <= set(node.peak_flops)


@pytest.mark.parametrize("name", scenarios.cluster_names())
def test_nodes_are_unequal(name: str) -> None:
    cluster = scenarios.load_cluster(name)
    assert len({node.device for node in cluster.nodes}) >= 2


def test_routes_and_latencies() -> None:
    cluster = scenarios.load_cluster("edge-cloud")
    way = route(cluster, "gateway", "cloud-gpu")
    assert way == ["gateway->site", "site->region", "region->cloud-gpu"]
    assert sum(link.latency_s for link in cluster.links if link.name in way) == pytest.approx(
        0.0101
    )


def test_nvlink_is_preferred_and_the_bridge_is_shared() -> None:
    cluster = scenarios.load_cluster("gpu-server")
    assert route(cluster, "a100-1", "a100-2") == ["a100-1->a100-2"]
    assert route(cluster, "cpu", "t4") == ["cpu->bridge", "bridge->t4"]
    assert route(cluster, "cpu", "l4")[0] == "cpu->bridge"


def test_radio_is_one_link_for_both_directions() -> None:
    cluster = scenarios.load_cluster("vehicle-edge")
    assert "car--station" in route(cluster, "car-gpu", "roadside")
    assert "car--station" in route(cluster, "roadside", "car-gpu")
    assert route(cluster, "cloud", "roadside") == ["cloud->station", "station->roadside"]


def test_the_lab_mixes_speeds_devices_and_links() -> None:
    cluster = scenarios.load_cluster("hetero-lab")
    cpus = {node.device: node.speed for node in cluster.nodes if node.kind == "cpu"}
    assert len(cpus) == 4 and len(set(cpus.values())) == 4
    assert len({node.device for node in cluster.nodes if node.kind == "gpu"}) == 3
    assert len({link.bandwidth for link in cluster.links}) >= 3
    assert "rack->office" in route(cluster, "head", "pi-2")


def test_devices_carry_their_figures() -> None:
    a100 = devices()["a100-80gb"]
    assert a100["peak_flops"]["fp16"] == 312e12
    assert a100["memory_bytes"] == 80e9
    assert a100["launch_overhead_s"] == 6e-6


GROUPS = """\
alloclab: 1
nodes: {gpu: {count: 3, labels: [fast]}, cpu: {}, store: {kind: storage}}
switches: [hub]
links:
  gpu <-> gpu: {bandwidth: 1 GB/s, latency: 1 us}
  gpu <-> hub: {bandwidth: 2 GB/s, latency: 9 us, size_table: {1 MB: 2 ms, 1 kB: 5 us}}
  gpu-2 -> cpu: {bandwidth: 3 GB/s, latency: 2 us}
  cpu -- hub: {bandwidth: 4 GB/s}
  store <-> hub: {bandwidth: 5 GB/s}
"""


def test_groups_labels_and_arrows(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(GROUPS)
    cluster = scenarios.load_cluster(path)
    assert [n.name for n in cluster.nodes] == ["gpu-1", "gpu-2", "gpu-3", "cpu", "store"]
    assert cluster.nodes[0].labels == ("fast", "entry", "gpu")
    assert cluster.nodes[3].labels == ()
    names = [x.name for x in cluster.links]
    assert names[:6] == ["gpu-1->gpu-2", "gpu-2->gpu-1", "gpu-1->gpu-3", "gpu-3->gpu-1",
                         "gpu-2->gpu-3", "gpu-3->gpu-2"]  # fmt: skip
    assert names.count("cpu--hub") == 1 and "cpu->gpu-2" not in names
    assert route(cluster, "gpu-2", "cpu") == ["gpu-2->cpu"]
    assert route(cluster, "cpu", "gpu-2") == ["cpu--hub", "hub->gpu-2"]
    assert cluster.links[6].size_table == ((1e3, 5e-6), (1e6, 2e-3))
