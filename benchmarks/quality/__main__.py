"""Run schedulers on instances at equal budgets, and say how good they are.

    python -m benchmarks.quality --set evaluation --seeds 5 --check -o out/quality
    python -m benchmarks.quality FOLDER --schedulers portfolio,annealing --seconds 10 -o OUT

Every scheduler gets the same CPU seconds on one thread and, with --evaluations, in runs of their
own the same number of evaluations. All list schedulers run too, since searches are compared with
the best of them. Rows are appended to OUT/rows.jsonl as they come; the same command, or one with
more schedulers or seeds, goes on from there. Then come rows.csv, report.md and charts.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

from benchmarks.quality.analysis import Analysis
from benchmarks.quality.cases import cases
from benchmarks.quality.report import sentence_rows, update_best_known, write
from benchmarks.quality.runs import ROWS, UNLIMITED, collect, done, jobs, list_schedulers
from benchmarks.quality.sets import SETS, best_known_file
from benchmarks.quality.targets import ABLATION, BASELINE, SEARCHES, sentences
from scenarios.tables import console, grid
from schedulers import names
from simulator.errors import AlloclabError


def arguments() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.quality", description=__doc__, formatter_class=raw
    )
    add = parser.add_argument
    add("folders", nargs="*", type=Path, metavar="FOLDER", help="task-graph-instance/1 files")
    add("--set", action="append", default=[], choices=SETS, dest="sets", help="a generated set")
    add("--schedulers", help="comma-separated specs; default: all searches and the baseline")
    add("--seeds", type=int, default=3)
    add("--seconds", type=float, help="CPU seconds; default 1 unless --evaluations is given")
    add("--evaluations", type=int, metavar="N")
    add("--instances", type=int, metavar="N", help="at most N of each set, a fixed draw")
    add("--jobs", type=int, default=2, help="processes, one thread each")
    add("--against", default="heft", help="scheduler of the win/tie/loss column")
    add("--no-lists", action="store_true", help="no list schedulers but HEFT")
    add("--quick", action="store_true", help="3 instances, 1 seed, 0.1 s: shows that all works")
    add("--check", action="store_true", help="judge the targets; exit code 1 if one is missed")
    add("--update-best-known", action="store_true", help="keep new best makespans of --set")
    add("-o", "--output", type=Path, required=True)
    return parser


def split(text: str) -> list[str]:
    """Split at commas outside brackets.

    Examples
    --------
    >>> split("heft,gradient[learning_rate=0,samples=1]")
    ['heft', 'gradient[learning_rate=0,samples=1]']
    """
    parts, depth = [""], 0
    for character in text:
        depth += (character == "[") - (character == "]")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts if part.strip()]


def wanted(options: argparse.Namespace) -> list[str]:
    """Specs to run: those asked for, or all searches there are; list schedulers and HEFT."""
    from schedulers import make

    if options.schedulers:
        specs = split(options.schedulers)
    else:
        known = [s for s in (*SEARCHES, ABLATION, BASELINE) if s.partition("[")[0] in names()]
        specs = [s for s in known if _valid(s)]
    for spec in specs:
        make(spec)
    return list(dict.fromkeys([*specs, *(["heft"] if options.no_lists else list_schedulers())]))


def _valid(spec: str) -> bool:
    from schedulers import make

    try:
        make(spec)
    except AlloclabError:
        return False
    return True


def main() -> int:
    """Run what is missing, write the report, and return the exit code."""
    parser = arguments()
    options = parser.parse_args()
    if not options.folders and not options.sets:
        parser.error("give a folder or --set")
    if options.quick:
        options.instances, options.seeds = options.instances or 3, 1
        options.seconds = options.seconds or (None if options.evaluations else 0.1)
    if options.seconds is None and options.evaluations is None:
        options.seconds = 1.0
    try:
        chosen = cases(options.folders, options.sets, options.instances)
        todo = jobs(chosen, wanted(options), options.seeds, options.seconds, options.evaluations)
    except AlloclabError as error:
        print(error, file=sys.stderr)
        return 2
    options.output.mkdir(parents=True, exist_ok=True)
    complete = collect(todo, options.output / ROWS, options.jobs)
    analysis = Analysis(done(options.output / ROWS), chosen, list_schedulers())
    if not analysis.rows:
        print("there are no rows", file=sys.stderr)
        return 1
    words = [Path(w).name if Path(w).is_absolute() else w for w in sys.argv[1:]]
    path = write(analysis, options.output, options.against,
                 f"python -m benchmarks.quality {shlex.join(words)}")  # fmt: skip
    for name in options.sets if options.update_best_known else ():
        mine = [c for c in chosen if c.set == name]
        count = update_best_known(analysis, best_known_file(name), mine)
        print(f"{name}: {count} new best makespans")
    missed = _show(analysis, options)
    print(f"{path}  {len(analysis.rows)} rows, {len(analysis.failed)} errors, "
          f"{len(analysis.faults)} refused by the recheck")  # fmt: skip
    broken = bool(analysis.faults or analysis.below_optimum())
    return 130 if not complete else int(broken or (options.check and missed > 0))


def _show(analysis: Analysis, options: argparse.Namespace) -> int:
    """Print the tables of the sets and the targets; how many targets are missed."""
    out, missed = console(), 0
    for budget in analysis.budgets or (UNLIMITED,):
        for title, condition in analysis.groups():
            if "," not in title:
                rows = analysis.summary(budget, options.against, condition)
                out.print(grid(f"{title}, {budget}", rows))
        found = list(sentences(analysis, budget)) if options.check else []
        missed += sum(not s.held for s in found)
        if found:
            out.print(grid(f"targets at {budget}", sentence_rows(found)))
    return missed


if __name__ == "__main__":
    raise SystemExit(main())
