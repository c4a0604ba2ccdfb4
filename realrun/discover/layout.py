"""A machine as the plain data of a cluster file, in base units, and what was assumed on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from realrun.discover import cards, links
from realrun.discover.cards import UNKNOWN_CARD, Card, Devices, figures
from realrun.discover.machine import Domain, Gpu, Machine, Slice
from simulator.units import format_si

ENTRY = "entry"


@dataclass(frozen=True)
class Description:
    """A cluster file and its margin.

    Parameters
    ----------
    cluster : dict
        ``name``, ``description``, ``nodes``, ``switches``, ``links`` of the format of clusters;
        numbers are in base units.
    notes : tuple of str
        What was assumed or left out, in sentences.
    cores : mapping of node to physical cores
        Of the nodes that are CPUs.
    """

    cluster: dict[str, Any]
    notes: tuple[str, ...]
    cores: Mapping[str, float]


def describe(machine: Machine, devices: Devices) -> Description:
    """Describe a machine as a cluster.

    One node for each NUMA node, each GPU, and each slice of a GPU on which MIG is on; links as
    `realrun.discover.links` says. The first node is the entry.

    Parameters
    ----------
    machine : Machine
    devices : mapping
        Fields of `simulator.Node` of every device that a cluster file may name.
    """
    notes = list(machine.remarks)
    nodes: dict[str, dict[str, Any]] = {}
    domains = links.domain_names(machine)
    for domain in machine.domains:
        nodes[domains[domain.index]] = _processor(machine, domain, devices)
    notes += _processor_notes(machine, devices)
    about: dict[str, list[str]] = {}
    for gpu in machine.gpus:
        found, remarks = _gpu(gpu, devices)
        nodes |= found
        for remark in remarks:
            about.setdefault(remark, []).append(links.gpu_name(gpu))
    notes += [f"{', '.join(names)}: {remark}" for remark, names in about.items()]
    for name, node in nodes.items():
        node |= {"host": machine.host, "failure_domain": machine.host}
        if name == domains[machine.domains[0].index]:
            node["labels"] = [ENTRY]
    connections = links.connect(machine, domains)
    data: dict[str, Any] = {"name": machine.host, "description": _sentence(machine)}
    data["nodes"] = nodes
    if connections.switches:
        data["switches"] = list(connections.switches)
    if len(nodes) > 1:
        data["links"] = dict(connections.links)
    cores = {domains[d.index]: d.cores for d in machine.domains}
    return Description(data, (*notes, *connections.notes), cores)


def _sentence(machine: Machine) -> str:
    """One sentence that describes the machine."""
    cores = sum(d.cores for d in machine.domains)
    numa = len(machine.domains)
    text = f"{machine.model or 'unnamed processor'}, {_plural(cores, 'core')}"
    threads = sum(d.threads for d in machine.domains)
    if threads > cores:
        text += f" ({_plural(threads, 'thread')})"
    if numa > 1:
        text += f" in {numa} NUMA nodes"
    counts = Counter(gpu.name for gpu in machine.gpus)
    return ", ".join([text, *(f"{n} x {name}" for name, n in counts.items())]) + "."


def _plural(number: float, noun: str) -> str:
    return f"{number:g} {noun}" if number == 1 else f"{number:g} {noun}s"


# ----- processors --------------------------------------------------------------------------------
def _processor(machine: Machine, domain: Domain, devices: Devices) -> dict[str, Any]:
    """Fields of the node that a NUMA node is."""
    memory = {} if domain.memory_bytes is None else {"memory": domain.memory_bytes}
    known = cards.processor_of(machine.model, domain.cores)
    if known in devices:
        return {"device": known, **memory}
    able = cards.arithmetic(machine.architecture, machine.flags)
    rate = domain.cores * (machine.ghz or cards.DEFAULT_GHZ) * 1e9
    peaks = {
        "fp32": figures(able.fp32 * rate),
        "fp16": figures(able.fp16 * rate),
        "bf16": figures(able.bf16 * rate),
    }
    return {
        "kind": "cpu",
        "peak_flops": peaks,
        "efficiency": cards.efficiency(devices[able.like]["efficiency"], peaks, native=True),
        **memory,
        "memory_bandwidth": figures(cards.CORE_BANDWIDTH * domain.cores),
        "load_bandwidth": cards.SSD_BANDWIDTH,
        "launch_overhead": devices[able.like]["launch_overhead_s"],
        "idle_watts": figures(cards.CORE_WATTS[0] * domain.cores),
        "busy_watts": figures(cards.CORE_WATTS[1] * domain.cores),
    }


def _processor_notes(machine: Machine, devices: Devices) -> list[str]:
    domains = machine.domains
    if all(cards.processor_of(machine.model, d.cores) in devices for d in domains):
        return []
    able = cards.arithmetic(machine.architecture, machine.flags)
    ghz = machine.ghz or cards.DEFAULT_GHZ
    source = machine.clock_source or "assumed"
    idle, busy = cards.CORE_WATTS
    return [
        f"CPU peaks: cores x {ghz:g} GHz ({source}) x {able.fp32:g} FLOP a cycle in fp32, "
        f"{able.fp16:g} in fp16, {able.bf16:g} in bf16 ({able.because}; two FMA pipes assumed); "
        f"efficiency as that of {able.like}",
        f"CPU memory: {format_si(cards.CORE_BANDWIDTH, 'B/s')} for each core; weights from an SSD "
        f"of {format_si(cards.SSD_BANDWIDTH, 'B/s')}; {idle:g} W idle and {busy:g} W busy for each "
        "core",
    ]


# ----- GPUs --------------------------------------------------------------------------------------
def _gpu(gpu: Gpu, devices: Devices) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Nodes that a GPU is (itself or its slices), and notes about them."""
    name = links.gpu_name(gpu)
    card = cards.card_of(gpu.name)
    notes = []
    if card is None:
        notes.append(f"{gpu.name!r} is not a known device; peaks as those of an L4")
        card = UNKNOWN_CARD
    if not gpu.partitioned:
        exact = not card.peaks and card is not UNKNOWN_CARD
        node = _figures(gpu, card, devices)
        if exact:
            return {name: {"device": card.device, **_measured(gpu)}}, notes
        if card is not UNKNOWN_CARD:
            notes.append(f"peaks of the data sheet; efficiency as that of {card.device}")
        return {name: node}, notes
    if not gpu.slices:
        return {}, [*notes, "MIG is on, but there is no slice; it runs nothing"]
    notes.append(
        "a MIG slice has its share of the card's peaks, bandwidth and power, by slices of "
        "compute and of memory; efficiency as that of the whole card"
    )
    whole = _figures(gpu, card, devices)
    slices = {f"{name}-mig-{s.index}": _share(whole, s, card, gpu) for s in gpu.slices}
    return slices, notes


def _measured(gpu: Gpu) -> dict[str, Any]:
    """What nvidia-smi says of the very card."""
    found: dict[str, Any] = {}
    if gpu.memory_bytes is not None:
        found["memory"] = gpu.memory_bytes
    load = links.pcie_bandwidth(gpu)
    if load is not None:
        found["load_bandwidth"] = load
    if gpu.power_watts is not None:
        found["busy_watts"] = gpu.power_watts
    return found


def _figures(gpu: Gpu, card: Card, devices: Devices) -> dict[str, Any]:
    """All figures of a card written out, without naming a device."""
    like = devices[card.device]
    peaks = dict(like["peak_flops"])
    shares = {dtype: dict(table) for dtype, table in like["efficiency"].items()}
    if card.peaks:
        peaks = {k: v * 1e12 for k, v in zip(("fp32", "fp16", "bf16"), card.peaks, strict=True)}
        shares = cards.efficiency(like["efficiency"], peaks)
    measured = _measured(gpu)
    watts = like["busy_watts"] if gpu.power_watts is None else gpu.power_watts
    return {
        "kind": "gpu",
        "peak_flops": peaks,
        "efficiency": shares,
        "memory": measured.get("memory", like["memory_bytes"]),
        "memory_bandwidth": card.gigabytes_per_s * 1e9 or like["memory_bandwidth"],
        "load_bandwidth": measured.get("load_bandwidth", like["load_bandwidth"]),
        "launch_overhead": like["launch_overhead_s"],
        "idle_watts": figures(watts / 8),
        "busy_watts": watts,
    }


def _share(whole: Mapping[str, Any], part: Slice, card: Card, gpu: Gpu) -> dict[str, Any]:
    """Figures of a MIG slice: of `card.slices` of compute, and of eight of memory."""
    compute = min(part.compute / card.slices, 1.0)
    total = gpu.memory_bytes or whole["memory"]
    eighths = max(1, min(8, round(8 * part.memory_bytes / total)))
    node = dict(whole)
    node["peak_flops"] = {k: figures(v * compute) for k, v in whole["peak_flops"].items()}
    node["memory"] = min(part.memory_bytes, total)
    node["memory_bandwidth"] = figures(whole["memory_bandwidth"] * eighths / 8)
    for key in ("idle_watts", "busy_watts"):
        node[key] = figures(whole[key] * compute)
    return node
