"""A whole plan in one process, task after task: what a real run must equal bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import torch

from realrun.plan import RunPlan
from realrun.programs import Bundle, Program, build_module, build_program


class Composer:
    """One process as the place of all programs of one dtype."""

    def __init__(self, dtype: str = "fp32", device: str = "cpu"):
        self.device, self.dtype = torch.device(device), dtype
        self._modules: dict[str, torch.nn.Module] = {}

    def module(self, reference: str) -> torch.nn.Module:
        """The module of a reference, built once."""
        if reference not in self._modules:
            self._modules[reference] = build_module(reference, self.dtype, self.device)
        return self._modules[reference]


def composed(
    plan: RunPlan,
    dtypes: Sequence[str],
    used: Callable[[int, int], bool] | None = None,
    where: Callable[[int, int], int] | None = None,
) -> dict[tuple[int, str], dict[str, np.ndarray[Any, Any]]]:
    """Outputs of all exit tasks, computed in this process, one task after the other.

    Parameters
    ----------
    plan : RunPlan
    dtypes : one a node, the workers' dtypes
    used : function of (producer's request, edge), or None
        Whether an input was used; None takes all that are sent.
    where : function of (request, task), or None
        On which node it was executed, where failures moved it; None takes the plan's.

    Returns
    -------
    mapping of (request, task name) to the bundle as numpy arrays.
    """
    places = [Composer(dtype) for dtype in dtypes]

    @cache
    def program(task: int, dtype: str) -> Program:
        return build_program(plan, task, places[dtypes.index(dtype)])

    out: dict[tuple[int, str], dict[str, np.ndarray[Any, Any]]] = {}
    bundles: dict[tuple[int, int], Bundle] = {}
    for request in range(plan.n_requests):
        for task in plan.topological.tolist():
            if plan.task_stream[task] != plan.stream[request]:
                continue
            given, inputs = {}, 0
            for edge in np.flatnonzero(plan.edge_dst == task).tolist():
                source = int(plan.producer[request, edge])
                inputs += source >= 0
                key = (source, int(plan.edge_src[edge]))
                sent = source >= 0 and plan.taken[source, edge] and key in bundles
                if sent and (used is None or used(source, edge)):
                    given[edge] = bundles[key]
            if inputs and not given:
                continue  # skipped
            node = int(plan.node[task]) if where is None else where(request, task)
            bundles[request, task] = program(task, dtypes[node])(request, given)
            if plan.is_exit[task]:
                out[request, plan.task_names[task]] = as_arrays(bundles[request, task])
    return out


def as_arrays(bundle: Bundle) -> dict[str, np.ndarray[Any, Any]]:
    """A bundle as numpy arrays; bf16, which numpy lacks, as its 16 bits."""
    out = {}
    for name, tensor in bundle.items():
        host = tensor.detach().cpu().contiguous()
        if host.dtype == torch.bfloat16:
            host = host.view(torch.int16)
        out[name] = host.numpy().copy()
    return out
