"""The kernel as an engine: one run that can be stopped, resumed, copied and pickled."""

from __future__ import annotations

import copy
import math
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import FAIR, FIFO_NETWORK, Arrays, IntArray
from simulator.kernel.general import advance, begin
from simulator.kernel.layout import ABSENT, ATTEMPTS, CANCELLED, FINISHED, NOW, SKIPPED, Luck, World
from simulator.kernel.state import make_state, restore, save
from simulator.kernel.world import make_luck, make_world
from simulator.realisation import Realisation
from simulator.runlog import ABSENT as LOG_ABSENT
from simulator.runlog import CANCELLED as LOG_CANCELLED
from simulator.runlog import FINISHED as LOG_FINISHED
from simulator.runlog import LOST as LOG_LOST
from simulator.runlog import SKIPPED as LOG_SKIPPED
from simulator.runlog import RunLog

_LOG_STATE = np.full(ABSENT + 1, LOG_LOST, dtype=np.int8)
_LOG_STATE[[FINISHED, SKIPPED, CANCELLED, ABSENT]] = (
    LOG_FINISHED,
    LOG_SKIPPED,
    LOG_CANCELLED,
    LOG_ABSENT,
)

_worlds: WeakKeyDictionary[Arrays, World] = WeakKeyDictionary()


def world_of(arrays: Arrays) -> World:
    """`make_world`, remembered for as long as the arrays live."""
    world = _worlds.get(arrays)
    if world is None:
        world = _worlds[arrays] = make_world(arrays)
    return world


class KernelSimulation:
    """One run in compiled code.

    Parameters
    ----------
    arrays : Arrays
    node, variant, priority : (T,) int64 arrays
        The candidate, already validated.
    realisation : Realisation

    Raises
    ------
    Unsupported
        More requests x tasks than the kernel can number (about 10**18).
    """

    def __init__(
        self,
        arrays: Arrays,
        node: IntArray,
        variant: IntArray,
        priority: IntArray,
        realisation: Realisation,
    ) -> None:
        self.arrays = arrays
        self.realisation = realisation
        self._prepare()
        self._state.node[:] = node
        self._state.variant[:] = variant
        self._state.class_rank[:] = priority
        begin(self._world, self._luck, self._state)

    def _prepare(self) -> None:
        self._world: World = world_of(self.arrays)
        self._luck: Luck = make_luck(self.arrays, self.realisation)
        self._state = make_state(self._world, self._luck)

    def run(self, until: float = math.inf) -> None:
        """Process every event up to and including `until`; may be called again to go on."""
        advance(self._world, self._luck, self._state, float(until))

    def state(self) -> dict[str, NDArray[np.generic]]:
        """Copy the whole state as plain arrays by name."""
        return save(self._state)

    def restore(self, state: dict[str, NDArray[np.generic]]) -> None:
        """Go back, or forward, to what `state` returned for this run."""
        restore(self._state, state)

    def __getstate__(self) -> dict[str, Any]:
        return {
            "arrays": self.arrays,
            "realisation": self.realisation,
            "state": self.state(),
        }

    def __setstate__(self, saved: dict[str, Any]) -> None:
        self.arrays = saved["arrays"]
        self.realisation = saved["realisation"]
        self._prepare()
        self.restore(saved["state"])

    def __copy__(self) -> KernelSimulation:
        twin = KernelSimulation.__new__(KernelSimulation)
        twin.__setstate__(self.__getstate__())
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> KernelSimulation:
        return copy.copy(self)

    def log(self) -> RunLog:
        """Return the record so far."""
        x, w, z = self._state, self._world, self._luck
        shape, edges = (z.n_requests, w.n_tasks), (z.n_requests, w.n_edges)
        state = _LOG_STATE[x.state].reshape(shape)
        finished = state == LOG_FINISHED
        return RunLog(
            ready=x.ready.reshape(shape).copy(),
            start=np.where(finished, x.start.reshape(shape), np.nan),
            finish=x.finish.reshape(shape).copy(),
            slot=x.slot.reshape(shape).astype(np.int64),
            state=state,
            delivered=np.where(x.delivered <= x.clock[NOW], x.delivered, np.nan).reshape(edges),
            used=x.used.reshape(edges).copy(),
            arrival=(z.arrival if z.clients == 0 else x.arrival).copy(),
            completed=x.completed.copy(),
            attempts=self._attempts(),
            hops=self._hops(),
        )

    def _attempts(self) -> tuple[Any, ...]:
        """Interrupted attempts in order of interruption, then by (request, task)."""
        x = self._state
        n = x.count[ATTEMPTS]
        request, task, end = x.attempt_request[:n], x.attempt_task[:n], x.attempt_end[:n]
        order = np.lexsort((task, request, end))
        columns = (request, task, x.attempt_slot[:n], x.attempt_start[:n], end)
        return tuple(column[order] for column in columns)

    def _hops(self) -> tuple[Any, ...]:
        """Occupancy of links that has ended, by (request, edge, position in the route)."""
        x, w, z = self._state, self._world, self._luck
        n_requests, n_edges = z.n_requests, w.n_edges
        if w.network not in (FIFO_NETWORK, FAIR):
            none = np.empty(0, dtype=np.int64)
            return none, none, none, np.empty(0), np.empty(0)
        pair = x.node[w.edge_src] * w.n_nodes + x.node[w.edge_dst]
        edge = np.repeat(np.arange(n_edges), np.diff(x.hop_ptr))
        hop = np.arange(len(edge)) - x.hop_ptr[edge]
        link = w.route_links[w.route_ptr[pair[edge]] + hop]
        if w.network == FIFO_NETWORK:
            start = x.hop_start[: n_requests * len(edge)].reshape(n_requests, -1)
            end = x.hop_end[: n_requests * len(edge)].reshape(n_requests, -1)
        else:
            start = x.hop_start[: n_requests * n_edges].reshape(n_requests, n_edges)[:, edge]
            end = x.hop_end[: n_requests * n_edges].reshape(n_requests, n_edges)[:, edge]
        request, row = np.nonzero(end <= x.clock[NOW])
        return request, edge[row], link[row], start[request, row], end[request, row]
