"""From measurements to a calibration's durations: harvested, profiled or predicted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from realrun import models
from realrun.calibrate import counting
from realrun.calibrate.calibration import Entry
from realrun.calibrate.harvest import Key, Sample, scaled
from realrun.calibrate.journal import Journal
from realrun.calibrate.predict import fit
from realrun.programs import split_reference
from simulator.errors import AlloclabError

if TYPE_CHECKING:
    from realrun.devices import WorkerSpec
    from realrun.pool import Workers


def pooled(samples: Sequence[Sample]) -> Sample:
    """Samples of several pipelines as one, weighted by how many executions each saw."""
    n = sum(s.n for s in samples)
    seconds = sum(s.seconds * s.n for s in samples) / n
    return Sample(seconds, max(s.spread for s in samples), n)


def measured(
    looped: Mapping[Key, Sample], samples: Mapping[Key, Sample], predict: Sequence[str]
) -> list[Entry]:
    """Harvested where seen, else profiled and slowed like the others of the node.

    Parameters
    ----------
    looped : mapping of (model, node, batch) to seconds in a loop
    samples : the same, in pipelines
    predict : models that must not be known from measurements, even where they ran in a pipeline
    """
    loops = {key: s.seconds for key, s in looped.items()}
    slowed = scaled(loops, samples)
    out = []
    for key in dict.fromkeys([*looped, *samples]):
        if key[0] in predict:
            continue
        loop, seen = looped.get(key), samples.get(key)
        if seen is not None:
            out.append(Entry(*key, seen.seconds, seen.spread, seen.n, "harvested", loops.get(key)))
        elif loop is not None:
            seconds = slowed.get(key, loop.seconds)
            out.append(Entry(*key, seconds, loop.spread, loop.n, "profiled", loop.seconds))
    return out


def predicted(
    workers: Workers,
    journal: Journal,
    step: Callable[[str], None],
    known: Sequence[Entry],
    wanted: Mapping[str, Sequence[int]],
    predict: Sequence[str],
) -> list[Entry]:
    """Durations of models that were not measured, from the work of those that were.

    Parameters
    ----------
    workers, journal, step : see `realrun.calibrate.measure`
    known : entries measured
    wanted : mapping of model to batch sizes
    predict : models to predict whether known or not

    Raises
    ------
    AlloclabError
        A model that is not in the catalogue.
    """
    names = {*predict} | {m for m in wanted if ":" not in m} - {e.model for e in known}
    out = []
    for i, spec in enumerate(workers.specs):
        missing = [m for m in sorted(names) if runs_on(m, spec)]
        if not missing:
            continue
        mine = [e for e in known if e.node == spec.name and ":" not in e.model]
        step(f"modules to predict from on {spec.name}")
        found = fit(
            [(_work(e.model, e.batch), e.seconds) for e in mine], _support(workers, journal, i)
        )
        for model in missing:
            if split_reference(model)[0] not in models.MODELS:
                raise AlloclabError(f"model {model!r} cannot be predicted: nobody counted it")
            for batch in wanted.get(model, [1]):
                seconds = found.seconds(_work(model, batch))
                out.append(Entry(model, spec.name, batch, seconds, 0.0, 0, "predicted"))
    return out


def runs_on(model: str, spec: WorkerSpec) -> bool:
    """Whether a model is offered on a worker: a CPU does without fp16."""
    return not (spec.kind == "cpu" and split_reference(model)[1] == "fp16")


def _support(
    workers: Workers, journal: Journal, worker: int
) -> list[tuple[Mapping[str, float], float]]:
    """Work and seconds of the basis on one worker."""
    out = []
    for case, work in counting.of_basis().items():
        probe = partial(_time_basis, workers, worker, case)
        values = journal.step(f"basis {case} {workers.specs[worker].name}", probe)
        out.append((work, float(np.median(values))))
    return out


def _time_basis(workers: Workers, worker: int, case: str) -> list[float]:
    answer = workers.call(worker, "realrun.calibrate.probes:time_basis", name=case)
    return [float(x) for x in answer["seconds"]]


def _work(model: str, batch: int) -> Mapping[str, float]:
    return counting.of_model(split_reference(model)[0], batch)
