"""Result folders: written whole or not at all, with a manifest that says where they come from."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from simulator.engines import SEMANTICS
from simulator.errors import AlloclabError

LIBRARIES = ("numpy", "scipy", "numba", "simpy", "pandas", "matplotlib", "torch", "deap")
MANIFEST = "manifest.json"


def versions() -> dict[str, str]:
    """Versions of alloclab, Python and the libraries that results depend on."""
    found = {"alloclab": _version("alloclab"), "python": platform.python_version()}
    return found | {name: _version(name) for name in LIBRARIES}


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def manifest(command: str, **facts: Any) -> dict[str, Any]:
    """What a reader needs to repeat the run."""
    return {
        "command": command,
        "arguments": sys.argv[1:],
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "semantics": SEMANTICS,
        "versions": versions(),
        "machine": {
            "system": platform.platform(),
            "processor": platform.processor() or platform.machine(),
            "cores": os.cpu_count(),
        },
        **facts,
    }


@contextmanager
def folder(target: Path) -> Iterator[Path]:
    """Write into a temporary sibling; move the files to `target` only when all went well.

    Files of the same names are replaced, and those that the manifest of `target` lists as written
    by an earlier run of the same command are removed; any others are left alone.

    Raises
    ------
    AlloclabError
        The folder cannot be written.
    """
    target = target.absolute()  # a relative "." has no name to derive the sibling's from
    if not target.name:
        raise AlloclabError(f"cannot write to {target}: give the name of a folder")
    work = target.with_name(f".{target.name}.partial-{os.getpid()}")
    try:
        if target.exists() and not target.is_dir():
            raise NotADirectoryError(20, "it is a file, not a folder")
        work.mkdir(parents=True)
    except OSError as error:
        raise AlloclabError(f"cannot write to {target}: {error.strerror or error}") from None
    try:
        yield work
        names = _names(work)
        for stale in _inventory(work, target, names):
            _remove(target, stale)
        for name in names:
            final = target / name
            final.parent.mkdir(parents=True, exist_ok=True)
            (work / name).replace(final)
    except OSError as error:
        raise AlloclabError(f"cannot write to {target}: {error.strerror or error}") from None
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _names(work: Path) -> list[str]:
    return sorted(p.relative_to(work).as_posix() for p in work.rglob("*") if p.is_file())


def _inventory(work: Path, target: Path, names: list[str]) -> list[str]:
    """List the files of this run in its manifest, by command; return those it makes stale."""
    try:
        record = json.loads((work / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    written = _written(target)
    stale = [name for name in written.get(record["command"], []) if name not in names]
    others = {c: [n for n in old if n not in names] for c, old in written.items()}
    record["files"] = {c: old for c, old in others.items() if old} | {record["command"]: names}
    (work / MANIFEST).write_text(to_json(record) + "\n", encoding="utf-8")
    return stale


def _written(target: Path) -> dict[str, list[str]]:
    """Command -> files that the manifest in a folder says it wrote; empty where it says nothing."""
    try:
        files = json.loads((target / MANIFEST).read_text(encoding="utf-8"))["files"]
        return {str(command): [str(name) for name in names] for command, names in files.items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}  # none, or somebody else's


def _remove(target: Path, name: str) -> None:
    """Remove one file of `target` and then its folder, if that is empty."""
    file = target / name
    inside = file.resolve().is_relative_to(target.resolve())
    if inside and file.is_file() and not file.is_symlink():
        file.unlink()
        if file.parent != target and not any(file.parent.iterdir()):
            file.parent.rmdir()


def write_text(path: Path, text: str) -> None:
    """Write one file whole or not at all.

    Raises
    ------
    AlloclabError
    """
    if not path.name or path.is_dir():
        raise AlloclabError(f"cannot write {path}: it is a folder, give the name of a file")
    temporary = path.with_name(f".{path.name}.partial-{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise AlloclabError(f"cannot write {path}: {error.strerror or error}") from None


def to_json(data: Any) -> str:
    """JSON text; numpy scalars become numbers, NaN and infinities become null."""
    return json.dumps(_plain(data), indent=1, ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    if isinstance(value, str | int | float | bool) or value is None:
        return value
    return str(value)


def write_scenario(scenario: Any, work: Path) -> None:
    """Write what was run as ``scenario.yaml``, where a scenario file can express it."""
    from scenarios.export import render

    try:
        text = render(scenario)
    except AlloclabError:
        return  # the saved trace has the whole problem
    (work / "scenario.yaml").write_text(text, encoding="utf-8")


def write_comparison(comparison: Any, target: Path, **facts: Any) -> list[Path]:
    """Rows, charts, fronts, allocations, the best run's trace, the manifest of a comparison.

    Returns
    -------
    list of Path, the files in `target`.
    """
    import pandas as pd

    from scenarios.curves import curves_chart
    from scenarios.pareto import write_front
    from scenarios.plots import compare_chart

    best = comparison.best
    with folder(target) as work:
        comparison.frame.to_csv(work / "rows.csv", index=False)
        (work / "summary.json").write_text(to_json(comparison.summary()) + "\n", encoding="utf-8")
        compare_chart(comparison, work / "compare.png")
        if any(len(outcome.curve) > 1 for outcome in comparison.outcomes.values()):
            pd.DataFrame(comparison.curves).to_csv(work / "curves.csv", index=False)
            curves_chart(
                comparison.outcomes,
                work / "curves.png",
                title=f"{comparison.scenario.name} on {comparison.scenario.cluster.name}",
                objective=str(comparison.scenario.objective),
            )
        fronts = [spec for spec, outcome in comparison.outcomes.items() if outcome.front]
        for spec in fronts:
            suffix = "" if len(fronts) == 1 else f"-{file_stem(spec)}"
            where = f"{comparison.scenario.name} on {comparison.scenario.cluster.name}"
            write_front(work, comparison.outcomes[spec], f"{where}, {spec}", suffix)
        trace = comparison.traces[best]
        stem = file_stem(best)
        trace.gantt(work / f"gantt-{stem}.png", title=f"{comparison.scenario.name}, {best}")
        trace.to_perfetto(work / f"trace-{stem}.perfetto.json")
        trace.save(work / "trace")
        write_scenario(comparison.scenario, work)
        (work / "allocations").mkdir()
        for spec, run in comparison.traces.items():
            run.allocation.save(work / "allocations" / f"{file_stem(spec)}.json")
        record = manifest(
            "compare",
            scenario=comparison.scenario.name,
            source=comparison.scenario.source,
            cluster=comparison.scenario.cluster.name,
            schedulers=[row["scheduler"] for row in comparison.summary()],
            seeds=list(comparison.seeds),
            information=comparison.scenario.information,
            engine=comparison.engine,
            best=best,
            interrupted=comparison.interrupted,
            **facts,
        )
        (work / "manifest.json").write_text(to_json(record) + "\n", encoding="utf-8")
        names = sorted(p.relative_to(work) for p in work.rglob("*") if p.is_file())
    return [target / name for name in names]


def file_stem(spec: str) -> str:
    """A spec string as a file name."""
    return "".join(c if c.isalnum() or c in "._-" else "_" for c in spec)
