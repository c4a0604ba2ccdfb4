"""Gradient: Adam on the logits of a differentiable list simulation, rounded by log-probability.

Every task has a distribution over its options (variant, node), a softmax of logits whose
temperature falls from 1 to 0.1. A soft list simulation (`schedulers.gradient.kernel`) turns the
distributions into an expected makespan, and Adam follows its gradient. At each step a few samples
are decoded from each restart: in the order of the upward ranks under the present distributions,
every task goes where its finish minus lambda log P is least, so that a small lambda is HEFT and a
large one takes the likeliest node.

Papers: D. P. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR 2015,
doi:10.48550/arXiv.1412.6980; H. Topcuoglu, S. Hariri, M.-Y. Wu, "Performance-effective and
low-complexity task scheduling for heterogeneous computing", IEEE TPDS 13(3), 2002,
doi:10.1109/71.993206 (HEFT).

What we changed, and why: simulation and rounding together are ours. Distributions alone, rounded to
their likeliest options, are worse than HEFT; the decoder repairs what the soft model gets wrong,
and the gradient moves many tasks together, which single moves cannot.

Cost: O(T V N^2 + E V N) for a step of one restart, and a decoding for each sample.

Does badly: at low CCR, where HEFT leaves nothing to win; on job shops, where the order on the nodes
matters and not the nodes; on objectives that have little to do with the makespan, where only the
judging of the samples knows what is wanted.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from schedulers.effort import nominal_evaluations
from schedulers.exactness import plan_is_exact
from schedulers.gradient.descent import Descent
from schedulers.gradient.model import soft_of
from schedulers.gradient.polish import Polish
from schedulers.gradient.rounding import Rounding, biases
from schedulers.gradient.starts import logits
from schedulers.starts import planned, rows
from schedulers.timeline import Plan
from simulator.arrays import FloatArray, IntArray

if TYPE_CHECKING:
    from numpy.random import Generator

    from schedulers.budget import Budget
    from simulator.allocation import Allocation
    from simulator.problem import Problem

STARTS = (
    "heft", "heft[lookahead=oct]", "single_node", "min_min", "peft", "cpop", "sufferage",
)  # fmt: skip

RESTARTS = 12
"""Restarts of a batch on a CPU at most, and restarts sampled at each step."""
MOST_RESTARTS, MOST_LOGITS = 256, 25_000_000
"""Restarts and logits of a batch on an accelerator at most."""
BATCH_SECONDS = 0.2
"""What a batch should take: from it follow the restarts of a batch on large problems."""
RESERVE = 0.1
"""Share of what is left that the last batch leaves to the descents."""
LEAST_LAMBDA, MOST_LAMBDA = 1e-4, 0.15
"""Range of lambda, as shares of the best makespan found by the heuristics."""
LEAST_TOLL, MOST_TOLL = 0.03, 1.0
"""Range of the weight of the gradient's prices in the samples that heed them."""
COLDEST = 0.1


@dataclass(frozen=True)
class Gradient:
    """Gradient descent through a soft list simulation, with exact judgement of rounded samples.

    Parameters
    ----------
    learning_rate : float
        Step of Adam. 0 takes no gradients at all and only rounds the beginnings: the ablation that
        tells what the gradients are worth.
    iterations : int
        Steps of a restart.
    samples : int
        Samples decoded from every restart at each step.
    certainty : float
        Logit that a heuristic's placement, or the incumbent's, begins with.
    descent : int
        Moves for each task in a descent from the best sample of every restart, where the makespan
        of plans is the objective; 0: none. The longer it is, the less the gradients matter.
    batches : int
        Batches of restarts, where the budget has no limit; fewer where samples are simulated and
        runs are long.
    forward : {"auto", "sequential", "levels"}
        Soft simulation: compiled and exact at one-hot probabilities, or level-batched in torch.
        auto: the first on a CPU, the second on an accelerator.
    device : {"auto", "cpu", "cuda"}
        auto: cuda where there is one.
    """

    version: ClassVar[int] = 2
    learning_rate: float = 0.2
    iterations: int = 60
    samples: int = 2
    certainty: float = 2.0
    descent: int = 0
    batches: int = 8
    forward: Literal["auto", "sequential", "levels"] = "auto"
    device: Literal["auto", "cpu", "cuda"] = "auto"

    def __post_init__(self) -> None:
        from schedulers.registry import InvalidSpec

        if not 0.0 <= self.learning_rate <= 100.0:
            got = self.learning_rate
            raise InvalidSpec(f"gradient: learning_rate must be in [0, 100], got {got}")
        if not abs(self.certainty) <= 100.0:
            raise InvalidSpec(f"gradient: certainty must be in [-100, 100], got {self.certainty}")
        for name in ("iterations", "samples", "batches"):
            if getattr(self, name) < 1:
                raise InvalidSpec(f"gradient: {name} must be >= 1, got {getattr(self, name)}")
        if not 0 <= self.descent <= 1_000_000:
            got = self.descent
            raise InvalidSpec(f"gradient: descent must be in [0, 1000000], got {got}")
        if self.forward == "sequential" and self.device == "cuda":
            raise InvalidSpec("gradient: forward=sequential runs on device=cpu only")

    def schedule(self, problem: Problem, budget: Budget, rng: Generator) -> Allocation:
        """Search until the budget is spent.

        Raises
        ------
        Infeasible
            No admissible allocation exists, or none was found.
        """
        if not budget.limited and not plan_is_exact(problem):
            budget = budget.portion(evaluations=nominal_evaluations(problem))
        plans = planned(problem, STARTS)
        rounding = Rounding(problem, budget)
        rounding.plans(rows(plans), np.array([plan.makespan for plan in plans]))
        if rounding.best is None:
            return plans[0].allocation(problem)
        scale = min(plan.makespan for plan in plans)
        if not (np.isfinite(scale) and scale > 0.0):
            return rounding.allocation()
        with _one_thread():
            run = _Run(self, problem, budget, rng, rounding, scale)
            done = 0
            while budget.left() > 0 and (budget.limited or done < self.batches):
                run.batch(plans)
                done += 1
        return rounding.allocation()


class _Run:
    """One search: what its batches have in common."""

    def __init__(
        self,
        how: Gradient,
        problem: Problem,
        budget: Budget,
        rng: Generator,
        rounding: Rounding,
        scale: float,
    ) -> None:
        self.how, self.problem, self.budget, self.rng = how, problem, budget, rng
        self.rounding, self.scale = rounding, scale
        self.soft = soft_of(problem, scale)
        self.polish: Polish | None = None
        if how.descent and rounding.exact:
            self.polish = Polish(problem, budget, rounding, how.descent)
        self.device = _device(how)
        self.sequential = how.forward == "sequential" or (
            how.forward == "auto" and self.device == "cpu"
        )
        t, v, n = self.soft.hold.shape
        work = t * v * n * (2 * n + 40) + 20 * len(self.soft.in_src) * n * (v + 1)
        restarts = BATCH_SECONDS / (how.iterations * work * 1e-9)
        if self.device != "cpu":
            restarts = MOST_LOGITS / (t * v * n)
        most = RESTARTS if self.device == "cpu" else MOST_RESTARTS
        self.restarts = int(np.clip(restarts, 3, most))

    def batch(self, plans: list[Plan]) -> None:
        """Restarts from logits to near certainty, or until the budget is spent."""
        how, rng, budget = self.how, self.rng, self.budget
        best = self.rounding.best
        assert best is not None
        restarts = self.restarts
        theta = logits(self.soft, best[:2], plans, restarts, how.certainty, rng)
        load = 10.0 ** rng.uniform(-1.0, 1.0, restarts)
        descent = Descent(
            self.problem, self.soft, theta, how.learning_rate, self.device, self.sequential, load
        )
        whole = max(budget.left(), 1e-9)
        spare = RESERVE * whole if self.polish is not None and budget.limited else 0.0
        for i in range(how.iterations):
            left = budget.left() - spare
            if left <= 0.0:
                break
            # Where the rest of the budget holds no whole batch, cool down faster.
            spent = 1.0 - left / (whole - spare) if budget.limited else 0.0
            gone = max(i / max(how.iterations - 1, 1), spent)
            rows = None
            if restarts > RESTARTS:  # more than the decoder could keep up with
                rows = np.sort(rng.choice(restarts, RESTARTS, replace=False))
            chance, rank = descent.step(COLDEST**gone, rows)
            numbers = np.arange(restarts) if rows is None else rows
            self._sample(chance, rank, descent.price, numbers)
        if self.polish is not None:
            self.polish.descend(rng)

    def _sample(
        self, chance: FloatArray, rank: FloatArray, price: FloatArray | None, numbers: IntArray
    ) -> None:
        """Round every restart, of the given numbers, a few times, with lambdas of its own.

        Every second sample heeds the prices of the gradient as well.
        """
        restarts, samples = len(chance), self.how.samples
        toll = np.exp(self.rng.uniform(np.log(LEAST_TOLL), np.log(MOST_TOLL), restarts * samples))
        toll[::2] = 0.0
        exponent = self.rng.uniform(np.log(LEAST_LAMBDA), np.log(MOST_LAMBDA), restarts * samples)
        bias = biases(chance, np.exp(exponent), self.scale, price, toll)
        priority = np.repeat(rank, samples, axis=0)
        value = self.rounding(priority, bias)
        if self.polish is not None:
            self.polish.remember(np.repeat(numbers, samples)[: len(value)], value, priority, bias)


def _device(how: Gradient) -> str:
    """Device to compute on.

    Raises
    ------
    InvalidSpec
        cuda is asked for, and there is none.
    """
    from schedulers.registry import InvalidSpec

    if how.device == "cpu" or how.forward == "sequential":
        return "cpu"
    import torch

    there = torch.cuda.is_available()
    if how.device == "cuda" and not there:
        raise InvalidSpec("gradient: device=cuda, but torch finds no CUDA device; use device=cpu")
    return "cuda" if there else "cpu"


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Keep torch to one thread: the tensors are small, and budgets count the CPU of all threads."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
