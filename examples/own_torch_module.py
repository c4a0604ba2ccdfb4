"""Torch modules of one's own: exported, cut into sub-tasks, placed, and run for real.

    python examples/own_torch_module.py
    alloclab compare examples/own_torch_module.py:resnet --cuts 4 --cluster hetero-lab
    alloclab run examples/own_torch_module.py:transformer --workers cpu:1,cpu:1 --check

`resnet` and `transformer` are the factories: functions without parameters that return the module
and its example inputs. They are called with seeded randomness: all workers have the same weights.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

HERE = Path(__file__).resolve()


class Block(nn.Module):
    """Two convolutions and a way around them."""

    def __init__(self, channels: int, out: int, stride: int = 1):
        super().__init__()
        self.first = nn.Conv2d(channels, out, 3, stride, padding=1, bias=False)
        self.second = nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.norm1, self.norm2 = nn.BatchNorm2d(out), nn.BatchNorm2d(out)
        self.around: nn.Module = nn.Identity()
        if stride > 1:
            self.around = nn.Conv2d(channels, out, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu_(self.norm1(self.first(x)))
        y = self.norm2(self.second(y))
        y += self.around(x)
        return torch.relu_(y)


class ResNet(nn.Module):
    """A residual network of 17 convolutions for pictures of 224 x 224 (ResNet-18's shape)."""

    def __init__(self, classes: int = 1000):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(),
            nn.MaxPool2d(3, 2, 1),
        )  # fmt: skip
        widths = (64, 64, 128, 256, 512)
        self.layers = nn.Sequential(
            *(
                nn.Sequential(Block(a, b, 1 if a == b else 2), Block(b, b))
                for a, b in itertools.pairwise(widths)
            )
        )
        self.head = nn.Linear(512, classes)

    def forward(self, picture: Tensor) -> Tensor:
        return self.head(self.layers(self.stem(picture)).mean((2, 3)))


class Layer(nn.Module):
    """A pre-norm transformer layer whose attention does not see what is masked."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        batch, tokens, width = x.shape
        parts = self.qkv(self.norm1(x)).view(batch, tokens, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(query, key, value, attn_mask=mask[:, None, None, :])
        x = x + self.out(seen.transpose(1, 2).reshape(batch, tokens, width))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class Transformer(nn.Module):
    """An encoder that says a word for each place, and what the sentence is like."""

    def __init__(self, words: int = 8000, width: int = 256, layers: int = 6, heads: int = 4):
        super().__init__()
        self.words = nn.Embedding(words, width)
        self.places = nn.Embedding(512, width)
        self.layers = nn.ModuleList(Layer(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, ids: Tensor, mask: Tensor) -> dict[str, Tensor]:
        x = self.words(ids) + self.places(torch.arange(ids.shape[1], device=ids.device))
        for layer in self.layers:
            x = layer(x, mask)
        x = self.norm(x)
        return {"words": F.linear(x, self.words.weight), "sentence": x.mean(1)}


def resnet() -> tuple[nn.Module, Tensor]:
    """The residual network and one picture."""
    return ResNet(), torch.randn(1, 3, 224, 224)


def transformer() -> tuple[nn.Module, dict[str, Tensor]]:
    """The encoder and one sentence of 128 places, the last 16 of which are empty."""
    mask = torch.ones(1, 128, dtype=torch.bool)
    mask[:, 112:] = False
    return Transformer(), {"ids": torch.randint(0, 8000, (1, 128)), "mask": mask}


def simulated(factory: str, cluster: str = "hetero-lab") -> None:
    """Print what sub-tasks cost and bring, for several numbers of cuts."""
    from scenarios import load, load_cluster
    from schedulers import solve
    from simulator import simulate

    print(f"{factory} on {cluster}, one request, placed by HEFT")
    print("sub-tasks   latency   communication   max/mean load of the sub-tasks")
    for cuts in (0, 1, 3, 7):
        scenario = load(f"{HERE}:{factory}", cuts=cuts).on(load_cluster(cluster))
        problem = scenario.problem()
        metrics = simulate(problem, solve("heft", problem).allocation).metrics()
        work = [sum(t.variants[0].work.flops.values()) for t in problem.tasks if t.variants[0].work]
        balance = max(work) * len(work) / sum(work)
        print(
            f"{cuts + 1:>9}{1e3 * metrics['makespan']:>7.2f} ms"
            f"{100 * metrics['communication_share']:>14.1f} %{balance:>12.2f}"
        )
    print()


def run_for_real(factory: str, cuts: int = 3) -> None:
    """Run every other sub-task on another worker, and hold the answers against the whole module."""
    from scenarios import load
    from scenarios.running import Settings, run

    scenario = load(f"{HERE}:{factory}", cuts=cuts)
    settings = Settings(scheduler="round_robin", workers="cpu:1,cpu:1", check=True)
    done = run(scenario, settings)
    print(f"{factory} in {cuts + 1} sub-tasks on two workers: {done.notes[-1]}")


def main() -> None:
    for factory in ("resnet", "transformer"):
        simulated(factory)
    for factory in ("resnet", "transformer"):
        run_for_real(factory)


if __name__ == "__main__":
    main()
