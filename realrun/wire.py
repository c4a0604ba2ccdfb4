"""Plain values and numpy arrays as bytes: what controller and workers tell each other.

A message is ``length of the header (4 bytes), header (JSON), arrays one after the other``. Nothing
is unpickled, and every length is checked before anything is read: a message that is too short, too
long or names an unknown dtype is refused with `BadMessage`.
"""

from __future__ import annotations

import json
import socket
import struct
from typing import Any

import numpy as np

from simulator.errors import AlloclabError

LENGTH = struct.Struct("<Q")
HEADER = struct.Struct("<I")
LARGEST = 1 << 33
"""Bytes of one message at most."""

_DTYPES = {"b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"}


class BadMessage(AlloclabError):
    """Bytes that are no message of ours."""


class Closed(AlloclabError):
    """The other side is gone."""


def encode(value: Any) -> bytes:
    """Bytes of a nested value of None, bool, int, float, str, list, dict and numpy arrays.

    Raises
    ------
    BadMessage
        Something in it is none of these.
    """
    arrays: list[np.ndarray[Any, Any]] = []

    def plain(x: Any) -> Any:
        if isinstance(x, np.ndarray):
            shape = x.shape  # a contiguous copy of a number has one axis more
            x = np.ascontiguousarray(x).astype(x.dtype.newbyteorder("<"), copy=False)
            x = x.reshape(shape)
            if x.dtype.str[1:] not in _DTYPES:
                raise BadMessage(f"an array of dtype {x.dtype} is not sent between processes")
            arrays.append(x)
            return {"\0": len(arrays) - 1, "t": x.dtype.str[1:], "s": list(x.shape)}
        if isinstance(x, np.generic):
            return x.item()
        if isinstance(x, dict):
            return {str(k): plain(v) for k, v in x.items()}
        if isinstance(x, list | tuple):
            return [plain(v) for v in x]
        return x

    try:
        header = json.dumps(plain(value)).encode("utf-8")
    except (TypeError, ValueError) as error:
        raise BadMessage(
            f"only plain values and arrays are sent between processes: {error}"
        ) from None
    return b"".join([HEADER.pack(len(header)), header, *(a.tobytes() for a in arrays)])


def decode(data: bytes | bytearray | memoryview) -> Any:
    """The value that `encode` wrote.

    Raises
    ------
    BadMessage
    """
    view = memoryview(data)
    try:
        (length,) = HEADER.unpack_from(view)
        if HEADER.size + length > len(view):
            raise ValueError("the header is longer than the message")
        header = json.loads(bytes(view[HEADER.size : HEADER.size + length]))
        at = HEADER.size + length

        def full(x: Any) -> Any:
            nonlocal at
            if isinstance(x, dict) and "\0" in x:
                kind, shape = x["t"], tuple(int(n) for n in x["s"])
                if kind not in _DTYPES or any(n < 0 for n in shape):
                    raise ValueError(f"an array of dtype {kind!r} and shape {shape}")
                dtype = np.dtype("<" + kind)
                size = dtype.itemsize * int(np.prod(shape, dtype=object))
                if at + size > len(view):
                    raise ValueError("an array is longer than the message")
                out = np.frombuffer(view[at : at + size], dtype=dtype).reshape(shape).copy()
                at += size
                return out
            if isinstance(x, dict):
                return {k: full(v) for k, v in x.items()}
            if isinstance(x, list):
                return [full(v) for v in x]
            return x

        value = full(header)
        if at != len(view):
            raise ValueError(f"{len(view) - at} bytes are left over")
        return value
    except (ValueError, KeyError, TypeError, OverflowError, struct.error, RecursionError) as error:
        raise BadMessage(f"a message between workers cannot be read: {error}") from None


def send(channel: socket.socket, value: Any) -> None:
    """Write one message to a stream socket.

    Raises
    ------
    Closed
    """
    body = encode(value)
    try:
        channel.sendall(LENGTH.pack(len(body)))
        channel.sendall(body)
    except (BrokenPipeError, ConnectionResetError, OSError) as error:
        raise Closed(f"the other process is gone: {error}") from None


def receive(channel: socket.socket, largest: int = LARGEST) -> Any:
    """Read one message from a stream socket; waits for it.

    Raises
    ------
    Closed, BadMessage
    """
    (length,) = LENGTH.unpack(_exactly(channel, LENGTH.size))
    if length > largest:
        raise BadMessage(f"a message of {length} bytes is announced; at most {largest} are taken")
    return decode(_exactly(channel, length))


def _exactly(channel: socket.socket, n: int) -> bytearray:
    data = bytearray(n)
    view, have = memoryview(data), 0
    while have < n:
        try:
            got = channel.recv_into(view[have:], n - have)
        except ConnectionResetError:
            got = 0
        if got == 0:
            raise Closed("the other process closed its end")
        have += got
    return data
