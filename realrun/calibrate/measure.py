"""Calibrate: profile models, measure overheads and links, harvest pipelines, predict the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from realrun.calibrate import machine as machines
from realrun.calibrate import machinery, resources, sharing
from realrun.calibrate.calibration import Calibration, Entry, LinkTime, Overheads
from realrun.calibrate.entries import measured, pooled, predicted, runs_on
from realrun.calibrate.harvest import Key, Sample, harvest, summarised
from realrun.calibrate.journal import Journal
from realrun.calibrate.remarks import unsteady
from realrun.partition.reference import is_stage
from simulator.problem import Problem
from simulator.workload import Stream

if TYPE_CHECKING:
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
    entries = measured(looped, samples, predict)
    entries += predicted(workers, journal, run.step, entries, run.wanted, predict)
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
        self._steps += len(machinery.slotted(self.workers)) + self._meets(links)
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
            if model not in predict and (":" not in model or is_stage(model))
        ]

    def profile(self, journal: Journal, predict: Sequence[str]) -> dict[Key, Sample]:
        """Time every model in a loop on every worker, in interleaved rounds."""
        found: dict[Key, list[float]] = {}
        for turn in range(self.rounds):
            for model, batch in self._cases(predict):
                self.step(f"{model}, batch {batch}, round {turn + 1}")
                for i, spec in enumerate(self.workers.specs):
                    if not runs_on(model, spec):
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

    # ----- overheads ---------------------------------------------------------------------------
    def overheads(
        self, journal: Journal, links: bool
    ) -> tuple[dict[str, Overheads], tuple[LinkTime, ...]]:
        """Dispatch, send, wake, links and co-run tables."""
        specs = self.workers.specs
        found: list[Overheads] = [Overheads() for _ in specs]
        times = tuple(machinery.free_links([spec.name for spec in specs]))
        if links:
            found, times, late = machinery.messages(self.workers, journal, self.step)
            self.noted["late_s"] = late

        def cases(worker: int) -> list[tuple[str, int]]:
            mine = [m for m, _ in self._cases(()) if runs_on(m, specs[worker])]
            return [(m, self.wanted[m][0]) for m in mine]

        return machinery.with_corun(self.workers, journal, self.step, found, cases), times

    # ----- pipelines ---------------------------------------------------------------------------
    def harvest(
        self,
        journal: Journal,
        wanted: bool,
        leave_out: Sequence[str],
        looped: Mapping[Key, Sample],
    ) -> tuple[dict[Key, Sample], dict[str, list[dict[str, Any]]]]:
        """Durations in pipelines, pooled over pipelines that share a model."""
        found: dict[Key, list[Sample]] = {}
        training: dict[str, list[dict[str, Any]]] = {}
        for name in self.pipelines:
            if not wanted or name in leave_out:
                continue
            self.step(f"training allocations of {name}")
            raw = journal.step(f"harvest {name}", partial(self._harvest, name, looped))
            training[name] = raw["allocations"]
            for model, node, batch, *values in raw["samples"]:
                found.setdefault((model, node, batch), []).append(Sample(*values))
        return {key: pooled(same) for key, same in found.items()}, training

    def _harvest(self, name: str, looped: Mapping[Key, Sample]) -> dict[str, Any]:
        problem = self.problem(name, looped)
        samples, allocations = harvest(
            self.workers, problem, TRAINING, TRAINING_REQUESTS, self.seed
        )
        rows = [[*key, s.seconds, s.spread, s.n] for key, s in samples.items()]
        return {"samples": rows, "allocations": allocations}

    def problem(self, name: str, looped: Mapping[Key, Sample]) -> Problem:
        """One pipeline with what is known so far; own modules count as a millisecond."""
        entries = [Entry(*key, s.seconds) for key, s in looped.items()]
        known = {(e.model, e.node) for e in entries}
        for model, sizes in self.wanted.items():
            for spec in self.workers.specs:
                if (model, spec.name) not in known and runs_on(model, spec):
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


__all__ = ["calibrate"]
