"""Translation by three models: understand (z1), extract features (z2), translate (target)."""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from realrun.modules.layers import Block

VOCABULARY = 8000
LONGEST = 512  # tokens, the size of the position tables
JOINT = 512  # width of z1 and z2
START = 1  # the token from which decoding begins


class TextEncoder(nn.Module):
    """Understands the source sentence: token ids to contextual vectors z1."""

    def __init__(self, width: int, layers: int, heads: int):
        super().__init__()
        self.embed = nn.Embedding(VOCABULARY, width)
        self.position = nn.Parameter(torch.randn(LONGEST, width) * 0.02)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.leave = nn.Linear(width, JOINT)

    def forward(self, source: Tensor) -> Tensor:  # (B, T) ids
        x = self.embed(source) + self.position[: source.shape[1]]  # (B, T, C)
        for block in self.blocks:
            x = block(x)
        return self.leave(self.norm(x))  # (B, T, 512)


class FeatureExtractor(nn.Module):
    """Extracts what the translation needs from z1, by convolution and attention."""

    def __init__(self, width: int, layers: int, heads: int):
        super().__init__()
        self.enter = nn.Linear(JOINT, width)
        self.near = nn.ModuleList(
            nn.Conv1d(width, width, 5, padding=2, groups=width) for _ in range(layers)
        )
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.leave = nn.Linear(width, JOINT)

    def forward(self, z1: Tensor) -> Tensor:  # (B, T, 512)
        x = self.enter(z1)  # (B, T, C)
        for near, block in zip(self.near, self.blocks, strict=True):
            x = x + F.silu(near(x.transpose(1, 2)).transpose(1, 2))
            x = block(x)
        return self.leave(self.norm(x))  # (B, T, 512)


class DecoderLayer(Block):
    """A transformer block that decodes one token at a time and keeps earlier keys and values."""

    def __init__(self, width: int, heads: int):
        super().__init__(width, heads, cross=True)

    def step(self, x: Tensor, t: int, cache: Tensor, source: tuple[Tensor, Tensor]) -> Tensor:
        h = self.norm_self(x)  # (B, 1, C)
        k, v = self.self_attention.remember(h)  # 2 x (B, H, 1, C/H)
        cache[0, :, :, t : t + 1] = k  # cache: (2, B, H, T, C/H)
        cache[1, :, :, t : t + 1] = v
        x = x + self.self_attention.attend(h, cache[0, :, :, : t + 1], cache[1, :, :, : t + 1])
        x = x + self.cross_attention.attend(self.norm_cross(x), *source)
        return x + self.mlp(self.norm_mlp(x))  # (B, 1, C)


class Decoder(nn.Module):
    """Writes the translation of z2 token by token, greedily and free-running."""

    def __init__(self, width: int, layers: int, heads: int):
        super().__init__()
        self.width, self.heads = width, heads
        self.enter = nn.Linear(JOINT, width)
        self.embed = nn.Embedding(VOCABULARY, width)
        self.position = nn.Parameter(torch.randn(LONGEST, width) * 0.02)
        self.layers = nn.ModuleList(DecoderLayer(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.logits = nn.Linear(width, VOCABULARY)

    def forward(self, z2: Tensor) -> Tensor:  # (B, T, 512)
        B, T, _ = z2.shape
        layers = cast("list[DecoderLayer]", list(self.layers))
        memory = self.enter(z2)  # (B, T, C)
        sources = [layer.cross_attention.remember(memory) for layer in layers]
        size = (2, B, self.heads, T, self.width // self.heads)
        caches = [memory.new_zeros(size) for _ in layers]
        token = torch.full((B,), START, device=z2.device)
        target = []
        for t in range(T):  # as many target tokens as source tokens
            x = (self.embed(token) + self.position[t])[:, None]  # (B, 1, C)
            for layer, cache, source in zip(layers, caches, sources, strict=True):
                x = layer.step(x, t, cache, source)
            token = self.logits(self.norm(x[:, 0])).argmax(-1)  # (B,)
            target.append(token)
        return torch.stack(target, dim=1)  # (B, T) ids
