"""Folders of results of every kind, made once, and their reports."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from scenarios import compare, load, results, single, study
from scenarios.override import override
from scenarios.report import build, render
from scenarios.scenario import Scenario
from simulator.cluster import Cluster, Node
from simulator.taskgraph import Edge, Task, TaskGraph, Variant
from simulator.workload import Arrivals, Stream

HOSTILE = "</script><img src=x onerror=alert(1)>\u2028<b>&amp;"
"""A name that breaks out of a page that forgets to escape it somewhere."""

STUDY = """\
alloclab-study: 1
name: small
scenarios:
  - generate: {tasks: 8, nodes: 3}
parameters:
  grid:
    family: [layered, out-tree]
    ccr: [0.5, 5]
schedulers: [heft, random, exact]
seeds: 2
budget: {evaluations: 40}
"""
"""2 families x 2 ratios x 3 schedulers x 2 seeds: 24 cells."""


class Page(HTMLParser):
    """What a browser would load, run and show of a page."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.loads: list[tuple[str, str]] = []
        self.handlers: list[str] = []
        self.tags: list[str] = []
        self.ids: set[str] = set()
        self.scripts: list[tuple[dict[str, Any], str]] = []
        self.shown: list[str] = []
        self._script: dict[str, Any] | None = None
        self._hidden = 0
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append(tag)
        self.ids.add(given.get("id") or "")
        self.handlers += [name for name in given if name.startswith("on")]
        self.loads += [(tag, v) for k, v in given.items() if k in ("src", "href", "data") and v]
        if tag == "script":
            self._script = given
        self._hidden += tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("script", "style")
        if tag == "script":
            self._script = None

    def handle_data(self, data: str) -> None:
        if self._script is not None:
            self.scripts.append((self._script, data))
        elif not self._hidden:
            self.shown.append(data)

    @property
    def data(self) -> dict[str, Any]:
        """Content of the JSON block."""
        (text,) = [body for given, body in self.scripts if given.get("id") == "data"]
        out: dict[str, Any] = json.loads(text)
        return out

    @property
    def text(self) -> str:
        """What is shown without scripts."""
        return " ".join(" ".join(self.shown).split())

    def block(self, title: str) -> dict[str, Any]:
        """The block with a title."""
        (found,) = [b for b in self.data["blocks"].values() if b["title"] == title]
        out: dict[str, Any] = found
        return out

    def frame(self, title: str) -> pd.DataFrame:
        """A table of the page."""
        block = self.block(title)
        return pd.DataFrame(block["rows"], columns=[c["label"] for c in block["columns"]])


@dataclass(frozen=True)
class Made:
    """A folder and its report."""

    folder: Path
    html: str
    page: Page

    @staticmethod
    def of(folder: Path) -> Made:
        text = render(build(folder))
        return Made(folder, text, Page(text))


def hostile() -> Scenario:
    """A scenario in which everything that has a name has a hostile one."""
    graph = TaskGraph(
        (Task(HOSTILE, (Variant(HOSTILE, {"n" + HOSTILE: 1.0, "m": 2.0}),)),
         Task("b", (Variant("v", {"n" + HOSTILE: 2.0, "m": 1.0}, output_bytes=5.0),))),
        (Edge(HOSTILE, "b", bytes=10.0, name=HOSTILE),),
    )  # fmt: skip
    cluster = Cluster.mesh(HOSTILE, [Node("n" + HOSTILE, device=HOSTILE), Node("m")], 100.0)
    stream = Stream(HOSTILE, graph, Arrivals("constant", rate=0.5), requests=3)
    return Scenario(HOSTILE, cluster, (stream,), source=HOSTILE)


@pytest.fixture(scope="session")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("comparison")
    scenario = override(load("translation"), requests=40)
    made = compare.compare(scenario, ["heft", "cpop", "round_robin", "annealing"], seeds=2,
                           evaluations=30)  # fmt: skip
    results.write_comparison(made, folder)
    return Made.of(folder)


@pytest.fixture(scope="session")
def simulation(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("simulation")
    single.write(single.simulate(override(load("driving"), requests=10), "heft"), folder)
    return Made.of(folder)


@pytest.fixture(scope="session")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("sweep")
    with ThreadPoolExecutor(1) as executor:
        study.sweep(study.parse(STUDY, "small.yaml"), folder, executor=executor)
    return Made.of(folder)


@pytest.fixture(scope="session")
def validation(tmp_path_factory: pytest.TempPathFactory) -> Made:
    from realrun.validate.choice import choose
    from realrun.validate.report import Report
    from realrun.validate.validation import Subject, validate
    from tests.realrun.fake_runner import FakeMachine, problem, still

    folder = tmp_path_factory.mktemp("validation")
    given = problem(tasks=3)
    subject = Subject("chain", "cpu:1,cpu:1", given,
                      choose(given, {}, identical=[[0], [1]], most=4), unlike=True)  # fmt: skip
    pipeline, session = validate(subject, FakeMachine(bias=1.04, noise=0.01), still, 5)
    Report([pipeline], [session], {"command": "validate", "date": "2026-01-02"}).write(folder)
    return Made.of(folder)


@pytest.fixture(scope="session")
def real_run(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A run of emulated workers would take seconds; the files are what counts here."""
    from scenarios import running
    from simulator.engines import simulate
    from tests.realrun.fake_runner import measured

    folder = tmp_path_factory.mktemp("run")
    scenario = override(load("translation"), requests=5)
    one = single.simulate(scenario, "heft")

    @dataclass(frozen=True)
    class Real:
        trace: Any
        facts: dict[str, Any]

    real = measured(simulate(one.trace.problem, one.trace.allocation, seed=1))
    result = running.Execution(scenario, "heft", one.trace, Real(real, {"late_start_s": 0.001}),
                               (), running.Settings(), True, ("for a test",))  # type: ignore[arg-type]  # fmt: skip
    running.write(result, folder)
    return Made.of(folder)


@pytest.fixture(scope="session")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("attacked")
    results.write_comparison(compare.compare(hostile(), ["heft", "round_robin"]), folder)
    return Made.of(folder)


KINDS = ("comparison", "simulation", "sweep", "validation", "real_run", "attacked")


@pytest.fixture(params=KINDS)
def every(request: pytest.FixtureRequest) -> Made:
    """Each kind of report in turn."""
    made: Made = request.getfixturevalue(request.param)
    return made
