"""One batch of restarts: logits, their probabilities, and Adam's steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from schedulers.admissible import rules_of
from schedulers.gradient.kernel import Soft
from schedulers.gradient.penalties import Penalties
from schedulers.gradient.relaxed import Levels, Sequential
from schedulers.gradient.steps import adam_step, fill_prices, soft_chances
from simulator.arrays import FloatArray, IntArray

if TYPE_CHECKING:
    from torch import Tensor

    from simulator.problem import Problem

WIDTH, HEAT = 0.01, 0.04
"""Widths of the soft maxima at temperature 1, as shares of the scale; they shrink with it."""

DEEPEST = 46.0
"""Options whose logits, over the temperature, lie this far below the best have probability 0, which
keeps subnormal numbers out: they are slow."""


class Descent:
    """Logits of R restarts.

    Where the loss is the soft makespan of the compiled simulation and nothing else, softmax and
    Adam are compiled as well (`schedulers.gradient.steps`); else they are torch's.

    Parameters
    ----------
    theta : (R, T, V, N) float array
    learning_rate : float
        0: nothing is differentiated at all.
    sequential : bool
        The compiled simulation instead of the level-batched one; CPU only.
    load_weight : (R,) float array
        Weight of the bottleneck load in each restart.

    Attributes
    ----------
    price : (B, T, N) float array, or None
        Of the last step: how much the loss rises, to first order, as a task goes to a node instead
        of the node where it rises least. None without gradients.
    """

    def __init__(
        self,
        problem: Problem,
        soft: Soft,
        theta: FloatArray,
        learning_rate: float,
        device: str,
        sequential: bool,
        load_weight: FloatArray,
    ) -> None:
        import torch

        dtype = torch.float64 if device == "cpu" else torch.float32
        self._moving = learning_rate > 0.0
        self._theta = torch.tensor(theta, dtype=dtype, device=device)
        self._theta.requires_grad_(self._moving)
        self._closed = torch.as_tensor(soft.mask == 0.0, device=device)
        self._ranks = Sequential(soft, len(theta))
        self._ties = self._bundles(problem, soft, device, dtype)
        self._sequential = sequential
        self._levels = None if sequential or not self._moving else Levels(soft, device, dtype)
        self._weight = torch.as_tensor(load_weight, dtype=dtype, device=device)
        self._penalties: Penalties | None = None
        if self._moving:
            self._penalties = Penalties(problem, soft, device, dtype)
            self._adam = torch.optim.Adam([self._theta], lr=learning_rate, fused=True)
        self.price: FloatArray | None = None
        self._mask = soft.mask
        self._first_load: Tensor | None = None
        self._compiled = sequential and self._ties is None and not self._penalties
        if self._compiled:
            self._rate, self._count = learning_rate, 0
            self._logits: FloatArray = self._theta.detach().numpy()
            self._means = np.zeros((2, *theta.shape))

    @staticmethod
    def _bundles(problem: Problem, soft: Soft, device: str, dtype: Any) -> Any:
        """(T,) bundle of each task, every other task being one of its own; None without any."""
        import torch

        rules = rules_of(problem)
        if len(rules.bundle_tasks) == 0:
            return None
        alone = rules.bundle < 0
        group = np.where(alone, 0, rules.bundle)
        group[alone] = rules.bundle.max() + 1 + np.arange(alone.sum())
        count = np.bincount(group)[:, None]
        return torch.as_tensor(group, device=device), torch.as_tensor(
            1.0 / count, dtype=dtype, device=device
        )

    def chance(self, tau: float) -> Tensor:
        """(R, T, V, N) probabilities at a temperature; tasks of a bundle share node logits."""
        import torch

        theta = self._theta
        r, t, v, n = theta.shape
        if self._ties is not None:
            group, share = self._ties
            mean = theta.mean(2)
            tied = mean.new_zeros((r, len(share), n)).index_add(1, group, mean) * share
            theta = theta + (tied[:, group] - mean)[:, :, None]
        theta = (theta / tau).masked_fill(self._closed, -torch.inf)
        flat = theta.reshape(r, t, v * n)
        peak = flat.detach().amax(dim=2, keepdim=True)
        flat = torch.where(flat < peak - DEEPEST, -torch.inf, flat)
        chances: Tensor = torch.softmax(flat, dim=2).reshape(r, t, v, n)
        return chances

    def step(self, tau: float, rows: IntArray | None = None) -> tuple[FloatArray, FloatArray]:
        """Probabilities and upward ranks at `tau`, then one step of Adam for all restarts.

        Parameters
        ----------
        rows : (B,) int array, or None
            Restarts whose values are wanted; None: of all.

        Returns
        -------
        (B, T, V, N) and (B, T) float arrays.
        """
        import torch

        if self._compiled:
            plain, rank = self._compiled_step(tau)
            if rows is None:
                return plain, rank
            if self.price is not None:
                self.price = self.price[rows]
            return plain[rows], rank[rows]
        with torch.set_grad_enabled(self._moving):
            chance = self.chance(tau)
            wanted = chance.detach()
            if rows is not None:
                wanted = wanted[torch.as_tensor(rows, device=wanted.device)]
            plain = np.asarray(wanted.to("cpu", torch.float64).numpy())
            if not self._moving:
                return plain, self._ranks.ranks(plain)
            chance.retain_grad()
            loss = self._loss(chance, tau)
        if self._sequential:
            rank = self._ranks.rank if rows is None else self._ranks.rank[rows]
        else:
            rank = self._ranks.ranks(plain)
        self._adam.zero_grad()
        loss.sum().backward()  # type: ignore[no-untyped-call]
        self._adam.step()
        assert chance.grad is not None
        grad = chance.grad
        if rows is not None:
            grad = grad[torch.as_tensor(rows, device=grad.device)]
        self.price = self._prices(grad.to("cpu", torch.float64).numpy())
        return plain, rank

    def _prices(self, grad: FloatArray) -> FloatArray:
        """(B, T, N) prices from derivatives by probabilities (B, T, V, N)."""
        price = np.empty((*grad.shape[:2], grad.shape[3]))
        fill_prices(np.ascontiguousarray(grad), self._mask, price)
        return price

    def _compiled_step(self, tau: float) -> tuple[FloatArray, FloatArray]:
        """`step` without torch."""
        chance = np.empty_like(self._logits)
        soft_chances(self._logits, self._mask, tau, DEEPEST, chance)
        if not self._moving:
            return chance, self._ranks.ranks(chance)
        _, grad = self._ranks.both(chance, WIDTH * tau, HEAT * tau)
        self.price = self._prices(grad)
        self._count += 1
        first, second = self._means
        adam_step(self._logits, first, second, chance, grad, tau, self._rate, self._count)
        return chance, self._ranks.rank

    def _loss(self, chance: Tensor, tau: float) -> Tensor:
        if self._levels is None:
            loss = self._ranks(chance, WIDTH * tau, HEAT * tau)
        else:
            loss = self._levels(chance, HEAT * tau)
        penalties = self._penalties
        assert penalties is not None
        if penalties.memory or penalties.pairs:
            loss = loss + penalties.constraints(chance)
        if penalties.load:
            load = penalties.bottleneck(chance)
            if self._first_load is None:
                self._first_load = load.detach().mean().clamp(min=1e-30)
            loss = loss + self._weight * load / self._first_load
        return loss
