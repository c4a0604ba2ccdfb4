"""Torch modules of stages, as workers run them, and the inputs that a module gets."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from realrun.partition.flow import Flow
from realrun.partition.reference import StageReference
from realrun.partition.stages import Partition, TensorInfo, partition


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
        info = TensorInfo.of(node.name, node.meta["val"])
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
