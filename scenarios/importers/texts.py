"""Graph formats that are no JSON, found by how the text begins, else by the file's ending."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from scenarios.importers.xml import root_name
from scenarios.scenario import Scenario
from simulator.errors import unknown

TEXTS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "dax": ("scenarios.importers.dax", (".dax",)),
    "graphml": ("scenarios.importers.networkx", (".graphml",)),
    "dot": ("scenarios.importers.dot", (".dot", ".gv")),
    "stg": ("scenarios.importers.stg", (".stg",)),
}
"""Format -> (module, endings). No text begins as two of them do."""

ROOTS = ("adag", "graphml", "platform")
"""Root elements of XML that is read: DAX, GraphML, and the clusters of SimGrid."""


class TextImporter(Protocol):
    """What the module of a format offers."""

    def sniff(self, text: str) -> bool:
        """Whether the text begins as files of the format do."""

    def load(self, text: str, source: str) -> Scenario:
        """Turn it into a scenario; `source` names the file in errors."""


def text_importer(text: str, path: str | Path) -> TextImporter | None:
    """The importer of a text, or None where it is of none of these formats."""
    made = {name: cast(TextImporter, import_module(m)) for name, (m, _) in TEXTS.items()}
    found = next((name for name in TEXTS if made[name].sniff(text)), None)
    if found is None:
        ending = Path(path).suffix.lower()
        found = next((name for name, (_, endings) in TEXTS.items() if ending in endings), None)
    return None if found is None else made[found]


def load_text(text: str, path: str | Path) -> Scenario | None:
    """The scenario of a text, or None where it is of none of these formats.

    Raises
    ------
    InvalidScenario, UnknownName
        Names the file and the field.
    """
    chosen = text_importer(text, path)
    if chosen is not None:
        return chosen.load(text, str(path))
    root = root_name(text)
    if root.isidentifier() and root not in ROOTS:
        raise unknown("XML root element", root, ROOTS, str(path))
    return None
