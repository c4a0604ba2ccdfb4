"""The problem under one allocation and one realisation, as questions with plain answers."""

from __future__ import annotations

from simulator.arrays import FIFO, PRIORITY, STRICT, Arrays, IntArray
from simulator.costs import hold_seconds, send_seconds
from simulator.realisation import Realisation
from simulator.reference.entities import Instance, Message, Request

Key = tuple[float, ...]


class Plan:
    """Who feeds whom, how long and how large; nothing here changes during a run.

    Parameters
    ----------
    arrays : Arrays
    node, variant, priority : (T,) int arrays
    realisation : Realisation
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
        self.luck = realisation
        self.node: list[int] = node.tolist()
        self.variant: list[int] = variant.tolist()
        self.priority: list[int] = priority.tolist()
        self.is_closed_loop = bool((arrays.clients > 0).any())
        self.is_exit: list[bool] = arrays.is_exit.tolist()
        self.join_cancel: list[bool] = arrays.join_cancel.tolist()
        self.join_deadline: list[float] = arrays.join_deadline.tolist()
        self.edge_src: list[int] = arrays.edge_src.tolist()
        self.edge_dst: list[int] = arrays.edge_dst.tolist()
        self._edge_lag: list[int] = arrays.edge_lag.tolist()
        self._conditional: list[bool] = arrays.edge_conditional.tolist()
        self.in_edges = [_row(arrays.in_csr, t) for t in range(arrays.n_tasks)]
        self.out_edges = [_row(arrays.out_csr, t) for t in range(arrays.n_tasks)]
        self.requests = [Request(r, s) for r, s in enumerate(realisation.stream.tolist())]
        self._of_stream: list[list[int]] = [[] for _ in range(arrays.n_streams)]
        self._index: list[int] = []  # position of a request among those of its stream
        for request in self.requests:
            self._index.append(len(self._of_stream[request.stream]))
            self._of_stream[request.stream].append(request.id)
        tasks = [(arrays.task_stream == s).nonzero()[0].tolist() for s in range(arrays.n_streams)]
        for request in self.requests:
            self._instantiate(request, tasks[request.stream])

    def _instantiate(self, request: Request, tasks: list[int]) -> None:
        """Give a request the instances of its stream's tasks."""
        for task in tasks:
            n_inputs = sum(
                self._shifted(request.id, e, -1) is not None for e in self.in_edges[task]
            )
            need = int(self.arrays.join_need[task]) or n_inputs
            request.instances[task] = Instance(
                request, task, self.node[task], n_inputs, need, closed=n_inputs == 0
            )
            request.exits_left += self.is_exit[task]

    def _shifted(self, request: int, edge: int, sign: int) -> int | None:
        peers = self._of_stream[self.requests[request].stream]
        index = self._index[request] + sign * self._edge_lag[edge]
        return peers[index] if 0 <= index < len(peers) else None

    def consumer(self, request: int, edge: int) -> Instance | None:
        """Return the instance that `edge` of `request` feeds, None if there is none."""
        target = self._shifted(request, edge, +1)
        return None if target is None else self.requests[target].instances[self.edge_dst[edge]]

    def consumers(self, instance: Instance) -> list[Instance]:
        """All instances that this one feeds."""
        found = [self.consumer(instance.request.id, e) for e in self.out_edges[instance.task]]
        return [consumer for consumer in found if consumer is not None]

    def producers(self, instance: Instance) -> list[Instance]:
        """All instances that feed this one."""
        found = [
            (self._shifted(instance.request.id, e, -1), self.edge_src[e])
            for e in self.in_edges[instance.task]
        ]
        return [self.requests[r].instances[task] for r, task in found if r is not None]

    def is_taken(self, request: int, edge: int) -> bool:
        """Whether `edge` is taken when its producer of `request` finishes."""
        taken = self.luck.taken
        return not self._conditional[edge] or taken.size == 0 or bool(taken[request, edge])

    def message(self, request: int, edge: int, consumer: Instance) -> Message:
        """Return the message that `edge` of `request` carries to `consumer`."""
        source = self.edge_src[edge]
        return Message(
            id=request * len(self.edge_src) + edge,
            request=request,
            edge=edge,
            route=(self.node[source], consumer.node),
            size_bytes=self._size_bytes(request, edge),
            consumer=consumer,
        )

    def _size_bytes(self, request: int, edge: int) -> float:
        nominal = float(self.arrays.edge_bytes[edge, self.variant[self.edge_src[edge]]])
        factors = self.luck.edge_factor
        return nominal * float(factors[request, edge]) if factors.size else nominal

    def hold_seconds(self, instance: Instance) -> float:
        """Seconds for which an instance holds its slot on an undisturbed node."""
        arrays, request, task, node = self.arrays, instance.request.id, instance.task, instance.node
        work = float(arrays.seconds[task, self.variant[task], node])
        if self.luck.task_factor.size:
            work *= float(self.luck.task_factor[request, task])
        send = 0.0
        for edge in self.out_edges[task]:
            consumer = self.consumer(request, edge)
            if consumer and consumer.node != node and self.is_taken(request, edge):
                size = self._size_bytes(request, edge)
                per_message, per_byte = arrays.send_s[node], arrays.send_s_per_byte[node]
                send += send_seconds(float(per_message), float(per_byte), size)
        return hold_seconds(float(arrays.dispatch_s[node]), work, send)

    def key(self, instance: Instance) -> Key:
        """Rank of an instance among those ready on its node; the least goes first."""
        arrays, request, task = self.arrays, instance.request, instance.task
        priority = self.priority[task]
        if arrays.dispatch == STRICT:
            return (request.id, priority, task)
        urgency = int(arrays.stream_class[request.stream])
        if arrays.discipline == FIFO:
            return (urgency, request.id, priority, task)
        if arrays.discipline == PRIORITY:
            return (urgency, priority, request.id, task)
        deadline = request.arrived + float(arrays.stream_deadline[request.stream])
        return (urgency, deadline, request.id, priority, task)


def _row(csr: tuple[IntArray, IntArray], i: int) -> list[int]:
    ptr, values = csr
    row: list[int] = values[ptr[i] : ptr[i + 1]].tolist()
    return row
