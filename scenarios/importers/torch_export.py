"""A torch module of the user's as a task graph: exported by torch.export, cut into stages.

Two forms: a ``.pt2`` file that `torch.export.save` wrote, or ``FILE.py:FACTORY``, a function that
returns the module and its example inputs. c cuts make c + 1 stages, in tasks ``stage1``,
``stage2``, ...; the task ``inputs`` in front, where requests come in, hands out what the module is
called with. FLOPs, bytes, launches, weights and activations of every stage are counted as those of
the catalogue's models, edges carry exactly the tensors that the next stage takes, and real runs
execute the stages themselves. How it is cut: `realrun.partition.chain`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from scenarios.messages import one_line, show
from scenarios.scenario import Scenario
from simulator.errors import InvalidScenario, UnknownName
from simulator.taskgraph import Edge, Task, TaskGraph, Variant, Work

if TYPE_CHECKING:
    from realrun.partition.reference import StageReference
    from realrun.partition.stages import Partition
    from scenarios.schema import OwnModuleSpec
    from simulator.workload import Stream

CUTS = 3
"""Cuts where nothing is said and so many are possible."""
INPUTS = "inputs"
DEFAULT_CLUSTER = "edge-cloud"


def module_graph(origin: str, cuts: int | None = None, near: str | None = "entry") -> TaskGraph:
    """Cut a module and describe what its stages cost.

    Parameters
    ----------
    origin : str
        ``FILE.pt2`` or ``FILE.py:FACTORY``.
    cuts : int or None
        0 leaves the module whole; None takes `CUTS`, or as many as are possible.
    near : str or None
        Node or label where the inputs come in.

    Returns
    -------
    TaskGraph
        Tasks ``inputs``, ``stage1``, ...; edges with exact bytes.

    Raises
    ------
    InvalidScenario
        Anything that is wrong with file, factory, module or number of cuts, in one sentence.
    """
    from realrun.partition.chain import most_stages
    from realrun.partition.cost import dtype_of
    from realrun.partition.stages import partition
    from realrun.programs import BadModule

    resolved = str(Path(origin).resolve())
    try:
        if cuts is None:
            cuts = min(CUTS, most_stages(partition(resolved, 1).flow.allowed) - 1)
        cut = partition(resolved, cuts + 1)
        dtype = dtype_of(cut.flow)
        tasks = [_inputs(cut, near)]
        tasks += [_stage(cut, stage, dtype) for stage in range(1, cut.stages + 1)]
    except (BadModule, UnknownName) as error:
        kind = UnknownName if isinstance(error, UnknownName) else InvalidScenario
        raise kind(one_line(str(error).replace(resolved, origin))) from None
    edges = tuple(
        Edge(_task_name(a), _task_name(b), bytes=float(sum(t.bytes for t in tensors)))
        for (a, b), tensors in cut.edges.items()
    )
    return TaskGraph(tuple(tasks), edges)


def from_spec(given: OwnModuleSpec) -> TaskGraph:
    """The graph of the key ``module`` of a stream.

    Raises
    ------
    InvalidScenario
    """
    from realrun.partition.reference import is_origin, split_factory

    if (given.factory is None) == (given.exported is None):
        raise InvalidScenario("give either factory or exported")
    origin = given.factory or given.exported or ""
    if given.factory is not None and split_factory(origin) is None:
        raise InvalidScenario(
            f"factory: expected FILE.py:FUNCTION such as my_models.py:resnet, got {origin[:80]!r}"
        )
    if not is_origin(origin):
        raise InvalidScenario(f"exported: expected a file FILE.pt2, got {origin[:80]!r}")
    return module_graph(origin, given.cuts, given.near)


def with_cuts(scenario: Scenario, cuts: int) -> Scenario:
    """The same scenario with its modules cut elsewhere.

    Parameters
    ----------
    scenario : Scenario
        Not calibrated yet: measured durations are those of the old stages.
    cuts : int

    Raises
    ------
    InvalidScenario
        It has no module of the user's, or so many cuts are not possible.
    """
    if isinstance(cuts, bool) or not isinstance(cuts, int):
        raise InvalidScenario(f"cuts: expected a whole number, got {show(cuts)}")
    streams = tuple(_recut(stream, cuts) for stream in scenario.streams)
    if all(new is old for new, old in zip(streams, scenario.streams, strict=True)):
        raise InvalidScenario(f"cuts: {scenario.name} has no module of one's own that could be cut")
    return replace(scenario, streams=streams)


def module_scenario(reference: str, cuts: int | None = None) -> Scenario | None:
    """A scenario of ``FILE.pt2`` or ``FILE.py:FACTORY`` alone; None for other texts.

    Raises
    ------
    InvalidScenario, UnknownName
    """
    from realrun.partition.reference import is_origin, split_factory
    from scenarios.loader import load_cluster
    from simulator.workload import Stream

    if not is_origin(reference):
        return None
    factory = split_factory(reference)
    graph = module_graph(reference, cuts)
    return Scenario(
        name=Path(reference).stem if factory is None else factory[1],
        cluster=load_cluster(DEFAULT_CLUSTER),
        streams=(Stream("requests", graph),),
        description=f"The module of {Path(reference).name}, cut into stages.",
        network="fair",
        source=reference,
    )


# ----- pieces ------------------------------------------------------------------------------------
def _task_name(stage: int) -> str:
    return f"stage{stage}" if stage else INPUTS


def _reference(cut: Partition, stage: int) -> str:
    from realrun.partition.reference import StageReference

    source = cut.flow.source
    return str(StageReference(stage, cut.stages, source.digest, source.origin))


def _inputs(cut: Partition, near: str | None) -> Task:
    """What comes in from outside: no work, bytes only."""
    size = float(sum(t.bytes for t in cut.puts(0)))
    variant = Variant(
        INPUTS, seconds={"*": 0.0}, output_bytes=size, module=_reference(cut, 0)
    )  # fmt: skip
    return Task(INPUTS, (variant,), pinned=near)


def _stage(cut: Partition, stage: int, dtype: str) -> Task:
    from realrun.partition.cost import stage_profile

    cost = stage_profile(cut, stage)
    variant = Variant(
        cut.label(stage),
        work=Work(
            flops={kind: float(n) for kind, n in cost.flops.items() if n},
            bytes_touched=float(cost.bytes_touched),
            operators=float(cost.operators),
            dtype=dtype,
        ),
        weights_bytes=float(cost.weights_bytes),
        activation_bytes=float(cost.activation_bytes),
        output_bytes=float(sum(cost.output_bytes.values())),
        module=_reference(cut, stage),
    )
    return Task(_task_name(stage), (variant,))


def _recut(stream: Stream, cuts: int) -> Stream:
    """The stream with another graph; itself where its tasks are no stages of one module."""
    found = [_reference_of(task) for task in stream.graph.tasks]
    first = found[0]
    if first is None or first.index != 0 or any(r is None for r in found):
        return stream
    pinned = stream.graph.tasks[0].pinned
    return replace(stream, graph=module_graph(first.origin, cuts, pinned))


def _reference_of(task: Task) -> StageReference | None:
    from realrun.partition.reference import is_stage, parse_stage

    module = task.variants[0].module
    return parse_stage(str(module)) if is_stage(module) else None


__all__ = ["from_spec", "module_graph", "module_scenario", "with_cuts"]
