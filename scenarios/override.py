"""What the command line may change about a loaded scenario."""

from __future__ import annotations

from dataclasses import replace

from scenarios.scenario import Scenario
from simulator.errors import InvalidScenario
from simulator.objective import Objective


def override(
    scenario: Scenario,
    network: str | None = None,
    objective: str | None = None,
    requests: int | None = None,
    dispatch: str | None = None,
) -> Scenario:
    """A copy of a scenario with some fields replaced; None keeps what is there.

    Raises
    ------
    UnknownName
        An objective that does not exist (the network is checked when the problem is built).
    InvalidScenario
        More requests than an arrival trace has.
    """
    changes: dict[str, object] = {}
    if network is not None:
        changes["network"] = network
    if dispatch is not None:
        changes["dispatch"] = dispatch
    if objective is not None:
        changes["objective"] = Objective.parse(objective)
    if requests is not None:
        if requests < 1:
            raise InvalidScenario(f"requests must be >= 1, got {requests}")
        changes["streams"] = tuple(replace(s, requests=requests) for s in scenario.streams)
    return replace(scenario, **changes) if changes else scenario  # type: ignore[arg-type]
