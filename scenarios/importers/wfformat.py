"""The WfCommons JSON format (WfFormat) 1.4, 1.5 and 1.6, read into one plain description.

Differences that matter here, after the schema and the notes of its authors [1]_:

* 1.4: ``workflow.tasks`` hold everything: ``runtimeInSeconds``, ``cores``, and ``files`` with
  ``link: input | output`` and ``sizeInBytes``; tasks refer to each other by *name*. Files in the
  wild still use 1.3's ``runtime``, ``size`` and ``makespan``, which are read too.
* 1.5: ``workflow.specification`` has ``tasks`` (``inputFiles``, ``outputFiles``) and ``files``;
  ``workflow.execution`` has runtimes and machines; tasks refer to each other by *id*.
* 1.6: as 1.5, with optional summary ``metrics``, which say nothing that is not in the lists.

References
----------
.. [1] T. Coleman et al., "WfCommons: A framework for enabling scientific workflow research and
   development", FGCS 128, 2022. doi:10.1016/j.future.2021.09.043; schema:
   https://github.com/wfcommons/WfFormat
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from simulator.errors import InvalidScenario, unknown

VERSIONS = ("1.4", "1.5", "1.6")


@dataclass(frozen=True)
class Job:
    """One task of a workflow.

    Parameters
    ----------
    name : str, unique
    seconds : float, measured runtime
    parents, children : tuples of names of tasks
    inputs, outputs : tuples of names of files
    cores : float or None
    memory_bytes : float or None
    """

    name: str
    seconds: float
    parents: tuple[str, ...]
    children: tuple[str, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    cores: float | None = None
    memory_bytes: float | None = None


@dataclass(frozen=True)
class Workflow:
    """A workflow trace.

    Parameters
    ----------
    version : str
    jobs : tuple of Job, in file order
    file_bytes : mapping of file name to bytes
    machines : tuple of str, one line each
    makespan : str, seconds that the recorded run took, or empty
    """

    version: str
    jobs: tuple[Job, ...]
    file_bytes: Mapping[str, float]
    machines: tuple[str, ...]
    makespan: str


def read_workflow(data: Mapping[str, Any], source: str) -> Workflow:
    """Read any supported version.

    Raises
    ------
    InvalidScenario, UnknownName
        Names the file and the field.
    """
    version = need(data, "schemaVersion", source)
    if version not in VERSIONS:
        raise InvalidScenario(
            f"{source}: schemaVersion must be one of {', '.join(VERSIONS)}, got {describe(version)}"
        )
    body = as_mapping(need(data, "workflow", source), f"{source}: workflow")
    if version == "1.4":
        from scenarios.importers.wfformat14 import read_inline

        return read_inline(body, source)
    return _read_split(version, body, source)


def _read_split(version: str, body: Mapping[str, Any], source: str) -> Workflow:
    """Versions 1.5 and 1.6: specification and execution."""
    at = f"{source}: workflow.specification"
    plan = as_mapping(need(body, "specification", f"{source}: workflow"), at)
    if "execution" not in body:
        raise InvalidScenario(
            f"{source}: workflow.execution is missing, so the tasks have no runtimes"
        )
    run = as_mapping(body["execution"], f"{source}: workflow.execution")
    file_bytes = _files(plan.get("files", []), f"{at}.files")
    rows = as_list(need(plan, "tasks", at), f"{at}.tasks")
    ids = unique_names(rows, "id", f"{at}.tasks")
    measured = _measurements(run, ids, f"{source}: workflow.execution")
    known = set(ids)
    jobs = []
    for i, (name, row) in enumerate(zip(ids, rows, strict=True)):
        where = f"{at}.tasks[{i}]"
        if name not in measured:
            raise InvalidScenario(
                f"{source}: workflow.execution.tasks has no runtime for task {name!r}"
            )
        seconds, cores, memory = measured[name]
        jobs.append(
            Job(
                name,
                seconds,
                _references(row, "parents", known, ids, "task", where),
                _references(row, "children", known, ids, "task", where),
                _references(row, "inputFiles", file_bytes, file_bytes, "file", where),
                _references(row, "outputFiles", file_bytes, file_bytes, "file", where),
                cores,
                memory,
            )
        )
    return Workflow(
        version,
        tuple(jobs),
        file_bytes,
        machine_lines(run.get("machines", []), f"{source}: workflow.execution.machines"),
        optional_text(run, "makespanInSeconds"),
    )


def unique_names(rows: Sequence[Any], key: str, where: str) -> list[str]:
    """The names of a list of mappings; the list must not be empty nor a name occur twice."""
    if not rows:
        raise InvalidScenario(f"{where} is empty")
    names: list[str] = []
    seen: set[str] = set()
    for i, row in enumerate(rows):
        row = as_mapping(row, f"{where}[{i}]")
        name = as_text(need(row, key, f"{where}[{i}]"), f"{where}[{i}].{key}")
        if name in seen:
            raise InvalidScenario(f"{where}[{i}].{key}: {name!r} occurs twice")
        seen.add(name)
        names.append(name)
    return names


def _files(value: object, where: str) -> dict[str, float]:
    rows = as_list(value, where)
    if not rows:
        return {}
    names = unique_names(rows, "id", where)
    return {
        name: as_number(
            need(row, "sizeInBytes", f"{where}[{i}]"), f"{where}[{i}].sizeInBytes of {name!r}"
        )
        for i, (name, row) in enumerate(zip(names, rows, strict=True))
    }


def _references(
    row: Mapping[str, Any],
    key: str,
    known: set[str] | Mapping[str, float],
    choices: Sequence[str] | Mapping[str, float],
    kind: str,
    where: str,
) -> tuple[str, ...]:
    """Names that must exist, each once, in the order of the file."""
    names: dict[str, None] = {}
    for i, entry in enumerate(as_list(row.get(key, []), f"{where}.{key}")):
        name = as_text(entry, f"{where}.{key}[{i}]")
        if name not in known:
            raise unknown(kind, name, choices, f"{where}.{key}[{i}]")
        names[name] = None
    return tuple(names)


def _measurements(
    run: Mapping[str, Any], ids: Sequence[str], where: str
) -> dict[str, tuple[float, float | None, float | None]]:
    """Task -> (seconds, cores, bytes of memory)."""
    rows = as_list(need(run, "tasks", where), f"{where}.tasks")
    names = unique_names(rows, "id", f"{where}.tasks")
    known = set(ids)
    out = {}
    for i, (name, row) in enumerate(zip(names, rows, strict=True)):
        at = f"{where}.tasks[{i}]"
        if name not in known:
            raise unknown("task", name, ids, f"{at}.id")
        out[name] = (
            as_number(need(row, "runtimeInSeconds", at), f"{at}.runtimeInSeconds of {name!r}"),
            optional_number(row, "coreCount", at),
            optional_number(row, "memoryInBytes", at),
        )
    return out


def optional_number(row: Mapping[str, Any], key: str, where: str) -> float | None:
    """A number that may be missing or null."""
    value = row.get(key)
    return None if value is None else as_number(value, f"{where}.{key}")


def machine_lines(value: object, where: str) -> tuple[str, ...]:
    """One line for each recorded machine."""
    lines = []
    for i, row in enumerate(as_list([] if value is None else value, where)):
        row = as_mapping(row, f"{where}[{i}]")
        cpu = row.get("cpu")
        cpu = as_mapping({} if cpu is None else cpu, f"{where}[{i}].cpu")
        parts = [as_text(need(row, "nodeName", f"{where}[{i}]"), f"{where}[{i}].nodeName")]
        for keys, unit in ((("coreCount", "count"), "cores"), (("speedInMHz", "speed"), "MHz")):
            text = next((t for t in (optional_text(cpu, k) for k in keys) if t), "")
            if text:
                parts.append(f"{text} {unit}")
        memory = optional_number(row, "memoryInBytes", f"{where}[{i}]")
        if memory is not None:
            parts.append(f"{memory / 2**30:.1f} GiB")
        lines.append(" ".join(parts))
    return tuple(lines)
