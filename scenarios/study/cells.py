"""All cells of a study, each with a key that says what it is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scenarios.messages import at, show, within
from scenarios.scenario import Scenario
from scenarios.study.content import canonical, digest, digest_of_plain, scenario_content
from scenarios.study.loading import Study
from scenarios.study.resolve import Resolver
from simulator.engines import SEMANTICS
from simulator.errors import AlloclabError, InvalidScenario

FORMAT = 1
"""Version of rows and keys; raised when the same key could mean something else."""

MOST_CELLS = 2_000_000


@dataclass(frozen=True, slots=True)
class Instance:
    """A scenario of the study at one point of its parameters.

    Parameters
    ----------
    key : str
        Hash of label, parameters and the scenario's content.
    label, family : str
    entry : int
        Which of the study's scenarios.
    point : mapping of parameter to value
    """

    key: str
    label: str
    family: str
    entry: int
    point: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Short and unique: the label and the first digits of the key."""
        return f"{self.label}-{self.key[:12]}"


@dataclass(frozen=True, slots=True)
class Cell:
    """One scheduler with one seed on one instance.

    Parameters
    ----------
    key : str
        SHA-256 of instance, scheduler, its version, seed, budget, engine, semantics and format.
    instance : int
    scheduler : str
    version : int
    seed : int
    """

    key: str
    instance: int
    scheduler: str
    version: int
    seed: int


@dataclass(frozen=True)
class Plan:
    """Everything a study has to run.

    Parameters
    ----------
    study : Study
    instances : tuple of Instance
    cells : tuple of Cell
        Instance by instance, seed by seed; no two have the same key.
    """

    study: Study
    instances: tuple[Instance, ...]
    cells: tuple[Cell, ...]
    resolver: Resolver = field(repr=False, compare=False)

    def scenario(self, instance: int) -> Scenario:
        """The scenario of an instance, built again if it is not at hand."""
        chosen = self.instances[instance]
        return self.resolver.scenario(chosen.entry, chosen.point)


def plan(study: Study) -> Plan:
    """Build every instance of a study once and list its cells.

    Raises
    ------
    AlloclabError
        An instance cannot be built; says which, and nothing runs.
    """
    count = len(study.scenarios) * len(study.points) * len(study.seeds) * len(study.schedulers)
    with within(study.source):
        if count > MOST_CELLS:
            raise InvalidScenario(f"{count:,} cells are too many, at most {MOST_CELLS:,}")
        resolver = Resolver(study)
        instances = _instances(study, resolver)
    versions = _versions(study.schedulers)
    budget = {"seconds": study.seconds, "evaluations": study.evaluations}
    cells: dict[str, Cell] = {}
    for i, instance in enumerate(instances):
        for seed in study.seeds:
            for spec in study.schedulers:
                key = digest(
                    {
                        "format": FORMAT,
                        "semantics": SEMANTICS,
                        "instance": instance.key,
                        "scheduler": spec,
                        "version": versions[spec],
                        "seed": seed,
                        "budget": budget,
                        "engine": study.engine,
                    }
                )
                cells[key] = Cell(key, i, spec, versions[spec], seed)
    return Plan(study, instances, tuple(cells.values()), resolver)


def _versions(specs: tuple[str, ...]) -> dict[str, int]:
    from schedulers import make

    return {spec: int(make(spec).version) for spec in specs}


def _instances(study: Study, resolver: Resolver) -> tuple[Instance, ...]:
    """Every entry at every point, each content once."""
    found: dict[str, Instance] = {}
    for entry, given in enumerate(study.scenarios):
        for point in study.points:
            with at(f"scenarios[{entry}]"):
                scenario = _built(resolver, entry, point)
            label, family = _names(given, point, scenario)
            content = scenario_content(scenario)
            named = canonical({"label": label, "parameters": dict(point)})
            key = digest_of_plain([*named, ["content", content]])
            found.setdefault(key, Instance(key, label, family, entry, point))
    return tuple(found.values())


def _built(resolver: Resolver, entry: int, point: Mapping[str, Any]) -> Scenario:
    try:
        return resolver.scenario(entry, point)
    except AlloclabError as error:
        if not point:
            raise
        said = ", ".join(f"{key}={_short(value)}" for key, value in point.items())
        raise type(error)(f"{error} (at {said})") from None


def _short(value: Any) -> str:
    return value if isinstance(value, str) and len(value) <= 40 else show(value, 40)


def _names(given: Any, point: Mapping[str, Any], scenario: Scenario) -> tuple[str, str]:
    """Label and family of an instance."""
    if isinstance(given, str):
        return scenario.name, scenario.name
    from scenarios.generate.families import family_of

    family = family_of(point.get("family", given["generate"].get("family"))).name
    return given["label"] or scenario.name, family
