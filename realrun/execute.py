"""Run an allocation for real: plan, load, start together, wait, and hand back a trace.

What comes back is the simulator's own `Trace`, so that metrics, charts, certificates and
comparisons are those of simulated runs.
"""

from __future__ import annotations

import contextlib
import math
import select
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from realrun.clerk import Clerk, Outputs
from realrun.plan import RunPlan, make_plan
from realrun.pool import WorkerFailed
from realrun.worker.log import COLUMNS
from simulator.errors import InvalidAllocation, Unsupported
from simulator.luck import draw

if TYPE_CHECKING:
    from realrun.pool import Workers
    from simulator.allocation import Allocation
    from simulator.arrays import IntArray
    from simulator.problem import Problem
    from simulator.realisation import Realisation
    from simulator.trace import Trace

HEAD_START_S = 0.03
"""Between the last worker's word that it is ready and the common start."""
SILENT_S = 3.0
"""An idle worker that gives no sign for so long hangs."""
BUSY_S, BUSY_FACTOR = 20.0, 50.0
"""A task hangs after this, and after so many times its planned duration."""
LOOK_S = 0.2
"""How often the controller looks whether workers are alive."""
LEAVING = ("died", "hung", "memory")
"""Failures of a worker that others can make up for; an error of a module is not one."""
BREAK_OFF_S = 5.0
"""Time that workers have to become idle when a run is broken off."""
RELOAD_S = 60.0
"""Time that workers may take to load what they take over from a failed one."""
_OBSERVED = (
    "cpu_s", "compute_s", "compute_wall_s", "minor_faults", "switches", "bytes_sent", "worker",
)  # fmt: skip
STATE_NAMES = {4: "skipped", 5: "cancelled"}

Replan = Callable[["Problem", "Allocation", int], "Allocation"]


@dataclass(frozen=True)
class RealRun:
    """One real run.

    Parameters
    ----------
    trace : Trace
        Measured; `trace.observed` has (R, T) arrays: ``cpu_s`` (CPU seconds of the slot's thread
        in the whole hold), ``compute_s`` (in the module alone), ``compute_wall_s`` (the same by the
        wall clock), ``minor_faults``, ``switches``
        (involuntary), ``bytes_sent``, ``worker`` (which executed it; differs from the allocation
        after a failure).
    outputs : mapping of (request, task name) to mapping of tensor name to array
        Of exit tasks, where they were asked for.
    facts : mapping
        ``late_start_s``: the latest worker's; ``transport``; ``emulated``; ``load_s``;
        ``failures``: what happened to workers; ``answered_twice``.
    """

    trace: Trace
    outputs: Outputs = field(default_factory=dict, repr=False)
    facts: Mapping[str, Any] = field(default_factory=dict)


def execute(
    problem: Problem,
    allocation: Allocation,
    workers: Workers,
    realisation: Realisation | None = None,
    seed: int = 0,
    *,
    keep_outputs: bool = False,
    emulate: bool = False,
    tolerate_failures: bool = False,
    replan: Replan | None = None,
    input_seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
    watch: Callable[[Clerk], None] | None = None,
) -> RealRun:
    """Execute an allocation on real workers.

    Parameters
    ----------
    problem : Problem
        Its nodes are the workers, in their order.
    realisation : Realisation or None
        Arrivals, sizes and branches; None draws those of the `test` family for `seed`.
    keep_outputs : bool
        Bring the outputs of exit tasks back.
    emulate : bool
        Pad every task to its planned duration and delay every message as the planned links
        would; the run then says how well the engine and the runtime agree, not how fast this
        machine is.
    tolerate_failures : bool
        When a worker dies, hangs or runs out of memory, put its work onto the others and go on;
        otherwise the run ends with an error.
    replan : function of (problem, allocation, failed node) or None
        The new allocation, in which only tasks of the failed node have moved; None moves them
        greedily.
    progress : function of (requests over, requests)
    watch : function of the clerk, called now and then during the run

    Returns
    -------
    RealRun

    Raises
    ------
    InvalidAllocation, Unsupported
    WorkerFailed
        A worker failed and that is not tolerated, or none is left.
    """
    _check_workers(problem, workers)
    if not workers.is_local and (tolerate_failures or emulate):
        raise Unsupported(
            "between hosts, failures are not survived and links are not emulated; leave out "
            "tolerate_failures and emulate"
        )
    workers.ensure()
    if realisation is None:
        realisation = draw(problem, seed)
    plan = make_plan(
        problem, allocation, realisation,
        input_seed=input_seed, emulate=emulate, retain=tolerate_failures, keep_outputs=keep_outputs,
    )  # fmt: skip
    if not workers.in_use.acquire(blocking=False):
        raise Unsupported("these workers are busy with another run; start others for a second one")
    try:
        run = _Run(problem, allocation, realisation, plan, workers, progress, watch)
        run.tolerate, run.replan = tolerate_failures, replan
        return run.go()
    finally:
        workers.in_use.release()


def _check_workers(problem: Problem, workers: Workers) -> None:
    from realrun.pool import LOG_ROWS

    names = [spec.name for spec in workers.specs]
    executions = sum(s.requests * len(s.graph.tasks) for s in problem.streams)
    if executions > LOG_ROWS:
        raise Unsupported(
            f"{problem.name}: {executions:,} executions are more than the {LOG_ROWS:,} of which a "
            "real run keeps note; give its streams fewer requests"
        )
    if list(problem.node_names) != names:
        raise InvalidAllocation(
            f"{problem.name}: its nodes ({', '.join(problem.node_names[:6])}) are not the workers "
            f"({', '.join(names[:6])})"
        )
    for node, spec in zip(problem.cluster.nodes, workers.specs, strict=True):
        if node.slots != spec.slots:
            raise InvalidAllocation(
                f"worker {spec.name!r} has {spec.slots} slots, but its node {node.slots}"
            )


def readable(sources: Sequence[Any], seconds: float) -> list[Any]:
    """Which of sockets and the like can be read from, after so many seconds at most."""
    poll = select.poll()  # `select.select` refuses descriptors above 1023
    by_fd = {s.fileno(): s for s in sources}
    for fd in by_fd:
        poll.register(fd, select.POLLIN)
    found = poll.poll(1e3 * max(seconds, 0.0))
    return [by_fd[fd] for fd, _ in found]


class _Run:
    """One call of `execute`."""

    def __init__(
        self,
        problem: Problem,
        allocation: Allocation,
        realisation: Realisation,
        plan: RunPlan,
        workers: Workers,
        progress: Callable[[int, int], None] | None,
        watch: Callable[[Clerk], None] | None,
    ):
        assert workers.transport is not None
        self.problem, self.allocation, self.realisation = problem, allocation, realisation
        self.plan, self.workers, self.watch = plan, workers, watch
        self.clerk = Clerk(plan, workers.transport, plan.keep_outputs, progress)
        self.tolerate = False
        self.replan: Replan | None = None
        self.grace_until = 0.0
        self.running = False
        self.failed: set[int] = set()
        self.asked: set[int] = set()
        self.paused: dict[int, dict[str, Any]] = {}
        self.epoch = 0
        self.told_at = math.inf
        self.facts: dict[str, Any] = {
            "transport": workers.transport_name,
            "emulated": plan.pad,
            "failures": [],
        }
        self.answers: dict[int, dict[str, Any]] = {}

    def go(self) -> RealRun:
        """All phases; whatever goes wrong, the workers are left idle or stopped."""
        try:
            self._load()
            self._start()
            self._follow()
            return self._result()
        except WorkerFailed:
            self._break_off()
            raise
        except BaseException:
            self.workers.close(at_once=True)
            raise

    def _break_off(self) -> None:
        """Make the other workers idle again, so that they need not be started anew."""
        if self.workers.dead():
            self.workers.close()
            return
        if not self.running:
            return
        self.clerk.finish()
        left = self.clerk.workers - set(self.answers) - self.failed
        until = time.monotonic() + BREAK_OFF_S
        for i in left:
            if not readable([self.workers.channel(i)], until - time.monotonic()):
                self.workers.close()
                return
            with contextlib.suppress(WorkerFailed):
                self.workers.answer(i)

    # ----- phases ------------------------------------------------------------------------------
    def _load(self) -> None:
        began = time.monotonic()
        everyone = range(len(self.workers.specs))
        assert self.workers.transport is not None
        self.workers.transport.begin()
        if self.plan.delay:
            self._clear_links()
        data = self.plan.to_dict()
        for i in everyone:
            self.workers.ask(i, "load", plan=data)
        rooms = [answer["room"] for answer in self.workers.answers(everyone)]
        for i in everyone:
            mine = [[s, p, n] for s, room in enumerate(rooms) for r, p, n in room if r == i]
            self.workers.ask(i, "touch", room=mine)
        self.workers.answers(everyone)
        self.facts["load_s"] = time.monotonic() - began

    def _clear_links(self) -> None:
        import os

        os.pwrite(self.workers.links, bytes(8 * max(len(self.plan.link_latency), 1)), 0)

    def _start(self) -> None:
        self.workers.before_run()
        self.clerk.zero = time.monotonic() + HEAD_START_S
        self.running = True
        for i in range(len(self.workers.specs)):
            self.workers.ask(i, "run", zero=self.clerk.zero)

    def _follow(self) -> None:
        """Wait for the end, and for whatever goes wrong before."""
        transport = self.workers.transport
        assert transport is not None
        while len(self.answers) < len(self.clerk.workers):
            waiting: dict[Any, int] = {
                self.workers.channel(i): i for i in self.clerk.workers - set(self.answers)
            }
            left = min(self.clerk.next_release - time.monotonic(), LOOK_S)
            ready = readable([transport, *waiting], left)
            self.clerk.hear()
            if self.watch is not None:
                self.watch(self.clerk)
            for source in ready:
                if source is not transport:
                    self._answer(waiting[source])
            for i in sorted(self.clerk.workers - set(self.answers)):
                if i in self.clerk.workers and (hung := self._silence(i)):
                    self._failed(hung)
            if self.clerk.complete and self.told_at == math.inf:
                self.clerk.finish()
                self.told_at = time.monotonic()

    def _answer(self, worker: int) -> None:
        """A worker says that it is done, or that something is wrong, or nothing any more."""
        if worker not in self.clerk.workers:
            return  # it failed since
        try:
            self.answers[worker] = self.workers.answer(worker)
        except WorkerFailed as error:
            self._failed(error)

    def _silence(self, worker: int) -> WorkerFailed | None:
        """The error of a worker that gives no sign of life."""
        now = time.monotonic()
        beat, busy, task, _ = self.workers.logs[worker].status
        if self.told_at < math.inf:  # it only has to hand over what it noted
            if now - self.told_at < RELOAD_S:
                return None
            text = f"did not end its run within {RELOAD_S:g} s"
        elif now < max(self.clerk.zero + SILENT_S, self.grace_until):
            return None
        elif busy > 0:
            planned = self.plan.hold_s[:, int(task)]
            limit = max(BUSY_S, BUSY_FACTOR * float(np.nanmax(planned, initial=0.0)))
            if now - busy < limit:
                return None
            text = f"hangs in task {self.plan.task_names[int(task)]!r} for {now - busy:.1f} s"
        elif now - max(beat, self.clerk.zero) < SILENT_S:
            return None
        else:
            text = f"gave no sign of life for {SILENT_S:g} s"
        return WorkerFailed(f"worker {self.workers.specs[worker].name} {text}", worker, "hung")

    def _failed(self, error: WorkerFailed) -> None:
        """Go on without a worker, if that is wanted and possible."""
        self.failed.add(error.worker)
        if error.kind == "hung":
            self.workers.kill(error.worker)
        if not self.tolerate or error.kind not in LEAVING:
            raise error
        if self.told_at == math.inf:
            self._recover(error)
            return
        # Everything is answered; only what the worker noted of its messages is missing.
        self.workers.kill(error.worker)
        self.clerk.workers.discard(error.worker)
        self._note_failure({error.worker: str(error)}, np.empty((0, 2), dtype=np.int64), 0.0)

    def _recover(self, first: WorkerFailed) -> None:
        """Put the work of a worker onto the others."""
        self.workers.kill(first.worker)
        failed = {first.worker: str(first)}
        while True:
            try:
                self._continue_without(failed)
                return
            except WorkerFailed as error:  # another one while the first was being dealt with
                if error.worker < 0 or error.kind not in LEAVING:
                    raise
                self.workers.kill(error.worker)
                self.failed.add(error.worker)
                failed[error.worker] = str(error)

    def _pause(self, workers: Sequence[int]) -> None:
        """Have workers stop between two tasks and say what they lack; once, whatever fails then."""
        for i in workers:
            if i not in self.asked and i not in self.paused:
                self.workers.ask(i, "pause")
                self.asked.add(i)
        for i in workers:
            if i not in self.paused:
                self.paused[i] = self._hear_from(i)
                self.asked.discard(i)

    def _hear_from(self, worker: int) -> dict[str, Any]:
        """The answer of a worker that may be in the middle of a task, or may hang."""
        while not readable([self.workers.channel(worker)], LOOK_S):
            self.clerk.hear()
            if hung := self._silence(worker):
                raise hung
        return self.workers.answer(worker)

    def _continue_without(self, failed: Mapping[int, str]) -> None:
        from realrun.recovery import lost_work, replanned

        began = time.monotonic()
        clerk, workers = self.clerk, self.workers
        self.clerk.hear()  # what the failed ones told before is true
        alive = sorted(clerk.workers - set(failed))
        if not alive:
            raise WorkerFailed(f"no worker is left: {'; '.join(failed.values())}")
        self._pause(alive)
        self.clerk.hear()
        allocation = replanned(self.problem, self.allocation, set(failed), alive, self.replan)
        plan = make_plan(
            self.problem, allocation, self.realisation, input_seed=self.plan.input_seed,
            emulate=self.plan.pad, retain=True, keep_outputs=self.plan.keep_outputs,
        )  # fmt: skip
        plan.arrival[:] = self.plan.arrival
        missing = np.concatenate([self.paused[i]["missing"] for i in alive])
        wanted = ~clerk.settled[missing[:, 0]]
        absent = np.concatenate([self.paused[i]["absent"] for i in alive])
        todo = lost_work(self.plan, set(failed), missing[wanted], clerk.done, absent)
        self.epoch += 1
        for i in alive:
            self.paused.pop(i)
            workers.ask(i, "resume", plan=plan.to_dict(), epoch=self.epoch, todo=todo,
                        settled=clerk.settled)  # fmt: skip
        self.plan = clerk.plan = plan
        self.allocation = allocation
        clerk.epoch, clerk.workers = self.epoch, set(alive)
        clerk.ended.clear()
        now = time.monotonic()
        self.grace_until = now + RELOAD_S
        self._note_failure(failed, todo, now - began)

    def _note_failure(self, failed: Mapping[int, str], todo: IntArray, took_s: float) -> None:
        """Add to the facts; `redone`: how many executions that had ended are done once more."""
        did = {(int(r), int(t)) for log in self.workers.logs for r, t in log.rows[:, :2]}
        redone = sum((int(r), int(t)) in did for r, t in todo)
        for i, why in failed.items():
            self.facts["failures"].append(
                {
                    "worker": self.workers.specs[i].name, "why": why,
                    "at_s": time.monotonic() - self.clerk.zero,
                    "taken_over": len(todo), "redone": redone, "took_s": took_s,
                }
            )  # fmt: skip

    # ----- result ------------------------------------------------------------------------------
    def _result(self) -> RealRun:
        self.facts |= self.workers.after_run(self.answers, self.clerk.zero)
        late = max(float(log.status[3]) for log in self.workers.logs)
        self.facts |= {"late_start_s": late, "answered_twice": self.clerk.twice}
        trace = self._trace()
        return RealRun(trace, self.clerk.outputs, self.facts)

    def _trace(self) -> Trace:
        from simulator.trace import Trace

        tasks = self._task_rows()
        messages = self._message_rows()
        arrival = np.array(self.plan.arrival)
        luck = replace(self.realisation, arrival=np.where(np.isnan(arrival), 0.0, arrival))
        return Trace.measured(
            self.problem, self.allocation, luck, tasks, messages,
            engine=f"realrun/{self.facts['transport']}" + ("/emulated" if self.plan.pad else ""),
        )  # fmt: skip

    def _task_rows(self) -> dict[str, Any]:
        """Rows of all logs, the last of each instance, with those that never ran."""
        last: dict[tuple[int, int], tuple[int, Any]] = {}
        for worker, log in enumerate(self.workers.logs):
            for row in log.rows:
                key = (int(row[0]), int(row[1]))
                if key not in last or last[key][1][10] <= row[10]:
                    last[key] = (worker, row)
        states: dict[tuple[int, int], str] = {}
        for answer in self.answers.values():
            for request, task, state in answer["states"]:
                if int(state) in STATE_NAMES and (int(request), int(task)) not in last:
                    states[int(request), int(task)] = STATE_NAMES[int(state)]
        table = np.array([row for _, row in last.values()]).reshape(-1, len(COLUMNS))
        nothing = np.full(len(states), math.nan)
        names = self.plan.task_names
        out: dict[str, Any] = {
            "request": np.array([r for r, _ in (*last, *states)], dtype=np.int64),
            "task": [names[t] for _, t in (*last, *states)],
            "state": ["finished"] * len(last) + list(states.values()),
            "worker": np.concatenate([[float(w) for w, _ in last.values()], nothing]),
        }
        for i, column in enumerate(COLUMNS):
            if column in ("ready", "start", "finish", *_OBSERVED):
                out[column] = np.concatenate([table[:, i], nothing])
            elif column == "slot":
                out[column] = np.concatenate([table[:, i], np.full(len(states), -1)]).astype(int)
        return out

    def _message_rows(self) -> dict[str, Any]:
        from simulator.frames import unique_edge_names

        names = unique_edge_names(self.problem)
        rows: dict[tuple[int, int], Any] = {}
        for answer in self.answers.values():
            for row in answer["messages"]:
                rows[int(row[0]), int(row[1])] = row
        table = np.array(list(rows.values())).reshape(-1, 4)
        return {
            "request": table[:, 0].astype(int),
            "edge": [names[int(e)] for e in table[:, 1]],
            "finish": table[:, 2],
            "used": table[:, 3].astype(bool),
        }
