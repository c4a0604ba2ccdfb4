"""Calibrate: profile models, measure overheads and links, harvest pipelines, predict the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from realrun import models
from realrun.calibrate import counting, resources, sharing
from realrun.calibrate import machine as machines
from realrun.calibrate import overheads as work
from realrun.calibrate.calibration import Calibration, Entry, LinkTime, Overheads
from realrun.calibrate.harvest import Key, Sample, harvest, scaled, summarised
from realrun.calibrate.journal import Journal
from realrun.calibrate.predict import fit
from realrun.calibrate.remarks import unsteady
from realrun.programs import split_reference
from simulator.errors import AlloclabError
from simulator.problem import Problem
from simulator.workload import Stream

if TYPE_CHECKING:
    from realrun.devices import WorkerSpec
    from realrun.pool import Workers

TRAINING = 6
TRAINING_REQUESTS = 5
"""In each of the passes over the training allocations."""

Watch = Callable[[int, int, str], None]


def calibrate(
    workers: Workers,
    pipelines: Mapping[str, Sequence[Stream]],
    *,
    batches: Sequence[int] = (),
    rounds: int = 3,
    harvesting: bool = True,
    leave_out: Sequence[str] = (),
    links: bool = True,
    predict: Sequence[str] = (),
    seed: int = 0,
    path: Path | None = None,
    watch: Watch = lambda done, of, label: None,
) -> Calibration:
    """Measure workers for some pipelines.

    Parameters
    ----------
    workers : Workers
    pipelines : mapping of name to streams
    batches : sequence of int
        Batch sizes to profile beside those that the streams have.
    rounds : int
        Rounds over all models, interleaved, so that a disturbance hits all alike.
    harvesting : bool
        Run training allocations of every pipeline and take the durations from there.
    leave_out : names of pipelines that are not harvested
    links : bool
        Measure overheads and links; otherwise they count as nothing.
    predict : references of models to predict instead of measuring them
    seed : int
        Of the training allocations.
    path : Path or None
        Where the calibration will go; what is measured is kept beside it until it is complete, and
        the same call goes on from there after an interruption.
    watch : function of (steps done, steps in all, what comes next)

    Returns
    -------
    Calibration
    """
    run = _Run(workers, pipelines, tuple(batches), rounds, seed, watch)
    journal = Journal(_beside(path), run.settings(harvesting, leave_out, links, predict))
    run.plan(harvesting, leave_out, links, predict)
    reference = run.reference(journal)
    looped = run.profile(journal, predict)
    overheads, link_times = run.overheads(journal, links)
    overheads, memory_facts = run.resources(journal, overheads)
    network = run.network(journal, links)
    samples, training = run.harvest(journal, harvesting, leave_out, looped)
    entries = run.entries(journal, looped, samples, predict)
    facts = machines.facts() | {
        "rounds": rounds, "seed": seed, "pipelines": sorted(pipelines),
        "reference_matmul_s": reference, "memory": memory_facts, **run.noted,
        "remarks": [*run.remarks, *unsteady(entries)],
    }  # fmt: skip
    machine = machines.fingerprint() | {"devices": resources.devices(workers, journal)}
    found = Calibration(
        workers=workers.specs, entries=tuple(entries), overheads=overheads, links=link_times,
        network=network,
        transport=workers.transport_name, machine=machine, facts=facts, training=training,
        left_out=tuple(run.left_out),
    )  # fmt: skip
    if path is not None:
        found.save(path)
    journal.done()
    return found


def _beside(path: Path | None) -> Path | None:
    return None if path is None else path.with_name(path.name + ".partial")


class _Run:
    """One call of `calibrate`."""

    def __init__(
        self,
        workers: Workers,
        pipelines: Mapping[str, Sequence[Stream]],
        batches: tuple[int, ...],
        rounds: int,
        seed: int,
        watch: Watch,
    ):
        self.workers, self.pipelines, self.rounds = workers, pipelines, rounds
        self.seed, self._watch = seed, watch
        self.left_out: list[str] = []
        self.remarks: list[str] = []
        self.noted: dict[str, Any] = {}
        self._done, self._steps = 0, 1
        wanted: dict[str, set[int]] = {}
        for streams in pipelines.values():
            for stream in streams:
                for task in stream.graph.tasks:
                    for variant in task.variants:
                        if variant.module is not None:
                            wanted.setdefault(variant.module, set()).update(
                                {stream.batch, *batches}
                            )
        self.wanted = {model: sorted(sizes) for model, sizes in sorted(wanted.items())}

    def settings(self, *choices: Any) -> dict[str, Any]:
        """What must agree for an interrupted calibration to be gone on with."""
        return {
            "workers": [str(s) for s in self.workers.specs],
            "transport": self.workers.transport_name,
            "models": self.wanted,
            "pipelines": sorted(self.pipelines),
            "rounds": self.rounds,
            "seed": self.seed,
            "choices": [list(c) if isinstance(c, tuple | list) else c for c in choices],
            "machine": machines.fingerprint(),
        }

    def plan(
        self, harvesting: bool, leave_out: Sequence[str], links: bool, predict: Sequence[str]
    ) -> None:
        """Count the steps, for progress."""
        nodes = len(self.workers.specs)
        self._steps = self.rounds * len(self._cases(predict)) + 2
        self._steps += nodes + nodes * (nodes - 1) // 2 if links else 0
        self._steps += len(self._slotted()) + self._meets(links)
        self._steps += sum(p not in leave_out for p in self.pipelines) if harvesting else 0

    def step(self, label: str) -> None:
        """Say what comes next."""
        self._watch(self._done, self._steps, label)
        self._done += 1

    # ----- the machine -------------------------------------------------------------------------
    def reference(self, journal: Journal) -> dict[str, float]:
        """Seconds of the reference product on every worker."""
        self.step("reference products")
        return resources.reference(self.workers, journal)

    def resources(
        self, journal: Journal, overheads: Mapping[str, Overheads]
    ) -> tuple[dict[str, Overheads], dict[str, dict[str, float]]]:
        """The overheads with memory and watts, and what of the memory is used."""
        self.step("memory and watts")
        found, used, lacking = resources.measure(self.workers, journal, overheads)
        if lacking is not None:
            self._leave(lacking)
        return found, used

    def _meets(self, links: bool) -> bool:
        """Whether messages take time in which they can meet others."""
        far = self.workers.transport_name != "shared"
        return links and far and len(self.workers.specs) > 1

    def network(self, journal: Journal, links: bool) -> str:
        """The rules that concurrent messages follow."""
        if self.workers.transport_name == "shared":
            return "ideal"
        if not self._meets(links):
            return "fifo"
        self.step("two messages at once")
        raw = journal.step("sharing", partial(sharing.measure, self.workers))
        apart = (raw["apart"][0], raw["apart"][1]) if "apart" in raw else None
        found = sharing.decide(raw["alone"][0], (raw["together"][0], raw["together"][1]), apart)
        self.noted["sharing"] = {**raw, "misfit": found.misfit}
        if found.sender_shared:
            self.remarks.append(
                "messages from one sender to two receivers slow each other down, which links of "
                "pairs of workers do not tell"
            )
        return found.network

    # ----- models ------------------------------------------------------------------------------
    def _cases(self, predict: Sequence[str]) -> list[tuple[str, int]]:
        return [
            (model, batch)
            for model, sizes in self.wanted.items()
            for batch in sizes
            if model not in predict and ":" not in model
        ]

    def runs_on(self, model: str, spec: WorkerSpec) -> bool:
        """Whether a model is offered on a worker: a CPU does without fp16."""
        return not (spec.kind == "cpu" and split_reference(model)[1] == "fp16")

    def profile(self, journal: Journal, predict: Sequence[str]) -> dict[Key, Sample]:
        """Time every model in a loop on every worker, in interleaved rounds."""
        found: dict[Key, list[float]] = {}
        for turn in range(self.rounds):
            for model, batch in self._cases(predict):
                self.step(f"{model}, batch {batch}, round {turn + 1}")
                for i, spec in enumerate(self.workers.specs):
                    if not self.runs_on(model, spec):
                        self._leave(f"{model} on {spec.name}: fp16 is not run on CPUs")
                        continue
                    key = f"profile {model} {batch} {spec.name} {turn}"
                    values = journal.step(key, partial(self._time, i, model, batch))
                    found.setdefault((model, spec.name, batch), []).extend(values)
        return {key: summarised(values) for key, values in found.items()}

    def _time(self, worker: int, model: str, batch: int) -> list[float]:
        answer = self.workers.call(
            worker, "realrun.calibrate.probes:time_model", model=model, batch=batch
        )
        return [float(x) for x in answer["seconds"]]

    def _leave(self, text: str) -> None:
        if text not in self.left_out:
            self.left_out.append(text)

    def _slotted(self) -> list[int]:
        return [i for i, spec in enumerate(self.workers.specs) if spec.slots > 1]

    # ----- overheads ---------------------------------------------------------------------------
    def overheads(
        self, journal: Journal, links: bool
    ) -> tuple[dict[str, Overheads], tuple[LinkTime, ...]]:
        """Dispatch, send, wake, links and co-run tables."""
        names = [spec.name for spec in self.workers.specs]
        n = len(names)
        found = [Overheads() for _ in names]
        # Under `ideal` a link must have some bandwidth; these cost less than a nanosecond.
        times = [LinkTime(a, b, 0.0, 1e15) for a in names for b in names if a != b]
        if links:
            dispatch = []
            for i in range(n):
                self.step(f"overheads of {names[i]}")
                dispatch.append(
                    journal.step(
                        f"dispatch {names[i]}",
                        partial(work.measure_dispatch, self.workers, i),
                    )
                )
            pairs = {}
            for a in range(n):
                for b in range(a + 1, n):
                    self.step(f"messages between {names[a]} and {names[b]}")
                    raw = journal.step(
                        f"pair {names[a]} {names[b]}",
                        partial(self._pair, a, b),
                    )
                    pairs[a, b] = {k: np.asarray(v) for k, v in raw.items()}
            late = [float(v["late_s"].max()) for v in pairs.values() if "late_s" in v]
            self.noted["late_s"] = max(late, default=0.0)
            found = work.overheads_of(dispatch, pairs, n)
            times = work.links_of(names, pairs) if pairs else times
        for i in self._slotted():
            found[i] = replace(found[i], corun=tuple(self._corun(journal, i)))
        return dict(zip(names, found, strict=True)), tuple(times)

    def _pair(self, a: int, b: int) -> dict[str, list[list[float]]]:
        found = work.measure_pair(self.workers, (a, b))
        return {key: values.tolist() for key, values in found.items()}

    def _corun(self, journal: Journal, worker: int) -> list[float]:
        """Slow-down with 1, 2, ... executions at once, the median over models."""
        spec = self.workers.specs[worker]
        self.step(f"{spec.slots} executions at once on {spec.name}")
        models_here = [m for m, b in self._cases(()) if self.runs_on(m, spec)]

        def table() -> list[float]:
            times = [
                [
                    self.workers.call(
                        worker, "realrun.calibrate.probes:time_together",
                        model=model, batch=self.wanted[model][0], copies=copies,
                    )
                    for copies in range(1, spec.slots + 1)
                ]
                for model in models_here[:4]
            ]  # fmt: skip
            ratios = np.asarray([np.asarray(row) / row[0] for row in times])
            return [float(x) for x in np.maximum(np.median(ratios, axis=0), 1.0)]

        return list(journal.step(f"corun {spec.name}", table)) if models_here else [1.0]

    # ----- pipelines ---------------------------------------------------------------------------
    def harvest(
        self,
        journal: Journal,
        wanted: bool,
        leave_out: Sequence[str],
        looped: Mapping[Key, Sample],
    ) -> tuple[dict[Key, Sample], dict[str, list[dict[str, Any]]]]:
        """Durations in pipelines, pooled over pipelines that share a model."""
        pooled: dict[Key, list[Sample]] = {}
        training: dict[str, list[dict[str, Any]]] = {}
        for name in self.pipelines:
            if not wanted or name in leave_out:
                continue
            self.step(f"training allocations of {name}")
            raw = journal.step(f"harvest {name}", partial(self._harvest, name, looped))
            training[name] = raw["allocations"]
            for model, node, batch, *values in raw["samples"]:
                pooled.setdefault((model, node, batch), []).append(Sample(*values))
        return {key: _pool(found) for key, found in pooled.items()}, training

    def _harvest(self, name: str, looped: Mapping[Key, Sample]) -> dict[str, Any]:
        problem = self.problem(name, looped)
        samples, allocations = harvest(
            self.workers, problem, TRAINING, TRAINING_REQUESTS, self.seed
        )
        rows = [[*key, s.median, s.spread, s.n] for key, s in samples.items()]
        return {"samples": rows, "allocations": allocations}

    def problem(self, name: str, looped: Mapping[Key, Sample]) -> Problem:
        """One pipeline with what is known so far; own modules count as a millisecond."""
        entries = [Entry(*key, s.median) for key, s in looped.items()]
        known = {(e.model, e.node) for e in entries}
        for model, sizes in self.wanted.items():
            for spec in self.workers.specs:
                if (model, spec.name) not in known and self.runs_on(model, spec):
                    entries += [Entry(model, spec.name, b, 1e-3) for b in sizes]
        links = tuple(
            LinkTime(a.name, b.name, 0.0, 1e12)
            for a in self.workers.specs for b in self.workers.specs if a != b
        )  # fmt: skip
        rough = Calibration(self.workers.specs, tuple(entries), links=links)
        return Problem(
            cluster=rough.cluster(), streams=rough.streams(self.pipelines[name]),
            network="ideal", dispatch="greedy", name=name,
        )  # fmt: skip

    # ----- result ------------------------------------------------------------------------------
    def entries(
        self,
        journal: Journal,
        looped: Mapping[Key, Sample],
        samples: Mapping[Key, Sample],
        predict: Sequence[str],
    ) -> list[Entry]:
        """Harvested where seen, else profiled (slowed like the others), else predicted."""
        loops = {key: s.median for key, s in looped.items()}
        slowed = scaled(loops, samples)
        out = []
        for key in dict.fromkeys([*looped, *samples]):
            if key[0] in predict:  # it ran in a pipeline, but must not be known from there
                continue
            loop, seen = looped.get(key), samples.get(key)
            if seen is not None:
                out.append(
                    Entry(*key, seen.median, seen.spread, seen.n, "harvested", loops.get(key))
                )
            elif loop is not None:
                seconds = slowed.get(key, loop.median)
                out.append(Entry(*key, seconds, loop.spread, loop.n, "profiled", loop.median))
        return out + self._predicted(journal, out, predict)

    def _predicted(
        self, journal: Journal, known: Sequence[Entry], predict: Sequence[str]
    ) -> list[Entry]:
        names = {*predict} | {m for m in self.wanted if ":" not in m} - {e.model for e in known}
        out = []
        for i, spec in enumerate(self.workers.specs):
            missing = [m for m in sorted(names) if self.runs_on(m, spec)]
            if not missing:
                continue
            mine = [e for e in known if e.node == spec.name and ":" not in e.model]
            found = fit([(_work(e.model, e.batch), e.seconds) for e in mine],
                        self._support(journal, i))  # fmt: skip
            for model in missing:
                if split_reference(model)[0] not in models.MODELS:
                    raise AlloclabError(f"model {model!r} cannot be predicted: nobody counted it")
                for batch in self.wanted.get(model, [1]):
                    seconds = found.seconds(_work(model, batch))
                    out.append(Entry(model, spec.name, batch, seconds, 0.0, 0, "predicted"))
        return out

    def _support(self, journal: Journal, worker: int) -> list[tuple[Mapping[str, float], float]]:
        """Work and seconds of the basis on one worker."""
        name = self.workers.specs[worker].name
        self.step(f"modules to predict from on {name}")
        out = []
        for case, work_ in counting.of_basis().items():
            probe = partial(self._time_basis, worker, case)
            values = journal.step(f"basis {case} {name}", probe)
            out.append((work_, float(np.median(values))))
        return out

    def _time_basis(self, worker: int, case: str) -> list[float]:
        answer = self.workers.call(worker, "realrun.calibrate.probes:time_basis", name=case)
        return [float(x) for x in answer["seconds"]]


def _work(model: str, batch: int) -> Mapping[str, float]:
    return counting.of_model(split_reference(model)[0], batch)


def _pool(samples: Sequence[Sample]) -> Sample:
    """Samples of several pipelines as one, weighted by how many executions each saw."""
    n = sum(s.n for s in samples)
    median = sum(s.median * s.n for s in samples) / n
    return Sample(median, max(s.spread for s in samples), n)


__all__ = ["calibrate"]
