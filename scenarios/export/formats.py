"""The formats that a scenario can be written in, by name and by file ending."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import cast

from scenarios.export import render
from scenarios.reading import MAX_BYTES
from scenarios.scenario import Scenario
from simulator.errors import Unsupported, unknown

Writer = Callable[[Scenario], tuple[str, list[str]]]

OWN: Mapping[str, str] = {"yaml": ".yaml", "json": ".json", "simgrid": ".xml"}
"""Formats that lose nothing, refuse, or say what they do in the file itself -> ending."""

GRAPHS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "stg": ("scenarios.export.stg", (".stg",)),
    "dot": ("scenarios.export.dot", (".dot", ".gv")),
    "dax": ("scenarios.export.workflows", (".dax",)),
    "wfcommons": ("scenarios.export.workflows", (".wf.json",)),
    "graphml": ("scenarios.export.graphml", (".graphml",)),
}
"""Formats of plain task graphs -> (module, endings)."""

FORMATS = (*OWN, *GRAPHS)


@dataclass(frozen=True)
class Written:
    """The text of a file, and what it does not hold in one sentence each."""

    text: str
    losses: tuple[str, ...] = ()


def format_of(path: str | Path) -> str:
    """The format that a file's name asks for; no ending asks for yaml.

    Raises
    ------
    UnknownName
        Another ending.

    Examples
    --------
    >>> format_of("montage.wf.json"), format_of("a.gv"), format_of("a.json")
    ('wfcommons', 'dot', 'json')
    """
    name = Path(path).name.lower()
    suffix = Path(name).suffix or ".yaml"
    for form, (_, endings) in GRAPHS.items():
        if name.endswith(endings):
            return form
    for form, ending in OWN.items():
        if suffix in (ending, ".yml" if form == "yaml" else ending):
            return form
    known = [*OWN.values(), *(e for _, some in GRAPHS.values() for e in some)]
    raise unknown("file type", suffix, known)


def write(scenario: Scenario, form: str) -> Written:
    """The scenario in a format.

    Parameters
    ----------
    scenario : Scenario
    form : str
        One of `FORMATS`.

    Returns
    -------
    Written

    Raises
    ------
    UnknownName
        Another format.
    Unsupported
        The format would mean something else; says why.
    """
    if form in OWN:
        return Written(render(scenario, OWN[form]))
    if form not in GRAPHS:
        raise unknown("format", form, FORMATS)
    writer = cast(Writer, getattr(import_module(GRAPHS[form][0]), f"to_{form}"))
    text, lost = writer(scenario)
    if len(text.encode()) > MAX_BYTES:
        raise Unsupported(
            f"{scenario.name} takes {len(text.encode()) / 2**20:.0f} MiB of {form}, but files of "
            f"at most {MAX_BYTES // 2**20} MiB are read"
        )
    return Written(text, tuple(lost))
