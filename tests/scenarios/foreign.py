"""Small files in other programs' formats, written by hand, and ways to break them."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

INSTANCE: dict[str, Any] = {
    "format": "task-graph-instance/1",
    "name": "three",
    "source": "by hand",
    "nodes": ["p", "q"],
    "tasks": [
        {"id": "a", "seconds": {"p": 2, "q": 4.5}},
        {"id": "b", "seconds": {"p": 3}},
        {"id": "c", "seconds": {"q": 1, "p": 0}},
    ],
    "edges": [["a", "b", 10], ["a", "c", 0], ["b", "c", 7], ["b", "c", 8]],
    "bandwidth": [[None, 2.0], [4.0, None]],
    "latency": 0.5,
    "best_known": 6,
    "bound": 5.5,
    "proved_optimal": False,
    "expected": {"heft": 6, "cpop": 7},
}

SIZES = {
    "input.txt": 1000,
    "conf": 10,
    "chunk1": 500,
    "chunk2": 600,
    "part": 50,
    "log": 5,
    "report": 1,
}
JOBS: dict[str, dict[str, Any]] = {
    "split": {"in": ["input.txt"], "out": ["chunk1", "chunk2", "log"], "s": 4.0, "after": []},
    "left": {"in": ["chunk1", "input.txt", "conf"], "out": ["part"], "s": 10.0, "after": ["split"]},
    "right": {"in": ["conf", "chunk2"], "out": [], "s": 2.5, "after": ["split"]},
    "merge": {"in": ["part"], "out": ["report"], "s": 0.0, "after": ["left", "right"]},
}
"""``right -> merge`` is listed without a shared file; ``input.txt`` and ``conf`` have no writer."""

FLOWS = {("split", "left"): 500, ("split", "right"): 600, ("left", "merge"): 50,
         ("right", "merge"): 0}  # fmt: skip
STAGED = {"split": 1000, "left": 1010, "right": 10}


def children(job: str) -> list[str]:
    return [name for name, entry in JOBS.items() if job in entry["after"]]


def wfcommons_15(version: str = "1.5") -> dict[str, Any]:
    """The diamond in WfFormat 1.5 or 1.6."""
    data: dict[str, Any] = {
        "name": "diamond",
        "description": "by hand",
        "schemaVersion": version,
        "createdAt": "2026-01-02T03:04:05Z",
        "runtimeSystem": {"name": "Pegasus", "version": "5.0"},
        "workflow": {
            "specification": {
                "tasks": [
                    {
                        "name": name,
                        "id": name,
                        "parents": job["after"],
                        "children": children(name),
                        "inputFiles": job["in"],
                        "outputFiles": job["out"],
                    }
                    for name, job in JOBS.items()
                ],
                "files": [{"id": name, "sizeInBytes": size} for name, size in SIZES.items()],
            },
            "execution": {
                "makespanInSeconds": 17,
                "executedAt": "2026-01-02T03:04:05Z",
                "tasks": [
                    {"id": name, "runtimeInSeconds": job["s"], "machines": ["m1"]}
                    for name, job in reversed(JOBS.items())
                ],
                "machines": [
                    {
                        "nodeName": "m1",
                        "memoryInBytes": 2**34,
                        "cpu": {"coreCount": 8, "speedInMHz": 2400, "vendor": "X"},
                    }
                ],
            },
        },
    }
    left = data["workflow"]["execution"]["tasks"][2]
    assert left["id"] == "left"
    left.update(coreCount=4, memoryInBytes=2**30)
    if version == "1.6":
        data["workflow"]["specification"]["metrics"] = {"numberOfTasks": 4, "numberOfFiles": 7}
        data["workflow"]["execution"]["metrics"] = {"sumTaskRuntimesInSeconds": 16.5}
    return copy.deepcopy(data)


def wfcommons_14(older_keys: bool = False) -> dict[str, Any]:
    """The diamond in WfFormat 1.4, if wished with the keys that 1.3 had."""
    runtime, size, makespan = (
        ("runtime", "size", "makespan")
        if older_keys
        else ("runtimeInSeconds", "sizeInBytes", "makespanInSeconds")
    )
    tasks = []
    for i, (name, job) in enumerate(JOBS.items()):
        files = [(f, "input") for f in job["in"]] + [(f, "output") for f in job["out"]]
        tasks.append(
            {
                "name": name,
                "id": f"ID{i:07}",
                "type": "compute",
                runtime: job["s"],
                "parents": job["after"],
                "children": children(name),
                "files": [{"name": f, size: SIZES[f], "link": link} for f, link in files],
                "machine": "m1",
            }
        )
    tasks[1].update(cores=4, memoryInBytes=2**30)
    return copy.deepcopy(
        {
            "name": "diamond",
            "description": "by hand",
            "schemaVersion": "1.4",
            "createdAt": "2026-01-02T03:04:05Z",
            "wms": {"name": "Pegasus", "version": "5.0"},
            "workflow": {
                makespan: 17,
                "executedAt": "20260102T030405Z",
                "machines": [
                    {
                        "nodeName": "m1",
                        "memoryInBytes": 2**34,
                        "cpu": {"count": 8, "speed": 2400, "vendor": "X"},
                    }
                ],
                "tasks": tasks,
            },
        }
    )


FILES = {
    "instance": lambda: copy.deepcopy(INSTANCE),
    "wf-1.4": wfcommons_14,
    "wf-1.4-older": lambda: wfcommons_14(older_keys=True),
    "wf-1.5": wfcommons_15,
    "wf-1.6": lambda: wfcommons_15("1.6"),
}

ODD = [
    *(None, True, False, 0, -1, 1, 1e308, -0.5, 10**300, 2**70),
    *("", "a", "left", "x" * 2000, "\x1b[31m", "é\n", "1e3", "NaN"),
    *([], {}, [[]], [None], {"a": 1}, [["a", "b", 1]], ["a", "a"], {"": {}}),
]


def break_tree(data: Any, luck: random.Random) -> Any:
    """Change one to three random places of parsed JSON."""
    data = copy.deepcopy(data)
    for _ in range(luck.randint(1, 3)):
        places = _places(data)
        if not places:
            break
        box, key = luck.choice(places)
        what = luck.randrange(6)
        if what == 0:
            del box[key]
        elif what == 1 and isinstance(box, list):
            box.insert(key, copy.deepcopy(luck.choice(box)))
        elif what == 2:  # something from elsewhere in the file
            other, name = luck.choice(places)
            box[key] = copy.deepcopy(other[name])
        elif what == 3 and isinstance(box, dict):
            box[luck.choice(["id", "seconds", "link", "zz", key + "s"])] = box.pop(key)
        elif what == 4 and isinstance(box[key], int | float) and not isinstance(box[key], bool):
            box[key] = luck.choice([-box[key], 0, box[key] * 1e200, str(box[key])])
        else:
            box[key] = copy.deepcopy(luck.choice(ODD))
    return data


def break_text(text: str, luck: random.Random) -> bytes:
    """Cut, overwrite or repeat a piece of the file's bytes."""
    raw = bytearray(text.encode())
    at = luck.randrange(len(raw))
    match luck.randrange(4):
        case 0:
            del raw[at:]
        case 1:
            raw[at] = luck.randrange(256)
        case 2:
            raw[at:at] = raw[at : at + luck.randrange(1, 40)]
        case _:
            raw[at : at + luck.randrange(1, 9)] = b""
    return bytes(raw)


def dump(data: Any) -> str:
    return json.dumps(data, indent=1)


def _places(data: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    todo = [data]
    while todo:
        box = todo.pop()
        keys = list(box) if isinstance(box, dict) else list(range(len(box)))
        for key in keys:
            found.append((box, key))
            if isinstance(box[key], dict | list):
                todo.append(box[key])
    return found
