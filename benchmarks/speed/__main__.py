"""Measure all: ``python -m benchmarks.speed [--json FILE] [--quick]``."""

from __future__ import annotations

import sys

from benchmarks.speed import evaluation, streams, threads
from benchmarks.speed._report import Row, cli


def measure(quick: bool = False) -> list[Row]:
    """All rows."""
    return evaluation.measure(quick) + streams.measure(quick) + threads.measure(quick)


if __name__ == "__main__":
    sys.exit(cli("Measure how fast runs are evaluated.", measure))
