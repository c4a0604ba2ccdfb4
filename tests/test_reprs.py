"""Results look well: a line where they are printed, a table in a notebook, all of it escaped."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from realrun.calibrate import Calibration
from realrun.calibrate.calibration import Entry
from realrun.devices import parse_workers
from realrun.execute import RealRun
from realrun.validate.report import Report
from scenarios import load, load_cluster
from scenarios.importers.durations import Durations
from scenarios.scenario import Scenario
from schedulers import solve
from simulator.allocation import Allocation
from simulator.cluster import Cluster, Node
from simulator.engines import simulate
from simulator.shown import MOST_ROWS, Shown
from simulator.taskgraph import Edge, Task, TaskGraph, Variant
from simulator.workload import Stream

ODD = '<script>"&'


def small() -> Scenario:
    """A scenario whose every name would break a page if it were not escaped."""
    tasks = tuple(Task(n, (Variant(f"{n}{ODD}", seconds={"*": 1.0}),)) for n in (f"a{ODD}", "b"))
    graph = TaskGraph(tasks, (Edge(f"a{ODD}", "b", bytes=8.0),))
    nodes = [Node(f"n{ODD}", peak_flops={"fp32": 2e12}, memory_bytes=8e9), Node("m")]
    cluster = Cluster.star(f"c{ODD}", nodes, 1e9)
    return Scenario(f"s{ODD}", cluster, (Stream("x", graph),), description=f"about {ODD}")


def everything() -> dict[str, Shown]:
    from scenarios.compare import compare
    from scenarios.single import simulate as single

    scenario = small()
    problem = scenario.problem()
    allocation = Allocation.of(problem, [0, 1])
    trace = simulate(problem, allocation, seed=0)
    run = single(scenario, scheduler="heft")
    entry = Entry(f"m{ODD}", "cpu:1", 1, 0.02, 0.05, 9, "harvested")
    return {
        "Scenario": scenario,
        "Cluster": scenario.cluster,
        "TaskGraph": scenario.streams[0].graph,
        "Problem": problem,
        "Allocation": allocation,
        "Outcome": solve("heft", problem),
        "Trace": trace,
        "Metrics": trace.metrics(),
        "Comparison": compare(scenario, ["heft", "single_node"]),
        "SingleRun": run,
        "RealRun": RealRun(trace, facts={"transport": "shared", "late_start_s": 0.0}),
        "Calibration": Calibration(parse_workers("cpu:1"), (entry,)),
        "Report": Report((), (), note=f"note {ODD}"),
        "Durations": Durations({(f"d{ODD}", "cpu", ""): (1.0, 2.0)}, f"t{ODD}"),
    }


@pytest.fixture(scope="module")
def results():
    return everything()


class Tags(HTMLParser):
    """Checks that tags nest."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.seen.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_every_result_has_a_short_line_and_a_table(results):
    for name, value in results.items():
        line = repr(value)
        assert 0 < len(line) < (2000 if name == "Metrics" else 700), name
        if name != "Metrics":  # a table of its own
            assert line.startswith(f"{name}(") and line.endswith(")") and "\n" not in line
            assert " object at 0x" not in line
        tags = Tags()
        tags.feed(value._repr_html_())
        assert tags.open == [] and "table" in tags.seen, name
        assert "script" not in tags.seen, name


def test_lines_say_what_matters(results):
    assert repr(results["Allocation"]) == "Allocation(placements: 2 on 2 nodes)"
    assert "objective: 2" in repr(results["Outcome"]) and "status: " in repr(results["Outcome"])
    assert "nodes: 2 (2 cpu); links: 4; routes: 2 of 2 pairs" in repr(results["Cluster"])
    assert "tasks: 2 with 2 variants; edges: 1" in repr(results["TaskGraph"])
    assert "2 tasks, 1 edges; cluster: " in repr(results["Scenario"])
    assert "durations: 1 of 1 models, 1 harvested" in repr(results["Calibration"])
    assert "best: heft" in repr(results["Comparison"])


def test_tables_name_nodes_and_tasks(results):
    assert "2.00 TFLOP/s fp32" in results["Cluster"]._repr_html_()
    assert "8.00 GB" in results["Cluster"]._repr_html_()
    page = results["Allocation"]._repr_html_()
    assert "n&lt;script&gt;&quot;&amp;" in page and "b [b&lt;script" in page


def test_large_results_stay_short():
    cluster = Cluster.star("big", [Node(f"n{i}") for i in range(300)], 1e9)
    assert len(repr(cluster)) < 120
    page = cluster._repr_html_()
    assert page.count("<tr>") <= MOST_ROWS + 6 and "and 280 more" in page
    for name in ("edge-cloud", "hetero-lab"):
        assert len(repr(load_cluster(name))) < 200
    assert len(repr(load("translation"))) < 500


def test_equality_and_hash_are_those_of_the_data():
    assert load_cluster("edge-cloud") == load_cluster("edge-cloud")
    assert small() == small()
    again = Allocation.of(small().problem(), [0, 1])
    assert again == Allocation.from_dict(again.to_dict()) and len({again, again}) == 1


def test_all_numbers_in_a_summary_have_units(results):
    assert re.search(r"effort: \d+ evaluations, [\d.]+ [µmn]?s CPU", repr(results["Outcome"]))
