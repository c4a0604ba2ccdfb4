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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import torch
from torch import Tensor, fx

from realrun.partition.chain import cut_chain, most_stages
from realrun.partition.flow import Flow, flow, tensor_bytes
from realrun.partition.graphs import build_graph
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
