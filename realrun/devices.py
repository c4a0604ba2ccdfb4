"""Workers: which device each process of a real run computes on, with how much of it.

A list of workers is written ``cpu:1,cpu:1@bf16,cuda:0x3,fast=cpu:2+4GB``: a device, then slots,
dtype and memory in any order. Importing this module, and asking about CPU workers, never imports
torch; only a ``cuda`` device does.
"""

from __future__ import annotations

import math
import re
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from realrun import host
from simulator.cluster import Cluster, Node
from simulator.errors import AlloclabError, UnknownName, nearest, unknown
from simulator.units import format_si, parse

ENTRY = "entry"
"""Label of the worker where requests come in: the first one."""

PLACEHOLDER_BANDWIDTH = 100e9
"""Bytes/s of every link of `workers_cluster` until a calibration puts in what it measured."""

DTYPES = {"cpu": ("fp32", "bf16"), "cuda": ("fp32", "fp16", "bf16")}
"""What a worker may compute fp32 models in; a CPU without fp16 arithmetic takes ages for it."""

_ALIASES = {"gpu": "cuda", "nvidia": "cuda", "host": "cpu", "core": "cpu", "cores": "cpu"}
_WORKER = re.compile(r"(?:(?P<name>[^=]*)=)?(?P<kind>[A-Za-z]+?)(?::(?P<number>[^x@+]*))?"
                     r"(?P<rest>(?:x(?=\d)|[@+]).*)?")  # fmt: skip
_SUFFIX = re.compile(r"(x|@|\+)([^x@+]+)")
_NAME = re.compile(r"(?!.*(->|--))[^\x00-\x20\x7f,=]([^\x00-\x1f\x7f,=]{0,119})")
_EXAMPLE = "such as 'cpu:2', 'cuda:0x3', 'cpu:1@bf16' or 'fast=cpu:4+8GB'"
_MOST = {"threads": 4096, "slots": 1024, "index": 1023}


class BadWorkers(AlloclabError, ValueError):
    """A list of workers that cannot be read, or names what is not here."""


@dataclass(frozen=True)
class WorkerSpec:
    """One worker process and the device it is bound to.

    Parameters
    ----------
    name : str
    device : str
        ``cpu``, or ``cuda:0`` and so on.
    threads : int
        Threads inside one operator; of CPU workers only.
    dtype : str
        Models of fp32 compute in this dtype here; messages keep the model's own.
    slots : int
        Executions at once.
    memory_bytes : float
        Infinite: a share of what the device has.
    """

    name: str
    device: str
    threads: int = 1
    dtype: str = "fp32"
    slots: int = 1
    memory_bytes: float = math.inf

    def __post_init__(self) -> None:
        where = f"worker {self.name!r}"
        if _NAME.fullmatch(self.name) is None:
            raise BadWorkers(f"{where}: a name has 1 to 120 characters and no ',', '=', '->', '--'")
        if self.kind not in DTYPES or re.fullmatch(r"cpu|cuda:\d+", self.device) is None:
            raise unknown("device", self.device, ["cpu", "cuda:0"], where)
        if self.dtype not in DTYPES[self.kind]:
            raise _no_dtype(where, self.kind, self.dtype)
        for field, least in (("threads", self.threads), ("slots", self.slots)):
            if not isinstance(least, int) or not 1 <= least <= _MOST[field]:
                raise BadWorkers(f"{where}: {field} must be 1 to {_MOST[field]}, got {least!r}")
        if not self.memory_bytes > 0:
            raise BadWorkers(f"{where}: memory must be > 0, got {self.memory_bytes!r}")

    def __str__(self) -> str:
        """As `parse_workers` reads it, without the name."""
        text = self.device + (f":{self.threads}" if self.kind == "cpu" else "")
        text += f"x{self.slots}" if self.slots > 1 else ""
        text += f"@{self.dtype}" if self.dtype != "fp32" else ""
        return text + (f"+{self.memory_bytes:.0f}B" if self.memory_bytes < math.inf else "")

    @property
    def kind(self) -> str:
        """``cpu`` or ``cuda``."""
        return self.device.partition(":")[0]

    @property
    def index(self) -> int:
        """Number of the CUDA device; 0 for a CPU."""
        return int(self.device.partition(":")[2] or 0)


class CoreSets(NamedTuple):
    """Logical CPUs to pin each worker to.

    Parameters
    ----------
    sets : list of frozenset of int
        In the order of the workers.
    oversubscribed : bool
        Whether workers have to share CPUs.
    """

    sets: list[frozenset[int]]
    oversubscribed: bool


# ----- reading a list ----------------------------------------------------------------------------
def parse_workers(text: str) -> tuple[WorkerSpec, ...]:
    """Read a list of workers.

    Parameters
    ----------
    text : str
        ``[name=]cpu[:threads]`` or ``[name=]cuda[:index]``, then any of ``xSLOTS``, ``@dtype`` and
        ``+memory``; several are separated by commas. CPU workers without a name are called
        ``cpu-0``, ``cpu-1``, ..., the one on ``cuda:i`` is ``cuda-i``, a second one there
        ``cuda-i-2``.

    Raises
    ------
    BadWorkers, UnknownName
        One sentence that names the worker, what was wrong and what is allowed.

    Examples
    --------
    >>> [(w.name, w.device, w.threads, w.slots) for w in parse_workers("cpu:2,big=cuda:1x3")]
    [('cpu-0', 'cpu', 2, 1), ('big', 'cuda:1', 1, 3)]
    """
    parts = [part.strip() for part in text.split(",")]
    if not any(parts):
        raise BadWorkers(f"there are no workers: give a list {_EXAMPLE}, separated by commas")
    if not all(parts):
        raise BadWorkers(f"workers {text[:60]!r}: a worker is missing beside a comma")
    read = [_parts_of(part) for part in parts]
    given = [fields["name"] for fields in read if fields["name"] is not None]
    twice = next((name for name in given if given.count(name) > 1), None)
    if twice is not None:
        raise BadWorkers(f"two workers are named {twice!r}; names must differ")
    taken = set(given)
    for fields in read:
        if fields["name"] is None:
            fields["name"] = _free_name(fields["device"], taken)
            taken.add(fields["name"])
    return tuple(WorkerSpec(**fields) for fields in read)


def _parts_of(part: str) -> dict:
    """Fields of `WorkerSpec` that one worker of the list says; no name is None."""
    where = f"worker {part[:60]!r}"
    match = _WORKER.fullmatch(part)
    if match is None:
        raise BadWorkers(f"{where}: expected a worker {_EXAMPLE}")
    kind = match["kind"].lower()
    if kind not in DTYPES:
        if kind in _ALIASES:
            raise UnknownName(
                f"{where}: unknown device kind {match['kind']!r}; did you mean "
                f"{_ALIASES[kind]!r}? (known: cpu, cuda)"
            )
        raise unknown("device kind", match["kind"], DTYPES, where)
    fields: dict = {"name": None if match["name"] is None else match["name"].strip()}
    if fields["name"] == "":
        raise BadWorkers(f"{where}: the name before '=' is empty")
    if kind == "cuda":
        fields["device"] = f"cuda:{_whole(match['number'], where, 'index', 0)}"
    else:
        fields["device"] = "cpu"
        fields["threads"] = _whole(match["number"], where, "threads", 1)
    return fields | _suffixes(match["rest"] or "", kind, where)


def _suffixes(text: str, kind: str, where: str) -> dict:
    """What slots, dtype and memory say behind the device."""
    fields: dict = {}
    end = 0
    for match in _SUFFIX.finditer(text):
        key = {"x": "slots", "@": "dtype", "+": "memory_bytes"}[match[1]]
        if match.start() != end:
            break
        if key in fields:
            raise BadWorkers(f"{where}: {key.removesuffix('_bytes')} is given twice")
        end, value = match.end(), match[2]
        if key == "slots":
            fields[key] = _whole(value, where, "slots", 1)
        elif key == "dtype":
            if value not in DTYPES[kind]:
                raise _no_dtype(where, kind, value)
            fields[key] = value
        else:
            fields[key] = parse(value, "bytes", f"{where}: memory")
    if end != len(text):
        raise BadWorkers(f"{where}: cannot read {text[end:][:20]!r}; expected a worker {_EXAMPLE}")
    return fields


def _whole(text: str | None, where: str, field: str, least: int) -> int:
    """A whole number that may be left out."""
    if text is None:
        return least
    if re.fullmatch(r"[0-9]{1,6}", text) is None or not least <= int(text) <= _MOST[field]:
        raise BadWorkers(
            f"{where}: {field} must be a whole number from {least} to {_MOST[field]}, got {text!r}"
        )
    return int(text)


def _no_dtype(where: str, kind: str, dtype: str) -> AlloclabError:
    choices = DTYPES[kind]
    return BadWorkers(
        f"{where}: a {kind} worker computes in {' or '.join(choices)}, not in {dtype[:20]!r}"
        f"{nearest(dtype, choices)}"
    )


def _free_name(device: str, taken: set[str]) -> str:
    if device == "cpu":
        return next(f"cpu-{i}" for i in range(len(taken) + 1) if f"cpu-{i}" not in taken)
    name = device.replace(":", "-")
    others = (f"{name}-{i}" for i in range(2, len(taken) + 3))
    return name if name not in taken else next(other for other in others if other not in taken)


# ----- what is here ------------------------------------------------------------------------------
def check_devices(specs: Sequence[WorkerSpec]) -> None:
    """Refuse workers whose device is not here, or is smaller than they ask for.

    All workers together may ask for more threads than there are cores (`core_sets` says so), but
    not one of them alone: its threads could never run at once.

    Raises
    ------
    BadWorkers
        One sentence that names the worker, what it asks for and what is here.
    """
    if not specs:
        raise BadWorkers("there are no workers")
    names = [spec.name for spec in specs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise BadWorkers(f"two workers are named {twice!r}; names must differ")
    cores = len(host.usable_cpus())
    gpus = _cuda_memory() if any(spec.kind == "cuda" for spec in specs) else []
    for spec in specs:
        where = f"worker {spec.name!r}"
        if spec.kind == "cpu" and spec.threads > cores:
            raise BadWorkers(
                f"{where}: {spec.threads} threads are more than the {_count(cores, 'core')} that "
                "this process may use"
            )
        if spec.kind == "cuda" and spec.index >= len(gpus):
            raise BadWorkers(f"{where}: there is no {spec.device} here{_which(len(gpus))}")
        here = gpus[spec.index] if spec.kind == "cuda" else host.host_memory()
        if here < spec.memory_bytes < math.inf:
            raise BadWorkers(
                f"{where}: {format_si(spec.memory_bytes, 'B')} of memory are more than the "
                f"{format_si(here, 'B')} of {'the host' if spec.kind == 'cpu' else spec.device}"
            )


def _which(count: int) -> str:
    if not count:
        return ": torch sees no CUDA device"
    listed = "cuda:0" if count == 1 else f"cuda:0 to cuda:{count - 1}"
    return f": torch sees {_count(count, 'CUDA device')}, {listed}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _cuda_memory() -> list[float]:
    """Bytes of each CUDA device that torch sees."""
    import torch

    if not torch.cuda.is_available():
        return []
    count = torch.cuda.device_count()
    return [float(torch.cuda.get_device_properties(i).total_memory) for i in range(count)]


def core_sets(specs: Sequence[WorkerSpec], cpus: Iterable[int] | None = None) -> CoreSets:
    """Logical CPUs to pin each worker to.

    A CPU worker gets as many as it has threads, of its own while there are enough; one of each
    physical core is taken before the second of any. Where they do not suffice, workers wrap around
    and share. CUDA workers share what CPU workers leave, or everything where nothing is left.

    Parameters
    ----------
    specs : sequence of WorkerSpec
    cpus : iterable of int, optional
        Those to use, in this order; default all that this process may use.
    """
    if cpus is None:
        usable = host.usable_cpus()
        order = host.by_core(usable, host.sibling_sets(usable))
    else:
        order = list(dict.fromkeys(cpus))
    if not order:
        raise BadWorkers("there are no CPUs to pin workers to")
    sets: list[frozenset[int]] = []
    used = 0
    for spec in specs:
        wanted = min(spec.threads, len(order)) if spec.kind == "cpu" else 0
        sets.append(frozenset(order[(used + i) % len(order)] for i in range(wanted)))
        used += wanted
    left = frozenset(order[used:]) or frozenset(order)
    gpus = sum(spec.kind == "cuda" for spec in specs)
    return CoreSets([mine or left for mine in sets], used + gpus > len(order))


# ----- the cluster that workers are --------------------------------------------------------------
def workers_cluster(specs: Sequence[WorkerSpec], name: str = "workers") -> Cluster:
    """The workers as nodes of one host, joined by a mesh, in their order and by their names.

    Links are placeholders of `PLACEHOLDER_BANDWIDTH` without latency, and nodes have no peak: a
    calibration says how long things take. Memory is what a worker says, else an equal share of
    the host's or the CUDA device's for each worker on it.

    Raises
    ------
    BadWorkers
        As `check_devices`.
    """
    check_devices(specs)
    here = socket.gethostname() or "localhost"
    nodes = [
        Node(
            name=spec.name,
            kind="cpu" if spec.kind == "cpu" else "gpu",
            slots=spec.slots,
            memory_bytes=_memory(spec, specs),
            host=here,
            labels=(ENTRY,) if i == 0 else (),
        )
        for i, spec in enumerate(specs)
    ]
    return Cluster.mesh(name, nodes, PLACEHOLDER_BANDWIDTH)


def _memory(spec: WorkerSpec, specs: Sequence[WorkerSpec]) -> float:
    if spec.memory_bytes < math.inf:
        return spec.memory_bytes
    total = host.host_memory() if spec.kind == "cpu" else _cuda_memory()[spec.index]
    return total / sum(other.device == spec.device for other in specs)
