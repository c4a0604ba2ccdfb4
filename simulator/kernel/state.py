"""Allocating, saving and restoring the state of a run."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import FAIR, FIFO_NETWORK, STRICT
from simulator.kernel.layout import (
    ATTEMPTS,
    EVENTS,
    FLOWS,
    N_CLOCKS,
    N_COUNTS,
    RECORD,
    TIMERS,
    Luck,
    State,
    World,
)
from simulator.threads import private_array

# Stacks: only this many entries at the front mean anything between two instants.
FILLED = {
    **dict.fromkeys(("event_time", "event_code"), EVENTS),
    **dict.fromkeys(("timer_time", "timer_code"), TIMERS),
    **dict.fromkeys(
        ("flow_code", "flow_pair", "flow_left", "flow_since", "flow_rate", "flow_finish"), FLOWS
    ),
    **dict.fromkeys(
        ("attempt_request", "attempt_task", "attempt_slot", "attempt_start", "attempt_end"),
        ATTEMPTS,
    ),
}
# Lists of one phase: empty between two instants.
EMPTY = ("buckets", "candidates", "skips", "cancels", "interrupted", "joiners")


def make_state(world: World, luck: Luck, record: bool = True) -> State:
    """Allocate a state for runs of one problem under realisations of one shape.

    Parameters
    ----------
    world, luck : World, Luck
    record : bool
        Keep the record of messages, slots and attempts, which a RunLog needs and an objective
        does not.

    Returns
    -------
    State
        Nothing is allocated while it runs. Memory that a run does not touch costs nothing: most
        lists have the size of their bound.
    """
    sizes = _sizes(world, luck, record)
    arrays: dict[str, NDArray[Any]] = {
        name: private_array(n, dtype) for name, (n, dtype) in sizes.items()
    }
    x = State(event_room=sizes["event_time"][0], **arrays)
    x.count[:] = 0
    x.count[RECORD] = record
    return x


def _sizes(w: World, z: Luck, record: bool) -> dict[str, tuple[int, type]]:
    """Length and type of every array."""
    i8, i4, i1, f8 = np.int64, np.int32, np.int8, np.float64
    units, messages = z.n_requests * w.n_tasks, z.n_requests * w.n_edges
    slots, pairs = w.n_slots, w.n_nodes**2
    fifo, fair = w.network == FIFO_NETWORK, w.network == FAIR
    queued = messages if fifo and len(z.degraded_link) else 0
    live = units + messages + slots + w.n_links + min(z.clients, z.n_requests)
    events = live + live // 2 + 4 * (slots + w.n_links) + 64
    timers = int(np.diff(w.timer_ptr)[z.stream].sum())
    longest_route = int(np.diff(w.route_ptr).max(initial=1))
    hops = messages * max(longest_route, 1) if record else 0
    attempts = int(w.slots[z.outage_node].sum()) if record else 0
    groups: list[tuple[int, type, str]] = [
        (N_COUNTS, i8, "count"),
        (N_CLOCKS, f8, "clock"),
        (w.n_tasks, i8, "node variant rank by_rank class_rank sequence sequence_at"),
        (w.n_nodes + 1, i8, "sequence_ptr ready_ptr"),
        (4 * w.n_tasks + 2, i8, "buckets"),
        (w.n_edges + 1, i8, "hop_ptr"),
        (z.n_requests, f8, "arrival completed"),
        (z.n_requests, i8, "exits_left"),
        (units, i1, "state"),
        (units, i4, "left got quorum"),
        (units if w.has_cancel else 0, i4, "open_edges"),
        (units, f8, "last ready start finish"),
        (units if record else 0, i4, "slot"),
        (messages if record else 0, f8, "delivered"),
        (messages if record else 0, i1, "used"),
        (hops, f8, "hop_start hop_end"),
        (events, f8, "event_time"),
        (events, i8, "event_code"),
        (timers, f8, "timer_time"),
        (timers, i8, "timer_code"),
        (0 if w.dispatch == STRICT else units, i8, "ready_key"),
        (w.n_nodes, i8, "ready_count head_request head_index running down dirty_nodes"),
        (w.n_nodes, f8, "slow product busy"),
        (w.n_nodes, i1, "node_dirty"),
        (slots, i8, "slot_request slot_task interrupted"),
        (slots, f8, "slot_start slot_left slot_since slot_finish"),
        (len(z.slow_node), i1, "slow_on"),
        (len(z.degraded_link), i1, "degraded_on"),
        (units, i8, "candidates skips cancels"),
        (messages if fifo else 0, i8, "joiners"),
        (w.n_links, f8, "link_factor"),
        (w.n_links, i8, "dirty_links"),
        (w.n_links, i1, "link_dirty"),
        (w.n_links if fifo else 0, f8, "link_free link_product link_left link_since"),
        (w.n_links if fifo else 0, f8, "link_finish link_start"),
        (w.n_links if fifo else 0, i8, "link_code queue_head queue_tail"),
        (queued, i8, "queue_next"),
        (messages if fair else 0, i8, "flow_code flow_pair"),
        (messages if fair else 0, f8, "flow_left flow_since flow_rate flow_finish"),
        (pairs if fair else 0, i8, "pair_flows pair_solve"),
        (pairs if fair else 0, f8, "pair_rate"),
        (len(w.route_links) if fair else 0, i8, "pair_at link_pairs"),
        (w.n_links if fair else 0, i8, "link_pairs_count link_flows flows_left"),
        (w.n_links if fair else 0, i8, "solve_links link_solve link_at"),
        (w.n_links if fair else 0, f8, "share capacity_left"),
        (attempts, i8, "attempt_request attempt_task attempt_slot"),
        (attempts, f8, "attempt_start attempt_end"),
    ]
    return {name: (n, dtype) for n, dtype, names in groups for name in names.split()}


def save(x: State) -> dict[str, NDArray[np.generic]]:
    """Copy what matters of a state between two instants."""
    saved: dict[str, NDArray[np.generic]] = {}
    for name, array in x.arrays().items():
        if name not in EMPTY:
            n = int(x.count[FILLED[name]]) if name in FILLED else len(array)
            saved[name] = array[:n].copy()
    return saved


def restore(x: State, saved: dict[str, NDArray[np.generic]]) -> None:
    """Bring a state of the same shape back to what `save` copied."""
    for name, array in saved.items():
        getattr(x, name)[: len(array)] = array
