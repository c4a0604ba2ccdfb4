"""Writing scenarios: as a scenario file, as a ``task-graph-instance/1``, or their cluster alone.

What the target format cannot say is refused by name, never dropped in silence, as far as it
changes what is simulated; docs/importers.md lists what is only a remark and is left out.
"""

from __future__ import annotations

import json

from scenarios.export.instance import to_instance
from scenarios.export.scenario_file import to_yaml
from scenarios.export.simgrid import to_simgrid
from scenarios.reading import MAX_BYTES
from scenarios.scenario import Scenario
from simulator.errors import Unsupported, unknown

__all__ = ["render", "to_instance", "to_simgrid", "to_yaml"]


def render(scenario: Scenario, suffix: str = ".yaml") -> str:
    """Text of a file for this scenario.

    Parameters
    ----------
    scenario : Scenario
    suffix : {".yaml", ".yml", ".json", ".xml"}
        A scenario file, an instance, or its cluster alone as a SimGrid platform.

    Raises
    ------
    UnknownName
        Another suffix.
    Unsupported
        The format cannot express something, or the text would be too long to be read back; says
        what.
    """
    if suffix in (".yaml", ".yml"):
        return to_yaml(scenario)
    if suffix == ".json":
        try:
            data = to_instance(scenario)
        except Unsupported as error:
            raise Unsupported(f"{error}; a .yaml file can hold it") from None
        text = json.dumps(data, ensure_ascii=False, indent=1) + "\n"
        if len(text.encode()) > MAX_BYTES:
            raise Unsupported(
                f"{scenario.name} takes {len(text.encode()) / 2**20:.0f} MiB of JSON, but files of "
                f"at most {MAX_BYTES // 2**20} MiB are read"
            )
        return text
    if suffix == ".xml":
        return to_simgrid(scenario.cluster)
    raise unknown("file type", suffix, (".yaml", ".json", ".xml"))
