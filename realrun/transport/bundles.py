"""Named tensors as one block of bytes, and back without copying.

A block is ``length of the header (4 bytes), header (JSON: name, dtype, shape, offset), tensors``,
each tensor on a 64-byte boundary.
"""

from __future__ import annotations

import json
import struct
from functools import lru_cache
from typing import Any

import torch

from realrun.wire import BadMessage

ALIGN = 64
_LENGTH = struct.Struct("<I")
_DTYPES = {
    str(d).removeprefix("torch."): d
    for d in (
        torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.int64, torch.int32,
        torch.int16, torch.int8, torch.uint8, torch.bool,
    )
}  # fmt: skip
SENDABLE = frozenset(_DTYPES.values())
"""Dtypes of tensors that messages carry."""

Bundle = dict[str, torch.Tensor]
Signature = tuple[tuple[str, str, tuple[int, ...]], ...]


def aligned(n: int) -> int:
    """The next multiple of the alignment."""
    return -(-n // ALIGN) * ALIGN


def signature(bundle: Bundle) -> Signature:
    """Names, dtypes and shapes: what the layout of a block depends on."""
    return tuple(
        (name, str(t.dtype).removeprefix("torch."), tuple(t.shape)) for name, t in bundle.items()
    )


@lru_cache(maxsize=4096)
def layout(what: Signature) -> tuple[bytes, tuple[int, ...], int]:
    """(head, offset of each tensor, bytes of the whole block)."""
    entries: list[list[Any]] = []
    # The header's length depends on the offsets in it, so the offsets count from its end.
    at, offsets = 0, []
    for name, dtype, shape in what:
        if dtype not in _DTYPES:
            raise BadMessage(f"tensor {name!r} has dtype {dtype}, which is not sent")
        n = _DTYPES[dtype].itemsize
        for extent in shape:
            n *= extent
        entries.append([name, dtype, list(shape), at])
        offsets.append(at)
        at = aligned(at + n)
    body = json.dumps(entries).encode("utf-8")
    first = aligned(_LENGTH.size + len(body))
    head = (_LENGTH.pack(len(body)) + body).ljust(first, b"\0")
    return head, tuple(first + o for o in offsets), first + at


def block_bytes(bundle: Bundle) -> int:
    """Bytes of the block that a bundle becomes."""
    return layout(signature(bundle))[2]


def write(bundle: Bundle, room: torch.Tensor) -> int:
    """Copy a bundle into a uint8 tensor; returns the bytes written.

    Parameters
    ----------
    bundle : mapping of name to tensor on any device
    room : (n,) uint8 tensor on the CPU, n at least `block_bytes(bundle)`
    """
    head, offsets, size = layout(signature(bundle))
    room.numpy().data[: len(head)] = head
    for offset, tensor in zip(offsets, bundle.values(), strict=True):
        n = tensor.numel() * tensor.element_size()
        if n:
            room[offset : offset + n].view(tensor.dtype).view(tensor.shape).copy_(tensor)
    return size


def read(room: torch.Tensor) -> Bundle:
    """The bundle in a block, as views of it.

    Raises
    ------
    BadMessage
        The header does not fit the block.
    """
    try:
        if len(room) < _LENGTH.size:
            raise ValueError(f"it has only {len(room)} bytes")
        raw = room.numpy().data
        (length,) = _LENGTH.unpack_from(raw)
        if _LENGTH.size + length > len(raw):
            raise ValueError("the header is longer than the block")
        entries = _entries(bytes(raw[_LENGTH.size : _LENGTH.size + length]))
        first = aligned(_LENGTH.size + length)
        bundle: Bundle = {}
        for name, dtype, shape, offset, n in entries:
            if first + offset + n > len(room):
                raise ValueError(f"tensor {name!r} is longer than the block")
            bundle[name] = room[first + offset : first + offset + n].view(dtype).view(shape)
        return bundle
    except (ValueError, KeyError, TypeError, struct.error, RuntimeError) as error:
        raise BadMessage(f"a bundle cannot be read: {error}") from None


@lru_cache(maxsize=4096)
def _entries(body: bytes) -> tuple[tuple[str, torch.dtype, tuple[int, ...], int, int], ...]:
    """(name, dtype, shape, offset, bytes) of every tensor, checked."""
    out = []
    for name, dtype, shape, offset in json.loads(body):
        kind = _DTYPES[dtype]
        n = kind.itemsize
        for extent in shape:
            if not isinstance(extent, int) or extent < 0:
                raise ValueError(f"tensor {name!r} has shape {shape}")
            n *= extent
        if not isinstance(offset, int) or offset < 0 or offset % ALIGN:
            raise ValueError(f"tensor {name!r} lies at {offset}")
        out.append((str(name), kind, tuple(shape), offset, n))
    return tuple(out)
