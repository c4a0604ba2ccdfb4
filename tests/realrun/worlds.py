"""Small problems for real runs: durations far apart, so that outcomes do not depend on noise."""

from __future__ import annotations

import os
from collections.abc import Sequence

import torch
from torch import nn

from realrun.devices import parse_workers
from simulator.cluster import Cluster, Node
from simulator.problem import Problem
from simulator.taskgraph import Edge, Join, Task, TaskGraph, Variant
from simulator.workload import Arrivals, Stream

THREE = parse_workers("a=cpu:1,b=cpu:1,c=cpu:1")


def task(name: str, seconds: float = 0.0, output: float = 64.0, join: Join | None = None) -> Task:
    variant = Variant("v", seconds={"*": seconds}, output_bytes=output)
    return Task(name, (variant,), join=join or Join())


def problem(
    tasks: Sequence[Task],
    edges: Sequence[Edge],
    requests: int = 1,
    arrivals: Arrivals | None = None,
    dispatch: str = "greedy",
    discipline: str = "fifo",
    network: str = "ideal",
    bandwidth: float = 1e12,
    latency_s: float = 0.0,
    nodes: Sequence[Node] | None = None,
    extra: Sequence[Stream] = (),
) -> Problem:
    cluster = Cluster.mesh("three", nodes or [Node(s.name) for s in THREE], bandwidth, latency_s)
    graph = TaskGraph(tuple(tasks), tuple(edges))
    stream = Stream("s", graph, arrivals or Arrivals("constant", rate=50.0), requests=requests)
    return Problem(
        cluster=cluster, streams=(stream, *extra), network=network, dispatch=dispatch,
        discipline=discipline, name="world",
    )  # fmt: skip


def edges(text: str) -> list[Edge]:
    """``"a>b a>c"`` as edges."""
    return [Edge(*pair.split(">")) for pair in text.split()]


# ----- modules for runs ---------------------------------------------------------------------------
class Source(nn.Module):
    def example_inputs(self, batch: int, generator: torch.Generator) -> torch.Tensor:
        return torch.rand((batch, 4), generator=generator)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 2


class Add(nn.Module):
    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        return torch.stack(inputs).sum(0)


class ThreeWords(nn.Module):
    def forward(self) -> dict[str, torch.Tensor]:
        return {"source": torch.ones((1, 3), dtype=torch.int64)}


class Raises(nn.Module):
    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        raise ValueError("the knob is off")


class NoTensor(nn.Module):
    def forward(self, *inputs: torch.Tensor) -> str:
        return "nothing"


class Hungry(nn.Module):
    """Runs out of memory on one worker, once the run is under way."""

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        if len(inputs) and float(inputs[0].sum()) >= 0 and "alloclab-hungry" in os.environ:
            raise MemoryError("no more")
        return torch.stack(inputs).sum(0)


class Greedy(nn.Module):
    """Asks for more memory than there is."""

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        raise MemoryError("cannot allocate 1 TB")


def not_a_module() -> int:
    return 3


def own(name: str, what: str, output: float = 0.0) -> Task:
    variant = Variant(
        "v", seconds={"*": 1e-3}, module=f"tests.realrun.worlds:{what}", output_bytes=output
    )
    return Task(name, (variant,))
