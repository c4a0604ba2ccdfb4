"""Recorded answers of lscpu and nvidia-smi become clusters with the links that are there."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import scenarios
from realrun import host
from realrun.discover import Domain, Gpu, Machine, Part, Slice, describe, merge, probe
from realrun.discover.cards import CARDS, arithmetic, card_of, processor_of
from realrun.discover.cpus import parse_cpuinfo, parse_lscpu
from realrun.discover.nvidia import parse_list, parse_query, parse_topology
from scenarios import discovery
from scenarios.cluster_build import devices
from simulator.cluster import Cluster
from simulator.errors import AlloclabError

DATA = Path(__file__).parent / "data"
AVX2 = frozenset({"avx", "avx2", "fma"})


def text(name: str) -> str:
    return (DATA / name).read_text(encoding="utf-8")


def machine(name: str, numa: tuple[int, ...] = (0,), cores: int = 32, **more: object) -> Machine:
    """A machine with the recorded GPUs; two NUMA nodes or fewer lie on sockets of their own."""
    per_socket = max(1, len(numa) // 2)
    domains = tuple(Domain(n, cores, 2 * cores, 64e9, i // per_socket) for i, n in enumerate(numa))
    gpus = parse_query(text(f"query-{name}.csv"))
    topology = DATA / f"topo-{name}.txt"
    known = parse_topology(topology.read_text()) if topology.exists() else None
    found = Machine("box", "Some CPU", "x86_64", AVX2, domains, 2.0, "model name", gpus, known)
    return replace(found, **more)  # type: ignore[arg-type]


def cluster(found: Machine) -> Cluster:
    description = describe(found, devices())
    return discovery._found(description.cluster, description.notes, description.cores).cluster


def way(c: Cluster, a: str, b: str) -> list[str]:
    return [c.links[i].name for i in c.routes[c.index(a), c.index(b)]]


def bandwidth(c: Cluster, link: str) -> float:
    return next(x.bandwidth for x in c.links if x.name == link)


# ----- whole machines ----------------------------------------------------------------------------
def test_a_server_of_eight_a100_behind_nvswitch() -> None:
    c = cluster(machine("dgx-a100", (0, 1, 2, 3, 4, 5, 6, 7), 16))
    assert [n.name for n in c.nodes] == [f"cpu-{i}" for i in range(8)] + [
        f"gpu-{i}" for i in range(8)
    ]
    assert {n.device for n in c.nodes[8:]} == {"a100-80gb"}
    assert {n.memory_bytes for n in c.nodes[8:]} == {81920 * 2.0**20}
    # Twelve links of 25 GB/s lead from each card to the switch, whatever the number of peers.
    assert way(c, "gpu-0", "gpu-7") == ["gpu-0->nvswitch", "nvswitch->gpu-7"]
    assert bandwidth(c, "gpu-0->nvswitch") == 300e9
    # Network cards give away that GPU 0 and 1 hang on one PCIe switch, of NUMA node 3.
    assert way(c, "gpu-0", "cpu-3") == ["gpu-0->pcie-0", "pcie-0->cpu-3"]
    assert way(c, "gpu-1", "cpu-3")[1:] == ["pcie-0->cpu-3"]
    assert way(c, "gpu-4", "cpu-7") == ["gpu-4->pcie-2", "pcie-2->cpu-7"]
    assert bandwidth(c, "pcie-0->cpu-3") == 31.5e9
    # From one socket to the other: up to the socket's switch, across, and down.
    assert way(c, "cpu-0", "cpu-7") == ["cpu-0->socket-0", "socket-0->socket-1", "socket-1->cpu-7"]
    assert c.nodes[0].labels == ("entry",) and not any(n.labels for n in c.nodes[1:])


def test_a_server_of_eight_h100_where_each_has_its_own_pcie() -> None:
    c = cluster(machine("dgx-h100", (0, 1), 56))
    assert way(c, "gpu-3", "cpu-0") == ["gpu-3->cpu-0"]
    assert way(c, "gpu-4", "cpu-1") == ["gpu-4->cpu-1"]
    assert way(c, "gpu-0", "cpu-1") == ["gpu-0->cpu-0", "cpu-0->cpu-1"]
    assert bandwidth(c, "gpu-4->cpu-1") == 63e9
    assert bandwidth(c, "gpu-2->nvswitch") == 450e9
    assert {n.device for n in c.nodes if n.kind == "gpu"} == {"h100"}


def test_pcie_bridges_share_their_uplinks() -> None:
    c = cluster(machine("pcie-8", (0, 1)))
    # Pairs under one bridge (PIX), two pairs under the next (PXB), then the socket.
    assert way(c, "gpu-0", "gpu-1") == ["gpu-0->pcie-0", "pcie-0->gpu-1"]
    up = ["pcie-0->pcie-4", "pcie-4->cpu-0"]
    assert way(c, "gpu-0", "cpu-0") == ["gpu-0->pcie-0", *up]
    assert way(c, "gpu-1", "cpu-0")[1:] == up
    assert way(c, "gpu-2", "cpu-0")[-1] == "pcie-4->cpu-0"  # all four share the last
    assert "pcie-4->pcie-1" in way(c, "gpu-0", "gpu-3")
    across = way(c, "gpu-0", "gpu-7")
    assert across[2:5] == ["pcie-4->cpu-0", "cpu-0->cpu-1", "cpu-1->pcie-5"]
    # The card is not in the table of devices: its own peaks, no device's name, no price.
    node = c.nodes[c.index("gpu-0")]
    assert node.device == "" and node.peak_flops["fp16"] == 362e12
    assert node.memory_bandwidth == 864e9 and node.busy_watts == 350
    assert node.price_per_hour is None


def test_nvlink_of_a_pair_is_a_link_of_its_own() -> None:
    c = cluster(machine("workstation"))
    assert way(c, "gpu-0", "gpu-1") == ["gpu-0->gpu-1"]
    assert bandwidth(c, "gpu-0->gpu-1") == 4 * 14.0625e9
    # PHB: 0, 1 and 2 meet in the host bridge; NODE: 3 hangs on another of the same processor.
    assert way(c, "gpu-0", "gpu-2") == ["gpu-0->pcie-0", "pcie-0->gpu-2"]
    assert way(c, "gpu-2", "cpu") == ["gpu-2->pcie-0", "pcie-0->cpu"]
    assert way(c, "gpu-3", "cpu") == ["gpu-3->cpu"]


def test_messages_never_go_by_way_of_a_third_gpu() -> None:
    """Only chains of cards joined in pairs could tempt: 0 - 1 - 2 by NVLink, 0 to 2 by PCIe."""
    classes = {("GPU0", "GPU1"): "NV2", ("GPU1", "GPU2"): "NV2", ("GPU0", "GPU2"): "SYS"}
    classes |= {(b, a): kind for (a, b), kind in classes.items()}
    base = parse_topology(text("topo-pcie-8.txt"))
    wired = replace(
        base, devices=("GPU0", "GPU1", "GPU2"), classes=classes,
        numa={"GPU0": 0, "GPU1": 1, "GPU2": 1},
    )  # fmt: skip
    gpus = tuple(Gpu(i, "Tesla V100-SXM2-16GB", 16e9, 300.0, 3, 16) for i in range(3))
    c = cluster(machine("pcie-8", (0, 1), gpus=gpus, topology=wired))
    assert way(c, "gpu-0", "gpu-2") == ["gpu-0->cpu-0", "cpu-0->cpu-1", "cpu-1->gpu-2"]
    assert way(c, "gpu-0", "gpu-1") == ["gpu-0->gpu-1"]
    assert bandwidth(c, "gpu-0->gpu-1") == 50e9


def test_one_gpu() -> None:
    c = cluster(machine("one"))
    assert [(n.name, n.device) for n in c.nodes] == [("cpu", ""), ("gpu-0", "t4")]
    assert [x.name for x in c.links] == ["gpu-0->cpu", "cpu->gpu-0"]
    assert bandwidth(c, "gpu-0->cpu") == 15.8e9


def test_slices_of_a_gpu() -> None:
    found = machine("mig")
    slices = parse_list(text("list-mig.txt"))
    gpus = tuple(probe._sliced(gpu, slices[gpu.index]) for gpu in found.gpus)
    c = cluster(replace(found, gpus=gpus))
    names = ["cpu", "gpu-0-mig-0", "gpu-0-mig-1", "gpu-0-mig-2", "gpu-1"]
    assert [n.name for n in c.nodes] == names
    big, middle, small = c.nodes[1:4]
    assert [n.memory_bytes for n in (big, middle, small)] == [40e9, 20e9, 10e9]
    assert [n.memory_bandwidth / 2039e9 for n in (big, middle, small)] == pytest.approx(
        [4 / 8, 2 / 8, 1 / 8], rel=1e-3
    )
    assert [n.peak_flops["fp16"] / 312e12 for n in (big, middle, small)] == pytest.approx(
        [3 / 7, 2 / 7, 1 / 7], rel=1e-3
    )
    # Slices go through the card's one link, also to each other: out to the host and in again.
    out, back = "gpu-0-out->cpu", "cpu->gpu-0-in"
    assert way(c, "gpu-0-mig-0", "cpu") == ["gpu-0-mig-0->gpu-0-out", out]
    assert way(c, "gpu-0-mig-1", "gpu-0-mig-2")[1:3] == [out, back]
    assert c.nodes[4].device == "a100-80gb"  # the card that is not cut up


def test_a_gpu_without_slices_runs_nothing_while_mig_is_on() -> None:
    description = describe(machine("mig"), devices())
    assert "gpu-0" not in description.cluster["nodes"]
    assert any("MIG is on, but there is no slice" in note for note in description.notes)


def test_a_gpu_that_nobody_knows_is_marked() -> None:
    found = machine("one", gpus=(Gpu(0, "Acme Turbo 9"),), topology=None)
    description = describe(found, devices())
    assert any("'Acme Turbo 9' is not a known device" in note for note in description.notes)
    assert any("nvidia-smi does not say" in note for note in description.notes)
    node = cluster(found).nodes[1]
    assert node.peak_flops == devices()["l4"]["peak_flops"] and node.device == ""


def test_what_holds_for_several_gpus_is_said_once() -> None:
    notes = describe(machine("workstation"), devices()).notes
    said = "gpu-0, gpu-1, gpu-2, gpu-3: peaks of the data sheet; efficiency as that of a100-80gb"
    assert notes.count(said) == 1


def test_a_processor_of_the_table_is_named_and_another_counted() -> None:
    plain = machine("one", gpus=())
    node = cluster(plain).nodes[0]
    assert node.peak_flops["fp32"] == 32 * 2e9 * 32  # cores x clock x two FMA pipes of AVX2
    assert node.peak_flops["bf16"] == node.peak_flops["fp32"]
    assert node.memory_bytes == 64e9
    named = replace(plain, model="AMD EPYC 7763 64-Core Processor", domains=(Domain(0, 64, 128),))
    description = describe(named, devices())
    assert cluster(named).nodes[0].device == "epyc-7763" and description.notes == ()
    assert processor_of("Intel(R) Xeon(R) Platinum 8380H CPU @ 2.90GHz", 40) is None


@pytest.mark.parametrize(
    ("flags", "architecture", "expected"),
    [
        ("", "x86_64", (8, 8, 8)),
        ("avx", "x86_64", (16, 16, 16)),
        ("avx2 fma", "x86_64", (32, 32, 32)),
        ("avx2 fma avx512f", "x86_64", (64, 64, 64)),
        ("avx2 fma avx512f avx512_bf16 amx_bf16 avx512_fp16", "x86_64", (64, 128, 2048)),
        ("asimd", "aarch64", (16, 16, 16)),
        ("asimd asimdhp sve bf16", "aarch64", (32, 64, 128)),
    ],
)
def test_what_a_core_does_in_a_cycle(
    flags: str, architecture: str, expected: tuple[int, ...]
) -> None:
    able = arithmetic(architecture, frozenset(flags.split()))
    assert (able.fp32, able.fp16, able.bf16) == expected


def test_matrix_units_do_not_speed_up_other_work() -> None:
    flags = frozenset({"avx512f", "amx_bf16"})
    node = cluster(machine("one", gpus=(), flags=flags)).nodes[0]
    rate = {d: node.peak_flops[d] * node.efficiency[d]["other"] for d in ("fp32", "bf16")}
    assert rate["bf16"] == pytest.approx(rate["fp32"], rel=0.02)
    assert node.peak_flops["bf16"] == pytest.approx(32 * node.peak_flops["fp32"], rel=1e-3)


def test_every_listed_card_leads_to_a_device() -> None:
    assert {card.device for card in CARDS} <= set(devices())
    assert all(len(card.peaks) in (0, 3) and bool(card.peaks) == bool(card.gigabytes_per_s)
               for card in CARDS)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "device", "gigabytes"),
    [
        ("NVIDIA H100 80GB HBM3", "h100", 0), ("NVIDIA H100 PCIe", "h100", 2039),
        ("NVIDIA H200", "h100", 4800), ("NVIDIA GH200 480GB", "h100", 4000),
        ("NVIDIA A100 80GB PCIe", "a100-80gb", 1935), ("A100-SXM4-40GB", "a100-80gb", 1555),
        ("NVIDIA L4", "l4", 0), ("NVIDIA L40", "l4", 864), ("NVIDIA L40S", "l4", 864),
        ("NVIDIA A10", "l4", 600), ("NVIDIA A10G", "l4", 600), ("Tesla T4", "t4", 0),
        ("NVIDIA GeForce RTX 4090", "rtx-4090", 0), ("Tesla V100-SXM2-16GB", "t4", 900),
    ],
)  # fmt: skip
def test_names_of_cards(name: str, device: str, gigabytes: float) -> None:
    card = card_of(name)
    assert card is not None and (card.device, card.gigabytes_per_s) == (device, gigabytes)


@pytest.mark.parametrize("name", ["NVIDIA GeForce RTX 4090 Laptop GPU", "NVIDIA T400", "Orin"])
def test_names_that_only_look_like_a_card(name: str) -> None:
    assert card_of(name) is None


# ----- text --------------------------------------------------------------------------------------
def test_lscpu_flat_and_nested() -> None:
    flat = parse_lscpu(text("lscpu-2-sockets.json"))
    assert (flat.sockets, flat.threads_per_core, flat.ghz) == (2, 2, 2.0)
    assert flat.numa[1] == (*range(32, 64), *range(96, 128)) and "avx512f" in flat.flags
    nested = parse_lscpu(text("lscpu-nested.json"))
    assert nested.model.startswith("AMD EPYC 7763") and len(nested.numa) == 8
    assert (nested.ghz, nested.clock_source) == (2.45, "half of BogoMIPS")


def test_cores_of_numa_nodes() -> None:
    cpu = parse_lscpu(text("lscpu-2-sockets.json"))
    nothing: dict[int, None] = dict.fromkeys(cpu.numa)
    whole = probe.divide(cpu.numa, range(128), {}, cpu, nothing, {0: 1e9, 1: 2e9})
    assert [(d.cores, d.threads, d.socket, d.memory_bytes) for d in whole] == [
        (32, 64, 0, 1e9),
        (32, 64, 1, 2e9),
    ]
    part = probe.divide(cpu.numa, [40, 41, 104], {}, cpu, nothing, nothing)
    assert [(d.index, d.cores) for d in part] == [(1, 2)]
    pairs = {c: frozenset({c % 64, c % 64 + 64}) for c in range(128)}
    first = probe.divide(cpu.numa, range(64), pairs, cpu, nothing, nothing)
    assert [d.cores for d in first] == [32, 32]  # one thread of every core is all of them


def test_cpuinfo_where_there_is_no_lscpu() -> None:
    found = parse_cpuinfo("model name\t: Xeon\nflags\t: avx avx2\nbogomips\t: 4000.0\n")
    assert (found.model, found.flags) == ("Xeon", {"avx", "avx2"}) and found.ghz is None
    assert parse_cpuinfo("").model == ""


def test_a_list_without_and_with_slices() -> None:
    assert parse_list(text("list-mig.txt"))[0] == (
        Slice(0, "3g.40gb", 3, 40e9),
        Slice(1, "2g.20gb", 2, 20e9),
        Slice(2, "1c.1g.10gb+me", 1, 10e9),
    )
    assert parse_list(text("list-mig.txt"))[1] == () and parse_list("") == {}
    assert [s.compute for s in parse_list(text("list-mig-old.txt"))[0]] == [3, 3]


def test_topology_where_tabs_became_blanks() -> None:
    recorded = text("topo-pcie-8.txt")
    assert parse_topology(recorded.replace("\t", "    ")) == parse_topology(recorded)


@pytest.mark.parametrize(
    ("read", "broken", "words"),
    [
        (parse_lscpu, "lscpu: not found", "expected a JSON list 'lscpu'"),
        (parse_lscpu, '{"lscpu": [{"x": 1}]}', "expected a JSON list 'lscpu'"),
        (parse_lscpu, '{"lscpu": [{"field": "NUMA node0 CPU(s):", "data": "a"}]}', "list of CPUs"),
        (parse_query, "", "expected a first line 'index, name"),
        (parse_query, "index, name\n0\n", "line 2: 1 values, but line 1 names 2"),
        (parse_query, "index, name\nzero, T4\n", "line 2: index: expected a number, got 'zero'"),
        (parse_query, "index, name, memory.total [MiB]\n0, T4, 5 GB\n", "a number of MiB"),
        (parse_query, "index, name\n0, T4\n0, T4\n", "two GPUs have one index"),
        (parse_list, "GPU zero", "line 1: expected 'GPU 0: ...'"),
        (parse_list, "MIG 1g.5gb Device 0: (x)", "before any GPU"),
        (parse_list, "GPU 0: A100\nMIG 1x.5gb Device 0: (x)", "a MIG profile such as"),
        (parse_topology, "nonsense", "expected a line of headers GPU0"),
        (parse_topology, "\tGPU0\tGPU1\nGPU0\t X \tNV2\n", "there is no row of GPU1"),
        (parse_topology, "\tGPU0\tGPU1\nGPU0\t X \nGPU1\tNV2\t X \n", "row GPU0 has 1 cells"),
        (parse_topology, "\tGPU0\tGPU1\nGPU0\t X \tPIZ\nGPU1\tPIX\t X ", "did you mean 'PIX'"),
        (parse_topology, "\tGPU0\tGPU1\nGPU0\tPIX\t X \nGPU1\tPIX\t X ", "under GPU0 only"),
    ],
)
def test_text_that_cannot_be_read_is_one_sentence(
    read: Callable[[str], object], broken: str, words: str
) -> None:
    with pytest.raises(AlloclabError, match=re.escape(words)) as caught:
        read(broken)
    assert "\n" not in str(caught.value)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damaged_text_never_ends_in_a_traceback(data: st.DataObject) -> None:
    name, read = data.draw(st.sampled_from([
        ("lscpu-nested.json", parse_lscpu), ("query-mig.csv", parse_query),
        ("list-mig.txt", parse_list), ("topo-workstation.txt", parse_topology),
    ]))  # fmt: skip
    whole = text(name)
    start = data.draw(st.integers(0, len(whole)))
    length = data.draw(st.integers(0, 200))
    junk = data.draw(st.text(max_size=8))
    try:
        read(whole[:start] + junk + whole[start + length :])  # type: ignore[operator]
    except AlloclabError as error:
        assert len(str(error)) < 400


# ----- looking -----------------------------------------------------------------------------------
@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host of one core without lscpu, nvidia-smi, /proc and /sys."""
    monkeypatch.setattr(host, "SYSTEM", tmp_path / "sys")
    monkeypatch.setattr(host, "PROC", tmp_path / "proc")
    monkeypatch.setattr(host, "usable_cpus", lambda: [0])
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "bin").mkdir()
    return tmp_path


def program(folder: Path, name: str, body: str) -> None:
    path = folder / "bin" / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def answers(folder: Path, name: str, topology: str) -> None:
    """An nvidia-smi that gives recorded answers, as a driver too old for MIG would."""
    program(
        folder,
        "nvidia-smi",
        f"""case "$1" in
        *mig.mode*) echo 'Field "mig.mode.current" is not a valid field to query.'; exit 2;;
        --query*) cat {DATA}/query-{name}.csv;;
        -L) echo "GPU 0: some card (UUID: GPU-0)";;
        topo) {topology};;
        esac""",
    )


@pytest.mark.usefixtures("bare")
def test_a_machine_that_tells_nothing() -> None:
    found = probe.discover()
    assert [(d.cores, d.memory_bytes) for d in found.domains] == [(1, None)]
    assert found.gpus == () and found.remarks == ()
    c = cluster(found)
    assert [n.name for n in c.nodes] == ["cpu"] and c.nodes[0].memory_bytes == math.inf


def test_a_machine_with_a_gpu_is_found(bare: Path) -> None:
    answers(bare, "one", f"cat {DATA}/topo-one.txt")
    found = probe.discover()
    assert found.remarks == () and [n.device for n in cluster(found).nodes] == ["", "t4"]


def test_a_wiring_that_cannot_be_read_costs_the_wiring_alone(bare: Path) -> None:
    answers(bare, "one", "echo gibberish")
    found = probe.discover()
    assert len(found.gpus) == 1 and found.topology is None
    assert "expected a line of headers" in found.remarks[0]


def test_a_driver_that_fails_or_hangs_leaves_the_gpus_out(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(bare, "nvidia-smi", "echo 'NVIDIA-SMI has failed'; exit 9")
    assert "failed: NVIDIA-SMI has failed; GPUs are left out" in probe.discover().remarks[0]
    monkeypatch.setattr(probe, "PATIENCE", 0.1)
    program(bare, "nvidia-smi", "exec /bin/sleep 20")
    found = probe.discover()
    assert found.gpus == () and "did not answer within 0.1 s" in found.remarks[0]


def test_a_containers_limits_hold(bare: Path) -> None:
    folder = bare / "sys/fs/cgroup"
    folder.mkdir(parents=True)
    (folder / "cpu.max").write_text("50000 100000\n")
    (folder / "memory.max").write_text("1000000000\n")
    found = probe.discover()
    assert [(d.cores, d.memory_bytes) for d in found.domains] == [(0.5, 1e9)]
    assert "0.5 of 1 cores' time" in found.remarks[0]


def test_this_very_machine() -> None:
    found = discovery.this_machine()
    assert found.cluster.nodes[0].labels == ("entry",)
    assert found.to_dict()["nodes"][0]["cores"] == f"{found.cores[found.cluster.nodes[0].name]:g}"


def test_discovering_never_imports_torch() -> None:
    script = "import sys; from scenarios import discovery; discovery.this_machine()"
    run = subprocess.run(
        [sys.executable, "-c", f"{script}; print('torch' in sys.modules)"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert run.stdout.strip() == "False"


# ----- files -------------------------------------------------------------------------------------
def write(path: Path, found: Machine) -> Path:
    description = describe(found, devices())
    path.write_text(
        discovery._found(description.cluster, description.notes, description.cores).text
    )
    return path


@pytest.mark.parametrize("name", ["dgx-a100", "dgx-h100", "pcie-8", "workstation", "one", "mig"])
def test_files_are_read_back_and_run_a_scenario(name: str, tmp_path: Path) -> None:
    numa = {"dgx-a100": tuple(range(8)), "dgx-h100": (0, 1), "pcie-8": (0, 1)}.get(name, (0,))
    found = machine(name, numa)
    path = write(tmp_path / "box.yaml", found)
    read = scenarios.load_cluster(path)
    assert read == cluster(found)
    assert "# assumed: " in path.read_text()
    problem = scenarios.load("translation").on(read).problem()
    assert len(problem.node_names) == len(read.nodes)


def test_hosts_merge_into_one_cluster(tmp_path: Path) -> None:
    a = write(tmp_path / "a.yaml", machine("workstation", host="alpha"))
    b = write(tmp_path / "b.yaml", machine("one", host="beta"))
    out = tmp_path / "both.yaml"
    found = discovery.discover_to(out, [a, b], bandwidth=3e9, latency=1e-5)
    c = scenarios.load_cluster(out)
    assert [n.name for n in c.nodes][:2] == ["alpha/cpu", "alpha/gpu-0"] and c == found.cluster
    assert [n.name for n in c.nodes if "entry" in n.labels] == ["alpha/cpu"]
    assert {n.host for n in c.nodes} == {n.failure_domain for n in c.nodes} == {"alpha", "beta"}
    assert way(c, "alpha/gpu-3", "beta/gpu-0") == [
        "alpha/gpu-3->alpha/cpu", "alpha/cpu->network", "network->beta/cpu",
        "beta/cpu->beta/gpu-0",
    ]  # fmt: skip
    assert bandwidth(c, "alpha/cpu->network") == 3e9
    assert c.nodes[c.index("beta/gpu-0")].device == "t4"
    assert any(note.startswith("a: CPU peaks") for note in found.notes)
    assert "3.00 GB/s each way" in found.notes[-1]
    # What a host is by itself stays as it was.
    alone = scenarios.load_cluster(a)
    assert way(c, "alpha/gpu-0", "alpha/gpu-2") == [
        "->".join(f"alpha/{end}" for end in name.split("->"))
        for name in way(alone, "gpu-0", "gpu-2")
    ]


def test_what_cannot_be_merged(tmp_path: Path) -> None:
    a = write(tmp_path / "a.yaml", machine("one", host="alpha"))
    same = write(tmp_path / "c.yaml", machine("one", host="alpha"))
    b = write(tmp_path / "b.yaml", machine("one", host="beta"))
    both, out = tmp_path / "both.yaml", tmp_path / "out.yaml"
    discovery.discover_to(both, [a, b])
    bad = tmp_path / "bad.yaml"
    bad.write_text("alloclab: 1\nnodes: {x: {slots: none}}\n")
    for files, words in (
        ([a], "at least two hosts, got 1"),
        ([a, same], "describes host 'alpha', as"),
        ([both, a], "part of several hosts"),
        ([a, tmp_path / "absent.yaml"], "no such file"),
        ([a, bad], "slots"),
    ):
        with pytest.raises(AlloclabError, match=words):
            discovery.discover_to(out, files)
    with pytest.raises(AlloclabError, match=r"ends in \.yaml"):
        discovery.discover_to(tmp_path / "out.txt", [a, b])
    assert not out.exists()


def test_a_part_whose_links_cannot_be_read() -> None:
    nodes = {"cpu": {"host": "h"}}
    good = Part("good", {"name": "g", "nodes": {"cpu": {}}})
    bad = Part("bad", {"name": "h", "nodes": nodes, "links": {"cpu": {}}})
    with pytest.raises(AlloclabError, match="expected a link"):
        merge([good, bad])


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=80))
def test_any_hosts_name_can_be_written(name: str) -> None:
    found = machine("one", gpus=(), host=probe.host_name(name))
    assert cluster(found).nodes[0].host == probe.host_name(name)


# ----- the command -------------------------------------------------------------------------------
def command(*arguments: str) -> str:
    """Standard output of the verb, or the refusal."""
    import typer
    from typer.testing import CliRunner

    from scenarios.cli_discover import discover

    app = typer.Typer()
    app.command()(discover)
    done = CliRunner().invoke(app, list(arguments))
    return str(done.exception) if isinstance(done.exception, AlloclabError) else done.output


@pytest.mark.usefixtures("bare")
def test_the_command_shows_nodes_and_writes_the_file(tmp_path: Path) -> None:
    out = tmp_path / "here.yaml"
    shown = command("-o", str(out))
    assert "Nodes of" in shown and "cores" in shown and "Assumed:" in shown
    assert f"wrote {out}" in shown and scenarios.load_cluster(out).nodes[0].name == "cpu"
    assert '"cores": "1"' in command("--json")


def test_the_command_merges(tmp_path: Path) -> None:
    a = write(tmp_path / "a.yaml", machine("workstation", host="alpha"))
    b = write(tmp_path / "b.yaml", machine("one", host="beta"))
    shown = command("--merge", str(a), str(b), "--bandwidth", "8 Gbit/s")
    assert re.search(r"alpha/cpu->network +1\.00 GB/s", shown) and "beta/gpu-0" in shown


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["a.yaml"], "with --merge only"),
        (["--merge"], "at least two hosts"),
        (["--bandwidth", "1 GB/s"], "network that --merge puts in"),
        (["--merge", "a", "b", "--bandwidth", "fast"], "--bandwidth: expected a bandwidth"),
    ],
)
def test_the_command_refuses(arguments: list[str], words: str) -> None:
    assert words in command(*arguments)
