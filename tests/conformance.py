"""Run a folder of conformance cases: ``python -m tests.conformance FOLDER [--engine E]``.

Each file holds a case and the answer that two independent programs gave; the format is described
in ``tests/data/conformance/FORMAT.md``. Every field must agree bit for bit.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from simulator.arrays import DISCIPLINES, DISPATCHES, NETWORKS, Arrays, IntArray
from simulator.realisation import Realisation
from simulator.runlog import STATES, RunLog
from tests.engines import Engine
from tests.harness import main, read_case

Json = Any
FIELDS = ("start", "finish", "state", "delivered", "used", "completed", "makespan")
EngineCase = tuple[Arrays, IntArray, IntArray, IntArray, Realisation]


def run_file(path: Path, engine: Engine) -> str | None:
    """Return the first difference between an engine's answer and the file's, or None."""
    case, expected = read_case(path, lambda raw: (load(raw["case"]), fields_of(raw["result"])))
    return next(differences(expected, result_of(engine(*case))), None)


def load(case: Json) -> EngineCase:
    """Turn the `case` of a file into what engines take."""
    arrays = load_arrays(case)
    n_tasks, n_edges = arrays.n_tasks, arrays.n_edges
    for ends in (arrays.edge_src, arrays.edge_dst):
        if not ((ends >= 0) & (ends < n_tasks)).all():
            raise ValueError(f"an edge names a task outside 0..{n_tasks - 1}")
    node = _ints(case["allocation"]["node"])
    priority = _ints(case["allocation"]["priority"])
    if len(node) != n_tasks or len(priority) != n_tasks:
        raise ValueError(f"the allocation must give a node and a priority to {n_tasks} tasks")
    if not ((node >= 0) & (node < arrays.n_nodes)).all():
        raise ValueError(f"the allocation names a node outside 0..{arrays.n_nodes - 1}")
    luck = load_realisation(case)
    n_requests = luck.n_requests
    for name, width in (("task_factor", n_tasks), ("edge_factor", n_edges), ("taken", n_edges)):
        shape = getattr(luck, name).shape
        if n_requests and shape != (n_requests, width):
            raise ValueError(f"{name} must be {n_requests} rows of {width}, not {shape}")
    return arrays, node, np.zeros(n_tasks, np.int64), priority, luck


def load_arrays(case: Json) -> Arrays:
    """Lower nodes, links, streams, tasks and edges."""
    nodes, links, tasks, edges = case["nodes"], case["links"], case["tasks"], case["edges"]
    streams = case["streams"]
    widest = max(len(node["corun"]) for node in nodes)
    routes = [
        [] if a == b else case["routes"].get(f"{a},{b}", [])
        for a in range(len(nodes))
        for b in range(len(nodes))
    ]
    joins = [task["join"] for task in tasks]
    return Arrays(
        network=NETWORKS.index(case["network"]),
        dispatch=DISPATCHES.index(case["dispatch"]),
        discipline=DISCIPLINES.index(case["discipline"]),
        slots=_ints(node["slots"] for node in nodes),
        dispatch_s=_floats(node["dispatch"] for node in nodes),
        send_s=_floats(node["send_s"] for node in nodes),
        send_s_per_byte=_floats(node["send_s_per_byte"] for node in nodes),
        wake_s=_floats(node["wake"] for node in nodes),
        corun=np.array([node["corun"] + [1.0] * (widest - len(node["corun"])) for node in nodes]),
        bandwidth=_floats(link["bandwidth"] for link in links),
        latency=_floats(link["latency"] for link in links),
        route_ptr=np.cumsum([0] + [len(route) for route in routes]),
        route_links=_ints(link for route in routes for link in route),
        stream_class=_ints(stream["class"] for stream in streams),
        stream_deadline=_floats(_or(stream["deadline"], np.inf) for stream in streams),
        clients=np.zeros(len(streams), np.int64),
        task_stream=_ints(
            next(s for s, stream in enumerate(streams) if t in stream["tasks"])
            for t in range(len(tasks))
        ),
        seconds=np.array(case["seconds"], dtype=np.float64).reshape(len(tasks), 1, len(nodes)),
        join_need=_ints(_or(join["need"], 0) for join in joins),
        join_deadline=_floats(_or(join["deadline"], np.inf) for join in joins),
        join_cancel=np.array([join["late"] == "cancel" for join in joins], dtype=np.bool_),
        edge_src=_ints(edge["src"] for edge in edges),
        edge_dst=_ints(edge["dst"] for edge in edges),
        edge_lag=_ints(edge["lag"] for edge in edges),
        edge_conditional=np.array([edge["conditional"] for edge in edges], dtype=np.bool_),
        edge_bytes=_floats(edge["bytes"] for edge in edges).reshape(len(edges), 1),
    )


def load_realisation(case: Json) -> Realisation:
    """Lower requests, factors, branch outcomes and dynamics."""
    requests = case["requests"]
    outage, slow = (
        list(zip(*case["outages"], strict=True)),
        list(zip(*case["slowdowns"], strict=True)),
    )
    degraded = list(zip(*case["degradations"], strict=True))
    outage, slow, degraded = outage or [()] * 3, slow or [()] * 4, degraded or [()] * 4
    shape = (len(requests), -1) if requests else (0, 0)
    return Realisation(
        arrival=_floats(request["arrival"] for request in requests),
        stream=_ints(request["stream"] for request in requests),
        task_factor=np.array(case["task_factor"], dtype=np.float64).reshape(shape),
        edge_factor=np.array(case["edge_factor"], dtype=np.float64).reshape(shape),
        taken=np.array(case["taken"], dtype=np.bool_).reshape(shape),
        outage_node=_ints(outage[0]),
        outage_start=_floats(outage[1]),
        outage_end=_floats(outage[2]),
        slow_node=_ints(slow[0]),
        slow_start=_floats(slow[1]),
        slow_end=_floats(slow[2]),
        slow_factor=_floats(slow[3]),
        degraded_link=_ints(degraded[0]),
        degraded_start=_floats(degraded[1]),
        degraded_end=_floats(degraded[2]),
        degraded_factor=_floats(degraded[3]),
    )


def fields_of(result: Json) -> dict[str, Json]:
    """Return the fields of an expected result; KeyError if one is missing."""
    return {name: result[name] for name in FIELDS}


def result_of(log: RunLog) -> dict[str, Json]:
    """Write a record in the words of the format."""
    nested: dict[str, Json] = {
        "start": log.start.tolist(),
        "finish": log.finish.tolist(),
        "state": [[STATES[state] for state in row] for row in log.state.tolist()],
        "delivered": log.delivered.tolist(),
        "used": [[None if u < 0 else bool(u) for u in row] for row in log.used.tolist()],
        "completed": log.completed.tolist(),
        "makespan": log.makespan,
    }
    return {name: _nulls(value) for name, value in nested.items()}


def differences(expected: Json, got: Json, where: str = "") -> Iterator[str]:
    """Yield every place in which two results differ, by even one bit."""
    if isinstance(expected, dict):
        for name, value in expected.items():
            yield from differences(value, got[name], name)
    elif isinstance(expected, list):
        if not isinstance(got, list) or len(got) != len(expected):
            yield f"{where}: expected {len(expected)} entries, got {got!r}"
            return
        for i, (a, b) in enumerate(zip(expected, got, strict=True)):
            yield from differences(a, b, f"{where}[{i}]")
    elif expected != got:
        yield f"{where}: expected {expected!r}, got {got!r}"


def _nulls(value: Json) -> Json:
    if isinstance(value, list):
        return [_nulls(item) for item in value]
    return None if isinstance(value, float) and np.isnan(value) else value


def _or(value: Json, default: float) -> Json:
    return default if value is None else value


def _ints(values: Any) -> IntArray:
    return np.array(list(values), dtype=np.int64)


def _floats(values: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Turn numbers, and the word "inf" that JSON lacks, into floats."""
    return np.array([float(value) for value in values], dtype=np.float64)


def cli(arguments: Sequence[str] | None = None) -> int:
    """Run the command line."""
    about = "Compare the engines with the answers in a folder of conformance cases, bit for bit."
    return main(about, run_file, arguments)


if __name__ == "__main__":
    sys.exit(cli())
