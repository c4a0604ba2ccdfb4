"""From an entry of a study and a point of its parameters to a scenario."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from scenarios import layers
from scenarios.messages import show
from scenarios.scenario import Scenario
from scenarios.study.loading import Study
from simulator.cluster import Cluster
from simulator.errors import InvalidScenario, UnknownName, unknown

RULES: Mapping[str, tuple[str, ...]] = {
    "network": ("ideal", "fifo", "fair"),
    "dispatch": ("greedy", "strict"),
    "discipline": ("fifo", "priority", "edf"),
}
"""Parameters that are one of a few words."""

OVERRIDES = (*RULES, "objective", "requests", "rate", "information", "cuts")
"""Parameters that `scenarios.override` takes; `cluster` comes on top."""

INSTANCE_SEED = "instance_seed"
"""The generator's seed; `seeds` are those of luck and of the schedulers' own choices."""

TOP_LEVEL = ("plan_draws", "plan_risk")
"""Fields of a scenario file whose path is their name."""

_NAMED = ("streams", "tasks", "models", "edges")
"""Mappings of a scenario file whose keys are names, which a dotted parameter must not invent."""


class Resolver:
    """Builds the scenarios of a study, reading every file once.

    Parameters
    ----------
    study : Study
    keep : int
        Scenarios kept for later.
    """

    def __init__(self, study: Study, keep: int = 512) -> None:
        self.study = study
        self._keep = keep
        self._kept: OrderedDict[tuple[int, str], Scenario] = OrderedDict()
        self._file = cache(self._read)
        self._cluster = cache(self._read_cluster)

    def scenario(self, entry: int, point: Mapping[str, Any]) -> Scenario:
        """The scenario of an entry at a point.

        Raises
        ------
        AlloclabError
            A name that does not exist, a parameter that does not apply, a value out of range.
        """
        key = (entry, repr(list(point.items())))
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        given = self.study.scenarios[entry]
        build = self._named if isinstance(given, str) else self._generated
        built = self._kept[key] = build(given, dict(point))
        if len(self._kept) > self._keep:
            self._kept.popitem(last=False)
        return built

    def _generated(self, entry: Mapping[str, Any], point: dict[str, Any]) -> Scenario:
        from scenarios.generate import build
        from scenarios.override import override

        rules = {key: point.pop(key) for key in OVERRIDES if key in point}
        spec = {**entry["generate"], **point}
        family = spec.get("family")
        known = _generator_settings(family, INSTANCE_SEED)
        for name in point:
            if name not in known:
                raise unknown("parameter", name, (*known, *OVERRIDES))
        if INSTANCE_SEED in spec:
            spec["seed"] = spec.pop(INSTANCE_SEED)
        if isinstance(spec.get("cluster"), str):
            spec["cluster"] = self._cluster(spec["cluster"])
        return override(build(spec), **_checked(rules))

    def _named(self, reference: str, point: dict[str, Any]) -> Scenario:
        from scenarios.override import override

        rules = {key: point.pop(key) for key in OVERRIDES if key in point}
        cluster = point.pop("cluster", None)
        paths = [key for key in point if "." in key or key in TOP_LEVEL]
        dotted = {key: point.pop(key) for key in paths}
        for name in point:
            error = unknown("parameter", name, ("cluster", *OVERRIDES))
            raise UnknownName(
                f"{error}; a field of a scenario file is written with its path, such as "
                f"streams.NAME.deadline"
            )
        load = self._file(reference)
        scenario = load(dotted)
        if cluster is not None:
            scenario = scenario.on(self._cluster(_text("cluster", cluster)))
        return override(scenario, **_checked(rules))

    def _read(self, reference: str) -> Callable[[Mapping[str, Any]], Scenario]:
        """What builds the scenario of a file, given values for dotted parameters."""
        from realrun.partition.reference import is_origin
        from scenarios.loader import load, parse_scenario

        if is_origin(reference):
            module = load(str(self.study.folder / reference))
            return lambda dotted: module if not dotted else _refuse_dotted(dotted, reference)
        path = layers.locate("scenario", reference, self.study.folder)
        plain = load(path)
        if not _is_scenario_file(path):
            return lambda dotted: plain if not dotted else _refuse_dotted(dotted, reference)
        data = layers.read_layers("scenario", path)
        data.setdefault("name", path.stem)
        where = layers.label("scenario", path)

        def build(dotted: Mapping[str, Any]) -> Scenario:
            if not dotted:
                return plain
            changed = data
            for key, value in dotted.items():
                changed = layers.merge(changed, _nested(data, key, value), ("scenario",))
            return parse_scenario(changed, where)

        return build

    def _read_cluster(self, reference: str) -> Cluster:
        from scenarios.loader import load_cluster

        return load_cluster(layers.locate("cluster", reference, self.study.folder))


def _generator_settings(family: Any, seed: str) -> tuple[str, ...]:
    """What a generated entry takes, with the generator's seed under another name."""
    from scenarios.generate import SETTINGS
    from scenarios.generate.families import family_of

    own = family_of(family).parameters if family is not None else ()
    return tuple(seed if key == "seed" else key for key in (*SETTINGS, *own))


def _checked(rules: Mapping[str, Any]) -> dict[str, Any]:
    """Overrides whose words exist."""
    for key, allowed in RULES.items():
        if key in rules and rules[key] not in allowed:
            raise unknown(key, str(rules[key]), allowed)
    if str(rules.get("information", "")).strip().startswith("calibrated"):
        raise InvalidScenario(
            "information: calibrated[...] means a file, which a study cannot vouch for; it takes "
            "exact, noisy, mean and blind"
        )
    requests = rules.get("requests", 1)
    if isinstance(requests, bool) or not isinstance(requests, int):
        raise InvalidScenario(f"requests: expected a whole number, got {show(requests)}")
    return dict(rules)


def _text(key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidScenario(f"{key}: expected a name or a file, got {show(value)}")
    return value


def _is_scenario_file(path: Path) -> bool:
    """Whether a file is one of ours, whose fields have paths."""
    if path.suffix.lower() in (".yaml", ".yml"):
        return True
    from scenarios.importers import sniff_and_load

    return sniff_and_load(path) is None


def _refuse_dotted(dotted: Mapping[str, Any], reference: str) -> Scenario:
    raise InvalidScenario(
        f"{next(iter(dotted))}: only scenario files have fields to set, and {reference} is of "
        f"another format"
    )


def _nested(data: Any, key: str, value: Any) -> dict[str, Any]:
    """``a.b.c`` as ``{a: {b: {c: value}}}``; names of streams, tasks, ... must be there already."""
    parts = key.split(".")
    here = data
    for i, part in enumerate(parts):
        inside = here if isinstance(here, dict) else {}
        if i and parts[i - 1] in _NAMED and part not in inside:
            raise unknown("name", part, inside, where=key)
        here = inside.get(part)
    out: Any = value
    for part in reversed(parts):
        out = {part: out}
    return dict(out)
