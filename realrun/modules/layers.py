"""Blocks that several families share: attention, transformer block, convolution unit, residual."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class Attention(nn.Module):
    """Multi-head attention of x over a memory, or over itself (Vaswani et al., NeurIPS 2017)."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def split(self, x: Tensor) -> Tensor:
        B, T, C = x.shape
        return x.view(B, T, self.heads, C // self.heads).transpose(1, 2)  # (B, H, T, C/H)

    def remember(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        k, v = self.key_value(memory).chunk(2, dim=-1)
        return self.split(k), self.split(v)  # 2 x (B, H, S, C/H)

    def attend(self, x: Tensor, k: Tensor, v: Tensor) -> Tensor:
        y = F.scaled_dot_product_attention(self.split(self.query(x)), k, v)  # (B, H, T, C/H)
        return self.out(y.transpose(1, 2).flatten(2))  # (B, T, C)

    def forward(self, x: Tensor, memory: Tensor | None = None) -> Tensor:
        k, v = self.remember(x if memory is None else memory)
        return self.attend(x, k, v)


class Block(nn.Module):
    """Pre-norm transformer block: self-attention, attention to a memory if asked for, MLP."""

    def __init__(self, width: int, heads: int, cross: bool = False):
        super().__init__()
        self.norm_self = nn.LayerNorm(width)
        self.self_attention = Attention(width, heads)
        if cross:
            self.norm_cross = nn.LayerNorm(width)
            self.cross_attention = Attention(width, heads)
        self.cross = cross
        self.norm_mlp = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x: Tensor, memory: Tensor | None = None) -> Tensor:
        x = x + self.self_attention(self.norm_self(x))  # (B, T, C)
        if self.cross:
            x = x + self.cross_attention(self.norm_cross(x), memory)
        return x + self.mlp(self.norm_mlp(x))


def conv_unit(channels_in: int, channels_out: int, kernel: int = 3, stride: int = 1):
    """Convolution, group normalisation (Wu and He, ECCV 2018), SiLU."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, kernel, stride, kernel // 2, bias=False),
        nn.GroupNorm(8, channels_out),
        nn.SiLU(),
    )


class Residual(nn.Module):
    """Two 3 x 3 convolution units beside a shortcut (He et al., CVPR 2016)."""

    def __init__(self, channels: int):
        super().__init__()
        self.units = nn.Sequential(conv_unit(channels, channels), conv_unit(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.units(x)  # (B, C, H, W)
