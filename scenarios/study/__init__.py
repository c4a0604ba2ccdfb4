"""Studies: scenarios x parameters x schedulers x seeds, run once each and kept.

``load`` reads a study file, ``plan`` lists its cells, ``sweep`` runs those that are missing,
``read`` gives the rows as a table, ``status`` says how far it has come.
"""

from __future__ import annotations

from scenarios.study.cells import Cell, Instance, Plan, plan
from scenarios.study.folder import Status, status
from scenarios.study.frame import CLOCK_COLUMNS, read
from scenarios.study.loading import Study, load, names, parse
from scenarios.study.sweeping import Swept, sweep

__all__ = [
    "CLOCK_COLUMNS",
    "Cell",
    "Instance",
    "Plan",
    "Status",
    "Study",
    "Swept",
    "load",
    "names",
    "parse",
    "plan",
    "read",
    "status",
    "sweep",
]
