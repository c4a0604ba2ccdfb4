"""What a module costs, counted on the meta device: no weights are drawn and nothing is computed.

Every operator that would launch work is seen once, in the order in which eager torch runs it, and
booked as follows (fp32 unless the module was built otherwise).

* **FLOPs by class.** `matmul` and `conv` by torch's own formulas (`torch.utils.flop_counter`: two
  for a multiply-add); `attention`, scaled dot-product attention as one fused operator, by the same
  module's formula for its two products (softmax not counted); `other` is one per element of the
  (first) result of every operator that computes anything else (element-wise, normalisation,
  reduction, resizing).
  Operators that only move or create data (copy, cat, embedding, ...) do none.
* **Operators**: launches. Views and bare allocations launch nothing.
* **Bytes touched**: each operator's distinct input and output bytes, weights included; broadcast
  elements count once, of a table only the rows picked, and what is overwritten is not read.
* **Activation bytes**: the most that inputs, intermediate results and outputs occupy at once, under
  an allocator that frees a tensor right after the last operator that uses it. Inputs count from
  the start, outputs to the end, weights never.

On the CPU device the counts would be wrong: fused fast paths report no FLOPs at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry, sdpa_flop_count

from realrun.models import BadModel, build, get, inputs
from realrun.tensors import TENSORS

CLASSES = ("matmul", "conv", "attention", "other")
BATCHES = (1, 2, 4, 8, 16, 32)

_CLASS = {"mm": "matmul", "addmm": "matmul", "bmm": "matmul", "baddbmm": "matmul"} | {
    "convolution": "conv", "_convolution": "conv", "scaled_dot_product_attention": "attention",
}  # fmt: skip
# One kernel on every device, though torch could also take them apart.
_FUSED = ("scaled_dot_product_attention", "upsample_")
_PICKS = {"embedding", "index", "_unsafe_index", "index_select", "gather"}  # few rows of a table
_OVERWRITES = {"copy_", "fill_", "zero_"}
_MOVES = _PICKS | _OVERWRITES | {
    "cat", "stack", "clone", "_to_copy", "contiguous", "constant_pad_nd", "repeat",
    "zeros", "new_zeros", "ones", "full", "full_like", "new_full", "zeros_like", "arange",
    "scalar_tensor", "triu", "tril",
}  # fmt: skip
_ALIASES = {"_unsafe_view", "_reshape_alias", "lift_fresh", "detach"}  # views by another name


@dataclass(frozen=True)
class Profile:
    """Cost of one execution of a module at one batch size; see the module's docstring."""

    flops: dict[str, int]
    operators: int
    bytes_touched: int
    weights_bytes: int
    activation_bytes: int
    input_bytes: dict[str, int]
    output_bytes: dict[str, int]


def profile(
    module: nn.Module, given: Mapping[str, Tensor], outputs: Sequence[str] = ("output",)
) -> Profile:
    """Count what `module(**given)` costs; module and inputs must be on the meta device.

    Parameters
    ----------
    module : nn.Module
    given : mapping of argument name to tensor
    outputs : names for what the module returns, in order

    Raises
    ------
    BadModel
        Where weights or inputs are on another device, or the number of outputs differs.
    """
    weights = [*module.parameters(), *module.buffers()]
    away = {t.device.type for t in (*weights, *given.values())} - {"meta"}
    if away:
        raise BadModel(f"costs are counted on the meta device, not on {sorted(away)[0]}")
    counter = _Counter(weights, given.values())
    with torch.inference_mode(), counter:
        result = module(**given)
    results = [result] if isinstance(result, Tensor) else list(result)
    if len(results) != len(outputs):
        raise BadModel(f"the module returned {len(results)} tensors, named were {len(outputs)}")
    return Profile(
        flops={kind: counter.flops[kind] for kind in CLASSES},
        operators=counter.operators,
        bytes_touched=counter.bytes,
        weights_bytes=sum(w.numel() * w.element_size() for w in weights),
        activation_bytes=counter.peak(results),
        input_bytes={k: t.numel() * t.element_size() for k, t in given.items()},
        output_bytes={
            k: t.numel() * t.element_size() for k, t in zip(outputs, results, strict=True)
        },
    )


def cost(name: str, batches: Sequence[int] = BATCHES) -> dict[str, Any]:
    """Count a model of the catalogue at nominal request sizes, as ``models.yaml`` stores it."""
    spec = get(name)
    module = build(name, device="meta")
    runs = [profile(module, inputs(name, b, device="meta"), spec.outputs) for b in batches]
    if len({run.operators for run in runs}) > 1:
        raise BadModel(f"{name}: the number of operators must not depend on the batch size")
    return {
        "family": spec.family,
        "task": spec.task,
        "description": spec.description,
        "sizes": spec.sizes,
        "operators": runs[0].operators,
        "weights_bytes": runs[0].weights_bytes,
        "flops": {
            kind: [run.flops[kind] for run in runs] for kind in CLASSES if runs[0].flops[kind]
        },
        "bytes_touched": [run.bytes_touched for run in runs],
        "activation_bytes": [run.activation_bytes for run in runs],
        "input_bytes": {k: [run.input_bytes[k] for run in runs] for k in spec.inputs},
        "output_bytes": {k: [run.output_bytes[k] for run in runs] for k in spec.outputs},
        "fixed": [k for k in (*spec.inputs, *spec.outputs) if TENSORS[k].kind != "float"],
    }


class _Counter(TorchDispatchMode):
    """Books every operator that runs while it is active."""

    def __init__(self, weights: Sequence[Tensor], given: Any):
        super().__init__()
        self.flops: Counter[str] = Counter()
        self.operators = 0
        self.bytes = 0
        self._kept: list[Tensor] = []  # keeps storages alive, so that none is taken for another
        self._weights = {_storage(w) for w in weights}
        self._answers: dict[Any, Any] = {}
        self._size: dict[int, int] = {}
        self._first: dict[int, int] = {}
        self._last: dict[int, int] = {}
        self._note(given, step=0)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = func.overloadpacket.__name__
        if not name.startswith(_FUSED):
            with self:  # composite operators come here again, taken apart
                out = func.decompose(*args, **kwargs)
            if out is not NotImplemented:
                return out
        if _is_view(func) or name in _ALIASES or name.startswith(("empty", "new_empty")):
            return func(*args, **kwargs)
        out = self._answer(func, args, kwargs)
        self._book(func, name, args, kwargs, out)
        return out

    def _answer(self, func, args, kwargs):
        """Run the meta kernel, once for each signature: most are slow Python."""
        if func._schema.is_mutable:
            return func(*args, **kwargs)
        key = func, _signature(args), _signature(kwargs)
        if key not in self._answers:
            out = self._answers[key] = func(*args, **kwargs)
            return out
        out = self._answers[key]
        return _same(out) if isinstance(out, Tensor) else type(out)(map(_same, out))

    def _book(self, func, name: str, args, kwargs, out) -> None:
        self.operators += 1
        read, written = list(_tensors((args, kwargs))), list(_tensors(out))
        self._note((*read, *written), self.operators)
        if name in _OVERWRITES:
            read = list(_tensors(args[1:]))
        if name in _PICKS:
            read = [*read[1:], *written]  # as many bytes of the table as come out
        distinct = {id(t): t for t in read}.values()
        self.bytes += sum(map(_distinct_bytes, distinct)) + sum(map(_distinct_bytes, written))
        kind = _CLASS.get(name, "other")
        if kind == "attention":
            query, key, value = (t.shape for t in args[:3])
            self.flops[kind] += sdpa_flop_count(query, key, value)
        elif kind != "other":
            self.flops[kind] += flop_registry[func.overloadpacket](*args, **kwargs, out_val=out)
        elif name not in _MOVES:
            self.flops[kind] += written[0].numel()  # not what it returns beside, such as means

    def _note(self, tensors, step: int) -> None:
        """Remember when each storage was first and last used."""
        for t in tensors:
            key = _storage(t)
            if key not in self._weights:
                self._kept.append(t)
                self._size[key] = t.untyped_storage().nbytes()
                self._first.setdefault(key, step)
                self._last[key] = step

    def peak(self, results: Sequence[Tensor]) -> int:
        """Most bytes alive at once; the results stay alive to the end."""
        self._note(results, self.operators)
        change = [0] * (self.operators + 2)
        for key, size in self._size.items():
            change[self._first[key]] += size
            change[self._last[key] + 1] -= size
        alive = peak = 0
        for step in change:
            alive += step
            peak = max(peak, alive)
        return peak


def _tensors(value: Any) -> Iterator[Tensor]:
    """All tensors in nested arguments, in order."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _tensors(item)
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()))


def _signature(value: Any) -> Any:
    """Arguments as something hashable in which tensors are known by their layout alone."""
    if isinstance(value, Tensor):
        return value.shape, value.stride(), value.dtype
    if isinstance(value, (list, tuple)):
        return tuple(map(_signature, value))
    if isinstance(value, dict):
        return tuple((name, _signature(item)) for name, item in value.items())
    return type(value), value


def _same(tensor: Tensor) -> Tensor:
    return torch.empty_strided(
        tensor.shape, tensor.stride(), dtype=tensor.dtype, device=tensor.device
    )


def _storage(tensor: Tensor) -> int:
    return tensor.untyped_storage()._cdata


def _is_view(func) -> bool:
    """Whether all that the operator returns are aliases of what it took, nothing written."""
    returns = func._schema.returns
    return bool(returns) and all(
        r.alias_info is not None and not r.alias_info.is_write for r in returns
    )


def _distinct_bytes(tensor: Tensor) -> int:
    """Bytes of the elements that differ in memory: broadcast dimensions count once."""
    if tensor.numel() == 0:
        return 0
    elements = 1
    for size, stride in zip(tensor.shape, tensor.stride(), strict=True):
        elements *= size if stride else 1
    return elements * tensor.element_size()
