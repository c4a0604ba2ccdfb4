"""Reports: everything that a folder of results says, as one HTML file that opens offline.

``build`` reads a folder into a `Page`, ``render`` makes HTML of it, ``write`` does both and draws
the figures beside it.
"""

from __future__ import annotations

from scenarios.report.page import Chart, Column, Gantt, Page, Section, Series, Table
from scenarios.report.reading import build, kind_of
from scenarios.report.rendering import render
from scenarios.report.writing import Written, write

__all__ = [
    "Chart",
    "Column",
    "Gantt",
    "Page",
    "Section",
    "Series",
    "Table",
    "Written",
    "build",
    "kind_of",
    "render",
    "write",
]
