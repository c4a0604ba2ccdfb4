"""Driving: objects and lanes from a camera, a map from lidar, fusion, planning, control."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from realrun.modules.layers import Block, Residual, conv_unit
from realrun.modules.vision import COLUMNS, ROWS, ConvBackbone, DetectionHead

OBJECTS, OBJECT = 64, 8  # box (4), distance, heading, speed, kind
LANES, POINTS_OF_LANE = 4, 36  # every lane at 36 image rows: position, visibility
REACH = 32.0  # metres from the car to each edge of the map
GRID = 128  # pillars a side
MAP = 64  # channels, rows and columns of the map
SCENE = 256  # width of a scene token
HORIZON, STATE = 20, 4  # planned states: x, y, heading, speed
COMMANDS = (10, 3)  # next commands: steering, throttle, brake


class ObjectDetector(nn.Module):
    """Finds the 64 likeliest road users in a camera image."""

    def __init__(self, channels: tuple[int, ...], depths: tuple[int, ...], width: int, depth: int):
        super().__init__()
        self.backbone = ConvBackbone(channels, depths, width)
        self.head = DetectionHead(width, depth, outputs=1 + OBJECT, features=width)

    def forward(self, image: Tensor) -> Tensor:  # (B, 3, 288, 512)
        x = self.head(self.backbone(image))  # (B, 576, 9)
        cells = x[..., 0].topk(OBJECTS).indices  # (B, 64)
        return x[..., 1:].gather(1, cells[..., None].expand(-1, -1, OBJECT))  # (B, 64, 8)


class LaneDetector(nn.Module):
    """Finds four lane markings: at each image row, where (row anchors: Qin et al., ECCV 2020)."""

    bins: Tensor

    def __init__(self, channels: tuple[int, ...], depths: tuple[int, ...], hidden: int):
        super().__init__()
        self.backbone = ConvBackbone(channels, depths, 8)
        self.places = 65  # 64 columns, and one for "no marking here"
        self.classify = nn.Sequential(
            nn.Linear(8 * ROWS * COLUMNS, hidden),
            nn.SiLU(),
            nn.Linear(hidden, LANES * POINTS_OF_LANE * self.places),
        )
        self.register_buffer("bins", torch.arange(64.0) / 64)

    def forward(self, image: Tensor) -> Tensor:  # (B, 3, 288, 512)
        x = self.classify(self.backbone(image).flatten(1))  # (B, 4 * 36 * 65)
        share = x.view(-1, LANES, POINTS_OF_LANE, self.places).softmax(-1)  # (B, 4, 36, 65)
        where = (share[..., :64] * self.bins).sum(-1)  # (B, 4, 36)
        return torch.stack((where, 1 - share[..., 64]), dim=-1)  # (B, 4, 36, 2)


class PillarNet(nn.Module):
    """Turns a lidar sweep into a bird's-eye map (PointPillars: Lang et al., CVPR 2019)."""

    def __init__(self, points: int, width: int, depth: int):
        super().__init__()
        self.enter = nn.Linear(6, points)
        self.describe = nn.Sequential(nn.SiLU(), nn.Linear(points, points), nn.ReLU())
        self.stages = nn.Sequential(
            conv_unit(points, width, stride=2),
            *(Residual(width) for _ in range(depth)),
            nn.Conv2d(width, MAP, 1),
        )

    def forward(self, points: Tensor) -> Tensor:  # (B, N, 4): x, y, z in metres, reflectance
        place = (points[..., :2] + REACH) * (GRID / (2 * REACH))  # (B, N, 2), in pillars
        corner = place.floor().clamp(0, GRID - 1)
        x = torch.cat((points, place - corner), dim=-1).to(self.enter.weight.dtype)  # (B, N, 6)
        x = self.describe(self.enter(x)).transpose(1, 2)  # (B, C, N), not negative
        pillar = (corner[..., 1] * GRID + corner[..., 0]).long()  # (B, N)
        grid = x.new_zeros(*x.shape[:2], GRID * GRID)
        # The greatest, not the sum: the same on every device, whatever the order of the points.
        grid = grid.scatter_reduce(2, pillar[:, None].expand_as(x), x, "amax")
        return self.stages(grid.unflatten(2, (GRID, GRID)))  # (B, 64, 64, 64)


class Fusion(nn.Module):
    """Fuses objects, lanes and map into scene tokens; a sensor may have nothing new.

    Where an input is missing a learned stand-in takes its place, so that a camera frame between
    two lidar sweeps is fused by the same model at the same cost.
    """

    def __init__(self, width: int, layers: int, heads: int):
        super().__init__()
        self.no_objects = nn.Parameter(torch.randn(1, OBJECTS, OBJECT) * 0.02)
        self.no_lanes = nn.Parameter(torch.randn(1, LANES, POINTS_OF_LANE, 2) * 0.02)
        self.no_map = nn.Parameter(torch.randn(1, MAP, MAP, MAP) * 0.02)
        self.enter_objects = nn.Linear(OBJECT, width)
        self.enter_lanes = nn.Linear(POINTS_OF_LANE * 2, width)
        self.enter_map = nn.Conv2d(MAP, width, 4, stride=4)
        self.place = nn.Parameter(torch.randn((MAP // 4) ** 2, width) * 0.02)
        self.blocks = nn.ModuleList(Block(width, heads, cross=True) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.leave = nn.Linear(width, SCENE)

    def forward(
        self,
        objects: Tensor | None = None,  # (B, 64, 8)
        lanes: Tensor | None = None,  # (B, 4, 36, 2)
        bev: Tensor | None = None,  # (B, 64, 64, 64)
    ) -> Tensor:
        B = max((x.shape[0] for x in (objects, lanes, bev) if x is not None), default=1)
        objects = self.no_objects.expand(B, -1, -1) if objects is None else objects
        lanes = self.no_lanes.expand(B, -1, -1, -1) if lanes is None else lanes
        bev = self.no_map.expand(B, -1, -1, -1) if bev is None else bev
        x = torch.cat((self.enter_objects(objects), self.enter_lanes(lanes.flatten(2))), dim=1)
        ground = self.enter_map(bev).flatten(2).transpose(1, 2) + self.place  # (B, 256, C)
        for block in self.blocks:
            x = block(x, ground)  # (B, 68, C)
        return self.leave(self.norm(x))  # (B, 68, 256)


class Planner(nn.Module):
    """Plans the next 20 states of the car from the scene."""

    def __init__(self, width: int, layers: int, heads: int):
        super().__init__()
        self.enter = nn.Linear(SCENE, width)
        self.steps = nn.Parameter(torch.randn(HORIZON, width) * 0.02)
        self.blocks = nn.ModuleList(Block(width, heads, cross=True) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.leave = nn.Linear(width, STATE)

    def forward(self, scene: Tensor) -> Tensor:  # (B, 68, 256)
        scene = self.enter(scene)  # (B, 68, C)
        x = self.steps.expand(scene.shape[0], -1, -1)  # (B, 20, C)
        for block in self.blocks:
            x = block(x, scene)
        return self.leave(self.norm(x))  # (B, 20, 4)


class Control(nn.Module):
    """Turns the planned states into the next steering, throttle and brake commands."""

    def __init__(self, hidden: int):
        super().__init__()
        self.first = nn.Linear(HORIZON * STATE, hidden)
        self.second = nn.Linear(hidden, hidden)
        self.last = nn.Linear(hidden, COMMANDS[0] * COMMANDS[1])

    def forward(self, trajectory: Tensor) -> Tensor:  # (B, 20, 4)
        x = F.silu(self.first(trajectory.flatten(1)))
        x = F.silu(self.second(x))  # (B, hidden)
        return self.last(x).tanh().view(-1, *COMMANDS)  # (B, 10, 3)
