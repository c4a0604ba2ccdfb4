"""Finds and reads study files; every error names the file and the field."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scenarios import layers
from scenarios.messages import at, sentence, show, within
from scenarios.study.schema import HEADER, VERSION, StudyFile
from simulator.errors import InvalidScenario, UnknownName, nearest, unknown

STUDIES = Path(__file__).parents[1] / "studies"


@dataclass(frozen=True)
class Study:
    """A study as its file says it, checked.

    Parameters
    ----------
    name, description : str
    scenarios : tuple of str or dict
        References, or ``{"generate": {...}, "label": str or None}``.
    points : tuple of dict
        Parameter -> value, one for every point; one empty point without parameters.
    parameters : tuple of str
        Names of all parameters.
    schedulers : tuple of str
        Specs in their shortest form.
    seeds : tuple of int
    seconds, evaluations : budget of each search, or None
    metrics : tuple of str
        Those that summaries show; rows have all.
    engine : {"auto", "reference", "kernel"}
    text : str
        The file as it was given.
    source : str
        Its name, for messages.
    folder : Path
        Where file names in it start from.
    """

    name: str
    description: str
    scenarios: tuple[Any, ...]
    points: tuple[dict[str, Any], ...]
    parameters: tuple[str, ...]
    schedulers: tuple[str, ...]
    seeds: tuple[int, ...]
    seconds: float | None
    evaluations: int | None
    metrics: tuple[str, ...]
    engine: str
    text: str
    source: str
    folder: Path

    @property
    def reproducible(self) -> bool:
        """Whether the same study gives the same rows: not with budgets in seconds."""
        return self.seconds is None


def names() -> list[str]:
    """Names of the studies that come along, sorted."""
    return sorted(path.stem for path in STUDIES.glob("*.yaml"))


def load(name_or_path: str | Path) -> Study:
    """Load a study.

    Parameters
    ----------
    name_or_path : str or Path
        A built-in name or a study file.

    Raises
    ------
    UnknownName, InvalidScenario
        Whatever is wrong with the file, in one sentence.
    """
    from scenarios.reading import read_text

    path = _locate(str(name_or_path))
    where = path.stem if path.parent == STUDIES else str(path)
    return parse(read_text(path), where, path.parent)


def parse(text: str, source: str = "study", folder: Path | None = None) -> Study:
    """Build a study from the text of a file.

    Parameters
    ----------
    source : str
        Stands for the file name in messages.
    folder : Path or None
        Where file names in it start from; default the current folder.

    Raises
    ------
    UnknownName, InvalidScenario
    """
    from pydantic import ValidationError

    from scenarios.yamlsafe import parse_yaml

    with within(source):
        data = parse_yaml(text, source)
        _check_header(data)
        try:
            spec = StudyFile.model_validate(data)
        except ValidationError as error:
            raise InvalidScenario(sentence(error)) from None
        return _study(spec, text, source, folder or Path())


def _study(spec: StudyFile, text: str, source: str, folder: Path) -> Study:
    from scenarios.rows import specs_of
    from scenarios.study.points import names_of, points_of
    from schedulers import make
    from schedulers.registry import spec_of

    with at("schedulers"):
        schedulers = tuple(spec_of(make(each)) for each in specs_of(spec.schedulers))
        named = [s.strip() for s in spec.schedulers]  # word for word: a slip of the pen
        twice = next((s for s in named if named.count(s) > 1), None)
        if twice is not None:
            raise InvalidScenario(f"{twice!r} is named twice")
    with at("parameters"):
        points = points_of(spec.parameters)
        parameters = names_of(spec.parameters)
    seeds = tuple(range(spec.seeds)) if isinstance(spec.seeds, int) else tuple(spec.seeds)
    if len(set(seeds)) < len(seeds):
        raise InvalidScenario("seeds: one of them stands twice")
    budget = spec.budget
    return Study(
        name=spec.name,
        description=" ".join(spec.description.split()),
        scenarios=tuple(x if isinstance(x, str) else x.model_dump() for x in spec.scenarios),
        points=tuple(points),
        parameters=parameters,
        schedulers=schedulers,
        seeds=seeds,
        seconds=budget.seconds if budget else None,
        evaluations=budget.evaluations if budget else None,
        metrics=tuple(spec.metrics),
        engine=spec.engine,
        text=text,
        source=source,
        folder=folder,
    )


def _locate(reference: str) -> Path:
    if reference in names():
        return STUDIES / f"{reference}.yaml"
    path = Path(reference)
    try:
        if layers.is_path(reference) or path.is_file():
            return path
    except (OSError, ValueError):
        pass
    error = unknown("study", reference, names())
    raise UnknownName(f"{error}; a file is named with its path or its ending .yaml")


def _check_header(data: Any) -> None:
    """Refuse what is no study before its fields are looked at."""
    if not isinstance(data, dict):
        raise InvalidScenario(f"expected a study that begins with '{HEADER}: 1', got {show(data)}")
    if HEADER not in data:
        close = [key for key in data if nearest(key, [HEADER])]
        hint = f", did you mean it by {show(close[0])}?" if close else ""
        what = "; this is a scenario file" if "alloclab" in data and "streams" in data else ""
        raise InvalidScenario(
            f"the key '{HEADER}' is missing{hint}{what}; "
            f"a study file must say '{HEADER}: {VERSION}'"
        )
    if isinstance(data[HEADER], bool) or data[HEADER] != VERSION:
        raise InvalidScenario(
            f"{HEADER}: format version {show(data[HEADER])} is not known, this alloclab reads "
            f"version {VERSION}"
        )
