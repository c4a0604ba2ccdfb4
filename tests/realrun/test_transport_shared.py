"""Tensors through shared memory: exact, without a copy on the receiving side, never mixed up."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from realrun.transport import bundles
from realrun.transport.base import DATA, NOTICE_BYTES, Notice
from realrun.transport.shared import SharedTransport, make_arena, make_pipe
from realrun.wire import BadMessage

DTYPES = [torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.int64, torch.int32,
          torch.int16, torch.int8, torch.uint8, torch.bool]  # fmt: skip


@pytest.fixture
def pair() -> Iterator[tuple[SharedTransport, SharedTransport]]:
    """Two workers and the pipe of a controller that nobody reads."""
    arenas = [make_arena(str(i)) for i in range(2)]
    pipes = [make_pipe() for _ in range(3)]

    def end(i: int) -> SharedTransport:
        return SharedTransport(
            i, [os.dup(a) for a in arenas], os.dup(pipes[i][0]), [os.dup(w) for _, w in pipes]
        )

    both = end(0), end(1)
    for fd in [*arenas, *(fd for p in pipes for fd in p)]:
        os.close(fd)
    yield both
    for one in both:
        one.close()


def message(sender: SharedTransport, bundle: dict[str, torch.Tensor], item: int = 0) -> Notice:
    sent = sender.put(1 - sender.me, bundle)
    return Notice(DATA, 0, sender.me, item, 7, sent.place, sent.size, 1.5, 2.5)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_dtype_and_shape_arrives(
    pair: tuple[SharedTransport, SharedTransport], dtype: torch.dtype
) -> None:
    a, b = pair
    given_ = {
        "x": torch.arange(24).reshape(2, 3, 4).to(dtype),
        "empty": torch.zeros((0, 5), dtype=dtype),
        "scalar": torch.tensor(1).to(dtype),
        "strided": torch.arange(24).reshape(4, 6).to(dtype).t(),
    }
    a.post(1, message(a, given_))
    (notice,) = b.poll()
    got = b.take(notice)
    assert list(got) == list(given_)
    for name, tensor in given_.items():
        assert got[name].dtype == dtype
        assert torch.equal(got[name], tensor)
        assert tensor.numel() == 0 or b.holds(got[name])  # not copied
        assert not b.holds(tensor)


def test_a_block_is_used_again_only_after_it_was_released(
    pair: tuple[SharedTransport, SharedTransport],
) -> None:
    a, b = pair
    first, second = (message(a, {"x": torch.full((100,), float(i))}) for i in range(2))
    assert first.place != second.place
    b.release(first)
    a.poll()  # takes the FREE
    third = message(a, {"x": torch.full((100,), 2.0)})
    assert third.place == first.place
    assert float(b.take(second)["x"][0]) == 1.0


def test_a_block_that_is_freed_twice_is_given_out_once(
    pair: tuple[SharedTransport, SharedTransport],
) -> None:
    a, b = pair
    first = message(a, {"x": torch.zeros(100)})
    b.release(first)
    b.release(first)
    a.poll()
    places = {message(a, {"x": torch.zeros(100)}).place for _ in range(3)}
    assert len(places) == 3


def test_room_prepared_by_an_estimate_is_used(
    pair: tuple[SharedTransport, SharedTransport],
) -> None:
    a, _ = pair
    room = a.prepare(1, 400_000 + 1024)
    assert room is not None
    a.forget(1, room)
    assert message(a, {"x": torch.zeros(100_000)}).place == room.place
    # A small message does not take the room of a large one.
    a.forget(1, room)
    assert message(a, {"x": torch.zeros(10)}).place != room.place


def test_nothing_is_lost_or_reordered_when_a_pipe_is_full(
    pair: tuple[SharedTransport, SharedTransport],
) -> None:
    a, b = pair
    many = 2 * (1 << 20) // NOTICE_BYTES
    for i in range(many):
        a.post(1, Notice(DATA, 0, 0, i, i))
    assert not a.flush()
    got = []
    while len(got) < many:
        got += [n.item for n in b.poll()]
        a.flush()
    assert got == list(range(many))
    assert a.flush()


@given(st.binary(max_size=300))
def test_any_block_is_read_or_refused(data: bytes) -> None:
    room = torch.frombuffer(bytearray(data or b"\0"), dtype=torch.uint8)
    try:
        bundles.read(room)
    except BadMessage as error:
        assert "cannot be read" in str(error)


@given(st.binary(min_size=NOTICE_BYTES, max_size=NOTICE_BYTES))
def test_any_notice_is_read_or_refused(data: bytes) -> None:
    try:
        assert Notice.unpack(data).pack()[:8] == data[:8]
    except BadMessage as error:
        assert "notice" in str(error)


def test_a_bundle_outside_of_the_arena_is_refused(
    pair: tuple[SharedTransport, SharedTransport],
) -> None:
    _, b = pair
    with pytest.raises(BadMessage, match="outside"):
        b.take(Notice(DATA, 0, 0, 0, 0, place=1 << 40, size=100))
    with pytest.raises(BadMessage, match="from 9"):
        b.take(Notice(DATA, 0, 9, 0, 0, place=64, size=100))
