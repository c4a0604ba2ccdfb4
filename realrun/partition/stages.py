"""Stages of a module: contiguous pieces of its line of operators, each a torch module of its own.

Stage 0 are the module's inputs; stages 1 to k compute. A stage takes exactly the tensors that it
uses from the stages that make them, also over the heads of others (residual connections, masks), so
stages form a DAG, and those that do not depend on each other may run at the same time. The last one
puts out what the whole module does, as tensors named ``0``, ``1``, ...

Between stages tensors are contiguous; where an operator made another layout, the stage that takes
the tensor restores it, because kernels choose their order of summation by it. Composed, the stages
therefore give the bits of the whole module.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.fx.node import map_aggregate

from realrun.partition.chain import cut_chain, most_stages
from realrun.partition.flow import Flow, flow, tensor_bytes
from realrun.partition.reference import StageReference
from realrun.partition.source import Source, load
from realrun.programs import BadModule

MOST_STAGES = 256


@dataclass(frozen=True)
class TensorInfo:
    """A tensor that passes between stages."""

    name: str
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype
    bytes: int

    @staticmethod
    def of(name: str, tensor: Tensor) -> TensorInfo:
        """Describe a (fake) tensor."""
        shape, stride = tuple(tensor.shape), tuple(tensor.stride())
        return TensorInfo(name, shape, stride, tensor.dtype, tensor_bytes(tensor))

    @property
    def is_contiguous(self) -> bool:
        """Whether its elements lie as they are sent, or overlap, so that there is no other way."""
        return self.stride == _contiguous(self.shape) or 0 in self.stride


def _contiguous(shape: Sequence[int]) -> tuple[int, ...]:
    stride, found = 1, []
    for size in reversed(shape):
        found.append(stride)
        stride *= max(size, 1)
    return tuple(reversed(found))


@dataclass(frozen=True, eq=False)
class Partition:
    """A module cut into k stages.

    Parameters
    ----------
    flow : Flow
    ends : tuple of int
        Index of the first operator of each stage, then the number of operators.
    """

    flow: Flow
    ends: tuple[int, ...]

    @property
    def stages(self) -> int:
        """Number of stages k that compute."""
        return len(self.ends) - 1

    def nodes(self, stage: int) -> tuple[fx.Node, ...]:
        """Operators of a stage; none for stage 0."""
        return self.flow.nodes[self.ends[stage - 1] : self.ends[stage]] if stage else ()

    def maker(self, value: fx.Node) -> int:
        """The stage that puts a value out."""
        at = self.flow.position.get(value)
        if at is None:
            return 0
        return next(i for i, end in enumerate(self.ends) if end > at)

    @cached_property
    def uses(self) -> tuple[tuple[fx.Node, ...], ...]:
        """For every stage, what it takes from others, in the order in which it is made."""
        order = {value: i for i, value in enumerate((*self.flow.inputs, *self.flow.nodes))}
        found: list[tuple[fx.Node, ...]] = [()]
        for stage in range(1, self.stages + 1):
            own = set(self.nodes(stage))
            used = [v for node in self.nodes(stage) for v in self.flow.values(node)]
            if stage == self.stages:
                used += [v for v in self.flow.outputs if v in order]
            found.append(tuple(sorted(set(used) - own, key=order.__getitem__)))
        return tuple(found)

    @cached_property
    def edges(self) -> Mapping[tuple[int, int], tuple[TensorInfo, ...]]:
        """(from, to) -> the tensors that the second stage takes from the first."""
        found: dict[tuple[int, int], list[TensorInfo]] = {}
        for stage, used in enumerate(self.uses):
            for value in used:
                found.setdefault((self.maker(value), stage), []).append(_info(value))
        return {key: tuple(found[key]) for key in sorted(found)}

    def takes(self, stage: int) -> tuple[TensorInfo, ...]:
        """Tensors that a stage takes."""
        return tuple(_info(value) for value in self.uses[stage])

    def _values_out(self, stage: int) -> tuple[fx.Node, ...]:
        if stage == self.stages:
            return self.flow.outputs
        wanted = {v for used in self.uses for v in used if self.maker(v) == stage}
        return tuple(v for v in (*self.flow.inputs, *self.nodes(stage)) if v in wanted)

    def puts(self, stage: int) -> tuple[TensorInfo, ...]:
        """Tensors that a stage puts out."""
        values = self._values_out(stage)
        if stage == self.stages:
            return tuple(TensorInfo.of(str(i), v.meta["val"]) for i, v in enumerate(values))
        return tuple(_info(value) for value in values)

    def graph(self, stage: int, device: str | torch.device) -> fx.GraphModule:
        """The operators of a stage as a module: tensors by name in, a tuple out."""
        return build_graph(
            self.flow, self.nodes(stage), self.uses[stage], self._values_out(stage), device
        )

    def label(self, stage: int) -> str:
        """Where a stage begins and ends, in the user's words: ``layer1.0.conv1..layer2.0``."""
        nodes = self.nodes(stage)
        first, last = (_place(node) for node in (nodes[0], nodes[-1]))
        return first if first == last else f"{first}..{last}"


def partition(origin: str, stages: int, digest: str | None = None) -> Partition:
    """Cut a module into stages; kept until its file changes.

    Parameters
    ----------
    origin : str
        ``FILE.pt2`` or ``FILE.py:FACTORY``.
    stages : int
    digest : str or None
        What the module must have.

    Raises
    ------
    BadModule, UnknownName
    """
    source = load(origin)
    if digest is not None and source.digest != digest:
        raise BadModule(
            f"{origin}: this is not the module that was planned with: graph and weights have "
            f"digest {source.digest}, planned was {digest}"
        )
    return _partition(source, stages)


@lru_cache(maxsize=64)
def _partition(source: Source, stages: int) -> Partition:
    from realrun.partition.cost import operator_work

    line = _flow(source)
    most = min(most_stages(line.allowed), MOST_STAGES)
    if not 1 <= stages <= most:
        raise BadModule(
            f"{source.origin}: cuts must be from 0 to {most - 1} for this module of "
            f"{len(line.nodes)} operators, got {stages - 1}"
        )
    return Partition(line, cut_chain(operator_work(line), line.crossing, line.allowed, stages))


@lru_cache(maxsize=8)
def _flow(source: Source) -> Flow:
    return flow(source)


def _info(value: fx.Node) -> TensorInfo:
    return TensorInfo.of(value.name, value.meta["val"])


def _place(node: fx.Node) -> str:
    """The module an operator was called from, else the operator's own name."""
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    path = str(stack[-1][0]) if stack else ""
    path = path.removeprefix("L['self'].").removeprefix("L['self']")
    return (path or node.name)[:50]


# ----- modules -----------------------------------------------------------------------------------
def build_graph(
    line: Flow,
    nodes: Sequence[fx.Node],
    takes: Sequence[fx.Node],
    puts: Sequence[fx.Node],
    device: str | torch.device,
) -> fx.GraphModule:
    """Some operators of a line as a module of their own on a device."""
    graph, root, target = fx.Graph(), nn.Module(), torch.device(device)
    known: dict[fx.Node, fx.Node] = {value: graph.placeholder(value.name) for value in takes}

    def fetch(node: fx.Node) -> fx.Node:
        if node not in known:
            name = f"held_{len(root._buffers) + len(root._modules)}"
            held = line.attributes[node]
            if isinstance(held, Tensor):
                root.register_buffer(name, held.detach().to(target))
            else:
                root.add_module(name, _moved(held, target))
            known[node] = graph.get_attr(name)
        return known[node]

    for node in nodes:
        known[node] = graph.node_copy(node, fetch)
    graph.output(tuple(fetch(value) for value in puts))
    _retarget(graph, target)
    return fx.GraphModule(root, graph)


def _moved(inner: nn.Module, device: torch.device) -> nn.Module:
    """A copy of a graph that a wrapper runs, on a device."""
    moved = copy.deepcopy(inner)
    for part in moved.modules():
        if isinstance(part, fx.GraphModule):
            _retarget(part.graph, device)
            part.recompile()
    return moved.to(device)


def _retarget(graph: fx.Graph, device: torch.device) -> None:
    """Have operators that name a device (as ``arange`` does) name another one."""

    def swap(value: Any) -> Any:
        return device if isinstance(value, torch.device) else value

    for node in graph.nodes:
        node.args = map_aggregate(node.args, swap)
        node.kwargs = map_aggregate(node.kwargs, swap)


class StageModule(nn.Module):
    """A stage that computes: tensors by name in, tensors by name out, both contiguous."""

    def __init__(self, cut: Partition, stage: int, device: torch.device):
        super().__init__()
        self.takes, self.puts = cut.takes(stage), cut.puts(stage)
        self.inner = cut.graph(stage, device)
        self._strided = {t.name: t for t in self.takes if not t.is_contiguous}

    def forward(self, **given: Tensor) -> dict[str, Tensor]:
        for name, info in self._strided.items():
            tensor = given[name]
            if tensor.stride() != info.stride:
                laid = torch.empty_strided(
                    info.shape, info.stride, dtype=tensor.dtype, device=tensor.device
                )
                given[name] = laid.copy_(tensor)
        made = self.inner(**given)
        return {t.name: x.contiguous() for t, x in zip(self.puts, made, strict=True)}


class InputModule(nn.Module):
    """Stage 0: puts out inputs like the example ones.

    Request 0 gets the examples; others get their elements in another order, so that answers differ
    and every value stays one that the module can take (token ids, for instance).
    """

    STEP = 7919
    """How far elements move from one request to the next; a prime, so that they rarely return."""

    def __init__(self, cut: Partition):
        super().__init__()
        self.takes: tuple[TensorInfo, ...] = ()
        self.puts = cut.puts(0)
        found = examples(cut.flow)
        self.examples = {t.name: found[t.name] for t in self.puts}

    def forward(self, number: int = 0) -> dict[str, Tensor]:
        """Inputs number so and so."""
        return {name: self._turned(tensor, number) for name, tensor in self.examples.items()}

    def _turned(self, tensor: Tensor, number: int) -> Tensor:
        if tensor.dtype is torch.bool:  # a mask of which all is masked makes no answer
            return tensor
        return tensor.reshape(-1).roll(number * self.STEP).view(tensor.shape)


def examples(line: Flow) -> dict[str, Tensor]:
    """Contiguous example inputs by name; drawn where the exported file holds none."""
    held = line.source.example_leaves
    found = {}
    for node in line.inputs:
        info = _info(node)
        given = held.get(node.name)
        if not isinstance(given, Tensor):
            given = sample(info)
        found[node.name] = given.detach().cpu().contiguous()
    return found


def sample(info: TensorInfo) -> Tensor:
    """Some tensor of a shape and dtype, always the same: real numbers from -1 to 1, else zeros."""
    if not info.dtype.is_floating_point:
        return torch.zeros(info.shape, dtype=info.dtype)
    generator = torch.Generator().manual_seed(0)
    drawn = torch.rand(info.shape, generator=generator, dtype=torch.float32)
    return (2.0 * drawn - 1.0).to(info.dtype)


def build_stage(reference: StageReference, device: torch.device) -> nn.Module:
    """The module of a stage on a device.

    Raises
    ------
    BadModule, UnknownName
    """
    cut = partition(reference.origin, reference.stages, reference.digest)
    if reference.index == 0:
        return InputModule(cut)
    return StageModule(cut, reference.index, device).requires_grad_(False).eval()
