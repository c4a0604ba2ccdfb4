"""Certificates of instances: states, arrivals, readiness, inputs, starts, holds."""

from __future__ import annotations

import numpy as np

from simulator.arrays import BoolArray, FloatArray, IntArray
from simulator.check.facts import Facts
from simulator.check.findings import Findings
from simulator.check.pace import progress_of_node
from simulator.record import Record
from simulator.runlog import ABSENT, CANCELLED, FINISHED, LOST, SKIPPED, STATES


def check_states(record: Record, findings: Findings) -> bool:
    """States fit streams and times; False if so little fits that nothing more can be said."""
    log, names = record.log, findings.names
    before = len(findings.violations)
    mine = record.arrays.task_stream[None, :] == record.realisation.stream[:, None]
    for r, t in findings.first(np.argwhere((log.state == ABSENT) == mine)):
        findings.add("state", f"{names.task(t)} is {STATES[log.state[r, t]]}, but its stream is "
                     f"{'' if mine[r, t] else 'not '}that of the request", r)  # fmt: skip
    done = log.state == FINISHED
    timed = np.isfinite(log.start) & np.isfinite(log.finish)
    for r, t in findings.first(np.argwhere(done != timed)):
        findings.add("state", f"{names.task(t)} is {STATES[log.state[r, t]]} with start "
                     f"{log.start[r, t]} and finish {log.finish[r, t]}", r)  # fmt: skip
    for r, t in findings.first(np.argwhere(done & timed & (log.finish < log.start))):
        findings.add("state", f"{names.task(t)} finishes at {log.finish[r, t]} before it starts "
                     f"at {log.start[r, t]}", r)  # fmt: skip
    for r, t in findings.first(np.argwhere(done & ~np.isfinite(log.ready))):
        findings.add("state", f"{names.task(t)} is finished, but was never ready", r)
    slots = record.arrays.slots[record.node][None, :]
    for r, t in findings.first(np.argwhere(done & ((log.slot < 0) | (log.slot >= slots)))):
        findings.add("state", f"{names.task(t)} ran on slot {log.slot[r, t]} of "
                     f"{names.node(int(record.node[t]))}, which has {slots[0, t]}", r)  # fmt: skip
    request, task, _, start, end = log.attempts
    for i in np.flatnonzero(~(start < end) | (log.state[request, task] == ABSENT)):
        findings.add("state", f"{names.task(int(task[i]))} is interrupted from {start[i]} to "
                     f"{end[i]}", int(request[i]))  # fmt: skip
    return len(findings.violations) == before


def check_requests(record: Record, findings: Findings) -> None:
    """Arrivals as planned, or in a closed loop after completions; completions by exit tasks."""
    log, slack = record.log, findings.slack_s
    for (r,) in findings.first(np.argwhere(_differ(log.arrival, _arrivals(record), slack))):
        findings.add("arrival", f"arrives at {log.arrival[r]}, not at {_arrivals(record)[r]}", r)
    over = record.over_at
    for (r,) in findings.first(np.argwhere(_differ(log.completed, over, slack))):
        findings.add("complete", f"completes at {log.completed[r]}, its exit tasks at {over[r]}", r)


def _arrivals(record: Record) -> FloatArray:
    """(R,) arrivals by the rules, NaN for requests of a closed loop that are never released."""
    clients, luck = int(record.arrays.clients.max()), record.realisation
    if clients == 0:
        return luck.arrival
    out = np.full(record.n_requests, np.nan)
    out[:clients] = 0.0
    completed = record.log.completed
    order = np.lexsort((np.arange(len(completed)), completed))
    order = order[np.isfinite(completed[order])][: max(record.n_requests - clients, 0)]
    think = luck.think if luck.think.size else np.zeros(record.n_requests)
    released = np.arange(clients, clients + len(order))
    out[released] = completed[order] + think[released]
    return out


def check_ends(record: Record, facts: Facts, findings: Findings) -> None:
    """Skipped and cancelled exactly where the rules say so; nothing lost that could have run."""
    log, names = record.log, findings.names
    skipped, cancelled = log.state == SKIPPED, log.state == CANCELLED
    useless = facts.useless_at
    # A task may be removed before its last input falls away; otherwise it is skipped.
    wrong = (skipped & ~facts.all_off) | (facts.all_off & ~skipped & ~cancelled)
    for r, t in findings.first(np.argwhere(wrong & (log.state != ABSENT))):
        why = "no input will come" if facts.all_off[r, t] else "an input may still come"
        findings.add("state", f"{names.task(t)} is {STATES[log.state[r, t]]}, but {why}", r)
    for r, t in findings.first(np.argwhere(cancelled & ~np.isfinite(useless))):
        findings.add("state", f"{names.task(t)} is cancelled, but its work is wanted", r)
    with np.errstate(invalid="ignore"):
        late = (log.state == FINISHED) & (log.start > useless + findings.slack_s)
        late |= (log.state == LOST) & np.isfinite(useless)
        late |= skipped & (record.skipped_at > useless + findings.slack_s)
    for r, t in findings.first(np.argwhere(late)):
        findings.add("state", f"{names.task(t)} is {STATES[log.state[r, t]]}, but nobody wants its "
                     f"work from {useless[r, t]} on", r)  # fmt: skip


def check_ready(record: Record, facts: Facts, findings: Findings) -> None:
    """The instant at which a join closes, and the arrival: whichever is later."""
    log = record.log
    want = np.where(np.isinf(facts.ready_at), np.nan, facts.ready_at)
    wrong = _differ(log.ready, want, findings.slack_s) & (log.state != ABSENT)
    # A removed task may have gone before it was ready.
    wrong &= ~((log.state == CANCELLED) & np.isnan(log.ready))
    for r, t in findings.first(np.argwhere(wrong)):
        findings.add("ready", f"{findings.names.task(t)} is ready at {log.ready[r, t]}, "
                     f"by its inputs at {want[r, t]}", r)  # fmt: skip


def check_inputs(record: Record, facts: Facts, findings: Findings) -> None:
    """Messages exist where they were sent, and a closed join used the first that came."""
    log, arrays, names = record.log, record.arrays, findings.names
    for r, e in findings.first(np.argwhere((log.used >= 0) != record.sent)):
        what = "was sent, but is not recorded" if record.sent[r, e] else "was never sent"
        findings.add("input", f"the message along {names.edge(e)} {what}", r)
    for r, e in findings.first(np.argwhere(~np.isnan(log.delivered) & ~record.sent)):
        findings.add("input", f"the message along {names.edge(e)} is delivered at "
                     f"{log.delivered[r, e]}, but was never sent", r)  # fmt: skip
    close, limit, by_timer = facts.closing
    used = np.asarray(record.at_consumer(log.used, -1)) == 1
    came = np.where(facts.is_input, record.arrived_at, np.nan)
    slack = findings.slack_s
    with np.errstate(invalid="ignore"):
        late = used & ~(
            (came <= close[:, arrays.edge_dst] + slack) & np.isfinite(close[:, arrays.edge_dst])
        )
        left = ~used & (came < close[:, arrays.edge_dst] - slack)
        left &= np.isfinite(close[:, arrays.edge_dst])
    # A task removed before its join closed never uses anything.
    gone = (log.state == CANCELLED) & (facts.useless_at <= close)
    left &= ~gone[:, arrays.edge_dst]
    for r, e in findings.first(np.argwhere(late)):
        findings.add("input", f"{names.task(int(arrays.edge_dst[e]))} uses {names.edge(e)}, which "
                     f"comes at {came[r, e]}, after it closed", r)  # fmt: skip
    for r, e in findings.first(np.argwhere(left)):
        task = names.task(int(arrays.edge_dst[e]))
        findings.add("input", f"{task} does not use {names.edge(e)}, which came at {came[r, e]}, "
                     "before it closed", r)  # fmt: skip
    if slack == 0.0:
        close = np.where(gone, np.inf, close)
        _check_ties(record, used, came, close, limit, by_timer, findings)


def _check_ties(
    record: Record,
    used: BoolArray,
    came: FloatArray,
    close: FloatArray,
    limit: IntArray,
    by_timer: BoolArray,
    findings: Findings,
) -> None:
    """How many inputs a closed join used; of those that came at its last instant the first ids."""
    arrays = record.arrays
    ptr, edges = arrays.in_csr
    prompt = np.asarray(record.at_consumer(_prompt(record), False), dtype=np.bool_)
    for t in range(arrays.n_tasks):
        mine = edges[ptr[t] : ptr[t + 1]]
        if len(mine) == 0:
            continue
        closed = np.isfinite(close[:, t])
        at_last = came[:, mine] == close[:, [t]]
        sure = (prompt[:, mine] | ~at_last).all(axis=1)
        count = used[:, mine].sum(axis=1)
        there = (came[:, mine] <= close[:, [t]]).sum(axis=1)
        want = np.minimum(limit[:, t], there)
        exact = sure | ~by_timer[:, t]
        wrong = closed & ((count > want) | (count < 1) | (exact & (count < want)))
        for (r,) in findings.first(np.argwhere(wrong)):
            findings.add("input", f"{findings.names.task(t)} uses {count[r]} inputs, not "
                         f"{want[r]}", r)  # fmt: skip
        rank = np.cumsum(at_last & used[:, mine], axis=1)
        passed = at_last & ~used[:, mine] & (rank < rank[:, [-1]])
        for r, i in findings.first(np.argwhere(passed & (closed & sure)[:, None])):
            findings.add("input", f"{findings.names.task(t)} passes over "
                         f"{findings.names.edge(int(mine[i]))} for an equal one with a higher id",
                         r)  # fmt: skip


def _prompt(record: Record) -> BoolArray:
    """(R, E) messages that surely came in the first round of their instant.

    What follows from a hold of no length comes in a later round, and may come too late for a join
    that closes at that instant. Only where paces and links are fixed can a trace tell.
    """
    log, src = record.log, record.arrays.edge_src
    with np.errstate(invalid="ignore"):
        lasting = log.finish[:, src] > log.start[:, src]
    fixed = np.all(record.arrays.corun == 1.0) and record.realisation.is_static
    return np.asarray(lasting & bool(fixed) & (~record.remote | (record.arrays.network == 0)))


def check_starts(record: Record, findings: Findings) -> None:
    """No execution before its task is ready, none again before it was interrupted."""
    x, ready, names = record.executions, record.log.ready, findings.names
    since = ready[x.request, x.task].copy()
    again = np.flatnonzero(x.attempt > 1)
    since[again] = x.end[again - 1]
    for (i,) in findings.first(np.argwhere(~(x.start >= since - findings.slack_s))):
        findings.add("start", f"{names.task(int(x.task[i]))} starts at {x.start[i]}, before "
                     f"{since[i]}", int(x.request[i]))  # fmt: skip


def check_holds(record: Record, facts: Facts, findings: Findings) -> None:
    """An execution lasts its hold at the pace of its node, an interrupted one less."""
    x, names = record.executions, findings.names
    hold = record.hold_s[x.request, x.task]
    static = facts.is_static[x.node]
    wrong = static & x.finished & (x.end != x.start + hold)
    for n in np.flatnonzero(~facts.is_static):
        here = np.flatnonzero(x.node == n)
        done = progress_of_node(record, int(n), x.end[here]) - progress_of_node(
            record, int(n), x.start[here]
        )
        wrong[here] = x.finished[here] & (np.abs(done - hold[here]) > findings.epsilon_s)
        over = ~x.finished[here] & (done > hold[here] + findings.epsilon_s)
        wrong[here[over]] = True
    wrong |= static & ~x.finished & (x.end >= x.start + hold)  # it would have finished
    for (i,) in findings.first(np.argwhere(wrong)):
        findings.add("hold", f"{names.task(int(x.task[i]))} holds its slot from {x.start[i]} to "
                     f"{x.end[i]}, its hold is {hold[i]}", int(x.request[i]))  # fmt: skip


def _differ(a: FloatArray, b: FloatArray, slack: float) -> BoolArray:
    """Where two times differ by more than the slack; NaN equals NaN only."""
    with np.errstate(invalid="ignore"):
        return np.asarray(~((np.abs(a - b) <= slack) | (np.isnan(a) & np.isnan(b)) | (a == b)))
