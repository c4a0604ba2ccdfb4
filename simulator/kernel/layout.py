"""The arrays the kernel works on: what is given (World, Luck) and what changes (State).

Index letters as in `simulator.arrays`; in addition M slots over all nodes. A *unit* is a task of a
request, at flat index ``r * T + t``; a *message* is an edge of a request, at ``r * E + e``. Where a
unit or message is stored in a list it is a *code*, ``r << task_bits | t`` or
``(r << edge_bits | e) << hop_bits | hop``: codes sort like (request, index) and split by shifts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import FloatArray, IntArray
from simulator.kernel.bundle import Bundle

SmallArray = NDArray[np.int8]
CountArray = NDArray[np.int32]

# States of a unit. A unit is closed, in the sense of the rules, from CLOSED to FINISHED.
OPEN, CANDIDATE, CLOSED, READY, RUNNING, FINISHED, SKIPPED, CANCELLED, ABSENT = range(9)

# Kinds of events, the low bits of an event's code.
KIND_BITS = 3
KIND_MASK = (1 << KIND_BITS) - 1
ON_FINISH, ON_READY, ON_DELIVERY, ON_HOP, ON_FLOW, ON_ARRIVAL, ON_LINK = range(7)

# Kinds of changes of the world.
OUTAGE_START, OUTAGE_END, SLOW_START, SLOW_END, DEGRADED_START, DEGRADED_END = range(6)

# Entries of State.count.
(
    EVENTS,  # entries of the event heap
    TIMERS,  # entries of the timer heap
    ARRIVED,  # open arrivals so far
    CHANGED,  # changes of the world so far
    RELEASED,  # closed loop: requests released so far
    CANDIDATES,  # joins that close in this phase
    SKIPS,  # units that are skipped in this phase
    CANCELS,  # closed or removed units whose producers may be removed
    DONE,  # requests completed since the closed loop last looked
    DIRTY_NODES,
    DIRTY_LINKS,
    JOINERS,  # messages that reach a link at this instant
    FLOWS,  # flows that share bandwidth
    FLOWS_CHANGED,  # flows or capacities changed since rates were computed
    SOLVES,  # number of times rates were computed
    INTERRUPTED,  # units interrupted in this phase
    ATTEMPTS,  # attempts interrupted so far
    RECORD,  # 1: keep the record of messages, slots and attempts
    N_COUNTS,
) = range(19)

# Entries of State.clock.
NOW, NEXT_FLOW_END, N_CLOCKS = range(3)


class World(Bundle):
    """A problem's arrays with everything derived from them; never written by the kernel."""

    network: int
    dispatch: int
    discipline: int
    n_tasks: int
    n_variants: int
    n_nodes: int
    n_slots: int
    n_links: int
    n_edges: int
    n_streams: int
    n_classes: int
    task_bits: int
    edge_bits: int
    hop_bits: int
    has_cancel: int
    has_infinite: int  # a link of infinite bandwidth
    corun_width: int
    slots: IntArray  # (N,)
    slot_ptr: IntArray  # (N + 1,)
    dispatch_s: FloatArray
    sends: SmallArray  # (N,) 1 where sending costs time
    send_s: FloatArray
    send_s_per_byte: FloatArray
    wake_s: FloatArray
    corun: FloatArray  # (N, K)
    coruns: SmallArray  # (N,) 1 where a factor of the table is not 1
    bandwidth: FloatArray  # (L,)
    latency: FloatArray
    table_ptr: IntArray
    table_bytes: FloatArray
    table_s: FloatArray
    route_ptr: IntArray  # (N * N + 1,); a pair of nodes (a, b) has index a * N + b
    route_links: IntArray
    route_pair: IntArray  # pair of each entry of route_links
    route_latency: FloatArray  # (N * N,)
    route_bandwidth: FloatArray
    route_tabled: SmallArray  # (N * N,) 1 where a link of the route has a size table
    link_pairs_ptr: IntArray  # (L + 1,) room for the pairs whose route uses a link
    stream_deadline: FloatArray  # (S,)
    clients: IntArray
    exits: IntArray  # (S,) exit tasks of each stream
    stream_ptr: IntArray  # (S + 1,) tasks of each stream
    stream_tasks: IntArray
    early_ptr: IntArray  # (S + 1,) tasks that may be ready at the arrival of their request
    early_tasks: IntArray
    timer_ptr: IntArray  # (S + 1,) tasks with a join deadline
    timer_tasks: IntArray
    task_class: IntArray  # (T,) dense rank of the class
    seconds: FloatArray  # (T, V, N)
    join_need: IntArray
    join_deadline: FloatArray
    join_cancel: SmallArray
    plain_join: SmallArray  # (T,) 1: all inputs, no deadline
    is_exit: SmallArray
    max_lag: IntArray  # (T,) largest lag of an in-edge
    edge_src: IntArray
    edge_dst: IntArray
    edge_lag: IntArray
    edge_conditional: SmallArray
    edge_bytes: FloatArray  # (E, V), flat like all of these
    in_ptr: IntArray
    in_edges: IntArray
    out_ptr: IntArray
    out_edges: IntArray


class Luck(Bundle):
    """A realisation with everything derived from it; never written by the kernel."""

    n_requests: int
    request_bits: int
    clients: int  # 0 for open arrivals
    n_changes: int
    n_slow: int
    n_degraded: int
    has_task_factor: int
    has_edge_factor: int
    has_taken: int
    arrival: FloatArray  # (R,)
    stream: IntArray
    position: IntArray  # (R,) index of the request in its stream
    first: IntArray  # (S,) where a stream starts in by_stream
    number: IntArray  # (S,) requests of the stream
    by_stream: IntArray  # (R,) requests, stream by stream
    task_factor: FloatArray  # (R, T) or (0, 0)
    edge_factor: FloatArray
    taken: SmallArray
    think: FloatArray  # (R,)
    change_time: FloatArray  # starts and ends of outages, slow-downs and degradations, by time
    change_kind: IntArray
    change_index: IntArray
    outage_node: IntArray
    slow_ptr: IntArray  # (N + 1,) slow-downs of each node, in list order
    slow_list: IntArray
    slow_node: IntArray
    slow_factor: FloatArray
    degraded_ptr: IntArray  # (L + 1,)
    degraded_list: IntArray
    degraded_link: IntArray
    degraded_factor: FloatArray
    edf_rank: IntArray  # (R,) rank by (class, absolute deadline, request); open arrivals only
    edf_order: IntArray


class State(Bundle):
    """Everything that changes. Copying these arrays copies a run."""

    event_room: int
    count: IntArray
    clock: FloatArray
    # The candidate and what follows from it.
    node: IntArray  # (T,)
    variant: IntArray
    rank: IntArray  # (T,) rank by (priority, task)
    by_rank: IntArray
    class_rank: IntArray  # (T,) dense rank of (class, priority), with ties
    sequence_ptr: IntArray  # (N + 1,) tasks of each node in (priority, task) order
    sequence: IntArray
    sequence_at: IntArray  # (T,)
    buckets: IntArray
    ready_ptr: IntArray  # (N + 1,) room of each node's heap of ready units
    hop_ptr: IntArray  # (E + 1,)
    # Requests.
    arrival: FloatArray  # (R,) NaN before the arrival
    completed: FloatArray
    exits_left: IntArray
    # Units.
    state: SmallArray
    left: CountArray  # inputs not yet known to be dead; a plain join also counts off sent ones
    got: CountArray  # inputs delivered; not counted for plain joins
    quorum: CountArray
    open_edges: CountArray  # out-edges that still lead to somebody
    last: FloatArray  # plain joins: latest delivery among the messages sent so far
    ready: FloatArray
    start: FloatArray
    finish: FloatArray
    slot: CountArray
    # Messages.
    delivered: FloatArray
    used: SmallArray
    hop_start: FloatArray
    hop_end: FloatArray
    # Events.
    event_time: FloatArray
    event_code: IntArray
    timer_time: FloatArray
    timer_code: IntArray
    # Nodes and slots.
    ready_key: IntArray
    ready_count: IntArray  # (N,)
    head_request: IntArray  # (N,) strict: where the node is in its sequence
    head_index: IntArray
    running: IntArray
    down: IntArray
    slow: FloatArray
    product: FloatArray
    busy: FloatArray
    node_dirty: SmallArray
    dirty_nodes: IntArray
    slot_request: IntArray  # (M,)
    slot_task: IntArray  # -1: free
    slot_start: FloatArray
    slot_left: FloatArray
    slot_since: FloatArray
    slot_finish: FloatArray
    slow_on: SmallArray
    degraded_on: SmallArray
    # Lists of one phase.
    candidates: IntArray
    skips: IntArray
    cancels: IntArray
    interrupted: IntArray
    joiners: IntArray
    # Links as servers.
    link_free: FloatArray  # (L,)
    link_factor: FloatArray  # product of the degradations in force
    link_code: IntArray  # message in service, -1 if none; links with degradations only
    link_product: FloatArray  # product for which the service was timed
    link_left: FloatArray
    link_since: FloatArray
    link_finish: FloatArray
    link_start: FloatArray
    queue_head: IntArray
    queue_tail: IntArray
    queue_next: IntArray  # by message
    link_dirty: SmallArray
    dirty_links: IntArray
    # Links as shared capacity.
    flow_code: IntArray
    flow_pair: IntArray
    flow_left: FloatArray
    flow_since: FloatArray
    flow_rate: FloatArray
    flow_finish: FloatArray
    pair_flows: IntArray  # (N * N,)
    pair_rate: FloatArray
    pair_solve: IntArray  # number of the solve that froze the pair
    pair_at: IntArray  # position of a pair in the list of each link of its route
    link_pairs: IntArray
    link_pairs_count: IntArray
    link_flows: IntArray
    share: FloatArray
    capacity_left: FloatArray
    flows_left: IntArray
    solve_links: IntArray
    link_solve: IntArray
    link_at: IntArray  # position of a link in solve_links and share
    # Attempts interrupted by outages.
    attempt_request: IntArray
    attempt_task: IntArray
    attempt_slot: IntArray
    attempt_start: FloatArray
    attempt_end: FloatArray
