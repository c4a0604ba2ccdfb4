"""What should make one doubt a calibration, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from realrun.calibrate.calibration import Entry

BIG_S, WIDE = 0.005, 0.03
"""Models that take longer than this are expected to spread less than that."""


def unsteady(entries: Sequence[Entry]) -> list[str]:
    """Remarks about long models that did not take the same time again in pipelines.

    Short ones spread by what timers and wake-ups do; a long one that spreads was disturbed.

    Examples
    --------
    >>> unsteady([Entry("m", "a", 1, 0.02, 0.05, 9, "harvested")])
    ['m on a, batch 1, spreads by 5.0 % (more than 3 %): the machine was not quiet']
    """
    return [
        f"{e.model} on {e.node}, batch {e.batch}, spreads by {100 * e.spread:.1f} % "
        f"(more than {100 * WIDE:.0f} %): the machine was not quiet"
        for e in entries
        if e.source == "harvested" and e.seconds > BIG_S and e.spread > WIDE
    ]
