"""What one execution does, in the terms in which durations are predicted.

`realrun.profile` counts FLOPs by operator class. That a FLOP of a product with one row costs many
times as much as one of a large product is what separates a decoder from an encoder, so the classes
are split here by what bounds them: products by their number of rows, convolutions by how many
channels each filter sees, everything else by bytes.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache

import torch
from torch import Tensor, nn

from realrun import models
from realrun.calibrate import basis
from realrun.profile import _Counter, _distinct_bytes

FEW_ROWS = 8
"""A product with fewer rows is bound by reading its weights."""
FEW_CHANNELS = 16
"""A convolution with fewer input channels in each group fills no vector register well."""

_PRODUCTS = {"mm", "addmm", "bmm", "baddbmm"}
_CONVOLUTIONS = {"convolution", "_convolution"}


class _Work(_Counter):
    """Books every operator under what bounds it."""

    def __init__(self, weights, given):
        super().__init__(weights, given)
        self.work: Counter[str] = Counter()

    def _book(self, func, name, args, kwargs, out) -> None:
        before = Counter(self.flops)
        bytes_before = self.bytes
        super()._book(func, name, args, kwargs, out)
        flops = sum((self.flops - before).values())
        touched = self.bytes - bytes_before
        if name in _PRODUCTS:
            left, right = [t for t in args if isinstance(t, Tensor)][-2:]
            few = left.shape[-2] < FEW_ROWS
            self.work["products"] += 1
            self.work["matmul_flops"] += 0 if few else flops
            self.work["matmul_bytes"] += 0 if few else _distinct_bytes(right)
            self.work["vector_bytes"] += _distinct_bytes(right) if few else 0
        elif name in _CONVOLUTIONS:
            few = args[1].shape[1] < FEW_CHANNELS
            pointwise = args[1].shape[-1] == 1
            kind = "thin" if few else "pointwise" if pointwise else "dense"
            self.work["convolutions"] += 1
            self.work[f"{kind}_conv_flops"] += flops
            self.work["conv_bytes"] += touched
        elif name.startswith("scaled_dot_product"):
            self.work["attentions"] += 1
            self.work["attention_flops"] += flops
            self.work["attention_bytes"] += touched
        else:
            self.work["others"] += 1
            self.work["other_bytes"] += touched


def count(module: nn.Module, given: Mapping[str, Tensor]) -> dict[str, float]:
    """Work of `module(**given)` by feature; both on the meta device."""
    counter = _Work([*module.parameters(), *module.buffers()], given.values())
    with torch.inference_mode(), counter:
        module(**given)
    return {name: float(value) for name, value in counter.work.items()}


@lru_cache(maxsize=512)
def of_model(name: str, batch: int) -> Mapping[str, float]:
    """Work of a model of the catalogue at nominal request sizes."""
    return count(models.build(name, device="meta"), models.inputs(name, batch, device="meta"))


@lru_cache(maxsize=1)
def of_basis() -> Mapping[str, Mapping[str, float]]:
    """Work of every module of the basis."""
    found = {}
    for name, (_, shape) in basis.CASES.items():
        module = basis.build(name, device="meta")
        argument = next(iter(inspect.signature(module.forward).parameters))
        found[name] = count(module, {argument: torch.empty(shape, device="meta")})
    return found
