"""Small lies about a run: each returns a changed log, or None where it does not apply."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from simulator.record import Record
from simulator.runlog import CANCELLED, FINISHED, LOST, SKIPPED, RunLog

Mutant = Callable[[Record, np.random.Generator], RunLog | None]
DELTA = 0.375
"""Seconds by which times are moved: no sum of what the random worlds are made of."""


def _any(rng: np.random.Generator, mask: Any) -> tuple[int, ...] | None:
    cells = np.argwhere(mask)
    return tuple(int(i) for i in cells[rng.integers(len(cells))]) if len(cells) else None


def _moved(log: RunLog, cell: tuple[int, ...], **by: float) -> RunLog:
    """The log with entries of some of its fields moved by some seconds at one cell."""
    out = {name: getattr(log, name).copy() for name in by}
    for name, seconds in by.items():
        out[name][cell] += seconds
    return replace(log, **out)


def _finished(record: Record, rng: np.random.Generator) -> tuple[int, ...] | None:
    return _any(rng, record.log.state == FINISHED)


def later_start(record: Record, rng: np.random.Generator) -> RunLog | None:
    cell = _any(rng, (record.log.finish - record.log.start) > DELTA)
    return cell and _moved(record.log, cell, start=DELTA)


def later_finish(record: Record, rng: np.random.Generator) -> RunLog | None:
    cell = _finished(record, rng)
    return cell and _moved(record.log, cell, finish=DELTA)


def later_execution(record: Record, rng: np.random.Generator) -> RunLog | None:
    cell = _finished(record, rng)
    return cell and _moved(record.log, cell, start=DELTA, finish=DELTA)


def earlier_execution(record: Record, rng: np.random.Generator) -> RunLog | None:
    cell = _any(rng, (record.log.finish - record.log.start) > DELTA)
    return cell and _moved(record.log, cell, start=-DELTA, finish=-DELTA)


def later_delivery(record: Record, rng: np.random.Generator) -> RunLog | None:
    cell = _any(rng, np.isfinite(record.log.delivered))
    return cell and _moved(record.log, cell, delivered=DELTA)


def earlier_delivery(record: Record, rng: np.random.Generator) -> RunLog | None:
    cell = _any(rng, np.isfinite(record.log.delivered))
    return cell and _moved(record.log, cell, delivered=-DELTA)


def later_ready(record: Record, rng: np.random.Generator) -> RunLog | None:
    cell = _any(rng, np.isfinite(record.log.ready))
    return cell and _moved(record.log, cell, ready=DELTA)


def later_completion(record: Record, rng: np.random.Generator) -> RunLog | None:
    cell = _any(rng, np.isfinite(record.log.completed))
    return cell and _moved(record.log, cell, completed=DELTA)


def later_arrival(record: Record, rng: np.random.Generator) -> RunLog | None:
    cell = _any(rng, np.isfinite(record.log.arrival))
    return cell and _moved(record.log, cell, arrival=DELTA)


def dropped_message(record: Record, rng: np.random.Generator) -> RunLog | None:
    cell = _any(rng, np.isfinite(record.log.delivered))
    return cell and _moved(record.log, cell, delivered=np.nan)


def forgotten_message(record: Record, rng: np.random.Generator) -> RunLog | None:
    cell = _any(rng, record.log.used >= 0)
    if cell is None:
        return None
    used = record.log.used.copy()
    used[cell] = -1
    return replace(record.log, used=used)


def other_input(record: Record, rng: np.random.Generator) -> RunLog | None:
    """Say that a delivered input was not used; or that one too late was.

    Not where a deadline closes a join: of what comes at that very instant no trace can tell.
    """
    dst = record.arrays.edge_dst
    plain = np.isinf(record.arrays.join_deadline[dst])[None, :]
    ended = record.log.state[np.maximum(record.consumer, 0), dst[None, :]] == FINISHED
    came = (record.log.used >= 0) & np.isfinite(record.log.delivered)
    cell = _any(rng, came & plain & ended)
    if cell is None:
        return None
    used = record.log.used.copy()
    used[cell] = 1 - used[cell]
    return replace(record.log, used=used)


def lost_task(record: Record, rng: np.random.Generator) -> RunLog | None:
    # One that took no time may have been lost to an outage of that instant.
    cell = _any(rng, record.log.finish > record.log.start)
    return cell and _stated(record.log, cell, LOST)


def skipped_task(record: Record, rng: np.random.Generator) -> RunLog | None:
    cell = _any(rng, (record.log.state == FINISHED) | (record.log.state == LOST))
    return cell and _stated(record.log, cell, SKIPPED)


def cancelled_task(record: Record, rng: np.random.Generator) -> RunLog | None:
    cell = _any(rng, (record.log.state == FINISHED) & record.arrays.is_exit[None, :])
    return cell and _stated(record.log, cell, CANCELLED)


def revived_task(record: Record, rng: np.random.Generator) -> RunLog | None:
    """Say that a skipped or cancelled task was merely lost."""
    cell = _any(rng, (record.log.state == SKIPPED) | (record.log.state == CANCELLED))
    return cell and _stated(record.log, cell, LOST)


def _stated(log: RunLog, cell: tuple[int, ...], state: int) -> RunLog:
    out = {name: getattr(log, name).copy() for name in ("state", "start", "finish")}
    out["state"][cell] = state
    out["start"][cell] = out["finish"][cell] = np.nan
    return replace(log, **out)


def other_slot(record: Record, rng: np.random.Generator) -> RunLog | None:
    """Move an execution to the slot above, which was not the lowest free one, or to one in use."""
    log = record.log
    top = record.arrays.slots[record.node][None, :]
    still = (log.finish > log.start) & ~_touched(record)
    cell = _any(rng, still & (log.slot + 1 < top))
    if cell is None:
        return None
    slot = log.slot.copy()
    slot[cell] += 1
    return replace(log, slot=slot)


def _touched(record: Record) -> Any:
    """Executions at whose start another one starts or ends on the node: the lie may be true."""
    x = record.executions
    out = np.zeros(record.log.state.shape, dtype=np.bool_)
    for r, t in np.argwhere(record.log.state == FINISHED):
        at = record.log.start[r, t]
        near = (x.node == record.node[t]) & ((x.start == at) | (x.end == at))
        out[r, t] = near.sum() > 1
    return out


def forgotten_interruption(record: Record, rng: np.random.Generator) -> RunLog | None:
    """Leave out an interrupted execution: its slot was idle then, beside a ready task."""
    n = len(record.log.attempts[0])
    if n == 0:
        return None
    keep = np.arange(n) != rng.integers(n)
    columns = tuple(column[keep] for column in record.log.attempts)
    return replace(record.log, attempts=columns)  # type: ignore[arg-type]


def later_interruption(record: Record, rng: np.random.Generator) -> RunLog | None:
    n = len(record.log.attempts[0])
    return _hop_moved(record, "attempts", int(rng.integers(n)), 4) if n else None


def later_hop(record: Record, rng: np.random.Generator) -> RunLog | None:
    n = len(record.log.hops[0])
    return _hop_moved(record, "hops", int(rng.integers(n)), 3) if n else None


def longer_hop(record: Record, rng: np.random.Generator) -> RunLog | None:
    n = len(record.log.hops[0])
    return _hop_moved(record, "hops", int(rng.integers(n)), 4) if n else None


def _hop_moved(record: Record, field: str, row: int, column: int) -> RunLog:
    columns = [part.copy() for part in getattr(record.log, field)]
    columns[column][row] += DELTA
    return replace(record.log, **{field: tuple(columns)})


def dropped_hop(record: Record, rng: np.random.Generator) -> RunLog | None:
    n = len(record.log.hops[0])
    if n == 0:
        return None
    keep = np.arange(n) != rng.integers(n)
    columns = tuple(column[keep] for column in record.log.hops)
    return replace(record.log, hops=columns)  # type: ignore[arg-type]


MUTANTS: dict[str, Mutant] = {
    f.__name__: f
    for f in (
        later_start, later_finish, later_execution, earlier_execution, later_delivery,
        earlier_delivery, later_ready, later_completion, later_arrival, dropped_message,
        forgotten_message, other_input, lost_task, skipped_task, cancelled_task, revived_task,
        other_slot, forgotten_interruption, later_interruption, later_hop, longer_hop, dropped_hop,
    )
}  # fmt: skip
