"""Traces of scientific workflows in the WfCommons format: real runtimes and file sizes.

A task takes its measured runtime on a ``cpu`` node of speed 1. An edge from parent to child
carries the sizes of the files that the one writes and the other reads; a dependency without a
shared file is an edge of 0 bytes. Files that no task writes lie in a store: the task ``stage-in``
takes no time, runs on nodes of kind ``storage`` only, and sends each reader, as one message, all
such files that it reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scenarios.importers.fields import naming, optional_text
from scenarios.importers.storage import add_storage, star_of_cpus
from scenarios.importers.wfformat import Workflow, read_workflow
from scenarios.scenario import Scenario
from simulator.cluster import Cluster
from simulator.errors import InvalidScenario, UnknownName
from simulator.taskgraph import Edge, Task, TaskGraph, Variant
from simulator.units import format_si
from simulator.workload import Stream

DEFAULT_CLUSTER = "hetero-lab"
STAGE_IN = "stage-in"


def sniff(data: Any) -> bool:
    """Whether parsed JSON looks like a WfCommons instance."""
    return (
        isinstance(data, Mapping)
        and "schemaVersion" in data
        and isinstance(data.get("workflow"), Mapping)
    )


def load(data: Any, source: str) -> Scenario:
    """Build the scenario of a workflow trace.

    Parameters
    ----------
    data : parsed JSON
    source : str
        File name, for messages; its stem is the scenario's name.

    Returns
    -------
    Scenario
        One request on the cluster `DEFAULT_CLUSTER` with network ``fair``; any cluster with CPU
        nodes may take its place and gets a store if it has none.

    Raises
    ------
    InvalidScenario, UnknownName
        Names the file and the field.
    """
    workflow = read_workflow(data, source)
    flows, staged = messages(workflow, source)
    with naming(source):
        graph = workflow_graph(workflow, flows, staged)
    cluster = default_cluster()
    title = optional_text(data, "name")
    return Scenario(
        name=Path(source).stem or title or "workflow",
        description=f"Workflow trace {title}: {len(workflow.jobs)} tasks, "
        f"{len(flows)} dependencies (WfFormat {workflow.version})",
        cluster=add_storage(cluster) if staged else cluster,
        streams=(Stream("main", graph),),
        network="fair",
        source=source,
        adapt=add_storage if staged else None,
        facts=_facts(data, title, workflow, staged),
    )


def messages(
    workflow: Workflow, source: str
) -> tuple[dict[tuple[str, str], float], dict[str, float]]:
    """Who sends how much to whom.

    A file with one writer makes its readers depend on that writer, listed as parent or not. A file
    with several writers, or one that its reader also writes, reaches the reader from those
    writers that are its listed parents, and from the store if none is.

    Returns
    -------
    flows : mapping of (parent, child) to bytes, in file order of the tasks
    staged : mapping of task to bytes that it reads from the store, in file order
    """
    order = {job.name: i for i, job in enumerate(workflow.jobs)}
    writers: dict[str, list[str]] = {}
    flows: dict[tuple[str, str], float] = {}
    for job in workflow.jobs:
        for name in job.outputs:
            writers.setdefault(name, []).append(job.name)
        for other in (*job.parents, *job.children):
            if other == job.name:
                raise InvalidScenario(f"{source}: task {other!r} is listed as its own parent")
        flows.update({(parent, job.name): 0.0 for parent in job.parents})
        flows.update({(job.name, child): 0.0 for child in job.children})
    listed = set(flows)
    staged: dict[str, float] = {}
    for job in workflow.jobs:
        for name in job.inputs:
            sources = writers.get(name, [])
            if len(sources) > 1 or job.name in sources:
                sources = [w for w in sources if (w, job.name) in listed]
            for writer in sources:
                pair = (writer, job.name)
                flows[pair] = flows.get(pair, 0.0) + workflow.file_bytes[name]
            if not sources:
                staged[job.name] = staged.get(job.name, 0.0) + workflow.file_bytes[name]
    ordered = sorted(flows, key=lambda pair: (order[pair[0]], order[pair[1]]))
    return {pair: flows[pair] for pair in ordered}, staged


def workflow_graph(
    workflow: Workflow, flows: Mapping[tuple[str, str], float], staged: Mapping[str, float]
) -> TaskGraph:
    """Tasks and messages of a workflow, the store's first; see `messages`."""
    tasks = [
        Task(
            job.name,
            (
                Variant(
                    job.name,
                    seconds={"cpu": job.seconds},
                    activation_bytes=job.memory_bytes or 0.0,
                ),
            ),
        )
        for job in workflow.jobs
    ]
    edges = [Edge(src, dst, bytes=size) for (src, dst), size in flows.items()]
    if staged:
        store = STAGE_IN
        while any(task.name == store for task in tasks):
            store += "-from-store"
        variant = Variant(store, seconds={"storage": 0.0})
        tasks.insert(0, Task(store, (variant,), allowed=("storage",)))
        edges = [Edge(store, name, bytes=size) for name, size in staged.items()] + edges
    return TaskGraph(tuple(tasks), tuple(edges))


def _facts(
    data: Mapping[str, Any], title: str, workflow: Workflow, staged: Mapping[str, float]
) -> dict[str, str]:
    """What `show` tells about the trace, and what of it the simulation leaves out."""
    jobs = workflow.jobs
    written = {name for job in jobs for name in job.outputs}
    read = {name for job in jobs for name in job.inputs}
    cores = [job.cores for job in jobs if job.cores is not None and job.cores > 1]
    sized = [job.memory_bytes for job in jobs if job.memory_bytes]
    system = data.get("runtimeSystem", data.get("wms"))
    system = system if isinstance(system, Mapping) else {}
    facts = {
        "format": f"WfFormat {workflow.version}",
        "workflow": title,
        "remark": optional_text(data, "description"),
        "recorded": optional_text(data, "createdAt"),
        "runtime system": " ".join(
            t for t in (optional_text(system, "name"), optional_text(system, "version")) if t
        ),
        "recorded makespan": f"{workflow.makespan} s" if workflow.makespan else "",
        "recorded work": f"{sum(job.seconds for job in jobs):.6g} s in {len(jobs)} tasks",
        "files": f"{len(read & written)} between tasks, {len(read - written)} only read, "
        f"{len(written - read)} only written",
        "from the store": f"{format_si(sum(staged.values()), 'B')} to {len(staged)} tasks"
        if staged
        else "",
        "memory": f"{len(sized)} tasks, up to {max(sized) / 2**30:.3g} GiB" if sized else "",
        "cores": f"{len(cores)} recorded with more than one (up to {max(cores):g}); every task "
        "takes one slot here"
        if cores
        else "",
        "recorded machines": "; ".join(workflow.machines[:8])
        + (f"; and {len(workflow.machines) - 8} more" if len(workflow.machines) > 8 else ""),
    }
    return {key: text for key, text in facts.items() if text}


def default_cluster() -> Cluster:
    """The built-in cluster for workflows, or a plain star where it is not installed."""
    try:
        from scenarios import load_cluster
    except ImportError:
        return star_of_cpus()
    try:
        return load_cluster(DEFAULT_CLUSTER)
    except UnknownName:
        return star_of_cpus()
