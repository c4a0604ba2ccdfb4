"""Loads scenarios and clusters by name or from files; every error names the file and the field."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenarios import layers
from scenarios.messages import at, sentence, within
from scenarios.scenario import Scenario
from simulator.errors import InvalidScenario

if TYPE_CHECKING:
    from simulator.cluster import Cluster


def names() -> list[str]:
    """Names of the catalogue's scenarios."""
    return layers.names("scenario")


def cluster_names() -> list[str]:
    """Names of the built-in clusters."""
    return layers.names("cluster")


def load(
    name_or_path: str | Path, calibration: str | Path | None = None, cuts: int | None = None
) -> Scenario:
    """Load a scenario.

    Parameters
    ----------
    name_or_path : str or Path
        A catalogue name, a scenario file, any file that `scenarios.importers` knows, or a torch
        module of one's own: ``FILE.pt2`` or ``FILE.py:FACTORY``, on the cluster edge-cloud.
    calibration : str or Path or None
        File of measured workers that replace its cluster and durations.
    cuts : int or None
        Where its torch modules are cut; None leaves what the scenario says.

    Returns
    -------
    Scenario

    Raises
    ------
    UnknownName
        No such name; says the nearest one.
    InvalidScenario
        Whatever is wrong with the file, in one sentence.

    Examples
    --------
    >>> load("translation").problem(seed=0).task_names
    ('understand', 'extract', 'translate')
    """
    with within(""):
        from scenarios.importers.torch_export import module_scenario

        scenario = module_scenario(str(name_or_path), cuts)
        if scenario is None:
            path = layers.locate("scenario", str(name_or_path))
            scenario = _imported(path) or _scenario(path)
            if cuts is not None:
                scenario = _recut(scenario, cuts)
    if calibration is None:
        return scenario
    from realrun.calibrate import Calibration

    return scenario.calibrated(Calibration.load(calibration))


def load_cluster(name_or_path: str | Path) -> Cluster:
    """Load a cluster: a built-in name, a cluster file, or a SimGrid platform.

    Raises
    ------
    UnknownName, InvalidScenario
    """
    with within(""):
        path = layers.locate("cluster", str(name_or_path))
        return foreign_cluster(path) or _cluster(path)


def foreign_cluster(path: Path) -> Cluster | None:
    """The cluster in a file of another program's format, or None where it is one of ours."""
    if path.suffix.lower() in (".yaml", ".yml", ".json"):
        return None
    from scenarios.importers.simgrid import sniff_and_load

    return sniff_and_load(path)


def parse_scenario(
    data: dict[str, Any], name: str = "scenario", folder: Path | None = None
) -> Scenario:
    """Build a scenario from plain data, as a file would hold it.

    Parameters
    ----------
    data : dict
    name : str
        Stands for the file name in messages.
    folder : Path or None
        Where relative file names start from; default the current one.
    """
    with within(name):
        layers.check_header(data, name, "scenario")
        merged = layers.extend("scenario", data, folder or Path(), name)
        return _build(merged, name, name)


def _recut(scenario: Scenario, cuts: int) -> Scenario:
    from scenarios.importers.torch_export import with_cuts

    return with_cuts(scenario, cuts)


def _imported(path: Path) -> Scenario | None:
    """A file of another program's format, or None where it is one of ours."""
    if path.suffix.lower() in (".yaml", ".yml"):
        return None
    from scenarios.importers import sniff_and_load

    return sniff_and_load(path)


def _scenario(path: Path) -> Scenario:
    where = layers.label("scenario", path)
    data = layers.read_layers("scenario", path)
    with within(where):
        return _build(data, path.stem, where)


def _build(data: dict[str, Any], name: str, source: str) -> Scenario:
    from pydantic import ValidationError

    from scenarios.build import build_scenario
    from scenarios.schema import ScenarioFile

    inline = data.get("cluster")
    if isinstance(inline, dict) and "extends" in inline:
        whole = layers.extend("cluster", inline, Path(), "cluster")
        data = {**data, "cluster": {k: v for k, v in whole.items() if k != "alloclab"}}
    try:
        spec = ScenarioFile.model_validate(data)
    except ValidationError as error:
        raise InvalidScenario(sentence(error)) from None
    cluster: Cluster | None = None
    if isinstance(spec.cluster, str):
        with at("cluster"):
            cluster = load_cluster(spec.cluster)
    elif spec.cluster is not None:
        from scenarios.cluster_build import build_cluster

        with at("cluster"):
            cluster = build_cluster(spec.cluster, spec.name or name)
    return build_scenario(spec, cluster, name, source)


def _cluster(path: Path) -> Cluster:
    from pydantic import ValidationError

    from scenarios.cluster_build import build_cluster
    from scenarios.cluster_schema import ClusterFile

    data = layers.read_layers("cluster", path)
    with within(layers.label("cluster", path)):
        try:
            spec = ClusterFile.model_validate(data)
        except ValidationError as error:
            raise InvalidScenario(sentence(error)) from None
        return build_cluster(spec, path.stem)
