"""The loop over instants: phases and rounds of the rules, for every case the kernel covers."""

from __future__ import annotations

from simulator.arrays import FAIR, FIFO_NETWORK, IntArray
from simulator.kernel.compiled import entry, helper, inlined
from simulator.kernel.heap import make_room, pop_event, push_event, sift_down, sift_up
from simulator.kernel.joins import (
    become_candidate,
    cancel_units,
    check_quorum,
    close_joins,
    complete,
    enqueue,
    following,
    skip_units,
)
from simulator.kernel.layout import (
    ARRIVED,
    CHANGED,
    CLOSED,
    DONE,
    EVENTS,
    JOINERS,
    KIND_BITS,
    KIND_MASK,
    NEXT_FLOW_END,
    NOW,
    ON_ARRIVAL,
    ON_DELIVERY,
    ON_FINISH,
    ON_FLOW,
    ON_HOP,
    ON_LINK,
    ON_READY,
    OPEN,
    RELEASED,
    TIMERS,
    Luck,
    State,
    World,
)
from simulator.kernel.network_fair import end_flows, settle_fair, start_flow
from simulator.kernel.network_fifo import end_service, settle_fifo
from simulator.kernel.reset import count_inputs, reset_state
from simulator.kernel.tasks import finish_unit, settle_nodes
from simulator.kernel.world_changes import change_world

INF = float("inf")


@inlined
def next_event(z: Luck, x: State) -> float:
    """Time of the next event that is neither a change of the world nor a timer."""
    time = x.event_time[0] if x.count[EVENTS] > 0 else INF
    if x.count[ARRIVED] < z.n_requests:
        time = min(time, z.arrival[x.count[ARRIVED]])
    return min(time, x.clock[NEXT_FLOW_END])


@inlined
def next_instant(z: Luck, x: State) -> float:
    """Time of the next instant at which anything happens."""
    time = next_event(z, x)
    if x.count[CHANGED] < z.n_changes:
        time = min(time, z.change_time[x.count[CHANGED]])
    if x.count[TIMERS] > 0:
        time = min(time, x.timer_time[0])
    return time


@helper
def arrive(w: World, z: Luck, x: State, r: int, now: float) -> None:
    """Let a request arrive: what waited for nothing else is ready, and join deadlines run."""
    x.arrival[r] = now
    s = z.stream[r]
    for i in range(w.early_ptr[s], w.early_ptr[s + 1]):
        t = w.early_tasks[i]
        u = r * w.n_tasks + t
        free = x.state[u] == OPEN and count_inputs(w, z, r, t) == 0
        if free or x.state[u] == CLOSED:
            x.ready[u] = now
            enqueue(w, z, x, r, t)
    for i in range(w.timer_ptr[s], w.timer_ptr[s + 1]):
        t = w.timer_tasks[i]
        n = x.count[TIMERS]
        x.count[TIMERS] = n + 1
        time = now + w.join_deadline[t]
        sift_up(x.timer_time, x.timer_code, n, time, (r << w.task_bits) | t)
    if x.exits_left[r] == 0:
        complete(x, r, now)


@helper
def deliver(w: World, z: Luck, x: State, code: int) -> None:
    """Count a message as delivered at a join that counts them one by one."""
    r = code >> (w.hop_bits + w.edge_bits)
    e = (code >> w.hop_bits) & ((1 << w.edge_bits) - 1)
    q = following(w, z, r, w.edge_lag[e])
    t = w.edge_dst[e]
    x.got[q * w.n_tasks + t] += 1
    check_quorum(w, x, q, t)


@inlined
def take_events(w: World, z: Luck, x: State, now: float) -> None:
    """Phase 0, first part: everything that happens at this time."""
    while True:
        while x.count[ARRIVED] < z.n_requests and z.arrival[x.count[ARRIVED]] <= now:
            r = x.count[ARRIVED]
            x.count[ARRIVED] = r + 1
            arrive(w, z, x, r, now)
        while x.count[EVENTS] > 0 and x.event_time[0] <= now:
            code = pop_event(x)
            kind = code & KIND_MASK
            code >>= KIND_BITS
            if kind == ON_FINISH:
                finish_unit(w, z, x, code, now)
            elif kind == ON_READY:
                become_candidate(w, x, code >> w.task_bits, code & ((1 << w.task_bits) - 1))
            elif kind == ON_DELIVERY:
                deliver(w, z, x, code)
            elif kind == ON_HOP:
                x.joiners[x.count[JOINERS]] = code
                x.count[JOINERS] += 1
            elif kind == ON_FLOW:
                start_flow(w, z, x, code, now)
            elif kind == ON_LINK:
                end_service(w, z, x, code, now)
            else:
                arrive(w, z, x, code, now)
        if x.clock[NEXT_FLOW_END] > now:
            return
        end_flows(w, z, x, now)


@helper
def release_requests(z: Luck, x: State, now: float) -> None:
    """Closed loop: let each request completed in this phase release the next.

    Which of them releases which makes no difference: the pause belongs to the released one.
    """
    for _ in range(x.count[DONE]):
        r = x.count[RELEASED]
        if r < z.n_requests:
            x.count[RELEASED] = r + 1
            push_event(x, now + z.think[r], (r << KIND_BITS) | ON_ARRIVAL)
    x.count[DONE] = 0


@helper
def fire_timers(w: World, x: State, now: float) -> None:
    """Let all join deadlines of this time pass."""
    while x.count[TIMERS] > 0 and x.timer_time[0] <= now:
        code = x.timer_code[0]
        n = x.count[TIMERS] - 1
        x.count[TIMERS] = n
        if n > 0:
            sift_down(x.timer_time, x.timer_code, 0, n, x.timer_time[n], x.timer_code[n])
        r = code >> w.task_bits
        t = code & ((1 << w.task_bits) - 1)
        u = r * w.n_tasks + t
        if x.got[u] > 0:
            become_candidate(w, x, r, t)
        else:
            x.quorum[u] = 1


@inlined
def play_instant(w: World, z: Luck, x: State, now: float) -> None:
    """Play the rounds of one instant until nothing is left at it."""
    while True:
        make_room(x, 2 * (w.n_slots + w.n_links))
        take_events(w, z, x, now)
        skip_units(w, z, x, now)
        close_joins(w, z, x, now)
        if w.has_cancel:
            cancel_units(w, z, x)
        if z.clients > 0:
            release_requests(z, x, now)
        if x.count[CHANGED] < z.n_changes:
            change_world(w, z, x, now)
        if w.network == FIFO_NETWORK:
            settle_fifo(w, z, x, now)
        elif w.network == FAIR:
            settle_fair(w, x, now)
        settle_nodes(w, z, x, now)
        if next_event(z, x) > now:
            if x.count[TIMERS] == 0 or x.timer_time[0] > now:
                return
            fire_timers(w, x, now)


@entry
def begin(w: World, z: Luck, x: State) -> None:
    """Bring a state to the beginning; its candidate is already written into it."""
    reset_state(w, z, x)


@entry
def advance(w: World, z: Luck, x: State, until: float) -> None:
    """Play every instant up to and including `until`."""
    while True:
        now = next_instant(z, x)
        if now > until or now == INF:
            break
        play_instant(w, z, x, now)
    x.clock[NOW] = max(x.clock[NOW], until)


@entry
def run_candidate(
    w: World, z: Luck, x: State, node: IntArray, variant: IntArray, priority: IntArray
) -> None:
    """Simulate one candidate under one realisation from its beginning to its end.

    Parameters
    ----------
    w, z, x : World, Luck, State
    node, variant, priority : (T,) int64 arrays
        Legal: indices are used unchecked.
    """
    for t in range(w.n_tasks):
        x.node[t] = node[t]
        x.variant[t] = variant[t]
        x.class_rank[t] = priority[t]
    begin(w, z, x)
    advance(w, z, x, INF)
