"""A policy that learns to allocate: REINFORCE on the Gymnasium environment, against HEFT.

    python examples/policy_gradient.py [--episodes 3000] [--tasks 20] [--nodes 4] [--ccr 1]

The agent takes the ready task of highest upward rank, as HEFT does, and chooses its node. A small
network scores every node from what it offers (start, finish, seconds, idle time) and from the task
and node themselves; it has no idea how many tasks or nodes there are, so it may be tried on other
sizes. Training: R. J. Williams, "Simple statistical gradient-following algorithms for connectionist
reinforcement learning", Machine Learning 8, 1992, doi:10.1007/BF00992696, with the return of the
greedy policy on the same problem as the baseline (S. J. Rennie et al., CVPR 2017,
doi:10.1109/CVPR.2017.131). Needs ``alloclab[gym]``.
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np
import torch
from torch import nn

from scenarios.generate import generate
from scenarios.gym import AllocationEnv
from schedulers import solve

TRAIN, TEST = 1_000_000, 2_000_000
"""Where the seeds of problems for training and for testing begin: no problem is in both."""

HEAD_START = 20.0
"""Weight of the finish before anything is learned: the greedy policy then is HEFT."""


def problem(seed: int, args: argparse.Namespace):
    """A random layered graph."""
    return generate(
        "layered", tasks=args.tasks, nodes=args.nodes, ccr=args.ccr, seed=seed
    ).problem()


def features(env: AllocationEnv, observation: dict) -> torch.Tensor:
    """(N, F) numbers that describe each node as a place for the next task."""
    task = env.next_task
    offers, nodes = observation["offers"][task], observation["nodes"]
    about = np.repeat(observation["tasks"][task][None, [1, 2, 3, 4]], len(nodes), axis=0)
    least = np.where(offers[:, :1] > 0, offers, np.inf).min(axis=0)[None, 1:4]
    later = offers[:, 1:4] - least  # how much worse than the best place
    return torch.from_numpy(np.hstack([offers, later, nodes[:, 1:5], about]).astype(np.float32))


class Policy(nn.Module):
    """A score for each node; the least finish has a head start, so that learning begins near it."""

    def __init__(self, hidden: int = 32) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(16, hidden), nn.Tanh(), nn.Linear(hidden, 1))
        nn.init.zeros_(self.net[2].weight)
        nn.init.zeros_(self.net[2].bias)
        self.greed = nn.Parameter(torch.tensor(float(HEAD_START)))

    def forward(self, x: torch.Tensor, mask: np.ndarray) -> torch.distributions.Categorical:
        """Chances of the nodes."""
        scores = self.net(x).squeeze(-1) - self.greed * x[:, 6]
        return torch.distributions.Categorical(
            logits=scores.masked_fill(~torch.from_numpy(mask), -torch.inf)
        )


def play(env: AllocationEnv, policy: Policy, case, greedy: bool, rng: torch.Generator | None):
    """One episode: (return, sum of logarithms of probabilities, entropy)."""
    observation, _ = env.reset(options={"problem": case})
    total, chance, entropy, over = 0.0, torch.zeros(()), torch.zeros(()), False
    while not over:
        choice = policy(features(env, observation), observation["action_mask"].astype(bool))
        if greedy:
            action = int(choice.logits.argmax())
        else:
            action = int(torch.multinomial(choice.probs, 1, generator=rng))
            chance = chance + choice.log_prob(torch.tensor(action))
            entropy = entropy + choice.entropy()
        observation, reward, ended, cut, _ = env.step(action)
        total, over = total + reward, ended or cut
    return total, chance, entropy


def train(args: argparse.Namespace) -> Policy:
    """REINFORCE; a batch of episodes a step."""
    torch.manual_seed(args.seed)
    rng = torch.Generator().manual_seed(args.seed)
    env = AllocationEnv(problem(TRAIN, args), insertion=True)
    policy = Policy()
    optimiser = torch.optim.Adam(policy.parameters(), lr=args.rate)
    began, gains = time.process_time(), []
    for i in range(args.episodes):
        case = problem(TRAIN + args.seed * 100_000 + i, args)
        with torch.no_grad():
            baseline, *_ = play(env, policy, case, True, None)
        total, chance, entropy = play(env, policy, case, False, rng)
        loss = -(total - baseline) * chance - args.entropy * entropy
        (loss / args.batch).backward()
        gains.append(baseline)
        if (i + 1) % args.batch == 0:
            nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
            optimiser.step()
            optimiser.zero_grad()
        if (i + 1) % max(args.episodes // 10, 1) == 0:
            print(f"{i + 1} episodes, {time.process_time() - began:.0f} CPU s: makespan / HEFT's "
                  f"{-np.mean(gains[-args.episodes // 10 - 1:]):.4f}", flush=True)  # fmt: skip
    return policy


def test(policy: Policy, args: argparse.Namespace) -> dict[str, np.ndarray]:
    """Makespan over HEFT's on problems that training has not seen."""
    found: dict[str, list[float]] = {"policy": [], **{name: [] for name in args.against}}
    for i in range(args.cases):
        case = problem(TEST + i, args)
        heft = solve("heft", case).objective
        with torch.no_grad():
            total, *_ = play(AllocationEnv(case, insertion=True), policy, case, True, None)
        found["policy"].append(-total)
        for name in args.against:
            found[name].append(solve(name, case, seed=i).objective / heft)
    return {name: np.array(values) for name, values in found.items()}


def main() -> None:
    """Train, test, print a line for each and one of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    for name, value in (("episodes", 3000), ("tasks", 20), ("nodes", 4), ("cases", 200),
                        ("batch", 16), ("seed", 0), ("ccr", 1.0), ("rate", 3e-3),
                        ("entropy", 1e-3)):  # fmt: skip
        parser.add_argument(f"--{name}", type=type(value), default=value)
    args = parser.parse_args()
    args.against = ["peft", "lookahead", "random"]
    untrained, policy = test(Policy(), args)["policy"], train(args)
    rows = {"untrained": untrained, **test(policy, args)}
    for name, ratio in rows.items():
        wins = int((ratio < 1 - 1e-9).sum())
        error = ratio.std(ddof=1) / len(ratio) ** 0.5
        print(f"{name}: makespan / HEFT's {ratio.mean():.4f} +- {error:.4f}, shorter on {wins}")
    print(json.dumps({name: float(ratio.mean()) for name, ratio in rows.items()}))


if __name__ == "__main__":
    main()
