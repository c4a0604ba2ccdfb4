"""A stage on a worker: the tensors that it takes from messages, what each message carries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import torch

from realrun.partition.modules import InputModule, StageModule, sample
from realrun.partition.reference import StageReference, is_stage, parse_stage
from realrun.partition.stages import Partition, TensorInfo, partition
from realrun.plan import DISTINCT_INPUTS, RunPlan
from realrun.programs import BadModule, Bundle, Computing, Place

if TYPE_CHECKING:
    from realrun.worker.context import Context


class StageProgram(Computing):
    """One stage of a user's module; computes in the module's own dtypes on every worker.

    Attributes
    ----------
    sends : mapping of edge to names of tensors
        What the message of an edge to another stage of the module carries.
    """

    def __init__(
        self, plan: RunPlan, task: int, place: Place, reference: str, module: torch.nn.Module
    ):
        super().__init__(plan, task, place, reference, module)
        self.stage = parse_stage(reference)
        cut = partition(self.stage.origin, self.stage.stages, self.stage.digest)
        self.sends = _sends(plan, task, self.stage, cut)

    def __call__(self, request: int, used: Mapping[int, Bundle]) -> Bundle:
        module = self.module
        if isinstance(module, InputModule):
            return inputs_of(module, self.plan, request)
        assert isinstance(module, StageModule)
        came = {name: t for edge in sorted(used) for name, t in used[edge].items()}
        given = {}
        for info in module.takes:
            if info.name in came:
                given[info.name] = self.enter(came[info.name], False)
            elif not used:  # warming up: what others make is not here
                given[info.name] = sample(info).to(self.place.device)
            else:
                raise BadModule(
                    f"task {self.name!r}: no input brings {info.name!r}, which stage "
                    f"{self.stage.index} of {self.stage.origin} takes"
                )
        bundle: Bundle = self.run(**given)
        self._check(bundle, module.puts)
        return bundle

    def _check(self, bundle: Bundle, puts: tuple[TensorInfo, ...]) -> None:
        for info in puts:
            tensor = bundle[info.name]
            if tuple(tensor.shape) != info.shape or tensor.dtype != info.dtype:
                raise BadModule(
                    f"task {self.name!r}: {info.name!r} is {tensor.dtype} of shape "
                    f"{tuple(tensor.shape)} instead of {info.dtype} of shape {info.shape}"
                )


def _sends(
    plan: RunPlan, task: int, stage: StageReference, cut: Partition
) -> dict[int, tuple[str, ...]]:
    """Names of tensors by leaving edge, for those that lead to stages of the same partition."""
    found = {}
    for edge in (plan.edge_src == task).nonzero()[0].tolist():
        reference = plan.module[int(plan.edge_dst[edge])]
        if reference is None or not is_stage(reference):
            continue
        other = parse_stage(reference)
        if (other.origin, other.stages, other.digest) == (stage.origin, stage.stages, stage.digest):
            tensors = cut.edges.get((stage.index, other.index), ())
            found[edge] = tuple(t.name for t in tensors)
    return found


def inputs_of(module: InputModule, plan: RunPlan, request: int) -> Bundle:
    """Inputs of a request: always the same ones, made once."""
    return dict(_inputs(module, plan.input_seed * DISTINCT_INPUTS + request % DISTINCT_INPUTS))


@lru_cache(maxsize=4 * DISTINCT_INPUTS)
def _inputs(module: InputModule, number: int) -> Bundle:
    return module(number)


def stage_runner(context: Context, reference: str) -> Callable[[], Any]:
    """A function that executes a stage once on example inputs, as `realrun.calibrate.probes` do."""
    module = context.module(reference)
    if isinstance(module, InputModule):
        return lambda: _inputs(module, 0)
    assert isinstance(module, StageModule)
    given = {t.name: sample(t) for t in module.takes}

    def run() -> Any:
        with torch.inference_mode():
            out = module(**{name: t.to(context.device) for name, t in given.items()})
        context.synchronise()
        return out

    return run
