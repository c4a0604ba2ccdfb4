"""The models of the catalogue: what each is called, what it takes and gives, how it is built.

`MODELS` names the models; what they take and give is named in `realrun.tensors`. Torch is imported
when a model is built, not before.

Examples
--------
>>> output_shapes("encoder-small", batch=2, tokens=10)
{'z1': (2, 10, 512)}
>>> MODELS["encoder-small"].task
'understand'
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from realrun.tensors import SIZES, TENSORS
from simulator.errors import AlloclabError, unknown

if TYPE_CHECKING:
    import torch

DTYPES = {"fp32": "float32", "fp16": "float16", "bf16": "bfloat16"}


class BadModel(AlloclabError, ValueError):
    """A model was asked for something that it does not do (size, dtype, seed)."""


@dataclass(frozen=True)
class ModelSpec:
    """One model: which task it does, between which tensors, and how its module is built."""

    name: str
    family: str
    task: str
    description: str
    module: str
    arguments: Mapping[str, Any] = field(repr=False)
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    @property
    def sizes(self) -> dict[str, int]:
        """Nominal request sizes on which the model's tensors depend."""
        used = set().union(*(TENSORS[t].sizes for t in (*self.inputs, *self.outputs)))
        return {name: nominal for name, (nominal, _) in SIZES.items() if name in used}


def _models() -> dict[str, ModelSpec]:
    """All models, family by family in pipeline order."""
    found: dict[str, ModelSpec] = {}
    for family, task, flow, cls, variants in _TABLE:
        before, _, after = flow.partition(" -> ")
        for name, (what, arguments) in variants.items():
            found[name] = ModelSpec(
                name, family, task, what, f"realrun.modules.{family}:{cls}",
                MappingProxyType(arguments), tuple(before.split()), tuple(after.split()),
            )  # fmt: skip
    return found


def _transformer(width: int, layers: int, heads: int) -> dict[str, int]:
    return {"width": width, "layers": layers, "heads": heads}


def _conv(*channels: int, depths: tuple[int, ...], **more: int) -> dict[str, Any]:
    return {"channels": channels, "depths": depths, **more}


# family (= file in realrun/modules), task, tensors, class, variants: name -> (what, arguments)
_TABLE: list[tuple[str, str, str, str, dict[str, tuple[str, dict[str, Any]]]]] = [
    ("translation", "understand", "source -> z1", "TextEncoder", {
        "encoder-small": ("text encoder, 4 layers of width 256", _transformer(256, 4, 4)),
        "encoder-large": ("text encoder, 6 layers of width 768", _transformer(768, 6, 12)),
    }),
    ("translation", "extract", "z1 -> z2", "FeatureExtractor", {
        "features-small": ("feature extractor, 2 layers of width 256", _transformer(256, 2, 4)),
        "features-large": ("feature extractor, 6 layers of width 512", _transformer(512, 6, 8)),
    }),
    ("translation", "translate", "z2 -> target", "Decoder", {
        "decoder-small": ("greedy decoder, 3 layers of width 256", _transformer(256, 3, 4)),
        "decoder-large": ("greedy decoder, 6 layers of width 512", _transformer(512, 6, 8)),
    }),
    ("vision", "preprocess", "frame -> image", "Preprocess", {
        "preprocess": ("resizes and normalises a camera frame", {}),
    }),
    ("vision", "backbone", "image -> features", "ConvBackbone", {
        "backbone-small": (
            "residual network, 4 blocks of 24 to 96 channels",
            _conv(24, 48, 96, depths=(1, 1, 2), features=256),
        ),
        "backbone-large": (
            "residual network, 13 blocks of 64 to 256 channels",
            _conv(64, 128, 256, depths=(3, 4, 6), features=256),
        ),
    }),
    ("vision", "head", "features -> predictions", "DetectionHead", {
        "head-small": ("detection head, 2 units of width 128", {"width": 128, "depth": 2}),
        "head-large": ("detection head, 4 units of width 256", {"width": 256, "depth": 4}),
    }),
    ("vision", "postprocess", "predictions -> detections", "Postprocess", {
        "postprocess": ("decodes the 64 best boxes, matrix NMS", {}),
    }),
    ("driving", "objects", "image -> objects", "ObjectDetector", {
        "objects-small": (
            "road-user detector, 4 residual blocks, head of width 128",
            _conv(24, 48, 96, depths=(1, 1, 2), width=128, depth=2),
        ),
        "objects-large": (
            "road-user detector, 13 residual blocks, head of width 256",
            _conv(64, 128, 256, depths=(3, 4, 6), width=256, depth=4),
        ),
    }),
    ("driving", "lanes", "image -> lanes", "LaneDetector", {
        "lanes-small": (
            "lane detector, 3 residual blocks of 16 to 64 channels",
            _conv(16, 32, 64, depths=(1, 1, 1), hidden=512),
        ),
        "lanes-large": (
            "lane detector, 6 residual blocks of 48 to 192 channels",
            _conv(48, 96, 192, depths=(2, 2, 2), hidden=1024),
        ),
    }),
    ("driving", "lidar", "points -> bev", "PillarNet", {
        "lidar-small": ("pillar network, 2 blocks", {"points": 32, "width": 48, "depth": 2}),
        "lidar-large": ("pillar network, 6 blocks", {"points": 64, "width": 128, "depth": 6}),
    }),
    ("driving", "fusion", "objects lanes bev -> scene", "Fusion", {
        "fusion-small": ("scene fusion, 2 layers of width 128", _transformer(128, 2, 4)),
        "fusion-large": ("scene fusion, 6 layers of width 384", _transformer(384, 6, 6)),
    }),
    ("driving", "planning", "scene -> trajectory", "Planner", {
        "planner-small": ("trajectory planner, 2 layers of width 128", _transformer(128, 2, 4)),
        "planner-large": ("trajectory planner, 6 layers of width 512", _transformer(512, 6, 8)),
    }),
    ("driving", "control", "trajectory -> commands", "Control", {
        "control": ("car controller, MLP of width 256", {"hidden": 256}),
    }),
    ("robot", "vision", "view -> visual", "VisionEncoder", {
        "vision-small": ("vision transformer, 12 layers of width 192", _transformer(192, 12, 3)),
        "vision-large": ("vision transformer, 12 layers of width 384", _transformer(384, 12, 6)),
    }),
    ("robot", "speech", "spectrogram -> speech", "SpeechEncoder", {
        "speech-small": ("speech encoder, 4 layers of width 256", _transformer(256, 4, 4)),
        "speech-large": ("speech encoder, 6 layers of width 512", _transformer(512, 6, 8)),
    }),
    ("robot", "planning", "visual speech -> plan", "ActionPlanner", {
        "action-planner-small": ("action planner, 4 layers of width 256", _transformer(256, 4, 4)),
        "action-planner-large": (
            "action planner, 8 layers of width 768", _transformer(768, 8, 12),
        ),
    }),
    ("robot", "control", "plan -> joints", "ArmControl", {
        "arm-control": ("arm controller, MLP of width 512", {"hidden": 512}),
    }),
    ("recommendation", "user", "user history -> user_vector", "UserTower", {
        "user-tower-small": (
            "user tower, tables of 150,000 rows of width 64",
            {"users": 100_000, "items": 50_000, "width": 64, "hidden": 256},
        ),
        "user-tower-large": (
            "user tower, tables of 350,000 rows of width 128",
            {"users": 250_000, "items": 100_000, "width": 128, "hidden": 1024},
        ),
    }),
    ("recommendation", "item", "candidates -> item_vectors", "ItemTower", {
        "item-tower-small": (
            "item tower, table of 50,000 rows of width 64",
            {"items": 50_000, "width": 64, "hidden": 128},
        ),
        "item-tower-large": (
            "item tower, table of 200,000 rows of width 128",
            {"items": 200_000, "width": 128, "hidden": 512},
        ),
    }),
    ("recommendation", "rank", "user_vector item_vectors -> scores", "Ranker", {
        "ranker-small": ("ranker, MLP of 2 layers of width 256", {"hidden": 256, "layers": 2}),
        "ranker-large": ("ranker, MLP of 4 layers of width 1024", {"hidden": 1024, "layers": 4}),
    }),
]  # fmt: skip

MODELS: Mapping[str, ModelSpec] = MappingProxyType(_models())


def names() -> list[str]:
    """Names of all models, family by family in pipeline order."""
    return list(MODELS)


def get(name: str) -> ModelSpec:
    """Return a model's spec; an unknown name is an error that says which is nearest."""
    if name not in MODELS:
        raise unknown("model", name, MODELS)
    return MODELS[name]


def build(
    name: str, dtype: str = "fp32", seed: int = 0, device: str | torch.device = "cpu"
) -> torch.nn.Module:
    """Build a model in inference mode, its weights drawn from the seed.

    The same name and seed give the same weights in every process and for every device and dtype:
    they are drawn in fp32 on the CPU, then converted and moved (on ``meta`` nothing is drawn).

    Parameters
    ----------
    name : one of `names()`
    dtype : "fp32", "fp16" or "bf16"
    seed : int, >= 0
    device : where torch shall keep the weights, e.g. ``"cpu"``, ``"cuda:0"``, ``"meta"``
    """
    spec = get(name)
    if dtype not in DTYPES:
        raise unknown("dtype", dtype, DTYPES, where=name)
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**63:
        raise BadModel(f"{name}: the seed must be a whole number from 0 to 2^63 - 1, not {seed!r}")
    import torch

    path, _, cls = spec.module.partition(":")
    make = getattr(importlib.import_module(path), cls)
    meta = torch.device(device).type == "meta"
    with torch.random.fork_rng(devices=[]), torch.device("meta" if meta else "cpu"):
        torch.default_generator.manual_seed(seed)
        module: torch.nn.Module = make(**spec.arguments)
    module.requires_grad_(False).eval()
    return module.to(device=device, dtype=getattr(torch, DTYPES[dtype]))


def inputs(
    name: str,
    batch: int = 1,
    dtype: str = "fp32",
    seed: int = 0,
    device: str | torch.device = "cpu",
    **sizes: int,
) -> dict[str, torch.Tensor]:
    """Make example inputs, by name in the order of the module's arguments.

    Parameters
    ----------
    name, dtype, device : as for `build`
    batch : int, >= 1
    seed : int; every tensor draws its own numbers, the same in every process
    **sizes : request sizes such as ``tokens=24``; nominal where absent
    """
    spec = get(name)
    if dtype not in DTYPES:
        raise unknown("dtype", dtype, DTYPES, where=name)
    sizes = _checked_sizes(spec, batch, sizes)
    import torch

    made = {}
    for tensor in spec.inputs:
        what = TENSORS[tensor]
        kind = getattr(torch, DTYPES[dtype] if what.kind == "float" else what.kind)
        shape = what.resolve(batch, sizes)
        if torch.device(device).type == "meta":
            made[tensor] = torch.empty(shape, dtype=kind, device="meta")
            continue
        # The tensor's name joins the seed, so that two inputs never hold the same numbers.
        digest = hashlib.blake2b(f"{seed} {tensor}".encode(), digest_size=7).digest()
        draw = torch.Generator().manual_seed(int.from_bytes(digest))
        if what.high:
            value = torch.randint(what.high, shape, dtype=kind, generator=draw)
        else:
            value = (torch.rand(shape, generator=draw) * 2 - 1) * what.reach
        made[tensor] = value.to(device=device, dtype=kind)
    return made


def output_shapes(name: str, batch: int = 1, **sizes: int) -> dict[str, tuple[int, ...]]:
    """Return the shape of every output, by name, without building anything."""
    spec = get(name)
    sizes = _checked_sizes(spec, batch, sizes)
    return {tensor: TENSORS[tensor].resolve(batch, sizes) for tensor in spec.outputs}


def _checked_sizes(spec: ModelSpec, batch: int, given: Mapping[str, int]) -> dict[str, int]:
    """Nominal sizes with the given ones in their place; each a whole number in its range."""
    for size, value, largest in [
        ("batch", batch, 2**31),
        *((size, value, SIZES.get(size, (0, 0))[1]) for size, value in given.items()),
    ]:
        if size != "batch" and size not in spec.sizes:
            raise unknown("size", size, spec.sizes, where=spec.name)
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= largest:
            raise BadModel(
                f"{spec.name}: {size} must be a whole number from 1 to {largest}, not {value!r}"
            )
    return {**spec.sizes, **given}
