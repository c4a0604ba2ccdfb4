"""Lists of workers: read, refused in one sentence, pinned to cores, and turned into a cluster."""

from __future__ import annotations

import math
import re
import subprocess
import sys

import pytest

from realrun import devices, host
from realrun.devices import BadWorkers, WorkerSpec, check_devices, core_sets, parse_workers
from simulator.errors import AlloclabError

GIB = 2.0**30


@pytest.fixture
def four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host of four cores without siblings, 64 GiB, and two CUDA devices of 8 and 24 GiB."""
    monkeypatch.setattr(host, "usable_cpus", lambda: [0, 1, 2, 3])
    monkeypatch.setattr(host, "sibling_sets", lambda cpus: {c: frozenset({c}) for c in cpus})
    monkeypatch.setattr(host, "host_memory", lambda: 64 * GIB)
    monkeypatch.setattr(devices, "_cuda_memory", lambda: [8 * GIB, 24 * GIB])


def test_the_example_of_the_documentation() -> None:
    assert parse_workers("cpu:1,cpu:1@bf16,cuda:0x3,fast=cpu:2") == (
        WorkerSpec("cpu-0", "cpu", 1, "fp32", 1),
        WorkerSpec("cpu-1", "cpu", 1, "bf16", 1),
        WorkerSpec("cuda-0", "cuda:0", 1, "fp32", 3),
        WorkerSpec("fast", "cpu", 2, "fp32", 1),
    )


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("cpu", WorkerSpec("cpu-0", "cpu")),
        (" cpu:1 ", WorkerSpec("cpu-0", "cpu")),
        ("CPU:2", WorkerSpec("cpu-0", "cpu", threads=2)),
        ("cpux2", WorkerSpec("cpu-0", "cpu", slots=2)),
        ("cuda", WorkerSpec("cuda-0", "cuda:0")),
        ("cuda:01", WorkerSpec("cuda-1", "cuda:1")),
        ("cpu:3+4GB@bf16x2", WorkerSpec("cpu-0", "cpu", 3, "bf16", 2, 4e9)),
        ("cpu:3x2@bf16+4GB", WorkerSpec("cpu-0", "cpu", 3, "bf16", 2, 4e9)),
        ("big one=cuda:1@fp16+1.5GiB", WorkerSpec("big one", "cuda:1", 1, "fp16", 1, 1.5 * GIB)),
    ],
)
def test_every_way_to_write_a_worker(text: str, spec: WorkerSpec) -> None:
    assert parse_workers(text) == (spec,)


def test_names_given_are_kept_and_others_avoid_them() -> None:
    names = [s.name for s in parse_workers("cpu,cpu-1=cuda:0,cpu,cuda:0,cuda:0,cuda:3")]
    assert names == ["cpu-0", "cpu-1", "cpu-2", "cuda-0", "cuda-0-2", "cuda-3"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "there are no workers"),
        ("cpu,,cpu", "missing beside a comma"),
        ("cpu,", "missing beside a comma"),
        ("gpu:0", "unknown device kind 'gpu'; did you mean 'cuda'? (known: cpu, cuda)"),
        ("cud:0", "unknown device kind 'cud'; did you mean 'cuda'?"),
        ("tpu", "unknown device kind 'tpu'"),
        ("cpu:0", "threads must be a whole number from 1 to 4096, got '0'"),
        ("cpu:-1", "threads must be a whole number from 1 to 4096, got '-1'"),
        ("cpu:two", "got 'two'"),
        ("cpu:99999", "got '99999'"),
        ("cuda:1.5", "index must be a whole number from 0 to 1023, got '1.5'"),
        ("cpu:1x0", "slots must be a whole number from 1 to 1024, got '0'"),
        ("cpu:1x2x3", "slots is given twice"),
        ("cpu:1@bf61", "computes in fp32 or bf16, not in 'bf61'; did you mean 'bf16'?"),
        ("cpu:1@fp16", "a cpu worker computes in fp32 or bf16, not in 'fp16'"),
        ("cpu:1@", "cannot read '@'"),
        ("cpu:1+4XB", "unknown unit 'XB'"),
        ("cpu:1+0GB", "memory must be > 0"),
        ("cpu:1+", "cannot read '+'"),
        ("a=cpu,a=cpu", "two workers are named 'a'"),
        ("=cpu", "the name before '=' is empty"),
        ("a->b=cpu", "a name has"),
        ("a" * 121 + "=cpu", "a name has 1 to 120 characters"),
        ("a=b=cpu", "expected a worker such as"),
        ("cpu;cpu", "expected a worker such as"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_sentence(text: str, words: str) -> None:
    with pytest.raises(AlloclabError, match=re.escape(words)) as caught:
        parse_workers(text)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cpu:5", "'cpu-0': 5 threads are more than the 4 cores that this process may use"),
        ("cuda:7", "'cuda-7': there is no cuda:7 here: torch sees 2 CUDA devices, cuda:0 to"),
        ("cpu,cuda:0+9GB", "'cuda-0': 9.00 GB of memory are more than the 8.59 GB of cuda:0"),
        ("cpu+100GiB", "more than the 68.7 GB of the host"),
    ],
)
@pytest.mark.usefixtures("four_cores")
def test_what_is_not_here_is_refused(text: str, words: str) -> None:
    with pytest.raises(BadWorkers, match=re.escape(words)):
        check_devices(parse_workers(text))


@pytest.mark.parametrize(
    ("here", "words"),
    [([], "torch sees no CUDA device"), ([8 * GIB], "torch sees 1 CUDA device, cuda:0")],
)
def test_how_many_devices_there_are_is_said(
    monkeypatch: pytest.MonkeyPatch, here: list[float], words: str
) -> None:
    monkeypatch.setattr(devices, "_cuda_memory", lambda: here)
    with pytest.raises(BadWorkers, match=words):
        check_devices(parse_workers("cuda:7"))


@pytest.mark.usefixtures("four_cores")
def test_many_workers_may_share_cores_but_none_may_exceed_them() -> None:
    check_devices(parse_workers("cpu:4,cpu:4,cpu:3"))  # does not raise
    with pytest.raises(BadWorkers, match="two workers are named"):
        check_devices([WorkerSpec("a", "cpu"), WorkerSpec("a", "cpu")])
    with pytest.raises(BadWorkers, match="no workers"):
        check_devices([])


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"device": "cuda"}, "unknown device 'cuda'; did you mean"),
        ({"slots": 0}, "slots must be"),
        ({"threads": 0}, "threads must be"),
        ({"dtype": "int8"}, "not in 'int8'"),
        ({"memory_bytes": math.nan}, "memory must be > 0"),
        ({"name": ""}, "a name has"),
    ],
)
def test_a_spec_made_by_hand_is_held_to_the_same(fields: dict, words: str) -> None:
    with pytest.raises(AlloclabError, match=words):
        WorkerSpec(**{"name": "w", "device": "cpu"} | fields)


# ----- cores -------------------------------------------------------------------------------------
def cores(text: str, cpus: list[int]) -> tuple[list[list[int]], bool]:
    found = core_sets(parse_workers(text), cpus)
    return [sorted(s) for s in found.sets], found.oversubscribed


@pytest.mark.parametrize(
    ("text", "cpus", "sets", "shared"),
    [
        ("cpu:1,cpu:2", [0, 1, 2, 3], [[0], [1, 2]], False),
        ("cpu:1,cpu:1", [5, 3], [[5], [3]], False),
        ("cpu:2,cpu:1", [0, 1], [[0, 1], [0]], True),
        ("cpu:2,cpu:2,cpu:2", [0, 1, 2], [[0, 1], [0, 2], [1, 2]], True),
        ("cpu:9", [0, 1], [[0, 1]], False),
        ("cpu:1,cuda:0,cuda:1", [0, 1, 2], [[0], [1, 2], [1, 2]], False),
        ("cuda:0,cpu:2", [0, 1], [[0, 1], [0, 1]], True),
        ("cpu:1,cuda:0,cuda:1", [0, 1], [[0], [1], [1]], True),
    ],
)
def test_pinning(text: str, cpus: list[int], sets: list[list[int]], shared: bool) -> None:
    assert cores(text, cpus) == (sets, shared)


def test_every_physical_core_is_used_before_any_sibling(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = {cpu: frozenset({cpu - cpu % 2, cpu - cpu % 2 + 1}) for cpu in range(4)}
    monkeypatch.setattr(host, "usable_cpus", lambda: [0, 1, 2, 3])
    monkeypatch.setattr(host, "sibling_sets", lambda cpus: pairs)
    assert core_sets(parse_workers("cpu:1,cpu:1")).sets == [{0}, {2}]
    assert core_sets(parse_workers("cpu:2,cpu:2")).sets == [{0, 2}, {1, 3}]


def test_nothing_to_pin_to() -> None:
    with pytest.raises(BadWorkers, match="no CPUs"):
        core_sets(parse_workers("cpu"), [])


# ----- the cluster -------------------------------------------------------------------------------
@pytest.mark.usefixtures("four_cores")
def test_the_cluster_has_the_workers_as_nodes() -> None:
    specs = parse_workers("a=cpu:2x2,b=cpu+1GiB,cuda:1,cuda:1x3,cuda:0")
    cluster = devices.workers_cluster(specs)
    assert [n.name for n in cluster.nodes] == [s.name for s in specs]
    assert [n.kind for n in cluster.nodes] == ["cpu", "cpu", "gpu", "gpu", "gpu"]
    assert [n.slots for n in cluster.nodes] == [2, 1, 1, 3, 1]
    assert [n.labels for n in cluster.nodes] == [("entry",), (), (), (), ()]
    # Two CPU workers share 64 GiB, one of which said 1; two share the 24 GiB of cuda:1.
    assert [n.memory_bytes / GIB for n in cluster.nodes] == [32, 1, 12, 12, 8]
    assert len({n.host for n in cluster.nodes}) == 1 and cluster.nodes[0].host
    assert len(cluster.links) == 20 and set(map(len, cluster.routes.values())) == {1}
    assert {x.bandwidth for x in cluster.links} == {devices.PLACEHOLDER_BANDWIDTH}


def test_one_worker_needs_no_link() -> None:
    cluster = devices.workers_cluster(parse_workers("cpu"))
    assert cluster.links == () and len(cluster.nodes) == 1


@pytest.mark.usefixtures("four_cores")
def test_a_cluster_of_absent_devices_is_refused() -> None:
    with pytest.raises(BadWorkers, match="no cuda:2"):
        devices.workers_cluster(parse_workers("cuda:2"))


def test_torch_stays_out_until_a_cuda_device_is_named() -> None:
    script = (
        "import sys\nfrom realrun import devices\n"
        "devices.core_sets(devices.parse_workers('cuda:0'))\n"
        "devices.workers_cluster(devices.parse_workers('cpu,cpu'))\n"
        "print('torch' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


# ----- what the host says ------------------------------------------------------------------------
def test_limits_of_containers() -> None:
    assert host.cgroup_bytes("1073741824") == GIB
    assert host.cgroup_bytes("max") == host.cgroup_bytes("9223372036854771712") == math.inf
    assert host.cgroup_bytes("") == math.inf and host.cgroup_quota("None None") == math.inf
    assert host.cgroup_quota("0 100000") == math.inf


def test_memory_of_the_host_and_its_container(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "PROC", tmp_path)
    monkeypatch.setattr(host, "SYSTEM", tmp_path)
    assert host.host_memory() == math.inf and host.cpu_quota() == math.inf
    (tmp_path / "meminfo").write_text("MemTotal:    4194304 kB\nMemFree:  1 kB\n")
    assert host.host_memory() == 4 * GIB
    (tmp_path / "fs/cgroup/cpu").mkdir(parents=True)
    (tmp_path / "fs/cgroup/memory.max").write_text(f"{GIB:.0f}\n")
    assert host.host_memory() == GIB
    (tmp_path / "fs/cgroup/cpu/cpu.cfs_quota_us").write_text("250000\n")
    (tmp_path / "fs/cgroup/cpu/cpu.cfs_period_us").write_text("100000\n")
    assert host.cpu_quota() == 2.5
    (tmp_path / "fs/cgroup/cpu.max").write_text("150000 100000")
    assert host.cpu_quota() == 1.5


@pytest.mark.parametrize("text", ["a-b", "1-", "-1", "0,x", "0-1-2", "١"])
def test_a_list_of_cpus_that_is_none(text: str) -> None:
    with pytest.raises(AlloclabError, match="list of CPUs"):
        host.cpu_list(text)


def test_meminfo_without_a_total() -> None:
    assert host.meminfo_total("") is None
    assert host.meminfo_total("MemTotal: lots") is None
    assert host.meminfo_total("HugeMemTotal: 5 kB") is None
