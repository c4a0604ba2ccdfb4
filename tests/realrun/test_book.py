"""What a worker does with what it hears is what the rules of simulated time say.

Random cases are simulated; then the books of all nodes are told what the trace says happened, in
its order (arrivals, ends of tasks, deliveries, deadlines), and must start the same tasks at the
same instants from the same inputs.
"""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

import numpy as np
import pytest

from realrun.plan import RunPlan
from realrun.transport.base import CLOSED, DONE, OFF
from realrun.worker import book as states
from realrun.worker.book import Book, Instance
from simulator.arrays import DISCIPLINES, DISPATCHES, EDF, GREEDY, NETWORKS, STRICT
from simulator.record import Record
from simulator.reference import ReferenceSimulation
from simulator.runlog import ABSENT, CANCELLED, FINISHED, LOST, SKIPPED, RunLog
from tests.case_drawer import Case
from tests.cases import FEATURES, draw_case
from tests.worlds import world

STATE = {
    states.WAITING: LOST, states.READY: LOST, states.RUNNING: LOST,
    states.FINISHED: FINISHED, states.SKIPPED: SKIPPED, states.CANCELLED: CANCELLED,
}  # fmt: skip


def plan_of(case: Case, log: RunLog) -> RunPlan:
    """The plan of a case that has no names; times are those of its simulation."""
    arrays, node, variant, priority, luck = case
    record = Record(arrays, node, variant, priority, luck, log)
    arrival, tasks = np.array(log.arrival), range(arrays.n_tasks)
    return RunPlan(
        network=NETWORKS[arrays.network], dispatch=DISPATCHES[arrays.dispatch],
        discipline=DISCIPLINES[arrays.discipline], task_names=[f"t{t}" for t in tasks],
        node_names=[f"n{n}" for n in range(arrays.n_nodes)],
        stream_names=[f"s{s}" for s in range(arrays.n_streams)],
        arrival=np.where(arrays.clients[luck.stream] > 0, np.nan, arrival), stream=luck.stream,
        stream_class=arrays.stream_class, clients=arrays.clients,
        deadline=luck.arrival + arrays.stream_deadline[luck.stream],
        think=luck.think, consumer=record.consumer, producer=record.producer, taken=record.taken,
        edge_src=arrays.edge_src, edge_dst=arrays.edge_dst, task_stream=arrays.task_stream,
        join_need=arrays.join_need, join_deadline=arrays.join_deadline,
        join_cancel=arrays.join_cancel, is_exit=arrays.is_exit, topological=arrays.topological,
        node=node, variant=variant, priority=priority, slots=arrays.slots, wake_s=arrays.wake_s,
        module=[None for _ in tasks], fusion=[None for _ in tasks], batch=[1 for _ in tasks],
        output_bytes=np.zeros(arrays.n_tasks), work_s=record.work_s, hold_s=record.hold_s,
        edge_bytes=record.size_bytes, routes=[], link_latency=arrays.latency,
        link_bandwidth=arrays.bandwidth, sizes=[{} for _ in range(arrays.n_streams)],
    )  # fmt: skip


class Replay:
    """The books of all nodes, told what a trace says, one instant after the other."""

    def __init__(self, case: Case):
        simulation = ReferenceSimulation(*case)
        simulation.run()
        self.log = simulation.log()
        self.plan = plan_of(case, self.log)
        nodes = range(case.arrays.n_nodes)
        self.books = [Book(self.plan, n) for n in nodes]
        self.free = [int(n) for n in case.arrays.slots]
        self.running: dict[tuple[int, int], Instance] = {}
        self.events: defaultdict[float, list[tuple[str, int, int]]] = defaultdict(list)
        self.skipped_exits: list[tuple[int, int]] = []
        self._plan_events()

    def _plan_events(self) -> None:
        log, plan = self.log, self.plan
        for r, at in enumerate(log.arrival):
            if np.isfinite(at):
                self.events[float(at)].append(("arrive", r, 0))
                for t in np.flatnonzero(np.isfinite(plan.join_deadline)).tolist():
                    if plan.task_stream[t] == plan.stream[r]:
                        self.events[float(at + plan.join_deadline[t])].append(("overdue", r, t))
        for r, t in np.argwhere(np.isfinite(log.finish)).tolist():
            self.events[float(log.finish[r, t])].append(("finish", r, t))
        for r, e in np.argwhere(np.isfinite(log.delivered)).tolist():
            self.events[float(log.delivered[r, e])].append(("deliver", r, e))

    def run(self) -> None:
        for at in sorted(self.events):
            left = [e for e in self.events[at] if e[0] != "overdue"]
            timers = [e for e in self.events[at] if e[0] == "overdue"]
            while True:
                due = [e for e in left if self._possible(e) and not self._is_early(e, left)]
                left = [e for e in left if e not in due]
                for event in sorted(due, key=self._order):
                    self._tell(event, at)
                    self._pass_on(OFF)
                started = self._settle(at)
                if due or started:
                    continue
                if not timers:
                    break
                for _, r, t in timers:
                    if (r, t) in self._book(t).own:
                        self._book(t).overdue(r, t, at)
                timers = []
                self._pass_on()
            assert not left, (at, left)

    def _book(self, task: int) -> Book:
        return self.books[self.plan.node[task]]

    def _possible(self, event: tuple[str, int, int]) -> bool:
        """Whether it can happen in this round: what has no duration takes a round all the same."""
        what, r, item = event
        if what == "finish":
            return (r, item) in self.running
        if what == "deliver":
            made = self._book(self.plan.edge_src[item]).own[r, int(self.plan.edge_src[item])]
            return made.state == states.FINISHED or self._ends_now(made)
        return True

    def _ends_now(self, made: Instance) -> bool:
        at = self.log.finish[made.request, made.task]
        local = (made.request, made.task) in self.running
        return local and any(("finish", made.request, made.task) == e for e in self.events[at])

    def _is_early(self, event: tuple[str, int, int], left: list[tuple[str, int, int]]) -> bool:
        """Whether a released request comes only after tasks that end now, and the free slots."""
        what, r, _ = event
        clients = int(self.plan.clients.max())
        released = what == "arrive" and 0 < clients <= r
        return released and any(e[0] == "finish" and e[1] < r for e in left)

    @staticmethod
    def _order(event: tuple[str, int, int]) -> tuple[int, int, int]:
        """Ends first, with what will never come; then inputs, by edge."""
        return ({"arrive": 0, "finish": 1, "deliver": 2}[event[0]], event[2], event[1])

    def _tell(self, event: tuple[str, int, int], at: float) -> None:
        what, r, item = event
        plan = self.plan
        if what == "arrive":
            plan.arrival[r] = at
            for book in self.books:
                book.arrive(r, at)
        elif what == "finish":
            instance = self.running.pop((r, item))
            self.free[plan.node[item]] += 1
            self._book(item).finish(instance)
            untaken = np.flatnonzero((plan.edge_src == item) & ~plan.taken[r]).tolist()
            self._book(item).pass_off(instance, at, untaken)
        else:
            self._book(plan.edge_dst[item]).deliver(int(plan.consumer[r, item]), item, at)

    def _pass_on(self, *kinds: int) -> None:
        """Carry what books tell each other, of these kinds only."""
        while True:
            said = [(n, line) for n, b in enumerate(self.books) for line in b.outbox]
            said = [(n, line) for n, line in said if line[0] in (kinds or (OFF, CLOSED, DONE))]
            if not said:
                return
            for n, line in said:
                self.books[n].outbox.remove(line)
            for _, (kind, item, r, at) in sorted(said, key=lambda pair: pair[1][0] == CLOSED):
                if kind == DONE:
                    self.skipped_exits.append((r, item))
                elif kind == OFF:
                    consumer = int(self.plan.consumer[r, item])
                    self._book(self.plan.edge_dst[item]).turn_off(consumer, item, at)
                else:
                    self._book(self.plan.edge_src[item]).unwanted(r, item, at)

    def _settle(self, at: float) -> bool:
        self._pass_on()
        started = False
        for n, book in enumerate(self.books):
            while self.free[n]:
                instance = book.next()
                if instance is None:
                    break
                key = (instance.request, instance.task)
                assert self.log.start[key] == at, (key, self.log.start[key], at)
                self.free[n] -= 1
                self.running[key] = instance
                started = True
        return started


def compare(replay: Replay) -> None:
    """States, ready times and used inputs are those of the trace."""
    log, plan = replay.log, replay.plan
    for book in replay.books:
        for (r, t), instance in book.own.items():
            assert STATE[instance.state] == log.state[r, t], (r, t, instance)
            if log.state[r, t] == FINISHED:
                assert instance.ready_at == log.ready[r, t], (r, t, instance, log.ready[r, t])
            if not math.isnan(instance.closed_at):
                sources = [int(plan.producer[r, e]) for e in instance.used]
                used = set(zip(sources, instance.used, strict=True))
                wanted = {
                    (int(plan.producer[r, e]), e)
                    for e in np.flatnonzero(plan.edge_dst == t).tolist()
                    if plan.producer[r, e] >= 0 and log.used[plan.producer[r, e], e] == 1
                }
                assert used == wanted, (r, t, used, wanted)
    assert sum(len(book.own) for book in replay.books) == int((log.state != ABSENT).sum())
    skipped = np.argwhere((log.state == SKIPPED) & plan.is_exit).tolist()
    assert sorted(map(list, replay.skipped_exits)) == skipped


RULES = [f for f in FEATURES if f != "outages"]  # a worker that fails loses its process, not a task


def case_of(seed: int, **changes: Any) -> Case:
    """A random case without outages and, but for zeros, without ties.

    Processes hear one thing after the other: in what order they hear two of one instant is chance.
    """
    rng = np.random.default_rng([seed, 77])
    features = {f for f in RULES if rng.random() < 0.5} | {"requests"}
    dispatch = int(rng.choice([GREEDY, STRICT]))
    discipline = int(rng.integers(3 if dispatch == GREEDY else 2))
    chosen = {
        "features": frozenset(features - ({"streams"} if "closed" in features else set())),
        "integers": 0.0, "dispatch": dispatch, "discipline": discipline, "network": 1,
    }  # fmt: skip
    return draw_case(seed, **(chosen | changes))


@pytest.mark.parametrize("first", range(0, 200, 40))
def test_books_follow_the_rules(first: int) -> None:
    for seed in range(first, first + 40):
        replay = Replay(case_of(seed))
        try:
            replay.run()
            compare(replay)
        except AssertionError as error:
            raise AssertionError(f"case {seed}: {error}") from error


def test_cases_reach_every_rule() -> None:
    """The generator is no use if nothing is ever skipped, cancelled, lost or unused."""
    seen = dict.fromkeys(("skipped", "cancelled", "lost", "unused", "deadline", "lag"), 0)
    modes = set()
    for seed in range(120):
        replay = Replay(case_of(seed))
        log, plan = replay.log, replay.plan
        seen["skipped"] += int((log.state == SKIPPED).sum())
        seen["cancelled"] += int((log.state == CANCELLED).sum())
        seen["lost"] += int((log.state == LOST).sum())
        seen["unused"] += int((log.used == 0).sum())
        seen["deadline"] += int(np.isfinite(plan.join_deadline).sum())
        seen["lag"] += int((plan.consumer > np.arange(plan.n_requests)[:, None]).sum())
        modes.add((plan.dispatch, plan.discipline))
    assert seen.pop("lost") > 0  # behind a head that can never run; rare without outages
    assert min(seen.values()) >= 50, seen
    assert len(modes) == 5  # strict with edf is refused


def books(*arguments: Any, **options: Any) -> tuple[RunPlan, list[Book]]:
    """The books of a small world's nodes."""
    case = Case(*world(*arguments, **options))
    simulation = ReferenceSimulation(*case)
    simulation.run()
    plan = plan_of(case, simulation.log())
    return plan, [Book(plan, n) for n in range(case.arrays.n_nodes)]


def test_an_input_that_comes_twice_counts_once() -> None:
    """Messages are sent again after a failure: three tasks feed one that needs two of them."""
    _, (first, second) = books(
        [1, 1, 1, 1], [0, 0, 0, 1], [(0, 3, 1), (1, 3, 1), (2, 3, 1)], joins={3: {"need": 2}}
    )
    assert first.next() is None  # the request is not there
    second.arrive(0, 0.0)
    assert second.deliver(0, 1, 2.0)
    assert not second.deliver(0, 1, 2.5)
    assert second.next() is None
    assert second.deliver(0, 0, 3.0)
    instance = second.next()
    assert instance is not None
    assert (instance.used, instance.ready_at) == ((0, 1), 3.0)
    second.finish(instance)
    assert second.deliver(0, 2, 4.0) is instance and instance.used == (0, 1)  # noted, not used
    assert second.open == 0


def test_a_deadline_without_inputs_waits_for_the_first() -> None:
    _, (_, book) = books([1, 1, 1], [0, 0, 1], [(0, 2, 1), (1, 2, 1)], joins={2: {"deadline": 5.0}})
    book.arrive(0, 0.0)
    book.overdue(0, 2, 5.0)
    assert book.next() is None
    book.deliver(0, 1, 7.0)
    instance = book.next()
    assert instance is not None and instance.used == (1,) and instance.ready_at == 7.0


def test_what_a_closed_join_does_not_want_is_removed_with_what_feeds_it() -> None:
    """0 -> 1 -> 3 and 2 -> 3, first of two wins: 2 comes, so 1 and then 0 are not wanted."""
    _, (a, b) = books(
        [1, 1, 1, 1], [0, 0, 1, 1], [(0, 1, 1), (1, 3, 1), (2, 3, 1)],
        joins={1: {"cancel": True}, 3: {"need": 1, "cancel": True}},
    )  # fmt: skip
    for book in (a, b):
        book.arrive(0, 0.0)
    b.deliver(0, 2, 1.0)
    assert b.outbox == [(CLOSED, 1, 0, 1.0)]
    a.unwanted(0, 1, 1.0)
    assert [i.task for i in a.removed] == [1, 0]
    assert [a.own[0, t].state for t in (0, 1)] == [states.CANCELLED] * 2
    assert a.next() is None and a.open == 0


def test_a_strict_line_waits_for_its_head_and_goes_on_after_a_skip() -> None:
    plan, (_, book) = books(
        [1, 1, 1], [0, 1, 1], [(0, 1, 1, {"conditional": True})], dispatch="strict",
        priority=[0, 1, 2], not_taken=[(0, 0)],
    )  # fmt: skip
    book.arrive(0, 0.0)
    assert book.next() is None  # task 2 is ready, but 1 is before it
    book.turn_off(0, 0, 3.0)
    assert book.own[0, 1].state == states.SKIPPED
    assert book.outbox == [(DONE, 1, 0, 3.0)]
    instance = book.next()
    assert instance is not None and instance.task == 2
    assert plan.dispatch == "strict" and EDF == 2


def test_a_book_goes_on_under_another_plan() -> None:
    """Node 0 fails: 1 takes over what must be done again; the rest of 0's work counts as done."""
    plan, (_, old) = books([1, 1, 1], [0, 0, 1], [(0, 2, 1)], requests=[0.0, 1.0])
    for r in range(2):
        old.arrive(r, float(r))
    old.deliver(0, 0, 1.5)
    running = old.next()
    assert running is not None
    old.finish(running)
    plan.node[:] = 1
    new = Book.after_failure(plan, 1, old, {(1, 0), (1, 1)})
    assert new.own[0, 2] is running
    assert [new.own[0, t].state for t in (0, 1)] == [states.FINISHED] * 2
    assert new.open == 3  # 0 and 1 again, and 2, of request 1
    new.arrive(1, 1.0)
    started = [new.next() for _ in range(3)]
    assert [i and (i.request, i.task) for i in started] == [(1, 0), (1, 1), None]
