"""What goes wrong is one sentence that names it, and the workers are usable or gone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from realrun.devices import parse_workers
from realrun.execute import execute
from realrun.pool import WorkerFailed, Workers
from simulator.allocation import Allocation
from simulator.cluster import Node
from simulator.dynamics import Dynamics, Outage
from simulator.errors import AlloclabError, InvalidAllocation, Unsupported
from simulator.problem import Problem
from simulator.taskgraph import Task, Variant
from tests.realrun.worlds import THREE, edges, own, problem, task


def runs(workers: Workers) -> bool:
    """Whether the workers still do what they should."""
    world = problem([task("a"), task("b")], edges("a>b"))
    real = execute(world, Allocation.of(world, [0, 1]), workers)
    return bool((real.trace.log.state == 2).all())


@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("Raises", ["'sum'", "tests.realrun.worlds:Raises", "ValueError", "the knob is off"]),
        ("NoTensor", ["'sum'", "tests.realrun.worlds:NoTensor", "str", "instead of a tensor"]),
        ("Missing", ["tests.realrun.worlds:Missing", "cannot be built"]),
        ("not_a_module", ["not_a_module", "int", "not a torch.nn.Module"]),
        ("Greedy", ["'sum'", "1 TB"]),
    ],
)
def test_a_module_that_fails_is_named(three: Workers, module: str, words: list[str]) -> None:
    world = problem([own("x", "Source"), own("sum", module)], edges("x>sum"))
    with pytest.raises(WorkerFailed) as caught:
        execute(world, Allocation.of(world, [0, 1]), three)
    text = str(caught.value)
    assert all(w in text for w in ["worker b", *words]), text
    assert "\n" not in text and caught.value.exit_code == 2
    assert runs(three)


def test_the_wrong_number_of_bytes_is_named(three: Workers) -> None:
    world = problem([own("x", "Source", output=17.0)], [])
    with pytest.raises(WorkerFailed, match=r"'x'.*put out 16 bytes.*output: 17 B"):
        execute(world, Allocation.of(world, [0]), three)
    assert runs(three)


def test_a_wrong_shape_is_named(three: Workers) -> None:
    """A model of the catalogue that is given three words where there should be more."""
    encoder = Task("enc", (Variant("v", seconds={"*": 1e-3}, module="encoder-small"),))
    world = problem([own("x", "ThreeWords"), encoder], edges("x>enc"))
    with pytest.raises(WorkerFailed, match=r"'enc'.*encoder-small' put out 'z1' of shape "):
        execute(world, Allocation.of(world, [0, 1]), three)
    assert runs(three)


def test_other_nodes_than_the_workers_are_refused(three: Workers) -> None:
    world = problem([task("a")], [], nodes=[Node("a"), Node("b"), Node("x")])
    with pytest.raises(InvalidAllocation, match=r"a, b, x.*a, b, c"):
        execute(world, Allocation.of(world, [0]), three)
    world = problem([task("a")], [], nodes=[Node("a", slots=2), Node("b"), Node("c")])
    with pytest.raises(InvalidAllocation, match="'a' has 1 slots, but its node 2"):
        execute(world, Allocation.of(world, [0]), three)


def test_a_model_that_does_not_fit_is_refused_before_anything_runs(three: Workers) -> None:
    nodes = [Node(s.name, memory_bytes=10.0) for s in THREE]
    base = problem([task("a"), task("b")], [], nodes=nodes)
    graph = base.streams[0].graph
    heavy = tuple(
        replace(t, variants=(replace(t.variants[0], weights_bytes=8.0),)) for t in graph.tasks
    )
    stream = replace(base.streams[0], graph=replace(graph, tasks=heavy))
    world = Problem(cluster=base.cluster, streams=(stream,), network="ideal", dispatch="greedy")
    with pytest.raises(InvalidAllocation, match="node 'a' needs 16 bytes of memory and has 10"):
        execute(world, Allocation.of(world, [0, 0]), three)


def test_what_is_only_simulated_is_refused(three: Workers) -> None:
    world = problem([task("a"), task("b")], edges("a>b"))
    dynamic = replace(world, dynamics=Dynamics(outages=(Outage("a", 1.0, 2.0),)))
    with pytest.raises(Unsupported, match="outages"):
        execute(dynamic, Allocation.of(dynamic, [0, 1]), three)
    fair = replace(world, network="fair")
    with pytest.raises(Unsupported, match="fair network cannot be emulated"):
        execute(fair, Allocation.of(fair, [0, 1]), three, emulate=True)


@pytest.mark.parametrize("text", ["cuda:7", "cpu:9999", "tpu:0", "cpu:1@fp8"])
def test_a_device_that_is_not_here_is_named(text: str) -> None:
    with pytest.raises(AlloclabError) as caught:
        Workers(parse_workers(text))
    assert text.split("@")[-1].split(":")[-1] in str(caught.value) or text in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_transport_is_refused() -> None:
    with pytest.raises(AlloclabError, match="did you mean 'shared'"):
        Workers(THREE, transport="share")


def test_a_function_that_raises_in_a_worker_leaves_it_usable(
    three: Workers, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(WorkerFailed, match="worker a: unexpected TypeError"):
        three.call(0, "tests.realrun.worlds:not_a_module")
    assert "Traceback" in capfd.readouterr().err
    assert runs(three)


def test_an_answer_that_cannot_be_sent_leaves_the_worker_usable(three: Workers) -> None:
    with pytest.raises(WorkerFailed, match="worker a: only plain values and arrays are sent"):
        three.call(0, "tests.realrun.faulty:no_plain_value")
    assert three.dead() == []
    assert runs(three)
