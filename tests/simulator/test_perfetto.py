"""Perfetto export: the structure that the viewer needs, and numbers that fit the trace."""

from __future__ import annotations

import gzip
import itertools
import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simulator import Trace
from simulator.occupancy import lanes
from tests.simulator.test_trace import run

Event = dict[str, Any]


def export(trace: Trace, path: Path) -> list[Event]:
    trace.to_perfetto(path)
    data = json.loads(path.read_text(encoding="utf-8"))
    assert data["otherData"]["engine"] == "reference"
    events: list[Event] = data["traceEvents"]
    return events


@pytest.fixture(params=["ideal", "fifo", "fair"])
def exported(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Trace, list[Event]]:
    trace = run(request.param)
    return trace, export(trace, tmp_path / "sub" / "trace.json")


def names(events: list[Event], what: str) -> dict[tuple[int, int], str]:
    return {(e["pid"], e["tid"]): e["args"]["name"] for e in events if e["name"] == what}


def test_every_event_has_what_its_phase_needs(exported: tuple[Trace, list[Event]]) -> None:
    _, events = exported
    needed = {
        "M": {"args"}, "X": {"ts", "dur", "cat", "args"}, "C": {"ts", "args"},
        "s": {"ts", "id", "cat"}, "t": {"ts", "id", "cat"}, "f": {"ts", "id", "cat", "bp"},
        "b": {"ts", "id", "cat"}, "e": {"ts", "id", "cat"},
    }  # fmt: skip
    assert {e["ph"] for e in events} == set(needed)
    for event in events:
        assert needed[event["ph"]] | {"name", "pid"} <= set(event)
        if event["ph"] != "C":
            assert "tid" in event
        assert event.get("ts", 0) >= 0 and event.get("dur", 0) >= 0


def test_processes_and_threads_are_named(exported: tuple[Trace, list[Event]]) -> None:
    trace, events = exported
    processes = names(events, "process_name")
    assert list(processes.values()) == ["edge (cpu)", "cloud (cpu)", "links", "requests"]
    threads = names(events, "thread_name")
    assert [threads[1, tid] for tid in (1, 2, 3)] == ["slot 0", "slot 1", "outages"]
    links = [name for (pid, _), name in threads.items() if pid == 3]
    assert set(links) <= {f"{link}{lane}" for link in trace.problem.link_names
                          for lane in ("", " (2)", " (3)", " (4)")}  # fmt: skip
    for event in events:
        if event["ph"] == "X":
            assert (event["pid"], event["tid"]) in threads


def test_slices_are_the_rows_of_the_trace_in_microseconds(
    exported: tuple[Trace, list[Event]],
) -> None:
    trace, events = exported
    slices = [e for e in events if e.get("cat") == "task"]
    rows = trace.tasks[trace.tasks.start.notna()]
    assert len(slices) == len(rows)
    for event, (_, row) in zip(slices, rows.iterrows(), strict=True):
        assert event["name"] == row.task
        assert event["ts"] == pytest.approx(row.start * 1e6, abs=1e-3)
        assert event["dur"] == pytest.approx((row.finish - row.start) * 1e6, abs=2e-3)
        assert event["args"]["request"] == row.request
        assert event["args"]["state"] == row.state
        assert event["pid"] == trace.problem.node_names.index(row.node) + 1
        assert event["tid"] == row.slot + 1


def test_slices_of_a_thread_never_overlap(exported: tuple[Trace, list[Event]]) -> None:
    """The viewer draws nested slices; two that merely overlap would be shown wrong."""
    _, events = exported
    threads: dict[tuple[int, int], list[Event]] = defaultdict(list)
    for event in events:
        if event["ph"] == "X":
            threads[event["pid"], event["tid"]].append(event)
    for slices in threads.values():
        slices.sort(key=lambda e: (e["ts"], e["dur"]))
        for a, b in itertools.pairwise(slices):
            assert a["ts"] + a["dur"] <= b["ts"] + 1e-3


def test_flows_lead_from_slice_to_slice(exported: tuple[Trace, list[Event]]) -> None:
    trace, events = exported
    slices = [e for e in events if e["ph"] == "X"]
    flows: dict[int, list[Event]] = defaultdict(list)
    for event in events:
        if event["ph"] in "stf":
            flows[event["id"]].append(event)
    assert len(flows) == int((trace.log.used == 1).sum())
    for points in flows.values():
        phases = Counter(p["ph"] for p in points)
        assert (phases["s"], phases["f"]) == (1, 1)
        times = [p["ts"] for p in points]
        assert times == sorted(times)
        for point in points:
            assert any(
                (s["pid"], s["tid"]) == (point["pid"], point["tid"])
                and s["ts"] - 1e-3 <= point["ts"] <= s["ts"] + s["dur"] + 1e-3
                for s in slices
            ), f"{point} points at no slice"


def test_counters_begin_and_end_at_zero(exported: tuple[Trace, list[Event]]) -> None:
    _, events = exported
    series: dict[tuple[int, str], list[tuple[float, int]]] = defaultdict(list)
    for event in events:
        if event["ph"] == "C":
            series[event["pid"], event["name"]].append((event["ts"], event["args"][event["name"]]))
    assert {name for _, name in series} == {
        "waiting", "running", "messages on their way", "requests in the system",
    }  # fmt: skip
    for values in series.values():
        assert values == sorted(values), "time goes on"
        assert min(v for _, v in values) == 0 == values[-1][1]
    running = dict(series[1, "running"])
    assert max(running.values()) == 2, "both slots of the first node were in use"


def test_requests_open_and_close(exported: tuple[Trace, list[Event]]) -> None:
    trace, events = exported
    opened = {e["id"]: e["ts"] for e in events if e["ph"] == "b"}
    closed = {e["id"]: e["ts"] for e in events if e["ph"] == "e"}
    assert opened.keys() == closed.keys() == set(range(4))
    for r, at in closed.items():
        assert (at - opened[r]) / 1e6 == pytest.approx(trace.log.completed[r] -
                                                       trace.log.arrival[r])  # fmt: skip


def test_a_compressed_file_holds_the_same(tmp_path: Path) -> None:
    trace = run()
    plain = export(trace, tmp_path / "a.json")
    trace.to_perfetto(tmp_path / "a.json.gz")
    with gzip.open(tmp_path / "a.json.gz", "rt", encoding="utf-8") as file:
        assert json.load(file)["traceEvents"] == plain


def test_lanes_take_the_lowest_that_is_free() -> None:
    group = np.array([0, 0, 0, 0, 1])
    start = np.array([0.0, 1.0, 2.0, 2.0, 1.0])
    end = np.array([2.0, 5.0, 3.0, 4.0, 9.0])
    assert lanes(group, start, end).tolist() == [0, 1, 0, 2, 0]
