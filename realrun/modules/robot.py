"""A robot told what to do: see, hear, plan the action, move the arm."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from realrun.modules.layers import Block

JOINT = 512  # width of visual and speech tokens
PATCH, PATCHES = 14, 16  # pixels a side of a patch; patches a side of a view of 224 pixels
MELS = 80  # frequency bands of a spectrogram
LONGEST = 1500  # speech tokens: a minute of 10 ms frames, four to a token
STEPS, STEP = 16, 128  # an action plan: 16 steps of width 128
JOINTS = 7


class VisionEncoder(nn.Module):
    """Sees: a camera view to 64 visual tokens (ViT: Dosovitskiy et al., ICLR 2021)."""

    def __init__(self, width: int, layers: int, heads: int):
        super().__init__()
        self.patch = nn.Conv2d(3, width, PATCH, stride=PATCH)
        self.place = nn.Parameter(torch.randn(PATCHES**2, width) * 0.02)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.leave = nn.Linear(width, JOINT)

    def forward(self, view: Tensor) -> Tensor:  # (B, 3, 224, 224) bytes
        x = view.to(self.place.dtype) / 127.5 - 1
        x = self.patch(x).flatten(2).transpose(1, 2) + self.place  # (B, 256, C)
        for block in self.blocks:
            x = block(x)
        x = self.norm(x).unflatten(1, (PATCHES // 2, 2, PATCHES // 2, 2))  # (B, 8, 2, 8, 2, C)
        return self.leave(x.mean(dim=(2, 4)).flatten(1, 2))  # (B, 64, 512)


class SpeechEncoder(nn.Module):
    """Hears: a log-mel spectrogram to speech tokens (as Whisper: Radford et al., ICML 2023)."""

    def __init__(self, width: int, layers: int, heads: int):
        super().__init__()
        self.first = nn.Conv1d(MELS, width, 3, stride=2, padding=1)
        self.second = nn.Conv1d(width, width, 3, stride=2, padding=1)
        self.place = nn.Parameter(torch.randn(LONGEST, width) * 0.02)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.leave = nn.Linear(width, JOINT)

    def forward(self, spectrogram: Tensor) -> Tensor:  # (B, 80, frames)
        x = F.gelu(self.second(F.gelu(self.first(spectrogram))))  # (B, C, T), T = frames / 4
        x = x.transpose(1, 2) + self.place[: x.shape[2]]  # (B, T, C)
        for block in self.blocks:
            x = block(x)
        return self.leave(self.norm(x))  # (B, T, 512)


class ActionPlanner(nn.Module):
    """Plans the action from what was seen and heard."""

    def __init__(self, width: int, layers: int, heads: int):
        super().__init__()
        self.enter = nn.Linear(JOINT, width)
        self.sense = nn.Parameter(torch.randn(2, width) * 0.02)  # seen, heard
        self.steps = nn.Parameter(torch.randn(STEPS, width) * 0.02)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.leave = nn.Linear(width, STEP)

    def forward(self, visual: Tensor, speech: Tensor) -> Tensor:  # (B, 64, 512), (B, T, 512)
        steps = self.steps.expand(visual.shape[0], -1, -1)  # (B, 16, C)
        seen, heard = self.enter(visual) + self.sense[0], self.enter(speech) + self.sense[1]
        x = torch.cat((steps, seen, heard), dim=1)  # (B, 16 + 64 + T, C)
        for block in self.blocks:
            x = block(x)
        return self.leave(self.norm(x[:, :STEPS]))  # (B, 16, 128)


class ArmControl(nn.Module):
    """Moves the arm: each step of the plan to the angles of its joints."""

    def __init__(self, hidden: int):
        super().__init__()
        self.first = nn.Linear(STEP, hidden)
        self.second = nn.Linear(hidden, hidden)
        self.last = nn.Linear(hidden, JOINTS)

    def forward(self, plan: Tensor) -> Tensor:  # (B, 16, 128)
        x = F.silu(self.second(F.silu(self.first(plan))))  # (B, 16, hidden)
        return self.last(x).tanh() * torch.pi  # (B, 16, 7), radians
