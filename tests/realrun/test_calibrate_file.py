"""A calibration is written whole, read back the same, and refused where it is not what it says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from realrun.calibrate import machine
from realrun.calibrate.calibration import (
    BadCalibration,
    Calibration,
    Entry,
    LinkTime,
    Overheads,
    content_hash,
)
from realrun.devices import ENTRY, parse_workers
from simulator.errors import AlloclabError, UnknownName
from simulator.taskgraph import Task, TaskGraph, Variant
from simulator.workload import Stream

SPECS = parse_workers("a=cpu:1,b=cpu:1@bf16+4GB")


def made(**more: Any) -> Calibration:
    entries = (
        Entry("m", "a", 1, 0.010, 0.01, 9, "harvested", 0.008),
        Entry("m", "a", 4, 0.040, 0.01, 9, "profiled", 0.040),
        Entry("m", "b", 1, 0.020, 0.01, 9, "profiled", 0.020),
        Entry("m", "b", 4, 0.050, 0.01, 9, "profiled", 0.050),
        Entry("new", "a", 1, 0.005, source="predicted"),
    )
    given: dict[str, Any] = {
        "workers": SPECS,
        "entries": entries,
        "overheads": {"a": Overheads(1e-5, 2e-5, 1e-10, 3e-5), "b": Overheads(corun=(1.0, 1.4))},
        "links": (
            LinkTime("a", "b", 1e-4, 1e9, ((1e3, 2e-4), (1e6, 2e-3))),
            LinkTime("b", "a", 2e-4, 2e9),
        ),
        "machine": machine.fingerprint(),
        "training": {"p": [{"t": ["a", "v"]}]},
    }
    return Calibration(**{**given, **more})


def stream(*variants: Variant, batch: int = 1) -> Stream:
    return Stream("s", TaskGraph((Task("t", variants),)), batch=batch)


def test_a_file_gives_back_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "c.yaml"
    made().save(path)
    assert Calibration.load(path) == made()
    assert [p.name for p in path.parent.iterdir()] == ["c.yaml"]


def test_the_hash_follows_the_content() -> None:
    assert made().hash == made().hash
    assert made().hash != made(transport="distributed").hash


def _rewritten(path: Path, change: Callable[[dict[str, Any]], Any], hashed: bool) -> None:
    made().save(path)
    data = yaml.safe_load(path.read_text())
    change(data)
    if hashed:
        data["hash"] = content_hash(data)
    path.write_text(yaml.safe_dump(data))


@pytest.mark.parametrize(
    ("change", "hashed", "says"),
    [
        (lambda d: d["entries"][0].update(seconds=0.011), False, "changed after it was written"),
        (lambda d: d.update(format="alloclab-calibration/9"), True, "format must be"),
        (lambda d: d.pop("links"), True, "the field 'links' is missing"),
        (lambda d: d.update(extra=1), True, "extra"),
        (lambda d: d["entries"][1].update(seconds=-1.0), True, "entries[1]: seconds must be"),
        (lambda d: d["entries"][1].update(seconds="fast"), True, "entries[1]: seconds must be"),
        (lambda d: d["entries"][2].update(source="guessed"), True, "guessed"),
        (lambda d: d["entries"][2].update(node="c"), True, "entries[2]"),
        (lambda d: d["entries"][0].pop("model"), True, "entries[0]: the field 'model' is missing"),
        (lambda d: d["entries"][0].update(colour=1), True, "colour"),
        (lambda d: d["entries"].append(7), True, "entries[5] must be a mapping"),
        (lambda d: d.update(entries=7), True, "c.yaml"),
        (lambda d: d.update(overheads=[1]), True, "c.yaml"),
        (lambda d: d["links"][0].update(size_table=[[1]]), True, "c.yaml"),
    ],
)
def test_a_file_that_is_not_right_is_refused_with_one_sentence(
    tmp_path: Path, change: Callable[[dict[str, Any]], Any], hashed: bool, says: str
) -> None:
    path = tmp_path / "c.yaml"
    _rewritten(path, change, hashed)
    with pytest.raises(AlloclabError) as caught:
        Calibration.load(path)
    assert says in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "[1, 2", "- a\n- b", "3", "\x00", "format: !!python/name:os"])
def test_a_file_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(BadCalibration, match=r"c\.yaml"):
        Calibration.load(path)


def test_a_file_that_is_absent_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadCalibration, match=r"nowhere\.yaml: cannot be read"):
        Calibration.load(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize("key", machine.COMPARED)
def test_another_machine_is_refused_by_what_differs(key: str) -> None:
    made().check_machine()
    with pytest.raises(BadCalibration, match=f"another machine: {key} there is 'other'"):
        made(machine={**machine.fingerprint(), key: "other"}).check_machine()


def test_other_workers_are_refused() -> None:
    made().check_workers(SPECS)
    with pytest.raises(BadCalibration, match="not of"):
        made().check_workers(parse_workers("a=cpu:1,b=cpu:1"))


def test_the_cluster_carries_what_was_measured() -> None:
    cluster = made().cluster()
    a, b = cluster.nodes
    assert (a.dispatch_s, a.send_s, a.send_s_per_byte, a.wake_s) == (1e-5, 2e-5, 1e-10, 3e-5)
    assert a.labels == (ENTRY,) and b.labels == ()
    assert tuple(b.corun) == (1.0, 1.4)
    assert b.memory_bytes == SPECS[1].memory_bytes
    assert [(x.latency_s, x.bandwidth) for x in cluster.links] == [(1e-4, 1e9), (2e-4, 2e9)]
    assert all(n.dispatch_s == n.wake_s == 0.0 for n in made().cluster(overheads=False).nodes)


def test_streams_take_the_measured_durations() -> None:
    (got,) = made().streams([stream(Variant("v", seconds={"*": 9.0}, module="m"), batch=2)])
    variant = got.graph.tasks[0].variants[0]
    assert variant.batch == (1, 4)
    assert dict(variant.seconds) == {"a": (0.010, 0.040), "b": (0.020, 0.050)}


def test_before_harvesting_durations_are_those_of_the_loop() -> None:
    (got,) = made().streams([stream(Variant("v", seconds={"*": 9.0}, module="m"))], "looped")
    assert got.graph.tasks[0].variants[0].seconds["a"] == (0.008, 0.040)


def test_a_model_goes_only_where_it_was_measured() -> None:
    (got,) = made().streams([stream(Variant("v", seconds={"*": 9.0}, module="new"))])
    assert set(got.graph.tasks[0].variants[0].seconds) == {"a"}


def test_tasks_without_a_module_keep_their_durations() -> None:
    given = stream(Variant("v", seconds={"*": 0.3}))
    assert made().streams([given]) == (given,)


def test_a_task_without_any_measured_variant_is_refused_by_name() -> None:
    with pytest.raises(UnknownName, match=r"'absent'.*task 't' of stream 's'|task 't'.*'absent'"):
        made().streams([stream(Variant("v", seconds={"*": 1.0}, module="absent"))])


def test_variants_that_were_not_measured_fall_away() -> None:
    both = stream(
        Variant("v", seconds={"*": 1.0}, module="m"), Variant("w", seconds={"*": 1.0}, module="x")
    )
    assert [v.name for v in made().streams([both])[0].graph.tasks[0].variants] == ["v"]


def test_predicted_models_are_named() -> None:
    assert made().predicted([stream(Variant("v", seconds={"*": 1.0}, module="new"))]) == ["new"]
    assert made().predicted([stream(Variant("v", seconds={"*": 1.0}, module="m"))]) == []


def test_a_calibration_without_links_still_has_a_cluster() -> None:
    assert len(replace(made(), links=()).cluster().nodes) == 2
