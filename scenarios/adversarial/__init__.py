"""Adversarial search: instances, within limits, on which one scheduler does worst against another.

>>> from scenarios.adversarial import Limits, search
>>> found = search("met", "heft", Limits(tasks=(4, 4), nodes=(2, 2)), evaluations=200)
>>> found.ratio >= 1.0, found.evaluations
(True, 200)
"""

from __future__ import annotations

from scenarios.adversarial.anneal import Found, search
from scenarios.adversarial.dominance import dominated
from scenarios.adversarial.instance import Instance
from scenarios.adversarial.limits import Limits, limits_of, load_limits
from scenarios.adversarial.report import scenario_of, write
from scenarios.adversarial.settings import CLASSICAL, Settings
from scenarios.adversarial.square import Square, search_pairs

__all__ = [
    "CLASSICAL",
    "Found",
    "Instance",
    "Limits",
    "Settings",
    "Square",
    "dominated",
    "limits_of",
    "load_limits",
    "scenario_of",
    "search",
    "search_pairs",
    "write",
]
