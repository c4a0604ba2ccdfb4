"""The channel between a running scheduler and whoever started it: time left, answers so far."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from schedulers.outcome import FrontPoint, Point
from simulator.allocation import Allocation
from simulator.arrays import FloatArray, IntArray

if TYPE_CHECKING:
    from simulator.problem import Problem

Clock = Callable[[], float]
Progress = Callable[["Budget"], None]

PROGRESS_EVERY = 0.2
"""Seconds of wall clock between two calls of a budget's `progress`."""

Batch = Sequence[Allocation] | tuple[IntArray, IntArray, IntArray]


class Budget:
    """Seconds and evaluations that a scheduler may spend, and the best it has offered.

    Parameters
    ----------
    problem : Problem
    seconds : float or None
        None: no limit.
    evaluations : int or None
        Simulated allocations; None: no limit.
    clock : callable
        Seconds from any origin. The default is the CPU time of the process over all threads.
    progress : callable or None
        Called with this budget when the search looks at what is left, but at most every
        `PROGRESS_EVERY` seconds by the wall clock. It may set `interrupted`.

    Attributes
    ----------
    best : Allocation or None
        The first one offered as long as none has a finite objective.
    best_objective : float, +inf as long as nothing valid was offered
    curve : list of Point, strictly improving
    evaluations : int, spent so far
    interrupted : bool
        Whether somebody wants the search to end now; `left` is 0 then.
    bound : float
        The best lower bound of the objective that the search itself has proved; -inf if none.
    front : tuple of FrontPoint
        What a search for several objectives found; empty for all others.
    keep_answer : bool
        Whether the scheduler's answer stands even if something of a better objective was offered:
        set by searches for several objectives, which choose from their front by a rule of their
        own.

    Examples
    --------
    A search asks what is left, evaluates, and offers what it finds::

        while budget.left() > 0:
            candidate = ...
            budget.offer(candidate)
    """

    def __init__(
        self,
        problem: Problem,
        seconds: float | None = None,
        evaluations: int | None = None,
        clock: Clock = time.process_time,
        progress: Progress | None = None,
    ) -> None:
        self.problem = problem
        self.seconds_limit = math.inf if seconds is None else float(seconds)
        self.evaluations_limit = math.inf if evaluations is None else int(evaluations)
        self.evaluations = 0
        self._best: Allocation | tuple[IntArray, IntArray, IntArray] | None = None
        self.best_objective = math.inf
        self.curve: list[Point] = []
        self.interrupted = False
        self.bound = -math.inf
        self.front: tuple[FrontPoint, ...] = ()
        self.keep_answer = False
        self._progress = progress
        self._shown = time.monotonic()
        self._clock = clock
        self._begin = clock()

    @property
    def best(self) -> Allocation | None:
        """Best allocation so far; from arrays it is built when first asked for."""
        if isinstance(self._best, tuple):
            self._best = Allocation.of(self.problem, *self._best)
        return self._best

    def elapsed(self) -> float:
        """Seconds since the budget began."""
        return self._clock() - self._begin

    def seconds_left(self) -> float:
        """Seconds that may still be spent, +inf without a limit, 0 when interrupted."""
        return 0.0 if self.interrupted else max(self.seconds_limit - self.elapsed(), 0.0)

    def evaluations_left(self) -> float:
        """Evaluations that may still be spent, +inf without a limit, 0 when interrupted."""
        return 0.0 if self.interrupted else max(self.evaluations_limit - self.evaluations, 0)

    def left(self) -> float:
        """Share of the budget that is left, of seconds or evaluations whichever is less, in [0, 1].

        Without limits it is 1 until the search is interrupted.
        """
        if self._progress is not None and time.monotonic() - self._shown >= PROGRESS_EVERY:
            show, self._progress = self._progress, None  # it may ask what is left
            show(self)
            self._shown, self._progress = time.monotonic(), show
        time_share = self.seconds_left() / self.seconds_limit if self.seconds_limit else 0.0
        if math.isinf(self.seconds_limit):
            time_share = 1.0
        count_share = 1.0
        if not math.isinf(self.evaluations_limit):
            count_share = self.evaluations_left() / max(self.evaluations_limit, 1)
        return 0.0 if self.interrupted else min(time_share, count_share)

    @property
    def limited(self) -> bool:
        """Whether seconds or evaluations are limited; a search without limits ends by itself."""
        return not (math.isinf(self.seconds_limit) and math.isinf(self.evaluations_limit))

    def charge(self, count: int) -> None:
        """Count candidates that compiled code of the search judged itself, without `evaluate`.

        Compiled searches work in portions: ask `evaluations_left`, run no more than that many,
        charge them, `offer` the best.
        """
        self.evaluations += int(count)

    def portion(self, share: float = 1.0, evaluations: int | None = None) -> Portion:
        """A budget for one stage of this search.

        Parameters
        ----------
        share : float in (0, 1]
            Of the seconds and of the evaluations that are left.
        evaluations : int or None
            At most so many.

        Returns
        -------
        Portion
            What it spends, finds and proves counts here as well.
        """
        return Portion(self, share, evaluations)

    def prove(self, bound: float) -> None:
        """Hand in a lower bound of the objective that the search has proved."""
        self.bound = max(self.bound, float(bound))

    def evaluate(self, batch: Batch, threads: int = 1) -> FloatArray:
        """Objective of many allocations, counted against the budget; the best one is offered.

        Parameters
        ----------
        batch : sequence of Allocation, or (node, variant, priority) each (B, T) int64

        Returns
        -------
        (B,) float array; +inf for allocations that break a constraint, and for those that come
        after the budget of evaluations was spent: they are not simulated.
        """
        columns = cast(Any, batch) if _is_arrays(batch) else None
        size = len(batch) if columns is None else len(columns[0])
        count = int(min(size, self.evaluations_left()))
        values = np.full(size, np.inf)
        if count == 0:
            return values
        part: Any = batch[:count] if columns is None else tuple(x[:count] for x in columns)
        values[:count] = self.problem.evaluate(part, threads)
        self.charge(count)
        i = int(np.argmin(values))
        if values[i] < self.best_objective or self._best is None:
            chosen = batch[i] if columns is None else tuple(np.array(x[i]) for x in columns)
            self._take(cast(Any, chosen), float(values[i]))
        return values

    def offer(self, allocation: Allocation, objective: float | None = None) -> bool:
        """Hand in an allocation; the best one counts if the search is cut off.

        Parameters
        ----------
        objective : float or None
            Its objective where it is known. None evaluates it, which counts as one evaluation.

        Returns
        -------
        bool : whether it is the best so far.
        """
        before = self.best_objective
        if objective is None:
            self.evaluate([allocation])
            return self.best_objective < before
        if not (objective < before or (self._best is None and objective == before)):
            return False
        self._take(allocation, float(objective))
        return True

    def _take(
        self, best: Allocation | tuple[IntArray, IntArray, IntArray], objective: float
    ) -> None:
        self._best, self.best_objective = best, objective
        if objective < math.inf:
            self.curve.append(Point(self.elapsed(), self.evaluations, objective))


class Portion(Budget):
    """Part of a budget; see `Budget.portion`."""

    def __init__(self, whole: Budget, share: float, evaluations: int | None) -> None:
        self.whole = whole
        seconds, count = whole.seconds_left(), whole.evaluations_left()
        if not math.isinf(count):
            count = math.ceil(share * count)
        count = min(count, math.inf if evaluations is None else evaluations)
        super().__init__(
            whole.problem,
            None if math.isinf(seconds) else share * seconds,
            None if math.isinf(count) else int(count),
            whole._clock,
        )
        self._best, self.best_objective = whole._best, whole.best_objective

    def seconds_left(self) -> float:
        """Seconds that may still be spent here and in the whole."""
        return min(super().seconds_left(), self.whole.seconds_left())

    def evaluations_left(self) -> float:
        """Evaluations that may still be spent here and in the whole."""
        return min(super().evaluations_left(), self.whole.evaluations_left())

    def left(self) -> float:
        """Share of the portion that is left; 0 if the whole is spent."""
        return super().left() if self.whole.left() > 0 else 0.0

    def charge(self, count: int) -> None:
        """Count candidates here and in the whole."""
        super().charge(count)
        self.whole.charge(count)

    def prove(self, bound: float) -> None:
        """Hand a bound in."""
        super().prove(bound)
        self.whole.prove(bound)

    def _take(
        self, best: Allocation | tuple[IntArray, IntArray, IntArray], objective: float
    ) -> None:
        super()._take(best, objective)
        if objective < self.whole.best_objective or self.whole._best is None:
            self.whole._take(best, objective)


def _is_arrays(batch: Batch) -> bool:
    return isinstance(batch, tuple) and len(batch) == 3 and isinstance(batch[0], np.ndarray)
