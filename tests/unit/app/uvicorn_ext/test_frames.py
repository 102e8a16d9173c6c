"""Frames made once for many sockets, as a client's parser reads them."""

import json

import pytest
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from app.uvicorn_ext.frames import wrapped
from services.feed.subscribers import Delivery

PREFIX = b'{"id":"1","type":"next","payload":'


def read(data: bytes) -> Frame:
    """The one frame that `data` is."""
    stream = StreamReader()
    stream.feed_data(data)
    parsing = Frame.parse(stream.read_exact, mask=False)
    try:
        next(parsing)
    except StopIteration as done:
        frame: Frame = done.value
        assert stream.buffer == b""
        return frame
    raise AssertionError("the frame is not whole")


@pytest.mark.parametrize("size", [2, 90, 91, 65_500, 65_501, 200_000])
def test_a_frame_of_any_size_is_one_text_message(size: int) -> None:
    payload = json.dumps("x" * (size - 2)).encode()
    frame = read(b"".join(wrapped(Delivery(payload, "c"), PREFIX)))
    assert (frame.opcode, frame.fin) == (Opcode.TEXT, True)
    assert json.loads(bytes(frame.data)) == {"id": "1", "type": "next", "payload": "x" * (size - 2)}


def test_a_frame_is_made_once_for_clients_with_the_same_id() -> None:
    delivery = Delivery(b"{}", "c")
    assert wrapped(delivery, PREFIX) is wrapped(delivery, bytes(bytearray(PREFIX)))
    assert wrapped(delivery, PREFIX.replace(b"1", b"2")) != wrapped(delivery, PREFIX)


def test_the_frames_of_a_long_event_share_its_payload() -> None:
    delivery = Delivery(b"0" * 100_000, "c")
    frames = [wrapped(delivery, PREFIX.replace(b"1", b"%d" % number)) for number in range(3)]
    assert all(any(piece is delivery.payload for piece in frame) for frame in frames)
