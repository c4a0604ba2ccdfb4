"""Certificates: recheck any trace against the rules of simulated time, without an engine.

Each rule is checked locally: given what the trace says happened before, did this follow? So a
wrong instant is reported where it is wrong, not wherever it leads. Nothing is imported from the
engines; what they do with events is stated here a second time, as conditions on their result.

======== ==========================================================================================
rule     condition
======== ==========================================================================================
state    states and times fit together; skipped, cancelled and lost exactly where the rules say so
arrival  requests arrive when planned; a closed loop releases them after completions
complete a request completes when its last exit task is finished or skipped
ready    a task is ready when its join closes (quorum, branches, deadline) and its request is there
input    a join uses the first inputs that came; messages exist exactly where they were sent
start    nothing starts before it is ready, or again before its interruption
hold     an execution lasts as long as its work at the pace of the node; exact when that is static
slot     one execution at a time on a slot, the lowest free slot first
outage   nothing runs on a node that is down; interruptions happen where outages begin
order    strict: the sequence of the node; greedy: the discipline decides among those waiting
idle     no slot is idle while a task waits that may take it
message  delivery under ``ideal``, within a node, and of signals, exactly
link     ``fifo``: one message at a time, in order of arrival, served at the link's bandwidth
flow     ``fair``: max-min shares of the flows of every instant carry exactly the bytes of each
======== ==========================================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulator.arrays import FAIR, FIFO_NETWORK
from simulator.check.facts import Facts
from simulator.check.findings import Findings, Names, Violation
from simulator.record import Record

if TYPE_CHECKING:
    from simulator.trace import Trace

__all__ = ["Violation", "assert_valid", "check_record", "check_trace"]


def check_trace(
    trace: Trace, tolerance: float = 1e-9, slack_s: float = 0.0, most: int = 20
) -> list[Violation]:
    """List what in a finished run breaks the rules.

    Parameters
    ----------
    trace : Trace
        Of a run that went on to its end. For a measured one the rules `hold`, `message`, `link`
        and `flow` do not apply: its durations are what is measured.
    tolerance : float
        Relative to the length of the run, for quantities that are integrals over time; what the
        rules fix exactly is compared exactly.
    slack_s : float, seconds
        Allowed in every comparison: the overheads of a real run, 0 for a simulated one.
    most : int
        Reported for each rule at most.

    Returns
    -------
    list of Violation, empty when the run obeys.
    """
    problem = trace.problem
    names = Names(problem.task_names, trace.edge_names, problem.node_names, problem.link_names)
    return check_record(trace.record, tolerance, slack_s, most, names, trace.is_measured)


def check_record(
    record: Record,
    tolerance: float = 1e-9,
    slack_s: float = 0.0,
    most: int = 20,
    names: Names | None = None,
    is_measured: bool = False,
) -> list[Violation]:
    """As `check_trace`, for a run given by its index arrays."""
    from simulator.check import flows, links, messages, order, tasks

    log = record.log
    times = np.concatenate([log.finish.ravel(), log.delivered.ravel(), log.arrival, [0.0]])
    span = float(np.abs(times[np.isfinite(times)]).max())
    findings = Findings(names or Names(), most, tolerance * span, slack_s)
    if not tasks.check_states(record, findings):
        return findings.violations  # times contradict states; nothing can be derived from them
    facts = Facts(record)
    tasks.check_requests(record, findings)
    tasks.check_ends(record, facts, findings)
    tasks.check_ready(record, facts, findings)
    tasks.check_inputs(record, facts, findings)
    tasks.check_starts(record, findings)
    order.check_slots(record, findings)
    order.check_outages(record, facts, findings, is_measured)
    order.check_order(record, facts, findings)
    if not is_measured:
        tasks.check_holds(record, facts, findings)
        messages.check_messages(record, findings)
        if record.arrays.network == FIFO_NETWORK:
            links.check_links(record, findings)
        elif record.arrays.network == FAIR:
            flows.check_flows(record, findings)
    return findings.violations


def assert_valid(trace: Trace, tolerance: float = 1e-9, slack_s: float = 0.0) -> None:
    """Raise unless a trace obeys the rules.

    Raises
    ------
    AssertionError
        Lists the violations.
    """
    if found := check_trace(trace, tolerance, slack_s):
        raise AssertionError("\n".join(map(str, found)))
