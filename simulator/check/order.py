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
            blocks = _blocks(record, facts, waits)
        else:
            may_start, blocks = np.where(waits.ready_row, waits.since, np.inf), []
            _discipline(record, waits, n, findings)
        _idle(record, facts, waits, may_start, blocks, n, findings)


def _out_of_way(record: Record, facts: Facts, waits: _Waits) -> FloatArray:
    """When each row stops blocking the sequence: it starts, or is skipped or removed."""
    at = (waits.request, waits.task)
    off = np.where(waits.state == CANCELLED, facts.useless_at[at], np.inf)
    off = np.where(waits.state == SKIPPED, record.skipped_at[at], off)
    return np.minimum(waits.start, off)


def _is_first(waits: _Waits) -> BoolArray:
    """Mask of the first row of each instance."""
    new = (np.diff(waits.request) != 0) | (np.diff(waits.task) != 0)
    return np.concatenate([[True], new])


def _blocks(record: Record, facts: Facts, waits: _Waits) -> list[tuple[int, float, float]]:
    """(row, begin, end): an interrupted instance holds up all behind it until it starts again."""
    until = _out_of_way(record, facts, waits)
    return [(int(i), float(waits.since[i]), float(until[i]))
            for i in np.flatnonzero(~_is_first(waits))]  # fmt: skip


def _strict(
    record: Record, facts: Facts, waits: _Waits, node: int, findings: Findings
) -> FloatArray:
    """Starts follow the sequence; returns from when on each row was at the head and ready."""
    names = findings.names
    # An instance leaves the way at its first start; restarts are looked at one by one.
    released = np.where(_is_first(waits), _out_of_way(record, facts, waits), -np.inf)
    earlier = np.maximum.accumulate(np.concatenate([[-np.inf], released[:-1]]))
    late = np.isfinite(waits.start) & (waits.start < earlier - findings.slack_s)
    for i in np.flatnonzero(late)[: findings.most + 1]:
        findings.add("order", f"{names.task(int(waits.task[i]))} starts at {waits.start[i]} on "
                     f"{names.node(node)} before its turn at {earlier[i]}",
                     int(waits.request[i]))  # fmt: skip
    for i, begin, until in _blocks(record, facts, waits):
        behind = np.arange(len(waits.start)) > i
        jumped = behind & (waits.start >= begin) & (waits.start < until - findings.slack_s)
        for j in np.flatnonzero(jumped)[: findings.most + 1]:
            findings.add("order", f"{names.task(int(waits.task[j]))} starts at {waits.start[j]} on "
                         f"{names.node(node)} before {names.task(int(waits.task[i]))}, which was "
                         f"interrupted at {begin}", int(waits.request[j]))  # fmt: skip
    return np.maximum(np.where(waits.ready_row, waits.since, np.inf), earlier)


class _FreeSlots:
    """Seconds during which a node was up and had a free slot."""

    def __init__(self, record: Record, facts: Facts, node: int, times: FloatArray) -> None:
        x, slots = record.executions, int(record.arrays.slots[node])
        here = x.node == node
        start, end = x.start[here], x.end[here]
        down = [t for span in facts.down[node] for t in span]
        every = np.concatenate([start, end, down, times])
        breaks = np.unique(every[np.isfinite(every)])
        free = running_over_time(breaks, start, end) < slots
        for begin, until in facts.down[node]:
            free[(breaks >= begin) & (breaks < until)] = False
        # Whoever waits for ever must find the node down for ever: one more second will tell.
        self.breaks = np.append(breaks, breaks[-1] + 1.0)
        self.free = np.append(free, free[-1]).astype(np.float64)

    def between(self, begin: FloatArray, end: FloatArray) -> FloatArray:
        """Free seconds in each interval; 0 exactly where there are none."""
        last = self.breaks[-1]
        low, high = np.minimum(begin, last), np.minimum(np.maximum(begin, end), last)
        return integral(self.breaks, self.free, high) - integral(self.breaks, self.free, low)


def _idle(
    record: Record,
    facts: Facts,
    waits: _Waits,
    may_start: FloatArray,
    blocks: list[tuple[int, float, float]],
    node: int,
    findings: Findings,
) -> None:
    """Between the instant at which it might and that at which it did, no slot was free."""
    removed = (waits.state == CANCELLED) & np.isinf(waits.start)
    until = np.where(removed, facts.useless_at[waits.request, waits.task], waits.start)
    rows = np.flatnonzero(np.isfinite(may_start) & (waits.state != SKIPPED))
    if len(rows) == 0:
        return
    slots = _FreeSlots(record, facts, node, np.concatenate([may_start[rows], until[rows]]))
    spent = slots.between(may_start[rows], until[rows])
    # In a real run every start in between costs the overhead that the slack stands for.
    begun = np.sort(waits.start)
    turns = 1 + np.searchsorted(begun, until, "left") - np.searchsorted(begun, may_start, "right")
    allowed = findings.slack_s * np.maximum(turns, 1)
    for i in rows[spent > allowed[rows]]:
        held_up = _joined([(b, e) for row, b, e in blocks if row < i], may_start[i], until[i])
        excused = sum(float(slots.between(np.array([b]), np.array([e]))[0]) for b, e in held_up)
        total = float(slots.between(may_start[[i]], until[[i]])[0])
        if total - excused <= max(allowed[i], findings.epsilon_s if held_up else 0.0):
            continue
        what = f"starts at {waits.start[i]}" if np.isfinite(waits.start[i]) else "never starts"
        findings.add("idle", f"{findings.names.task(int(waits.task[i]))} {what} on "
                     f"{findings.names.node(node)} though it may from {may_start[i]} and a slot "
                     "is free in between", int(waits.request[i]))  # fmt: skip


def _joined(
    spans: list[tuple[float, float]], begin: float, end: float
) -> list[tuple[float, float]]:
    """The union of intervals within [begin, end), as disjoint ones."""
    out: list[tuple[float, float]] = []
    for a, b in sorted((max(a, begin), min(b, end)) for a, b in spans):
        if out and a <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], b))
        elif a < b:
            out.append((a, b))
    return out


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
