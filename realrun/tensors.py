"""What passes between models: every tensor's name, shape, kind and meaning, said once.

Two models that share a name fit together, and all variants of a task are exchangeable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

#: Sizes that a request may carry: nominal value and largest value that the models take.
SIZES: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "tokens": (24, 512),  # words of a sentence
        "points": (16_384, 1_000_000),  # of a lidar sweep
        "frames": (300, 6_000),  # of speech, 10 ms each
        "candidates": (200, 100_000),  # items to rank
    }
)


@dataclass(frozen=True)
class TensorSpec:
    """What passes between two models.

    `shape` holds numbers, ``batch``, names of `SIZES`, or ``name/k`` (divided, rounded up).
    `kind` is ``float`` (of the dtype in which the model runs) or a fixed torch dtype. Example
    values are whole numbers below `high` if that is set, else uniform in +-`reach`.
    """

    shape: tuple[int | str, ...]
    meaning: str
    kind: str = "float"
    high: int = 0
    reach: float = 1.0

    def resolve(self, batch: int, sizes: Mapping[str, int]) -> tuple[int, ...]:
        """Return the shape in numbers."""
        shape = []
        for dim in self.shape:
            if isinstance(dim, int):
                shape.append(dim)
            elif dim == "batch":
                shape.append(batch)
            else:
                size, _, divisor = dim.partition("/")
                shape.append(-(-sizes[size] // int(divisor or 1)))
        return tuple(shape)

    @property
    def sizes(self) -> set[str]:
        """Names of the sizes on which the shape depends."""
        return {d.partition("/")[0] for d in self.shape if isinstance(d, str)} - {"batch"}


def _ids(*shape: int | str, high: int, meaning: str) -> TensorSpec:
    return TensorSpec(("batch", *shape), meaning, "int64", high)


def _real(*shape: int | str, meaning: str, reach: float = 1.0) -> TensorSpec:
    return TensorSpec(("batch", *shape), meaning, reach=reach)


def _bytes(*shape: int | str, meaning: str) -> TensorSpec:
    return TensorSpec(("batch", *shape), meaning, "uint8", 256)


TENSORS: Mapping[str, TensorSpec] = MappingProxyType(
    {
        "source": _ids("tokens", high=8_000, meaning="token ids of the source sentence"),
        "z1": _real("tokens", 512, meaning="contextual vectors of the source tokens"),
        "z2": _real("tokens", 512, meaning="features for the translation"),
        "target": _ids("tokens", high=8_000, meaning="token ids of the translation"),
        "frame": _bytes(3, 720, 1280, meaning="raw camera frame"),
        "image": _real(3, 288, 512, meaning="normalised image"),
        "features": _real(256, 18, 32, meaning="feature map at stride 16"),
        "predictions": _real(576, 84, meaning="box (4) and class logits (80) of every cell"),
        "detections": _real(64, 6, meaning="corners in pixels (4), score, class"),
        "objects": _real(64, 8, meaning="road users: box (4), distance, heading, speed, kind"),
        "lanes": _real(4, 36, 2, meaning="lane markings by image row: position, visibility"),
        "points": TensorSpec(
            ("batch", "points", 4), "lidar sweep: x, y, z in m, reflectance", "float32", reach=32.0
        ),
        "bev": _real(64, 64, 64, meaning="bird's-eye map of 64 m x 64 m"),
        "scene": _real(68, 256, meaning="scene tokens: 64 objects, 4 lanes, aware of the map"),
        "trajectory": _real(20, 4, meaning="planned states: x, y, heading, speed"),
        "commands": _real(10, 3, meaning="steering, throttle, brake of the next 10 ticks"),
        "view": _bytes(3, 224, 224, meaning="raw view of the robot's camera"),
        "visual": _real(64, 512, meaning="visual tokens"),
        "spectrogram": _real(80, "frames", meaning="log-mel spectrogram of a spoken order"),
        "speech": _real("frames/4", 512, meaning="speech tokens"),
        "plan": _real(16, 128, meaning="action plan of 16 steps"),
        "joints": _real(16, 7, meaning="joint angles in radians for each step"),
        "user": _ids(high=10_000_000, meaning="user id"),
        "history": _ids(50, high=10_000_000, meaning="ids of the items last looked at"),
        "candidates": _ids("candidates", high=10_000_000, meaning="ids of the items to rank"),
        "user_vector": _real(128, meaning="what the user likes"),
        "item_vectors": _real("candidates", 128, meaning="what each item is like"),
        "scores": _real("candidates", meaning="score of each candidate"),
    }
)
