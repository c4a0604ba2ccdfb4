"""Files of other programs, each read by the module that knows its format.

A format is a module with ``sniff(data) -> bool`` and ``load(data, source) -> Scenario``, and one
line in `IMPORTERS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

from scenarios.importers.texts import load_text
from scenarios.importers.xml import is_xml, parse_xml
from scenarios.reading import parse_json, read_text
from scenarios.scenario import Scenario
from simulator.errors import InvalidScenario, unknown

IMPORTERS: Mapping[str, str] = {
    "task-graph-instance": "scenarios.importers.instance",
    "wfcommons": "scenarios.importers.wfcommons",
}
"""Format -> module; tried in this order."""


class Importer(Protocol):
    """What the module of a format offers."""

    def sniff(self, data: Any) -> bool:
        """Whether parsed JSON claims to be of this format, in whatever version."""

    def load(self, data: Any, source: str) -> Scenario:
        """Turn it into a scenario; `source` names the file in errors."""


def names() -> tuple[str, ...]:
    """Names of the formats that can be imported."""
    return tuple(IMPORTERS)


def importer(name: str) -> Importer:
    """The importer of a format.

    Raises
    ------
    UnknownName
    """
    if name not in IMPORTERS:
        raise unknown("import format", name, IMPORTERS)
    return cast(Importer, import_module(IMPORTERS[name]))


def recognise(data: Any) -> str | None:
    """Name of the format that parsed JSON claims to be, or None."""
    if not isinstance(data, Mapping):
        return None
    return next((name for name in IMPORTERS if importer(name).sniff(data)), None)


def sniff_and_load(path: str | Path) -> Scenario | None:
    """Read a file if it is of a format that can be imported.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    Scenario or None
        None where the format is not recognised: it may be a scenario file of our own.

    Raises
    ------
    InvalidScenario
        The file cannot be read, a ``.json`` file is no JSON, a recognised format is broken, or
        it describes a cluster.
    """
    text = read_text(path)
    source = str(path)
    scenario = load_text(text, path)
    if scenario is not None:
        return scenario
    if is_xml(text):
        _refuse_cluster(text, source)
    if not text.lstrip().startswith("{"):
        return None
    try:
        data = parse_json(text, source)
    except InvalidScenario:
        if Path(path).suffix.lower() == ".json":
            raise
        return None
    found = recognise(data)
    return None if found is None else importer(found).load(data, source)


def _refuse_cluster(text: str, source: str) -> None:
    """Say what a platform file is for, where a scenario is asked for."""
    from scenarios.importers import simgrid

    if simgrid.sniff(parse_xml(text, source)):
        raise InvalidScenario(
            f"{source}: this is a SimGrid platform, which describes a cluster; give it with "
            "--cluster, or behind cluster: in a scenario"
        )
