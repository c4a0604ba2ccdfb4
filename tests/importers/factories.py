"""Factories of torch modules for tests: good ones, and every kind of bad one."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Mlp(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.c(torch.relu(self.b(torch.relu(self.a(x)))))


def mlp():
    return Mlp(), torch.randn(3, 4)


class Skip(nn.Module):
    """What the first layer makes is used by the last one too, and the input by the middle one."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        first = self.a(x)
        second = self.b(first) * x
        return self.c(second) + first


def skip():
    return Skip(), torch.randn(2, 8)


class Towers(nn.Module):
    """Two branches that do not depend on each other."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(64, 64), nn.Linear(64, 64)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.left(x) + self.right(y)


def towers():
    return Towers(), (torch.randn(4, 64), torch.randn(4, 64))


class Turned(nn.Module):
    """Products of transposed tensors, parts of tuples, several outputs, an input and a weight."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(37, 53))
        self.register_buffer("scale", torch.tensor(0.37))

    def forward(self, x: Tensor, keep: Tensor) -> dict[str, object]:
        turned = (x @ self.weight).transpose(1, 2)
        left, right = (turned * self.scale).split([30, 23], 1)
        best, at = right.topk(3)
        wide = self.scale.expand(5, 5) + torch.arange(5, device=x.device)
        mixed = left.permute(2, 0, 1).relu().permute(1, 2, 0) @ x
        return {
            "mixed": mixed, "best": [best, at], "wide": wide, "x": x, "weight": self.weight,
            "kept": keep & (x > 0), "nothing": None,
        }  # fmt: skip


def turned():
    return Turned(), {"x": torch.randn(2, 41, 37), "keep": torch.ones(2, 41, 37, dtype=torch.bool)}


class Half(nn.Module):
    """Computes in bf16; its answer does not."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(8, 8).bfloat16(), nn.Linear(8, 8).bfloat16()

    def forward(self, x: Tensor) -> Tensor:
        return self.b(F.gelu(self.a(x.bfloat16()))).float()


def half():
    return Half(), torch.randn(2, 8)


# ----- bad ones -----------------------------------------------------------------------------------
class Gate(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + 1 if x.sum() > 0 else x - 1


class Picked(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x[x > 0] * 2


class Conditional(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.cond(x.sum() > 0, lambda x: x + 1, lambda x: x - 1, (x,))


class Counting(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return x + self.calls


class Five(nn.Module):
    def forward(self, x: Tensor) -> int:
        return 5


def gate():
    return Gate(), torch.randn(3)


def picked():
    return Picked(), torch.randn(3)


def conditional():
    return Conditional(), torch.randn(3)


def counting():
    return Counting(), torch.randn(3)


def five():
    return Five(), torch.randn(3)


def double():
    return nn.Linear(4, 4).double(), torch.randn(3, 4).double()


def misfit():
    return nn.Linear(4, 4), torch.randn(3)


def raises():
    raise ValueError("the disk is full")


def leaves():
    raise SystemExit(3)


def number():
    return 5


def no_inputs():
    return nn.Linear(4, 4)


def text_inputs():
    return nn.Linear(4, 4), "picture.png"


NOT_A_FUNCTION = 3
