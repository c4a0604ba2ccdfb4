"""Run the same instances through SAGA and compare.

    python -m benchmarks.peers [FOLDER ...] [--instances N] [--sizes 100,300,1000]

FOLDER holds task-graph-instance/1 files; --sizes adds generated layered graphs of related machines
at CCR 1, one for each seed. SAGA is installed on first use into an environment of its own. Writes
peers.json and report.md. A scheduler that overruns --limit is left out on larger instances.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import shlex
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from rich.progress import track

from benchmarks.peers.environment import NoPeer, Peer, environment
from benchmarks.peers.pairs import measure, registered
from benchmarks.peers.related import as_related
from benchmarks.peers.report import quality, report, speed, targets
from benchmarks.speed._report import machine
from scenarios.export import to_instance
from scenarios.generate import generate
from scenarios.tables import console, grid

RESULTS = Path(__file__).resolve().parents[1] / "results" / "peers"
CCR, NODES = 1.0, 8


def arguments() -> argparse.Namespace:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers", description=__doc__, formatter_class=raw
    )
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER")
    parser.add_argument("--instances", type=int, metavar="N", help="at most N of each folder")
    parser.add_argument("--sizes", default="", help="numbers of tasks, such as 100,300,1000")
    parser.add_argument("--seeds", type=int, default=1, help="generated graphs of each size")
    parser.add_argument("--schedulers", help="comma-separated; default: all that both have")
    parser.add_argument("--limit", type=float, default=120.0, help="wall seconds for each of SAGA")
    parser.add_argument("--python", help="a Python >= 3.12 to make the environment with")
    parser.add_argument("-o", "--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    if not options.folders and not options.sizes:
        parser.error("give a folder or --sizes")
    return options


def instances(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Instances of the folders, spread evenly if there are more than wanted; then generated."""
    for folder in options.folders:
        files = sorted(folder.rglob("*.json"))
        if not files:
            raise NoPeer(f"{folder}: there are no .json files")
        wanted = min(options.instances or len(files), len(files))
        for i in range(wanted):
            yield json.loads(files[i * len(files) // wanted].read_text(encoding="utf-8"))
    for size in filter(None, options.sizes.split(",")):
        for seed in range(options.seeds):
            made = generate("layered", tasks=int(size), nodes=NODES, ccr=CCR, seed=seed,
                            heterogeneity="related[spread=4]")  # fmt: skip
            name = f"layered-{size}-s{seed}"
            yield to_instance(made) | {"name": name, "family": "layered", "ccr": CCR}


def main() -> int:
    """Measure and write."""
    options = arguments()
    known = registered()
    specs = options.schedulers.split(",") if options.schedulers else list(known)
    try:
        for spec in specs:
            if spec not in known:
                raise NoPeer(f"no pair {spec!r}; there are {', '.join(known)}")
        usable, skipped = [], 0
        for data in instances(options):
            related = as_related(data)
            skipped += related is None
            if related is not None:
                usable.append((data, related))
        usable.sort(key=lambda pair: len(pair[0]["tasks"]))
        with Peer(environment(python=options.python)) as peer:
            peer.start()
            rows = list(_rows(usable, specs, peer, options.limit))
            versions = peer.versions
    except NoPeer as error:
        print(error, file=sys.stderr)
        return 2
    record = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "command": "python -m benchmarks.peers " + shlex.join(_plain(sys.argv[1:])),
        "machine": machine(),
        "versions": versions,
        "skipped": skipped,
        "targets": targets(rows),
        "speed": speed(rows),
        "quality": quality(rows),
        "rows": rows,
    }
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "peers.json").write_text(json.dumps(record, indent=1) + "\n")
    (options.output / "report.md").write_text(report(record))
    out = console()
    out.print(grid(f"CPU time against SAGA {versions['saga']}", record["speed"]))
    out.print(grid(f"Quality against SAGA, {len(usable)} instances", record["quality"]))
    if record["targets"]:
        out.print(grid("Targets", record["targets"]))
    print(f"{options.output}: peers.json, report.md; {skipped} instances SAGA cannot express")
    return 1 if any(r["ours"].get("faults") for r in rows) else 0


def _plain(words: list[str]) -> list[str]:
    """Arguments with the last part of each path only."""
    return [Path(word).name if os.sep in word else word for word in words]


def _rows(
    usable: list[tuple[dict[str, Any], dict[str, Any]]], specs: list[str], peer: Peer, limit: float
) -> Iterator[dict[str, Any]]:
    overran: set[str] = set()
    jobs = [(data, related, spec) for data, related in usable for spec in specs]
    with tempfile.TemporaryDirectory() as scratch:
        for i, (data, related, spec) in enumerate(track(jobs, "instances x schedulers")):
            if spec in overran:
                continue
            folder = Path(scratch) / str(i // len(specs))
            folder.mkdir(exist_ok=True)
            row = measure(spec, data, related, folder, peer, limit)
            row["limit_s"] = limit
            if row["theirs"].get("timeout"):
                overran.add(spec)
            yield row


if __name__ == "__main__":
    raise SystemExit(main())
