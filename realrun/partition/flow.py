"""A graph as a line: operators in their order, where each value comes from, what may pass a cut.

Weights, buffers and constants belong to whichever stage uses them; only what operators compute, and
the inputs, pass between stages. An operator with several results stays together with those that
take them apart, because messages carry tensors.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import fx
from torch._ops import HigherOrderOperator
from torch.export.graph_signature import InputKind, OutputKind

from realrun.partition.source import Source
from realrun.programs import BadModule
from realrun.transport.bundles import SENDABLE
from simulator.arrays import BoolArray, FloatArray

_ASSERTS = ("_assert", "sym_constrain", "_guards_fn")
"""Beginnings of names of operators that compute nothing."""
_WRAPPERS = ("wrap_with_set_grad_enabled", "wrap_with_autocast")
"""Operators on graphs that change only how the operators within run."""


@dataclass(frozen=True, eq=False)
class Flow:
    """An exported module as a line of n operators.

    Parameters
    ----------
    source : Source
    inputs : tuple of fx.Node
        Inputs that are used, in the order of the call.
    attributes : dict of fx.Node to tensor or module
        Weights, buffers, constants, and graphs that wrappers run.
    nodes : tuple of fx.Node
        The operators.
    outputs : tuple of fx.Node
        Tensors that the module puts out, in order; may be inputs or attributes.
    """

    source: Source
    inputs: tuple[fx.Node, ...]
    attributes: dict[fx.Node, Any]
    nodes: tuple[fx.Node, ...]
    outputs: tuple[fx.Node, ...]

    @cached_property
    def position(self) -> dict[fx.Node, int]:
        """Index of each operator in the line."""
        return {node: i for i, node in enumerate(self.nodes)}

    def values(self, node: fx.Node) -> list[fx.Node]:
        """What an operator takes that is no attribute."""
        return [n for n in node.all_input_nodes if n not in self.attributes]

    @cached_property
    def _spans(self) -> list[tuple[fx.Node, int, int]]:
        """(value, first operator that has it, last that uses it) of all that could be sent."""
        last: dict[fx.Node, int] = {}
        first: dict[fx.Node, int] = {}
        for i, node in enumerate(self.nodes):
            first[node] = i
            for value in self.values(node):
                first.setdefault(value, i)  # an input goes where it is used
                last[value] = i
        for value in self.outputs:
            if value in first:
                last[value] = len(self.nodes) - 1
        return [(value, first[value], end) for value, end in last.items()]

    @cached_property
    def crossing(self) -> FloatArray:
        """(n - 1,) bytes of the values that pass behind each operator, each counted once."""
        change = np.zeros(len(self.nodes) + 1)
        for value, begin, end in self._spans:
            size = sum(map(tensor_bytes, tensors_of(value)))
            change[begin] += size
            change[end] -= size
        return np.asarray(np.cumsum(change)[: max(len(self.nodes) - 1, 0)])

    @cached_property
    def allowed(self) -> BoolArray:
        """(n - 1,) whether all that passes behind an operator can be sent."""
        blocked = np.zeros(len(self.nodes) + 1)
        for value, begin, end in self._spans:
            made = value.meta["val"]
            if not isinstance(made, torch.Tensor) or made.dtype not in SENDABLE:
                blocked[begin] += 1
                blocked[end] -= 1
        return np.asarray(np.cumsum(blocked)[: max(len(self.nodes) - 1, 0)] == 0)


def flow(source: Source) -> Flow:
    """Put the operators of a module into a line.

    Raises
    ------
    BadModule
        The module writes to its weights or inputs, is controlled by data, or puts out no tensor.
    """
    origin, program = source.origin, source.program
    held = {**program.constants, **program.state_dict}
    targets = {}
    for spec in program.graph_signature.input_specs:
        if spec.kind in (InputKind.PARAMETER, InputKind.BUFFER, InputKind.CONSTANT_TENSOR):
            targets[spec.arg.name] = str(spec.target)
        elif spec.kind is not InputKind.USER_INPUT:
            raise BadModule(f"{origin}: objects other than tensors in a module are not supported")
    inputs, attributes, found = [], {}, []
    for node in program.graph.nodes:
        if node.op == "placeholder" and node.name in targets:
            attributes[node] = held[targets[node.name]]
        elif node.op == "placeholder" and node.users:
            inputs.append(node)
        elif node.op == "get_attr":
            attributes[node] = operator.attrgetter(node.target)(program.graph_module)
        elif node.op == "call_function" and not _is_assert(node):
            found.append(node)
    for node in (*inputs, *found):
        _check(origin, node)
    outputs = _outputs(source)
    if not found:
        raise BadModule(f"{origin}: the module computes nothing")
    return Flow(source, tuple(inputs), attributes, tuple(_in_line(found)), outputs)


def tensors_of(node: fx.Node) -> list[torch.Tensor]:
    """Fake tensors of what a node makes: shapes, strides and dtypes."""
    made = node.meta.get("val")
    each = made if isinstance(made, tuple | list) else [made]
    return [t for t in each if isinstance(t, torch.Tensor)]


def tensor_bytes(tensor: torch.Tensor) -> int:
    """Bytes of a tensor's elements, as a message carries them."""
    return tensor.numel() * tensor.element_size()


def _outputs(source: Source) -> tuple[fx.Node, ...]:
    """Tensors that the module returns."""
    origin, specs = source.origin, source.program.graph_signature.output_specs
    found = []
    for spec, node in zip(specs, _returned(source.program.graph), strict=True):
        if spec.kind is not OutputKind.USER_OUTPUT:
            what = spec.kind.name.lower().replace("_", " ")
            raise BadModule(
                f"{origin}: the module writes to {spec.target or spec.arg.name!r} ({what}); "
                "export it in inference mode, after module.eval()"
            )
        if isinstance(node, fx.Node) and isinstance(node.meta.get("val"), torch.Tensor):
            found.append(node)
    if not found:
        raise BadModule(f"{origin}: the module puts out no tensor")
    return tuple(found)


def _returned(graph: fx.Graph) -> list[Any]:
    last = next(node for node in reversed(graph.nodes) if node.op == "output")
    return list(last.args[0])


def _is_assert(node: fx.Node) -> bool:
    return getattr(node.target, "__name__", "").startswith(_ASSERTS)


def _check(origin: str, node: fx.Node) -> None:
    """Refuse operators that are controlled by data, and what is no tensor of known shape."""
    if isinstance(node.target, HigherOrderOperator) and node.target.__name__ not in _WRAPPERS:
        raise BadModule(
            f"{origin}: {node.target.__name__!r} is controlled by data or runs a graph of its own, "
            "which cannot be cut"
        )
    made = node.meta.get("val")
    each = made if isinstance(made, tuple | list) else [made]
    for value in each:
        if value is not None and not isinstance(value, torch.Tensor):
            raise BadModule(
                f"{origin}: operator {node.name!r} puts out a {type(value).__name__}, no tensor: "
                "what the module does depends on the values in its tensors"
            )
        if value is not None and any(not isinstance(size, int) for size in value.shape):
            raise BadModule(
                f"{origin}: the shape of what {node.name!r} puts out depends on the values in its "
                "tensors"
            )


def _in_line(nodes: list[fx.Node]) -> Iterator[fx.Node]:
    """The operators, each followed by those that take its results apart."""
    for node in nodes:
        if not _is_part(node):
            yield from _with_parts(node)


def _with_parts(node: fx.Node) -> Iterator[fx.Node]:
    yield node
    for user in node.users:
        if _is_part(user):
            yield from _with_parts(user)


def _is_part(node: fx.Node) -> bool:
    return node.op == "call_function" and node.target is operator.getitem
