"""Recommendation: a user tower, an item tower, a ranker. Large tables, little arithmetic.

Ids are hashed into the rows of the tables by their remainder (the hashing trick: Weinberger et
al., ICML 2009), so that towers with tables of different sizes take the same ids.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

JOINT = 128  # width of user and item vectors


def mlp(*widths: int) -> nn.Sequential:
    """Linear layers with SiLU between them."""
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        layers += [nn.Linear(before, after), nn.SiLU()]
    return nn.Sequential(*layers[:-1])


class UserTower(nn.Module):
    """Describes a user by an id and the items last looked at, weighed by attention."""

    def __init__(self, users: int, items: int, width: int, hidden: int):
        super().__init__()
        self.users = nn.Embedding(users, width)
        self.items = nn.Embedding(items, width)
        self.join = mlp(2 * width, hidden, hidden, JOINT)

    def forward(self, user: Tensor, history: Tensor) -> Tensor:  # (B,) and (B, 50) ids
        who = self.users(user % self.users.num_embeddings)  # (B, C)
        seen = self.items(history % self.items.num_embeddings)  # (B, 50, C)
        weight = (seen @ who[..., None] * who.shape[-1] ** -0.5).softmax(1)  # (B, 50, 1)
        return self.join(torch.cat((who, (weight * seen).sum(1)), dim=-1))  # (B, 128)


class ItemTower(nn.Module):
    """Describes every candidate item by its id."""

    def __init__(self, items: int, width: int, hidden: int):
        super().__init__()
        self.items = nn.Embedding(items, width)
        self.join = mlp(width, hidden, JOINT)

    def forward(self, candidates: Tensor) -> Tensor:  # (B, N) ids
        return self.join(self.items(candidates % self.items.num_embeddings))  # (B, N, 128)


class Ranker(nn.Module):
    """Scores every candidate for the user from both vectors and their product."""

    def __init__(self, hidden: int, layers: int):
        super().__init__()
        self.judge = mlp(3 * JOINT, *([hidden] * layers), 1)

    def forward(self, user_vector: Tensor, item_vectors: Tensor) -> Tensor:
        user = user_vector[:, None].expand_as(item_vectors)  # (B, N, 128)
        x = torch.cat((user, item_vectors, user * item_vectors), dim=-1)  # (B, N, 384)
        return self.judge(x)[..., 0]  # (B, N)
