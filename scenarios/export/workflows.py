"""A scenario as a workflow of files: WfFormat 1.5 (WfCommons) or DAX 3 (Pegasus).

Every message becomes a file that its sender writes and its receiver reads. A task that stands for
the store of files is not written; what it sends are files without a writer.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from scenarios.export.labels import cleaned
from scenarios.export.plain import GIVEN, losses, plain_graph
from scenarios.importers.plain import PlainGraph, PlainTask
from scenarios.scenario import Scenario
from simulator.errors import Unsupported

EPOCH = "1970-01-01T00:00:00Z"
"""Stands where the format asks for a date and there was none: nothing was recorded."""


@dataclass
class _Step:
    """A task with what it reads, writes and waits for."""

    task: PlainTask
    parents: dict[str, None] = field(default_factory=dict)
    children: dict[str, None] = field(default_factory=dict)
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)


def to_wfcommons(scenario: Scenario) -> tuple[str, list[str]]:
    """Text of a WfFormat 1.5 file, and what it does not hold.

    Parameters
    ----------
    scenario : Scenario

    Returns
    -------
    text : str
    losses : list of str

    Raises
    ------
    Unsupported
        A task graph would mean something else; says why.
    """
    plain, renamed = cleaned(plain_graph(scenario))
    steps, files = _steps(plain, scenario.name)
    runs = []
    for step in steps.values():
        run: dict[str, Any] = {"id": step.task.name, "runtimeInSeconds": step.task.seconds}
        if step.task.memory_bytes:
            run["memoryInBytes"] = math.ceil(step.task.memory_bytes)
        runs.append(run)
    data = {
        "name": scenario.name,
        "description": "Written by alloclab; not recorded: the makespan is that of one machine "
        "which does one task after the other.",
        "createdAt": EPOCH,
        "schemaVersion": "1.5",
        "workflow": {
            "specification": {
                "tasks": [
                    {
                        "name": step.task.name,
                        "id": step.task.name,
                        "parents": list(step.parents),
                        "children": list(step.children),
                        "inputFiles": step.inputs,
                        "outputFiles": step.outputs,
                    }
                    for step in steps.values()
                ],
                "files": [{"id": name, "sizeInBytes": size} for name, size in files.items()],
            },
            "execution": {
                "makespanInSeconds": math.fsum(s.task.seconds for s in steps.values()),
                "executedAt": EPOCH,
                "tasks": runs,
            },
        },
    }
    text = json.dumps(data, ensure_ascii=False, indent=1) + "\n"
    return text, [
        *losses(scenario, frozenset({"memory", "store"})),
        *_said(scenario, plain),
        *renamed,
    ]


def to_dax(scenario: Scenario) -> tuple[str, list[str]]:
    """Text of a DAX 3.6 file, and what it does not hold.

    Parameters
    ----------
    scenario : Scenario

    Returns
    -------
    text : str
    losses : list of str

    Raises
    ------
    Unsupported
        A task graph would mean something else; says why.
    """
    plain, renamed = cleaned(plain_graph(scenario))
    steps, files = _steps(plain, scenario.name)
    (title,) = (cleaned_name(scenario.name),)
    root = Element("adag", xmlns="http://pegasus.isi.edu/schema/DAX", version="3.6", name=title)
    ids = {name: f"ID{i:07}" for i, name in enumerate(steps, start=1)}
    for name, step in steps.items():
        job = SubElement(root, "job", {"id": ids[name], "name": "task", "node-label": name})
        job.set("runtime", repr(step.task.seconds))
        for names, link in ((step.inputs, "input"), (step.outputs, "output")):
            for file in names:
                SubElement(job, "uses", name=file, link=link, size=str(files[file]))
    for name, step in steps.items():
        if step.parents:
            child = SubElement(root, "child", ref=ids[name])
            for parent in step.parents:
                SubElement(child, "parent", ref=ids[parent])
    indent(root, " ")
    text = "<?xml version='1.0' encoding='UTF-8'?>\n" + tostring(root, encoding="unicode") + "\n"
    return text, [*losses(scenario, frozenset({"store"})), *_said(scenario, plain), *renamed]


def cleaned_name(name: str) -> str:
    """A title as XML takes it."""
    from scenarios.export.labels import clean

    return clean(name)


def _steps(plain: PlainGraph, title: str) -> tuple[Mapping[str, _Step], Mapping[str, int]]:
    stores = {task.name for task in plain.tasks if task.stored}
    steps = {task.name: _Step(task) for task in plain.tasks if task.name not in stores}
    if not steps:
        raise Unsupported(f"{title}: there is no task beside the store of files")
    files: dict[str, int] = {}
    for edge in plain.edges:
        below, stored = steps[edge.dst], edge.src in stores
        if not stored:
            below.parents[edge.src] = None
            steps[edge.src].children[edge.dst] = None
        if edge.bytes or stored:
            name = f"file-{len(files) + 1}"
            files[name] = math.ceil(edge.bytes)
            below.inputs.append(name)
            if not stored:
                steps[edge.src].outputs.append(name)
    return steps, files


def _said(scenario: Scenario, plain: PlainGraph) -> list[str]:
    """What workflows of files in particular do not hold."""
    out = []
    pairs = {(edge.src, edge.dst) for edge in plain.edges}
    if len(pairs) < len(plain.edges):
        out.append("Not in the file: several messages between two tasks; they are read as one.")
    if any(edge.name for edge in plain.edges):
        out.append("Not in the file: the names of edges.")
    if any(not edge.bytes.is_integer() for edge in plain.edges):
        out.append("Not in the file: parts of a byte; sizes are rounded up.")
    if any(task.memory_bytes % 1 for task in plain.tasks):
        out.append("Not in the file: parts of a byte of memory; it is rounded up.")
    elsewhere = [
        task.name
        for task in scenario.streams[0].graph.tasks
        if set(task.variants[0].seconds or {GIVEN[0]: 0.0}) - {GIVEN[1], "storage"}
    ]
    if elsewhere:
        out.append(
            f"Not in the file: that {len(elsewhere)} tasks run on nodes other than cpu; read back "
            "they run on nodes of kind cpu only."
        )
    if sum(task.stored for task in plain.tasks) > 1:
        out.append("Not in the file: several stores of files; they are read as one.")
    return out
