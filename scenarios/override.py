"""What the command line and studies may change about a loaded scenario."""

from __future__ import annotations

from dataclasses import replace

from scenarios.scenario import Scenario
from simulator.errors import InvalidScenario
from simulator.objective import Objective
from simulator.workload import Stream


def override(
    scenario: Scenario,
    network: str | None = None,
    objective: str | None = None,
    requests: int | None = None,
    dispatch: str | None = None,
    discipline: str | None = None,
    rate: float | str | None = None,
    cuts: int | None = None,
    information: str | None = None,
) -> Scenario:
    """A copy of a scenario with some fields replaced; None keeps what is there.

    Parameters
    ----------
    rate : float or text with unit
        Requests a second of every stream.
    cuts : int
        Cuts of its torch modules; see `scenarios.importers.torch_export.with_cuts`.
    information : str
        What schedulers are told; see `scenarios.information`.

    Raises
    ------
    UnknownName
        An objective that does not exist (network, dispatch and discipline are checked when the
        problem is built).
    InvalidScenario
        More requests than an arrival trace has; a rate for arrivals that have none; cuts of a
        scenario without a torch module.
    """
    if cuts is not None:
        from scenarios.importers.torch_export import with_cuts

        scenario = with_cuts(scenario, cuts)
    changes: dict[str, object] = {}
    if network is not None:
        changes["network"] = network
    if dispatch is not None:
        changes["dispatch"] = dispatch
    if discipline is not None:
        changes["discipline"] = discipline
    if objective is not None:
        changes["objective"] = Objective.parse(objective)
    if information is not None:
        from scenarios.information import parse

        changes["information"] = str(parse(information))
    streams = scenario.streams
    if rate is not None:
        streams = tuple(_at_rate(stream, rate) for stream in streams)
    if requests is not None:
        if requests < 1:
            raise InvalidScenario(f"requests must be >= 1, got {requests}")
        streams = tuple(replace(s, requests=requests) for s in streams)
    if streams is not scenario.streams:
        changes["streams"] = streams
    return replace(scenario, **changes) if changes else scenario  # type: ignore[arg-type]


def _at_rate(stream: Stream, rate: float | str) -> Stream:
    from simulator.units import parse

    if stream.arrivals.kind not in ("constant", "poisson"):
        raise InvalidScenario(
            f"rate: the arrivals of stream {stream.name!r} are {stream.arrivals.kind}, only "
            f"constant and poisson ones have a rate"
        )
    return replace(stream, arrivals=replace(stream.arrivals, rate=parse(rate, "rate", "rate")))
