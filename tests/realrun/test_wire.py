"""What processes tell each other arrives as it was, or is refused."""

from __future__ import annotations

import socket
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hn

from realrun import wire

PLAIN = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text() | st.floats(
    allow_nan=False
)  # fmt: skip
ARRAYS = hn.arrays(
    st.sampled_from(["f8", "f4", "i8", "i4", "u1", "?"]), hn.array_shapes(min_side=0, max_dims=3)
)
VALUES = st.recursive(
    PLAIN | ARRAYS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text().filter(lambda t: t != "\0"), inner, max_size=4)
    ),
    max_leaves=12,
)


def same(a: object, b: object) -> bool:
    if isinstance(a, np.ndarray):
        return (
            isinstance(b, np.ndarray)
            and a.dtype == b.dtype
            and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
        )
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


@given(VALUES)
def test_values_come_back(value: object) -> None:
    assert same(value, wire.decode(wire.encode(value)))


@given(VALUES, st.data())
def test_a_shortened_message_is_refused(value: object, data: st.DataObject) -> None:
    body = wire.encode(value)
    cut = data.draw(st.integers(0, len(body) - 1))
    with pytest.raises(wire.BadMessage):
        wire.decode(body[:cut])


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        wire.decode(body)
    except wire.BadMessage as error:
        assert "cannot be read" in str(error)


@pytest.mark.parametrize(
    "header",
    [
        b'{"\\u0000": 0, "t": "O8", "s": [1]}',  # objects would have to be unpickled
        b'{"\\u0000": 0, "t": "f8", "s": [-1]}',
        b'{"\\u0000": 0, "t": "f8", "s": [4611686018427387904]}',
        b'{"\\u0000": 0, "t": "f8"}',
        b'{"\\u0000": 0, "t": "f8", "s": [Infinity]}',
        b'{"\\u0000": 0, "t": ["f8"], "s": [1]}',
    ],
)
def test_arrays_that_lie_are_refused(header: bytes) -> None:
    with pytest.raises(wire.BadMessage):
        wire.decode(struct.pack("<I", len(header)) + header + b"12345678")


@pytest.mark.parametrize("dtype", [">f8", ">i4", ">u2"])
def test_the_order_of_bytes_is_no_part_of_a_value(dtype: str) -> None:
    value = np.arange(5).astype(dtype)
    assert np.array_equal(wire.decode(wire.encode(value)), np.arange(5))


def test_an_array_without_axes_keeps_its_shape() -> None:
    assert wire.decode(wire.encode(np.array(2.5))).shape == ()


@pytest.mark.parametrize("value", [object(), np.array(["a"]), np.array([None]), {"x": {1, 2}}])
def test_what_is_not_plain_is_refused_by_the_sender(value: object) -> None:
    with pytest.raises(wire.BadMessage, match="sent between processes"):
        wire.encode(value)


def test_an_absurd_length_is_refused_before_it_is_read() -> None:
    a, b = socket.socketpair()
    with a, b:
        a.sendall(wire.LENGTH.pack(1 << 60))
        with pytest.raises(wire.BadMessage, match="announced"):
            wire.receive(b)


def test_a_closed_channel_is_told_from_a_bad_message() -> None:
    a, b = socket.socketpair()
    with b:
        a.sendall(wire.LENGTH.pack(100) + b"abc")
        a.close()
        with pytest.raises(wire.Closed):
            wire.receive(b)
