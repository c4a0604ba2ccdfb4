"""A scenario: everything a user describes, before it is lowered to a problem."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from simulator.cluster import Cluster
from simulator.dynamics import Dynamics
from simulator.objective import Objective
from simulator.problem import Problem
from simulator.risk import Risk
from simulator.shown import Shown, some
from simulator.workload import Stream

if TYPE_CHECKING:
    from realrun.calibrate import Calibration


@dataclass(frozen=True, repr=False)
class Scenario(Shown):
    """Models, machines, load and rules, with a name.

    Parameters
    ----------
    name, description : str
    cluster : Cluster
    streams : tuple of Stream
    network : {"ideal", "fifo", "fair"}
    dispatch : {"strict", "greedy"} or None
    discipline : {"fifo", "priority", "edf"}
    objective : Objective
    dynamics : Dynamics
    plan_draws : int
    plan_risk : Risk
    source : str
        File or catalogue name it came from, for messages.
    fixed_cluster : bool
        True when the durations are tied to the scenario's own nodes (an imported instance), so
        that no other cluster can be put in its place.
    adapt : callable or None
        Applied to a cluster that replaces the scenario's own (for example: add a storage node).
    facts : mapping of str to str
        Remarks shown by `alloclab show` (origin, licence, published values).
    information : str
        What schedulers are told about durations and bytes in simulations, comparisons and sweeps,
        such as ``noisy[sigma=0.3]``; see `scenarios.information`. The simulator keeps the truth.
    """

    name: str
    cluster: Cluster
    streams: tuple[Stream, ...]
    description: str = ""
    network: str = "ideal"
    dispatch: str | None = None
    discipline: str = "fifo"
    objective: Objective = field(default_factory=Objective)
    dynamics: Dynamics = field(default_factory=Dynamics)
    plan_draws: int = 1
    plan_risk: Risk = field(default_factory=Risk)
    source: str = ""
    fixed_cluster: bool = False
    adapt: Callable[[Cluster], Cluster] | None = None
    facts: dict[str, str] = field(default_factory=dict)
    information: str = "exact"

    def _title(self) -> str:
        return self.name

    def _summary(self) -> dict[str, str]:
        graphs = [s.graph for s in self.streams]
        rules = [self.network, self.dispatch or "", self.discipline]
        out = {
            "about": self.description,
            "streams": some(f"{s.name} ({s.requests} request(s))" for s in self.streams),
            "tasks": f"{sum(len(g.tasks) for g in graphs)} tasks, "
            f"{sum(len(g.edges) for g in graphs)} edges",
            "cluster": f"{self.cluster.name}, {len(self.cluster.nodes)} nodes",
            "rules": "/".join(rule for rule in rules if rule),
            "minimise": str(self.objective),
        }
        return {label: value for label, value in out.items() if value}

    def problem(self, seed: int = 0) -> Problem:
        """Lower to a problem.

        Parameters
        ----------
        seed : int
            Seed of the `plan` luck that schedulers may look at.

        Returns
        -------
        Problem

        Raises
        ------
        InvalidScenario, Unsupported
        """
        from scenarios.messages import within

        with within(self.source):
            return Problem(
                cluster=self.cluster,
                streams=self.streams,
                network=self.network,
                dispatch=self.dispatch,
                discipline=self.discipline,
                objective=self.objective,
                dynamics=self.dynamics,
                name=self.name,
                plan_draws=self.plan_draws,
                plan_seed=seed,
                plan_risk=self.plan_risk,
            )

    def calibrated(self, calibration: Calibration) -> Scenario:
        """The same scenario on measured workers: their nodes, overheads, links and durations.

        Raises
        ------
        UnknownName
            One of its models was not calibrated.
        InvalidScenario
            Its durations are given for its own nodes only.
        """
        placed = self.on(calibration.cluster())
        return replace(
            placed, streams=calibration.streams(self.streams), network=calibration.network
        )

    def on(self, cluster: Cluster) -> Scenario:
        """The same scenario on another cluster.

        Raises
        ------
        InvalidScenario
            Its durations are given for its own nodes only.
        """
        from simulator.errors import InvalidScenario

        if self.fixed_cluster:
            raise InvalidScenario(
                f"{self.source or self.name}: durations are given for its own nodes "
                f"({', '.join(n.name for n in self.cluster.nodes[:6])}), so it cannot run on "
                f"cluster {cluster.name!r}"
            )
        return replace(self, cluster=self.adapt(cluster) if self.adapt else cluster)
