"""Phase 1: outages, slow-downs and degradations start and end."""

from __future__ import annotations

from simulator.arrays import FAIR
from simulator.kernel.compiled import helper, inlined
from simulator.kernel.joins import cancel_units, mark_node, try_cancel
from simulator.kernel.layout import (
    CHANGED,
    DEGRADED_START,
    DIRTY_LINKS,
    FLOWS_CHANGED,
    INTERRUPTED,
    OUTAGE_END,
    OUTAGE_START,
    SLOW_END,
    SLOW_START,
    Luck,
    State,
    World,
)
from simulator.kernel.tasks import interrupt_node


@inlined
def mark_link(x: State, link: int) -> None:
    """Have the link looked at when this instant settles."""
    if x.link_dirty[link] == 0:
        x.link_dirty[link] = 1
        x.dirty_links[x.count[DIRTY_LINKS]] = link
        x.count[DIRTY_LINKS] += 1


@helper
def change_slowness(z: Luck, x: State, i: int, on: int) -> None:
    """Start or end slow-down i; the node's factors multiply in list order."""
    x.slow_on[i] = on
    n = z.slow_node[i]
    product = 1.0
    for j in range(z.slow_ptr[n], z.slow_ptr[n + 1]):
        if x.slow_on[z.slow_list[j]]:
            product *= z.slow_factor[z.slow_list[j]]
    x.slow[n] = product
    mark_node(x, n)


@helper
def change_link(w: World, z: Luck, x: State, i: int, on: int) -> None:
    """Start or end degradation i; the link's factors multiply from 1.0 in list order."""
    x.degraded_on[i] = on
    link = z.degraded_link[i]
    product = 1.0
    for j in range(z.degraded_ptr[link], z.degraded_ptr[link + 1]):
        if x.degraded_on[z.degraded_list[j]]:
            product *= z.degraded_factor[z.degraded_list[j]]
    x.link_factor[link] = product
    if w.network == FAIR:
        x.count[FLOWS_CHANGED] = 1
    mark_link(x, link)


@helper
def change_world(w: World, z: Luck, x: State, now: float) -> None:
    """Carry out the changes of this instant, then remove what nobody waits for any more."""
    while x.count[CHANGED] < z.n_changes and z.change_time[x.count[CHANGED]] <= now:
        kind = z.change_kind[x.count[CHANGED]]
        i = z.change_index[x.count[CHANGED]]
        x.count[CHANGED] += 1
        if kind == OUTAGE_START:
            n = z.outage_node[i]
            x.down[n] += 1
            interrupt_node(w, z, x, n, now)
        elif kind == OUTAGE_END:
            x.down[z.outage_node[i]] -= 1
            mark_node(x, z.outage_node[i])
        elif kind <= SLOW_END:
            change_slowness(z, x, i, 1 if kind == SLOW_START else 0)
        else:
            change_link(w, z, x, i, 1 if kind == DEGRADED_START else 0)
    if w.has_cancel:
        for j in range(x.count[INTERRUPTED]):
            code = x.interrupted[j]
            try_cancel(w, x, code >> w.task_bits, code & ((1 << w.task_bits) - 1))
        cancel_units(w, z, x)
    x.count[INTERRUPTED] = 0
