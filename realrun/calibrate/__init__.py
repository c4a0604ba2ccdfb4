"""Measuring a machine once, so that everything predicted for it rests on what was measured."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from realrun.calibrate.calibration import Calibration
    from realrun.calibrate.measure import calibrate

_WHERE = {"Calibration": "calibration", "calibrate": "measure"}

__all__ = ["Calibration", "calibrate"]


def __getattr__(name: str) -> Any:
    """Load a public name from its module on first use: reading a file needs no torch."""
    if name not in _WHERE:
        raise AttributeError(f"module 'realrun.calibrate' has no attribute {name!r}")
    return getattr(import_module(f"realrun.calibrate.{_WHERE[name]}"), name)
