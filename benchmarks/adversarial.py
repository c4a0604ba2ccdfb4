"""How much worse one list scheduler can be than another: a square of pairs, measured.

    python -m benchmarks.adversarial [--seconds 10] [--workers 2] [--schedulers A,B,...]
                                     [-o benchmarks/results/adversarial]

Seconds are CPU seconds a pair. It can be interrupted; the same command goes on with the pairs that
are missing. At the end it prints the share of pairs that reach a ratio of 1.5, and how bad `heft`
is against `single_node`; exit code 1 if that is below 80 % or below 3.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from scenarios.adversarial import CLASSICAL, Settings, Square, search_pairs, store, write
from scenarios.adversarial.report import print_square
from scenarios.cli import split_specs

SHARE, RATIO, AGAINST_SINGLE = 0.8, 1.5, 3.0
HERE = Path(__file__).parent / "results" / "adversarial"


def keep(square: Square, target: Path, prefix: str) -> None:
    """Table, figures and picture, and all instances in one file, a line each."""
    with TemporaryDirectory() as scratch:
        write(square, Path(scratch))
        target.mkdir(parents=True, exist_ok=True)
        for name in ("ratios.csv", "summary.json", "heatmap.png", "manifest.json"):
            shutil.copyfile(Path(scratch) / name, target / f"{prefix}{name}")
    lines = [
        json.dumps({"a": f.a, "b": f.b, "ratio": f.ratio, **store.instance_to_dict(f.instance)})
        for f in square.found.values()
    ]
    (target / f"{prefix}instances.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> int:
    """Search, write, print; exit code 1 if the targets are missed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--schedulers", default=",".join((*CLASSICAL, "duplex")))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--out", type=Path, default=HERE)
    args = parser.parse_args()
    work = args.out.with_name(f".{args.out.name}-pairs")
    settings = Settings.of(split_specs(args.schedulers), seconds=args.seconds, seed=args.seed)
    alone = Settings.of(pair=["heft", "single_node"], seconds=args.seconds, seed=args.seed)

    def progress(done: int, total: int, label: str) -> None:
        print(f"{done}/{total} {label}", file=sys.stderr, flush=True)

    single = search_pairs(alone, work, 1, progress)
    square = search_pairs(settings, work, args.workers, progress)
    print_square(square, [], None)
    print_square(single, [], None)
    if square.interrupted:
        return 130
    keep(square, args.out, "")
    keep(single, args.out, "single_node-")
    shutil.rmtree(work)
    (found,) = single.found.values()
    share = sum(f.ratio >= RATIO for f in square.found.values()) / len(square.found)
    print(
        f"{100 * share:.1f} % of {len(square.found)} pairs that are not dominated reach {RATIO}; "
        f"heft/single_node {found.ratio:.3f}"
    )
    return 0 if share >= SHARE and found.ratio >= AGAINST_SINGLE else 1


if __name__ == "__main__":
    sys.exit(main())
