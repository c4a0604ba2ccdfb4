"""What moves through a run: requests, their task instances, and messages."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from simulator.reference.clock import Progress
from simulator.runlog import LOST


@dataclass(slots=True, eq=False)
class Request:
    """One request of a stream: the instances of that stream's tasks.

    Parameters
    ----------
    id, stream : int
    exits_left : int
        Exit tasks that are neither finished nor skipped yet.
    instances : dict of task id to `Instance`
    arrived : float, seconds, NaN before; completed : float, seconds, NaN before
    """

    id: int
    stream: int
    exits_left: int = 0
    instances: dict[int, Instance] = field(default_factory=dict)
    arrived: float = math.nan
    completed: float = math.nan

    @property
    def has_arrived(self) -> bool:
        """Whether the request is there."""
        return not math.isnan(self.arrived)


@dataclass(slots=True, eq=False)
class Instance:
    """One task of one request: a join that waits for its inputs, then a hold of a slot.

    Parameters
    ----------
    request : Request; task, node : int
    n_inputs : int
        Inputs of this request: in-edges whose producer's request exists.
    need : int
        How many delivered inputs close the join (k; all of them by default).
    closed : bool
        The inputs are decided; an instance without inputs is closed from the start.
    missing : int
        Inputs known to be not taken or skipped.
    delivered : list of messages that have arrived
    state : int, of `simulator.runlog.STATES`; LOST until it ends in another way
    hold : Progress of the running attempt, or None
    ready, start, finish : float, seconds, NaN before; slot : int, -1 before
    """

    request: Request
    task: int
    node: int
    n_inputs: int
    need: int
    closed: bool
    missing: int = 0
    delivered: list[Message] = field(default_factory=list)
    state: int = LOST
    hold: Progress | None = None
    ready: float = math.nan
    start: float = math.nan
    finish: float = math.nan
    slot: int = -1

    @property
    def is_pending(self) -> bool:
        """Neither ended nor running; an interrupted instance is pending again."""
        return self.state == LOST and self.hold is None

    @property
    def is_ready(self) -> bool:
        """Inputs are there and the request has arrived."""
        return not math.isnan(self.ready)


@dataclass(slots=True, eq=False)
class Message:
    """What one edge carries for one request of its producer.

    Parameters
    ----------
    id : int
        ``request * n_edges + edge``: the order of messages that tie.
    request, edge : int
        The producer's request.
    route : tuple of int
        Nodes (from, to).
    size_bytes : float
        Realised bytes.
    consumer : Instance
    delivered : float, seconds at which it is usable, NaN before
    used : bool
        Whether the join of the consumer counted it.
    """

    id: int
    request: int
    edge: int
    route: tuple[int, int]
    size_bytes: float
    consumer: Instance
    delivered: float = math.nan
    used: bool = False
