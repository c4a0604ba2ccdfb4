"""What a task executes: the module, the tensors it takes from messages, the tensors it puts out.

A program maps the bundles of the inputs that a task uses to the bundle that it puts out. There are
four kinds.

* A **model of the catalogue** takes tensors by name (`realrun.tensors`); what no input brings is an
  example drawn for the request, as a sensor's last known state would be.
* A **stage** of a user's module that was cut takes and puts out tensors by name
  (`realrun.partition`).
* A **module of the user's** (``package.module:factory``) takes the tensors of its inputs in the
  order of the edges. Without inputs it takes what its method ``example_inputs(batch, generator)``
  returns, if it has one.
* A task **without a module** sleeps for its duration and puts out what its consumers' models want
  of it, or as many bytes as the scenario says, made from the bytes that came in.

Where several inputs bring a tensor of one name, they are fused: the mean of real numbers, the most
frequent of whole ones.
"""

from __future__ import annotations

import hashlib
import importlib
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
import torch

from realrun import models
from realrun.partition.reference import is_stage, parse_stage
from realrun.plan import DISTINCT_INPUTS, RunPlan
from realrun.tensors import TENSORS
from simulator.errors import AlloclabError

Bundle = dict[str, torch.Tensor]
_PRECISE = "fp32"


class BadModule(AlloclabError):
    """A module cannot be built, raised an error, or put out something else than was declared."""


class Place(Protocol):
    """Where programs run: a worker, or the process that composes them (`realrun.composing`)."""

    device: torch.device
    dtype: str

    def module(self, reference: str) -> torch.nn.Module:
        """The module of a reference, loaded once."""


class Program(Protocol):
    """One task's work."""

    def __call__(self, request: int, used: Mapping[int, Bundle]) -> Bundle:
        """Compute on the bundles of the used inputs, by edge."""


def split_reference(reference: str) -> tuple[str, str]:
    """(name, dtype) of ``encoder-large`` or ``encoder-large@fp16``; own modules have no dtype."""
    if is_stage(reference):
        return reference, _PRECISE  # an @ there belongs to the name of a file
    name, _, dtype = reference.partition("@")
    return name, dtype or _PRECISE


def computing_dtype(reference: str, place_dtype: str) -> str:
    """The dtype in which a model computes on a place: fp32 ones in the place's own."""
    dtype = split_reference(reference)[1]
    return place_dtype if dtype == _PRECISE else dtype


def build_module(reference: str, place_dtype: str, device: torch.device) -> torch.nn.Module:
    """Build a module in inference mode with its seeded weights.

    Raises
    ------
    BadModule, UnknownName
    """
    if is_stage(reference):
        from realrun.partition.modules import build_stage

        return build_stage(parse_stage(reference), device)
    name, _ = split_reference(reference)
    dtype = computing_dtype(reference, place_dtype)
    if ":" not in name:
        return models.build(name, dtype, seed=0, device=device)
    path, _, attribute = name.partition(":")
    try:
        factory = getattr(importlib.import_module(path), attribute)
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(0)
            module = factory()
    except Exception as error:
        raise BadModule(
            f"module {name!r} cannot be built: {type(error).__name__}: {error}"
        ) from None
    if not isinstance(module, torch.nn.Module):
        raise BadModule(f"module {name!r} is a {type(module).__name__}, not a torch.nn.Module")
    module.requires_grad_(False).eval()
    return module.to(device=device, dtype=getattr(torch, models.DTYPES[dtype]))


def build_program(plan: RunPlan, task: int, place: Place) -> Program:
    """The program of one task of a plan on a place."""
    reference = plan.module[task]
    if reference is None:
        return _Bare(plan, task, place)
    module = place.module(reference)
    if is_stage(reference):
        from realrun.partition.program import StageProgram

        return StageProgram(plan, task, place, reference, module)
    if ":" in reference:
        return _Own(plan, task, place, reference, module)
    return _Catalogue(plan, task, place, reference, module)


def along(program: Program | None, edge: int, bundle: Bundle) -> Bundle:
    """What of a program's output the message of an edge carries: all, or what is taken of it."""
    names = getattr(program, "sends", {}).get(edge)
    return bundle if names is None else {name: bundle[name] for name in names}


class Computing:
    """What programs with a module share."""

    def __init__(
        self, plan: RunPlan, task: int, place: Place, reference: str, module: torch.nn.Module
    ):
        self.plan, self.task, self.place = plan, task, place
        self.reference, self.module = reference, module
        self.inner = getattr(torch, models.DTYPES[computing_dtype(reference, place.dtype)])
        self.outer = getattr(torch, models.DTYPES[split_reference(reference)[1]])
        self.fusion = plan.fusion[task]

    def enter(self, tensor: torch.Tensor, convert: bool) -> torch.Tensor:
        """Onto the place's device and, real numbers, into the dtype in which it computes."""
        if convert and tensor.is_floating_point():
            return tensor.to(device=self.place.device, dtype=self.inner)
        return tensor.to(device=self.place.device)

    def leave(self, tensor: torch.Tensor) -> torch.Tensor:
        """Into the model's own dtype, which is that of its messages."""
        return tensor.to(self.outer) if tensor.dtype == self.inner else tensor

    def run(self, *arguments: torch.Tensor, **named: torch.Tensor) -> Any:
        """Call the module; what it raises is a sentence that names it."""
        try:
            with torch.inference_mode():
                return self.module(*arguments, **named)
        except (torch.cuda.OutOfMemoryError, MemoryError) as error:
            raise MemoryError(
                f"task {self.name!r}: {self.reference} ran out of memory: {error}"
            ) from None
        except Exception as error:
            raise BadModule(
                f"task {self.name!r}: module {self.reference!r} raised {type(error).__name__}: "
                f"{str(error).splitlines()[0] if str(error) else ''}"
            ) from None

    @property
    def name(self) -> str:
        """Name of the task."""
        return self.plan.task_names[self.task]


class _Catalogue(Computing):
    """A model of the catalogue: tensors by name."""

    def __init__(
        self, plan: RunPlan, task: int, place: Place, reference: str, module: torch.nn.Module
    ):
        super().__init__(plan, task, place, reference, module)
        self.spec = models.get(split_reference(reference)[0])

    def __call__(self, request: int, used: Mapping[int, Bundle]) -> Bundle:
        given = fused(used, self.fusion)
        missing = [name for name in self.spec.inputs if name not in given]
        if missing:
            drawn = example(self.plan, self.task, request, self.spec.name)
            given |= {name: drawn[name] for name in missing}
        arguments = [
            self.enter(given[name], TENSORS[name].kind == "float") for name in self.spec.inputs
        ]
        out = self.run(*arguments)
        values = out if isinstance(out, tuple | list) else (out,)
        bundle = dict(zip(self.spec.outputs, map(self.leave, values), strict=True))
        self._check(request, bundle)
        return bundle

    def _check(self, request: int, bundle: Bundle) -> None:
        sizes = _known_sizes(self.plan, request, self.spec.name)
        wanted = shapes(self.spec.name, self.plan.batch[self.task], tuple(sizes.items()))
        for name, tensor in bundle.items():
            if tuple(tensor.shape) != wanted[name]:
                raise BadModule(
                    f"task {self.name!r}: module {self.reference!r} put out {name!r} of shape "
                    f"{tuple(tensor.shape)} instead of {wanted[name]}"
                )


class _Own(Computing):
    """A module of the user's: tensors in the order of the edges."""

    def __call__(self, request: int, used: Mapping[int, Bundle]) -> Bundle:
        given = [tensor for edge in sorted(used) for tensor in used[edge].values()]
        if not given:
            given = self._examples(request)
        out = self.run(*(self.enter(tensor, True) for tensor in given))
        if isinstance(out, torch.Tensor):
            bundle = {"0": out}
        elif isinstance(out, Mapping):
            bundle = {str(k): v for k, v in out.items()}
        elif isinstance(out, tuple | list):
            bundle = {str(i): v for i, v in enumerate(out)}
        else:
            bundle = {"0": out}
        for name, tensor in bundle.items():
            if not isinstance(tensor, torch.Tensor):
                raise BadModule(
                    f"task {self.name!r}: module {self.reference!r} put out a "
                    f"{type(tensor).__name__} as {name!r} instead of a tensor"
                )
        bundle = {name: self.leave(tensor) for name, tensor in bundle.items()}
        self._check(bundle)
        return bundle

    def _examples(self, request: int) -> list[torch.Tensor]:
        make = getattr(self.module, "example_inputs", None)
        if make is None:
            return []
        seed = self.plan.input_seed * DISTINCT_INPUTS + request % DISTINCT_INPUTS
        made = make(self.plan.batch[self.task], torch.Generator().manual_seed(seed))
        if isinstance(made, torch.Tensor):
            return [made]
        return list(made.values()) if isinstance(made, Mapping) else list(made)

    def _check(self, bundle: Bundle) -> None:
        declared = self.plan.output_bytes[self.task]
        real = sum(t.numel() * t.element_size() for t in bundle.values())
        scaled = any(len(s) for s in self.plan.sizes)
        if declared > 0 and real != declared and not scaled:
            shown = ", ".join(f"{k}: {tuple(t.shape)} {t.dtype}" for k, t in bundle.items())
            raise BadModule(
                f"task {self.name!r}: module {self.reference!r} put out {real} bytes ({shown}), "
                f"but the scenario says output: {declared:g} B"
            )


class _Bare:
    """A task without a module: its duration, and what its consumers want."""

    def __init__(self, plan: RunPlan, task: int, place: Place):
        self.plan, self.task, self.place = plan, task, place
        self.wanted = _wanted(plan, task)

    def __call__(self, request: int, used: Mapping[int, Bundle]) -> Bundle:
        began = time.monotonic()
        bundle: Bundle = {}
        for consumer, model, names in self.wanted:
            drawn = example(self.plan, consumer, request, model)
            bundle |= {name: drawn[name] for name in names if name not in bundle}
        if not bundle:
            bundle = {"bytes": self._bytes(request, used)}
        if not self.plan.pad:  # else whoever pads the hold sleeps
            sleep_until(began + float(self.plan.work_s[request, self.task]))
        return bundle

    def _bytes(self, request: int, used: Mapping[int, Bundle]) -> torch.Tensor:
        """As many bytes as the edges carry, and different ones if other inputs came."""
        outgoing = np.flatnonzero(self.plan.edge_src == self.task)
        least = self.plan.output_bytes[self.task]
        size = int(self.plan.edge_bytes[request, outgoing].max(initial=least))
        text = (
            f"{self.plan.input_seed} {self.plan.task_names[self.task]} {request % DISTINCT_INPUTS}"
        )
        digest = hashlib.blake2b(text.encode(), digest_size=64)
        for edge in sorted(used):
            for name, tensor in used[edge].items():
                head = tensor.reshape(-1)[:64].cpu()
                digest.update(f"{edge} {name} {tuple(tensor.shape)}".encode())
                digest.update(head.contiguous().view(torch.uint8).numpy().tobytes())
        tile = np.frombuffer(digest.digest(), dtype=np.uint8)
        rows = -(-size // len(tile))
        return torch.from_numpy(np.tile(tile, rows)[:size])  # np.resize takes 20 times as long


def sleep_until(instant: float) -> None:
    """Sleep to an instant of CLOCK_MONOTONIC; the last 0.2 ms are spun, for precision."""
    left = instant - time.monotonic()
    if left > 0.0003:
        time.sleep(left - 0.0002)
    while time.monotonic() < instant:
        pass


def fused(used: Mapping[int, Bundle], rule: str | None) -> Bundle:
    """All tensors that came, by name; several of one name fused.

    Parameters
    ----------
    rule : str or None
        ``vote``: the most frequent value; else the mean of real numbers and the vote of others.
    """
    out: dict[str, list[torch.Tensor]] = {}
    for edge in sorted(used):
        for name, tensor in used[edge].items():
            out.setdefault(name, []).append(tensor)
    return {name: _fuse(values, rule) for name, values in out.items()}


def _fuse(values: Sequence[torch.Tensor], rule: str | None) -> torch.Tensor:
    if len(values) == 1:
        return values[0]
    stacked = torch.stack([v.to(values[0].device) for v in values])
    if rule == "vote" or not stacked.is_floating_point():
        return stacked.mode(dim=0).values
    return stacked.mean(dim=0)


def _wanted(plan: RunPlan, task: int) -> list[tuple[int, str, tuple[str, ...]]]:
    """(consumer, model, inputs that only this task can bring) of a task's consumers.

    Empty for a task that has inputs itself: then it is a step of its own, not a sensor.
    """
    if (plan.edge_dst == task).any():
        return []
    found = []
    for consumer in dict.fromkeys(plan.edge_dst[plan.edge_src == task].tolist()):
        reference = plan.module[consumer]
        if reference is None or ":" in reference:
            continue
        spec = models.get(split_reference(reference)[0])
        others: set[str] = set()
        for producer in plan.edge_src[plan.edge_dst == consumer]:
            made = plan.module[producer]
            if made is not None and ":" not in made:
                others |= set(models.get(split_reference(made)[0]).outputs)
        names = tuple(name for name in spec.inputs if name not in others)
        if names:
            found.append((consumer, spec.name, names))
    return found


def _known_sizes(plan: RunPlan, request: int, model: str) -> dict[str, int]:
    spec = models.get(model)
    return {k: v for k, v in plan.request_sizes(request).items() if k in spec.sizes}


def example(plan: RunPlan, task: int, request: int, model: str) -> Bundle:
    """Example inputs of a model for one request: always the same ones, drawn once."""
    sizes = tuple(sorted(_known_sizes(plan, request, model).items()))
    seed = plan.input_seed * DISTINCT_INPUTS + request % DISTINCT_INPUTS
    return _examples(model, plan.batch[task], seed, sizes)


@lru_cache(maxsize=1024)
def _examples(model: str, batch: int, seed: int, sizes: tuple[tuple[str, int], ...]) -> Bundle:
    named: dict[str, Any] = dict(sizes)
    return models.inputs(model, batch, seed=seed, **named)


@lru_cache(maxsize=4096)
def shapes(
    model: str, batch: int, sizes: tuple[tuple[str, int], ...]
) -> dict[str, tuple[int, ...]]:
    """Shapes that a model's outputs must have."""
    return models.output_shapes(model, batch, **dict(sizes))
