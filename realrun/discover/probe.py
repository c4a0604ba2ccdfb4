"""Looks at the machine at hand: runs lscpu and nvidia-smi, reads /proc and /sys."""

from __future__ import annotations

import math
import platform
import re
import shutil
import socket
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from realrun import host
from realrun.discover.cpus import Processor, parse_cpuinfo, parse_lscpu
from realrun.discover.machine import Domain, Gpu, Machine, Slice, Topology
from realrun.discover.nvidia import QUERY, parse_list, parse_query, parse_topology
from simulator.errors import AlloclabError

PATIENCE = 30.0
"""Seconds after which a command that does not answer is given up (drivers can take several)."""


@dataclass(frozen=True)
class Answer:
    """What a command said: its output, or why there is none."""

    text: str = ""
    failure: str = ""


def discover() -> Machine:
    """Describe this machine; what is absent is left out, and what fails becomes a remark.

    Raises
    ------
    AlloclabError
        A command answered something that cannot be read.
    """
    remarks: list[str] = []
    processor = _processor(remarks)
    gpus, topology = _gpus(remarks)
    return Machine(
        host=host_name(socket.gethostname()),
        model=processor.model,
        architecture=processor.architecture,
        flags=processor.flags,
        domains=_domains(processor, remarks),
        ghz=processor.ghz,
        clock_source=processor.clock_source,
        gpus=gpus,
        topology=topology,
        remarks=tuple(remarks),
    )


def host_name(text: str) -> str:
    """A host's name as a cluster file may hold it."""
    plain = re.sub(r"[^A-Za-z0-9._-]|-(?=-)", "", text)
    return plain[:50] or "localhost"


def run(command: Sequence[str]) -> Answer:
    """Run a command in plain English; one that is not installed has no output and no failure."""
    path = shutil.which(command[0])
    if path is None:
        return Answer()
    environment = {"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    try:
        done = subprocess.run(
            [path, *command[1:]],
            capture_output=True,
            timeout=PATIENCE,
            env=environment,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Answer(failure=f"{command[0]} did not answer within {PATIENCE:g} s")
    except OSError as error:
        return Answer(failure=f"{command[0]} cannot be run: {error.strerror}")
    text = done.stdout.decode("utf-8", "replace")
    if done.returncode != 0:
        said = (text + done.stderr.decode("utf-8", "replace")).strip().splitlines()
        reason = said[0][:160] if said else f"exit code {done.returncode}"
        return Answer(failure=f"{' '.join(command[:2])[:60]} failed: {reason}")
    return Answer(text)


# ----- processors --------------------------------------------------------------------------------
def _processor(remarks: list[str]) -> Processor:
    answer = run(["lscpu", "-J"])
    if answer.text:
        found = parse_lscpu(answer.text)
    else:
        if answer.failure:
            remarks.append(answer.failure)
        found = parse_cpuinfo(host.read(host.PROC / "cpuinfo") or "", platform.machine())
    base = host.read(host.SYSTEM / "devices/system/cpu/cpu0/cpufreq/base_frequency") or ""
    if re.fullmatch(r"[0-9]{6,8}", base):
        found = replace(found, ghz=int(base) / 1e6, clock_source="base frequency")
    numa = _numa_of_system() or found.numa
    return replace(found, architecture=found.architecture or platform.machine(), numa=numa)


def _numa_of_system() -> dict[int, tuple[int, ...]]:
    """Logical CPUs of every NUMA node that has some, from /sys."""
    found = {}
    for folder in (host.SYSTEM / "devices/system/node").glob("node[0-9]*"):
        cpus = host.cpu_list(host.read(folder / "cpulist") or "")
        if cpus and folder.name[4:].isdecimal():
            found[int(folder.name[4:])] = tuple(cpus)
    return dict(sorted(found.items()))


def _domains(processor: Processor, remarks: list[str]) -> tuple[Domain, ...]:
    """NUMA nodes as far as this process may use them."""
    usable = host.usable_cpus()
    siblings = host.sibling_sets(usable)
    if all(len(s) == 1 for s in siblings.values()) and processor.threads_per_core > 1:
        siblings = {}  # /sys does not tell, lscpu does
    numa = processor.numa or {0: tuple(usable)}
    packages = {index: _package(cpus) for index, cpus in numa.items()}
    memories = {index: _memory(index) for index in numa}
    found = divide(numa, usable, siblings, processor, packages, memories)
    cores = sum(d.cores for d in found)
    quota = host.cpu_quota()
    if quota < cores:
        remarks.append(f"this container may use {quota:g} of {cores:g} cores' time")
        found = [replace(d, cores=d.cores * quota / cores) for d in found]
    here = host.host_memory()
    known = sum(d.memory_bytes or math.inf for d in found)
    # One node has what the host has (its own figure leaves out memory that was plugged in later);
    # several share it evenly under a container's limit, or where they do not tell.
    if here < known or (len(found) == 1 and here < math.inf):
        found = [replace(d, memory_bytes=here / len(found)) for d in found]
    return tuple(found)


def divide(
    numa: Mapping[int, Sequence[int]],
    usable: Iterable[int],
    siblings: Mapping[int, frozenset[int]],
    processor: Processor,
    packages: Mapping[int, int | None],
    memories: Mapping[int, float | None],
) -> list[Domain]:
    """NUMA nodes with usable cores; all in one where no NUMA node has any of the usable CPUs."""
    mine = set(usable)
    found = []
    for place, (index, cpus) in enumerate(numa.items()):
        inside = sorted(mine & set(cpus))
        if not inside:
            continue
        if siblings:
            cores = len({min(siblings[cpu] & mine) for cpu in inside})
        else:
            cores = math.ceil(len(inside) / processor.threads_per_core)
        socket_ = packages.get(index)
        if socket_ is None:
            socket_ = place * processor.sockets // len(numa)
        found.append(Domain(index, cores, len(inside), memories.get(index), socket_))
    return found or [Domain(0, max(1, len(mine)), max(1, len(mine)))]


def _package(cpus: Sequence[int]) -> int | None:
    """Socket of a NUMA node."""
    path = host.SYSTEM / f"devices/system/cpu/cpu{cpus[0]}/topology/physical_package_id"
    text = host.read(path) or ""
    return int(text) if text.isdecimal() else None


def _memory(index: int) -> float | None:
    text = host.read(Path(host.SYSTEM) / f"devices/system/node/node{index}/meminfo")
    return host.meminfo_total(text or "")


# ----- GPUs --------------------------------------------------------------------------------------
def _gpus(remarks: list[str]) -> tuple[tuple[Gpu, ...], Topology | None]:
    """What nvidia-smi says; nothing where there is none, or where its driver fails."""
    answer = _query(QUERY)
    if "not a valid field" in answer.failure:
        older = _query([key for key in QUERY if not key.startswith("mig.")])
        answer = older if older.text else answer
    if answer.failure:
        remarks.append(f"{answer.failure}; GPUs are left out")
    if not answer.text.strip() or answer.text.strip() == "No devices were found":
        return (), None
    gpus = parse_query(answer.text)
    slices = parse_list(_said(run(["nvidia-smi", "-L"]), remarks))
    gpus = tuple(_sliced(gpu, slices.get(gpu.index, ())) for gpu in gpus)
    if len(gpus) == 0:
        return (), None
    text = _said(run(["nvidia-smi", "topo", "-m"]), remarks)
    try:
        return gpus, parse_topology(text) if text else None
    except AlloclabError as error:  # the GPUs are known; only their wiring is not
        remarks.append(str(error))
        return gpus, None


def _sliced(gpu: Gpu, slices: tuple[Slice, ...]) -> Gpu:
    return replace(gpu, slices=slices, partitioned=gpu.partitioned or bool(slices))


def _query(keys: Sequence[str]) -> Answer:
    return run(["nvidia-smi", f"--query-gpu={','.join(keys)}", "--format=csv"])


def _said(answer: Answer, remarks: list[str]) -> str:
    if answer.failure:
        remarks.append(answer.failure)
    return answer.text
