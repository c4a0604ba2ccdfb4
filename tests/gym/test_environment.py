"""The environment keeps Gymnasium's contract, and its episodes are what the simulator says."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios import load
from scenarios.generate import generate
from schedulers import solve
from schedulers.stepwise import Steps
from simulator import simulate
from simulator.errors import InvalidScenario, UnknownName
from simulator.problem import Problem
from simulator.rules import check_allocation
from tests.schedulers.problems import from_table, with_memory, with_traps, with_variants

gymnasium = pytest.importorskip("gymnasium")

from gymnasium.utils.env_checker import check_env  # noqa: E402

from scenarios.gym import AllocationEnv  # noqa: E402


def layered(seed: int, tasks: int = 12, nodes: int = 3) -> Problem:
    return generate("layered", tasks=tasks, nodes=nodes, ccr=1.0, seed=seed).problem()


def play(env: AllocationEnv, choose: Any, seed: int = 0) -> tuple[float, dict[str, Any], int]:
    """Return (sum of rewards, last info, steps) of one episode."""
    observation, info = env.reset(seed=seed)
    total, count, over = 0.0, 0, False
    while not over:
        observation, reward, ended, cut, info = env.step(choose(env, observation))
        assert env.observation_space.contains(observation)
        total, count, over = total + reward, count + 1, ended or cut
    return total, info, count


def by_lot(seed: int) -> Any:
    rng = np.random.default_rng(seed)

    def choose(env: AllocationEnv, observation: dict[str, Any]) -> int:
        return int(rng.choice(np.flatnonzero(observation["action_mask"])))

    return choose


def earliest_finish(env: AllocationEnv, observation: dict[str, Any]) -> int:
    """HEFT's choice."""
    assert env.steps is not None
    task = env.next_task
    offers = env.steps.offers
    return int(np.argmin(np.where(offers.open[task], offers.finish[task], np.inf)))


@pytest.mark.parametrize("actions", ["node", "task_node"])
@pytest.mark.parametrize("reward", ["increase", "terminal"])
def test_gymnasium_finds_nothing_wrong(actions: str, reward: str) -> None:
    env = AllocationEnv(layered(0), actions=actions, reward=reward, render_mode="ansi")
    with warnings.catch_warnings():
        # Times have no upper end, and no agent of ours needs one.
        warnings.filterwarnings("ignore", message=".*Box observation space maximum.*")
        warnings.filterwarnings("ignore", message=".*not have a spec.*|.*render.*|.*spec.*")
        warnings.simplefilter("error", category=DeprecationWarning)
        check_env(env)


def test_it_is_registered() -> None:
    env = gymnasium.make("alloclab/Allocation-v0", source=layered(0))
    observation, _ = env.reset(seed=3)
    assert observation["tasks"].shape == (12, 10)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["node", "task_node"]), st.booleans(),
       st.sampled_from(["increase", "terminal"]))  # fmt: skip
def test_an_episode_is_what_is_simulated(
    seed: int, actions: str, insertion: bool, reward: str
) -> None:
    problem = layered(seed)
    env = AllocationEnv(problem, actions=actions, insertion=insertion, reward=reward)
    total, info, count = play(env, by_lot(seed), seed)
    assert count == problem.n_tasks
    assert info["allocation"] == env.allocation()
    check_allocation(problem, info["allocation"])
    makespan = simulate(problem, info["allocation"]).metrics()["makespan"]
    assert info["objective"] == makespan
    assert info["planned"] == makespan  # plans are exact here
    heft = solve("heft", problem).objective
    assert total == pytest.approx(-makespan / heft, rel=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_the_earliest_finish_is_heft(seed: int) -> None:
    problem = layered(seed, tasks=25, nodes=4)
    env = AllocationEnv(problem, insertion=True)
    total, info, _ = play(env, earliest_finish)
    assert info["allocation"] == solve("heft", problem).allocation
    assert total == pytest.approx(-1.0, rel=1e-12)


def test_by_hand() -> None:
    """x takes 2 or 4 s, y 3 or 1 s; the message of 4 bytes takes 4 s."""
    problem = from_table([[2.0, 4.0], [3.0, 1.0]], [(1, 2, 4.0)])
    env = AllocationEnv(problem, reward="increase")
    observation, info = env.reset(seed=0)
    assert info["action_mask"].tolist() == [1, 1]
    # HEFT: x on p1 until 2, then y on p1 until 5 (on p2 it would be 7).
    unit = 5.0
    assert observation["offers"][0, :, 2].tolist() == pytest.approx([2 / unit, 4 / unit])
    assert observation["offers"][1].sum() == 0  # not ready
    assert observation["messages"][0, 1] == pytest.approx(4 / unit)
    observation, reward, ended, _, _ = env.step(0)
    assert reward == pytest.approx(-2 / unit)
    assert not ended
    assert observation["offers"][1, :, 1].tolist() == pytest.approx([2 / unit, 6 / unit])
    assert observation["nodes"][0, 1] == pytest.approx(2 / unit)
    observation, reward, ended, _, info = env.step(1)
    assert ended
    assert reward == pytest.approx(-5 / unit)  # from 2 to 7
    assert info["objective"] == 7.0
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(0)


def test_same_seed_same_episode() -> None:
    problems = [layered(seed) for seed in range(6)]

    def names(seed: int) -> list[str]:
        env = AllocationEnv(problems)
        out = []
        for i in range(8):
            env.reset(seed=seed if i == 0 else None)
            out.append(env.problem.name + str(env.unit))
        return out

    assert names(1) == names(1)
    assert names(1) != names(2)


def test_a_callable_gives_new_problems() -> None:
    env = AllocationEnv(lambda seed: layered(seed), max_tasks=14, max_nodes=5)
    units = set()
    for seed in range(4):
        _, info, _ = play(env, by_lot(seed), seed)
        units.add(env.unit)
        assert info["action_mask"].shape == (5,)
    assert len(units) == 4


def test_what_the_mask_forbids_changes_nothing_and_costs() -> None:
    env = AllocationEnv(layered(1), actions="task_node", penalty=0.25)
    observation, _ = env.reset(seed=0)
    forbidden = int(np.flatnonzero(observation["action_mask"] == 0)[0])
    after, reward, ended, cut, info = env.step(forbidden)
    assert (reward, ended, cut, info["invalid"]) == (-0.25, False, False, True)
    assert all(np.array_equal(observation[k], after[k]) for k in observation)
    for _ in range(1000):
        *_, ended, cut, info = env.step(forbidden)
        if cut:
            break
    assert cut
    assert not ended


@pytest.mark.parametrize("make", [with_variants, with_memory, with_traps])
@pytest.mark.parametrize("seed", range(5))
def test_constraints_are_kept_by_whatever_the_mask_allows(make: Any, seed: int) -> None:
    problem = make()
    env = AllocationEnv(problem, actions="task_node")
    _, info, _ = play(env, by_lot(seed), seed)
    check_allocation(problem, info["allocation"])
    assert np.isfinite(info["objective"])


def test_streams_are_judged_by_simulation() -> None:
    """The plan is of one request; the objective, and with it the return, of all."""
    problem = load("translation").problem(seed=0)
    total, info, _ = play(AllocationEnv(problem), by_lot(0))
    assert info["objective"] == problem.objective_of(info["allocation"])
    assert total == pytest.approx(-info["objective"] / solve("heft", problem).objective)


def test_scenarios_are_problems_too() -> None:
    env = AllocationEnv([load("driving"), load("translation")])
    env.reset(seed=0, options={"problem": load("driving")})
    assert env.problem.name == "driving"


def test_rendering_names_tasks_and_nodes() -> None:
    problem = from_table([[2.0, 4.0], [3.0, 1.0]], [(1, 2, 4.0)])
    env = AllocationEnv(problem, render_mode="ansi")
    env.reset(seed=0)
    env.step(0)
    assert env.render() == "p1: 1 0..2 s\np2: nothing"
    assert AllocationEnv(problem).render() is None


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"source": []}, InvalidScenario, "there are no problems"),
        ({"source": 3}, InvalidScenario, "expected a Problem or a Scenario, got int"),
        ({"source": ["heft"]}, InvalidScenario, "expected a Problem or a Scenario, got str"),
        ({"source": layered}, InvalidScenario, "needs max_tasks and max_nodes"),
        ({"actions": "tasks"}, UnknownName, "unknown value of actions 'tasks'"),
        ({"reward": "end"}, UnknownName, "unknown value of reward 'end'"),
        ({"render_mode": "human"}, UnknownName, "unknown render mode 'human'"),
        ({"max_tasks": 3}, InvalidScenario, "must be at least 12 and 3, got 3 and 3"),
    ],
)
def test_refusals(arguments: dict[str, Any], error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        AllocationEnv(**{"source": layered(0), **arguments})


def test_a_problem_larger_than_the_environment_is_refused() -> None:
    env = AllocationEnv(layered, max_tasks=5, max_nodes=3)
    with pytest.raises(InvalidScenario, match="has 12 tasks on 3 nodes"):
        env.reset(seed=0)


# ----- the steps below ---------------------------------------------------------------------------
def test_a_plan_in_the_making_refuses_to_be_finished_early() -> None:
    steps = Steps(layered(0))
    with pytest.raises(ValueError, match="12 tasks have no place yet"):
        steps.plan()
    assert not steps.take(11, 0)  # not ready
    assert steps.placed == 0
