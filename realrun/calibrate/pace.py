"""Whether the machine is as fast as it was when it was calibrated.

Virtual machines and laptops become 10 % slower within half an hour when neighbours or heat make
them; every duration in a calibration is then off by about as much. A reference product that takes
a millisecond says so before anything is predicted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from realrun.calibrate.journal import Journal
from realrun.calibrate.resources import reference_seconds

if TYPE_CHECKING:
    from realrun.calibrate.calibration import Calibration
    from realrun.pool import Workers

TOLERATED = 0.04
"""Relative difference of the reference products from which on it is said."""


def pace(calibration: Calibration, workers: Workers) -> dict[str, float]:
    """Seconds of the reference product now over those at calibration, by worker.

    Workers of whose reference product the calibration keeps no note are left out.
    """
    before = calibration.facts.get("reference_matmul_s")
    if not isinstance(before, Mapping):
        return {}
    now = reference_seconds(workers, Journal(None, {}))
    return {name: now[name] / float(s) for name, s in before.items() if name in now and s > 0}


def remark(ratios: Mapping[str, float]) -> str | None:
    """One line where the machine has become faster or slower; None where it has not.

    Examples
    --------
    >>> remark({"cpu-0": 1.01, "cpu-1": 0.98})
    >>> remark({"cpu-0": 1.02, "cpu-1": 1.12})  # doctest: +ELLIPSIS
    'note: cpu-1 needs 12 % more time for a reference product than when it was calibrated...'
    """
    if not ratios:
        return None
    name, ratio = max(ratios.items(), key=lambda item: abs(item[1] - 1.0))
    if abs(ratio - 1.0) <= TOLERATED:
        return None
    share = f"{100 * abs(ratio - 1.0):.0f} % {'more' if ratio > 1 else 'less'} time"
    return (
        f"note: {name} needs {share} for a reference product than when it was calibrated; "
        "predictions will be off by about as much, `alloclab calibrate` measures anew"
    )
