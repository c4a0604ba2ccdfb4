"""A study from Python: which list scheduler to take, and how sure that is.

    python examples/sweep.py

Stop it and start it again: it goes on where it was.
"""

from __future__ import annotations

from pathlib import Path

from scenarios import study
from scenarios.statistics import analyse

STUDY = """
alloclab-study: 1
name: example
scenarios:
  - generate: {tasks: 30, nodes: 4}
parameters:
  grid:
    family: [layered, fork-join]
    ccr: [0.1, 1, 10]
    instance_seed: [0, 1, 2]
schedulers: [heft, cpop, min_min, single_node]
"""


def main(folder: Path = Path("out/example-sweep")) -> None:
    study.sweep(study.parse(STUDY), folder)
    rows = study.read(folder)
    table = rows.pivot_table(index="scheduler", columns="param.ccr", values="slr", aggfunc="mean")
    print("Mean schedule length ratio by CCR\n", table.round(2), sep="")
    print(analyse(rows, baseline="heft"))


if __name__ == "__main__":
    main()
