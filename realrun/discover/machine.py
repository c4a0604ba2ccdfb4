"""What was found on a machine, before anything is assumed about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Domain:
    """A NUMA node with cores; a machine without NUMA is one.

    Parameters
    ----------
    index : int
        The kernel's number.
    cores : float
        Physical cores that may be used; a container's quota can make it a fraction.
    threads : int
        Logical CPUs on them.
    memory_bytes : float or None
    socket : int
    """

    index: int
    cores: float
    threads: int
    memory_bytes: float | None = None
    socket: int = 0


@dataclass(frozen=True)
class Slice:
    """A MIG slice of a GPU.

    Parameters
    ----------
    index : int
        Number of the MIG device on its GPU.
    profile : str
        Such as ``3g.20gb``.
    compute : int
        Of the GPU's compute slices (seven of most cards).
    memory_bytes : float
        Nominal, as the profile says.
    """

    index: int
    profile: str
    compute: int
    memory_bytes: float


@dataclass(frozen=True)
class Gpu:
    """A GPU as nvidia-smi describes it; what it does not say is None.

    Parameters
    ----------
    index : int
    name : str
    memory_bytes, power_watts : float or None
        Total memory; power limit.
    pcie_generation, pcie_width : int or None
        The fastest that card and slot can do.
    partitioned : bool
        Whether MIG is on: then it runs nothing but its slices.
    slices : tuple of Slice
    """

    index: int
    name: str
    memory_bytes: float | None = None
    power_watts: float | None = None
    pcie_generation: int | None = None
    pcie_width: int | None = None
    partitioned: bool = False
    slices: tuple[Slice, ...] = ()


@dataclass(frozen=True)
class Topology:
    """How GPUs and network cards hang together, as ``nvidia-smi topo -m`` has it.

    Parameters
    ----------
    devices : tuple of str
        ``GPU0``, ..., and network cards.
    classes : mapping of (device, device) to str
        ``NV12``, ``PIX``, ``PXB``, ``PHB``, ``NODE`` or ``SYS``; of devices that differ.
    numa : mapping of device to NUMA node
        Of the GPUs for which it is known.
    """

    devices: tuple[str, ...]
    classes: Mapping[tuple[str, str], str]
    numa: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Machine:
    """A host: processor, NUMA nodes, GPUs.

    Parameters
    ----------
    host : str
    model : str
        Model name of the processor.
    architecture : str
        Such as ``x86_64``.
    flags : frozenset of str
        Instruction sets, as the kernel calls them.
    domains : tuple of Domain
        At least one.
    ghz : float or None
        Base clock.
    clock_source : str
        Where the clock comes from.
    gpus : tuple of Gpu
    topology : Topology or None
    remarks : tuple of str
        What could not be found out, in sentences.
    """

    host: str
    model: str
    architecture: str
    flags: frozenset[str]
    domains: tuple[Domain, ...]
    ghz: float | None = None
    clock_source: str = ""
    gpus: tuple[Gpu, ...] = ()
    topology: Topology | None = None
    remarks: tuple[str, ...] = ()
