"""Certificates of nodes: slots, outages, who goes first, and that no slot is idle in vain."""

from __future__ import annotations

import heapq

import numpy as np

from simulator.arrays import EDF, FIFO, STRICT, BoolArray, FloatArray, IntArray
from simulator.check.facts import Facts
from simulator.check.findings import Findings
from simulator.check.pace import integral, running_over_time
from simulator.record import Record
from simulator.runlog import CANCELLED, LOST, SKIPPED


def check_slots(record: Record, findings: Findings) -> None:
    """Executions on one slot do not overlap, and each took the lowest slot that was free."""
    x, names, slack = record.executions, findings.names, findings.slack_s
    for n in range(record.arrays.n_nodes):
        here = np.flatnonzero(x.node == n)
        for slot in range(int(record.arrays.slots[n])):
            mine = here[x.slot[here] == slot]
            mine = mine[np.lexsort((x.end[mine], x.start[mine]))]
            clash = np.flatnonzero(x.start[mine][1:] < x.end[mine][:-1] - slack)
            for i in clash[: findings.most + 1]:
                a, b = mine[i], mine[i + 1]
                findings.add("slot", f"slot {slot} of {names.node(n)} runs "
                             f"{names.task(int(x.task[a]))} until {x.end[a]} and from {x.start[b]} "
                             f"{names.task(int(x.task[b]))}", int(x.request[b]))  # fmt: skip
            if slack == 0.0:
                _lower_slot_was_idle(record, n, slot, mine, here, findings)


def _lower_slot_was_idle(
    record: Record, node: int, slot: int, mine: IntArray, here: IntArray, findings: Findings
) -> None:
    """Slot `slot` may start only what no lower slot, idle before and after, could have taken."""
    x = record.executions
    for lower in range(slot):
        other = here[x.slot[here] == lower]
        start, end = np.sort(x.start[other]), np.sort(x.end[other])
        at = x.start[mine]
        # Neither covers the instant nor touches it: what ends or begins there may be of any round.
        begun = np.searchsorted(start, at, side="right")
        ended = np.searchsorted(end, at, side="left")
        for i in mine[begun == ended][: findings.most + 1]:
            findings.add("slot", f"{findings.names.task(int(x.task[i]))} starts at {x.start[i]} on "
                         f"slot {slot} of {findings.names.node(node)} while slot {lower} is free",
                         int(x.request[i]))  # fmt: skip


def check_outages(record: Record, facts: Facts, findings: Findings, is_measured: bool) -> None:
    """Nothing runs while its node is down; interruptions happen where an outage begins."""
    x, names, slack = record.executions, findings.names, findings.slack_s
    for n, spans in enumerate(facts.down):
        here = np.flatnonzero(x.node == n)
        for begin, until in spans:
            bad = here[(x.start[here] < until - slack) & (x.end[here] > begin + slack)]
            bad = np.union1d(bad, here[(x.start[here] >= begin) & (x.start[here] < until - slack)])
            for i in bad[: findings.most + 1]:
                findings.add("outage", f"{names.task(int(x.task[i]))} runs from {x.start[i]} to "
                             f"{x.end[i]} on {names.node(n)}, which is down from {begin} to "
                             f"{until}", int(x.request[i]))  # fmt: skip
        broken = here[~x.finished[here]]
        begins = np.array([begin for begin, _ in spans])
        wrong = broken[~np.isin(x.end[broken], begins)]
        for i in wrong[: 0 if is_measured else findings.most + 1]:
            findings.add("outage", f"{names.task(int(x.task[i]))} is interrupted at {x.end[i]} on "
                         f"{names.node(n)}, where no outage begins", int(x.request[i]))  # fmt: skip


class _Waits:
    """Who waits on one node: one row for each execution, and one for each that never came.

    Rows are sorted by their key, the order in which the node prefers or must run its tasks.
    """

    def __init__(self, record: Record, node: int, keys: tuple[FloatArray, ...]) -> None:
        log, x = record.log, record.executions
        here = np.flatnonzero(x.node == node)
        state = log.state
        request, task = np.nonzero(
            ((state == LOST) | (state == CANCELLED) | (state == SKIPPED))
            & (record.node[None, :] == node)
        )
        again = x.attempt[here] > 1
        since = log.ready[x.request[here], x.task[here]].copy()
        since[again] = x.end[here[again] - 1]
        never = log.ready[request, task].copy()
        for r, t, end in zip(log.attempts[0], log.attempts[1], log.attempts[4], strict=True):
            never[(request == r) & (task == t)] = end  # in order of time: the last one stays
        self.request = np.concatenate([x.request[here], request])
        self.task = np.concatenate([x.task[here], task])
        self.attempt = np.concatenate([x.attempt[here], np.full(len(request), 2**31)])
        self.since = np.concatenate([since, never])
        self.start = np.concatenate([x.start[here], np.full(len(request), np.inf)])
        self.state = state[self.request, self.task]
        columns = [key[self.request, self.task] for key in keys]
        order = np.lexsort((self.attempt, *columns[::-1]))
        for name in ("request", "task", "attempt", "since", "start", "state"):
            setattr(self, name, getattr(self, name)[order])
        self.ready_row = ~np.isnan(self.since)


def check_order(record: Record, facts: Facts, findings: Findings) -> None:
    """Strict sequence or discipline, and no idle slot beside a task that may take it."""
    arrays, shape = record.arrays, record.log.state.shape

    def across(values: FloatArray | IntArray) -> FloatArray:
        return np.broadcast_to(values, shape).astype(np.float64)

    request = across(np.arange(shape[0])[:, None])
    priority, task = across(record.priority[None, :]), across(np.arange(shape[1])[None, :])
    stream = record.realisation.stream
    rank = across(arrays.stream_class[stream][:, None])
    due = across((record.log.arrival + arrays.stream_deadline[stream])[:, None])
    strict = arrays.dispatch == STRICT
    keys: tuple[FloatArray, ...]
    if strict:
        keys = (request, priority, task)
    elif arrays.discipline == FIFO:
        keys = (rank, request, priority, task)
    elif arrays.discipline == EDF:
        keys = (rank, due, request, priority, task)
    else:
        keys = (rank, priority, request, task)
    for n in range(arrays.n_nodes):
        waits = _Waits(record, n, keys)
        if len(waits.task) == 0:
            continue
        if strict:
            may_start = _strict(record, facts, waits, n, findings)
        else:
            may_start = np.where(waits.ready_row, waits.since, np.inf)
            _discipline(record, waits, n, findings)
        _idle(record, facts, waits, may_start, n, findings)


def _strict(
    record: Record, facts: Facts, waits: _Waits, node: int, findings: Findings
) -> FloatArray:
    """Starts follow the sequence; returns from when on each row was at the head and ready."""
    names = findings.names
    at = (waits.request, waits.task)
    with np.errstate(invalid="ignore"):
        off = np.where(waits.state == CANCELLED, facts.useless_at[at], np.inf)
        off = np.where(waits.state == SKIPPED, record.skipped_at[at], off)
    out_of_way = np.minimum(waits.start, off)
    first = np.concatenate([[True], (np.diff(waits.request) != 0) | (np.diff(waits.task) != 0)])
    # An instance leaves the way at its first start; restarts are looked at one by one below.
    released = np.where(first, out_of_way, -np.inf)
    earlier = np.maximum.accumulate(np.concatenate([[-np.inf], released[:-1]]))
    late = np.isfinite(waits.start) & (waits.start < earlier - findings.slack_s)
    for i in np.flatnonzero(late)[: findings.most + 1]:
        findings.add("order", f"{names.task(int(waits.task[i]))} starts at {waits.start[i]} on "
                     f"{names.node(node)} before its turn at {earlier[i]}",
                     int(waits.request[i]))  # fmt: skip
    may_start = np.maximum(np.where(waits.ready_row, waits.since, np.inf), earlier)
    for i in np.flatnonzero(~first):  # an interrupted instance comes before all behind it
        begin, until = waits.since[i], out_of_way[i]
        behind = np.arange(len(waits.start)) > i
        jumped = behind & (waits.start >= begin) & (waits.start < until - findings.slack_s)
        for j in np.flatnonzero(jumped)[: findings.most + 1]:
            findings.add("order", f"{names.task(int(waits.task[j]))} starts at {waits.start[j]} on "
                         f"{names.node(node)} before {names.task(int(waits.task[i]))}, which was "
                         f"interrupted at {begin}", int(waits.request[j]))  # fmt: skip
        may_start[behind & (waits.start >= until)] = np.maximum(
            may_start[behind & (waits.start >= until)], until
        )
    return may_start


def _idle(
    record: Record,
    facts: Facts,
    waits: _Waits,
    may_start: FloatArray,
    node: int,
    findings: Findings,
) -> None:
    """Between the instant at which it might and that at which it did, no slot was free."""
    x, slots = record.executions, int(record.arrays.slots[node])
    here = x.node == node
    down = [t for span in facts.down[node] for t in span if np.isfinite(t)]
    gone = waits.state == CANCELLED
    at = (waits.request, waits.task)
    until = np.where(np.isinf(waits.start) & gone, facts.useless_at[at], waits.start)
    until = np.where(waits.state == SKIPPED, -np.inf, until)
    asks = np.isfinite(may_start)
    times = np.concatenate([x.start[here], x.end[here], down, may_start[asks]])
    if len(times) == 0:
        return
    breaks = np.unique(np.concatenate([times, until[np.isfinite(until)]]))
    free = running_over_time(breaks, x.start[here], x.end[here]) < slots
    for begin, end in facts.down[node]:
        free[(breaks >= begin) & (breaks < end)] = False
    # Whoever waits for ever must find the node down for ever.
    horizon = np.append(breaks, breaks[-1] + 1.0)
    open_slots = np.append(free, free[-1]).astype(np.float64)
    stop = np.where(np.isinf(until) & (until > 0), horizon[-1], until)
    spent = integral(horizon, open_slots, np.maximum(stop, may_start)[asks]) - integral(
        horizon, open_slots, may_start[asks]
    )
    allowed = findings.slack_s
    for i in np.flatnonzero(asks)[spent > allowed][: findings.most + 1]:
        what = f"starts at {waits.start[i]}" if np.isfinite(waits.start[i]) else "never starts"
        findings.add("idle", f"{findings.names.task(int(waits.task[i]))} {what} on "
                     f"{findings.names.node(node)} though it may from {may_start[i]} and a slot "
                     "is free in between", int(waits.request[i]))  # fmt: skip


def _discipline(record: Record, waits: _Waits, node: int, findings: Findings) -> None:
    """At every start, nobody who waits and is not started then comes before who is started."""
    slack = findings.slack_s
    rows = np.flatnonzero(waits.ready_row)
    prompt = _ready_in_first_round(record, waits) if slack == 0.0 else np.zeros(0, np.bool_)
    enters = np.lexsort((rows, waits.since[rows]))
    queue: list[int] = []
    position = 0
    starts = np.flatnonzero(np.isfinite(waits.start))
    starts = starts[np.argsort(waits.start[starts], kind="stable")]
    begun = np.zeros(len(waits.start), dtype=np.bool_)
    i = 0
    while i < len(starts):
        now = waits.start[starts[i]]
        group = i
        while group < len(starts) and waits.start[starts[group]] == now:
            begun[starts[group]] = True
            group += 1
        while position < len(enters) and waits.since[rows[enters[position]]] < now - slack:
            heapq.heappush(queue, int(rows[enters[position]]))
            position += 1
        look = position
        while slack == 0.0 and look < len(enters) and waits.since[rows[enters[look]]] == now:
            row = int(rows[enters[look]])
            if prompt[row] and not begun[row]:
                _report_passed(waits, row, int(starts[i:group].max()), node, findings)
            look += 1
        while queue and (begun[queue[0]] or _left(record, waits, queue[0])):
            heapq.heappop(queue)
        if queue:
            _report_passed(waits, queue[0], int(starts[i:group].max()), node, findings)
        i = group


def _left(record: Record, waits: _Waits, row: int) -> bool:
    """Whether a waiting row was removed at some time, so that nothing can be said about it."""
    return bool(waits.state[row] == CANCELLED and np.isinf(waits.start[row]))


def _report_passed(
    waits: _Waits, waiting: int, started: int, node: int, findings: Findings
) -> None:
    if waiting > started:  # rows are in the order in which the node prefers them
        return
    names = findings.names
    findings.add("order", f"{names.task(int(waits.task[started]))} of request "
                 f"{waits.request[started]} starts at {waits.start[started]} on "
                 f"{names.node(node)} before {names.task(int(waits.task[waiting]))}, waiting since "
                 f"{waits.since[waiting]}", int(waits.request[waiting]))  # fmt: skip


def _ready_in_first_round(record: Record, waits: _Waits) -> BoolArray:
    """Rows that were surely waiting at the first settle of the instant at which they got ready.

    These are tasks without inputs, ready when the request of an open stream arrives. What others
    waited for may have happened in a later round of the same instant.
    """
    log, arrays = record.log, record.arrays
    at = (waits.request, waits.task)
    first = waits.attempt == 1
    arrived = first & (log.ready[at] == log.arrival[waits.request]) & (arrays.clients.max() == 0)
    none = np.bincount(arrays.edge_dst, minlength=arrays.n_tasks)[waits.task] == 0
    return np.asarray(arrived & none)
