"""Schedulers that plan with estimates, judged by the truth."""

from scenarios.information.estimate import estimate, planning
from scenarios.information.losses import Losses, measure
from scenarios.information.modes import MODES, Information, noisy, parse

__all__ = [
    "MODES",
    "Information",
    "Losses",
    "estimate",
    "measure",
    "noisy",
    "parse",
    "planning",
]
