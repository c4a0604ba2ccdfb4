"""Abstract workflows of Pegasus in XML (DAX, versions 2 and 3) [1]_, with runtimes and file sizes.

They mean what a WfCommons trace means (see `scenarios.importers.wfcommons`): runtimes are of a
``cpu`` node of speed 1, files become bytes on edges, and files that no job writes lie in a store.

References
----------
.. [1] E. Deelman et al., "Pegasus, a workflow management system for science automation", Future
   Generation Computer Systems 46, 2015. doi:10.1016/j.future.2014.10.008. Schemas:
   https://pegasus.isi.edu/documentation/development/schemas.html
"""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import Element

from scenarios.importers.fields import as_number, as_text, naming, optional_text
from scenarios.importers.storage import add_storage
from scenarios.importers.wfcommons import default_cluster, messages, workflow_graph
from scenarios.importers.wfformat import Job, Workflow
from scenarios.importers.xml import parse_xml, root_name
from scenarios.scenario import Scenario
from simulator.errors import InvalidScenario, unknown
from simulator.workload import Stream

LINKS = ("input", "output", "inout", "none", "checkpoint")


def sniff(text: str) -> bool:
    """Whether the root element is ``adag``."""
    return root_name(text) == "adag"


def load(text: str, source: str) -> Scenario:
    """Build the scenario of a workflow.

    Parameters
    ----------
    text : str
    source : str
        File name, for messages.

    Raises
    ------
    InvalidScenario, UnknownName
        Names the file and the job.
    """
    root = parse_xml(text, source)
    if _tag(root) != "adag":
        raise InvalidScenario(f"{source}: the root element must be adag, got {_tag(root)[:40]!r}")
    workflow, unsized = _workflow(root, source)
    flows, staged = messages(workflow, source)
    with naming(source):
        graph = workflow_graph(workflow, flows, staged)
    cluster = default_cluster()
    facts = {"format": f"DAX {workflow.version}".strip()}
    if unsized:
        facts["files without a size"] = f"{unsized}, taken as 0 bytes"
    return Scenario(
        name=Path(source).stem or "workflow",
        description=f"Workflow {optional_text(root.attrib, 'name')}: {len(workflow.jobs)} jobs, "
        f"{len(flows)} dependencies (DAX)",
        cluster=add_storage(cluster) if staged else cluster,
        streams=(Stream("main", graph),),
        network="fair",
        source=source,
        adapt=add_storage if staged else None,
        facts=facts,
    )


def _workflow(root: Element, source: str) -> tuple[Workflow, int]:
    """The workflow, and how many of its files have no size."""
    elements: dict[str, Element] = {}
    for element in root:
        if _tag(element) in ("dag", "dax"):
            raise InvalidScenario(
                f"{source}: <{_tag(element)}> is a workflow within the workflow, which is not read"
            )
        if _tag(element) == "job":
            name = _attribute(element, "id", f"{source}: job {len(elements) + 1}")
            if name in elements:
                raise InvalidScenario(f"{source}: two jobs have the id {name!r}")
            elements[name] = element
    if not elements:
        raise InvalidScenario(f"{source}: there are no jobs")
    names = _names(elements, source)
    parents = _parents(root, elements, source)
    sizes: dict[str, float | None] = {}
    jobs = []
    for job, element in elements.items():
        where = f"{source}: job {job!r}"
        inputs, outputs = _files(element, where, sizes)
        before = tuple(names[p] for p in parents[job])
        seconds = _number(_attribute(element, "runtime", where), f"{where}: runtime")
        jobs.append(Job(names[job], seconds, before, (), inputs, outputs))
    known = {name: size or 0.0 for name, size in sizes.items()}
    version = optional_text(root.attrib, "version")
    unsized = sum(size is None for size in sizes.values())
    return Workflow(version, tuple(jobs), known, (), ""), unsized


def _names(elements: dict[str, Element], source: str) -> dict[str, str]:
    """Task names: the labels where every job has one of its own, else the ids."""
    labels = [element.get("node-label") for element in elements.values()]
    if len(set(labels)) < len(labels) or not all(labels):
        return {job: job for job in elements}
    return {
        job: as_text(label, f"{source}: job {job!r}: node-label")
        for job, label in zip(elements, labels, strict=True)
    }


def _parents(root: Element, elements: dict[str, Element], source: str) -> dict[str, list[str]]:
    parents: dict[str, list[str]] = {job: [] for job in elements}
    for child in root:
        if _tag(child) != "child":
            continue
        below = _attribute(child, "ref", f"{source}: child")
        if below not in elements:
            raise unknown("job", below, elements, f"{source}: child ref")
        for parent in child:
            if _tag(parent) != "parent":
                continue
            above = _attribute(parent, "ref", f"{source}: parent of {below!r}")
            if above not in elements:
                raise unknown("job", above, elements, f"{source}: parent of {below!r}")
            parents[below].append(above)
    return {job: list(dict.fromkeys(above)) for job, above in parents.items()}


def _files(
    job: Element, where: str, sizes: dict[str, float | None]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Files read and written; a file with several sizes takes the largest."""
    inputs, outputs = dict[str, None](), dict[str, None]()
    for use in job:
        if _tag(use) != "uses":
            continue
        key = "file" if "file" in use.attrib else "name"
        name = _attribute(use, key, f"{where}: uses")
        link = use.get("link", "none").lower()
        if link not in LINKS:
            raise unknown("link", link, LINKS, f"{where}: uses {name!r}")
        if link in ("none", "checkpoint"):
            continue
        given = use.get("size")
        if given is not None:
            size = _number(given, f"{where}: size of {name!r}")
            sizes[name] = max(size, sizes.get(name) or 0.0)
        else:
            sizes.setdefault(name, None)
        if link in ("input", "inout"):
            inputs[name] = None
        if link in ("output", "inout"):
            outputs[name] = None
    return tuple(inputs), tuple(outputs)


def _attribute(element: Element, key: str, where: str) -> str:
    if key not in element.attrib:
        raise InvalidScenario(f"{where}: the attribute {key!r} is missing")
    return as_text(element.attrib[key], f"{where}: {key}")


def _number(text: str, where: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise InvalidScenario(f"{where} must be a finite number >= 0, got {text[:40]!r}") from None
    return as_number(number, where)


def _tag(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]
