"""The environment: states are partial plans, actions place a task on a node."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import gymnasium
import numpy as np
from gymnasium import spaces

from scenarios.gym.observation import (
    NODE_FEATURES,
    OFFER_FEATURES,
    TASK_FEATURES,
    Observation,
    observe,
)
from schedulers.heft import Heft
from schedulers.ranks import ranks_of
from schedulers.stepwise import Steps
from schedulers.view import view_of
from simulator.errors import InvalidScenario, unknown
from simulator.problem import Problem

if TYPE_CHECKING:
    from simulator.allocation import Allocation

Source = "Problem | Scenario | Sequence[Problem | Scenario] | Callable[[int], Problem | Scenario]"

ACTIONS = ("node", "task_node")
REWARDS = ("increase", "terminal")
PATIENCE = 20
"""Invalid actions for each task after which an episode is cut off."""


class AllocationEnv(gymnasium.Env[Observation, int]):
    """Place the tasks of one average request, one after the other.

    The plan is that of list schedulers: a task starts when its inputs are there and the node is
    free. When all tasks are placed, the plan becomes an allocation, which the simulator judges:
    whatever the reward is given for, the rewards of an episode without invalid actions add up to
    minus the simulated objective over that of HEFT. -1 is as good as HEFT.

    Parameters
    ----------
    source : Problem, Scenario, a sequence of them, or a callable
        What episodes are about: one, one drawn from a sequence, or what the callable makes of a
        drawn integer seed.
    actions : {"node", "task_node"}
        ``node``: the ready task of highest upward rank is next, as in HEFT, and the action is its
        node. ``task_node``: the action is ``task * nodes + node`` for any ready task.
    reward : {"increase", "terminal"}
        ``increase``: minus the increase of the planned makespan at each step, and at the last one
        what the simulated objective differs by. ``terminal``: all at the end.
    insertion : bool
        Whether tasks may fill gaps between tasks placed before.
    penalty : float
        Subtracted for an action that the mask forbids; nothing else happens then.
    max_tasks, max_nodes : int or None
        Size of observations; None: the largest in `source`. A callable needs them.

    Notes
    -----
    ``info`` has ``action_mask`` and, when the episode is over, ``allocation`` and ``objective``.
    Constraints (memory, groups, pins) are kept: the mask holds only what some complete allocation
    contains, as far as is known; an action that turns out to leave no room is refused like one
    that the mask forbids, without a penalty.

    Raises
    ------
    InvalidScenario, UnknownName
    """

    metadata = {"render_modes": ["ansi"], "render_fps": 1}  # noqa: RUF012

    def __init__(
        self,
        source: Source,  # type: ignore[valid-type]
        actions: Literal["node", "task_node"] = "node",
        reward: Literal["increase", "terminal"] = "increase",
        insertion: bool = False,
        penalty: float = 1.0,
        max_tasks: int | None = None,
        max_nodes: int | None = None,
        render_mode: str | None = None,
    ) -> None:
        for value, allowed, what in ((actions, ACTIONS, "actions"), (reward, REWARDS, "reward")):
            if value not in allowed:
                raise unknown(f"value of {what}", str(value), allowed)
        if render_mode not in (None, "ansi"):
            raise unknown("render mode", str(render_mode), ["ansi"])
        self.actions, self.reward, self.insertion = actions, reward, insertion
        self.penalty, self.render_mode = float(penalty), render_mode
        self._make, largest = _maker(source)
        self.shape = _shape(largest, max_tasks, max_nodes)
        n_tasks, n_nodes = self.shape
        count = n_nodes if actions == "node" else n_tasks * n_nodes
        self.action_space = spaces.Discrete(count)  # type: ignore[assignment]
        self.observation_space = _space(n_tasks, n_nodes, count)  # type: ignore[assignment]
        self.steps: Steps | None = None

    # ----- an episode ------------------------------------------------------------------------
    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin an episode; ``options={"problem": ...}`` says which problem it is about."""
        super().reset(seed=seed)
        chosen = (options or {}).get("problem")
        self.problem = _problem(self._make(self.np_random) if chosen is None else chosen)
        if self.problem.n_tasks > self.shape[0] or self.problem.n_nodes > self.shape[1]:
            raise InvalidScenario(
                f"the problem has {self.problem.n_tasks} tasks on {self.problem.n_nodes} nodes, "
                f"the environment was made for {self.shape[0]} on {self.shape[1]}: give max_tasks "
                "and max_nodes"
            )
        self._ranks = ranks_of(view_of(self.problem))
        heft = Heft().plan(self.problem)
        self.unit = heft.makespan or 1.0
        judged = self.problem.objective_of(heft.allocation(self.problem))
        self.heft_objective = judged if 0 < judged < np.inf else 1.0
        self.steps = Steps(self.problem, self.insertion)
        self._returned, self._invalid = 0.0, 0
        return self._look(), self._info()

    def step(self, action: int) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Place a task. An action that the mask forbids changes nothing and costs the penalty."""
        steps = self.steps
        if steps is None or steps.done:
            raise gymnasium.error.ResetNeeded("call reset before step: no episode is under way")
        before = steps.makespan
        place = self._place(int(action))
        allowed = place is not None and bool(steps.offers.open[place])
        if place is None or not steps.take(*place):
            self._invalid += 1
            cut = self._invalid >= PATIENCE * len(steps.node)
            info = {**self._info(), "invalid": True}
            return self._look(), 0.0 if allowed else -self.penalty, False, cut, info
        info = self._info()
        reward = (before - steps.makespan) / self.unit if self.reward == "increase" else 0.0
        ended = steps.placed == len(steps.node)
        if ended:
            allocation = steps.plan().allocation(self.problem)
            objective = self.problem.objective_of(allocation)
            info |= {"allocation": allocation, "objective": objective}
            reward = -objective / self.heft_objective - self._returned
        self._returned += reward
        return self._look(), float(reward), ended, False, info

    @property
    def next_task(self) -> int | None:
        """With actions ``node``: the ready task of highest upward rank; None at the end."""
        assert self.steps is not None
        ready = np.flatnonzero(self.steps.offers.open.any(axis=1))
        if len(ready) == 0:
            return None
        return int(ready[np.argmax(self._ranks.up[ready])])

    def action_masks(self) -> np.ndarray:
        """(actions,) bool array of what may be done now."""
        assert self.steps is not None
        n_tasks, n_nodes = self.shape
        grid = np.zeros((n_tasks, n_nodes), dtype=np.bool_)
        grid[: self.problem.n_tasks, : self.problem.n_nodes] = self.steps.offers.open
        if self.actions == "task_node":
            return grid.ravel()
        task = self.next_task
        return np.zeros(n_nodes, dtype=np.bool_) if task is None else grid[task]

    def allocation(self) -> Allocation:
        """What the finished episode decided.

        Raises
        ------
        ValueError
            It is not finished.
        """
        if self.steps is None:
            raise ValueError("no episode has begun")
        return self.steps.plan().allocation(self.problem)

    def render(self) -> str | None:  # type: ignore[override]
        """The plan so far as text, for ``render_mode="ansi"``."""
        steps = self.steps
        if self.render_mode is None or steps is None:
            return None
        lines = []
        for n, name in enumerate(self.problem.node_names):
            mine = sorted(np.flatnonzero(steps.node == n), key=lambda t: steps.start[t])
            words = [f"{self.problem.task_names[t]} {steps.start[t]:.4g}.."
                     f"{steps.finish[t]:.4g} s" for t in mine]  # fmt: skip
            lines.append(f"{name}: {', '.join(words) or 'nothing'}")
        return "\n".join(lines)

    # ----- parts -----------------------------------------------------------------------------
    def _place(self, action: int) -> tuple[int, int] | None:
        """(task, node) of an action; None where there is none."""
        assert self.steps is not None
        if self.actions == "task_node":
            task, node = divmod(action, self.shape[1])
        else:
            first = self.next_task
            task, node = (-1 if first is None else first), action
        inside = 0 <= task < self.problem.n_tasks and 0 <= node < self.problem.n_nodes
        return (task, node) if inside else None

    def _look(self) -> Observation:
        assert self.steps is not None
        return observe(self.steps, self._ranks, self.unit, self.action_masks(), self.shape)

    def _info(self) -> dict[str, Any]:
        assert self.steps is not None
        return {"action_mask": self.action_masks().astype(np.int8), "planned": self.steps.makespan}


def _maker(source: Any) -> tuple[Callable[[np.random.Generator], Any], tuple[int, int] | None]:
    """What draws the next problem, and the largest size; None where that is not known."""
    from scenarios.scenario import Scenario

    if callable(source) and not isinstance(source, Problem | Scenario):
        return lambda rng: source(int(rng.integers(2**31))), None
    given = list(source) if isinstance(source, list | tuple) else [source]
    if not given:
        raise InvalidScenario("source: there are no problems")
    problems = [_problem(one) for one in given]
    largest = max(p.n_tasks for p in problems), max(p.n_nodes for p in problems)
    if len(problems) == 1:
        return lambda rng: problems[0], largest
    return lambda rng: problems[int(rng.integers(len(problems)))], largest


def _problem(given: Any) -> Problem:
    from scenarios.scenario import Scenario

    if isinstance(given, Scenario):
        return given.problem()
    if not isinstance(given, Problem):
        raise InvalidScenario(
            f"source: expected a Problem or a Scenario, got {type(given).__name__}"
        )
    return given


def _shape(
    largest: tuple[int, int] | None, max_tasks: int | None, max_nodes: int | None
) -> tuple[int, int]:
    if largest is None and (max_tasks is None or max_nodes is None):
        raise InvalidScenario("a callable source needs max_tasks and max_nodes")
    known = largest or (0, 0)
    shape = (known[0] if max_tasks is None else int(max_tasks),
             known[1] if max_nodes is None else int(max_nodes))  # fmt: skip
    if shape[0] < max(known[0], 1) or shape[1] < max(known[1], 1):
        raise InvalidScenario(
            f"max_tasks and max_nodes must be at least {max(known[0], 1)} and {max(known[1], 1)}, "
            f"got {shape[0]} and {shape[1]}"
        )
    return shape


def _space(n_tasks: int, n_nodes: int, actions: int) -> spaces.Dict:
    def box(*shape: int) -> spaces.Box:
        return spaces.Box(0.0, np.inf, shape, dtype=np.float32)

    return spaces.Dict(
        {
            "tasks": box(n_tasks, len(TASK_FEATURES)),
            "nodes": box(n_nodes, len(NODE_FEATURES)),
            "offers": box(n_tasks, n_nodes, len(OFFER_FEATURES)),
            "messages": box(n_tasks, n_tasks),
            "action_mask": spaces.MultiBinary(actions),
        }
    )
