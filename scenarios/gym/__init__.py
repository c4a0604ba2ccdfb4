"""A Gymnasium environment over problems: an agent places task after task.

    from scenarios.gym import AllocationEnv
    env = AllocationEnv(load("translation").problem())

Importing this module registers ``alloclab/Allocation-v0`` with Gymnasium.
"""

from __future__ import annotations

from simulator.errors import AlloclabError

try:
    import gymnasium
except ImportError:
    raise AlloclabError("scenarios.gym needs Gymnasium: pip install 'alloclab[gym]'") from None

from scenarios.gym.environment import AllocationEnv
from scenarios.gym.observation import NODE_FEATURES, OFFER_FEATURES, TASK_FEATURES

__all__ = ["NODE_FEATURES", "OFFER_FEATURES", "TASK_FEATURES", "AllocationEnv"]

ID = "alloclab/Allocation-v0"

if ID not in gymnasium.registry:
    gymnasium.register(id=ID, entry_point="scenarios.gym.environment:AllocationEnv")
