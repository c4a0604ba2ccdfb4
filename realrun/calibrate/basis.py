"""Small modules of known kinds, profiled so that the predictor has support everywhere.

A catalogue's models leave gaps: no convolution of these channels, no product of that many rows. The
modules here cover the ranges that inference knows at a few points each; they belong to no pipeline.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

BUDGET_S = 0.15
"""Seconds for one case, where that is more than one execution."""


class Repeated(nn.Module):
    """Calls a module several times in turn, as a decoder does for every token."""

    def __init__(self, inner: nn.Module, times: int):
        super().__init__()
        self.inner, self.times = inner, times

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(self.times):
            out = self.inner(x)
        return out


class Attend(nn.Module):
    """A pre-norm transformer block with torch's fused attention."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.norm, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        b, t, w = x.shape
        parts = self.qkv(self.norm(x)).view(b, t, 3, self.heads, w // self.heads)
        q, k, v = (parts[:, :, i].transpose(1, 2) for i in range(3))
        seen = nn.functional.scaled_dot_product_attention(q, k, v)
        x = x + self.out(seen.transpose(1, 2).reshape(b, t, w))
        return x + self.down(nn.functional.gelu(self.up(self.norm2(x))))


class Residual(nn.Module):
    """Two convolutions with normalisation and a way around them."""

    def __init__(self, channels: int):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels),
            nn.ReLU(), nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.body(x))


class Resize(nn.Module):
    """Resizing and normalising, as before every vision model."""

    def __init__(self, side: int):
        super().__init__()
        self.side = side

    def forward(self, x: Tensor) -> Tensor:
        size = (self.side, self.side)
        x = nn.functional.interpolate(x, size, mode="bilinear", antialias=False)
        return (x - 0.5) / 0.25


class Boxes(nn.Module):
    """Many small operators on pairs of boxes, as after every detector."""

    def forward(self, x: Tensor) -> Tensor:
        best = x[x[:, 0].topk(64).indices]
        low = torch.maximum(best[:, None, :2], best[None, :, :2])
        high = torch.minimum(best[:, None, 2:], best[None, :, 2:])
        overlap = (high - low).clamp(min=0).prod(-1)
        return (best[:, 0] * (1 - overlap.triu(1)).min(0).values).exp()


def _transformer(width: int, layers: int) -> Callable[[], nn.Module]:
    return lambda: nn.Sequential(*(Attend(width, width // 64) for _ in range(layers)))


def _decoder(width: int, layers: int) -> Callable[[], nn.Module]:
    return lambda: Repeated(_transformer(width, layers)(), 8)


def _resize(side: int) -> Callable[[], nn.Module]:
    return lambda: Resize(side)


def _mlp(width: int, layers: int) -> Callable[[], nn.Module]:
    return lambda: nn.Sequential(
        *(layer for _ in range(layers) for layer in (nn.Linear(width, width), nn.ReLU()))
    )


def _convolutions(channels: int, blocks: int) -> Callable[[], nn.Module]:
    return lambda: nn.Sequential(*(Residual(channels) for _ in range(blocks)))


def _stem(channels: int) -> Callable[[], nn.Module]:
    return lambda: nn.Sequential(
        nn.Conv2d(3, channels, 7, 2, 3), nn.BatchNorm2d(channels), nn.ReLU()
    )


def _pointwise(channels: int) -> Callable[[], nn.Module]:
    return lambda: nn.Sequential(
        nn.Conv2d(channels, channels, 1), nn.ReLU(), nn.Conv2d(channels, channels, 1)
    )


Case = tuple[Callable[[], nn.Module], tuple[int, ...]]


def _cases() -> dict[str, Case]:
    """Name -> (how it is built, shape of its input)."""
    found: dict[str, Case] = {}
    for width, layers in ((128, 4), (256, 4), (512, 4), (768, 2)):
        for tokens in (16, 64, 196):
            shape = (1, tokens, width)
            found[f"transformer-{width}-{tokens}"] = (_transformer(width, layers), shape)
        found[f"decoder-{width}"] = (_decoder(width, layers), (1, 1, width))
    for width in (256, 512, 1024):
        for rows in (1, 32, 200):
            found[f"mlp-{width}-{rows}"] = (_mlp(width, 4), (rows, width))
    for channels, side in ((24, 56), (32, 80), (48, 40), (64, 56), (96, 20), (128, 28), (256, 14)):
        found[f"conv-{channels}-{side}"] = (_convolutions(channels, 2), (1, channels, side, side))
    for channels, side in ((16, 224), (64, 224), (48, 160)):
        found[f"stem-{channels}-{side}"] = (_stem(channels), (1, 3, side, side))
    for channels, side in ((64, 56), (256, 20)):
        found[f"pointwise-{channels}-{side}"] = (_pointwise(channels), (1, channels, side, side))
    for side in (224, 640):
        found[f"resize-{side}"] = (_resize(side), (1, 3, 480, 640))
    for rows in (512, 4096):
        found[f"boxes-{rows}"] = (Boxes, (rows, 4))
    return found


CASES = _cases()


def build(name: str, device: str = "cpu") -> nn.Module:
    """One of `CASES`, in inference mode, weights seeded."""
    with torch.random.fork_rng(devices=[]), torch.device(device):
        torch.default_generator.manual_seed(0)
        module = CASES[name][0]()
    module.requires_grad_(False).eval()
    return module
