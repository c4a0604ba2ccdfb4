"""WfFormat 1.4: one list of tasks, files inside the tasks, references by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scenarios.importers.fields import (
    as_list,
    as_mapping,
    as_number,
    as_text,
    describe,
    need,
    optional_text,
)
from scenarios.importers.wfformat import Job, Workflow, machine_lines, optional_number
from simulator.errors import InvalidScenario, unknown


def read_inline(body: Mapping[str, Any], source: str) -> Workflow:
    """Read the ``workflow`` of a 1.4 file.

    Raises
    ------
    InvalidScenario, UnknownName
        Names the file and the field.
    """
    at = f"{source}: workflow.tasks"
    rows = [
        as_mapping(row, f"{at}[{i}]")
        for i, row in enumerate(as_list(need(body, "tasks", f"{source}: workflow"), at))
    ]
    if not rows:
        raise InvalidScenario(f"{at} is empty")
    names, references = _task_names(rows, at)
    file_bytes: dict[str, float] = {}
    by_producer: set[str] = set()
    jobs = []
    for i, (name, row) in enumerate(zip(names, rows, strict=True)):
        where = f"{at}[{i}]"
        inputs, outputs = _task_files(row, where, file_bytes, by_producer)
        jobs.append(
            Job(
                name,
                as_number(
                    _either(row, "runtimeInSeconds", "runtime", where),
                    f"{where}.runtimeInSeconds of {name!r}",
                ),
                _tasks_named(row, "parents", references, where),
                _tasks_named(row, "children", references, where),
                inputs,
                outputs,
                optional_number(row, "cores", where),
                optional_number(row, "memoryInBytes", where),
            )
        )
    return Workflow(
        "1.4",
        tuple(jobs),
        file_bytes,
        machine_lines(body.get("machines", []), f"{source}: workflow.machines"),
        optional_text(body, "makespanInSeconds") or optional_text(body, "makespan"),
    )


def _either(row: Mapping[str, Any], key: str, older: str, where: str) -> Any:
    return row[older] if key not in row and older in row else need(row, key, where)


def _task_names(rows: Sequence[Mapping[str, Any]], at: str) -> tuple[list[str], dict[str, str]]:
    """Unique names as 1.5 would have them, and what each name or id refers to ("" if unclear)."""
    names: list[str] = []
    taken: set[str] = set()
    references: dict[str, str] = {}
    for i, row in enumerate(rows):
        where = f"{at}[{i}]"
        name = as_text(need(row, "name", where), f"{where}.name")
        label = as_text(row["id"], f"{where}.id") if row.get("id") is not None else name
        full = name if label in name else f"{name}_{label}"
        if full in taken:
            raise InvalidScenario(f"{where}: a task named {full!r} occurs twice")
        taken.add(full)
        names.append(full)
        for key in {name, label}:
            references[key] = full if references.get(key, full) == full else ""
    references.update({full: full for full in names})
    return names, references


def _tasks_named(
    row: Mapping[str, Any], key: str, references: Mapping[str, str], where: str
) -> tuple[str, ...]:
    out: dict[str, None] = {}
    for i, entry in enumerate(as_list(row.get(key, []), f"{where}.{key}")):
        name = as_text(entry, f"{where}.{key}[{i}]")
        if name not in references:
            raise unknown("task", name, references, f"{where}.{key}[{i}]")
        if not references[name]:
            raise InvalidScenario(f"{where}.{key}[{i}]: several tasks are named {name!r}")
        out[references[name]] = None
    return tuple(out)


def _task_files(
    row: Mapping[str, Any], where: str, file_bytes: dict[str, float], by_producer: set[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(inputs, outputs) of a task; sizes are entered, the producer's before a consumer's."""
    inputs: dict[str, None] = {}
    outputs: dict[str, None] = {}
    for i, entry in enumerate(as_list(row.get("files", []), f"{where}.files")):
        at = f"{where}.files[{i}]"
        entry = as_mapping(entry, at)
        name = as_text(need(entry, "name", at), f"{at}.name")
        if entry.get("path"):
            name = as_text(entry["path"], f"{at}.path") + name
        size = as_number(_either(entry, "sizeInBytes", "size", at), f"{at}.sizeInBytes")
        link = need(entry, "link", at)
        if link not in ("input", "output"):
            raise InvalidScenario(f"{at}.link must be 'input' or 'output', got {describe(link)}")
        (inputs if link == "input" else outputs)[name] = None
        if name not in file_bytes or (link == "output" and name not in by_producer):
            file_bytes[name] = size
        if link == "output":
            by_producer.add(name)
    return tuple(inputs), tuple(outputs)
