"""An allocation as what another system deploys: Kubernetes manifests, a Ray Serve configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator.errors import unknown

if TYPE_CHECKING:
    from scenarios.scenario import Scenario
    from simulator.allocation import Allocation

FORMATS: Mapping[str, str] = {
    "kubernetes": "scenarios.export.deploy.kubernetes",
    "ray": "scenarios.export.deploy.ray_serve",
}
"""Format -> module with ``render(plan, **options) -> str`` and ``read(text) -> Allocation``."""


def deploy(
    scenario: Scenario, allocation: Allocation, target: str, **options: Any
) -> tuple[str, list[str]]:
    """Text of a file that deploys an allocation, and what it cannot express.

    Parameters
    ----------
    scenario : Scenario
    allocation : Allocation
    target : {"kubernetes", "ray"}
    **options
        As the module's own `render` takes them.

    Returns
    -------
    text : str, YAML
    losses : list of str, one sentence each

    Raises
    ------
    UnknownName
        Another target.
    InvalidAllocation
        The allocation does not fit the scenario.
    Unsupported
        Something would run otherwise than planned.
    """
    from scenarios.export.deploy.losses import losses
    from scenarios.export.deploy.plan import plan

    module = _module(target)
    made = plan(scenario, allocation)
    render: Callable[..., str] = module.render
    return render(made, **options), losses(made, target)


def read_back(path: str | Path) -> Allocation:
    """The allocation that a deployed file carries; the opposite of `deploy`.

    Raises
    ------
    InvalidScenario
        Not a file that `deploy` wrote.
    """
    from scenarios.reading import read_text
    from simulator.errors import InvalidScenario

    text = read_text(path)
    for name in FORMATS:
        module = _module(name)
        if module.MARK in text:
            found: Allocation = module.read(text, str(path))
            return found
    raise InvalidScenario(f"{path}: is none of the files that deploy writes")


def _module(target: str) -> Any:
    if target not in FORMATS:
        raise unknown("deployment format", target, FORMATS)
    return import_module(FORMATS[target])
