"""Connections inside a machine: NUMA nodes, PCIe with what is shared, NVLink.

PCIe is a tree. GPUs that a PCIe bridge joins (``PIX``, ``PXB``) or that hang on one host bridge
(``PHB``) meet in a switch whose up-link to the next one, or to their NUMA node, they share. On
different host bridges (``NODE``, ``SYS``) each has its own way to its NUMA node. NVLink hides how a
pair of GPUs is joined by PCIe; network cards beside them tell it all the same.

NVLink of a pair is a link of its own. Where all pairs together would need more NVLinks than a card
has, they are reached through NVSwitch, and a card's links to it serve all its peers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

from realrun.discover.cards import PCIE_LANE, UNKNOWN_CARD, card_of
from realrun.discover.machine import Gpu, Machine, Topology
from simulator.units import format_si

# Latencies are assumed, and chosen so that messages go by NVLink rather than by PCIe, but never
# by way of a third GPU: two NVLinks take longer than the whole way through both processors.
GPU_LATENCY = 5e-6
BRIDGE_LATENCY = 1e-6
NVLINK_LATENCY = 9e-6
DOMAIN_LATENCY = 0.5e-6

SOCKET_BANDWIDTH = 40e9
"""Bytes/s between sockets, each way: two links of 10.4 GT/s and two bytes."""
DOMAIN_BANDWIDTH = 100e9
"""Bytes/s between NUMA nodes of one socket, each way."""
DEFAULT_PCIE = 31.5e9
"""PCI Express 4.0 x16, where nvidia-smi does not say."""
SLICE_BANDWIDTH = 1e12
"""Inside a card: what its slices share is the card's PCIe link."""

SHARED = ("PIX", "PXB", "PHB")


@dataclass
class Connections:
    """Switches and links of a cluster file, and what was assumed.

    Parameters
    ----------
    switches : list of str
    links : dict of "a <-> b" to bandwidth and latency
    notes : list of str
    """

    switches: list[str] = field(default_factory=list)
    links: dict[str, dict[str, Any]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def join(self, a: str, b: str, bandwidth: float, latency: float, arrow: str = "<->") -> None:
        """Add a link."""
        self.links[f"{a} {arrow} {b}"] = {"bandwidth": bandwidth, "latency": latency}


@dataclass(frozen=True)
class End:
    """The upper end of a part of the PCIe tree: where it sends to, and where it is reached."""

    out: str
    into: str
    bandwidth: float
    latency: float


def domain_names(machine: Machine) -> dict[int, str]:
    """Node of each NUMA node: ``cpu`` where there is one, else ``cpu-0``, ``cpu-1``, ..."""
    if len(machine.domains) == 1:
        return {machine.domains[0].index: "cpu"}
    return {d.index: f"cpu-{d.index}" for d in machine.domains}


def gpu_name(gpu: Gpu) -> str:
    """Node of a GPU."""
    return f"gpu-{gpu.index}"


def pcie_bandwidth(gpu: Gpu) -> float | None:
    """Bytes/s of a card's PCIe link in one direction."""
    if gpu.pcie_generation is None or not gpu.pcie_width:
        return None
    lane = PCIE_LANE.get(gpu.pcie_generation)
    return None if lane is None else float(f"{lane * gpu.pcie_width:.3g}")


def connect(machine: Machine, domains: Mapping[int, str]) -> Connections:
    """All connections of a machine.

    Parameters
    ----------
    machine : Machine
    domains : mapping of NUMA node to node
    """
    found = Connections()
    _between_domains(machine, domains, found)
    gpus = [gpu for gpu in machine.gpus if not gpu.partitioned or gpu.slices]
    if not gpus:
        return found
    silent = [gpu_name(gpu) for gpu in gpus if pcie_bandwidth(gpu) is None]
    if silent:
        found.notes.append(f"{', '.join(silent)}: PCI Express 4.0 x16, nvidia-smi does not say")
    if machine.topology is None and len(gpus) > 1:
        found.notes.append("GPUs: how they are joined is not known; each has a link of its own")
    _pcie(machine, gpus, domains, found)
    if machine.topology is not None:
        _nvlink(machine.topology, [gpu for gpu in gpus if not gpu.partitioned], found)
    found.notes.append("latencies of links inside the machine")
    return found


# ----- between NUMA nodes ------------------------------------------------------------------------
def _between_domains(machine: Machine, domains: Mapping[int, str], found: Connections) -> None:
    """Sockets are joined pairwise; the NUMA nodes of one meet in a switch if there are several."""
    if len(machine.domains) < 2:
        return
    sockets: dict[int, list[str]] = {}
    for domain in machine.domains:
        sockets.setdefault(domain.socket, []).append(domains[domain.index])
    ends = []
    for socket, members in sorted(sockets.items()):
        if len(members) == 1:
            ends.append(members[0])
            continue
        switch = f"socket-{socket}"
        found.switches.append(switch)
        ends.append(switch)
        for member in members:
            found.join(member, switch, DOMAIN_BANDWIDTH, DOMAIN_LATENCY)
    for a, b in combinations(ends, 2):
        found.join(a, b, SOCKET_BANDWIDTH, DOMAIN_LATENCY)
    found.notes.append(
        f"between sockets {format_si(SOCKET_BANDWIDTH, 'B/s')} each way, between NUMA nodes of one "
        f"{format_si(DOMAIN_BANDWIDTH, 'B/s')}"
    )


# ----- PCIe --------------------------------------------------------------------------------------
def _pcie(
    machine: Machine, gpus: Sequence[Gpu], domains: Mapping[int, str], found: Connections
) -> None:
    """Join the GPUs of one bridge, then those bridges of one host bridge, then all to the CPUs."""
    ends = {gpu.index: _end(gpu, found) for gpu in gpus}
    topology = machine.topology
    if topology is not None:
        shared = _bridges(topology, ends, found)
        if shared:
            found.notes.append(
                "GPUs on one PCIe bridge or host bridge share an up-link as fast as one card's"
            )
    first = domains[machine.domains[0].index]
    joined: set[End] = set()
    for index, end in ends.items():
        if end in joined:
            continue
        joined.add(end)
        numa = None if topology is None else topology.numa.get(f"GPU{index}")
        if end.latency == GPU_LATENCY:  # a card of its own: its link and the root port at once
            end = replace(end, latency=GPU_LATENCY + BRIDGE_LATENCY)
        _join(end, first if numa is None else domains.get(numa, first), found)


def _end(gpu: Gpu, found: Connections) -> End:
    """The card's side of its PCIe link; the slices of a card meet there.

    Slices cannot reach each other inside the card. Two points, one for each direction, make a
    message between them go out and come in again.
    """
    name = gpu_name(gpu)
    bandwidth = pcie_bandwidth(gpu) or DEFAULT_PCIE
    if not gpu.partitioned:
        return End(name, name, bandwidth, GPU_LATENCY)
    end = End(f"{name}-out", f"{name}-in", bandwidth, GPU_LATENCY)
    found.switches += [end.out, end.into]
    for part in gpu.slices:
        node = f"{name}-mig-{part.index}"
        found.join(node, end.out, SLICE_BANDWIDTH, 0.0, "->")
        found.join(end.into, node, SLICE_BANDWIDTH, 0.0, "->")
    return end


def _join(end: End, above: str, found: Connections) -> None:
    if end.out == end.into:
        found.join(end.out, above, end.bandwidth, end.latency)
        return
    found.join(end.out, above, end.bandwidth, end.latency, "->")
    found.join(above, end.into, end.bandwidth, end.latency, "->")


def _bridges(topology: Topology, ends: dict[int, End], found: Connections) -> int:
    """Put a switch wherever several ends meet, nearest first; returns the number of switches."""
    count = 0
    for level in range(1, len(SHARED) + 1):
        for group in _groups(topology, list(ends), SHARED[:level]):
            meeting = list(dict.fromkeys(ends[index] for index in group))
            if len(meeting) < 2:
                continue
            switch = f"pcie-{count}"
            count += 1
            found.switches.append(switch)
            for end in meeting:
                _join(end, switch, found)
            fastest = max(end.bandwidth for end in meeting)
            ends |= dict.fromkeys(group, End(switch, switch, fastest, BRIDGE_LATENCY))
    return count


def _groups(topology: Topology, gpus: Sequence[int], classes: Sequence[str]) -> list[list[int]]:
    """GPUs that connections of these classes join, directly or by way of network cards."""
    parent = {device: device for device in topology.devices}

    def find(device: str) -> str:
        while parent[device] != device:
            device = parent[device]
        return device

    for (a, b), kind in topology.classes.items():
        if kind in classes:
            parent[find(a)] = find(b)
    groups: dict[str, list[int]] = {}
    for index in gpus:
        if f"GPU{index}" in parent:
            groups.setdefault(find(f"GPU{index}"), []).append(index)
    return list(groups.values())


# ----- NVLink ------------------------------------------------------------------------------------
def _nvlink(topology: Topology, gpus: Sequence[Gpu], found: Connections) -> None:
    """Links of pairs, or a switch where a card's pairs outnumber its NVLinks."""
    counts = {
        (a.index, b.index): int(kind[2:])
        for a, b in combinations(gpus, 2)
        if (kind := topology.classes.get((f"GPU{a.index}", f"GPU{b.index}"), "")).startswith("NV")
    }
    if not counts:
        return
    cards = {gpu.index: card_of(gpu.name) or UNKNOWN_CARD for gpu in gpus}
    needed = {
        index: sum(n for pair, n in counts.items() if index in pair)
        for index in dict.fromkeys(i for pair in counts for i in pair)
    }
    rates = {index: cards[index].nvlink_rate for index in needed}
    note = ", ".join(sorted({format_si(rate, "B/s") for rate in rates.values()}))
    found.notes.append(f"NVLink: {note} each way for each link")
    if any(needed[index] > (cards[index].nvlinks or UNKNOWN_CARD.nvlinks) for index in needed):
        found.switches.append("nvswitch")
        for index in needed:
            most = max(n for pair, n in counts.items() if index in pair)
            found.join(f"gpu-{index}", "nvswitch", most * rates[index], NVLINK_LATENCY / 2)
        return
    for (a, b), n in counts.items():
        rate = min(rates[a], rates[b])
        found.join(f"gpu-{a}", f"gpu-{b}", n * rate, NVLINK_LATENCY)
