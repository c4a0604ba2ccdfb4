"""Calibrating a machine of which the truth is known, and going on after an interruption."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from realrun.calibrate import calibrate, counting
from realrun.calibrate.calibration import Calibration
from realrun.calibrate.harvest import Sample, harvest, scaled, training_allocations
from realrun.calibrate.journal import Journal
from realrun.calibrate.overheads import SIZES, links_of, overheads_of
from realrun.devices import parse_workers, workers_cluster
from simulator.evaluate import admissible
from simulator.problem import Problem
from simulator.taskgraph import Edge, Task, TaskGraph, Variant
from simulator.workload import Stream

SPEED = {"a": 1.0, "b": 2.0}
MODELS = ("control", "arm-control", "planner-small", "head-small", "ranker-small")


def truth(work: Any, node: str) -> float:
    """Seconds of an execution on a machine of two rates."""
    flops = sum(v for k, v in work.items() if k.endswith("_flops"))
    moved = sum(v for k, v in work.items() if k.endswith("_bytes"))
    return float(SPEED[node] * (1e-4 + 1e-11 * flops + 1e-10 * moved))


class FakeWorkers:
    """Answers probes by the truth; dies after so many of them."""

    transport_name = "shared"

    def __init__(self, text: str = "a=cpu:1,b=cpu:1@bf16", lives: float = np.inf):
        self.specs, self.lives = parse_workers(text), lives
        self.asked: list[tuple[str, ...]] = []
        self.products = 0

    def call_all(self, function: str, arguments: Sequence[Any]) -> list[Any]:
        assert function == "realrun.validate.probes:matmul"
        self.products += 1
        late = 100.0 if self.products == 2 else 1.0  # one disturbance moves no median
        return [
            {"seconds": late * SPEED[s.name]} for s, _ in zip(self.specs, arguments, strict=True)
        ]

    def call(self, worker: int, function: str, **given: Any) -> Any:
        probe, node = function.partition(":")[2], self.specs[worker].name
        if probe == "host":
            loaded = 5e6 if self.asked else 0.0
            return {"device": "fake", "resident_bytes": 1e6 + loaded, "host_bytes": 8e9}
        if len(self.asked) >= self.lives:
            raise KeyboardInterrupt
        self.asked.append((probe, node, *map(str, given.values())))
        if probe == "time_together":
            return 0.01 * (1 + 0.5 * (given["copies"] - 1))
        work = (
            counting.of_basis()[given["name"]]
            if probe == "time_basis"
            else counting.of_model(given["model"].partition("@")[0], given["batch"])
        )
        seconds = truth(work, node)
        return {"seconds": np.array([0.9, 1.0, 1.0, 1.0, 3.0]) * seconds}  # medians see the truth


def streams(models: Iterable[str] = MODELS, batch: int = 1) -> tuple[Stream, ...]:
    tasks = tuple(Task(m, (Variant("v", seconds={"*": 1.0}, module=m),)) for m in models)
    return (Stream("s", TaskGraph(tasks), batch=batch),)


def measured(workers: FakeWorkers, path: Path | None = None, **more: Any) -> Calibration:
    given = {"harvesting": False, "links": False, "rounds": 2, "path": path, **more}
    pipelines = given.pop("pipelines", {"p": streams()})
    return calibrate(workers, pipelines, **given)  # type: ignore[arg-type]


def test_profiled_durations_are_the_truth() -> None:
    got = measured(FakeWorkers())
    assert {(e.model, e.node) for e in got.entries} == {(m, n) for m in MODELS for n in SPEED}
    for e in got.entries:
        assert e.seconds == pytest.approx(truth(counting.of_model(e.model, 1), e.node))
        assert (e.source, e.n) == ("profiled", 10)


def test_rounds_go_over_all_models_before_any_is_timed_again() -> None:
    workers = FakeWorkers()
    measured(workers)
    half = len(workers.asked) // 2
    assert workers.asked[:half] == workers.asked[half:]


def test_further_batch_sizes_are_profiled_beside_those_of_streams() -> None:
    got = measured(FakeWorkers(), batches=(4,), pipelines={"p": streams(("control",), batch=2)})
    assert sorted({e.batch for e in got.entries}) == [2, 4]


def test_half_precision_variants_are_left_out_on_cpus() -> None:
    got = measured(FakeWorkers(), pipelines={"p": streams(("control", "control@fp16"))})
    assert {e.model for e in got.entries} == {"control"}
    assert any("control@fp16 on a" in text for text in got.left_out)


def test_models_that_are_not_measured_are_predicted_and_marked() -> None:
    workers = FakeWorkers()
    got = measured(workers, predict=("planner-small",))
    assert not any("planner-small" in asked for asked in workers.asked)
    found = {e.node: e for e in got.entries if e.model == "planner-small"}
    assert {e.source for e in found.values()} == {"predicted"}
    assert got.predicted(streams()) == ["planner-small"]
    for node, e in found.items():
        true = truth(counting.of_model("planner-small", 1), node)
        assert e.seconds == pytest.approx(true, rel=0.05)


def test_harvesting_does_not_give_away_what_is_to_be_predicted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = {(m, n, 1): Sample(7.0, 0.0, 5) for m in ("control", "planner-small") for n in SPEED}
    monkeypatch.setattr("realrun.calibrate.measure.harvest", lambda *_: (seen, []))
    got = measured(FakeWorkers(), predict=("planner-small",), harvesting=True)
    sources = {(e.model, e.node): e.source for e in got.entries}
    assert len(sources) == len(got.entries)
    assert sources["planner-small", "a"] == "predicted"
    assert sources["control", "a"] == "harvested"
    assert sources["head-small", "a"] == "profiled"
    (control,) = (e for e in got.entries if (e.model, e.node) == ("control", "a"))
    assert control.seconds == 7.0
    assert control.looped == pytest.approx(truth(counting.of_model("control", 1), "a"))


def test_co_running_is_measured_where_there_are_slots() -> None:
    got = measured(FakeWorkers("a=cpu:1x3,b=cpu:1"))
    assert got.overheads["a"].corun == pytest.approx((1.0, 1.5, 2.0))
    assert got.overheads["b"].corun == ()


@pytest.mark.parametrize("lives", [1, 7, 13])
def test_an_interrupted_calibration_goes_on_where_it_was(tmp_path: Path, lives: int) -> None:
    path = tmp_path / "c.yaml"
    broken, second = FakeWorkers(lives=lives), FakeWorkers()
    with pytest.raises(KeyboardInterrupt):
        measured(broken, path)
    assert not path.exists() and (tmp_path / "c.yaml.partial").exists()
    got = measured(second, path)
    whole = FakeWorkers()
    assert got.entries == measured(whole).entries
    assert broken.asked + second.asked == whole.asked
    assert [p.name for p in tmp_path.iterdir()] == ["c.yaml"]
    assert Calibration.load(path) == got


def test_other_settings_begin_anew(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    with pytest.raises(KeyboardInterrupt):
        measured(FakeWorkers(lives=5), path)
    second, whole = FakeWorkers(), FakeWorkers()
    measured(second, path, rounds=3)
    measured(whole, rounds=3)
    assert second.asked == whole.asked


def test_a_torn_line_is_measured_again(tmp_path: Path) -> None:
    path = tmp_path / "j"
    first = Journal(path, {"x": 1})
    first.step("one", lambda: [1.5])
    first.step("two", lambda: [2.5])
    path.write_text(path.read_text()[:-6])
    again = Journal(path, {"x": 1})
    assert "one" in again and "two" not in again
    assert again.step("two", lambda: [3.5]) == [3.5]
    third = Journal(path, {"x": 1})
    assert third.step("one", lambda: [0.0]) == [1.5]
    assert third.step("two", lambda: [0.0]) == [3.5]


def test_overheads_and_links_are_those_that_were_planted() -> None:
    size = np.array(SIZES, dtype=float)[:, None]
    send = np.hstack([2e-5 + 1e-10 * size, 5e-5 + 3e-10 * size])
    travel = np.hstack([1e-3 + size / 2e8, 4e-3 + size / 2e7])
    wake = np.broadcast_to([9e-5, 7e-5], send.shape)
    pairs = {(0, 1): {"send_s": send, "travel_s": travel, "wake_s": wake}}
    a, b = overheads_of([1e-5, 2e-5], pairs, 2)
    assert (a.send_s, a.send_s_per_byte) == pytest.approx((2e-5, 1e-10))
    assert (b.send_s, b.send_s_per_byte) == pytest.approx((5e-5, 3e-10))
    # There wakes b, back wakes a; what a dispatch takes is no part of it.
    assert (a.wake_s, b.wake_s) == pytest.approx((7e-5 - 1e-5, 9e-5 - 2e-5))
    there, back = links_of(["a", "b"], pairs)
    assert (there.source, back.source) == ("a", "b")
    assert (there.latency_s, there.bandwidth) == pytest.approx((1e-3, 2e8))
    assert (back.latency_s, back.bandwidth) == pytest.approx((4e-3, 2e7))


def test_memory_is_what_workers_may_use_and_what_they_do() -> None:
    got = measured(FakeWorkers())
    assert {name: o.memory_bytes for name, o in got.overheads.items()} == {"a": 4e9, "b": 4e9}
    assert [n.memory_bytes for n in got.cluster().nodes] == [4e9, 4e9]
    used = {"resident_before_bytes": 1e6, "resident_bytes": 6e6}
    assert got.facts["memory"] == {"a": used, "b": used}


def test_the_reference_product_is_a_median_by_worker() -> None:
    assert measured(FakeWorkers()).facts["reference_matmul_s"] == SPEED


def test_what_cannot_be_read_is_left_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("realrun.calibrate.energy.packages", dict)
    got = measured(FakeWorkers())
    assert [text for text in got.left_out if "watts" in text] == [
        "watts of a, b: neither RAPL nor NVML can be read for them"
    ]
    assert all(o.idle_watts is None and o.busy_watts is None for o in got.overheads.values())


def test_long_models_that_spread_are_remarked(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {("control", "a", 1): Sample(0.006, 0.04, 5), ("control", "b", 1): Sample(0.004, 0.5, 5),
            ("planner-small", "a", 1): Sample(0.006, 0.02, 5)}  # fmt: skip
    monkeypatch.setattr("realrun.calibrate.measure.harvest", lambda *_: (seen, []))
    (remark,) = measured(FakeWorkers(), harvesting=True).facts["remarks"]
    assert remark.startswith("control on a, batch 1, spreads by 4.0 %")


def test_training_goes_round_robin(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []

    def run(problem: Problem, allocation: Any, *_: Any, **__: Any) -> None:
        assert problem.n_requests == 3
        ran.append(str(allocation))

    monkeypatch.setattr("realrun.calibrate.harvest.execute", run)
    monkeypatch.setattr(
        "realrun.calibrate.harvest.samples_of",
        lambda *_: {("m", "a", 1): [float(len(ran))]},
    )
    problem = Problem(
        cluster=workers_cluster(FakeWorkers().specs), streams=streams(), network="ideal",
        dispatch="greedy", name="p",
    )  # fmt: skip
    samples, allocations = harvest(FakeWorkers(), problem, 4, 3, 0)  # type: ignore[arg-type]
    n = len(allocations)
    assert n > 1 and len(set(ran)) == n and ran == ran[:n] * 2
    every = np.arange(1, 2 * n + 1)
    middle = n + 0.5
    cut = np.minimum(every, 1.5 * middle)  # the mean, with what lies far above the median cut down
    assert samples["m", "a", 1] == Sample(float(cut.mean()), n / 2 / middle, 2 * n)


@pytest.mark.parametrize(
    ("transport", "links", "later", "network"),
    [
        ("distributed", True, 1.0, "fifo"),
        ("distributed", True, 2.0, "fair"),
        ("distributed", False, 2.0, "fifo"),
        ("shared", True, 2.0, "ideal"),
    ],
)
def test_the_network_is_the_measured_one(
    monkeypatch: pytest.MonkeyPatch, transport: str, links: bool, later: float, network: str
) -> None:
    pair = {k: np.full((len(SIZES), 2), 1e-4) for k in ("send_s", "travel_s", "wake_s")}
    at = "realrun.calibrate.overheads.measure_"
    monkeypatch.setattr(f"{at}dispatch", lambda *_: 1e-5)
    monkeypatch.setattr(f"{at}pair", lambda *_: pair)
    monkeypatch.setattr(
        "realrun.calibrate.sharing.measure",
        lambda _: {"alone": [1.0], "together": [later, 2.0], "apart": [1.0, 1.9]},
    )
    workers = FakeWorkers()
    workers.transport_name = transport
    got = measured(workers, links=links)
    assert got.network == network
    # Messages to two receivers slowed each other: links of pairs do not tell.
    met = links and transport != "shared"
    assert bool(got.facts["remarks"]) == met and ("sharing" in got.facts) == met


def test_times_that_are_no_line_are_kept_by_size() -> None:
    size = np.array(SIZES, dtype=float)
    straight = 1e-3 + size / 2e8
    bent = np.where(size > 1e5, straight + 5e-3, straight)
    pairs = {(0, 1): {k: np.column_stack([straight, bent]) for k in ("travel_s",)}}
    there, back = links_of(["a", "b"], pairs)
    assert there.size_table == ()
    assert back.latency_s == pytest.approx(1e-3)
    assert [s for s, _ in back.size_table] == list(size)
    assert [back.latency_s + t for _, t in back.size_table] == pytest.approx(bent)


def test_what_harvesting_did_not_see_is_slowed_like_the_rest() -> None:
    looped = {("a", "n", 1): 1.0, ("b", "n", 1): 2.0, ("c", "other", 1): 3.0}
    assert scaled(looped, {("a", "n", 1): Sample(1.2, 0.0, 3)}) == {("b", "n", 1): 2.4}


def test_training_puts_every_task_onto_every_node_and_leaves_some_for_validation() -> None:
    tasks = tuple(Task(f"t{i}", (Variant("v", seconds={"*": 1.0}),)) for i in range(6))
    graph = TaskGraph(tasks, tuple(Edge(f"t{i}", f"t{i + 1}") for i in range(5)))
    problem = Problem(
        cluster=workers_cluster(FakeWorkers().specs), streams=(Stream("s", graph),),
        network="ideal", dispatch="greedy", name="p",
    )  # fmt: skip
    found = training_allocations(problem, 6, seed=3)
    nodes = np.array([[problem.node_names.index(p.node) for p in a.placements] for a in found])
    assert len(np.unique(nodes, axis=0)) == len(found) == 6
    assert all(set(column) == {0, 1} for column in nodes.T)
    assert len(admissible(problem, nodes, np.zeros_like(nodes))) == 6
    again = training_allocations(problem, 6, seed=3)
    assert json.dumps([str(a) for a in found]) == json.dumps([str(a) for a in again])
