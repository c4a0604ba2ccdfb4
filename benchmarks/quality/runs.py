"""Running schedulers on instances: resumable, in several processes, every schedule rechecked."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.quality.cases import Case, problem_of, read
from benchmarks.recheck import CLOSE, makespan, play

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
ROWS = "rows.jsonl"
MOST_POINTS = 200
NEVER_LIST = ("random", "chain_partition")
LISTS = ("single_node", "wba", "hybrid", "heft[lookahead=oct]")
UNLIMITED = "none"


@dataclass(frozen=True)
class Job:
    """One scheduler on one instance with one seed and one budget.

    Parameters
    ----------
    seconds, evaluations : budget; both None for list schedulers
    """

    case: Case
    spec: str
    version: int
    seed: int
    seconds: float | None = None
    evaluations: int | None = None

    @property
    def budget(self) -> str:
        """The budget as rows name it."""
        if self.seconds is not None:
            return f"{self.seconds:g}s"
        return UNLIMITED if self.evaluations is None else f"{self.evaluations}ev"

    @property
    def key(self) -> tuple[Any, ...]:
        """What tells two jobs apart."""
        case = self.case
        return case.set, case.name, case.digest, self.spec, self.version, self.seed, self.budget


def list_schedulers() -> tuple[str, ...]:
    """Every registered scheduler that plans once, without search, and HEFT's variant with OCT."""
    from schedulers import names
    from schedulers.planner import Planner
    from schedulers.registry import scheduler_class

    found = [n for n in names() if n not in NEVER_LIST and issubclass(scheduler_class(n), Planner)]
    return tuple(dict.fromkeys([*found, *(s for s in LISTS if s.partition("[")[0] in names())]))


def jobs(
    cases: Sequence[Case],
    specs: Sequence[str],
    seeds: int,
    seconds: float | None,
    evaluations: int | None,
) -> list[Job]:
    """All jobs, instance by instance; list schedulers once, without seeds and budgets."""
    from schedulers import make
    from schedulers.registry import spec_of

    made = {spec_of(s): s.version for s in map(make, specs)}
    lists = set(list_schedulers())
    budgets = [(seconds, None)] if seconds is not None else []
    if evaluations is not None:
        budgets.append((None, evaluations))  # type: ignore[arg-type]
    out: list[Job] = []
    for case in cases:
        for spec, version in made.items():
            if spec in lists:
                out.append(Job(case, spec, version, 0))
                continue
            out += [Job(case, spec, version, s, *b) for b in budgets for s in range(seeds)]
    return out


def done(path: Path) -> list[dict[str, Any]]:
    """Rows written so far; a line cut off by a crash is dropped from the file.

    Of rows that agree in all but the version of the scheduler or the digest, the last counts.
    """
    if not path.exists():
        return []
    whole = path.read_bytes()
    complete = whole[: whole.rfind(b"\n") + 1]
    if len(complete) < len(whole):
        path.write_bytes(complete)
    rows = [json.loads(line) for line in complete.decode().splitlines() if line]
    last = {(r["set"], r["instance"], r["scheduler"], r["seed"], r["budget"]): r for r in rows}
    return list(last.values())


def key_of(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """`Job.key` of a row."""
    names = ("set", "instance", "digest", "scheduler", "version", "seed", "budget")
    return tuple(row[name] for name in names)


def run(job: Job) -> dict[str, Any]:
    """Solve and recheck; an error becomes part of the row, one that is a bug is run again."""
    from schedulers import solve
    from simulator.errors import AlloclabError

    case = job.case
    row: dict[str, Any] = {
        "set": case.set, "instance": case.name, "digest": case.digest, "family": case.family,
        "ccr": case.ccr, "tasks": case.tasks, "nodes": case.nodes, "scheduler": job.spec,
        "version": job.version, "seed": job.seed, "budget": job.budget,
    }  # fmt: skip
    problem = problem_of(case.source, case.name)
    try:
        outcome = solve(job.spec, problem, job.seconds, job.evaluations, job.seed)
    except AlloclabError as error:
        return row | {"error": f"{type(error).__name__}: {error}"[:300]}
    except Exception as error:  # a bug in one scheduler must not cost the rows of the others
        return row | {"error": f"{type(error).__name__}: {error}"[:300], "crash": True}
    points = outcome.curve
    step = max(1, -(-len(points) // MOST_POINTS))
    kept = [*points[:-1:step], points[-1]]
    row |= {
        "objective": outcome.objective,
        "bound": outcome.bound,
        "status": outcome.status,
        "cpu_seconds": outcome.cpu_seconds,
        "wall_seconds": outcome.wall_seconds,
        "evaluations": outcome.evaluations,
        "curve": [list(point) for point in kept],
    }
    fault = recheck(read(case.source, case.name), outcome)
    return row | {"fault": fault} if fault else row


def recheck(instance: Mapping[str, Any], outcome: Any) -> str:
    """What the independent evaluator has against an answer; empty if nothing."""
    placements = outcome.allocation.placements
    names = {task["id"] for task in instance["tasks"]}
    bare = [p.task if p.task in names else p.task.partition("/")[2] for p in placements]
    where = {name: p.node for name, p in zip(bare, placements, strict=True)}
    rank = {name: (p.priority, i) for i, (name, p) in enumerate(zip(bare, placements, strict=True))}
    try:
        value = makespan(play(instance, where, rank))
    except ValueError as error:
        return str(error)
    if abs(value - outcome.objective) > CLOSE * max(abs(value), abs(outcome.objective)):
        return f"the makespan is {value!r}, not {outcome.objective!r}"
    if outcome.bound is not None and outcome.bound > value * (1 + CLOSE):
        return f"the bound {outcome.bound!r} is above the makespan {value!r}"
    return ""


def _prepare() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in THREADS:
        os.environ[name] = "1"


def rows(todo: Iterable[Job], processes: int) -> Iterator[dict[str, Any]]:
    """Rows as they come; on Ctrl-C the jobs that wait are dropped and the processes end."""
    todo = list(todo)
    if processes <= 1:
        yield from map(run, todo)
        return
    saved = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(processes, context, _prepare)
    try:
        waiting, queue = set(), iter(todo)
        for job in queue:
            waiting.add(pool.submit(run, job))
            if len(waiting) < 2 * processes:
                continue
            ready, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in ready:
                yield future.result()
        while waiting:
            ready, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in ready:
                yield future.result()
    except (KeyboardInterrupt, GeneratorExit):
        for process in list((getattr(pool, "_processes", None) or {}).values()):
            process.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        for name, value in saved.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})


def collect(todo: Sequence[Job], path: Path, processes: int) -> bool:
    """Run what `path` does not hold yet and append the rows; whether all were run."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    have = {key_of(row) for row in done(path) if not row.get("crash")}
    missing = [job for job in todo if job.key not in have]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
               TimeRemainingColumn())  # fmt: skip
    with path.open("a", encoding="utf-8") as file, Progress(*columns) as bar:
        line = bar.add_task("runs", total=len(todo), completed=len(todo) - len(missing))
        try:
            for row in rows(missing, processes):
                file.write(json.dumps(row) + "\n")
                file.flush()
                bar.update(line, advance=1, description=f"{row['instance'][:28]:28}")
        except KeyboardInterrupt:
            bar.console.print("interrupted; the same command goes on from here")
            return False
    return True
