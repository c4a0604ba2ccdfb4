"""Some operators of a line as a torch.fx module of their own, on any device."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.fx.node import map_aggregate

from realrun.partition.flow import Flow


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
