"""What the loss counts besides the soft makespan: memory, `apart`, and load under many requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from schedulers.admissible import rules_of
from schedulers.view import view_of

if TYPE_CHECKING:
    from torch import Tensor

    from schedulers.gradient.kernel import Soft
    from simulator.problem import Problem


class Penalties:
    """Smooth penalties of probabilities (R, T, V, N); every one is 0 where there is no such rule.

    * Memory: what the expected residents of a node exceed it by, as a share of it. Weights that
      tasks share count with the probability that any of them is there.
    * `apart`: the probability of sharing a node, summed over the pairs.
    * Load, where streams have several requests: soft maximum over nodes and links of the expected
      busy time of all requests, over that of the first call's mean. The bottleneck decides how long
      queues become, which one request's makespan knows nothing of.
    """

    def __init__(self, problem: Problem, soft: Soft, device: str, dtype: Any) -> None:
        import torch

        def put(x: Any, kind: Any = dtype) -> Tensor:
            return torch.as_tensor(np.array(x), dtype=kind, device=device)

        rules, view, arrays = rules_of(problem), view_of(problem), problem.arrays
        self.memory = bool(np.isfinite(rules.memory).any())
        self.pairs = len(rules.apart_tasks) > 0
        requests = np.array([s.requests for s in problem.streams])
        self.load = bool(requests.max() > 1)
        if self.memory:
            self.group = put(np.maximum(rules.group, 0).ravel(), torch.int64)
            groups = int(rules.group.max()) + 1
            exists = np.isfinite(view.hold).any(axis=2)
            weights = np.zeros(groups)
            np.maximum.at(weights, rules.group[exists], rules.weights[exists])
            room = np.where(np.isfinite(rules.memory) & (rules.memory > 0), rules.memory, np.inf)
            self.weights, self.room = put(weights), put(1.0 / room)
            self.working = put(np.where(exists, rules.working, 0.0))
        if self.pairs:
            t = np.repeat(np.arange(view.n_tasks), np.diff(rules.apart_ptr))
            once = t < rules.apart_tasks
            self.left = put(t[once], torch.int64)
            self.right = put(rules.apart_tasks[once], torch.int64)
        if self.load:
            often = requests[arrays.task_stream].astype(np.float64)
            often /= often.max()
            self.busy = put(soft.hold * often[:, None, None] / soft.slots)
            dst = np.repeat(np.arange(view.n_tasks), np.diff(soft.in_ptr))
            self.src, self.dst = put(soft.in_src, torch.int64), put(dst, torch.int64)
            self.bytes = put(soft.in_size * often[soft.in_src][:, None])
            n = view.n_nodes
            links = np.zeros((n * n, len(arrays.bandwidth)))
            for a in range(n):
                for b in range(n):
                    if a != b:
                        route = arrays.route(a, b)
                        links[a * n + b, route] = 1.0 / (arrays.bandwidth[route] * soft.scale)
            self.links = put(links)

    def __bool__(self) -> bool:
        return self.memory or self.pairs or self.load

    def constraints(self, chance: Tensor) -> Tensor:
        """(R,) memory and `apart`."""
        import torch

        r, t, v, n = chance.shape
        total = chance.new_zeros(r)
        if self.memory:
            absent = torch.log1p(-chance.reshape(r, t * v, n).clamp(max=1.0 - 1e-6))
            none = chance.new_zeros((r, len(self.weights), n)).index_add(1, self.group, absent)
            resident = (self.weights[None, :, None] * (1.0 - none.exp())).sum(1)
            resident = resident + (chance * self.working[None, :, :, None]).sum(2).amax(1)
            total = total + torch.relu(resident * self.room - self.room.new_ones(n)).sum(1)
        if self.pairs:
            share = chance.sum(2)
            total = total + (share[:, self.left] * share[:, self.right]).sum((1, 2))
        return total

    def bottleneck(self, chance: Tensor) -> Tensor:
        """(R,) soft maximum of the busy times of nodes and links for one round of requests."""
        import torch

        r, _, _, n = chance.shape
        nodes = (chance * self.busy).sum((1, 2))
        sent = (chance[:, self.src] * self.bytes[None, :, :, None]).sum(2)
        pairs = torch.einsum("rea,ren->ran", sent, chance[:, self.dst].sum(2))
        used = torch.cat([nodes, pairs.reshape(r, n * n) @ self.links], dim=1)
        heat = 0.05 * used.detach().amax(1, keepdim=True).clamp(min=1e-30)
        peak: Tensor = (heat * torch.logsumexp(used / heat, dim=1, keepdim=True))[:, 0]
        return peak
