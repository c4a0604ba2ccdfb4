"""The soft makespan as a torch function: compiled and sequential, or by topological levels."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from schedulers.gradient.kernel import Soft, soft_list, soft_ranks
from schedulers.gradient.model import new_tape
from simulator.arrays import FloatArray, IntArray

if TYPE_CHECKING:
    from torch import Tensor


@functools.cache
def _function() -> Any:
    """The `torch.autograd.Function` around the compiled simulation; torch is loaded here."""
    import torch

    class SoftList(torch.autograd.Function):
        """Value and gradient are computed together; backward only multiplies."""

        @staticmethod
        def forward(ctx: Any, chance: Tensor, run: Any) -> Tensor:
            value, grad = run(chance.detach().numpy())
            ctx.save_for_backward(torch.from_numpy(grad))
            return torch.from_numpy(value)

        @staticmethod
        def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor, None]:
            (grad,) = ctx.saved_tensors
            return outer[0][:, None, None, None] * grad, None

    return SoftList


class Sequential:
    """Exact soft list simulation on the CPU, restart by restart.

    Parameters
    ----------
    soft : Soft
    restarts : int, R

    Attributes
    ----------
    rank : (R, T) float array, upward ranks of the last call, scaled
    """

    def __init__(self, soft: Soft, restarts: int) -> None:
        t = soft.hold.shape[0]
        self.soft, self._tape = soft, new_tape(soft)
        self._order: IntArray = np.tile(soft.topological, (restarts, 1))
        self._sorted = False
        self.rank: FloatArray = np.empty((restarts, t))

    def __call__(self, chance: Tensor, width: float, heat: float) -> Tensor:
        """Soft makespans (R,), scaled, of probabilities (R, T, V, N), float64 on the CPU.

        Parameters
        ----------
        width : float
            Of the smooth maximum of two times; 0: exact.
        heat : float
            Of the soft maximum over finishes; 0: exact.
        """
        value: Tensor = _function().apply(chance, lambda p: self.both(p, width, heat))
        return value

    def both(self, chance: FloatArray, width: float, heat: float) -> tuple[FloatArray, FloatArray]:
        """Soft makespans (R,) and their gradients (R, T, V, N); parameters as for a call."""
        p = np.ascontiguousarray(chance)
        if not self._sorted:  # the kernel's insertion sort wants a good beginning
            self._sorted = True
            soft_ranks(self.soft, self._tape, p, self.rank)
            for r, rank in enumerate(self.rank):
                self._order[r] = np.lexsort((self.soft.position, -rank))
        value, grad = np.empty(len(p)), np.empty_like(p)
        soft_list(self.soft, self._tape, p, width, heat, self._order, self.rank, value, grad)
        return value, grad

    def ranks(self, chance: FloatArray) -> FloatArray:
        """Upward ranks alone (R, T), scaled."""
        rank = self.rank[: len(chance)]
        soft_ranks(self.soft, self._tape, np.ascontiguousarray(chance), rank)
        return rank


class Levels:
    """Level-batched version in plain torch, for accelerators.

    All tasks of one topological level at once, all restarts on the batch dimension. Nodes have no
    queues in it; contention is a head cut: for every task t and node n, the start of t plus the
    expected work on n of all tasks that start no earlier, over its slots, is a soft lower bound of
    the makespan, and the soft maximum of these bounds joins that over the finishes.
    """

    def __init__(self, soft: Soft, device: str, dtype: Any) -> None:
        import torch

        def put(x: Any, kind: Any = dtype) -> Tensor:
            return torch.as_tensor(np.array(x), dtype=kind, device=device)

        t = soft.hold.shape[0]
        level = np.zeros(t, dtype=np.int64)
        for u in soft.topological:
            for i in range(soft.in_ptr[u], soft.in_ptr[u + 1]):
                level[u] = max(level[u], level[soft.in_src[i]] + 1)
        dst = np.repeat(np.arange(t), np.diff(soft.in_ptr))
        self.soft = soft
        self.hold, self.lat, self.inv = put(soft.hold), put(soft.lat), put(soft.inv)
        self.slots = put(soft.slots)
        self.src, self.dst = put(soft.in_src, torch.int64), put(dst, torch.int64)
        self.size = put(soft.in_size)
        self.levels = []
        place = np.empty(t, dtype=np.int64)
        for k in range(int(level.max()) + 1):
            tasks, edges = np.flatnonzero(level == k), np.flatnonzero(level[dst] == k)
            place[tasks] = np.arange(len(tasks))
            rows = (put(tasks, torch.int64), put(edges, torch.int64))
            self.levels.append((*rows, put(place[dst[edges]], torch.int64)))

    def moves(self, chance: Tensor) -> Tensor:
        """(R, E, N) expected transfer of every edge to every node."""
        import torch

        far = torch.einsum("rtva,an->rtn", chance, self.lat)
        pace = torch.einsum("rtva,an->rtvn", chance, self.inv)
        paid = (pace[:, self.src] * self.size[None, :, :, None]).sum(2)
        moved: Tensor = far[:, self.src] + paid
        return moved

    def __call__(self, chance: Tensor, heat: float) -> Tensor:
        """Soft makespans (R,), scaled."""
        import torch

        r, t, _, n = chance.shape
        moved = self.moves(chance)
        share = chance.sum(2)
        work = (chance * self.hold).sum(2)
        start = chance.new_zeros((r, t))
        finish = chance.new_zeros((r, t))
        for tasks, edges, place in self.levels:
            ready = chance.new_zeros((r, len(tasks), n))
            if len(edges):
                there = finish[:, self.src[edges], None] + moved[:, edges]
                index = place[None, :, None].expand(r, -1, n)
                ready = ready.scatter_reduce(1, index, there, "amax", include_self=True)
            begin = (share[:, tasks] * ready).sum(2)
            start = start.index_copy(1, tasks, begin)
            finish = finish.index_copy(1, tasks, begin + work[:, tasks].sum(2))
        order = start.detach().argsort(dim=1, descending=True, stable=True)
        later = work.gather(1, order[:, :, None].expand(-1, -1, n)).cumsum(1) / self.slots
        cut = start.gather(1, order)[:, :, None] + later
        bounds = torch.cat([cut.reshape(r, -1), finish], dim=1)
        peak = bounds.amax(1)
        if heat <= 0.0:
            return peak
        return peak + heat * torch.logsumexp((bounds - peak[:, None]) / heat, dim=1)
