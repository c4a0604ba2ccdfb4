"""Going on without a worker that failed: the others pause, take over its work, and go on."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from realrun.controller import LOOK_S, RELOAD_S, readable
from realrun.plan import make_plan
from realrun.pool import WorkerFailed
from realrun.recovery import lost_work, replanned

if TYPE_CHECKING:
    from realrun.controller import Controller
    from simulator.allocation import Allocation
    from simulator.arrays import IntArray
    from simulator.problem import Problem
    from simulator.realisation import Realisation

LEAVING = ("died", "hung", "memory")
"""Failures of a worker that others can make up for; an error of a module is not one."""

Replan = Callable[["Problem", "Allocation", int], "Allocation"]


class Survivors:
    """What is done about the failures of one run.

    Parameters
    ----------
    problem : Problem
    allocation : Allocation
    realisation : Realisation
    tolerate : bool
        Whether to go on at all.
    replan : function of (problem, allocation, failed node), or None

    Attributes
    ----------
    allocation : Allocation
        By which the survivors work now.
    failures : list of dict
        Worker, why, at_s, taken_over, redone (executions that had ended and are done once more),
        took_s.
    """

    def __init__(
        self,
        problem: Problem,
        allocation: Allocation,
        realisation: Realisation,
        tolerate: bool,
        replan: Replan | None,
    ):
        self.problem, self.allocation, self.realisation = problem, allocation, realisation
        self.tolerate, self.replan = tolerate, replan
        self.failures: list[dict[str, Any]] = []
        self._asked: set[int] = set()
        self._paused: dict[int, dict[str, Any]] = {}
        self._epoch = 0

    def make_up_for(self, run: Controller, error: WorkerFailed) -> None:
        """Go on without a worker.

        Raises
        ------
        WorkerFailed
            That is not wanted, or not possible.
        """
        if not self.tolerate or error.kind not in LEAVING:
            raise error
        if run.ended_at == math.inf:
            self._recover(run, error)
            return
        # Everything is answered; only what the worker noted of its messages is missing.
        run.workers.kill(error.worker)
        run.clerk.workers.discard(error.worker)
        self._note(run, {error.worker: str(error)}, np.empty((0, 2), dtype=np.int64), 0.0)

    def _recover(self, run: Controller, first: WorkerFailed) -> None:
        """Put the work of a worker onto the others."""
        run.workers.kill(first.worker)
        failed = {first.worker: str(first)}
        while True:
            try:
                self._continue_without(run, failed)
                return
            except WorkerFailed as error:  # another one while the first was being dealt with
                if error.worker < 0 or error.kind not in LEAVING:
                    raise
                run.workers.kill(error.worker)
                run.failed.add(error.worker)
                failed[error.worker] = str(error)

    def _pause(self, run: Controller, workers: Sequence[int]) -> None:
        """Have workers stop between two tasks and say what they lack; once, whatever fails then."""
        for i in workers:
            if i not in self._asked and i not in self._paused:
                run.workers.ask(i, "pause")
                self._asked.add(i)
        for i in workers:
            if i not in self._paused:
                self._paused[i] = self._hear_from(run, i)
                self._asked.discard(i)

    def _hear_from(self, run: Controller, worker: int) -> dict[str, Any]:
        """The answer of a worker that may be in the middle of a task, or may hang."""
        while not readable([run.workers.channel(worker)], LOOK_S):
            run.clerk.hear()
            if hung := run.silence(worker):
                raise hung
        return run.workers.answer(worker)

    def _continue_without(self, run: Controller, failed: Mapping[int, str]) -> None:
        began = time.monotonic()
        clerk, workers = run.clerk, run.workers
        run.clerk.hear()  # what the failed ones told before is true
        alive = sorted(clerk.workers - set(failed))
        if not alive:
            raise WorkerFailed(f"no worker is left: {'; '.join(failed.values())}")
        self._pause(run, alive)
        run.clerk.hear()
        allocation = replanned(self.problem, self.allocation, set(failed), alive, self.replan)
        plan = make_plan(
            self.problem, allocation, self.realisation, input_seed=run.plan.input_seed,
            emulate=run.plan.pad, retain=True, keep_outputs=run.plan.keep_outputs,
        )  # fmt: skip
        plan.arrival[:] = run.plan.arrival
        missing = np.concatenate([self._paused[i]["missing"] for i in alive])
        wanted = ~clerk.settled[missing[:, 0]]
        absent = np.concatenate([self._paused[i]["absent"] for i in alive])
        todo = lost_work(run.plan, set(failed), missing[wanted], clerk.done, absent)
        self._epoch += 1
        for i in alive:
            self._paused.pop(i)
            workers.ask(i, "resume", plan=plan.to_dict(), epoch=self._epoch, todo=todo,
                        settled=clerk.settled)  # fmt: skip
        run.plan = clerk.plan = plan
        self.allocation = allocation
        clerk.epoch, clerk.workers = self._epoch, set(alive)
        clerk.ended.clear()
        now = time.monotonic()
        run.grace_until = now + RELOAD_S
        self._note(run, failed, todo, now - began)

    def _note(
        self, run: Controller, failed: Mapping[int, str], todo: IntArray, took_s: float
    ) -> None:
        """Add to the facts; `redone`: how many executions that had ended are done once more."""
        did = {(int(r), int(t)) for log in run.workers.logs for r, t in log.rows[:, :2]}
        redone = sum((int(r), int(t)) in did for r, t in todo)
        for i, why in failed.items():
            self.failures.append(
                {
                    "worker": run.workers.specs[i].name, "why": why,
                    "at_s": time.monotonic() - run.clerk.zero,
                    "taken_over": len(todo), "redone": redone, "took_s": took_s,
                }
            )  # fmt: skip
