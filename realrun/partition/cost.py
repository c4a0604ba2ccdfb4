"""What operators and stages of a user's module cost, counted as the catalogue's models are.

Counting runs on the meta device by the rules of `realrun.profile`: FLOPs by class, bytes touched,
launches, and the most bytes alive at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from realrun.partition.flow import Flow
from realrun.partition.graphs import build_graph
from realrun.partition.stages import Partition, TensorInfo
from realrun.profile import Profile, _Counter, profile
from realrun.programs import BadModule
from simulator.arrays import FloatArray

RIDGE = 10.0
"""FLOPs that a device does while a byte comes from memory; CPUs and GPUs have about 5 to 50."""
DTYPES = {torch.float32: "fp32", torch.float16: "fp16", torch.bfloat16: "bf16"}


def operator_work(line: Flow) -> FloatArray:
    """(n,) work of every operator: its FLOPs, or its bytes times `RIDGE` where those are more.

    Cuts do not know on which devices stages will run, so one roofline stands for all.

    Raises
    ------
    BadModule
        An operator cannot be counted without data.
    """
    whole = build_graph(line, line.nodes, line.inputs, line.outputs, "meta")
    given = [_meta(TensorInfo.of(n.name, n.meta["val"])) for n in line.inputs]
    counter = _Counter(list(whole.buffers()), given)
    meter = _Meter(whole, counter)
    try:
        with torch.inference_mode(), counter:
            meter.run(*given)
    except Exception as error:
        raise BadModule(_uncounted(line, error)) from None
    return np.array(meter.work, dtype=np.float64)


class _Laid(fx.Interpreter):
    """Runs a graph on the meta device with every tensor laid out as on the CPU.

    Kernels of the meta device may lay their results out otherwise (attention does), and then a view
    that follows would not be one.
    """

    def __init__(self, module: fx.GraphModule):
        super().__init__(module, garbage_collect_values=False)

    def run_node(self, n: fx.Node) -> Any:
        out, wanted = super().run_node(n), n.meta.get("val")
        if n.op != "call_function" or not (isinstance(out, Tensor) and isinstance(wanted, Tensor)):
            return out
        if out.stride() == wanted.stride():
            return out
        return torch.empty_strided(wanted.shape, wanted.stride(), dtype=out.dtype, device="meta")


class _Meter(_Laid):
    """Notes what each operator adds to a counter."""

    def __init__(self, module: fx.GraphModule, counter: _Counter):
        super().__init__(module)
        self.counter = counter
        self.work: list[float] = []

    def run_node(self, n: fx.Node) -> Any:
        flops, moved = self.counter.flops.total(), self.counter.bytes
        out = super().run_node(n)
        if n.op == "call_function":
            flops, moved = self.counter.flops.total() - flops, self.counter.bytes - moved
            self.work.append(max(float(flops), RIDGE * moved))
        return out


class _Module(nn.Module):
    """A stage's graph as `realrun.profile` calls modules."""

    def __init__(self, graph: fx.GraphModule):
        super().__init__()
        self.inner = graph

    def forward(self, **given: Tensor) -> Any:
        return _Laid(self.inner).run(*given.values())


def stage_profile(cut: Partition, stage: int) -> Profile:
    """Cost of one execution of a stage.

    Raises
    ------
    BadModule
    """
    given = {t.name: _meta(t) for t in cut.takes(stage)}
    try:
        return profile(_Module(cut.graph(stage, "meta")), given, [t.name for t in cut.puts(stage)])
    except Exception as error:
        raise BadModule(_uncounted(cut.flow, error)) from None


def dtype_of(line: Flow) -> str:
    """The dtype in which a module computes, by what its operators put out.

    Raises
    ------
    BadModule
        It is none that clusters have a speed for.
    """
    amounts: dict[torch.dtype, int] = {}
    for node in line.nodes:
        made = node.meta.get("val")
        if isinstance(made, Tensor) and made.dtype.is_floating_point:
            amounts[made.dtype] = amounts.get(made.dtype, 0) + made.numel()
    if not amounts:
        return "fp32"
    most = max(amounts, key=lambda d: (amounts[d], str(d)))
    if most not in DTYPES:
        raise BadModule(
            f"{line.source.origin}: the module computes in {str(most).removeprefix('torch.')}; "
            f"supported are {', '.join(DTYPES.values())}"
        )
    return DTYPES[most]


def _meta(info: TensorInfo) -> Tensor:
    return torch.empty_strided(info.shape, info.stride, dtype=info.dtype, device="meta")


def _uncounted(line: Flow, error: Exception) -> str:
    said: Sequence[str] = str(error).strip().splitlines() or [type(error).__name__]
    return f"{line.source.origin}: its operators cannot be counted: {said[0][:200]}"
