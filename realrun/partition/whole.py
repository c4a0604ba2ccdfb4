"""The answers of the whole module, uncut, to hold those of its stages against."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch.utils import _pytree as pytree

from realrun.composing import as_arrays
from realrun.partition.modules import InputModule
from realrun.partition.program import inputs_of
from realrun.partition.reference import is_stage, parse_stage
from realrun.partition.source import Source, load
from realrun.partition.stages import partition
from realrun.plan import RunPlan
from realrun.programs import Bundle

Outputs = Mapping[tuple[int, str], Mapping[str, Any]]


def call_whole(source: Source, given: Mapping[str, torch.Tensor]) -> list[torch.Tensor]:
    """Call the user's own module, or the exported one where only that is there.

    Parameters
    ----------
    source : Source
    given : mapping of the graph's input name to tensor

    Returns
    -------
    list of tensors, in the order in which the module returns them
    """
    leaves = {**source.example_leaves, **given}
    flat = [leaves[name] for name in source.input_names]
    args, kwargs = pytree.tree_unflatten(flat, source.in_spec)
    module = source.program.module() if source.eager is None else source.eager
    with torch.inference_mode():
        out = module(*args, **kwargs)
    return [x for x in pytree.tree_leaves(out) if isinstance(x, torch.Tensor)]


def furthest_from_whole(plan: RunPlan, outputs: Outputs) -> float | None:
    """How far a run's outputs are from those of the whole modules, computed in this process.

    Returns
    -------
    float or None
        0 where all bits agree, else the largest difference; None where no module was cut.
    """
    found = None
    for task in range(plan.n_tasks):
        reference = plan.module[task]
        if not is_stage(reference) or not plan.is_exit[task]:
            continue
        stage = parse_stage(str(reference))
        source = load(stage.origin)
        module = InputModule(partition(stage.origin, stage.stages, stage.digest))
        for request in range(plan.n_requests):
            got = outputs.get((request, plan.task_names[task]))
            if got is not None:
                wanted = call_whole(source, inputs_of(module, plan, request))
                found = max(found or 0.0, _distance(got, wanted))
    return found


def _distance(got: Mapping[str, Any], wanted: list[torch.Tensor]) -> float:
    named: Bundle = {str(i): t for i, t in enumerate(wanted)}
    return max(_apart(got[k], v) for k, v in as_arrays(named).items())


def _apart(a: Any, b: Any) -> float:
    """Largest difference of two arrays; 0 only where all bits are the same."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return float("inf")
    if a.tobytes() == b.tobytes():
        return 0.0
    apart = np.abs(a.astype(np.float64) - b.astype(np.float64))
    return float(np.nan_to_num(apart.max(), nan=np.inf)) or float(np.finfo(np.float64).tiny)
