"""Object detection in four stages: preprocess, backbone, head, postprocess."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from realrun.modules.layers import Residual, conv_unit

HEIGHT, WIDTH = 288, 512  # the image that every camera model sees
STRIDE = 16
ROWS, COLUMNS = HEIGHT // STRIDE, WIDTH // STRIDE  # 18 x 32 cells
FEATURES = 256
CLASSES = 80
KEPT = 64  # detections a frame


class Preprocess(nn.Module):
    """Turns a raw camera frame into a normalised image of the size that the models see."""

    mean: Tensor
    deviation: Tensor

    def __init__(self) -> None:
        super().__init__()
        # Channel statistics of ImageNet, as torchvision documents them for its models.
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1))
        self.register_buffer("deviation", torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1))

    def forward(self, frame: Tensor) -> Tensor:  # (B, 3, 720, 1280) bytes
        x = frame.to(self.mean.dtype) / 255
        x = F.interpolate(x, (HEIGHT, WIDTH), mode="bilinear")
        return (x - self.mean) / self.deviation  # (B, 3, 288, 512)


class ConvBackbone(nn.Module):
    """Finds visual features of an image: a residual network down to one map at stride 16."""

    def __init__(self, channels: tuple[int, ...], depths: tuple[int, ...], features: int):
        super().__init__()
        stages = [conv_unit(3, channels[0], kernel=7, stride=2)]  # (B, C0, 144, 256)
        before = channels[0]
        for after, depth in zip(channels, depths, strict=True):  # strides 4, 8, 16
            stages.append(conv_unit(before, after, stride=2))
            stages.extend(Residual(after) for _ in range(depth))
            before = after
        self.stages = nn.Sequential(*stages, nn.Conv2d(before, features, 1))

    def forward(self, image: Tensor) -> Tensor:  # (B, 3, 288, 512)
        return self.stages(image)  # (B, features, 18, 32)


class DetectionHead(nn.Module):
    """Predicts one box and its class scores for every cell of the feature map."""

    def __init__(
        self, width: int, depth: int, outputs: int = 4 + CLASSES, features: int = FEATURES
    ):
        super().__init__()
        units = [conv_unit(features if i == 0 else width, width) for i in range(depth)]
        self.units = nn.Sequential(*units, nn.Conv2d(width, outputs, 1))

    def forward(self, features: Tensor) -> Tensor:  # (B, 256, 18, 32)
        return self.units(features).flatten(2).transpose(1, 2).contiguous()  # (B, 576, 84)


class Postprocess(nn.Module):
    """Decodes boxes, keeps the 64 best and lowers the scores of overlapping ones.

    Matrix NMS (Wang et al., SOLOv2, NeurIPS 2020) has no loop and no data-dependent shape, so
    that it costs the same for every frame and runs alike on every device.
    """

    def forward(self, predictions: Tensor) -> Tensor:  # (B, 576, 84)
        scores, classes = predictions[..., 4:].sigmoid().max(-1)  # 2 x (B, 576)
        scores, cells = scores.topk(KEPT)  # (B, 64), best first
        classes = classes.gather(1, cells)
        raw = predictions[..., :4].gather(1, cells[..., None].expand(-1, -1, 4))  # (B, 64, 4)
        boxes = self.decode(raw, cells)
        scores = scores * self.decay(boxes)
        return torch.cat((boxes, scores[..., None], classes[..., None].to(boxes.dtype)), dim=-1)

    def decode(self, raw: Tensor, cells: Tensor) -> Tensor:
        """Corners in pixels from offsets to the cell and log sizes."""
        cell = torch.stack((cells % COLUMNS, cells // COLUMNS), dim=-1).to(raw.dtype)
        middle = (cell + raw[..., :2].sigmoid()) * STRIDE
        half = raw[..., 2:].clamp(max=4.0).exp() * (STRIDE / 2)
        return torch.cat((middle - half, middle + half), dim=-1)  # (B, 64, 4): x0, y0, x1, y1

    def decay(self, boxes: Tensor) -> Tensor:
        """Factor on each score: least (1 - overlap with i) / (1 - worst overlap of i), i better."""
        corners = boxes[:, :, None], boxes[:, None]  # (B, 64, 1, 4), (B, 1, 64, 4)
        low = torch.maximum(corners[0][..., :2], corners[1][..., :2])
        high = torch.minimum(corners[0][..., 2:], corners[1][..., 2:])
        shared = (high - low).clamp(min=0).prod(-1)  # (B, 64, 64)
        area = (boxes[..., 2:] - boxes[..., :2]).prod(-1)  # (B, 64)
        overlap = (shared / (area[:, :, None] + area[:, None] - shared)).triu(1)
        worst = overlap.amax(1)  # (B, 64), over the better boxes
        return ((1 - overlap) / (1 - worst[:, :, None]).clamp(min=1e-3)).amin(1)
